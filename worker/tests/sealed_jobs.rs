//! Jobs in a store that others can write to, on a running mesh: a master, workers, and a store that
//! the test has in its hands as somebody with access to Redis has.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use meshwork_master::{Master, State};
use meshwork_queue::{
    JobStatus, MemoryBackend, NewJob, Queue, QueueBackend, QueueName, QueueOptions, Scope, Start,
    Unavailable,
};
use meshwork_schema::Schema;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use meshwork_worker::metrics::Direction;
use meshwork_worker::{Command, Context, Worker};
use serde::{Deserialize, Serialize};
use support::{Mesh, soon};

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer", "rival"]
[shop._commands._balanced]
sell = { queued = true, responds = true }
pack = { queued = true }
audit = { queued = true, allow = ["rival"] }

[buyer]
_connect = ["shop"]
[rival]
_connect = ["shop"]
"#;

#[derive(Clone, Serialize, Deserialize)]
struct Sell(String);
impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    type Reply = String;
}

#[derive(Clone, Serialize, Deserialize)]
struct Pack(String);
impl Command for Pack {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "pack";
    type Reply = ();
}

#[derive(Clone, Serialize, Deserialize)]
struct Audit(String);
impl Command for Audit {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "audit";
    type Reply = ();
}

/// The memory backend as a store of the whole mesh. Whoever holds it can do what somebody with
/// access to Redis can.
struct Store(MemoryBackend);

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self(MemoryBackend::new(Random::system(), Clock::system())))
    }

    fn queue(&self, command: &str) -> Arc<dyn Queue> {
        self.0.open(name(command), QueueOptions::default())
    }

    /// Writes an entry of the attacker's own making; gives its id.
    async fn put(&self, command: &str, job: NewJob) -> JobId {
        self.queue(command).enqueue(vec![job]).await.remove(0).unwrap().id
    }

    /// Reads the waiting entries of a queue, and leaves them where they are.
    async fn steal(&self, command: &str, count: usize) -> Vec<NewJob> {
        let queue = self.queue(command);
        let mut leases = Vec::new();
        while leases.len() < count {
            leases.extend(soon("an entry", queue.lease("thief#1", count - leases.len())).await);
        }
        let tokens: Vec<_> = leases.iter().map(meshwork_queue::Lease::token).collect();
        queue.release(&tokens).await;
        leases.into_iter().map(|lease| NewJob { start: Start::Now, ..lease.job }).collect()
    }

    /// How a job ended: the error of a dead one.
    async fn end(&self, command: &str, job: JobId) -> Result<(), String> {
        match soon("the end of a job", self.queue(command).wait(job)).await.unwrap() {
            Some(JobStatus::Done { .. }) => Ok(()),
            Some(JobStatus::Dead { error }) => Err(error),
            other => panic!("{other:?}"),
        }
    }
}

impl QueueBackend for Store {
    fn scope(&self) -> Scope {
        Scope::Mesh
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        self.0.open(name, options)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.0.list()
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.0.list_empty()
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        self.0.forget(name)
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        self.0.check()
    }
}

fn name(command: &str) -> QueueName {
    QueueName::balanced("shop".parse().unwrap(), command.parse().unwrap())
}

/// What the handlers of the shop were given, in order.
#[derive(Clone, Default)]
struct Ran(Arc<Mutex<Vec<String>>>);

impl Ran {
    fn add(&self, context: &Context, what: &str) {
        let line = format!("{what} for {}", context.caller().worker);
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap().clone();
        lines.sort();
        lines
    }
}

async fn caller(mesh: &Mesh, store: &Arc<Store>, worker: &str) -> Worker {
    mesh.worker(worker).queue_backend(store.clone()).start().await.unwrap()
}

async fn shop(mesh: &Mesh, store: &Arc<Store>, ran: &Ran) -> Worker {
    let [sold, packed, audited] = [ran.clone(), ran.clone(), ran.clone()];
    let builder = mesh.worker("shop").queue_backend(store.clone());
    let builder = builder
        .handle(move |context: Context, sell: Sell| {
            sold.add(&context, &sell.0);
            async move { Ok::<_, meshwork_worker::Failure>(format!("sold {}", sell.0)) }
        })
        .handle(move |context: Context, pack: Pack| {
            packed.add(&context, &pack.0);
            async { Ok::<_, meshwork_worker::Failure>(()) }
        })
        .handle(move |context: Context, audit: Audit| {
            audited.add(&context, &audit.0);
            async { Ok::<_, meshwork_worker::Failure>(()) }
        });
    builder.start().await.unwrap()
}

