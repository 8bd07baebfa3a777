//! Outcomes, re-routing, cancellation, deadlines and drain, over real sockets.
#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use meshwork_worker::handler::actor::ActorHandle;
use meshwork_worker::{
    Builder, CallError, Codec, Command, Context, Failure, NotExecuted, StartError, UnknownCause,
};
use serde::{Deserialize, Serialize};
use support::{Mesh, eventually, soon};
use tokio::sync::Notify;

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = { timeout = "60s" }
narrow = { concurrency = 1, backlog = 1, timeout = "60s" }
nested = { timeout = "5s" }
safe = { idempotent = true, timeout = "60s" }
job = { queued = true }
secret = { allow = ["owner"] }
[shop._commands._broadcast]
shout = { responds = true }

[bank]
_allow = ["shop"]
[bank._commands._balanced]
wait = { timeout = "60s" }

[buyer]
_connect = ["shop"]
[owner]
_connect = ["shop"]
"#;

#[derive(Clone, Serialize, Deserialize, Message)]
#[rtype(result = "Result<u32, Failure>")]
struct Sell(u32);
impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    const CODEC: Codec = Codec::MessagePack;
    type Reply = u32;
}

#[derive(Clone, Serialize, Deserialize)]
struct Narrow;
impl Command for Narrow {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "narrow";
    type Reply = ();
}

#[derive(Clone, Serialize, Deserialize)]
struct Safe;
impl Command for Safe {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "safe";
    type Reply = String;
}

#[derive(Clone, Serialize, Deserialize)]
struct Job;
impl Command for Job {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "job";
    type Reply = ();
}

#[derive(Clone, Serialize, Deserialize)]
struct Secret;
impl Command for Secret {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "secret";
    type Reply = ();
}

fn shop(mesh: &Mesh, variant: &str) -> Builder {
    mesh.worker("shop").variant(variant)
}

