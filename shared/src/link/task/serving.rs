//! The calls of one piece of a frame: how many are served before their answers are written, and
//! which handler held the lane up.

use tokio::time::Instant;

use super::super::message::CommandRef;
use super::super::running::IN_PLACE_MAX;
use super::super::service::Service;

/// Calls served before their answers are written: the peer has these while the next are served, so
/// that neither end waits for the other.
const CALLS_IN_A_ROW: usize = 64;

pub(super) struct Serving {
    refuses: bool,
    count: usize,
    last: Option<CommandRef>,
    /// When the piece began, or the last call ended that was timed by itself.
    since: Instant,
}

impl Serving {
    /// A piece begins, of which calls are refused or not.
    pub(super) fn new(refuses: bool, now: Instant) -> Self {
        Self { refuses, count: 0, last: None, since: now }
    }

    /// True while more calls may be served.
    pub(super) fn goes_on(&self) -> bool {
        self.count < CALLS_IN_A_ROW
    }

    /// True when calls are to be refused.
    pub(super) fn refuses(&self) -> bool {
        self.refuses
    }

    /// A call was served. Reading the clock is a good part of what a call costs, so calls are timed
    /// one by one only on a link with a handler that held it up before: then `watch` is told.
    pub(super) fn served<S: Service>(&mut self, command: CommandRef, watch: Option<&S>) {
        self.count += 1;
        if let Some(service) = watch {
            let (done, began) = (Instant::now(), self.since);
            self.since = done;
            if done.duration_since(began) > IN_PLACE_MAX {
                service.computed_in_place(&command, done.duration_since(began));
            }
        } else {
            self.last = Some(command);
        }
    }

    /// At the end of the piece: whether one of its handlers held the lane up. With more than one of
    /// them nobody knows which.
    pub(super) fn held_up<S: Service>(&self, service: &S) -> bool {
        let Some(command) = &self.last else { return false };
        let took = self.since.elapsed();
        if self.count == 1 && took > IN_PLACE_MAX {
            service.computed_in_place(command, took);
        }
        took > IN_PLACE_MAX
    }
}