#[tokio::test]
async fn jobs_on_their_way_into_a_shared_store_are_counted_as_calls() {
    let (mesh, store) = (Mesh::start(SCHEMA).await, Store::new());
    let buyer = caller(&mesh, &store, "buyer").await;
    buyer.enqueue(Sell("plum".to_owned())).await.unwrap();
    for stored in buyer.enqueue_all((0..3).map(|n| Sell(n.to_string()))).await {
        stored.unwrap();
    }
    buyer.enqueue(Sell("late".to_owned())).deadline(Duration::ZERO).await.unwrap_err();
    let calls = buyer.metrics().await.calls;
    let sold = calls.iter().find(|call| call.command == "shop.sell").unwrap();
    assert_eq!((sold.direction, sold.ok, sold.not_executed), (Direction::Out, 4, 1), "{sold:?}");
    assert!(sold.durations.count() == 4 && sold.durations.sum_ns > 0, "{sold:?}");
}

#[tokio::test]
async fn a_job_is_sealed_in_the_store_and_so_is_its_reply() {
    let (mesh, store, ran) = (Mesh::start(SCHEMA).await, Store::new(), Ran::default());
    let buyer = caller(&mesh, &store, "buyer").await;
    let receipt = buyer.enqueue(Sell("pear".to_owned())).await.unwrap();
    let stolen = store.steal("sell", 1).await.remove(0);
    assert!(stolen.key.as_deref().unwrap().ends_with(":buyer>shop.sell"), "{:?}", stolen.key);
    assert!(!stolen.body.windows(4).any(|part| part == b"pear"));

    let shop = shop(&mesh, &store, &ran).await;
    let reply = soon("the reply", async { buyer.job::<Sell>(&receipt).await }).await.unwrap();
    assert_eq!(reply, "sold pear");
    assert_eq!(ran.lines(), ["pear for buyer"]);
    let kept = store.queue("sell").status(receipt.job).await.unwrap();
    let Some(JobStatus::Done { reply: Some(kept) }) = kept else { panic!("{kept:?}") };
    assert!(!kept.body.windows(4).any(|part| part == b"pear"));
    // Another worker that may call the same command cannot read it.
    let rival = caller(&mesh, &store, "rival").await;
    let refused = soon("a refusal", async { rival.job::<Sell>(&receipt).await }).await;
    assert!(refused.is_err(), "{refused:?}");
    shop.shutdown().await;
}

#[tokio::test]
async fn row_53_what_was_written_to_the_store_by_others_is_never_run() {
    let (mesh, store, ran) = (Mesh::start(SCHEMA).await, Store::new(), Ran::default());
    let buyer = caller(&mesh, &store, "buyer").await;
    let receipt = buyer.enqueue(Sell("pear".to_owned())).await.unwrap();
    let stolen = store.steal("sell", 1).await.remove(0);
    let fresh = || JobId(Random::system().bytes());
    let mut flipped = stolen.body.to_vec();
    *flipped.last_mut().unwrap() ^= 1;

    let mut forged = Vec::new();
    let mut put = async |command: &'static str, job: NewJob| {
        let job = NewJob { id: fresh(), ..job };
        forged.push((command, store.put(command, job).await));
    };
    // The same again under another id, with other attempts, with other bytes, as plain text.
    put("sell", stolen.clone()).await;
    put("sell", NewJob { attempts: Some(1000), ..stolen.clone() }).await;
    put("sell", NewJob { body: flipped.into(), ..stolen.clone() }).await;
    // Under a root that is to come: it may not be waited for again and again.
    let to_come = |key: &str| format!("{}:{}", u64::MAX, key.split_once(':').unwrap().1);
    let mut later = stolen.body.to_vec();
    later[1..9].fill(0xff);
    let named = stolen.key.as_deref().map(|key| to_come(key).into());
    put("sell", NewJob { body: later.into(), key: named, ..stolen.clone() }).await;
    let plain = NewJob { body: b"\"plum\"".as_slice().into(), ..stolen.clone() };
    put("sell", plain.clone()).await;
    put("sell", NewJob { key: None, ..plain }).await;
    // In the name of another, and in the queue of another command, where the buyer may not call.
    let key = stolen.key.as_deref().unwrap();
    let rival = NewJob { caller: "rival".parse().unwrap(), ..stolen.clone() };
    put("sell", rival.clone()).await;
    put("sell", NewJob { key: Some(key.replace("buyer", "rival").into()), ..rival }).await;
    put("pack", stolen.clone()).await;
    put("pack", NewJob { key: Some(key.replace("sell", "pack").into()), ..stolen.clone() }).await;
    put("audit", NewJob { key: Some(key.replace("sell", "audit").into()), ..stolen.clone() }).await;

    let shop = shop(&mesh, &store, &ran).await;
    assert_eq!(store.end("sell", receipt.job).await, Ok(()));
    for (command, job) in forged {
        let error = store.end(command, job).await.expect_err("a forged job is dead");
        let reasons = ["seal", "another key", "epoch 18446744073709551615 is not kept"];
        assert!(reasons.iter().any(|reason| error.contains(reason)), "{error}");
        let letter = store.queue(command).dead_letter(job).await.unwrap().unwrap();
        assert_eq!(letter.history.len(), 1, "it is not tried again");
    }
    // The entry as it was, put back after it has run.
    assert_eq!(store.put("sell", stolen).await, receipt.job);
    let after = buyer.enqueue(Sell("apple".to_owned())).await.unwrap();
    assert_eq!(store.end("sell", after.job).await, Ok(()));
    assert_eq!(ran.lines(), ["apple for buyer", "pear for buyer"]);
    shop.shutdown().await;
}

