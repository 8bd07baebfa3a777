//! The thread that owns the connection: takes what was asked for meanwhile as one transaction,
//! waits for what comes next. It ends when the last handle of the backend is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use rusqlite::{Connection, Error as SqlError, Result as SqlResult};
use tokio::time::Instant;

use super::batch::Batch;
use super::bell::Bell;
use super::limits::{BATCH_MAX, BREATH};
use super::options::{FileOpenError, FileOptions};
use super::order::{HandBack, Order, Work};
use super::row::is_of_value;
use super::store::{self, Failure};
use super::waiting::{Served, Waiting};

/// How many transactions go by between two looks at the length of the log.
const LOG_CHECK_TURNS: u32 = 1024;

/// How long those who wait are left alone after a transaction failed.
const REST: Duration = Duration::from_secs(1);

/// The writer of one process.
pub(super) struct Writer {
    orders: Receiver<Order>,
    options: FileOptions,
    /// `None` after an error that leaves what it knows in doubt; it is opened anew then.
    conn: Option<Connection>,
    bell: Bell,
    /// Whether a notice of the bell is under way among the orders.
    rung: Arc<AtomicBool>,
    poll: Duration,
    clock: Clock,
    random: Random,
    waiting: Waiting,
    back: Vec<HandBack>,
    /// What the others had written when this writer wrote, and when it looked.
    versions: Versions,
    next_poll: Instant,
    rest_until: Option<Instant>,
    turns: u32,
}

#[derive(Default)]
struct Versions {
    written: i64,
    looked: i64,
}

/// What a writer works with.
pub(super) struct Equipment {
    pub(super) options: FileOptions,
    pub(super) conn: Connection,
    pub(super) bell: Bell,
    pub(super) rung: Arc<AtomicBool>,
    pub(super) poll: Duration,
    pub(super) clock: Clock,
    pub(super) random: Random,
}

/// A transaction that was not committed.
struct Undone {
    error: SqlError,
    is_unknown: bool,
}

impl Writer {
    pub(super) fn new(orders: Receiver<Order>, equipment: Equipment) -> Self {
        let Equipment { options, conn, bell, rung, poll, clock, random } = equipment;
        Self {
            orders,
            options,
            conn: Some(conn),
            bell,
            rung,
            poll,
            clock,
            random,
            waiting: Waiting::default(),
            back: Vec::new(),
            versions: Versions::default(),
            next_poll: Instant::now() + poll,
            rest_until: None,
            turns: 0,
        }
    }

    /// Works until nobody can ask for anything any more.
    pub(super) fn run(mut self) {
        while let Some(orders) = self.next_orders() {
            self.turn(orders);
        }
    }

