//! Actix actors as handlers: any actor that handles the command as an [`actix::Message`].
//!
//! The actor is started here, because only its own mailbox can say that it is full; actix's `send`
//! would wait instead.

use std::marker::PhantomData;

use actix::dev::channel::{AddressSender, channel};
use actix::dev::{MessageResponse, ToEnvelope};
use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context as ActorContext, Message};
use meshwork_shared::link::message::Body;
use meshwork_shared::link::service::Handling;
use meshwork_shared::outcome::{Failure, NotExecuted};
use tokio::time::Instant;

use super::{Handler, Held, decode, encode};
use crate::command::Command;
use crate::context::Context;

/// A started actor that commands can be given to.
///
/// ```
/// use actix::{Actor, Context, Handler, Message};
/// use meshwork_worker::{Command, Failure, handler::actor::ActorHandle};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[rtype(result = "Result<u64, Failure>")]
/// struct Count(u64);
///
/// impl Command for Count {
///     const WORKER: &'static str = "counter";
///     const NAME: &'static str = "count";
///     type Reply = u64;
/// }
///
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl Actor for Counter {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Count> for Counter {
///     type Result = Result<u64, Failure>;
///     fn handle(&mut self, Count(n): Count, _: &mut Context<Self>) -> Self::Result {
///         self.0 += n;
///         Ok(self.0)
///     }
/// }
///
/// # actix_rt::System::new().block_on(async {
/// let counter = ActorHandle::start(Counter::default(), 64);
/// let builder = meshwork_worker::Worker::builder("counter").handle_actor::<Count, _>(&counter);
/// # drop(builder);
/// # });
/// ```
pub struct ActorHandle<A: Actor> {
    sender: AddressSender<A>,
}

impl<A: Actor<Context = ActorContext<A>>> ActorHandle<A> {
    /// Starts `actor` in the current actix system, with room for `mailbox_len` messages. One more
    /// is answered `Overloaded`.
    pub fn start(actor: A, mailbox_len: usize) -> Self {
        let (sender, receiver) = channel(mailbox_len);
        ActorContext::with_receiver(receiver).run(actor);
        Self { sender }
    }

    /// The actor's address, for other uses.
    pub fn addr(&self) -> Addr<A> {
        Addr::new(self.sender.clone())
    }
}

impl<A: Actor> Clone for ActorHandle<A> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

pub(crate) struct ActorHandler<A: Actor, C> {
    sender: AddressSender<A>,
    command: PhantomData<fn(C)>,
}

impl<A: Actor, C> ActorHandler<A, C> {
    pub(crate) fn new(handle: &ActorHandle<A>) -> Self {
        Self { sender: handle.sender.clone(), command: PhantomData }
    }
}

impl<A, C> Handler for ActorHandler<A, C>
where
    C: Command + Message<Result = Result<<C as Command>::Reply, Failure>>,
    A: Actor + actix::Handler<C>,
    A::Context: AsyncContext<A> + ToEnvelope<A, C>,
    Result<C::Reply, Failure>: MessageResponse<A, C>,
{
    fn handle(&self, _: Context, body: Body, held: Held) -> Handling {
        let sent = decode::<C>(&body).and_then(|command| {
            self.sender.send(command).map_err(|refused| {
                match refused {
                    SendError::Full(_) => NotExecuted::overloaded("the actor's mailbox"),
                    SendError::Closed(_) => NotExecuted::NoSuchCommand,
                }
                .into()
            })
        });
        Box::pin(async move {
            let since = Instant::now();
            let answer = match sent {
                Err(refused) => Err(refused),
                Ok(sent) => match sent.await {
                    Ok(reply) => encode::<C>(reply),
                    Err(_) => {
                        Err(Failure::new("panic", "the actor stopped before it answered").into())
                    }
                },
            };
            held.end(&answer, Some(since));
            answer
        })
    }
}
