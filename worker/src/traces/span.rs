//! One thing that took time, as part of a trace.

use std::fmt;
use std::sync::Arc;

use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use super::Tracer;

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call, from its caller's side.
    Call,
    /// A job being stored.
    Enqueue,
    /// A call being served.
    Handle,
    /// A run of a job.
    Job,
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Enqueue => "enqueue",
            Self::Handle => "handle",
            Self::Job => "job",
        }
    }
}

/// A span under way. One that is dropped was cancelled.
pub(crate) struct Span {
    pub(super) tracer: Arc<Tracer>,
    pub(super) kind: Kind,
    /// `worker.command`.
    pub(super) name: String,
    /// What others are told, so that their spans are below this one.
    pub(super) context: TraceContext,
    /// `None` for the one that began the trace.
    pub(super) parent: Option<[u8; 8]>,
    pub(super) began: Instant,
    pub(super) about: Vec<(&'static str, String)>,
}

/// A span that is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) context: TraceContext,
    pub(crate) parent: Option<[u8; 8]>,
    /// Unix time, nanoseconds.
    pub(crate) began_ns: u64,
    pub(crate) ended_ns: u64,
    /// As the label of `meshwork_calls_total`.
    pub(crate) outcome: &'static str,
    /// What went wrong.
    pub(crate) error: Option<String>,
    pub(crate) about: Vec<(&'static str, String)>,
}

impl Span {
    /// What calls below this one are told.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    /// Tells more of it.
    pub(crate) fn with(mut self: Box<Self>, name: &'static str, value: String) -> Box<Self> {
        self.about.push((name, value));
        self
    }

    /// It is over.
    pub(crate) fn end(mut self, outcome: &'static str, error: Option<String>) {
        self.over(outcome, error);
    }

    fn over(&mut self, outcome: &'static str, error: Option<String>) {
        let ended = Ended {
            kind: self.kind,
            name: std::mem::take(&mut self.name),
            context: self.context,
            parent: self.parent,
            began_ns: self.tracer.unix_ns(self.began),
            ended_ns: self.tracer.unix_ns(Instant::now()),
            outcome,
            error,
            about: std::mem::take(&mut self.about),
        };
        self.tracer.ended(ended);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        // Its name is taken when it ends.
        if !self.name.is_empty() {
            self.over("cancelled", None);
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.ended_ns.saturating_sub(self.began_ns) as f64 / 1e6;
        let (kind, name, trace) = (self.kind.label(), &self.name, self.context.traceparent());
        write!(f, "{kind} {name} {}, {took:.3} ms, trace {trace}", self.outcome)?;
        if let Some(parent) = self.parent {
            write!(f, " below {:016x}", u64::from_be_bytes(parent))?;
        }
        self.about.iter().try_for_each(|(key, value)| write!(f, ", {key} {value}"))?;
        self.error.iter().try_for_each(|error| write!(f, ": {error}"))
    }
}
