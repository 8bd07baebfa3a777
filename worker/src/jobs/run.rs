//! One run of one job: its handler under a deadline, ended early when the job is no longer ours,
//! and its end told to the queue.

use std::sync::Arc;

use meshwork_queue::{Finished, JobEnd, Lease, LeaseToken, Queue};
use meshwork_shared::ids::{CallId, Incarnation, NodeId};
use meshwork_shared::link::message::{Answer, Body};
use meshwork_shared::record::TraceContext;
use tokio::time::{Instant, sleep_until, timeout};

use super::ending::{end_of, reply, tell};
use super::event::{JobEvent, JobEventKind};
use super::figures::Station;
use super::limits::ABANDON_WITHIN;
use super::sealing::{self, Refused};
use crate::context::{Caller, Context, JobRun};
use crate::handler::Held;
use crate::handler::table::Served;
use crate::slots::Slot;
use crate::traces::span::Kind;
use crate::traces::text as trace_text;
use crate::worker::Worker;

/// Everything that a run needs.
pub(super) struct Run {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) served: Arc<Served>,
    pub(super) lease: Lease,
    pub(super) slot: Slot,
    pub(super) worker: Worker,
    pub(super) station: Arc<Station>,
    /// What the handler sees of the job; told when the run is to end.
    pub(super) job: Arc<JobRun>,
}

/// How a run came to its end.
enum Ending {
    /// The handler succeeded; what it answered, if that is kept.
    Done(Option<Body>),
    /// The queue is to be told this.
    Failed(JobEnd),
    /// The job is somebody else's now.
    Lost,
    /// Nothing more is done here; somebody else may begin at once.
    HandBack,
    /// As `HandBack`, but a thread still works on it: its lease keeps others off for a while.
    Leave,
}

impl Run {
    /// Runs the handler and tells the queue. Returns whose run it was.
    pub(super) async fn run(self) -> LeaseToken {
        let Self { queue, served, lease, slot, worker, station, job } = self;
        let _counted = station.begin();
        let teller = Teller { worker: &worker, station: &station, lease: &lease };
        let ending = match sealing::open(&worker, &station.queue, &lease).await {
            Ok(bytes) => {
                teller.tell(JobEventKind::Started);
                let body = Body { codec: lease.job.codec, bytes };
                handle(&served, &lease, &worker, &job, body, slot).await
            }
            Err(Refused::NotYet) => Ending::HandBack,
            Err(Refused::Never(error)) => {
                // For whoever watches: somebody wrote to the queue who may not.
                if let Some(before) = station.audit(Instant::now()) {
                    log::warn!(
                        target: "meshwork::audit",
                        "job {} of {} is refused: {error} ({before} more before)",
                        lease.id,
                        station.queue
                    );
                }
                Ending::Failed(JobEnd::Fail { error })
            }
        };
        teller.settle(queue.as_ref(), ending).await;
        lease.token()
    }
}

/// Runs the handler until it ends, or is ended.
async fn handle(
    served: &Served,
    lease: &Lease,
    worker: &Worker,
    job: &Arc<JobRun>,
    body: Body,
    slot: Slot,
) -> Ending {
    let inner = worker.inner();
    let kept = enqueued_by(lease);
    let name = || format!("{}.{}", worker.identity().worker, served.schema.name);
    let span = inner.tracer.serve(Kind::Job, kept, Instant::now(), name);
    let span = span.map(|span| span.with("meshwork.job", lease.id.to_string()));
    let trace = span.as_ref().map(|span| span.context()).or(kept);
    let context = context(lease, worker, job.clone(), trace);
    let deadline = context.deadline;
    let held = Held::new(slot, inner.activity.begin(), &inner.tracer, span);
    let mut handling = served.handler.handle(context, body, held);
    let answer: Answer = tokio::select! {
        biased;
        answer = &mut handling => answer,
        () = job.stop.stopped() => return Ending::Lost,
        () = inner.jobs.abandon.stopped() => {
            job.stop.stop();
            let is_blocking = served.handler.is_blocking();
            return if is_blocking { Ending::Leave } else { Ending::HandBack };
        }
        () = sleep_until(deadline) => {
            job.stop.stop();
            let error = format!("ran into its run_timeout of {:?}", lease.run_timeout);
            return Ending::Failed(JobEnd::Retry { error, after: None });
        }
    };
    match end_of(answer, served.schema.responds) {
        Ok(body) => Ending::Done(body),
        Err(end) => Ending::Failed(end),
    }
}

