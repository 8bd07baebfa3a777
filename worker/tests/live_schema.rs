//! The schema changes while workers run: nobody is started again, and no call fails that the new
//! schema allows.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use meshwork_master::{Apply, Reloaded};
use meshwork_schema::Schema;
use meshwork_shared::codec::Codec;
use meshwork_shared::handshake::{Introduction, Parameters};
use meshwork_shared::link::message::{Body, CommandRef};
use meshwork_shared::outcome::{CallError, NotExecuted, UnknownCause};
use meshwork_worker::{Command, Context, Worker};
use serde::{Deserialize, Serialize};
use support::raw::{self, RawWorker};
use support::{Mesh, eventually, soon};
use tokio::sync::{Semaphore, mpsc, oneshot};

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
wait = {}
[buyer]
_connect = ["shop"]
[auditor]
_connect = ["shop"]
"#;

#[derive(Clone, Serialize, Deserialize)]
struct Sell(u32);
impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    type Reply = u32;
}

/// Answers once the test lets it.
#[derive(Clone, Serialize, Deserialize)]
struct Wait;
impl Command for Wait {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "wait";
    type Reply = ();
}

#[derive(Clone, Serialize, Deserialize)]
struct Refund(u32);
impl Command for Refund {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "refund";
    type Reply = u32;
}

/// Lets handlers of [`Wait`] start and end when the test wants.
struct Gate {
    entered: mpsc::Receiver<()>,
    open: Arc<Semaphore>,
}

async fn apply(mesh: &Mesh, schema: &str, force: bool) -> Reloaded {
    let schema = Schema::from_toml(schema).unwrap();
    let apply = Apply { force, dry_run: false };
    mesh.master().apply_schema(schema, apply).await.unwrap().outcome
}

fn replaced(from: &str, to: &str) -> String {
    assert!(SCHEMA.contains(from), "{from}");
    SCHEMA.replace(from, to)
}

