//! Spans to a collector: OTLP over HTTP, as JSON. A thread of its own takes them from a bounded
//! channel and sends what came together; a collector that is slow or away loses spans, never calls.
//! The thread ends with the worker's last handle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::span::{Ended, Kind};
use crate::builder::StartError;
use crate::worker::Identity;

/// Spans that may wait to be sent; more are dropped and counted.
const SPANS_MAX: usize = 4096;

/// Spans of one request.
const BATCH_MAX: usize = 512;

/// How long a span waits for others.
const GATHER: Duration = Duration::from_millis(500);

/// How long the collector may take.
const WITHIN: Duration = Duration::from_secs(5);

/// How long a shutdown waits for the last spans.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// A collector that does not take spans is told of this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

enum Item {
    Span(Box<Ended>),
    Flush(oneshot::Sender<()>),
}

/// The way to a collector.
pub(super) struct Exporter {
    items: SyncSender<Item>,
    dropped: AtomicU64,
}

impl Exporter {
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(endpoint: &str, identity: &Identity) -> Result<Self, StartError> {
        let (items, incoming) = sync_channel(SPANS_MAX);
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let resource = resource(identity);
        let thread = std::thread::Builder::new().name("meshwork-otlp".to_owned());
        thread.spawn(move || export(&incoming, &url, &resource)).map_err(StartError::Thread)?;
        Ok(Self { items, dropped: AtomicU64::new(0) })
    }

    /// Hands a span over, or drops it.
    pub(super) fn send(&self, ended: Ended) {
        if self.items.try_send(Item::Span(Box::new(ended))).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                log::warn!("{dropped} spans were dropped: the collector is slower than they come");
            }
        }
    }

    /// Waits until everything that was handed over is sent, but not for long.
    pub(super) async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.items.try_send(Item::Flush(done)).is_ok() {
            // Late is as good as never: the spans are lost then.
            let _ = timeout(FLUSH_WITHIN, is_done).await;
        }
    }
}

/// Sends until nobody can hand anything over any more.
fn export(items: &Receiver<Item>, url: &str, resource: &Value) {
    let config = ureq::Agent::config_builder().timeout_global(Some(WITHIN));
    let agent: ureq::Agent = config.build().into();
    let mut told: Option<Instant> = None;
    while let Ok(first) = items.recv() {
        let (mut batch, mut flushes) = (Vec::new(), Vec::new());
        let until = Instant::now() + GATHER;
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Item::Span(span) => batch.push(span_json(&span)),
                Item::Flush(done) => flushes.push(done),
            }
            if batch.len() >= BATCH_MAX || !flushes.is_empty() {
                break;
            }
            let left = until.saturating_duration_since(Instant::now());
            next = items.recv_timeout(left).ok();
        }
        if !batch.is_empty() {
            let scope = json!({"name": "meshwork", "version": env!("CARGO_PKG_VERSION")});
            let spans = json!([{"scope": scope, "spans": batch}]);
            let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": spans}]});
            let request = agent.post(url).header("content-type", "application/json");
            if let Err(error) = request.send(body.to_string())
                && told.is_none_or(|at| at.elapsed() >= TELL_EVERY)
            {
                told = Some(Instant::now());
                log::warn!("spans do not reach {url}: {error}");
            }
        }
        // Whoever waited may have given up.
        for done in flushes {
            let _ = done.send(());
        }
    }
}

fn resource(identity: &Identity) -> Value {
    json!({"attributes": [
        text("service.name", identity.worker.as_str()),
        text("service.instance.id", identity.variant.as_str()),
    ]})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn span_json(span: &Ended) -> Value {
    // As the protocol numbers them: server, client, producer, consumer; unset, and error.
    let kind = match span.kind {
        Kind::Handle => 2,
        Kind::Call => 3,
        Kind::Enqueue => 4,
        Kind::Job => 5,
    };
    let status = if span.error.is_some() { 2 } else { 0 };
    let mut about = vec![
        text("rpc.system", "meshwork"),
        text("meshwork.kind", span.kind.label()),
        text("meshwork.outcome", span.outcome),
    ];
    about.extend(span.about.iter().map(|(key, value)| text(key, value)));
    json!({
        "traceId": hex(&span.context.trace_id),
        "spanId": hex(&span.context.span_id),
        "parentSpanId": span.parent.map_or_else(String::new, |parent| hex(&parent)),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": span.began_ns.to_string(),
        "endTimeUnixNano": span.ended_ns.to_string(),
        "attributes": about,
        "status": {"code": status, "message": span.error.clone().unwrap_or_default()},
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
