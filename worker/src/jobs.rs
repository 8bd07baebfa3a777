//! The queues of this instance (memory backend) and the tasks that run their jobs: one queue per
//! queued command, in order, as many at once as the command has slots.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use meshwork_queue::{
    EnqueueError, Finished, JobEnd, Lease, MemoryBackend, NewJob, Queue, QueueBackend, QueueName,
    QueueOptions,
};
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::link::message::{Answer, Body, InboundCall};
use meshwork_shared::outcome::{ErrorBody, Failure, NotExecuted};
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::random::Random;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::activity::Activity;
use crate::call::enqueue::Receipt;
use crate::context::{Caller, Context};
use crate::handler::Held;
use crate::handler::table::Served;
use crate::worker::Worker;

/// All queues of this instance.
pub(crate) struct Queues {
    random: Random,
    backend: MemoryBackend,
    activity: Activity,
    by_command: Mutex<BTreeMap<String, Arc<dyn Queue>>>,
}

impl Queues {
    pub(crate) fn new(random: Random, clock: Clock, activity: Activity) -> Self {
        let backend = MemoryBackend::new(random.clone(), clock);
        Self { random, backend, activity, by_command: Mutex::new(BTreeMap::new()) }
    }

    /// Stores a call as a job; the answer is its receipt. The queue and its runner start with the
    /// first job.
    pub(crate) async fn enqueue(
        &self,
        served: Arc<Served>,
        context: Context,
        call: InboundCall,
        instance: MemberKey,
    ) -> Answer {
        let caller = context.caller();
        let job = NewJob::new(
            JobId(self.random.bytes()),
            caller.worker.clone(),
            caller.variant.clone(),
            call.body.codec,
            call.body.bytes,
        );
        let queue = self.queue(&served, context.worker());
        let stored = queue.enqueue(vec![job]).await.into_iter().next();
        let stored = stored.unwrap_or_else(|| Err(unanswered()));
        let stored = stored.map_err(|error| ErrorBody::from(refused(error)))?;
        let receipt = Receipt { job: stored.id, instance };
        match Codec::Json.encode(&receipt) {
            Ok(bytes) => Ok(Body { codec: Codec::Json, bytes }),
            Err(error) => Err(Failure::new("reply_not_encodable", error.message).into()),
        }
    }

    fn queue(&self, served: &Arc<Served>, worker: &Worker) -> Arc<dyn Queue> {
        let name = served.schema.name.to_string();
        let mut queues = self.by_command.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let options = QueueOptions::from(&served.schema);
            // The lease lasts as long as a run may: nobody renews it.
            let options = QueueOptions { lease: options.run_timeout, ..options };
            let worker_name = worker.identity().worker.clone();
            let queue_name = QueueName::balanced(worker_name, served.schema.name.clone());
            let queue = self.backend.open(queue_name, options);
            let runner = Runner {
                queue: queue.clone(),
                command: name.clone(),
                worker: worker.without_deadline(),
                activity: self.activity.clone(),
            };
            worker.inner().spawn(runner.run());
            queue
        };
        queues.entry(name.clone()).or_insert_with(start).clone()
    }
}

/// A batch of one has one answer.
fn unanswered() -> EnqueueError {
    EnqueueError::Unknown { message: "the queue did not answer".to_owned() }
}

fn refused(error: EnqueueError) -> NotExecuted {
    match error {
        EnqueueError::Full { .. }
        | EnqueueError::Unavailable { .. }
        | EnqueueError::Unknown { .. } => NotExecuted::overloaded(error.to_string()),
        EnqueueError::TooLarge { bytes, bytes_max } => {
            NotExecuted::TooLarge { bytes: bytes as u64, limit: bytes_max as u64 }
        }
    }
}

/// Takes jobs from one queue for as long as the worker lives.
struct Runner {
    queue: Arc<dyn Queue>,
    command: String,
    worker: Worker,
    activity: Activity,
}

impl Runner {
    async fn run(self) {
        let inner = self.worker.inner();
        loop {
            let changed = inner.wakeup.next();
            let Some(served) = inner.handlers().and_then(|all| all.find(&self.command).cloned())
            else {
                // The schema lost the command; its jobs wait until it has it again.
                changed.await;
                continue;
            };
            let Ok(slot) = served.slots.wait().await else { return };
            let leases = tokio::select! {
                biased;
                () = inner.stopping.stopped() => return,
                leases = self.queue.lease("worker", 1) => leases,
            };
            if let Some(lease) = leases.into_iter().next() {
                self.start(lease, &served, slot);
            }
        }
    }

    fn start(&self, lease: Lease, served: &Arc<Served>, slot: OwnedSemaphorePermit) {
        let running = self.activity.begin();
        let (queue, command) = (self.queue.clone(), self.command.clone());
        let context = self.context(&lease);
        let body = Body { codec: lease.job.codec, bytes: Bytes::clone(&lease.job.body) };
        let held = Held { _slot: slot, _running: running };
        let handling = served.handler.handle(context, body, held);
        self.worker.inner().spawn(async move {
            let end = match tokio::time::timeout(lease.run_timeout, handling).await {
                Ok(Ok(_)) => JobEnd::Done { reply: None },
                Ok(Err(ErrorBody::NotExecuted(refused @ NotExecuted::ArgumentRefused { .. }))) => {
                    JobEnd::Fail { error: refused.to_string() }
                }
                Ok(Err(error)) => JobEnd::Retry { error: describe(&error), after: None },
                Err(_) => {
                    JobEnd::Retry { error: "ran into its run_timeout".to_owned(), after: None }
                }
            };
            match queue.finish(lease.token(), end).await {
                Ok(Finished::Done) => {}
                Ok(other) => log::warn!("job {} of `{command}`: {other:?}", lease.id),
                Err(error) => log::warn!("job {} of `{command}`: {error}", lease.id),
            }
        });
    }

    fn context(&self, lease: &Lease) -> Context {
        let identity = self.worker.identity();
        let caller = Caller {
            worker: lease.job.caller.clone(),
            variant: lease.job.caller_variant.clone(),
            incarnation: identity.incarnation,
            node: identity.node,
        };
        let deadline = Instant::now() + lease.run_timeout;
        Context {
            caller: Arc::new(caller),
            call_id: meshwork_shared::ids::CallId(0),
            deadline,
            trace: None,
            attempt: lease.attempt,
            worker: self.worker.within(deadline, None),
        }
    }
}

fn describe(error: &ErrorBody) -> String {
    match error {
        ErrorBody::NotExecuted(reason) => reason.to_string(),
        ErrorBody::Failed(failure) => failure.to_string(),
        ErrorBody::Unknown(cause) => cause.to_string(),
    }
}
