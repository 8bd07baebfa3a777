//! Calls: how a request finds its instance, and what is done when one says no.
//!
//! * [`balanced`]: one instance, by strategy; another one when it was not executed
//! * [`broadcast`]: every instance, one outcome each
//! * [`direct`]: one variant
//! * [`enqueue`]: a job; [`enqueue_all`]: many; [`enqueue_broadcast`]: one for every instance
//! * [`options`]: what a caller may choose

mod attempts;
pub mod balanced;
pub mod broadcast;
pub mod direct;
pub mod enqueue;
pub mod enqueue_all;
pub mod enqueue_broadcast;
mod metered;
pub mod options;

use std::time::Duration;

use bytes::Bytes;
use meshwork_schema::{CommandSchema, Delivery};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::CallId;
use meshwork_shared::link::handle::PendingReply;
use meshwork_shared::link::message::{Body, CommandRef, Request};
use meshwork_shared::outcome::{CallError, NotExecuted, UnknownCause};
use meshwork_shared::record::TraceContext;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::command::Command;
use crate::jobs::wire::ENQUEUE;
use crate::routes::{CommandRoute, Instance, Routes};
use crate::traces::Call as Told;
use crate::worker::Worker;
use metered::Metered;
use options::CallOptions;

/// How a command is asked for; what the schema says of the command must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// One instance, which answers.
    Call,
    /// Every instance.
    Broadcast,
    /// One instance's queue.
    Enqueue,
    /// Every instance's queue.
    EnqueueBroadcast,
    /// One variant, whatever the delivery.
    Direct,
}

impl Asking {
    fn fits(self, command: &CommandSchema) -> Result<(), NotExecuted> {
        let advice = match (self, command.queued, command.delivery) {
            (Self::Call, true, _) => "is queued: use enqueue",
            (Self::Broadcast, true, _) => "is queued: use enqueue_broadcast",
            (Self::Direct, true, _) => "is queued: use enqueue",
            (Self::Enqueue | Self::EnqueueBroadcast, false, _) => "is not queued: use call",
            (Self::Call | Self::Enqueue, _, Delivery::Broadcast) => "goes to all: use broadcast",
            (Self::Broadcast | Self::EnqueueBroadcast, _, Delivery::Balanced) => {
                "goes to one instance: use call"
            }
            _ => return Ok(()),
        };
        let message = format!("`{}` {advice}", command.name);
        Err(NotExecuted::ArgumentRefused { message })
    }
}

/// A request that has not chosen its instance yet.
pub(crate) struct Outgoing<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) callee: &'a str,
    pub(crate) command: &'a str,
    pub(crate) asking: Asking,
    pub(crate) body: Body,
    pub(crate) options: CallOptions,
}

impl<'a> Outgoing<'a> {
    /// The same without arguments, for whoever only looks for an instance.
    fn without_body(&self) -> Outgoing<'a> {
        let Self { worker, callee, command, asking, .. } = *self;
        let (body, options) = (Body::empty(), CallOptions::default());
        Outgoing { worker, callee, command, asking, body, options }
    }

    /// The command's route, or why it may not be called at all.
    fn route<'r>(&self, routes: &'r Routes) -> Result<&'r CommandRoute, NotExecuted> {
        let route = routes.command(self.callee, self.command).ok_or(NotExecuted::NoSuchCommand)?;
        if !route.allowed {
            return Err(NotExecuted::NotAllowed);
        }
        self.asking.fits(&route.schema).map(|()| route)
    }

    /// It failed before it was on its way: told of as others that fail.
    fn tell(&self, error: &CallError) {
        let (name, trace) = (format_args!("{}.{}", self.callee, self.command), self.worker.trace());
        let call = Told { name: &name, took: Duration::ZERO, error: Some(error), trace };
        self.worker.inner().tracer.tell(&call);
    }

    /// When a call that begins now ends: the caller's choice or the schema's, but no later than the
    /// deadline that is inherited from the call being served.
    fn deadline(&self, route: &CommandRoute, now: Instant) -> Instant {
        let own = now + self.options.deadline.unwrap_or(route.schema.timeout);
        self.worker.inherited_deadline().map_or(own, |inherited| own.min(inherited))
    }

    #[inline]
    fn request(
        &self,
        route: &CommandRoute,
        to: &Instance,
        deadline: Instant,
        trace: Option<TraceContext>,
    ) -> Request {
        let command = match self.asking {
            // The body says which command, and what was chosen for the job.
            Asking::Enqueue | Asking::EnqueueBroadcast => CommandRef::Name(ENQUEUE.into()),
            Asking::Call | Asking::Broadcast | Asking::Direct => route.command_ref(to),
        };
        Request {
            command,
            body: self.body.clone(),
            deadline,
            trace,
            attempt: None,
            wants_reply: route.schema.responds || route.schema.queued,
        }
    }
}

/// Hands a request to an instance's link and waits for the answer, if there is to be one; `read`
/// makes of it what the caller asked for.
async fn send<R>(
    to: &Instance,
    request: Request,
    metered: Metered,
    read: impl FnOnce(Body) -> Result<R, CallError>,
) -> Result<R, CallError> {
    let (outcome, answered) = match hand_over(to, request) {
        Ok(Some(mut reply)) => {
            let outcome = (&mut reply).await;
            (outcome, Some(reply.answered_at()))
        }
        Ok(None) => (Ok(Body::empty()), None),
        Err(reason) => (Err(CallError::not_executed(reason)), None),
    };
    let outcome = outcome.and_then(read);
    metered.end(&outcome, answered);
    outcome
}

fn hand_over(to: &Instance, request: Request) -> Result<Option<PendingReply>, NotExecuted> {
    let link = to.link.as_ref().ok_or(NotExecuted::NoInstance)?;
    if request.wants_reply {
        link.call(request).map(Some)
    } else {
        link.cast(request).map(|()| None)
    }
}

/// Encodes the arguments of a typed command.
pub(crate) fn encode<C: Command>(command: &C) -> Result<Body, NotExecuted> {
    let codec = match C::CODEC {
        Codec::None | Codec::Raw => Codec::Json,
        codec => codec,
    };
    match codec.encode(command) {
        Ok(bytes) => Ok(Body { codec, bytes }),
        Err(error) => Err(NotExecuted::ArgumentRefused { message: error.to_string() }),
    }
}

/// Reads a typed reply. An empty one stands for a command without an answer.
pub(crate) fn decode<R: DeserializeOwned>(body: Body) -> Result<R, CallError> {
    body.codec.decode(&body.bytes).map_err(|error| CallError::Unknown {
        // The handler ran and its answer came; what it says is lost.
        call_id: CallId(0),
        cause: UnknownCause::BadReply { message: error.message },
    })
}

/// A JSON value as arguments.
pub(crate) fn json_body(value: &serde_json::Value) -> Body {
    Body { codec: Codec::Json, bytes: Bytes::from(value.to_string()) }
}
