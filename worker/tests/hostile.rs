//! Hostile cases on a running mesh, named by their row in `docs/SECURITY.md`: whatever is thrown at
//! a worker, it refuses, and calls of others go on.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::time::Duration;

use bytes::Bytes;
use meshwork_master::registry::RevokeTarget;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::frame::{HEADER_BYTES, Sealer};
use meshwork_shared::handshake::Target;
use meshwork_shared::ids::CallId;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::message::{Body, CommandRef};
use meshwork_shared::protocol::Refusal;
use meshwork_shared::record::{self, Record, RecordType};
use meshwork_worker::{CallError, Command, Context, NotExecuted, Worker};
use serde::{Deserialize, Serialize};
use support::raw::{RawLink, RawWorker, named, request};
use support::{Mesh, eventually, soon};
use tokio::io::AsyncWriteExt;

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer", "rival"]
[shop._commands._balanced]
sell = {}
whoami = {}
pack = {}
secret = { allow = ["rival"] }

[buyer]
_connect = ["shop"]
[rival]
_connect = ["shop"]
[stranger]
_connect = ["shop"]
"#;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    #[serde(default)]
    count: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sell(Order);
impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    type Reply = u32;
}

#[derive(Clone, Serialize, Deserialize)]
struct WhoAmI {
    caller: String,
}
impl Command for WhoAmI {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "whoami";
    type Reply = String;
}

#[derive(Clone, Serialize, Deserialize)]
struct Pack(Vec<u64>);
impl Command for Pack {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "pack";
    const CODEC: Codec = Codec::MessagePack;
    type Reply = usize;
}

#[derive(Clone, Serialize, Deserialize)]
struct Secret;
impl Command for Secret {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "secret";
    type Reply = ();
}

/// A mesh with a shop and an honest buyer, whose calls must go on.
struct Market {
    mesh: Mesh,
    shop: Worker,
    buyer: Worker,
}

impl Market {
    async fn open() -> Self {
        let mesh = Mesh::start(SCHEMA).await;
        let shop = shop(&mesh, "s1").await;
        let buyer = mesh.worker("buyer").variant("b1").start().await.unwrap();
        Self { mesh, shop, buyer }
    }

    async fn dial(&self, raw: &RawWorker) -> RawLink {
        raw.dial(self.shop.listen_addr().unwrap(), None).await
    }

    /// The honest buyer notices nothing.
    async fn goes_on(&self) {
        let order = Order { item: "tea".into(), count: 2 };
        assert_eq!(self.buyer.call(Sell(order)).await, Ok(2));
    }
}

async fn shop(mesh: &Mesh, variant: &str) -> Worker {
    mesh.worker("shop")
        .variant(variant)
        .handle(|_: Context, Sell(order)| async move { Ok(order.count) })
        .handle(|ctx: Context, _: WhoAmI| async move { Ok(ctx.caller().to_string()) })
        .handle(|_: Context, Pack(list)| async move { Ok(list.len()) })
        .handle(|_: Context, _: Secret| async { Ok(()) })
        .start()
        .await
        .unwrap()
}

fn json(text: impl Into<Bytes>) -> Body {
    Body { codec: Codec::Json, bytes: text.into() }
}

/// What a raw call is answered.
async fn ask(link: &RawLink, command: CommandRef, body: Body) -> Result<Body, CallError> {
    soon("the answer", link.link.call(request(command, body)).unwrap()).await
}

