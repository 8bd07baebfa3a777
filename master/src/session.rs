//! The master's end of the conversation with one worker: serves what comes over its link by handing
//! it to the registry's actor. Owned by the link's task; ends with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use meshwork_shared::codec::Codec;
use meshwork_shared::link::message::{Answer, Body, CommandRef, InboundCall};
use meshwork_shared::link::service::{Handling, Notice, Served, Service};
use meshwork_shared::outcome::NotExecuted;
use meshwork_shared::protocol::{MessageError, ToMaster};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::registry::SessionId;
use crate::registry::actor::{FromWorker, RegistryActor};

/// Messages of one worker that may wait for the registry; one more is `Overloaded`.
const WAITING_MAX: usize = 32;

/// Messages of one worker in one second; more are `Overloaded`. A worker that is well sends a few
/// in an hour.
const PER_SECOND_MAX: u32 = 100;

/// The name of the question whether the holder of a variant lives. Workers need not know it: any
/// answer says that they do.
pub(crate) const PROBE: &str = "probe";

/// Serves one worker.
pub(crate) struct SessionService {
    session: SessionId,
    registry: Addr<RegistryActor>,
    waiting: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

/// How many messages came in the present second.
struct Pace {
    since: Instant,
    count: u32,
}

impl SessionService {
    pub(crate) fn new(session: SessionId, registry: Addr<RegistryActor>) -> Self {
        let pace = Mutex::new(Pace { since: Instant::now(), count: 0 });
        Self { session, registry, waiting: Arc::new(Semaphore::new(WAITING_MAX)), pace }
    }

    fn take(&self, call: &InboundCall) -> Result<Handling, NotExecuted> {
        if !self.is_in_pace() {
            return Err(NotExecuted::overloaded("control messages a second"));
        }
        let message = decode(call)?;
        let waiting = self.waiting.clone().try_acquire_owned();
        let waiting = waiting.map_err(|_| NotExecuted::overloaded("control messages"))?;
        let (reply, answer) = oneshot::channel();
        let sent = self.registry.send(FromWorker { session: self.session, message, reply });
        Ok(Box::pin(answered(sent, answer, waiting)))
    }

    fn is_in_pace(&self) -> bool {
        let now = Instant::now();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(pace.since) >= Duration::from_secs(1) {
            *pace = Pace { since: now, count: 0 };
        }
        pace.count = pace.count.saturating_add(1);
        pace.count <= PER_SECOND_MAX
    }
}

/// Without an answer the master is about to stop.
async fn answered(
    sent: actix::dev::Request<RegistryActor, FromWorker>,
    answer: oneshot::Receiver<Body>,
    _waiting: OwnedSemaphorePermit,
) -> Answer {
    sent.await.map_err(|_| NotExecuted::Draining)?;
    answer.await.map_err(|_| NotExecuted::Draining.into())
}

fn decode(call: &InboundCall) -> Result<ToMaster, NotExecuted> {
    let CommandRef::Name(name) = &call.command else {
        return Err(NotExecuted::NoSuchCommand);
    };
    let refused = |message: String| NotExecuted::ArgumentRefused { message };
    let name = std::str::from_utf8(name).map_err(|_| NotExecuted::NoSuchCommand)?;
    if call.body.codec != Codec::Json {
        return Err(refused("control messages are JSON".to_owned()));
    }
    let message = ToMaster::decode(name, &call.body.bytes).map_err(|error| match error {
        MessageError::Unknown => NotExecuted::NoSuchCommand,
        error => refused(error.to_string()),
    })?;
    match message {
        ToMaster::Join(_) | ToMaster::Leave(_) if !call.wants_reply => {
            Err(refused("this message wants an answer: send it as a call".to_owned()))
        }
        message => Ok(message),
    }
}

impl Service for SessionService {
    fn serve(&self, call: InboundCall) -> Served {
        match self.take(&call) {
            Ok(handling) => Served::Handling(handling),
            Err(reason) => {
                log::debug!("a message of session {} is refused: {reason}", self.session.0);
                Served::Ready(Err(reason.into()))
            }
        }
    }

    /// Tickets and lists of peers are no business of the master; the end of the link is told by
    /// its task.
    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}
