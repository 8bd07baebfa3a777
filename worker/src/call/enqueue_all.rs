//! Many queued calls of one command at once: few requests, and a receipt or an error for each.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use meshwork_shared::ids::JobId;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use tokio::time::Instant;

use super::Asking;
use super::enqueue::{Checked, Receipt, Storing};
use crate::jobs::limits::{BATCH_BYTES_MAX, BATCH_JOBS_MAX, BATCH_LINKS_MAX};
use crate::jobs::options::{JobOptions, job_options};
use crate::jobs::store::store;

/// Chooses the options of one job, by its number.
type Choose<'a> = Box<dyn FnMut(usize, &mut JobOptions) + Send + 'a>;

/// One call: its arguments and the options of its job, or why it cannot be stored.
type Order = Result<(Body, JobOptions), NotExecuted>;

/// Many queued calls of one command that are being put together; `.await` stores them, and says of
/// each what became of it, in their order.
#[must_use = "nothing is enqueued until it is awaited"]
pub struct EnqueueAll<'a> {
    storing: Storing<'a>,
    bodies: Vec<Result<Body, NotExecuted>>,
    ids: Option<Vec<JobId>>,
    choose: Option<Choose<'a>>,
}

impl<'a> EnqueueAll<'a> {
    pub(crate) fn new(storing: Storing<'a>, bodies: Vec<Result<Body, NotExecuted>>) -> Self {
        Self { storing, bodies, ids: None, choose: None }
    }

    /// Waits for all receipts at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.storing.call.deadline = Some(deadline);
        self
    }

    /// Gives the jobs these ids, in the order of the calls, instead of new ones; there must be as
    /// many as calls. The same id enqueued again is the same job, also for a while after it is
    /// done: that makes it safe to repeat a batch of which some have an unknown outcome. (Where
    /// queues live in the processes of the callee, only at the same instance.)
    pub fn ids(mut self, ids: impl IntoIterator<Item = JobId>) -> Self {
        self.ids = Some(ids.into_iter().collect());
        self
    }

    /// Gives each job options of its own: `choose` is told its number, from 0, and changes what is
    /// chosen for all. One whose options cannot be is refused by itself.
    pub fn each(mut self, choose: impl FnMut(usize, &mut JobOptions) + Send + 'a) -> Self {
        self.choose = Some(Box::new(choose));
        self
    }

    job_options!(storing.job);

    async fn run(self) -> Vec<Result<Receipt, CallError>> {
        let Self { storing, bodies, ids, choose } = self;
        let count = bodies.len();
        let checked = match storing.check(Asking::Enqueue) {
            Ok(checked) => checked,
            Err(error) => return vec![Err(error); count],
        };
        let orders = match orders(&storing.job, bodies, ids, choose) {
            Ok(orders) => orders,
            Err(reason) => return vec![Err(CallError::not_executed(reason)); count],
        };
        if !storing.worker.inner().jobs.is_in_process() {
            return store_batch(&storing, &checked, orders).await;
        }
        let (storing, deadline) = (&storing, checked.deadline);
        let stored = orders.into_iter().map(|order| async move {
            let (body, options) = order.map_err(CallError::not_executed)?;
            storing.store_there(&body, options, deadline).await
        });
        stream::iter(stored).buffered(BATCH_LINKS_MAX).collect().await
    }
}

impl<'a> IntoFuture for EnqueueAll<'a> {
    type Output = Vec<Result<Receipt, CallError>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The calls with what was chosen for all, and then for each.
fn orders(
    all: &JobOptions,
    bodies: Vec<Result<Body, NotExecuted>>,
    ids: Option<Vec<JobId>>,
    mut choose: Option<Choose<'_>>,
) -> Result<Vec<Order>, NotExecuted> {
    let (count, given) = (bodies.len(), ids.as_ref().map(Vec::len));
    if let Some(given) = given.filter(|given| *given != count) {
        let message = format!("{given} ids for {count} calls; each needs one");
        return Err(NotExecuted::ArgumentRefused { message });
    }
    let mut ids = ids.into_iter().flatten();
    let order = |(number, body): (usize, Result<Body, NotExecuted>)| {
        let mut options = JobOptions { id: ids.next(), ..all.clone() };
        if let Some(choose) = &mut choose {
            choose(number, &mut options);
            options.check()?;
        }
        Ok((body?, options))
    };
    Ok(bodies.into_iter().enumerate().map(order).collect())
}

/// Stores jobs of one queue, a bounded number by each request.
async fn store_batch(
    storing: &Storing<'_>,
    checked: &Checked,
    orders: Vec<Order>,
) -> Vec<Result<Receipt, CallError>> {
    let Checked { command, queue, deadline, .. } = checked;
    let mut results = Vec::with_capacity(orders.len());
    let mut orders = orders.into_iter().peekable();
    while orders.peek().is_some() {
        let (mut jobs, mut bytes, mut outcomes) = (Vec::new(), 0, Vec::new());
        while jobs.len() < BATCH_JOBS_MAX && (jobs.is_empty() || bytes < BATCH_BYTES_MAX) {
            match orders.next() {
                Some(Ok((body, options))) => {
                    bytes += body.bytes.len();
                    let (job, metered) = storing.new_job(checked, body, &options);
                    jobs.push(job);
                    outcomes.push(Ok(metered));
                }
                Some(Err(reason)) => outcomes.push(Err(reason)),
                None => break,
            }
        }
        let stored = store(storing.worker, queue, command, jobs, *deadline).await;
        let (mut stored, answered) = (stored.into_iter(), Instant::now());
        results.extend(outcomes.into_iter().map(|outcome| {
            let metered = outcome.map_err(CallError::not_executed)?;
            let lost = || Err(CallError::not_executed(NotExecuted::Cancelled));
            let stored = stored.next().unwrap_or_else(lost);
            metered.end(&stored, Some(answered));
            Ok(Receipt::new(stored?, queue.clone(), None))
        }));
    }
    results
}
