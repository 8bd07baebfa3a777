//! Durable jobs, as a worker sees them: where its queues are kept, the jobs that it runs, and what
//! callers store and ask.
//!
//! * `api`: what user code does with queues
//! * `consumer`: what to ask of a queue, start, renew and hand back; pure
//! * `runner`: the task that feeds a consumer, one for each queue that this instance serves
//! * `run`, `ending`: one run of one job, and telling the queue how it ended
//! * `repeat`: commands that run by themselves
//! * `sealing`: bodies that only caller and callee can read
//! * `store`: putting jobs into a queue
//! * `wire`, `serve`: the same over a link, where the queue lives in the other process
//! * `departed`: queues of instances that have left for good
//! * `died`: dead letters that the master has not been told of
//! * `found`: those that died with the processes that ran them
//! * [`handle`]: asking about a job
//! * [`options`], [`event`], [`figures`]: what callers choose, what hooks are told, what is counted
//! * `limits`: every bound

mod api;
mod consumer;
mod departed;
mod died;
mod ending;
pub mod event;
pub mod figures;
mod found;
pub mod handle;
pub(crate) mod limits;
pub mod options;
mod repeat;
mod run;
mod runner;
mod sealing;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meshwork_queue::{Queue, QueueBackend, QueueName, QueueOptions, Scope};
use meshwork_schema::{CommandSchema, Delivery};
use meshwork_shared::backoff::Backoff;
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;

use tokio::time::sleep;

use crate::activity::Activity;
use crate::hooks::JobHook;
use crate::wakeup::Stop;
use crate::worker::Worker;

use died::Died;
use figures::Station;
use runner::Runner;

#[cfg(test)]
mod tests;

type Opened = BTreeMap<QueueName, (QueueOptions, Arc<dyn Queue>)>;

/// What a worker has to do with queues.
pub(crate) struct Jobs {
    backend: Arc<dyn QueueBackend>,
    random: Random,
    clock: Clock,
    /// When this process began to look after jobs.
    began_unix_ms: u64,
    hooks: Vec<JobHook>,
    /// How long a variant has no member before its jobs are buried.
    leave_after: Duration,
    /// Queues that were used, so that each is opened once.
    opened: Mutex<Opened>,
    /// The queues that this instance serves, by command. Each has a runner.
    stations: Mutex<BTreeMap<String, Arc<Station>>>,
    /// Runners that hold jobs or could take some.
    settling: Activity,
    /// The grace period is over: runs end now.
    abandon: Stop,
    died: Died,
}

impl Jobs {
    pub(crate) fn new(
        backend: Arc<dyn QueueBackend>,
        random: Random,
        clock: Clock,
        hooks: Vec<JobHook>,
        leave_after: Duration,
    ) -> Self {
        Self {
            backend,
            random,
            began_unix_ms: clock.unix_ms(),
            clock,
            hooks,
            leave_after,
            opened: Mutex::default(),
            stations: Mutex::default(),
            settling: Activity::default(),
            abandon: Stop::default(),
            died: Died::default(),
        }
    }

    /// True when each process keeps the queues of its own commands, and nobody else's.
    pub(crate) fn is_in_process(&self) -> bool {
        self.backend.scope() == Scope::Process
    }

    /// An id that no other job has.
    pub(crate) fn new_id(&self) -> JobId {
        JobId(self.random.bytes())
    }

    /// The queue of a command, as the schema wants it kept.
    pub(crate) fn open(&self, name: &QueueName, command: &CommandSchema) -> Arc<dyn Queue> {
        let options = QueueOptions::from(command);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, queue)) = opened.get(name).filter(|(known, _)| *known == options) {
            return queue.clone();
        }
        let queue = self.backend.open(name.clone(), options);
        if opened.len() < limits::OPEN_MAX || opened.contains_key(name) {
            opened.insert(name.clone(), (options, queue.clone()));
        }
        queue
    }

    /// Lets go of a queue that was opened; it is opened anew if it is used again.
    fn close(&self, name: &QueueName) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The name of the queue that this instance takes the jobs of a command from.
    pub(crate) fn own_queue(worker: &Worker, command: &CommandSchema) -> QueueName {
        let me = worker.identity();
        match command.delivery {
            Delivery::Balanced => QueueName::balanced(me.worker, command.name.clone()),
            Delivery::Broadcast => {
                QueueName::of_instance(me.worker, command.name.clone(), me.variant)
            }
        }
    }

    /// Starts a runner for each queued command that this instance serves and that has none yet.
    pub(crate) fn start_runners(&self, worker: &Worker) {
        let Some(handlers) = worker.inner().handlers() else { return };
        let mut stations = self.stations.lock().unwrap_or_else(PoisonError::into_inner);
        for served in handlers.all().filter(|served| served.schema.queued) {
            let command = served.schema.name.to_string();
            if stations.contains_key(&command) {
                continue;
            }
            let station = Arc::new(Station::new(Self::own_queue(worker, &served.schema)));
            stations.insert(command.clone(), station.clone());
            worker.inner().spawn(repeat::repeat(worker.without_deadline(), command.clone()));
            let settling = self.settling.begin();
            let runner = Runner::new(worker.without_deadline(), command, station);
            worker.inner().spawn(async move {
                runner.run().await;
                drop(settling);
            });
        }
    }

    /// Says what could be lost with the store's settings, as soon as the store is there to tell.
    async fn warn(&self) {
        if self.is_in_process() {
            return;
        }
        let mut backoff = Backoff::new(limits::CHECK_AGAIN.0, limits::CHECK_AGAIN.1);
        let mut is_told = false;
        loop {
            match self.backend.check().await {
                Ok(warnings) => {
                    return warnings.iter().for_each(|warning| log::warn!("queue: {warning}"));
                }
                Err(error) if !is_told => log::warn!("{error}"),
                Err(error) => log::debug!("{error}"),
            }
            is_told = true;
            sleep(backoff.next(&self.random)).await;
        }
    }

    /// Waits until all runners have stopped: nothing runs, and all ends are told.
    pub(crate) async fn settled(&self) {
        self.settling.idle().await;
    }

    /// Ends every run: what can be handed back is, the rest is left to its lease.
    pub(crate) async fn abandon(&self) {
        self.abandon.stop();
        // Twice: a task may need its time to hand a job back, and another to be heard.
        let settled = tokio::time::timeout(2 * limits::ABANDON_WITHIN, self.settled());
        if settled.await.is_err() {
            log::warn!("jobs that were not handed back wait until their leases are over");
        }
    }
}

/// Says what the store may lose, and looks after the jobs of instances that are gone, for as long
/// as the worker lives.
pub(crate) fn watch(worker: &Worker) {
    let worker = worker.without_deadline();
    worker.inner().clone().spawn(async move {
        let inner = worker.inner();
        let warn = async {
            tokio::select! {
                biased;
                () = inner.stopping.stopped() => {}
                () = inner.jobs.warn() => {}
            }
        };
        tokio::join!(warn, inner.jobs.bury_departed(&worker));
    });
}
