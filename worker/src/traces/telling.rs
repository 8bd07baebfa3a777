//! A line of the log for each slow or failed call, up to a bound.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use meshwork_shared::outcome::CallError;
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

/// Lines a second; what is beyond is counted, and told with the next one.
const LINES_PER_SECOND: u32 = 10;

/// A call that is over.
pub(crate) struct Call<'a> {
    /// `worker.command`.
    pub(crate) name: &'a dyn Display,
    pub(crate) took: Duration,
    pub(crate) error: Option<&'a CallError>,
    pub(crate) trace: Option<TraceContext>,
}

/// Tells of calls.
pub(super) struct Telling {
    /// Zero: no call is slow.
    slow: Duration,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    untold: u64,
}

impl Telling {
    pub(super) fn new(slow: Duration) -> Self {
        Self { slow, window: Mutex::default() }
    }

    #[inline]
    pub(super) fn is_slow(&self, took: Duration) -> bool {
        !self.slow.is_zero() && took >= self.slow
    }

    pub(super) fn tell(&self, call: &Call<'_>) {
        if let Some(untold) = self.may_tell(Instant::now()) {
            log::info!(target: "meshwork::calls", "{}", line(call, untold));
        }
    }

    /// Whether a line may be written, and how many were not since the last one.
    fn may_tell(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now >= began + Duration::from_secs(1)) {
            (window.began, window.lines) = (Some(now), 0);
        }
        if window.lines >= LINES_PER_SECOND {
            window.untold += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.untold))
    }
}

/// A trace as lines of the log have it.
pub(crate) fn text(trace: Option<TraceContext>) -> String {
    trace.map_or_else(|| "-".to_owned(), |trace| trace.traceparent())
}

fn line(call: &Call<'_>, untold: u64) -> String {
    let Call { name, took, error, trace } = call;
    let what = match error {
        Some(error) => format!("failed: {error}"),
        None => "was slow".to_owned(),
    };
    let trace = text(*trace);
    let more = if untold > 0 { format!(" ({untold} more before)") } else { String::new() };
    format!("{name} {what}; took {:.3} s, trace {trace}{more}", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_shared::outcome::NotExecuted;

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_failures_is_ten_lines_a_second() {
        let telling = Telling::new(Duration::ZERO);
        let told = (0..1000).filter(|_| telling.may_tell(Instant::now()).is_some()).count();
        assert_eq!(told, LINES_PER_SECOND as usize);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(telling.may_tell(Instant::now()), Some(990));
        assert_eq!(telling.may_tell(Instant::now()), Some(0));
    }

    #[test]
    fn a_line_names_the_call_and_its_trace() {
        let trace = TraceContext { trace_id: [0xab; 16], span_id: [1; 8], flags: 1 };
        let error = CallError::not_executed(NotExecuted::NoInstance);
        let took = Duration::from_millis(1500);
        let call = Call { name: &"shop.sell", took, error: Some(&error), trace: Some(trace) };
        let line = line(&call, 3);
        assert!(line.starts_with("shop.sell failed: "), "{line}");
        let ids = format!("trace 00-{}-{}-01", "ab".repeat(16), "01".repeat(8));
        assert!(line.contains("1.500 s") && line.contains(&ids), "{line}");
        assert!(line.ends_with("(3 more before)"), "{line}");
    }
}
