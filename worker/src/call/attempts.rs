//! A balanced call under way, as a future that takes no memory of its own: almost every call is
//! handed to one instance, and its answer is all that it waits for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::handle::PendingReply;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use tokio::time::{Instant, timeout_at};

use super::Outgoing;
use super::metered::Metered;
use super::options::Strategy;
use crate::routes::{CommandRoute, Instance};

/// Instances that one call is handed to, at most.
const INSTANCES_MAX: usize = 3;

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

enum Stage<'a> {
    /// It is not even a request.
    Refused(NotExecuted),
    /// An instance is to be chosen.
    Choosing,
    /// An instance has it.
    Sent {
        reply: PendingReply,
        idempotent: bool,
    },
    /// There is no instance yet.
    Waiting(InstanceCame<'a>),
    Over,
}

type InstanceCame<'a> = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>>;

/// Where a call goes on, or what became of it.
type Step<'a> = Result<Stage<'a>, Result<Body, CallError>>;

/// Finds an instance, sends, and goes to another one where that is safe.
#[must_use = "a call does nothing until it is awaited"]
pub(crate) struct Attempts<'a, R> {
    call: Outgoing<'a>,
    /// Makes of the answer what the caller asked for.
    read: fn(Body) -> Result<R, CallError>,
    stage: Stage<'a>,
    tried: Tried,
    /// Why an instance did not take it; boxed, since it is rare and large.
    refused: Option<Box<CallError>>,
    /// Fixed when its first instance is chosen.
    until: Option<Instant>,
    /// From then on.
    metered: Option<Metered>,
    /// When the last answer came.
    answered: Option<Instant>,
}

impl<'a, R> Attempts<'a, R> {
    #[inline]
    pub(crate) fn new(
        body: Result<Body, NotExecuted>,
        read: fn(Body) -> Result<R, CallError>,
        outgoing: impl FnOnce(Body) -> Outgoing<'a>,
    ) -> Self {
        let (body, stage) = match body {
            Ok(body) => (body, Stage::Choosing),
            Err(reason) => (Body::empty(), Stage::Refused(reason)),
        };
        let call = outgoing(body);
        let tried = Tried::default();
        Self { call, read, stage, tried, refused: None, until: None, metered: None, answered: None }
    }

    /// Ends with a deadline that was fixed before.
    pub(crate) fn until(mut self, deadline: Instant) -> Self {
        self.until = Some(deadline);
        self
    }

    #[inline]
    fn choose(&mut self, cx: &Context<'_>) -> Step<'a> {
        let call = &self.call;
        let routes = call.worker.inner().routes.load();
        let route = match call.route(&routes) {
            Ok(route) => route,
            Err(reason) => {
                let error = CallError::not_executed(reason);
                return Err(Err(total(self.refused.take().map(|before| *before), error)));
            }
        };
        let metered = self.metered.get_or_insert_with(|| {
            let began = Instant::now();
            self.until.get_or_insert_with(|| call.deadline(route, began));
            Metered::new(route.track(), began, call.worker.trace())
        });
        let trace = metered.trace();
        let Some(deadline) = self.until else { return Ok(Stage::Over) };
        let Some(to) = choose(route, &call.options.strategy, self.tried.as_slice()) else {
            return self.wait(deadline);
        };
        self.tried.push(to.incarnation);
        let idempotent = route.schema.idempotent;
        let request = call.request(route, to, deadline, trace);
        // Only an instance with a link is chosen.
        let sent = to.link.as_ref().ok_or(NotExecuted::NoInstance).and_then(|link| {
            if request.wants_reply {
                link.call_polled(request, cx).map(Some)
            } else {
                link.cast(request).map(|()| None)
            }
        });
        match sent {
            Ok(Some(reply)) => Ok(Stage::Sent { reply, idempotent }),
            Ok(None) => Err(Ok(Body::empty())),
            Err(reason) => self.go_on(CallError::not_executed(reason), idempotent),
        }
    }

    /// No instance is left to try.
    fn wait(&mut self, deadline: Instant) -> Step<'a> {
        if let Some(error) = self.refused.take() {
            return Err(Err(*error));
        }
        if !self.call.options.wait_for_ready {
            return Err(Err(CallError::not_executed(NotExecuted::NoInstance)));
        }
        let call = self.call.without_body();
        Ok(Stage::Waiting(Box::pin(wait_for_instance(call, deadline))))
    }

    /// An instance did not answer well: another one may.
    fn go_on(&mut self, error: CallError, idempotent: bool) -> Step<'a> {
        let error = total(self.refused.take().map(|before| *before), error);
        let late = || self.until.is_some_and(|until| Instant::now() >= until);
        if self.tried.is_full() || !goes_elsewhere(&error, idempotent) || late() {
            return Err(Err(error));
        }
        self.refused = Some(Box::new(error));
        Ok(Stage::Choosing)
    }
}

impl<R> Future for Attempts<'_, R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let step = match &mut this.stage {
                Stage::Choosing => {
                    let step = this.choose(cx);
                    if let Ok(sent @ Stage::Sent { .. }) = step {
                        // It knows already whom to wake.
                        this.stage = sent;
                        return Poll::Pending;
                    }
                    step
                }
                Stage::Sent { reply, idempotent } => {
                    let idempotent = *idempotent;
                    let answer = ready!(Pin::new(&mut *reply).poll(cx));
                    this.answered = Some(reply.answered_at());
                    match answer {
                        Ok(body) => Err(Ok(body)),
                        Err(error) => this.go_on(error, idempotent),
                    }
                }
                Stage::Waiting(instance_came) => {
                    let came = ready!(instance_came.as_mut().poll(cx));
                    came.map(|()| Stage::Choosing).map_err(Err)
                }
                Stage::Refused(reason) => Err(Err(CallError::not_executed(reason.clone()))),
                Stage::Over => return Poll::Pending,
            };
            match step {
                Ok(stage) => this.stage = stage,
                Err(outcome) => {
                    this.stage = Stage::Over;
                    let outcome = outcome.and_then(this.read);
                    match (this.metered.take(), &outcome) {
                        (Some(metered), _) => metered.end(&outcome, this.answered),
                        (None, Err(error)) => this.call.tell(error),
                        (None, Ok(_)) => {}
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
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

#[inline]
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

/// Waits until an instance takes calls.
async fn wait_for_instance(call: Outgoing<'_>, deadline: Instant) -> Result<(), CallError> {
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
