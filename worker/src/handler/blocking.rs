//! Functions that compute: on tokio's blocking threads, as many at once as the command's
//! `concurrency` lets in.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use meshwork_shared::link::message::{Answer, Body};
use meshwork_shared::link::service::Handling;
use meshwork_shared::outcome::Failure;
use tokio::time::Instant;

use super::{Handler, Held, decode, encode, panicked};
use crate::command::Command;
use crate::context::Context;

/// Where blocking functions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// On threads of the runtime that serves the link.
    Threads,
    /// Where they are called, for the simulation, which has but one thread.
    InPlace,
}

impl Pool {
    /// Runs `work`, and gives back what it holds on the thread itself: a call that is cancelled
    /// still occupies it.
    fn run(self, held: Held, work: impl FnOnce() -> Answer + Send + 'static) -> Handling {
        let caught = move || {
            let since = Instant::now();
            let answer = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()));
            held.end(&answer, Some(since));
            answer
        };
        match self {
            Self::InPlace => Box::pin(async move { caught() }),
            Self::Threads => Box::pin(async move {
                match tokio::task::spawn_blocking(caught).await {
                    Ok(answer) => answer,
                    // Not a panic, which is caught above: the runtime is going down.
                    Err(error) => Err(Failure::new("stopped", error.to_string()).into()),
                }
            }),
        }
    }
}

/// A function over a typed command.
pub(crate) struct BlockingHandler<C, F> {
    function: Arc<F>,
    pool: Pool,
    command: PhantomData<fn(C)>,
}

impl<C, F> BlockingHandler<C, F> {
    pub(crate) fn new(function: F, pool: Pool) -> Self {
        Self { function: Arc::new(function), pool, command: PhantomData }
    }
}

impl<C, F> Handler for BlockingHandler<C, F>
where
    C: Command,
    F: Fn(Context, C) -> Result<C::Reply, Failure> + Send + Sync + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        let function = self.function.clone();
        self.pool.run(held, move || {
            let command = decode::<C>(&body)?;
            drop(body);
            encode::<C>(function(context, command))
        })
    }

    fn is_blocking(&self) -> bool {
        true
    }
}

/// A function over raw bytes.
pub(crate) struct RawBlockingHandler<F> {
    function: Arc<F>,
    pool: Pool,
}

impl<F> RawBlockingHandler<F> {
    pub(crate) fn new(function: F, pool: Pool) -> Self {
        Self { function: Arc::new(function), pool }
    }
}

impl<F> Handler for RawBlockingHandler<F>
where
    F: Fn(Context, Bytes) -> Result<Bytes, Failure> + Send + Sync + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        let function = self.function.clone();
        self.pool.run(held, move || Ok(Body::raw(function(context, body.bytes)?)))
    }

    fn is_blocking(&self) -> bool {
        true
    }
}
