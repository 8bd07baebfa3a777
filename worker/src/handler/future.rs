//! Async functions as handlers.

use std::marker::PhantomData;

use bytes::Bytes;
use meshwork_shared::link::message::Body;
use meshwork_shared::link::service::Handling;
use meshwork_shared::outcome::Failure;

use super::{Handler, Held, decode, encode, handling};
use crate::command::Command;
use crate::context::Context;

/// An async function over a typed command.
pub(crate) struct FutureHandler<C, F> {
    function: F,
    command: PhantomData<fn(C)>,
}

impl<C, F> FutureHandler<C, F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function, command: PhantomData }
    }
}

impl<C, F, R> Handler for FutureHandler<C, F>
where
    C: Command,
    F: Fn(Context, C) -> R + Send + Sync + 'static,
    R: Future<Output = Result<C::Reply, Failure>> + Send + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        handling(held, || {
            let answer = (self.function)(context, decode::<C>(&body)?);
            Ok(async move { encode::<C>(answer.await) })
        })
    }
}

/// An async function over raw bytes.
pub(crate) struct RawHandler<F> {
    function: F,
}

impl<F> RawHandler<F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function }
    }
}

impl<F, R> Handler for RawHandler<F>
where
    F: Fn(Context, Bytes) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Bytes, Failure>> + Send + 'static,
{
    fn handle(&self, context: Context, body: Body, held: Held) -> Handling {
        handling(held, || {
            let answer = (self.function)(context, body.bytes);
            Ok(async move { Ok(Body::raw(answer.await?)) })
        })
    }
}
