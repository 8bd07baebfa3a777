//! Balanced calls: one instance answers. A call that was *not executed* goes to another untried
//! instance, at most three in all, within its deadline; nothing else is ever sent twice, unless the
//! schema calls the command idempotent.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use serde::de::DeserializeOwned;

use super::attempts::Attempts;
use super::options::{CallOptions, Strategy};
use super::{Asking, Outgoing, decode};
use crate::worker::Worker;

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

    fn attempts<A>(self, read: fn(Body) -> Result<A, CallError>) -> Attempts<'a, A> {
        let Self { worker, callee, command, body, options, .. } = self;
        let asking = Asking::Call;
        let outgoing = |body| Outgoing { worker, callee, command, asking, body, options };
        Attempts::new(body, read, outgoing)
    }
}

/// A [`Call`] under way. Dropping it withdraws the call.
pub struct Calling<'a, R>(Attempts<'a, R>);

impl<R> Future for Calling<'_, R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<'a, R: DeserializeOwned> IntoFuture for Call<'a, R> {
    type Output = Result<R, CallError>;
    type IntoFuture = Calling<'a, R>;

    fn into_future(self) -> Calling<'a, R> {
        Calling(self.attempts(decode))
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

/// A [`RawCall`] under way. Dropping it withdraws the call.
pub struct RawCalling<'a>(Attempts<'a, Bytes>);

impl Future for RawCalling<'_> {
    type Output = Result<Bytes, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<'a> IntoFuture for RawCall<'a> {
    type Output = Result<Bytes, CallError>;
    type IntoFuture = RawCalling<'a>;

    fn into_future(self) -> RawCalling<'a> {
        RawCalling(self.0.attempts(|body| Ok(body.bytes)))
    }
}
