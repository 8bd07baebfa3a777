//! A worker that leaves costs no call, under load or while links come, and nobody holds it up.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_worker::{Command, Context, Sources};
use serde::{Deserialize, Serialize};
use support::raw::RawWorker;
use support::{Mesh, eventually, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
_connect = ["late"]
[shop._commands._balanced]
sell = {}
wait = {}
[buyer]
_connect = ["shop"]
[late]
_allow = ["shop"]
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

#[tokio::test]
async fn a_drain_under_load_costs_no_call() {
    let mesh = Mesh::start(SCHEMA).await;
    let start = |variant: &'static str| {
        let shop = mesh.worker("shop").variant(variant);
        shop.handle(|_: Context, Sell(n)| async move { Ok(n) }).start()
    };
    let _stays = start("stays").await.unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    for round in 0..5 {
        let leaves = start("leaves").await.unwrap();
        support::eventually("both are linked", || buyer.connected_peers().len() == 2).await;
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..64)
            .map(|n| {
                let (buyer, stop) = (buyer.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut calls = 0;
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(buyer.call(Sell(n)).await, Ok(n), "in round {round}");
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        leaves.shutdown().await;
        stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for caller in callers {
            calls += caller.await.unwrap();
        }
        assert!(calls > 64, "there was load");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_does_not_hold_up_a_shutdown() {
    let mesh = Mesh::start(SCHEMA).await;
    // The grace period is longer than the test waits, and nobody is taken for dead within it.
    let patient = Sources::from_environment([("MESHWORK_LIMITS__DEAD_AFTER", "5m")]);
    let shop = mesh.worker("shop").sources(patient).grace(Duration::from_secs(600));
    let shop = shop.handle(|_: Context, Sell(n)| async move { Ok(n) }).start().await.unwrap();
    let mute = RawWorker::join(&mesh, "buyer", "mute").await.unwrap();
    let (address, ticket) = (shop.listen_addr().unwrap(), mute.welcome.ticket.0.to_vec());
    let _never_read = mute.shake_hands(address, ticket, None).await;
    eventually("they are linked", || shop.connected_peers().len() == 1).await;
    soon("the end of the shutdown", shop.shutdown()).await;
}

/// A way to a worker on which the first that it says is held back.
struct Held {
    address: SocketAddr,
    lead_to: oneshot::Sender<SocketAddr>,
    heard: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Held {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lead_to, target) = oneshot::channel();
        let (hear, heard) = oneshot::channel();
        let (release, released) = oneshot::channel();
        tokio::spawn(async move {
            let (mut dialer, _) = listener.accept().await.unwrap();
            let target: SocketAddr = target.await.unwrap();
            let mut acceptor = TcpStream::connect(target).await.unwrap();
            let mut said = vec![0; 4096];
            let said = loop {
                tokio::select! {
                    bytes = acceptor.read(&mut said) => break said[..bytes.unwrap()].to_vec(),
                    read = dialer.readable() => read.unwrap(),
                }
                let mut asked = vec![0; 4096];
                if let Ok(bytes) = dialer.try_read(&mut asked) {
                    acceptor.write_all(&asked[..bytes]).await.unwrap();
                }
            };
            hear.send(()).unwrap();
            released.await.unwrap();
            dialer.write_all(&said).await.unwrap();
            // Whichever end closes first.
            let _ = tokio::io::copy_bidirectional(&mut dialer, &mut acceptor).await;
        });
        Self { address, lead_to, heard, release }
    }
}

#[tokio::test]
async fn a_dial_that_ends_during_a_shutdown_makes_no_link() {
    let mesh = Mesh::start(SCHEMA).await;
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let wait = move |_: Context, Wait| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
    };
    let shop = mesh.worker("shop").variant("one").grace(Duration::from_secs(600)).handle(wait);
    let shop = shop.handle(|_: Context, Sell(n)| async move { Ok(n) }).start().await.unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    let running = tokio::spawn(async move { buyer.call(Wait).deadline(support::PATIENCE).await });
    eventually("the handler runs", || shop.running() == 1).await;

    let held = Held::open().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let late = mesh.worker("late").advertise(held.address.to_string());
    let late = late.on_disconnection(move |gone| tell.lock().unwrap().push(gone.reason));
    let late = late.start().await.unwrap();
    held.lead_to.send(late.listen_addr().unwrap()).unwrap();
    soon("the dial", held.heard).await.unwrap();
    let leaving = shop.clone();
    let leaves = tokio::spawn(async move { leaving.shutdown().await });
    let drains = async {
        while !mesh.statuses().await.contains(&"shop/one Draining".to_owned()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the drain", drains).await;
    held.release.send(()).unwrap();
    eventually("the other end knows", || !told.lock().unwrap().is_empty()).await;
    let reason = told.lock().unwrap()[0].clone();
    assert_eq!(reason, "closed by the peer (leaving: this process shuts down)");
    assert!(!leaves.is_finished(), "the handler still runs");
    open.add_permits(1);
    assert_eq!(soon("the answer", running).await.unwrap(), Ok(()));
    soon("the end of the shutdown", leaves).await.unwrap();
}