/// A shop that sells and waits.
async fn shop(mesh: &Mesh, variant: &str, grace: Duration) -> (Worker, Gate) {
    let (entering, entered) = mpsc::channel(8);
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let worker = mesh
        .worker("shop")
        .variant(variant)
        .grace(grace)
        .handle(|_: Context, Sell(n)| async move { Ok(n) })
        .handle(move |_: Context, Wait| {
            let (entering, gate) = (entering.clone(), gate.clone());
            async move {
                entering.send(()).await.unwrap();
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        });
    (worker.start().await.unwrap(), Gate { entered, open })
}

const GRACE: Duration = Duration::from_secs(20);

/// A call of [`Wait`] whose handler runs.
async fn waiting(
    caller: &Worker,
    gate: &mut Gate,
) -> tokio::task::JoinHandle<Result<(), CallError>> {
    let caller = caller.clone();
    let call = tokio::spawn(async move { caller.call(Wait).deadline(GRACE).await });
    soon("the handler starts", gate.entered.recv()).await.unwrap();
    call
}

/// Calls without end.
struct Load {
    stop: Arc<AtomicBool>,
    /// How many calls were answered.
    answered: Arc<AtomicU32>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// That many at once; every call must be answered.
    fn start(caller: &Worker, tasks: u32) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let call = |n: u32| {
            let (caller, stop, answered) = (caller.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(caller.call(Sell(n)).await, Ok(n));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = (0..tasks).map(call).collect();
        Self { stop, answered, tasks }
    }

    /// Waits until that many more are answered.
    async fn goes_on(&self, calls: u32) {
        let wanted = self.answered.load(Ordering::Relaxed) + calls;
        let is_answered = || self.answered.load(Ordering::Relaxed) >= wanted;
        eventually("calls are answered", is_answered).await;
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_schema_changes_under_load_and_no_call_fails() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_one, _) = shop(&mesh, "one", GRACE).await;
    let (_two, _) = shop(&mesh, "two", GRACE).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    eventually("both are linked", || buyer.connected_peers().len() == 2).await;
    let load = Load::start(&buyer, 32);
    for round in 1..=20 {
        // Numbers of commands move, options change, a worker and a link come and go.
        let options = format!(
            "aaa{round} = {{}}\nsell = {{ timeout = \"{round}m\", concurrency = {} }}",
            40 + round
        );
        let mut text = replaced("sell = {}", &options);
        if round % 2 == 0 {
            text = text.replace("_allow = [\"buyer\"]", "_allow = [\"buyer\", \"auditor\"]");
            text.push_str("[another]\n_connect = \"anyNode\"\n");
        }
        assert!(matches!(apply(&mesh, &text, true).await, Reloaded::Changed { .. }));
        // More than one of each: some of them were made after the change.
        load.goes_on(2 * 32).await;
    }
    load.stop().await;
}

#[tokio::test]
async fn new_options_hold_for_the_next_call() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_shop, mut gate) = shop(&mesh, "one", GRACE).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let running = waiting(&buyer, &mut gate).await;
    let text = replaced("wait = {}", "wait = { timeout = \"2s\", concurrency = 1, backlog = 0 }");
    assert!(matches!(apply(&mesh, &text, false).await, Reloaded::Changed { .. }));
    let new = Schema::from_toml(&text).unwrap();
    eventually("the buyer knows", || *buyer.schema().unwrap() == new).await;
    let late = soon("it has a deadline", async { buyer.call(Wait).await }).await;
    assert!(matches!(late, Err(CallError::Unknown { cause: UnknownCause::Deadline, .. })));
    // The one from before keeps its own.
    gate.open.add_permits(2);
    assert_eq!(running.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_link_that_is_no_longer_allowed_finishes_its_calls_and_comes_back_when_it_is() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_shop, mut gate) = shop(&mesh, "one", GRACE).await;
    let ended = Arc::new(AtomicU32::new(0));
    let count = ended.clone();
    let buyer = mesh.worker("buyer").on_disconnection(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let buyer = buyer.start().await.unwrap();
    let text = replaced("_allow = [\"buyer\"]", "_allow = []");
    let narrowed = Schema::from_toml(&text).unwrap();
    let refused = Err(CallError::not_executed(NotExecuted::NotAllowed));
    for round in 0..3 {
        let first = waiting(&buyer, &mut gate).await;
        let second = waiting(&buyer, &mut gate).await;
        apply(&mesh, &text, true).await;
        eventually("the buyer knows", || *buyer.schema().unwrap() == narrowed).await;
        // The shop may have been faster: until the buyer goes by what it knows, nobody is there.
        let is_refused = async {
            while buyer.call(Sell(1)).await != refused {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("a refusal", is_refused).await;
        gate.open.add_permits(1);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(ended.load(Ordering::Relaxed), round, "it still carries a call");
        gate.open.add_permits(1);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(()), Ok(())));
        eventually("the link is gone", || ended.load(Ordering::Relaxed) == round + 1).await;
        assert_eq!(buyer.call(Sell(1)).await, refused);

        apply(&mesh, SCHEMA, false).await;
        eventually("the link is back", || buyer.connected_peers().len() == 1).await;
        assert_eq!(soon("an answer", async { buyer.call(Sell(2)).await }).await, Ok(2));
    }
}

#[tokio::test]
async fn calls_that_do_not_end_hold_a_forbidden_link_for_the_grace_period_only() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_shop, mut gate) = shop(&mesh, "one", Duration::from_millis(300)).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let running = waiting(&buyer, &mut gate).await;
    apply(&mesh, &replaced("_allow = [\"buyer\"]", "_allow = []"), true).await;
    let cut_off = soon("the link ends", running).await.unwrap();
    assert!(matches!(cut_off, Err(CallError::Unknown { cause: UnknownCause::LinkLost, .. })));
}

#[tokio::test]
async fn two_workers_that_may_link_now_do() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_shop, _) = shop(&mesh, "one", GRACE).await;
    let auditor = mesh.worker("auditor").start().await.unwrap();
    let refused = auditor.call(Sell(1)).await;
    assert_eq!(refused, Err(CallError::not_executed(NotExecuted::NotAllowed)));
    let text = replaced("_allow = [\"buyer\"]", "_allow = [\"buyer\", \"auditor\"]");
    apply(&mesh, &text, false).await;
    eventually("they are linked", || auditor.connected_peers().len() == 1).await;
    assert_eq!(auditor.call(Sell(7)).await, Ok(7));
}

#[tokio::test]
async fn a_worker_that_is_removed_finishes_its_calls_and_serves_again_when_it_is_back() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_shop, mut gate) = shop(&mesh, "one", GRACE).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let running = waiting(&buyer, &mut gate).await;
    apply(&mesh, "[buyer]\n[auditor]\n", true).await;
    eventually("the buyer knows", || buyer.schema().unwrap().worker("shop").is_none()).await;
    let refused = buyer.call(Sell(1)).await;
    assert_eq!(refused, Err(CallError::not_executed(NotExecuted::NoSuchCommand)));
    gate.open.add_permits(1);
    assert_eq!(running.await.unwrap(), Ok(()));
    eventually("the link is gone", || buyer.connected_peers().is_empty()).await;
    apply(&mesh, SCHEMA, false).await;
    eventually("it has joined again", || buyer.connected_peers().len() == 1).await;
    assert_eq!(buyer.call(Sell(3)).await, Ok(3));
}

