//! A call under way, as it is counted: begun when an instance was chosen, over with its outcome, or
//! cancelled when nobody waits any more.

use std::sync::Arc;

use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::CallError;
use tokio::time::Instant;

use crate::metrics::meter::Ending;
use crate::routes::Track;

/// Counts one call.
pub(crate) struct Metered {
    track: Arc<Track>,
    began: Instant,
    is_over: bool,
}

impl Metered {
    pub(crate) fn new(track: Arc<Track>, began: Instant) -> Self {
        Self { track, began, is_over: false }
    }

    /// The call is over; its answer came at `answered`, if one was waited for.
    pub(crate) fn end(mut self, outcome: &Result<Body, CallError>, answered: Option<Instant>) {
        self.is_over = true;
        let ending = Ending::of_call(outcome);
        self.track.meter.count(ending);
        if let Some(answered) = answered.filter(|_| ending == Ending::Ok) {
            self.track.meter.took(answered.saturating_duration_since(self.began), 1);
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if !self.is_over {
            self.track.meter.count(Ending::Cancelled);
        }
    }
}
