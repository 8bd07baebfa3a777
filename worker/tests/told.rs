//! What the log tells of calls that failed or were slow, and of jobs whose runs failed; and how a
//! reply counts that its caller cannot read.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::outcome::{CallError, UnknownCause};
use meshwork_worker::{Command, Context, Failure, Peer, TraceContext, Worker};
use serde::{Deserialize, Serialize};
use support::{Mesh, eventually, soon};
use tokio::sync::MutexGuard;

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
wrap = { queued = true, attempts = 2, backoff = "10ms..10ms" }
audit = { allow = [] }
[shop._commands._broadcast]
open = {}
[buyer]
_connect = ["shop"]
"#;

/// A call that takes so long is slow. No other takes that, however busy the machine.
const SLOW: Duration = Duration::from_secs(4);

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a caller of another release would expect of the shop.
#[derive(Serialize, Deserialize)]
struct Sell(String);

impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    type Reply = u32;
}

/// The lines of this process.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    /// Those from now on. The other tests of the process wait until the guard is dropped.
    async fn start() -> (&'static Self, MutexGuard<'static, ()>) {
        static LINES: OnceLock<Lines> = OnceLock::new();
        static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let alone = ONE.lock().await;
        let lines = LINES.get_or_init(Self::default);
        if log::set_logger(lines).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
        lines.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        (lines, alone)
    }

    /// Those with this text.
    fn with(&self, text: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// The only one with this text, once it is there.
    async fn only(&self, text: &str) -> String {
        eventually(text, || !self.with(text).is_empty()).await;
        let mut lines = self.with(text);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.remove(0)
    }
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

async fn start(mesh: &Mesh) -> [Worker; 2] {
    let sell = |_: Context, bytes: Bytes| async move {
        match &bytes[..] {
            b"none" => return Err(Failure::new("no_goods", "sold out")),
            b"slow" => tokio::time::sleep(SLOW + Duration::from_secs(1)).await,
            _ => {}
        }
        Ok(bytes)
    };
    let no_paper = |_: Context, _: Bytes| async { Err::<Bytes, _>(Failure::new("no_paper", "")) };
    let echo = |_: Context, bytes: Bytes| async move { Ok(bytes) };
    let shop = mesh.worker("shop").handle_raw("sell", sell).handle_raw("wrap", no_paper);
    let shop = shop.handle_raw("audit", echo).handle_raw("open", echo);
    let shop = soon("the shop", shop.start()).await.unwrap();
    let buyer = mesh.worker("buyer").settings(|settings| {
        settings.trace_one_in = Some(0);
        settings.slow_call = Some(SLOW);
    });
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    eventually("they are linked", || buyer.connected_peers().len() == 1).await;
    [shop, buyer]
}

fn peer(buyer: &Worker) -> Peer {
    let key = buyer.connected_peers().remove(0);
    buyer.peer(key.worker.as_str(), key.variant.as_str()).unwrap()
}

#[tokio::test]
async fn slow_and_failed_calls_are_a_line_each_with_their_trace() {
    let (lines, _alone) = Lines::start().await;
    let mesh = Mesh::start(SCHEMA).await;
    let [_shop, buyer] = start(&mesh).await;
    let traced = buyer.traced(TraceContext::from_traceparent(TRACE));
    traced.call_raw("shop", "sell", "apple").await.unwrap();
    traced.call_raw("shop", "sell", "slow").await.unwrap();
    traced.call_raw("shop", "sell", "none").await.unwrap_err();
    let trace = &TRACE[..36];
    for what in ["shop.sell was slow; took ", "shop.sell failed: "] {
        let line = lines.only(what).await;
        assert!(line.starts_with("meshwork::calls ") && line.contains(trace), "{line}");
    }
    assert!(lines.only("no_goods").await.contains("failed"));
    // Those that never were on their way.
    buyer.call_raw("shop", "audit", "x").await.unwrap_err();
    buyer.call_raw("shop", "nothing", "x").await.unwrap_err();
    buyer.enqueue_raw("shop", "sell", "x").await.unwrap_err();
    peer(&buyer).call_json("missing", &serde_json::Value::Null).await.unwrap_err();
    buyer.broadcast_raw("shop", "closed", "x").await;
    for command in ["audit", "nothing", "missing", "closed"] {
        let line = lines.only(&format!("shop.{command} failed: ")).await;
        assert!(line.ends_with("trace -"), "{line}");
    }
    assert!(lines.only("`sell` is not queued").await.starts_with("meshwork::calls shop.sell"));
    assert_eq!(lines.with("meshwork::calls").len(), 7, "{:#?}", lines.with("meshwork::calls"));
}

#[tokio::test]
async fn a_run_that_failed_is_a_line_with_the_trace_of_its_job() {
    let (lines, _alone) = Lines::start().await;
    let mesh = Mesh::start(SCHEMA).await;
    let [_shop, buyer] = start(&mesh).await;
    let traced = buyer.traced(TraceContext::from_traceparent(TRACE));
    traced.enqueue_raw("shop", "wrap", "apple").await.unwrap();
    for what in [" runs again in ", " is dead: "] {
        let line = lines.only(what).await;
        assert!(line.contains("no_paper") && line.contains(&TRACE[..36]), "{line}");
    }
}

#[tokio::test]
async fn a_reply_that_its_caller_cannot_read_counts_as_unknown() {
    let (lines, _alone) = Lines::start().await;
    let mesh = Mesh::start(SCHEMA).await;
    let [_shop, buyer] = start(&mesh).await;
    let balanced = buyer.call(Sell("apple".to_owned())).await;
    let direct = peer(&buyer).call(Sell("pear".to_owned())).await;
    for told in [balanced, direct] {
        let bad = UnknownCause::BadReply { message: String::new() };
        let Err(CallError::Unknown { cause, .. }) = told else { panic!("{told:?}") };
        assert_eq!(std::mem::discriminant(&cause), std::mem::discriminant(&bad), "{cause:?}");
    }
    let calls = buyer.metrics().await.calls;
    let sold = calls.iter().find(|call| call.command == "shop.sell").unwrap();
    assert_eq!((sold.unknown, sold.ok), (2, 0), "{sold:?}");
    assert_eq!(lines.with("shop.sell failed: ").len(), 2);
}
