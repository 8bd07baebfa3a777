//! What is remembered of jobs that are done or were canceled, for a time and up to a bound.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use meshwork_shared::ids::JobId;
use tokio::time::Instant;

use super::hash::IdHash;
use super::queue::later;
use crate::limits::DONE_JOBS_MAX;
use crate::size::ended_bytes;
use crate::status::{JobStatus, Reply};

/// How a job ended.
#[derive(Debug)]
pub(super) enum End {
    /// The reply is boxed, so that the many ends without one take little memory.
    Done {
        reply: Option<Box<Reply>>,
    },
    Canceled,
}

/// Ended jobs, oldest first. The oldest are forgotten, in time or for want of room.
#[derive(Debug)]
pub(super) struct Ended {
    ends: HashMap<JobId, End, IdHash>,
    order: VecDeque<(Instant, JobId)>,
    bytes: usize,
}

impl Ended {
    pub(super) fn new(hash: IdHash) -> Self {
        Self { ends: HashMap::with_hasher(hash), order: VecDeque::new(), bytes: 0 }
    }

    /// Remembers one more, within `bytes_max` of all of them.
    pub(super) fn push(&mut self, id: JobId, end: End, now: Instant, bytes_max: usize) {
        self.bytes += bytes_of(&end);
        self.ends.insert(id, end);
        self.order.push_back((now, id));
        while self.order.len() > DONE_JOBS_MAX || self.bytes > bytes_max {
            self.forget_oldest();
        }
    }

    /// Forgets what ended `kept` ago.
    pub(super) fn expire(&mut self, kept: Duration, now: Instant) {
        while self.order.front().is_some_and(|(ended, _)| later(*ended, kept) <= now) {
            self.forget_oldest();
        }
    }

    pub(super) fn contains(&self, id: JobId) -> bool {
        self.ends.contains_key(&id)
    }

    pub(super) fn status(&self, id: JobId) -> Option<JobStatus> {
        Some(match self.ends.get(&id)? {
            End::Done { reply } => JobStatus::Done { reply: reply.as_deref().cloned() },
            End::Canceled => JobStatus::Canceled,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn forget_oldest(&mut self) {
        let Some((_, id)) = self.order.pop_front() else { return };
        if let Some(end) = self.ends.remove(&id) {
            self.bytes -= bytes_of(&end);
        }
    }
}

fn bytes_of(end: &End) -> usize {
    match end {
        End::Done { reply } => ended_bytes(reply.as_deref()),
        End::Canceled => ended_bytes(None),
    }
}
