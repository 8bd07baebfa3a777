//! Random operations, checked against a model that only knows where each job stands.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_queue::{
    Canceled, FinishError, Finished, JobEnd, JobStatus, LeaseToken, NewJob, Section,
};
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;

use super::{Bench, Store, done, fail, job, options};

/// Operations of one run.
const OPERATIONS: usize = 150;

/// Where the model believes a job to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    Running(LeaseToken),
    Done,
    Dead,
    Canceled,
    Gone,
}

struct Model {
    bench: Bench,
    random: Random,
    /// By the order of enqueueing.
    jobs: Vec<NewJob>,
    places: BTreeMap<JobId, Place>,
    /// Every token there ever was; stale ones are tried too.
    tokens: Vec<LeaseToken>,
}

pub(super) async fn random_operations_agree_with_a_model(store: &Store) {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut model = Model {
            bench: store.open(options()),
            random: Random::seeded(seed),
            jobs: Vec::new(),
            places: BTreeMap::new(),
            tokens: Vec::new(),
        };
        for _ in 0..OPERATIONS {
            model.step().await;
        }
        model.drain().await;
    }
}

impl Model {
    async fn step(&mut self) {
        match self.random.below(20) {
            0..6 => self.enqueue().await,
            6..10 => self.lease().await,
            10..12 => self.finish(done()).await,
            12..14 => self.finish(again()).await,
            14 => self.finish(fail("for good")).await,
            15 => self.release().await,
            16 => self.renew().await,
            17 => self.cancel().await,
            18 => self.retry_dead().await,
            _ => self.purge_dead().await,
        }
        self.compare().await;
    }

    fn count(&self, wanted: impl Fn(Place) -> bool) -> usize {
        self.places.values().filter(|place| wanted(**place)).count()
    }

    fn waiting(&self) -> usize {
        self.count(|place| place == Place::Waiting)
    }

    fn any_job(&self) -> Option<JobId> {
        let number = self.random.below(self.jobs.len() as u64) as usize;
        self.jobs.get(number).map(|job| job.id)
    }

    fn any_token(&self) -> Option<LeaseToken> {
        let number = self.random.below(self.tokens.len() as u64) as usize;
        self.tokens.get(number).copied()
    }

    fn is_held(&self, token: LeaseToken) -> bool {
        self.places.get(&token.id) == Some(&Place::Running(token))
    }

    async fn enqueue(&mut self) {
        // Some come a second time.
        let repeated = self.random.below(5) == 0 && !self.jobs.is_empty();
        let sent = if repeated {
            let id = self.any_job();
            self.jobs.iter().find(|job| Some(job.id) == id).cloned().expect("it was sent")
        } else {
            job(&self.jobs.len().to_string())
        };
        let is_known = !matches!(self.places.get(&sent.id), None | Some(Place::Gone));
        let stored = self.bench.queue.enqueue(vec![sent.clone()]).await.remove(0).unwrap();
        assert_eq!((stored.id, stored.is_duplicate), (sent.id, is_known));
        if !is_known {
            self.places.insert(sent.id, Place::Waiting);
        }
        if !repeated {
            self.jobs.push(sent);
        }
    }

    async fn lease(&mut self) {
        if self.waiting() == 0 {
            return;
        }
        let max = 1 + self.random.below(3) as usize;
        let wait = self.bench.other.lease("pod-3#1", max);
        let leases = tokio::time::timeout(super::PATIENCE, wait).await.expect("jobs wait");
        assert!(!leases.is_empty() && leases.len() <= max);
        for lease in leases {
            assert_eq!(self.places.get(&lease.id), Some(&Place::Waiting), "{lease:?}");
            assert!(!self.tokens.contains(&lease.token()), "a token names one run");
            self.places.insert(lease.id, Place::Running(lease.token()));
            self.tokens.push(lease.token());
        }
    }

    async fn finish(&mut self, end: JobEnd) {
        let Some(token) = self.any_token() else { return };
        let finished = self.bench.queue.finish(token, end).await;
        if !self.is_held(token) {
            assert_eq!(finished, Err(FinishError::LeaseLost));
            return;
        }
        let place = match finished.expect("the lease is held") {
            Finished::Done => Place::Done,
            Finished::Retried { .. } => Place::Waiting,
            Finished::Dead => Place::Dead,
        };
        self.places.insert(token.id, place);
    }