/// The trace of what enqueued the job.
fn enqueued_by(lease: &Lease) -> Option<TraceContext> {
    lease.job.trace.as_deref().and_then(TraceContext::from_bytes)
}

fn context(
    lease: &Lease,
    worker: &Worker,
    job: Arc<JobRun>,
    trace: Option<TraceContext>,
) -> Context {
    let caller = Caller {
        worker: lease.job.caller.clone(),
        variant: lease.job.caller_variant.clone(),
        // Whoever enqueued it may be long gone.
        incarnation: Incarnation(0),
        node: NodeId([0; 32]),
    };
    let deadline = Instant::now() + lease.run_timeout;
    Context {
        caller: Arc::new(caller),
        call_id: CallId(0),
        deadline,
        attempt: lease.attempt,
        worker: worker.within(deadline, trace),
        job: Some(job),
    }
}

/// Tells queue, counters and hooks of one run.
struct Teller<'a> {
    worker: &'a Worker,
    station: &'a Station,
    lease: &'a Lease,
}

impl Teller<'_> {
    async fn settle(&self, queue: &dyn Queue, ending: Ending) {
        let token = self.lease.token();
        let end = match ending {
            Ending::Done(body) => JobEnd::Done { reply: body.and_then(|body| self.seal(body)) },
            Ending::Failed(end) => end,
            Ending::Lost => return self.tell(JobEventKind::LeaseLost),
            Ending::Leave => return,
            Ending::HandBack => {
                // One that is not handed back in time is taken over when its lease is over.
                let tokens = [token];
                if timeout(ABANDON_WITHIN, queue.release(&tokens)).await.is_ok() {
                    self.tell(JobEventKind::Released);
                }
                return;
            }
        };
        let error = match &end {
            JobEnd::Done { .. } => String::new(),
            JobEnd::Retry { error, .. } | JobEnd::Fail { error } => error.clone(),
        };
        let random = &self.worker.inner().jobs.random;
        self.tell(match tell(queue, token, end, random).await {
            Some(Finished::Done) => JobEventKind::Done,
            Some(Finished::Retried { delay }) => JobEventKind::Retried { error, delay },
            Some(Finished::Dead) => JobEventKind::Dead { error },
            None => JobEventKind::LeaseLost,
        });
    }

    fn seal(&self, body: Body) -> Option<meshwork_queue::Reply> {
        let sealed = sealing::seal_reply(self.worker, &self.station.queue, self.lease, reply(body));
        if let Err(error) = &sealed {
            log::error!("the reply of job {} is not kept: {error}", self.lease.id);
        }
        sealed.ok()
    }

    fn tell(&self, what: JobEventKind) {
        self.station.count(&what);
        let (job, queue) = (self.lease.id, &self.station.queue);
        match &what {
            JobEventKind::Started | JobEventKind::Done => {}
            JobEventKind::Retried { error, delay } => {
                let trace = trace_text(enqueued_by(self.lease));
                log::info!("job {job} of {queue} runs again in {delay:?}: {error}; trace {trace}");
            }
            JobEventKind::Dead { error } => {
                let trace = trace_text(enqueued_by(self.lease));
                log::warn!("job {job} of {queue} is dead: {error}; trace {trace}");
                self.worker.inner().jobs.died.note(queue, job, self.lease.attempt, error);
            }
            JobEventKind::LeaseLost => log::warn!("job {job} of {queue} was given to another"),
            JobEventKind::Released => log::info!("job {job} of {queue} is handed back"),
        }
        let jobs = &self.worker.inner().jobs;
        if jobs.has_hooks() {
            let (queue, caller) = (queue.clone(), self.lease.job.caller.clone());
            jobs.tell(&JobEvent { job, queue, caller, attempt: self.lease.attempt, what });
        }
    }
}
