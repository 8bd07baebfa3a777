//! Handlers: what user code does with a command, with its types taken off.
//!
//! * `future`: async functions, polled in place first
//! * `blocking`: functions that compute, on a bounded pool
//! * [`actor`]: actix actors behind a bounded mailbox
//! * `table`: all handlers of a worker, checked against its schema

pub mod actor;
mod blocking;
mod future;
pub(crate) mod table;

use std::any::Any;
use std::future::{poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use futures_util::FutureExt;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::CallId;
use meshwork_shared::link::message::{Answer, Body};
use meshwork_shared::link::service::Handling;
use meshwork_shared::outcome::{ErrorBody, Failure, NotExecuted};
use tokio::time::Instant;

pub(crate) use blocking::{BlockingHandler, Pool, RawBlockingHandler};
pub(crate) use future::{FutureHandler, RawHandler};

use crate::activity::Running;
use crate::command::Command;
use crate::context::Context;
use crate::metrics::meter::{Ending, TIMED_ONE_IN};
use crate::slots::Slot;
use crate::traces::Tracer;
use crate::traces::span::Span;

/// What a call occupies while its handler runs: a slot of its command, and a place in the count of
/// what runs. Given back when dropped.
pub(crate) struct Held {
    slot: Slot,
    _running: Running,
    /// Set when this one is timed, though it may answer at once.
    began: Option<Instant>,
    /// Set when it is part of a trace that is followed.
    span: Option<Box<Span>>,
    counts: bool,
    is_over: bool,
}

impl Held {
    pub(crate) fn new(
        slot: Slot,
        running: Running,
        tracer: &Tracer,
        span: Option<Box<Span>>,
    ) -> Self {
        let counts = tracer.counts;
        let began = (counts && slot.meter().times_next()).then(Instant::now);
        Self { slot, _running: running, began, span, counts, is_over: false }
    }

    /// The handler is done; it has waited or computed elsewhere since `since`, or answered at once.
    #[inline]
    fn end(mut self, answer: &Answer, since: Option<Instant>) {
        self.is_over = true;
        let (meter, ending) = (self.slot.meter(), Ending::of_answer(answer));
        if let Some(span) = self.span.take() {
            let error = answer.as_ref().err().map(|error| error.clone().into_call_error(CallId(0)));
            span.end(ending.label(), error.as_ref().map(ToString::to_string));
        }
        if !self.counts {
            return;
        }
        match answer {
            Err(ErrorBody::NotExecuted(reason)) => meter.count_refused(reason),
            Ok(_) | Err(_) => meter.count(ending),
        }
        if ending != Ending::Ok {
            return;
        }
        match (since, self.began) {
            (Some(since), began) => meter.took(began.unwrap_or(since).elapsed(), 1),
            (None, Some(began)) => meter.took(began.elapsed(), TIMED_ONE_IN),
            (None, None) => {}
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_over && self.counts {
            self.slot.meter().count(Ending::Cancelled);
        }
    }
}

/// A handler without its types.
pub(crate) trait Handler: Send + Sync {
    /// Starts serving a call, and holds `held` until it is done. Foreign code in it is caught when
    /// it panics.
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling;

    /// True when it computes on the blocking pool: its default concurrency is the number of cores.
    fn is_blocking(&self) -> bool {
        false
    }
}

/// Reads the arguments of a command.
fn decode<C: Command>(body: &Body) -> Result<C, ErrorBody> {
    body.codec
        .decode(&body.bytes)
        .map_err(|error| NotExecuted::ArgumentRefused { message: error.message }.into())
}

/// Writes the reply in the codec that the caller used.
fn encode<C: Command>(reply: Result<C::Reply, Failure>) -> Answer {
    let reply = reply.map_err(ErrorBody::from)?;
    let codec = match C::CODEC {
        Codec::None | Codec::Raw => Codec::Json,
        codec => codec,
    };
    match codec.encode(&reply) {
        Ok(bytes) => Ok(Body { codec, bytes }),
        Err(error) => Err(Failure::new("reply_not_encodable", error.message).into()),
    }
}

/// Starts an async handler and gives back what it holds when it has answered, or failed. A panic of
/// user code becomes a failure that answers at once.
fn handling<F>(held: Held, start: impl FnOnce() -> Result<F, ErrorBody>) -> Handling
where
    F: Future<Output = Answer> + Send + 'static,
{
    // The function is called here, so that the future holds no more than what it made of its
    // arguments.
    let started = catch_unwind(AssertUnwindSafe(start));
    match started.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into())) {
        Ok(future) => Box::pin(async move {
            let (answer, since) = run(AssertUnwindSafe(future).catch_unwind()).await;
            let answer = answer.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()));
            held.end(&answer, since);
            answer
        }),
        Err(refused) => {
            let answer = Err(refused);
            held.end(&answer, None);
            Box::pin(ready(answer))
        }
    }
}

/// Runs a future to its end; says since when it has waited, unless it was done at once.
async fn run<F: Future>(future: F) -> (F::Output, Option<Instant>) {
    let mut future = pin!(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(answer) => (answer, None),
        Poll::Pending => {
            let since = Instant::now();
            (future.await, Some(since))
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Failure::new("panic", format!("the handler panicked: {words}"))
}