    async fn release(&mut self) {
        let Some(token) = self.any_token() else { return };
        let released = self.bench.other.release(&[token]).await.remove(0);
        assert_eq!(released.is_ok(), self.is_held(token), "{released:?}");
        if released.is_ok() {
            self.places.insert(token.id, Place::Waiting);
        }
    }

    async fn renew(&mut self) {
        let Some(token) = self.any_token() else { return };
        let renewed = self.bench.queue.renew(&[token]).await.remove(0);
        assert_eq!(renewed.is_ok(), self.is_held(token), "{renewed:?}");
    }

    async fn cancel(&mut self) {
        let Some(id) = self.any_job() else { return };
        let expected = match self.places.get(&id) {
            Some(Place::Waiting) => Canceled::Yes,
            Some(Place::Running(_)) => Canceled::Running,
            _ => Canceled::Over,
        };
        assert_eq!(self.bench.other.cancel(id).await, Ok(expected));
        if expected == Canceled::Yes {
            self.places.insert(id, Place::Canceled);
        }
    }

    async fn retry_dead(&mut self) {
        let dead = self.count(|place| place == Place::Dead);
        let Some(id) = self.any_job() else { return };
        if self.random.below(2) == 0 {
            assert_eq!(self.bench.queue.retry_dead(None, 100).await, Ok(dead));
            let dead = self.places.values_mut().filter(|place| **place == Place::Dead);
            dead.for_each(|place| *place = Place::Waiting);
            return;
        }
        let is_dead = self.places.get(&id) == Some(&Place::Dead);
        let moved = self.bench.queue.retry_dead(Some(id), 1).await;
        assert_eq!(moved, Ok(usize::from(is_dead)));
        if is_dead {
            self.places.insert(id, Place::Waiting);
        }
    }

    async fn purge_dead(&mut self) {
        let dead = self.count(|place| place == Place::Dead);
        assert_eq!(self.bench.other.purge(Section::Dead, 100).await, Ok(dead));
        let dead = self.places.values_mut().filter(|place| **place == Place::Dead);
        dead.for_each(|place| *place = Place::Gone);
    }

    /// Nothing is lost and nothing is there twice.
    async fn compare(&self) {
        let depth = self.bench.queue.depth().await.unwrap();
        assert_eq!(depth.ready + depth.scheduled, self.waiting(), "{depth:?}");
        assert_eq!(depth.running, self.count(|place| matches!(place, Place::Running(_))));
        assert_eq!(depth.dead, self.count(|place| place == Place::Dead));
        let Some(id) = self.any_job() else { return };
        let status = self.bench.other.status(id).await.unwrap();
        let agrees = match self.places[&id] {
            Place::Waiting => {
                matches!(status, Some(JobStatus::Waiting | JobStatus::Scheduled { .. }))
            }
            Place::Running(token) => {
                let Some(JobStatus::Running { attempt, .. }) = status else {
                    panic!("it runs, but {status:?}")
                };
                attempt == token.attempt
            }
            Place::Done => matches!(status, Some(JobStatus::Done { .. })),
            Place::Dead => matches!(status, Some(JobStatus::Dead { .. })),
            Place::Canceled => status == Some(JobStatus::Canceled),
            Place::Gone => status.is_none(),
        };
        assert!(agrees, "{:?}, but {status:?}", self.places[&id]);
    }

    /// Runs everything to its end.
    async fn drain(mut self) {
        for token in std::mem::take(&mut self.tokens) {
            if self.is_held(token) {
                self.bench.queue.finish(token, done()).await.expect("the lease is held");
                self.places.insert(token.id, Place::Done);
            }
        }
        while self.waiting() > 0 {
            self.lease().await;
            for token in std::mem::take(&mut self.tokens) {
                self.bench.queue.finish(token, done()).await.expect("the lease is held");
                self.places.insert(token.id, Place::Done);
            }
        }
        self.compare().await;
        assert!(self.bench.is_idle().await);
    }
}

fn again() -> JobEnd {
    JobEnd::Retry { error: "again".to_owned(), after: Some(Duration::from_millis(1)) }
}
