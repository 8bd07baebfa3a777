//! The task that takes jobs from one queue for as long as the worker lives. It feeds the pure
//! consumer and carries out its effects; each run is a task of its own. A drain ends it as soon as
//! nothing runs any more, the end of the grace period at once.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use meshwork_queue::{FinishError, Lease, LeaseToken, Queue, QueueOptions};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::consumer::{Consumer, Effect, Input};
use super::figures::Station;
use super::limits::AHEAD_MAX;
use super::run::Run;
use crate::context::JobRun;
use crate::handler::table::Served;
use crate::worker::Worker;

type Renewed = Vec<(LeaseToken, Result<(), FinishError>)>;

/// See the module.
pub(super) struct Runner {
    worker: Worker,
    command: String,
    station: Arc<Station>,
    /// The handler and the queue of the command, once there was one.
    post: Option<Post>,
    /// The schema has the command no more: its jobs wait until it has it again.
    rests: bool,
    consumer: Consumer,
    runs: JoinSet<LeaseToken>,
    /// What the handlers of runs see of their jobs.
    jobs: BTreeMap<LeaseToken, Arc<JobRun>>,
    asking: Option<BoxFuture<'static, Vec<Lease>>>,
    renewing: Option<BoxFuture<'static, Renewed>>,
    /// Leases that are being handed back.
    releasing: JoinSet<()>,
    drains: bool,
}

/// Where jobs come from and who runs them.
struct Post {
    served: Arc<Served>,
    queue: Arc<dyn Queue>,
}

/// What the runner waited for.
enum Woken {
    Input(Input),
    Over(Result<LeaseToken, JoinError>),
    Drain,
    /// A slot came free, the schema may have changed, or something was handed back: look again.
    Look,
}

/// How far a drain has come.
enum Drained {
    Yes,
    /// Something runs, or is being handed back.
    NotYet,
    /// There are jobs to start.
    LookAgain,
}

impl Runner {
    pub(super) fn new(worker: Worker, command: String, station: Arc<Station>) -> Self {
        let lease = QueueOptions::default().lease;
        Self {
            worker,
            command,
            station,
            post: None,
            rests: true,
            consumer: Consumer::new(0, lease, Instant::now()),
            runs: JoinSet::new(),
            jobs: BTreeMap::new(),
            asking: None,
            renewing: None,
            releasing: JoinSet::new(),
            drains: false,
        }
    }

    /// Runs until the worker has drained.
    pub(super) async fn run(mut self) {
        let worker = self.worker.clone();
        let inner = worker.inner();
        loop {
            let changed = inner.wakeup.next();
            self.look_at_schema();
            let post = self.post.as_ref().filter(|_| !self.rests);
            let free = post.map(|post| post.served.slots.free());
            if let Some(free) = free {
                self.feed(Input::Free(free));
            }
            if self.drains {
                match self.drained() {
                    Drained::Yes => return,
                    Drained::LookAgain => continue,
                    Drained::NotYet => {}
                }
            }
            let woken = self.wait(free, changed).await;
            match woken {
                Woken::Input(input) => self.feed(input),
                Woken::Over(run) => self.over(run),
                Woken::Drain => self.drains = true,
                Woken::Look => {}
            }
            // Whatever else is over by now costs no further round.
            while let Some(run) = self.runs.try_join_next() {
                self.over(run);
            }
        }
    }

    /// Waits for the next thing to happen.
    async fn wait(&mut self, free: Option<usize>, changed: impl Future<Output = ()>) -> Woken {
        let Self { worker, post, consumer, runs, asking, renewing, releasing, drains, .. } = self;
        let inner = worker.inner();
        let due = consumer.due();
        let wants_slot = free == Some(0) && consumer.wants_slot();
        let slots = post.as_ref().map(|post| post.served.slots.clone());
        let tick = async { sleep_until(due.unwrap_or_else(Instant::now)).await };
        // The slot is not taken: whoever starts a run takes it.
        let slot = async {
            if let Some(slots) = slots {
                drop(slots.wait().await);
            }
        };
        tokio::select! {
            biased;
            () = inner.stopping.stopped(), if !*drains => Woken::Drain,
            Some(run) = runs.join_next() => Woken::Over(run),
            renewed = wait_for(renewing) => {
                *renewing = None;
                Woken::Input(Input::Renewed(renewed))
            }
            leases = wait_for(asking) => {
                *asking = None;
                Woken::Input(Input::Leased(leases))
            }
            () = tick, if due.is_some() => Woken::Input(Input::Tick),
            () = slot, if wants_slot => Woken::Look,
            Some(_) = releasing.join_next() => Woken::Look,
            () = changed => Woken::Look,
        }
    }

