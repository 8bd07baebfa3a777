//! What the predecessor's own suite checks, a test per line, on real sockets; and below it what it
//! never tested.
#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_worker::{
    Builder, CallError, Command, Context, Failure, NotExecuted, UnknownCause, Variant, Worker,
};
use serde::{Deserialize, Serialize};
use support::{Mesh, eventually, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SCHEMA: &str = r#"
[a]
_allow = []
_connect = ["b"]
[a._commands._balanced]
whoa = {}
[a._commands._broadcast]
alla = { responds = true, timeout = "5s" }
notea = { queued = true }

[b]
_allow = ["a", "b"]
_connect = ["b"]
[b._commands._balanced]
who = {}
tell = { responds = false }
fail = {}
panic = {}
slow = { timeout = "2s" }
store = { queued = true, timeout = "20s" }
[b._commands._broadcast]
all = { responds = true, timeout = "5s" }
hush = { responds = true, timeout = "2s" }
say = {}
note = { queued = true }

[stranger]
_connect = ["b"]
"#;

macro_rules! commands {
    ($($worker:literal . $name:literal $kind:ident => $reply:ty;)*) => {$(
        #[derive(Clone, Serialize, Deserialize)]
        struct $kind;
        impl Command for $kind {
            const WORKER: &'static str = $worker;
            const NAME: &'static str = $name;
            type Reply = $reply;
        }
    )*};
}

commands! {
    "a"."whoa" WhoA => String;
    "a"."alla" AllA => String;
    "a"."notea" NoteA => ();
    "b"."who" Who => String;
    "b"."tell" Tell => ();
    "b"."fail" Fail => ();
    "b"."panic" Panic => ();
    "b"."slow" Slow => ();
    "b"."store" Store => ();
    "b"."all" All => String;
    "b"."hush" Hush => String;
    "b"."say" Say => ();
    "b"."note" Note => ();
}

/// What handlers did, by the variant that did it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<BTreeMap<String, usize>>>);

impl Log {
    fn add(&self, context: &Context, what: &str) {
        let variant = context.worker().identity().variant;
        *self.0.lock().unwrap().entry(format!("{what} {variant}")).or_default() += 1;
    }

    fn of(&self, entry: &str) -> usize {
        self.0.lock().unwrap().get(entry).copied().unwrap_or(0)
    }

    fn total(&self, what: &str) -> usize {
        let log = self.0.lock().unwrap();
        log.iter().filter(|(entry, _)| entry.starts_with(what)).map(|(_, n)| n).sum()
    }
}

fn me(context: &Context) -> String {
    context.worker().identity().variant.to_string()
}

fn a(mesh: &Mesh, log: &Log) -> Builder {
    let noted = log.clone();
    mesh.worker("a")
        .variant("a1")
        .strict_handlers()
        .handle(|ctx: Context, _: WhoA| async move { Ok(me(&ctx)) })
        .handle(|ctx: Context, _: AllA| async move { Ok(me(&ctx)) })
        .handle(move |ctx: Context, _: NoteA| {
            noted.add(&ctx, "notea");
            async { Ok(()) }
        })
}

fn b(mesh: &Mesh, variant: &str, log: &Log) -> Builder {
    let (tell, say, note, store) = (log.clone(), log.clone(), log.clone(), log.clone());
    mesh.worker("b")
        .variant(variant)
        .strict_handlers()
        .handle(|ctx: Context, _: Who| async move { Ok(me(&ctx)) })
        .handle(|ctx: Context, _: All| async move { Ok(me(&ctx)) })
        .handle(|_: Context, _: Fail| async { Err(Failure::new("no", "it says no")) })
        .handle(|ctx: Context, _: Panic| async move {
            assert!(ctx.attempt() > 100, "it panics");
            Ok(())
        })
        .handle(|_: Context, _: Slow| std::future::pending())
        .handle(|ctx: Context, _: Hush| async move {
            if me(&ctx) == "b1" {
                std::future::pending::<()>().await;
            }
            Ok(me(&ctx))
        })
        .handle(move |ctx: Context, _: Tell| {
            tell.add(&ctx, "tell");
            async { Ok(()) }
        })
        .handle(move |ctx: Context, _: Say| {
            say.add(&ctx, "say");
            async { Ok(()) }
        })
        .handle(move |ctx: Context, _: Note| {
            note.add(&ctx, "note");
            async { Ok(()) }
        })
        .handle(move |ctx: Context, _: Store| {
            let store = store.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                store.add(&ctx, "store");
                Ok(())
            }
        })
}

