//! Random operations in random time, checked against what a consumer and a caller know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_shared::ids::JobId;
use proptest::prelude::*;
use tokio::time::Instant;

use super::tests::{Bench, LEASE, options, retry};
use crate::job::{Finished, JobEnd, LeaseToken};
use crate::status::JobStatus;

/// What can be done to a queue; numbers choose among the leases that the test remembers.
#[derive(Clone, Debug)]
enum Operation {
    Enqueue,
    Lease,
    Renew(usize),
    Release(usize),
    Done(usize),
    Retry(usize),
    Fail(usize),
    RetryDead,
    Pass(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(Operation::Enqueue),
        4 => Just(Operation::Lease),
        2 => any::<usize>().prop_map(Operation::Renew),
        1 => any::<usize>().prop_map(Operation::Release),
        2 => any::<usize>().prop_map(Operation::Done),
        2 => any::<usize>().prop_map(Operation::Retry),
        1 => any::<usize>().prop_map(Operation::Fail),
        1 => Just(Operation::RetryDead),
        3 => (0u64..40_000).prop_map(Operation::Pass),
    ]
}

/// What a consumer and a caller know, kept apart from the queue.
struct Model {
    bench: Bench,
    accepted: BTreeSet<JobId>,
    done: BTreeSet<JobId>,
    /// Every token ever given; stale ones are tried too.
    tokens: Vec<LeaseToken>,
    /// Who holds what until when.
    running: BTreeMap<JobId, (LeaseToken, Instant)>,
    /// Runs of each job that count, since it was enqueued or made a job again.
    counted: BTreeMap<JobId, u32>,
}

const ATTEMPTS: u32 = 3;

impl Model {
    fn new() -> Self {
        let mut options = options(ATTEMPTS);
        options.limits.jobs_max = 20;
        Self {
            bench: Bench::new(options),
            accepted: BTreeSet::new(),
            done: BTreeSet::new(),
            tokens: Vec::new(),
            running: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Enqueue => self.enqueue(),
            Operation::Lease => drop(self.lease()),
            Operation::Renew(which) => self.renew(*which),
            Operation::Release(which) => self.release(*which),
            Operation::Done(which) => self.finish(*which, JobEnd::Done { reply: None }),
            Operation::Retry(which) => self.finish(*which, retry("again")),
            Operation::Fail(which) => {
                self.finish(*which, JobEnd::Fail { error: "never".to_owned() });
            }
            Operation::RetryDead => self.retry_dead(),
            Operation::Pass(ms) => self.bench.pass(Duration::from_millis(*ms)),
        }
        self.nothing_is_lost();
    }

    fn enqueue(&mut self) {
        let is_full = self.bench.depth().live() == 20;
        match self.bench.try_enqueue(b"x") {
            Ok(id) => assert!(self.accepted.insert(id) && !is_full),
            Err(error) => assert!(is_full, "{error}"),
        }
    }

    fn lease(&mut self) -> Option<LeaseToken> {
        let lease = self.bench.lease()?;
        let (token, now) = (lease.token(), self.bench.now.instant);
        assert!(self.accepted.contains(&lease.id) && !self.done.contains(&lease.id));
        assert!(!self.tokens.contains(&token), "a token names one run");
        if let Some((_, expires)) = self.running.insert(lease.id, (token, now + LEASE)) {
            assert!(expires <= now, "a second lease while the first is held");
        }
        let counted = self.counted.entry(lease.id).or_default();
        *counted += 1;
        assert!(*counted <= ATTEMPTS, "{lease:?}");
        assert_eq!(lease.is_last, *counted == ATTEMPTS);
        self.tokens.push(token);
        Some(token)
    }

    fn token(&self, which: usize) -> Option<LeaseToken> {
        self.tokens.get(which.checked_rem(self.tokens.len())?).copied()
    }

    fn is_held(&self, token: LeaseToken) -> bool {
        let held = self.running.get(&token.id);
        held.is_some_and(|(held, expires)| *held == token && *expires > self.bench.now.instant)
    }

