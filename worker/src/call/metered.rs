//! A call under way, as it is counted and followed: begun when an instance was chosen, over with
//! its outcome, or cancelled when nobody waits any more.

use std::sync::Arc;

use meshwork_shared::outcome::CallError;
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use crate::metrics::meter::Ending;
use crate::routes::Track;
use crate::traces::Call;
use crate::traces::span::{Kind, Span};

/// Counts and follows one call.
pub(crate) struct Metered {
    track: Arc<Track>,
    began: Instant,
    span: Option<Box<Span>>,
    /// What the callee is told of it; boxed, since almost no call has one.
    trace: Option<Box<TraceContext>>,
    is_over: bool,
}

impl Metered {
    /// A call begins, caused by what `inherited` tells of.
    pub(crate) fn new(track: &Arc<Track>, began: Instant, inherited: Option<TraceContext>) -> Self {
        Self::of(Kind::Call, track, began, inherited)
    }

    /// The same of a job that is to be stored.
    pub(crate) fn enqueue(
        track: &Arc<Track>,
        began: Instant,
        inherited: Option<TraceContext>,
    ) -> Self {
        Self::of(Kind::Enqueue, track, began, inherited)
    }

    #[inline]
    fn of(kind: Kind, track: &Arc<Track>, began: Instant, inherited: Option<TraceContext>) -> Self {
        let span = track.tracer.call(kind, inherited, began, || track.name.clone());
        let trace = span.as_ref().map(|span| span.context()).or(inherited).map(Box::new);
        Self { track: track.clone(), began, span, trace, is_over: false }
    }

    /// What the callee is told, so that what it does belongs to the same trace.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace.as_deref().copied()
    }

    /// The call is over; its answer came at `answered`, if one was waited for.
    #[inline]
    pub(crate) fn end<T>(mut self, outcome: &Result<T, CallError>, answered: Option<Instant>) {
        self.is_over = true;
        let (track, ending) = (&self.track, Ending::of_call(outcome));
        let error = outcome.as_ref().err();
        let ended = match (error, answered) {
            (None, Some(answered)) => Some(answered),
            // It is handed to the link, and took no time.
            (None, None) => None,
            (Some(_), _) => Some(Instant::now()),
        };
        let took = ended.map(|ended| ended.saturating_duration_since(self.began));
        if track.tracer.counts {
            match took.filter(|_| ending == Ending::Ok) {
                // That counts it as well: it is the way of almost all calls.
                Some(took) => track.meter.took(took, 1),
                None => track.meter.count_call(outcome),
            }
        }
        let took = took.unwrap_or_default();
        if track.tracer.tells(took, error.is_some()) {
            let trace = self.trace();
            track.tracer.tell(&Call { name: &track.name, took, error, trace });
        }
        if let Some(span) = self.span.take() {
            span.end(ending.label(), error.map(ToString::to_string));
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if !self.is_over && self.track.tracer.counts {
            self.track.meter.count(Ending::Cancelled);
        }
    }
}