/// One A and two Bs, all linked.
struct Three {
    mesh: Mesh,
    a: Worker,
    b1: Worker,
    b2: Worker,
    log: Log,
}

async fn three() -> Three {
    let mesh = Mesh::start(SCHEMA).await;
    let log = Log::default();
    let b1 = soon("b1", b(&mesh, "b1", &log).start()).await.unwrap();
    let b2 = soon("b2", b(&mesh, "b2", &log).start()).await.unwrap();
    let a = soon("a", a(&mesh, &log).start()).await.unwrap();
    let three = Three { mesh, a, b1, b2, log };
    eventually("all are linked", || {
        three.a.connected_peers().len() == 2
            && three.b1.connected_peers().len() == 2
            && three.b2.connected_peers().len() == 2
    })
    .await;
    three
}

#[tokio::test]
async fn a_worker_listens() {
    let mesh = Mesh::start(SCHEMA).await;
    let b = b(&mesh, "b1", &Log::default()).start().await.unwrap();
    TcpStream::connect(b.listen_addr().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_worker_registers_at_the_master_with_its_variant() {
    let mesh = Mesh::start(SCHEMA).await;
    let _b = b(&mesh, "b1", &Log::default()).start().await.unwrap();
    assert_eq!(mesh.members().await, ["b/b1"]);
}

#[tokio::test]
async fn a_registers_and_links_to_b() {
    let mesh = Mesh::start(SCHEMA).await;
    let log = Log::default();
    let _b = b(&mesh, "b1", &log).start().await.unwrap();
    let a = a(&mesh, &log).start().await.unwrap();
    assert_eq!(a.connected_peers()[0].to_string(), "b/b1", "linked when it is ready");
}

#[tokio::test]
async fn b_links_to_another_b() {
    let Three { b1, b2, .. } = three().await;
    assert!(b1.connected_peers().iter().any(|peer| peer.to_string() == "b/b2"));
    assert!(b2.connected_peers().iter().any(|peer| peer.to_string() == "b/b1"));
}

#[tokio::test]
async fn a_sees_the_commands_of_b() {
    let Three { a, .. } = three().await;
    let commands = a.commands("b");
    assert_eq!(commands.len(), 10, "{commands:?}");
    assert!(commands.contains(&"who".to_owned()) && commands.contains(&"note".to_owned()));
}

#[tokio::test]
async fn the_master_counts_three() {
    let three = three().await;
    assert_eq!(three.mesh.members().await.len(), 3);
}

#[tokio::test]
async fn a_is_linked_to_both_bs() {
    let Three { a, .. } = three().await;
    let mut peers: Vec<_> = a.connected_peers().iter().map(ToString::to_string).collect();
    peers.sort();
    assert_eq!(peers, ["b/b1", "b/b2"]);
}

#[tokio::test]
async fn a_drops_one_that_leaves() {
    let three = three().await;
    three.b1.shutdown().await;
    eventually("b1 is gone", || three.a.members("b").len() == 1).await;
    let peers = three.a.connected_peers();
    assert_eq!(peers.len(), 1);
    assert_eq!(peers[0].to_string(), "b/b2");
    for _ in 0..4 {
        assert_eq!(three.a.call(Who).await.unwrap(), "b2");
    }
}

#[tokio::test]
async fn a_drops_one_and_gets_its_replacement() {
    let three = three().await;
    let before = three.a.peer("b", "b1").unwrap().incarnation().unwrap();
    three.b1.shutdown().await;
    let _new = soon("new b1", b(&three.mesh, "b1", &three.log).start()).await.unwrap();
    eventually("the replacement is linked", || {
        three.a.connected_peers().len() == 2
            && three.a.peer("b", "b1").is_ok_and(|peer| peer.incarnation() > Some(before))
    })
    .await;
    assert_eq!(three.a.peer("b", "b1").unwrap().call(Who).await.unwrap(), "b1");
}

#[tokio::test]
async fn a_has_its_own_methods() {
    let Three { b1, .. } = three().await;
    let mut own = b1.commands("a");
    own.sort();
    assert_eq!(own, ["alla", "notea", "whoa"]);
}

#[tokio::test]
async fn both_bs_are_reachable_from_a() {
    let Three { a, .. } = three().await;
    for variant in ["b1", "b2"] {
        assert_eq!(a.peer("b", variant).unwrap().call(Who).await.unwrap(), variant);
    }
}

#[tokio::test]
async fn a_balanced_call_reaches_one_b() {
    let three = three().await;
    three.a.call(Tell).await.unwrap();
    eventually("one was told", || three.log.total("tell") == 1).await;
}

#[tokio::test]
async fn two_balanced_calls_reach_both_bs() {
    let three = three().await;
    three.a.call(Tell).await.unwrap();
    three.a.call(Tell).await.unwrap();
    eventually("both were told", || three.log.of("tell b1") == 1 && three.log.of("tell b2") == 1)
        .await;
}

/// The predecessor sends all of them to the first.
#[tokio::test]
async fn balanced_calls_with_answers_reach_each_exactly_twice() {
    let Three { a, .. } = three().await;
    let mut answers = BTreeMap::new();
    for _ in 0..4 {
        *answers.entry(a.call(Who).await.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("b1".to_owned(), 2), ("b2".to_owned(), 2)]));
}

#[tokio::test]
async fn a_broadcast_with_answers_reaches_all() {
    let Three { a, .. } = three().await;
    let outcomes = a.broadcast(All).await;
    let answers: Vec<_> = outcomes.answers().map(|(_, answer)| answer.as_str()).collect();
    assert_eq!(answers, ["b1", "b2"]);
}

#[tokio::test]
async fn a_queued_broadcast_reaches_all() {
    let three = three().await;
    let receipts = three.a.enqueue_broadcast(Note).await;
    assert_eq!(receipts.answers().count(), 2);
    eventually("both ran it", || three.log.of("note b1") == 1 && three.log.of("note b2") == 1)
        .await;
}

#[tokio::test]
async fn a_balanced_call_goes_back_over_the_same_link() {
    let Three { b1, .. } = three().await;
    assert_eq!(b1.call(WhoA).await.unwrap(), "a1");
}

#[tokio::test]
async fn a_broadcast_with_answers_goes_back() {
    let Three { b1, .. } = three().await;
    let outcomes = b1.broadcast(AllA).await;
    assert_eq!(outcomes.answers().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>(), ["a1"]);
}

#[tokio::test]
async fn a_queued_broadcast_goes_back() {
    let three = three().await;
    assert_eq!(three.b2.enqueue_broadcast(NoteA).await.answers().count(), 1);
    eventually("a ran it", || three.log.of("notea a1") == 1).await;
}

#[tokio::test]
async fn a_finds_the_instance_with_a_given_variant() {
    let Three { a, b2, .. } = three().await;
    let peer = a.peer("b", "b2").unwrap();
    assert_eq!(peer.incarnation(), Some(b2.identity().incarnation));
    assert!(a.peer("b", "b9").is_err());
}

#[tokio::test]
async fn a_broadcast_reaches_only_the_chosen_one() {
    let three = three().await;
    let only = || [Variant::new("b2").unwrap()];
    let outcomes = three.a.broadcast(All).only(only()).await;
    assert_eq!(outcomes.answers().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>(), ["b2"]);
    let outcomes = three.a.broadcast(Say).only(only()).await;
    assert_eq!(outcomes.len(), 1);
    eventually("b2 heard it", || three.log.of("say b2") == 1).await;
    assert_eq!(three.log.of("say b1"), 0);
    let others = three.a.broadcast(All).except(only()).await;
    assert_eq!(others.answers().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>(), ["b1"]);
}

// --- what the predecessor never tested ---

#[tokio::test]
async fn allow_refuses_a_stranger() {
    let three = three().await;
    let stranger = three.mesh.worker("stranger").start().await.unwrap();
    assert!(stranger.connected_peers().is_empty());
    let refused = stranger.call(Who).await.unwrap_err();
    assert!(refused.is_safe_to_retry(), "{refused}");
}

#[tokio::test]
async fn a_handler_that_errs_or_panics_answers_at_once() {
    let Three { a, .. } = three().await;
    let Err(CallError::Failed { code, message, .. }) = a.call(Fail).await else { panic!() };
    assert_eq!((code.as_str(), message.as_str()), ("no", "it says no"));
    let Err(CallError::Failed { code, message, .. }) = a.call(Panic).await else { panic!() };
    assert_eq!(code, "panic");
    assert!(message.contains("it panics"));
    assert!(a.call(Who).await.is_ok(), "the worker lives on");
}

#[tokio::test]
async fn a_silent_handler_is_unknown_at_the_deadline() {
    let Three { a, .. } = three().await;
    let error = a.call(Slow).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { cause: UnknownCause::Deadline, .. }), "{error}");
    assert!(!error.is_safe_to_retry());
}

