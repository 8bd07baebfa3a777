//! Balanced calls: one instance answers. A call that was *not executed* goes to another untried
//! instance, at most three in all, within its deadline; nothing else is ever sent twice, unless the
//! schema calls the command idempotent.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::options::{CallOptions, Strategy};
use super::{Asking, Outgoing, decode, send};
use crate::routes::{CommandRoute, Instance};
use crate::worker::Worker;

/// Instances that one call is handed to, at most.
const INSTANCES_MAX: usize = 3;

/// A balanced call that is being put together; `.await` makes it.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<'a, R> {
    pub(crate) worker: &'a Worker,
    pub(crate) callee: &'a str,
    pub(crate) command: &'a str,
    pub(crate) body: Result<Body, NotExecuted>,
    pub(crate) options: CallOptions,
    pub(crate) reply: PhantomData<fn() -> R>,
}

impl<'a, R> Call<'a, R> {
    pub(crate) fn new(
        worker: &'a Worker,
        callee: &'a str,
        command: &'a str,
        body: Result<Body, NotExecuted>,
    ) -> Self {
        let options = CallOptions::default();
        Self { worker, callee, command, body, options, reply: PhantomData }
    }

    /// Waits for the answer at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Waits for a live instance, within the deadline, instead of failing at once without one.
    pub fn wait_for_ready(mut self) -> Self {
        self.options.wait_for_ready = true;
        self
    }

    /// Chooses the instance with fewer calls in flight, of two in turn.
    pub fn least_pending(mut self) -> Self {
        self.options.strategy = Strategy::LeastPending;
        self
    }

    /// Chooses the instance that `key` belongs to.
    pub fn by_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.options.strategy = Strategy::Key(key.as_ref().to_vec());
        self
    }

    /// Takes all options at once.
    pub fn options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    async fn run(self) -> Result<Body, CallError> {
        let Self { worker, callee, command, body, options, .. } = self;
        let body = body.map_err(CallError::not_executed)?;
        let asking = Asking::Call;
        balanced(Outgoing { worker, callee, command, asking, body, options }).await
    }
}

impl<'a, R: DeserializeOwned + Send + 'static> IntoFuture for Call<'a, R> {
    type Output = Result<R, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { decode(&self.run().await?) })
    }
}

/// A balanced call over raw bytes; `.await` makes it.
#[must_use = "a call does nothing until it is awaited"]
pub struct RawCall<'a>(pub(crate) Call<'a, ()>);

impl RawCall<'_> {
    /// As [`Call::options`].
    pub fn options(mut self, options: CallOptions) -> Self {
        self.0.options = options;
        self
    }
}

impl<'a> IntoFuture for RawCall<'a> {
    type Output = Result<Bytes, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.0.run().await?.bytes) })
    }
}

/// The instances that a call was handed to; on the stack, since almost every call needs but one.
#[derive(Default)]
struct Tried {
    list: [Incarnation; INSTANCES_MAX],
    len: usize,
}

impl Tried {
    fn push(&mut self, incarnation: Incarnation) {
        if let Some(place) = self.list.get_mut(self.len) {
            *place = incarnation;
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[Incarnation] {
        &self.list[..self.len]
    }

    fn is_full(&self) -> bool {
        self.len == INSTANCES_MAX
    }
}

/// Finds an instance, sends, and goes to another one where that is safe.
pub(crate) async fn balanced(call: Outgoing<'_>) -> Result<Body, CallError> {
    let mut tried = Tried::default();
    let mut refused = None;
    let mut until: Option<Instant> = None;
    loop {
        let chosen = {
            let routes = call.worker.inner().routes.load();
            let route = match call.route(&routes) {
                Ok(route) => route,
                Err(reason) => return Err(total(refused, CallError::not_executed(reason))),
            };
            let deadline = *until.get_or_insert_with(|| call.deadline(route));
            choose(route, &call.options.strategy, tried.as_slice()).map(|to| {
                let request = call.request(route, to, deadline);
                (to.clone(), request, route.schema.idempotent)
            })
        };
        let deadline = until.unwrap_or_else(Instant::now);
        let Some((to, request, idempotent)) = chosen else {
            if let Some(error) = refused {
                return Err(error);
            }
            wait_for_instance(&call, deadline).await?;
            continue;
        };
        tried.push(to.incarnation);
        let error = match send(&to, request).await {
            Ok(body) => return Ok(body),
            Err(error) => total(refused.take(), error),
        };
        if tried.is_full() || !goes_elsewhere(&error, idempotent) {
            return Err(error);
        }
        if Instant::now() >= deadline {
            return Err(error);
        }
        refused = Some(error);
    }
}

/// What is known after another attempt. Once one may have run, a refusal elsewhere does not undo
/// it.
fn total(before: Option<CallError>, error: CallError) -> CallError {
    match before {
        Some(unknown @ CallError::Unknown { .. }) if error.is_safe_to_retry() => unknown,
        _ => error,
    }
}

fn choose<'r>(
    route: &'r CommandRoute,
    strategy: &Strategy,
    tried: &[Incarnation],
) -> Option<&'r Arc<Instance>> {
    match strategy {
        Strategy::RoundRobin => route.round_robin(tried),
        Strategy::LeastPending => route.least_pending(tried),
        Strategy::Key(key) => route.by_key(key, tried),
    }
}

fn goes_elsewhere(error: &CallError, idempotent: bool) -> bool {
    match error {
        CallError::NotExecuted { reason } => reason.may_succeed_elsewhere(),
        CallError::Unknown { .. } => idempotent,
        CallError::Failed { .. } => false,
    }
}

async fn wait_for_instance(call: &Outgoing<'_>, deadline: Instant) -> Result<(), CallError> {
    if !call.options.wait_for_ready {
        return Err(CallError::not_executed(NotExecuted::NoInstance));
    }
    let inner = call.worker.inner();
    let instance_came = async {
        loop {
            // Before the look: what changes in between must wake us.
            let changed = inner.wakeup.next();
            let there = {
                let routes = inner.routes.load();
                call.route(&routes)
                    .map_err(CallError::not_executed)?
                    .instances
                    .iter()
                    .any(|instance| instance.takes_calls())
            };
            if there {
                return Ok(());
            }
            changed.await;
        }
    };
    match timeout_at(deadline, instance_came).await {
        Ok(result) => result,
        Err(_) => Err(CallError::not_executed(NotExecuted::Deadline)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_shared::ids::CallId;
    use meshwork_shared::outcome::UnknownCause;

    #[test]
    fn a_refusal_elsewhere_does_not_undo_what_may_have_run() {
        let refused = CallError::not_executed(NotExecuted::Draining);
        let unknown = CallError::Unknown { call_id: CallId(1), cause: UnknownCause::LinkLost };
        let failed =
            CallError::Failed { code: "no".to_owned(), message: String::new(), details: None };
        assert_eq!(total(None, refused.clone()), refused);
        assert_eq!(total(Some(refused.clone()), unknown.clone()), unknown);
        assert_eq!(total(Some(unknown.clone()), refused), unknown);
        assert_eq!(total(Some(unknown), failed.clone()), failed);
    }
}