    /// Whether the drain is done. In a queue that dies with the process, what could run now runs
    /// first.
    fn drained(&mut self) -> Drained {
        if self.worker.inner().jobs.is_in_process()
            && !self.worker.inner().jobs.abandon.is_stopped()
        {
            match self.asking.as_mut().map(FutureExt::now_or_never) {
                Some(Some(leases)) => {
                    self.asking = None;
                    self.feed(Input::Leased(leases));
                    // There are slots for them: nothing that is waited for would start them.
                    return Drained::LookAgain;
                }
                // Nothing could run: no more is asked for.
                Some(None) => {}
                // All slots are taken: once one is free, the queue is asked.
                None if !self.rests && !self.consumer.is_idle() => return Drained::NotYet,
                None => {}
            }
        }
        self.feed(Input::Drain);
        let is_over = self.consumer.is_idle() && self.runs.is_empty() && self.releasing.is_empty();
        if is_over { Drained::Yes } else { Drained::NotYet }
    }

    /// Takes the handler, the slots and the options of the present schema.
    fn look_at_schema(&mut self) {
        let inner = self.worker.inner();
        let served = inner.handlers().and_then(|all| all.find(&self.command).cloned());
        let served = served.filter(|served| served.schema.queued);
        let before = self.post.as_ref().filter(|_| !self.rests).map(|post| &post.served);
        if served.as_ref().map(Arc::as_ptr) == before.map(Arc::as_ptr) {
            return;
        }
        self.rests = served.is_none();
        let asked = self.post.as_ref().map(|post| post.queue.clone());
        if let Some(served) = served {
            // A queue in this process answers at once.
            let ahead = if inner.jobs.is_in_process() { 0 } else { served.slots.total() };
            let lease = QueueOptions::from(&served.schema).lease;
            self.consumer.set(ahead.min(AHEAD_MAX), lease);
            let queue = inner.jobs.open(&self.station.queue, &served.schema);
            self.post = Some(Post { served, queue });
        }
        // The question went to the queue as it was; as if it had brought nothing.
        if let Some(queue) = asked.filter(|_| self.asking.is_some()) {
            self.withdraw(queue);
            self.feed(Input::Leased(Vec::new()));
        }
    }

    fn feed(&mut self, input: Input) {
        let effects = self.consumer.handle(input, Instant::now());
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect) {
        let Some(Post { queue, .. }) = &self.post else { return };
        let queue = queue.clone();
        match effect {
            Effect::Ask(max) => {
                let consumer = consumer_name(&self.worker);
                self.asking = Some(Box::pin(async move { queue.lease(&consumer, max).await }));
            }
            Effect::StopAsking => self.withdraw(queue),
            Effect::Start(lease) => self.start(*lease),
            Effect::Renew(tokens) => {
                self.renewing = Some(Box::pin(async move {
                    let answers = queue.renew(&tokens).await;
                    tokens.into_iter().zip(answers).collect()
                }));
            }
            Effect::Release(tokens) => {
                // What is not handed back is taken over when its lease is over.
                let release = async move { drop(queue.release(&tokens).await) };
                self.releasing.spawn_on(release, self.worker.inner().runtime());
            }
            Effect::Cancel(token) => {
                if let Some(job) = self.jobs.get(&token) {
                    job.stop.stop();
                }
            }
        }
    }

    /// Withdraws the question. What it may have brought by now is handed back.
    fn withdraw(&mut self, queue: Arc<dyn Queue>) {
        self.asking = None;
        let back = async move { queue.handed_back().await };
        self.releasing.spawn_on(back, self.worker.inner().runtime());
    }

    fn start(&mut self, lease: Lease) {
        let token = lease.token();
        let Some(Post { served, queue }) = &self.post else { return };
        let Some(slot) = served.slots.try_take() else {
            // Nobody else takes slots of a queued command; if one did, the job is handed back.
            self.feed(Input::Over(token));
            return self.carry_out(Effect::Release(vec![token]));
        };
        let job = Arc::new(JobRun::of(&lease));
        self.jobs.insert(token, job.clone());
        let run = Run {
            queue: queue.clone(),
            served: served.clone(),
            lease,
            slot,
            worker: self.worker.clone(),
            station: self.station.clone(),
            job,
        };
        // Handlers are caught where they run; this is for hooks and for mistakes of ours.
        let run = AssertUnwindSafe(run.run()).catch_unwind().map(move |_| token);
        self.runs.spawn_on(run, self.worker.inner().runtime());
    }

    fn over(&mut self, run: Result<LeaseToken, JoinError>) {
        match run {
            Ok(token) => {
                self.jobs.remove(&token);
                self.feed(Input::Over(token));
            }
            // Only a runtime that goes down ends a run so.
            Err(error) => log::debug!("a run ended with its runtime: {error}"),
        }
    }
}

/// The future in a place, or none at all.
async fn wait_for<T>(place: &mut Option<BoxFuture<'static, T>>) -> T {
    match place {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// How this instance is named to queues.
fn consumer_name(worker: &Worker) -> String {
    let me = worker.identity();
    format!("{}#{}", me.variant, me.incarnation)
}