#[tokio::test]
async fn one_silent_instance_does_not_spoil_a_broadcast() {
    let Three { a, .. } = three().await;
    let outcomes = a.broadcast(Hush).await;
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes.answers().map(|(_, answer)| answer.as_str()).collect::<Vec<_>>(), ["b2"]);
    let silent: Vec<_> = outcomes.errors().collect();
    assert!(matches!(silent[0].1, CallError::Unknown { cause: UnknownCause::Deadline, .. }));
}

#[tokio::test]
async fn two_hundred_queued_calls_wait_for_a_busy_handler_and_all_run() {
    let three = three().await;
    for _ in 0..200 {
        three.a.enqueue(Store).await.unwrap();
    }
    eventually("all ran", || three.log.total("store") == 200).await;
    assert_eq!(three.log.of("store b1"), 100);
}

#[tokio::test]
async fn garbage_on_any_port_kills_nothing() {
    let three = three().await;
    let mut ports = vec![three.mesh.master().mesh_addr()];
    ports.extend(three.mesh.master().http_addr());
    ports.extend(three.a.listen_addr());
    ports.extend(three.b1.listen_addr());
    for port in ports {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b"MSH1", b"{}\n"] {
            let mut stream = TcpStream::connect(port).await.unwrap();
            let _ = stream.write_all(garbage).await;
            let _ = stream.shutdown().await;
            let _ =
                tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut vec![])).await;
        }
    }
    assert!(three.a.call(Who).await.is_ok());
    assert_eq!(three.mesh.members().await.len(), 3);
}