fn reason(result: Result<Body, CallError>) -> NotExecuted {
    match result {
        Err(CallError::NotExecuted { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn row_23_a_variant_held_by_a_live_process_is_not_given_away() {
    let market = Market::open().await;
    let taken = RawWorker::join(&market.mesh, "shop", "s1").await;
    let Err(Refusal::NameTaken { key, .. }) = taken else { panic!("it must be refused") };
    assert_eq!(key.to_string(), "shop/s1");
    market.goes_on().await;
}

#[tokio::test]
async fn row_24_a_revoked_member_loses_its_links_at_once() {
    let market = Market::open().await;
    let rival = RawWorker::join(&market.mesh, "rival", "r1").await.unwrap();
    let mut link = market.dial(&rival).await;
    assert!(ask(&link, named("secret"), json("null")).await.is_ok());
    let key = meshwork_shared::protocol::MemberKey {
        worker: rival.worker.clone(),
        variant: rival.variant.clone(),
    };
    market.mesh.master().revoke(RevokeTarget::Member(key)).await.unwrap();
    assert_eq!(link.closed().await, CloseCode::Revoked);
    let mut again = market.dial(&rival).await;
    assert_eq!(again.closed().await, CloseCode::Denied, "its ticket opens no new link");
    market.goes_on().await;
}

#[tokio::test]
async fn row_25_a_worker_that_allow_lacks_is_denied_after_the_handshake() {
    let market = Market::open().await;
    let stranger = RawWorker::join(&market.mesh, "stranger", "x").await.unwrap();
    let mut link = market.dial(&stranger).await;
    assert_eq!(link.closed().await, CloseCode::Denied);
    market.goes_on().await;
}

#[tokio::test]
async fn row_26_commands_that_are_not_there_or_not_for_the_caller() {
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let link = market.dial(&buyer).await;
    let names =
        ["__proto__", "constructor", "_commands", "join", "leave", "", "sell\0", "SELL", "sell "];
    for name in names {
        assert_eq!(reason(ask(&link, named(name), json("{}")).await), NotExecuted::NoSuchCommand);
    }
    for number in [4, 99, 0xFFFE, 0xFFFF] {
        let command = CommandRef::Number(number);
        assert_eq!(reason(ask(&link, command, json("{}")).await), NotExecuted::NoSuchCommand);
    }
    let denied = ask(&link, named("secret"), json("null")).await;
    assert_eq!(reason(denied), NotExecuted::NotAllowed, "the command's own allow");
    let by_number = ask(&link, CommandRef::Number(1), json("null")).await;
    assert_eq!(reason(by_number), NotExecuted::NotAllowed, "by number too");
    assert!(link.link.is_open());
    market.goes_on().await;
}

#[tokio::test]
async fn row_27_the_handler_sees_the_name_of_the_ticket() {
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let link = market.dial(&buyer).await;
    let lie = json(r#"{"caller": "master", "worker": "rival", "variant": "r1"}"#);
    let answer = ask(&link, named("whoami"), lie).await.unwrap();
    assert_eq!(&answer.bytes[..], b"\"buyer/raw\"");
}

#[tokio::test]
async fn row_30_a_ticket_of_before_a_new_registration_is_refused() {
    let market = Market::open().await;
    let old = RawWorker::join(&market.mesh, "rival", "r1").await.unwrap();
    old.master.link.close(CloseCode::Leaving, "");
    let new = loop {
        match RawWorker::join(&market.mesh, "rival", "r1").await {
            Ok(new) => break new,
            Err(Refusal::NameTaken { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(new.welcome.incarnation > old.welcome.incarnation);
    let fresh = market.dial(&new).await;
    assert!(ask(&fresh, named("secret"), json("null")).await.is_ok());
    let mut stale = market.dial(&old).await;
    let code = stale.closed().await;
    assert!(matches!(code, CloseCode::Denied | CloseCode::Replaced), "{code}");
    assert!(fresh.link.is_open(), "the new one is not hurt");
}

#[tokio::test]
async fn row_31_a_dialler_that_meant_somebody_else_is_told() {
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let other = Target {
        worker: WorkerName::new("shop").unwrap(),
        variant: Some(Variant::new("s9").unwrap()),
    };
    let mut link = buyer.dial(market.shop.listen_addr().unwrap(), Some(other)).await;
    assert_eq!(link.closed().await, CloseCode::WrongTarget);
    market.goes_on().await;
}

#[tokio::test]
async fn row_38_arguments_that_are_no_arguments() {
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let link = market.dial(&buyer).await;
    let deep = "[".repeat(60_000);
    let huge = format!("{{\"item\": \"{}\", \"count\": 1e999}}", "x".repeat(5_000_000));
    let bad: Vec<Bytes> = vec![
        deep.into(),
        huge.into(),
        r#"{"item": "tea", "count": 18446744073709551616}"#.into(),
        r#"{"item": "tea", "item": "coffee"}"#.into(),
        r#"{"item": "\ud800"}"#.into(),
        Bytes::from_static(b"{\"item\": \"a\0b\"}"),
        Bytes::from_static(b"{\"item\": \"\xff\xfe\"}"),
        Bytes::from_static(b""),
        r#"{"item": "tea"} {"item": "tea"}"#.into(),
    ];
    for body in bad {
        let refused = reason(ask(&link, named("sell"), json(body)).await);
        assert!(matches!(refused, NotExecuted::ArgumentRefused { .. }), "{refused}");
    }
    let over = ask(&link, named("sell"), json(vec![b' '; (8 << 20) - 10])).await;
    assert!(matches!(reason(over), NotExecuted::ArgumentRefused { .. }));
    assert!(link.link.is_open());
    market.goes_on().await;
}

#[tokio::test]
async fn row_39_messagepack_that_announces_more_than_there_is() {
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let link = market.dial(&buyer).await;
    let bodies: [Bytes; 4] = [
        Bytes::from_static(&[0xdd, 0xff, 0xff, 0xff, 0xff]),
        Bytes::from_static(&[0xc6, 0xff, 0xff, 0xff, 0xff]),
        Bytes::from(vec![0x91; 60_000]),
        Bytes::from_static(&[0xdf, 0xff, 0xff, 0xff, 0xff]),
    ];
    for bytes in bodies {
        let body = Body { codec: Codec::MessagePack, bytes };
        let refused = reason(ask(&link, named("pack"), body).await);
        assert!(matches!(refused, NotExecuted::ArgumentRefused { .. }), "{refused}");
    }
    assert_eq!(market.buyer.call(Pack(vec![1, 2])).await, Ok(2));
}

/// Row 13: two processes with one node key. The second is refused while the first lives.
#[tokio::test]
async fn row_13_one_node_key_is_one_process() {
    let mesh = Mesh::start(SCHEMA).await;
    let folder = tempfile::TempDir::new().unwrap();
    let key = folder.path().join("node.key");
    let _first = mesh.worker("buyer").variant("b1").identity_file(&key).start().await.unwrap();
    let copied = mesh
        .worker("rival")
        .variant("r1")
        .identity_file(&key)
        .ready_within(Duration::from_secs(5))
        .start()
        .await;
    let error = copied.unwrap_err().to_string();
    assert!(error.contains("node key"), "{error}");
}

#[tokio::test]
async fn row_29_the_master_down_costs_nothing_that_works() {
    let mut market = Market::open().await;
    market.mesh.stop_master().await;
    market.goes_on().await;
    let rival = market.mesh.worker("rival").ready_within(Duration::from_millis(500)).start().await;
    assert!(rival.is_err(), "a new member waits for a master");
    for _ in 0..20 {
        market.goes_on().await;
    }
}

#[tokio::test]
async fn row_42_a_flood_of_pings_is_not_answered_in_full() {
    // The bound itself is `link::liveness`; here: calls go on beside the flood.
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let link = market.dial(&buyer).await;
    for _ in 0..5_000 {
        link.link.send_ticket(Bytes::from_static(b"no ticket"));
    }
    assert!(ask(&link, named("sell"), json(r#"{"item": "tea", "count": 1}"#)).await.is_ok());
    market.goes_on().await;
    eventually("the link is kept", || link.link.is_open()).await;
}

#[tokio::test]
async fn row_42_a_flood_of_drains_is_told_once() {
    const DRAINS_PER_FRAME: usize = 16_000;
    let market = Market::open().await;
    let buyer = RawWorker::join(&market.mesh, "buyer", "raw").await.unwrap();
    let address = market.shop.listen_addr().unwrap();
    let ticket = buyer.welcome.ticket.0.to_vec();
    let mut established = buyer.shake_hands(address, ticket, None).await.established;
    let mut sealer = Sealer::new(&established.send_key);
    let runtime = tokio::runtime::Handle::current().metrics();
    let (before, mut most) = (runtime.num_alive_tasks(), 0);
    for _ in 0..4 {
        let mut frame = vec![0; HEADER_BYTES];
        let drain = Record::bare(RecordType::Drain, CallId(0));
        (0..DRAINS_PER_FRAME).for_each(|_| record::encode(&drain, &mut frame));
        sealer.seal(&mut frame, 0).unwrap();
        established.stream.write_all(&frame).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
            most = most.max(runtime.num_alive_tasks());
        }
        market.goes_on().await;
    }
    assert!(most < before + 1000, "each word of the peer is a task: {before}, then {most}");
}
