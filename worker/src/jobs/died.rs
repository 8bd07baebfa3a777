//! Jobs that became dead letters here and that the master has not been told of.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use meshwork_queue::QueueName;
use meshwork_shared::ids::JobId;
use meshwork_shared::protocol::limits::{REPORT_DEAD_MAX, TEXT_BYTES_MAX};
use meshwork_shared::protocol::{DeadJob, FoundDead};

use super::Jobs;

/// Dead letters that wait to be told of; the oldest is left out, it is in its queue all the same.
const UNTOLD_MAX: usize = 256;

/// Dead letters that wait to be told of, oldest first.
#[derive(Default)]
pub(super) struct Died(Mutex<VecDeque<DeadJob>>);

impl Died {
    /// A job has failed for good here.
    pub(super) fn note(&self, queue: &QueueName, job: JobId, attempt: u32, error: &str) {
        self.add(queue, job, attempt, error, None);
    }

    /// A job was found dead in its queue.
    pub(super) fn add(
        &self,
        queue: &QueueName,
        job: JobId,
        attempt: u32,
        error: &str,
        found: Option<FoundDead>,
    ) {
        let error = error[..error.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
        let (queue, job) = (queue.to_string(), job.to_string());
        let dead = DeadJob { queue, job, attempt, error, found };
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.len() == UNTOLD_MAX {
            untold.pop_front();
        }
        untold.push_back(dead);
    }
}

impl Jobs {
    /// Whether there is anything to tell.
    pub(crate) fn has_died(&self) -> bool {
        !self.died.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The oldest that were not told of, as many as one report takes.
    pub(crate) fn take_died(&self) -> Vec<DeadJob> {
        let mut untold = self.died.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = untold.len().min(REPORT_DEAD_MAX);
        untold.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_bounded_in_number_and_length() {
        let died = Died::default();
        let queue = QueueName::balanced("w".parse().unwrap(), "c".parse().unwrap());
        let error = "é".repeat(TEXT_BYTES_MAX);
        (0..300_u32).for_each(|n| died.note(&queue, JobId([1; 16]), n, &error));
        let untold = died.0.into_inner().unwrap();
        assert_eq!((untold.len(), untold[0].attempt), (UNTOLD_MAX, 44));
        assert!(untold.iter().all(|dead| dead.error.len() <= TEXT_BYTES_MAX));
    }
}
