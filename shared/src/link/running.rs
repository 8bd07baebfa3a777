//! Handlers that did not answer at their first poll, until they do.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::message::{Answer, CommandRef};
use super::service::Handling;
use crate::ids::CallId;

/// A handler that computes for this long in one go should be registered as blocking.
pub(crate) const IN_PLACE_MAX: Duration = Duration::from_millis(50);

/// A handler that is done.
pub(crate) struct Finished {
    pub(crate) id: CallId,
    pub(crate) wants_reply: bool,
    /// Of its request.
    pub(crate) bytes: usize,
    /// `None` when it was cancelled.
    pub(crate) answer: Option<Answer>,
    /// Its command and the longest time it computed in one go, if that was over the limit.
    pub(crate) computed: Option<(CommandRef, Duration)>,
}

struct RunningHandler {
    id: CallId,
    wants_reply: bool,
    command: CommandRef,
    bytes: usize,
    future: Abortable<Handling>,
    /// Longest time it computed in one go, if over the limit.
    computed: Option<Duration>,
}

impl Future for RunningHandler {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let started = Instant::now();
        let polled = Pin::new(&mut self.future).poll(cx);
        let took = started.elapsed();
        if took > IN_PLACE_MAX && self.computed.is_none_or(|longest| took > longest) {
            self.computed = Some(took);
        }
        let answer = ready!(polled).ok();
        let computed = self.computed.map(|took| (self.command.clone(), took));
        let (id, wants_reply, bytes) = (self.id, self.wants_reply, self.bytes);
        Poll::Ready(Finished { id, wants_reply, bytes, answer, computed })
    }
}

/// All handlers of a link that wait for something. Their number is bounded by the calls in flight
/// that the link admits, and by the slots and backlogs of their commands; the bytes of their
/// requests by `queued_bytes_max`.
#[derive(Default)]
pub(crate) struct Running {
    handlers: FuturesUnordered<RunningHandler>,
    aborts: BTreeMap<CallId, AbortHandle>,
}

impl Running {
    pub(crate) fn len(&self) -> usize {
        self.handlers.len()
    }

    pub(crate) fn push(
        &mut self,
        id: CallId,
        wants_reply: bool,
        command: CommandRef,
        bytes: usize,
        future: Handling,
    ) {
        let (abort, registration) = AbortHandle::new_pair();
        if wants_reply {
            self.aborts.insert(id, abort);
        }
        let future = Abortable::new(future, registration);
        let computed = None;
        self.handlers.push(RunningHandler { id, wants_reply, command, bytes, future, computed });
    }

    /// Cancels the handler of a call; it comes out as finished without an answer.
    pub(crate) fn cancel(&mut self, id: CallId) {
        if let Some(abort) = self.aborts.remove(&id) {
            abort.abort();
        }
    }

    /// The next handler that is done.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finished>> {
        if self.handlers.is_empty() {
            return Poll::Ready(None);
        }
        let next = ready!(Pin::new(&mut self.handlers).poll_next(cx));
        if let Some(finished) = &next {
            self.aborts.remove(&finished.id);
        }
        Poll::Ready(next)
    }

    /// The link is gone: calls are cancelled, since nobody can take their answer; casts go on in
    /// the runtime by themselves.
    pub(crate) fn part(self) {
        for handler in self.handlers {
            if !handler.wants_reply {
                tokio::spawn(handler);
            }
        }
    }
}