#[tokio::test]
async fn row_53_a_caller_that_the_schema_forbids_now_is_refused() {
    let (mesh, store, ran) = (Mesh::start(SCHEMA).await, Store::new(), Ran::default());
    let (buyer, rival) =
        (caller(&mesh, &store, "buyer").await, caller(&mesh, &store, "rival").await);
    let refused = buyer.enqueue(Audit("me".to_owned())).await.unwrap_err();
    assert!(refused.is_safe_to_retry(), "nothing was stored: {refused}");
    assert_eq!(store.queue("audit").depth().await.unwrap().live(), 0);

    let before = rival.enqueue(Audit("you".to_owned())).await.unwrap();
    let narrowed = SCHEMA.replace(r#"allow = ["rival"]"#, "allow = []");
    mesh.master().reload_schema_toml(&narrowed).await.unwrap();
    let shop = shop(&mesh, &store, &ran).await;
    let error = store.end("audit", before.job).await.unwrap_err();
    assert!(error.contains("does not let `rival` call"), "{error}");
    assert_eq!(ran.lines(), Vec::<String>::new());
    shop.shutdown().await;
}

#[tokio::test]
async fn rotating_the_mesh_secret_and_the_queue_root_loses_no_job() {
    let (mut mesh, store, ran) = (Mesh::start(SCHEMA).await, Store::new(), Ran::default());
    let buyer = caller(&mesh, &store, "buyer").await;
    let mut receipts = vec![buyer.enqueue(Sell("first".to_owned())).await.unwrap()];
    let old = store.steal("sell", 1).await.remove(0).key.unwrap();

    let rotated = mesh.master().rotate_queue_root().await.unwrap();
    let newest = format!("{}:", rotated.epoch);
    let seals_anew = async {
        loop {
            receipts.push(buyer.enqueue(Sell("second".to_owned())).await.unwrap());
            let stolen = store.steal("sell", receipts.len()).await;
            if stolen.iter().any(|job| job.key.as_deref().unwrap().starts_with(&newest)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("a job under the new root", seals_anew).await;
    assert!(!old.starts_with(&newest));

    // The master comes back with the next mesh secret; the callee joins with that one.
    mesh.stop_master().await;
    let secret = mesh.secret.generate_rotated(&Random::system());
    let mut config = MasterConfig::new(secret.clone());
    config.secret_previous = Some(std::mem::replace(&mut mesh.secret, secret));
    config.mesh_listen = mesh.address();
    config.http_listen = "127.0.0.1:0".parse().unwrap();
    let state = State::folder(mesh.state.path());
    let builder = Master::builder(Schema::from_toml(SCHEMA).unwrap(), config).state(state);
    let master = builder.start().await.unwrap();
    receipts.push(buyer.enqueue(Sell("third".to_owned())).await.unwrap());

    let shop = shop(&mesh, &store, &ran).await;
    for receipt in &receipts {
        let reply = soon("a reply", async { buyer.job::<Sell>(receipt).await }).await.unwrap();
        assert!(reply.starts_with("sold "), "{reply}");
    }
    assert_eq!(ran.lines().len(), receipts.len());

    // While jobs flow: whoever of the two learns of the new root first.
    for round in 0..4 {
        master.rotate_queue_root().await.unwrap();
        for _ in 0..20 {
            let receipt = buyer.enqueue(Sell(format!("round {round}"))).await.unwrap();
            assert_eq!(store.end("sell", receipt.job).await, Ok(()));
        }
    }
    assert_eq!(store.queue("sell").depth().await.unwrap().dead, 0);
    shop.shutdown().await;
    master.shutdown().await;
}

#[tokio::test]
async fn a_job_under_a_forgotten_root_is_a_dead_letter_that_says_so() {
    let (mesh, store, ran) = (Mesh::start(SCHEMA).await, Store::new(), Ran::default());
    let buyer = caller(&mesh, &store, "buyer").await;
    let receipt = buyer.enqueue(Sell("pear".to_owned())).await.unwrap();
    mesh.master().rotate_queue_root().await.unwrap();
    mesh.master().forget_queue_roots().await.unwrap();
    let shop = shop(&mesh, &store, &ran).await;
    let error = store.end("sell", receipt.job).await.unwrap_err();
    assert!(error.contains("not kept any more"), "{error}");
    assert_eq!(ran.lines(), Vec::<String>::new());
    shop.shutdown().await;
}