#[tokio::test]
async fn a_hundred_calls_to_a_blocking_command_with_two_slots_all_succeed() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Grind;
    impl Command for Grind {
        const WORKER: &'static str = "mill";
        const NAME: &'static str = "grind";
        type Reply = usize;
    }
    let mesh = Mesh::start(
        "[mill]\n_allow = [\"farm\"]\n[mill._commands._balanced]\ngrind = { concurrency = 2 }\n\
         [farm]\n_connect = [\"mill\"]\n",
    )
    .await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = most.clone();
    let _mill = mesh
        .worker("mill")
        .handle_blocking(move |_: Context, _: Grind| {
            let running = now.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(running, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(running)
        })
        .start()
        .await
        .unwrap();
    let farm = mesh.worker("farm").start().await.unwrap();
    let calls = (0..100).map(|_| async { farm.call(Grind).await });
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn no_instance_fails_at_once_unless_the_caller_waits() {
    let mesh = Mesh::start(SCHEMA).await;
    let log = Log::default();
    let a = a(&mesh, &log).start().await.unwrap();
    let none = a.call(Who).await.unwrap_err();
    assert_eq!(none, CallError::NotExecuted { reason: NotExecuted::NoInstance });
    let (answer, b1) = tokio::join!(
        a.call(Who).wait_for_ready().deadline(Duration::from_secs(20)).into_future(),
        b(&mesh, "b1", &log).start(),
    );
    assert_eq!(answer.unwrap(), "b1");
    drop(b1);
}
