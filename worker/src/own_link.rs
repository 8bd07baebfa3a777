//! A link of a process to itself: what asks whether calls get through. It carries one question, and
//! serves no command of the schema.

use std::time::Duration;

use meshwork_shared::link::message::{Body, CommandRef, InboundCall};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::outcome::NotExecuted;

/// The question that is answered with nothing. No command of a schema begins with a `_`.
pub(crate) const ANSWER: &str = "_answer";

/// What serves both ends.
#[derive(Debug)]
pub(crate) struct OwnService;

impl Service for OwnService {
    fn serve(&self, call: InboundCall) -> Served {
        match &call.command {
            CommandRef::Name(name) if name[..] == *ANSWER.as_bytes() => {
                Served::Ready(Ok(Body::empty()))
            }
            _ => Served::Ready(Err(NotExecuted::NoSuchCommand.into())),
        }
    }

    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}
