//! Queued broadcasts: one job for every instance that is a member at that moment, each in the queue
//! of its instance. Where queues are shared, the job waits there while its instance restarts.

use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_queue::QueueName;
use meshwork_schema::Variant;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use tokio::time::Instant;

use super::Asking;
use super::broadcast::{Broadcast, InstanceOutcome, Outcomes};
use super::enqueue::{Checked, Receipt, Storing};
use crate::jobs::options::job_options;
use crate::jobs::store::store_one;
use crate::routes::Instance;

/// A queued broadcast that is being put together; `.await` stores its jobs.
#[must_use = "nothing is enqueued until it is awaited"]
pub struct EnqueueBroadcast<'a> {
    pub(crate) storing: Storing<'a>,
    pub(crate) body: Result<Body, NotExecuted>,
    only: Option<BTreeSet<Variant>>,
    except: BTreeSet<Variant>,
}

impl<'a> EnqueueBroadcast<'a> {
    pub(crate) fn new(storing: Storing<'a>, body: Result<Body, NotExecuted>) -> Self {
        Self { storing, body, only: None, except: BTreeSet::new() }
    }

    /// Waits for the receipts at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.storing.call.deadline = Some(deadline);
        self
    }

    /// Stores jobs only for these variants. One that is no member is not expected.
    pub fn only(mut self, variants: impl IntoIterator<Item = Variant>) -> Self {
        self.only.get_or_insert_default().extend(variants);
        self
    }

    /// Stores jobs for all but these variants.
    pub fn except(mut self, variants: impl IntoIterator<Item = Variant>) -> Self {
        self.except.extend(variants);
        self
    }

    job_options!(storing.job);

    async fn run(self) -> Outcomes<Receipt> {
        if self.storing.worker.inner().jobs.is_in_process() {
            return self.by_links().await;
        }
        let checked = self.storing.check(Asking::EnqueueBroadcast);
        let asked = self.members().into_iter().map(|instance| {
            let (storing, checked, body) = (&self.storing, checked.clone(), self.body.clone());
            async move {
                let result = match (checked, body) {
                    (Ok(checked), Ok(body)) => store_for(storing, &instance, checked, body).await,
                    (Err(error), _) => Err(error),
                    (_, Err(reason)) => Err(CallError::not_executed(reason)),
                };
                InstanceOutcome { instance: instance.key.clone(), result }
            }
        });
        Outcomes::new(join_all(asked).await)
    }

    /// Every instance that serves the command and that the master has told of as a member.
    fn members(&self) -> Vec<Arc<Instance>> {
        let routes = self.storing.worker.inner().routes.load();
        let Some(route) = routes.command(self.storing.callee, self.storing.command) else {
            return Vec::new();
        };
        let expected = route.instances.iter().filter(|instance| {
            let variant = &instance.key.variant;
            instance.member.is_some()
                && self.only.as_ref().is_none_or(|only| only.contains(variant))
                && !self.except.contains(variant)
        });
        expected.cloned().collect()
    }

    async fn by_links(self) -> Outcomes<Receipt> {
        let Self { storing, body, only, except } = self;
        let body = match storing.job.check() {
            Ok(()) => body.and_then(|body| storing.message(&body, &storing.job)),
            Err(reason) => Err(reason),
        };
        let Storing { worker, callee, command, call, .. } = storing;
        let asking = Asking::EnqueueBroadcast;
        Broadcast::chosen(worker, callee, command, asking, body, call, (only, except)).await
    }
}

/// Stores the job of one instance.
async fn store_for(
    storing: &Storing<'_>,
    instance: &Instance,
    checked: Checked,
    body: Body,
) -> Result<Receipt, CallError> {
    let (key, name) = (instance.key.clone(), checked.command.name.clone());
    let queue = QueueName::of_instance(key.worker.clone(), name, key.variant.clone());
    let (job, metered) = storing.new_job(&checked, body, &storing.job);
    let Checked { command, deadline, .. } = checked;
    let stored = store_one(storing.worker, &queue, &command, job, deadline).await;
    metered.end(&stored, Some(Instant::now()));
    Ok(Receipt::new(stored?, queue, Some(key)))
}

impl<'a> IntoFuture for EnqueueBroadcast<'a> {
    type Output = Outcomes<Receipt>;
    type IntoFuture = Pin<Box<dyn Future<Output = Outcomes<Receipt>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
