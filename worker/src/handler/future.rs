//! Async functions as handlers.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use meshwork_shared::link::message::Body;
use meshwork_shared::link::service::Handling;
use meshwork_shared::outcome::Failure;

use super::{Handler, Held, caught, decode, encode};
use crate::command::Command;
use crate::context::Context;

/// An async function over a typed command.
pub(crate) struct FutureHandler<C, F> {
    function: Arc<F>,
    command: PhantomData<fn(C)>,
}

impl<C, F> FutureHandler<C, F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function: Arc::new(function), command: PhantomData }
    }
}

impl<C, F, R> Handler for FutureHandler<C, F>
where
    C: Command,
    F: Fn(Context, C) -> R + Send + Sync + 'static,
    R: Future<Output = Result<C::Reply, Failure>> + Send + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        let function = self.function.clone();
        Box::pin(caught(async move {
            let command = decode::<C>(&body)?;
            // The arguments own what they need; the frame they came in may go.
            drop(body);
            let answer = encode::<C>(function(context, command).await);
            drop(held);
            answer
        }))
    }
}

/// An async function over raw bytes.
pub(crate) struct RawHandler<F> {
    function: Arc<F>,
}

impl<F> RawHandler<F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function: Arc::new(function) }
    }
}

impl<F, R> Handler for RawHandler<F>
where
    F: Fn(Context, Bytes) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Bytes, Failure>> + Send + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        let function = self.function.clone();
        Box::pin(caught(async move {
            let answer = function(context, body.bytes).await;
            drop(held);
            Ok(Body::raw(answer?))
        }))
    }
}