    fn renew(&mut self, which: usize) {
        let Some(token) = self.token(which) else { return };
        let renewed = self.bench.queue.renew(token, self.bench.now);
        assert_eq!(renewed.is_ok(), self.is_held(token), "{renewed:?}");
        if renewed.is_ok() {
            self.running.insert(token.id, (token, self.bench.now.instant + LEASE));
        }
    }

    fn release(&mut self, which: usize) {
        let Some(token) = self.token(which) else { return };
        let released = self.bench.queue.release(token, self.bench.now);
        assert_eq!(released.is_ok(), self.is_held(token), "{released:?}");
        if released.is_ok() {
            self.running.remove(&token.id);
            self.counted.entry(token.id).and_modify(|counted| *counted -= 1);
        }
    }

    fn finish(&mut self, which: usize, end: JobEnd) {
        let Some(token) = self.token(which) else { return };
        let is_held = self.is_held(token);
        let finished = self.bench.finish(token, end);
        assert_eq!(finished.is_ok(), is_held, "{finished:?}");
        let Ok(finished) = finished else { return };
        self.running.remove(&token.id);
        if finished == Finished::Done {
            self.done.insert(token.id);
        }
    }

    fn retry_dead(&mut self) {
        let room = 20 - self.bench.depth().live();
        let dead: Vec<JobId> =
            self.bench.dead_letters().iter().map(|letter| letter.id).take(room).collect();
        let moved = self.bench.queue.retry_dead(None, 100, self.bench.now);
        assert_eq!(moved, dead.len());
        for id in dead {
            self.counted.remove(&id);
            let status = self.bench.queue.status(id, self.bench.now);
            assert_eq!(status, Some(JobStatus::Waiting));
        }
    }

    fn nothing_is_lost(&mut self) {
        let depth = self.bench.depth();
        assert_eq!(depth.live() + depth.dead + self.done.len(), self.accepted.len(), "{depth:?}");
        assert_eq!(depth.done as usize, self.done.len());
        let now = self.bench.now.instant;
        let held = self.running.values().filter(|(_, expires)| *expires > now).count();
        assert_eq!(depth.running, held, "{depth:?}");
    }

    /// Runs everything to its end; then each accepted job is done or dead.
    fn drain(mut self) {
        while self.bench.depth().live() > 0 {
            while self.lease().is_some() {
                self.finish(self.tokens.len() - 1, JobEnd::Done { reply: None });
            }
            if let Some(wake) = self.bench.queue.next_wake() {
                self.bench.pass(wake.saturating_duration_since(self.bench.now.instant));
            }
            self.nothing_is_lost();
        }
        let dead: BTreeSet<JobId> =
            self.bench.dead_letters().iter().map(|letter| letter.id).collect();
        assert!(dead.is_disjoint(&self.done));
        assert_eq!(dead.union(&self.done).copied().collect::<BTreeSet<_>>(), self.accepted);
        if dead.is_empty() {
            assert_eq!(self.bench.depth().bytes, 0);
        }
    }
}

proptest! {
    #[test]
    fn nothing_stored_is_lost_and_nothing_is_leased_twice(
        operations in prop::collection::vec(operation(), 0..200),
    ) {
        let mut model = Model::new();
        operations.iter().for_each(|operation| model.apply(operation));
        model.drain();
    }

    #[test]
    fn without_retries_jobs_start_in_order(
        steps in prop::collection::vec((0usize..4, 0usize..4, any::<usize>()), 0..60),
    ) {
        let mut bench = Bench::new(options(3));
        let (mut stored, mut started, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for (enqueues, leases, which) in steps {
            stored.extend((0..enqueues).map(|_| bench.enqueue(b"x")));
            for lease in (0..leases).filter_map(|_| bench.lease()).collect::<Vec<_>>() {
                started.push(lease.id);
                open.push(lease.token());
            }
            if !open.is_empty() {
                let token = open.swap_remove(which % open.len());
                bench.finish(token, JobEnd::Done { reply: None }).unwrap();
            }
        }
        while let Some(lease) = bench.lease() {
            started.push(lease.id);
        }
        prop_assert_eq!(started, stored);
    }
}