#[tokio::test]
async fn a_command_that_comes_back_is_served_by_the_handler_that_rested() {
    let mesh = Mesh::start(SCHEMA).await;
    let (shop, _) = shop(&mesh, "one", GRACE).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    assert_eq!(buyer.call(Sell(1)).await, Ok(1));
    let without = replaced("sell = {}\n", "");
    apply(&mesh, &without, true).await;
    let new = Schema::from_toml(&without).unwrap();
    eventually("they know", || [&buyer, &shop].iter().all(|w| *w.schema().unwrap() == new)).await;
    let gone = buyer.call(Sell(1)).await;
    assert_eq!(gone, Err(CallError::not_executed(NotExecuted::NoSuchCommand)));
    apply(&mesh, SCHEMA, false).await;
    let old = Schema::from_toml(SCHEMA).unwrap();
    eventually("they know", || [&buyer, &shop].iter().all(|w| *w.schema().unwrap() == old)).await;
    assert_eq!(buyer.call(Sell(2)).await, Ok(2));
}

/// A command is added while old instances run; one of them is evicted and joins again.
#[tokio::test]
async fn a_command_that_was_added_goes_only_to_those_who_serve_it() {
    let mesh = Mesh::start(SCHEMA).await;
    let (_stays, _) = shop(&mesh, "old-1", GRACE).await;
    let (mut evicted, _) = shop(&mesh, "old-2", GRACE).await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let more = replaced("sell = {}", "sell = {}\nrefund = {}");
    apply(&mesh, &more, false).await;
    let more = Schema::from_toml(&more).unwrap();
    eventually("the buyer knows", || *buyer.schema().unwrap() == more).await;
    // Its routes follow a moment later.
    let asked = async {
        loop {
            match buyer.call(Refund(1)).await {
                Err(CallError::NotExecuted { reason: NotExecuted::NoSuchCommand }) => {
                    tokio::task::yield_now().await;
                }
                told => break told,
            }
        }
    };
    let nobody = soon("an answer by the new schema", asked).await;
    assert_eq!(nobody, Err(CallError::not_executed(NotExecuted::NoInstance)));
    let new = mesh.worker("shop").variant("new");
    let new = new
        .handle(|_: Context, Sell(n)| async move { Ok(n) })
        .handle(|_: Context, Refund(n)| async move { Ok(n) });
    let _new = new.start().await.unwrap();
    eventually("all are linked", || buyer.connected_peers().len() == 3).await;
    let stop = Arc::new(AtomicBool::new(false));
    let refunds: Vec<_> = (0..16)
        .map(|n| {
            let (buyer, stop) = (buyer.clone(), stop.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(buyer.call(Refund(n)).wait_for_ready().await, Ok(n));
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for _ in 0..3 {
        evicted.shutdown().await;
        evicted = shop(&mesh, "old-2", GRACE).await.0;
        eventually("it is linked again", || buyer.connected_peers().len() == 3).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for refund in refunds {
        calls += refund.await.unwrap();
    }
    assert!(calls > 16, "there was load: {calls}");
}

/// A number means what it meant when it was announced, also on a link that is made while the schema
/// changes: the dialer has heard of the old one, and the acceptor goes by the new one already.
#[tokio::test]
async fn a_link_that_is_made_during_a_change_keeps_the_announced_numbers() {
    let mesh = Mesh::start(SCHEMA).await;
    let (shop, _) = shop(&mesh, "one", GRACE).await;
    let buyer = RawWorker::join(&mesh, "buyer", "raw").await.unwrap();
    let address = shop.listen_addr().unwrap();
    let (heard, has_heard) = oneshot::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let call = async move {
        let ticket = buyer.welcome.ticket.0.to_vec();
        let introduce = move || {
            heard.send(()).unwrap();
            may_go_on.recv_timeout(support::PATIENCE).unwrap();
            Introduction { ticket, parameters: Parameters::default() }
        };
        let link = raw::run(buyer.shake_hands_and(address, introduce).await);
        let body = Body { codec: Codec::Json, bytes: "7".into() };
        link.link.call(raw::request(CommandRef::Number(0), body)).unwrap().await
    };
    // On a thread of its own: it stands still while the schema changes.
    let call = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(call)
    });
    soon("the announcement", has_heard).await.unwrap();
    // `sell` has number 0 in the old schema, and 1 in the new one, where `refund` has 0.
    let text = replaced("sell = {}", "refund = {}\nsell = {}");
    apply(&mesh, &text, true).await;
    let new = Schema::from_toml(&text).unwrap();
    eventually("the shop knows", || *shop.schema().unwrap() == new).await;
    go_on.send(()).unwrap();
    let answer = soon("the answer", call).await.unwrap();
    assert_eq!(&answer.unwrap().bytes[..], b"7");
}