/// Counts how often something was dropped before it was done.
struct Dropped(Arc<AtomicU32>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler() {
    let mesh = Mesh::start(SCHEMA).await;
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (begun, counter) = (started.clone(), dropped.clone());
    let _shop = shop(&mesh, "s1")
        .handle(move |_: Context, _: Sell| {
            let (begun, guard) = (begun.clone(), Dropped(counter.clone()));
            async move {
                begun.notify_one();
                std::future::pending::<()>().await;
                drop(guard);
                Ok(0)
            }
        })
        .start()
        .await
        .unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    tokio::select! {
        biased;
        _ = buyer.call(Sell(1)).into_future() => panic!("it never answers"),
        () = started.notified() => {}
    }
    eventually("the handler is dropped", || dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_call_that_was_not_executed_goes_to_another_instance() {
    let mesh = Mesh::start(SCHEMA).await;
    let release = Arc::new(Notify::new());
    let mut shops = Vec::new();
    for variant in ["s1", "s2"] {
        let release = release.clone();
        let narrow = move |_: Context, _: Narrow| {
            let release = release.clone();
            async move {
                release.notified().await;
                Ok(())
            }
        };
        shops.push(shop(&mesh, variant).handle(narrow).start().await.unwrap());
    }
    let buyer = mesh.worker("buyer").start().await.unwrap();
    // Two run and two wait; a fifth finds both instances full.
    let held: Vec<_> = (0..4)
        .map(|_| {
            let buyer = buyer.clone();
            tokio::spawn(async move { buyer.call(Narrow).await })
        })
        .collect();
    eventually("both are full", || shops.iter().all(|shop| shop.running() == 2)).await;
    let refused = buyer.call(Narrow).await.unwrap_err();
    assert!(
        matches!(refused, CallError::NotExecuted { reason: NotExecuted::Overloaded { .. } }),
        "{refused}"
    );
    for call in held {
        while !call.is_finished() {
            release.notify_waiters();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_draining_worker_finishes_what_runs_and_loses_nothing() {
    let mesh = Mesh::start(SCHEMA).await;
    let (started, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, go) = (started.clone(), release.clone());
    let s1 = shop(&mesh, "s1")
        .handle(move |_: Context, Sell(n)| {
            let (begun, go) = (begun.clone(), go.clone());
            async move {
                begun.notify_one();
                go.notified().await;
                Ok(n)
            }
        })
        .start()
        .await
        .unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let call = tokio::spawn({
        let buyer = buyer.clone();
        async move { buyer.call(Sell(7)).await }
    });
    started.notified().await;
    let s2 = shop(&mesh, "s2").handle(|_: Context, Sell(n)| async move { Ok(n + 100) });
    let _s2 = s2.start().await.unwrap();
    eventually("s2 is linked", || buyer.connected_peers().len() == 2).await;
    let drained = tokio::spawn(async move { s1.shutdown().await });
    let drains = async {
        while !mesh.statuses().await.contains(&"shop/s1 Draining".to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the word that it drains", drains).await;
    // While s1 drains, every call goes to s2 and none is lost.
    for n in 0..50 {
        assert_eq!(buyer.call(Sell(n)).await, Ok(n + 100));
        tokio::time::sleep(Duration::from_millis(1)).await;
        if n == 25 {
            release.notify_waiters();
            release.notify_one();
        }
    }
    assert_eq!(call.await.unwrap(), Ok(7), "what ran was finished");
    soon("the drain", drained).await.unwrap();
    eventually("s1 left", || buyer.connected_peers().len() == 1).await;
    assert!(!mesh.members().await.contains(&"shop/s1".to_owned()));
}

#[tokio::test]
async fn an_actor_serves_and_a_full_mailbox_is_overloaded() {
    struct Till {
        release: Arc<Notify>,
    }
    impl Actor for Till {
        type Context = actix::Context<Self>;
    }
    impl Handler<Sell> for Till {
        type Result = actix::ResponseActFuture<Self, Result<u32, Failure>>;
        fn handle(&mut self, Sell(n): Sell, ctx: &mut Self::Context) -> Self::Result {
            use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};
            let release = self.release.clone();
            if n == 0 {
                // Holds the mailbox until released.
                let waits = release.clone();
                ctx.wait(async move { waits.notified().await }.into_actor(self));
            }
            Box::pin(async move { Ok(n * 2) }.into_actor(self).map(|result, _, _| result))
        }
    }
    let release = Arc::new(Notify::new());
    let mesh = Mesh::start(SCHEMA).await;
    let (sender, started) = std::sync::mpsc::channel();
    let till = Till { release: release.clone() };
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            sender.send(ActorHandle::start(till, 1)).unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        });
    });
    let till = started.recv().unwrap();
    let _shop = shop(&mesh, "s1").handle_actor::<Sell, _>(&till).start().await.unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    assert_eq!(buyer.call(Sell(21)).await, Ok(42));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let buyer = buyer.clone();
            tokio::spawn(async move { buyer.call(Sell(0)).await })
        })
        .collect();
    eventually("some are refused", || calls.iter().any(tokio::task::JoinHandle::is_finished)).await;
    let mut overloaded = 0;
    for call in calls {
        while !call.is_finished() {
            release.notify_waiters();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match call.await.unwrap() {
            Ok(n) => assert_eq!(n, 0),
            Err(CallError::NotExecuted { reason: NotExecuted::Overloaded { what } }) => {
                assert!(what.contains("mailbox"), "{what}");
                overloaded += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(overloaded > 0);
}

#[tokio::test]
async fn deadlines_are_inherited_by_nested_calls() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Nested;
    impl Command for Nested {
        const WORKER: &'static str = "shop";
        const NAME: &'static str = "nested";
        type Reply = ();
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Wait;
    impl Command for Wait {
        const WORKER: &'static str = "bank";
        const NAME: &'static str = "wait";
        type Reply = ();
    }
    let schema = SCHEMA.replace("[shop]\n", "[shop]\n_connect = [\"bank\"]\n");
    let mesh = Mesh::start(&schema).await;
    let left = Arc::new(AtomicU32::new(u32::MAX));
    let seen = left.clone();
    let _bank = mesh
        .worker("bank")
        .handle(move |ctx: Context, _: Wait| {
            seen.store(ctx.remaining().as_millis() as u32, Ordering::SeqCst);
            std::future::pending()
        })
        .start()
        .await
        .unwrap();
    let _shop = shop(&mesh, "s1")
        .handle(|ctx: Context, _: Nested| async move {
            let result = ctx.worker().call(Wait).await;
            assert!(result.is_err());
            // Both deadlines are the same instant: an answer now could still win against the
            // caller's.
            std::future::pending().await
        })
        .start()
        .await
        .unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let error = buyer.call(Nested).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { cause: UnknownCause::Deadline, .. }));
    assert!(left.load(Ordering::SeqCst) <= 5001, "not the 60 s of its own command");
}

#[tokio::test]
async fn a_dead_instance_is_unknown_and_an_idempotent_call_goes_elsewhere() {
    let mesh = Mesh::start(SCHEMA).await;
    let started = Arc::new(Notify::new());
    let begun = started.clone();
    let s1 = shop(&mesh, "s1")
        .grace(Duration::ZERO)
        .handle({
            let begun = begun.clone();
            move |_: Context, _: Safe| {
                begun.notify_one();
                std::future::pending()
            }
        })
        .handle(move |_: Context, _: Sell| {
            begun.notify_one();
            std::future::pending()
        })
        .start()
        .await
        .unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let safe = tokio::spawn({
        let buyer = buyer.clone();
        async move { buyer.call(Safe).await }
    });
    started.notified().await;
    let sell = tokio::spawn({
        let buyer = buyer.clone();
        async move { buyer.call(Sell(1)).await }
    });
    started.notified().await;
    let s2 = shop(&mesh, "s2").handle(|_: Context, _: Safe| async { Ok("s2".to_owned()) });
    let _s2 = s2.start().await.unwrap();
    eventually("s2 is linked", || buyer.connected_peers().len() == 2).await;
    s1.shutdown().await;
    assert_eq!(safe.await.unwrap(), Ok("s2".to_owned()));
    let error = sell.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Unknown { cause: UnknownCause::LinkLost, .. }), "{error}");
}

#[tokio::test]
async fn what_a_command_is_not_for_is_refused_with_advice() {
    let mesh = Mesh::start(SCHEMA).await;
    let _shop = shop(&mesh, "s1").handle(|_: Context, _: Job| async { Ok(()) }).start().await;
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let error = buyer.call(Job).await.unwrap_err();
    assert!(error.to_string().contains("use enqueue"), "{error}");
    let error = buyer.enqueue(Sell(1)).await.unwrap_err();
    assert!(error.to_string().contains("use call"), "{error}");
    let error = buyer.call_json("shop", "shout", &serde_json::json!({})).await.unwrap_err();
    assert!(error.to_string().contains("use broadcast"), "{error}");
    assert_eq!(
        buyer.call(Secret).await,
        Err(CallError::NotExecuted { reason: NotExecuted::NotAllowed })
    );
}

#[tokio::test]
async fn arguments_of_another_shape_are_refused_and_the_link_lives() {
    let mesh = Mesh::start(SCHEMA).await;
    let shop = shop(&mesh, "s1").handle(|_: Context, Sell(n)| async move { Ok(n) });
    let _shop = shop.start().await.unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let error = buyer.call_json("shop", "sell", &serde_json::json!({"n": "x"})).await.unwrap_err();
    assert!(
        matches!(error, CallError::NotExecuted { reason: NotExecuted::ArgumentRefused { .. } }),
        "{error}"
    );
    assert_eq!(buyer.call(Sell(5)).await, Ok(5));
    assert_eq!(
        buyer.call_json("shop", "sell", &serde_json::json!(6)).await,
        Ok(serde_json::json!(6)),
        "JSON works for a command of another codec too"
    );
}

#[tokio::test]
async fn registrations_are_checked_against_the_schema_at_start() {
    #[derive(Serialize, Deserialize)]
    struct Ghost;
    impl Command for Ghost {
        const WORKER: &'static str = "shop";
        const NAME: &'static str = "ghost";
        type Reply = ();
    }
    let mesh = Mesh::start(SCHEMA).await;
    let wrong = shop(&mesh, "s1")
        .handle(|_: Context, _: Ghost| async { Ok(()) })
        .handle(|_: Context, _: Job| async { Ok(()) })
        .handle(|_: Context, _: Job| async { Ok(()) })
        .strict_handlers();
    let Err(StartError::Registration(mistakes)) = soon("the start", wrong.start()).await else {
        panic!("it must not start");
    };
    let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|mistake| mistake.contains("`ghost`")), "{told:?}");
    assert!(told.iter().any(|mistake| mistake.contains("`job` has two handlers")), "{told:?}");
    assert!(told.iter().any(|mistake| mistake.contains("`sell` has no handler")), "{told:?}");
}