    /// What was asked for until now; nothing when a time has come; `None` at the end.
    fn next_orders(&mut self) -> Option<Vec<Order>> {
        let first = match self.patience() {
            None => Some(self.orders.recv().ok()?),
            Some(patience) => match self.orders.recv_timeout(patience) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        let mut orders = Vec::from_iter(first);
        while orders.len() < BATCH_MAX
            && let Ok(order) = self.orders.try_recv()
        {
            orders.push(order);
        }
        Some(orders)
    }

    /// How long to wait for an order; `None` while nobody waits for anything else.
    fn patience(&self) -> Option<Duration> {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        if let Some(rest) = self.rest_until {
            return Some(left(rest));
        }
        if !self.back.is_empty() || self.waiting.wants_turn() {
            return Some(Duration::ZERO);
        }
        if self.waiting.is_empty() {
            return None;
        }
        let poll = left(self.next_poll);
        let now = self.clock.unix_ms();
        let wake = self.waiting.wake().map(|wake| Duration::from_millis(wake.saturating_sub(now)));
        Some(wake.map_or(poll, |wake| wake.min(poll)))
    }

    fn turn(&mut self, orders: Vec<Order>) {
        // The permits go at the end of the turn: what is asked meanwhile waits for its place.
        let mut permits = Vec::with_capacity(orders.len());
        let mut works = Vec::with_capacity(orders.len());
        let mut is_rung = false;
        for order in orders {
            match order {
                Order::Work(work, permit) => {
                    works.push(work);
                    permits.push(permit);
                }
                Order::Lease(lease, permit) => {
                    self.waiting.add_lease(lease);
                    permits.push(permit);
                }
                Order::Wait(end, permit) => {
                    self.waiting.add_end(end);
                    permits.push(permit);
                }
                Order::HandBack(back, permit) => {
                    self.back.push(back);
                    permits.push(permit);
                }
                Order::Bell => is_rung = true,
            }
        }
        works.retain(|work| !work.is_abandoned());
        self.waiting.prune();
        let now = Instant::now();
        self.rest_until = self.rest_until.filter(|rest| *rest > now);
        self.look_around(is_rung, now);
        self.waiting.come_due(self.clock.unix_ms());
        let has_own_work = !self.back.is_empty() || self.waiting.wants_turn();
        if !works.is_empty() || (has_own_work && self.rest_until.is_none()) {
            self.work(works);
        }
    }

    /// Sees whether other processes have news.
    fn look_around(&mut self, is_rung: bool, now: Instant) {
        let is_poll = now >= self.next_poll;
        if is_poll {
            self.next_poll = now + self.poll;
        }
        if is_rung {
            self.rung.store(false, Ordering::SeqCst);
        }
        if self.waiting.is_empty() || !(is_rung || is_poll) {
            return;
        }
        let Some(conn) = &self.conn else {
            // The transaction that this asks for opens the file anew.
            self.waiting.look_everywhere();
            return;
        };
        match look(conn, &mut self.versions.looked, &mut self.waiting) {
            // A lease that others took or renewed is no news, but the time it ends is.
            Ok(true) if is_poll => self.waiting.look_at_times(),
            Ok(_) => {}
            Err(error) => log::warn!("a queue's file was not read: {}", store::words(&error)),
        }
    }

    /// Does operations, and serves who waits, in one transaction; one by one if that fails for a
    /// reason that may be one operation's alone.
    fn work(&mut self, mut works: Vec<Box<dyn Work>>) {
        match self.transact(&mut works) {
            Ok(()) => works.into_iter().for_each(|work| work.answer(None)),
            Err(undone) if works.len() > 1 && store::is_of_one(&undone.error) => {
                works.into_iter().for_each(|work| self.work(vec![work]));
            }
            Err(undone) => {
                // What cannot be read is the fault of one queue: the others go on.
                if !is_of_value(&undone.error) {
                    self.rest_until = Some(Instant::now() + REST);
                }
                let message = store::words(&undone.error);
                log::warn!("a queue's file was not written: {message}");
                let failure = Failure { message, is_unknown: undone.is_unknown };
                works.into_iter().for_each(|work| work.answer(Some(&failure)));
            }
        }
    }

    fn transact(&mut self, works: &mut [Box<dyn Work>]) -> Result<(), Undone> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let conn = store::open(&self.options).map_err(not_opened)?;
                // What others did meanwhile is no news to a new connection.
                self.waiting.look_everywhere();
                conn
            }
        };
        let done = self.transact_with(&conn, works);
        if done.as_ref().err().is_none_or(|undone| !store::is_broken(&undone.error)) {
            self.conn = Some(conn);
        }
        done
    }

    fn transact_with(
        &mut self,
        conn: &Connection,
        works: &mut [Box<dyn Work>],
    ) -> Result<(), Undone> {
        let undone = |error| Undone { error, is_unknown: false };
        leave_to_others(conn, &mut self.versions.written).map_err(undone)?;
        conn.prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]))
            .map_err(undone)?;
        let random = self.random.clone();
        let mut batch = Batch::new(conn, self.clock.unix_ms(), &random);
        let (served, is_news) = match self.fill(&mut batch, works) {
            Ok(filled) => filled,
            Err(error) => {
                roll_back(conn);
                return Err(undone(error));
            }
        };
        if let Err(error) = conn.prepare_cached("COMMIT").and_then(|mut end| end.execute([])) {
            roll_back(conn);
            // Only where the disk failed may the end of the transaction have reached it.
            let is_unknown = store::is_broken(&error);
            return Err(Undone { error, is_unknown });
        }
        self.back = self.waiting.deliver(served, |queue| batch.news(queue));
        if is_news {
            self.bell.ring();
        }
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(LOG_CHECK_TURNS) {
            store::shorten_log(conn, &self.options.path);
        }
        Ok(())
    }

    /// Everything between the beginning and the end of a transaction.
    fn fill(
        &self,
        batch: &mut Batch<'_>,
        works: &mut [Box<dyn Work>],
    ) -> SqlResult<(Vec<Served>, bool)> {
        for work in works {
            work.run(batch)?;
        }
        for HandBack { queue, tokens } in &self.back {
            for token in tokens {
                // A lease that is lost by now needs no handing back.
                let _ = batch.desk(queue)?.release(*token)?;
            }
        }
        let served = self.waiting.serve(batch)?;
        let is_news = batch.close(|queue| self.waiting.is_idle(&served, queue))?;
        Ok((served, is_news))
    }
}

fn not_opened(error: FileOpenError) -> Undone {
    let cannot_open = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    let error = SqlError::SqliteFailure(cannot_open, Some(error.to_string()));
    Undone { error, is_unknown: false }
}

/// Notes the news of the queues that somebody waits in. Answers whether others have written since
/// the look before.
fn look(conn: &Connection, looked: &mut i64, waiting: &mut Waiting) -> SqlResult<bool> {
    let version = store::data_version(conn)?;
    if version == std::mem::replace(looked, version) {
        return Ok(false);
    }
    let mut select = conn.prepare_cached(
        "SELECT worker || '.' || command || iif(variant = '', '', '@' || variant), jobs_news, \
         ends_news FROM queues",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        waiting.note_news(row.get_ref(0)?.as_str()?, (row.get(1)?, row.get(2)?));
    }
    Ok(true)
}

/// Waits a moment if others have written since this process did: they may want to go on.
fn leave_to_others(conn: &Connection, written: &mut i64) -> SqlResult<()> {
    let version = store::data_version(conn)?;
    if version != std::mem::replace(written, version) {
        std::thread::sleep(BREATH);
    }
    Ok(())
}

fn roll_back(conn: &Connection) {
    // SQLite may have done it by itself already.
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        log::warn!("a transaction of a queue's file was not undone: {error}");
    }
}
