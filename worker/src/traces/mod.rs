//! Traces: which calls are followed, what is told of them, and where that goes.
//!
//! A trace begins with a call that nothing else caused, one of so many. Its context travels with
//! the call and with jobs, in the form of W3C; whoever serves it calls on under the same trace.
//! What is not followed costs one addition.
//!
//! * `span.rs`: one thing that took time, as part of a trace
//! * `telling.rs`: a line of the log for slow and failed calls
//! * `otlp.rs`: the way to a collector, with the feature `otlp`

#[cfg(feature = "otlp")]
mod otlp;
pub(crate) mod span;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use crate::builder::StartError;
use crate::worker::Identity;
use span::{Ended, Kind, Span};
use telling::Telling;

/// The bit of a context that says that the trace is followed.
const SAMPLED: u8 = 1;

/// What a worker is to follow, and how loud.
#[derive(Clone, Debug)]
pub(crate) struct TraceOptions {
    /// Of calls that nothing else caused one in so many begins a trace; 0: none.
    pub(crate) one_in: u64,
    /// Calls that take longer are told of; zero: none.
    pub(crate) slow: Duration,
    /// Where spans are sent, as `http://host:port`.
    pub(crate) endpoint: Option<String>,
    /// Whether calls are counted.
    pub(crate) counts: bool,
}

/// Follows calls.
pub(crate) struct Tracer {
    one_in: u64,
    asked: AtomicU64,
    random: Random,
    /// One moment by both clocks.
    began: (Instant, Duration),
    telling: Telling,
    pub(crate) counts: bool,
    #[cfg(feature = "otlp")]
    exporter: Option<otlp::Exporter>,
}

impl Tracer {
    /// # Errors
    /// Spans are to be sent, and this program cannot, or the system gives no thread.
    pub(crate) fn new(
        options: &TraceOptions,
        random: Random,
        clock: &Clock,
        identity: &Identity,
    ) -> Result<Arc<Self>, StartError> {
        #[cfg(feature = "otlp")]
        let exporter = match &options.endpoint {
            Some(endpoint) => Some(otlp::Exporter::start(endpoint, identity)?),
            None => None,
        };
        #[cfg(not(feature = "otlp"))]
        if let Some(endpoint) = &options.endpoint {
            let endpoint = endpoint.clone();
            let _ = identity;
            return Err(StartError::NoOtlp { endpoint });
        }
        Ok(Arc::new(Self {
            one_in: options.one_in,
            asked: AtomicU64::new(0),
            random,
            began: (Instant::now(), Duration::from_millis(clock.unix_ms())),
            telling: Telling::new(options.slow),
            counts: options.counts,
            #[cfg(feature = "otlp")]
            exporter,
        }))
    }

    /// A call or an enqueue of ours begins, caused by what `inherited` tells of.
    pub(crate) fn call(
        self: &Arc<Self>,
        kind: Kind,
        inherited: Option<TraceContext>,
        began: Instant,
        name: impl FnOnce() -> String,
    ) -> Option<Box<Span>> {
        if inherited.is_some() {
            return self.serve(kind, inherited, began, name);
        }
        if self.one_in == 0
            || !self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.one_in)
        {
            return None;
        }
        let trace_id = self.random.bytes();
        let root = TraceContext { trace_id, span_id: [0; 8], flags: SAMPLED };
        let mut span = self.span(kind, root, began, name());
        span.parent = None;
        Some(Box::new(span))
    }

    /// Something of a peer's begins; followed if the peer follows it.
    pub(crate) fn serve(
        self: &Arc<Self>,
        kind: Kind,
        inherited: Option<TraceContext>,
        began: Instant,
        name: impl FnOnce() -> String,
    ) -> Option<Box<Span>> {
        let parent = inherited.filter(|context| context.flags & SAMPLED != 0)?;
        Some(Box::new(self.span(kind, parent, began, name())))
    }

    fn span(
        self: &Arc<Self>,
        kind: Kind,
        parent: TraceContext,
        began: Instant,
        name: String,
    ) -> Span {
        let context = TraceContext { span_id: self.random.bytes(), ..parent };
        let tracer = self.clone();
        Span { tracer, kind, name, context, parent: Some(parent.span_id), began, about: Vec::new() }
    }

    /// Whether a call that is over is worth a line.
    #[inline]
    pub(crate) fn tells(&self, took: Duration, failed: bool) -> bool {
        failed || self.telling.is_slow(took)
    }

    /// Tells of a call that was slow, or failed.
    pub(crate) fn tell(&self, call: &telling::Call<'_>) {
        self.telling.tell(call);
    }

    /// When it was by the unix clock, in nanoseconds.
    fn unix_ns(&self, at: Instant) -> u64 {
        let (began, unix) = self.began;
        let since = at.saturating_duration_since(began);
        u64::try_from((unix + since).as_nanos()).unwrap_or(u64::MAX)
    }

    fn ended(&self, ended: Ended) {
        log::trace!(target: "meshwork::traces", "{ended}");
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.exporter {
            exporter.send(ended);
        }
    }

    /// Waits until what has ended is sent, but not for long.
    pub(crate) async fn flush(&self) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.exporter {
            exporter.flush().await;
        }
    }
}

pub(crate) use telling::{Call, text};
