//! The worker that enqueues the jobs and writes down what it was told of each before it goes on.
//! Started again, it reads its journal and goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use meshwork_shared::logging;
use meshwork_shared::random::Random;
use meshwork_worker::{CallError, Worker};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::mesh::{Work, worker};
use super::{runtime, say, told};
use crate::Outcome;
use crate::arguments::ProducerArguments;
use crate::journal::{Journal, Reader};
use crate::record::{Answer, Receipt};

/// Jobs that are enqueued at once.
const AT_ONCE: u32 = 32;

/// One part of so many goes out as a batch, the others job by job.
const BATCH_EVERY: u64 = 4;

/// How long the store may take to answer, drawn for each part. The short one ends while the store
/// is away, when nobody can tell; the long one lets the store's client say that it never got
/// through. So all three answers come up.
const DEADLINES: [Duration; 2] = [Duration::from_millis(1200), Duration::from_secs(8)];

/// The wait before what was not stored is enqueued again.
const AGAIN: Duration = Duration::from_millis(50);

/// Runs until the soak is gone.
///
/// # Errors
/// It cannot join the mesh, or not read or write its journal.
pub(crate) fn run(arguments: &ProducerArguments) -> Outcome {
    logging::init(None);
    let allowed = told()?;
    runtime()?.block_on(async {
        let known = Known::read(arguments)?;
        let journal = Journal::open(&arguments.mesh.journal)?;
        let worker = worker("producer", "producer-1", &arguments.mesh).start().await?;
        say("ready");
        let (clock, random) = (Clock::system(), Random::system());
        let seed = arguments.seed;
        let mut producer = Producer { worker, journal, known, clock, random, seed };
        producer.produce(arguments.jobs, allowed).await?;
        std::future::pending().await
    })
}

/// What the journal says of the time before.
#[derive(Debug, Default)]
struct Known {
    stored: BTreeSet<u32>,
    /// How often an id of a job was refused for good: its next one is another.
    refused: BTreeMap<u32, u32>,
    /// Jobs that may be stored under their present id, whatever is said of it from now on.
    unsure: BTreeSet<u32>,
}

impl Known {
    fn read(arguments: &ProducerArguments) -> Outcome<Self> {
        let mut known = Self::default();
        let (receipts, _) = Reader::<Receipt>::open(&arguments.mesh.journal)?.read()?;
        receipts.iter().for_each(|receipt| known.note(receipt));
        Ok(known)
    }

    fn note(&mut self, receipt: &Receipt) {
        match receipt.answer {
            Answer::Stored => {
                self.stored.insert(receipt.number);
            }
            Answer::NotExecuted if receipt.job.is_some() => {
                *self.refused.entry(receipt.number).or_default() += 1;
            }
            Answer::Unknown if receipt.job.is_some() => {
                self.unsure.insert(receipt.number);
            }
            // No word about an id.
            Answer::NotExecuted | Answer::Unknown => {}
        }
    }
}

struct Producer {
    worker: Worker,
    journal: Journal,
    known: Known,
    clock: Clock,
    random: Random,
    seed: u64,
}

impl Producer {
    /// Enqueues all jobs, never further than it is allowed.
    async fn produce(&mut self, jobs: u32, mut allowed: watch::Receiver<u32>) -> Outcome {
        let first = (0..jobs).find(|number| !self.known.stored.contains(number));
        let mut next = first.unwrap_or(jobs);
        // What was under way when the process died may be stored: only an id is safe with it, and
        // a refusal now says nothing of what was asked then.
        self.known.unsure.extend(next..next + AT_ONCE);
        let mut may_batch = false;
        while next < jobs {
            let bound = *allowed.wait_for(|bound| *bound > next).await?;
            let end = jobs.min(bound).min(next + AT_ONCE);
            if may_batch && self.random.below(BATCH_EVERY) == 0 {
                self.batch(next..end).await?;
            }
            self.one_by_one(next..end).await?;
            (next, may_batch) = (end, true);
        }
        Ok(())
    }

    /// Enqueues jobs with one call, once. What it does not know of is enqueued again under the same
    /// id.
    async fn batch(&mut self, numbers: std::ops::Range<u32>) -> Outcome {
        let works = numbers.clone().map(|number| Work { number });
        let ids: Vec<JobId> = numbers.clone().map(|number| self.id(number)).collect();
        let told = self.worker.enqueue_all(works).ids(ids.clone()).deadline(self.deadline()).await;
        for ((number, id), told) in numbers.zip(ids).zip(told) {
            let told = told.map(|receipt| receipt.job);
            self.note(number, id, told)?;
        }
        Ok(())
    }

    /// Enqueues each job by itself until it is stored.
    async fn one_by_one(&mut self, numbers: std::ops::Range<u32>) -> Outcome {
        loop {
            let missing = numbers.clone().filter(|number| !self.known.stored.contains(number));
            let deadline = self.deadline();
            let mut calls = JoinSet::new();
            for number in missing {
                let (worker, id) = (self.worker.clone(), self.id(number));
                calls.spawn(async move {
                    let stored = worker.enqueue(Work { number }).id(id).deadline(deadline).await;
                    (number, id, stored.map(|receipt| receipt.job))
                });
            }
            let mut failed = false;
            while let Some(told) = calls.join_next().await {
                let (number, id, told) = told?;
                failed |= told.is_err();
                self.note(number, id, told)?;
            }
            if !failed {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn note(&mut self, number: u32, id: JobId, told: Result<JobId, CallError>) -> Outcome {
        let (answer, job) = match told {
            Ok(job) => (Answer::Stored, Some(job)),
            Err(CallError::Unknown { .. }) => (Answer::Unknown, Some(id)),
            Err(error) if error.is_safe_to_retry() => {
                (Answer::NotExecuted, Some(id).filter(|_| !self.known.unsure.contains(&number)))
            }
            Err(error) => return Err(format!("job {number}: {error}").into()),
        };
        let receipt = Receipt { number, unix_ms: self.clock.unix_ms(), answer, job };
        self.journal.add(&receipt)?;
        self.known.note(&receipt);
        Ok(())
    }

    fn deadline(&self) -> Duration {
        DEADLINES[self.random.below(DEADLINES.len() as u64) as usize]
    }

    /// The id that a job has until it is refused, and could not be stored before: then it gets
    /// another, so that a refused one that runs all the same is found out.
    fn id(&self, number: u32) -> JobId {
        let refused = self.known.refused.get(&number).copied().unwrap_or_default();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.seed.to_be_bytes());
        id[8..12].copy_from_slice(&number.to_be_bytes());
        id[12..].copy_from_slice(&refused.to_be_bytes());
        JobId(id)
    }
}
