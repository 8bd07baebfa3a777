//! One transaction: the operations of one process that came together, and what they need in
//! common.

use std::collections::BTreeMap;

use meshwork_shared::random::Random;
use rusqlite::{Connection, Result as SqlResult, params};

use super::book::{Book, Events};
use super::desk::Desk;
use super::limits::FORGET_ROWS_MAX;
use super::row::{ASIDE, State, integer};
use crate::name::QueueName;
use crate::options::QueueOptions;

/// A queue as somebody opened it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) name: QueueName,
    /// The name as text: what things in memory are ordered by.
    pub(super) text: String,
    pub(super) options: QueueOptions,
}

/// What became of a queue that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forgotten {
    /// Nothing of it is left.
    Wholly,
    /// There is more of it, for the next transaction.
    Partly,
    /// It holds something, or is paused: it stays.
    Held,
}

/// A transaction that is under way.
pub(super) struct Batch<'c> {
    pub(super) conn: &'c Connection,
    /// The time of everything in it, unix milliseconds.
    pub(super) now: u64,
    random: &'c Random,
    pages: BTreeMap<String, Page>,
}

/// A queue that the transaction touched.
#[derive(Default)]
struct Page {
    book: Book,
    /// As it was read.
    before: Book,
    events: Events,
    is_settled: bool,
}

impl<'c> Batch<'c> {
    pub(super) fn new(conn: &'c Connection, now: u64, random: &'c Random) -> Self {
        Self { conn, now, random, pages: BTreeMap::new() }
    }

    /// A queue to work on; what its time has come for is settled first.
    pub(super) fn desk<'b>(&'b mut self, queue: &'b Opened) -> SqlResult<Desk<'b>> {
        if !self.pages.contains_key(&queue.text) {
            let book = Book::load(self.conn, &queue.name)?;
            let page = Page { before: book.clone(), book, ..Page::default() };
            self.pages.insert(queue.text.clone(), page);
        }
        let page = self.pages.entry(queue.text.clone()).or_default();
        let mut desk = Desk {
            conn: self.conn,
            book: &mut page.book,
            events: &mut page.events,
            queue,
            now: self.now,
            random: self.random,
        };
        if !page.is_settled {
            page.is_settled = true;
            desk.settle()?;
        }
        Ok(desk)
    }

    /// Writes the counters that changed. `is_served` says of a queue whether this process wakes up
    /// by itself for its jobs. Answers whether other processes have to be told.
    pub(super) fn close(&mut self, is_served: impl Fn(&str) -> bool) -> SqlResult<bool> {
        let mut is_news = false;
        for (name, page) in &mut self.pages {
            let book = &mut page.book;
            let is_ready = page.events.has_ready && book.has_work();
            if is_ready || (page.events.has_scheduled && !is_served(name)) {
                book.jobs_news += 1;
                is_news = true;
            }
            if !page.events.over.is_empty() {
                book.ends_news += 1;
                is_news = true;
            }
        }
        self.flush()?;
        Ok(is_news)
    }

    /// Writes the counters that changed so far.
    pub(super) fn flush(&mut self) -> SqlResult<()> {
        for page in self.pages.values_mut() {
            if page.book != page.before {
                page.book.save(self.conn)?;
                page.before = page.book.clone();
            }
        }
        Ok(())
    }

    /// Deletes an empty queue with what is remembered of it, [`FORGET_ROWS_MAX`] rows at most.
    pub(super) fn forget(&mut self, name: &QueueName) -> SqlResult<Forgotten> {
        if self.pages.contains_key(&name.to_string()) {
            // What this transaction did to it comes first.
            return Ok(Forgotten::Partly);
        }
        let book = Book::load(self.conn, name)?;
        if book.row == 0 {
            return Ok(Forgotten::Wholly);
        }
        if book.live() + book.count(State::Dead) > 0 || book.is_paused {
            return Ok(Forgotten::Held);
        }
        // All other bodies went with their jobs.
        let mut delete = self.conn.prepare_cached(
            "DELETE FROM bodies WHERE place IN \
             (SELECT place FROM jobs WHERE queue = ?1 AND state = ?2)",
        )?;
        delete.execute(params![book.row, ASIDE])?;
        let mut left = FORGET_ROWS_MAX;
        for sql in [
            "DELETE FROM jobs WHERE place IN (SELECT place FROM jobs WHERE queue = ?1 LIMIT ?2)",
            "DELETE FROM dedupe WHERE queue = ?1 AND key IN \
             (SELECT key FROM dedupe WHERE queue = ?1 LIMIT ?2)",
        ] {
            left -= self.conn.prepare_cached(sql)?.execute(params![book.row, integer(left)])?;
        }
        if left == 0 {
            return Ok(Forgotten::Partly);
        }
        self.conn.prepare_cached("DELETE FROM queues WHERE row = ?1")?.execute([book.row])?;
        Ok(Forgotten::Wholly)
    }

    /// How much news there has been of jobs and of ends, if the transaction touched the queue.
    pub(super) fn news(&self, queue: &str) -> Option<(i64, i64)> {
        self.pages.get(queue).map(|page| (page.book.jobs_news, page.book.ends_news))
    }
}