#[tokio::test]
async fn a_start_can_be_given_up_and_says_why() {
    let mesh = Mesh::start(SCHEMA).await;
    let other =
        meshwork_shared::secret::MeshSecret::generate(&meshwork_shared::random::Random::system());
    let lost = mesh
        .worker("shop")
        .secret(other.expose_text().as_str())
        .ready_within(Duration::from_secs(5));
    let Err(StartError::NotReady { cause, .. }) = lost.start().await else { panic!() };
    assert!(cause.contains("secret"), "{cause}");
    let nobody = mesh.worker("nobody").start().await;
    assert!(nobody.unwrap_err().to_string().contains("nobody"));
}

#[tokio::test]
async fn hooks_tell_of_mesh_and_peers() {
    let mesh = Mesh::start(SCHEMA).await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (joined, came, went) = (told.clone(), told.clone(), told.clone());
    let _buyer = mesh
        .worker("buyer")
        .on_mesh(move |me| joined.lock().unwrap().push(format!("joined as {}", me.worker)))
        .on_connection(move |peer| came.lock().unwrap().push(format!("+{peer}")))
        .on_disconnection(move |gone| went.lock().unwrap().push(format!("-{}", gone.peer)))
        .start()
        .await
        .unwrap();
    let shop = shop(&mesh, "s1").start().await.unwrap();
    eventually("the peer came", || told.lock().unwrap().len() == 2).await;
    shop.shutdown().await;
    eventually("the peer went", || told.lock().unwrap().len() == 3).await;
    assert_eq!(*told.lock().unwrap(), ["joined as buyer", "+shop/s1", "-shop/s1"]);
}

#[tokio::test]
async fn one_link_per_pair_also_when_both_dial() {
    let mesh = Mesh::start(
        "[ping]\n_allow = [\"pong\"]\n_connect = [\"pong\"]\n\
         [ping._commands._balanced]\np = {}\n\
         [pong]\n_allow = [\"ping\"]\n_connect = [\"ping\"]\n\
         [pong._commands._balanced]\np = {}\n",
    )
    .await;
    let echo = |_: Context, bytes: bytes::Bytes| async move { Ok(bytes) };
    let (ping, pong) = tokio::join!(
        mesh.worker("ping").handle_raw("p", echo).start(),
        mesh.worker("pong").handle_raw("p", echo).start(),
    );
    let (ping, pong) = (ping.unwrap(), pong.unwrap());
    eventually("they are linked", || {
        ping.connected_peers().len() == 1 && pong.connected_peers().len() == 1
    })
    .await;
    for n in 0..200_u32 {
        let bytes = n.to_be_bytes().to_vec();
        assert_eq!(ping.call_raw("pong", "p", bytes.clone()).await.unwrap(), bytes);
        assert_eq!(pong.call_raw("ping", "p", bytes.clone()).await.unwrap(), bytes);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_raw_broadcast_brings_back_the_bytes_of_each() {
    let schema = "[hall]\n_allow = [\"caller\"]\n[hall._commands._broadcast]\n\
                  echo = { responds = true }\n[caller]\n_connect = [\"hall\"]\n";
    let mesh = Mesh::start(schema).await;
    let echo = |_: Context, bytes: bytes::Bytes| async move { Ok(bytes) };
    let hall = |variant: &str| mesh.worker("hall").variant(variant).handle_raw("echo", echo);
    let _halls = (hall("h1").start().await.unwrap(), hall("h2").start().await.unwrap());
    let caller = mesh.worker("caller").start().await.unwrap();
    eventually("it is linked", || caller.connected_peers().len() == 2).await;
    let outcomes = caller.broadcast_raw("hall", "echo", "hello").await;
    let answers: Vec<_> = outcomes.answers().map(|(_, bytes)| &bytes[..]).collect();
    assert_eq!(answers, [b"hello", b"hello"]);
}
