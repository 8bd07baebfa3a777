//! A listener that echoes and dialers for it, for tests on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::handshake::{Introduction, Peer, Preamble};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::ids::MeshId;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::{Accepted, Accepting, Doorman, listen_loop};
use meshwork_shared::link::connect::{ConnectError, Connected, Dialing, connect};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::{Established, link};
use meshwork_shared::net::Network;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, LinkSecret, Psk};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The pre-shared key that [`start`] knows.
pub(crate) fn psk() -> Psk {
    psk_of(7)
}

/// One of many keys.
pub(crate) fn psk_of(seed: u8) -> Psk {
    LinkSecret::from_bytes([seed; 32]).psk(&MeshId([1; 16]))
}

pub(crate) fn acceptor_key() -> NodeKey {
    NodeKey::from_bytes([0x44; 32])
}

pub(crate) fn dialer_key() -> NodeKey {
    NodeKey::from_bytes([0x33; 32])
}

/// An introduction that can be told from others by its ticket.
pub(crate) fn introduction(ticket: &[u8]) -> Introduction {
    Introduction { ticket: ticket.to_vec(), ..Introduction::default() }
}

/// Knows these keys for data links.
pub(crate) struct Keys(pub(crate) std::sync::Mutex<Vec<Psk>>);

impl Doorman for Keys {
    fn psk(&self, preamble: &Preamble) -> Option<Psk> {
        let keys = self.0.lock().unwrap();
        let known = preamble.kind == LinkKind::Data;
        keys.iter().find(|psk| known && psk.id == preamble.psk_id).cloned()
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        introduction(b"acceptor")
    }
}

/// A listener under test.
pub(crate) struct End {
    pub(crate) address: SocketAddr,
    pub(crate) accepting: Arc<Accepting<Keys>>,
    pub(crate) accepted: mpsc::Receiver<Accepted>,
    pub(crate) task: JoinHandle<()>,
}

impl End {
    pub(crate) fn counters(&self) -> &HandshakeCounters {
        &self.accepting.counters
    }

    /// Waits until `cause` was counted `count` times, and says how often it was.
    pub(crate) async fn counted(&self, cause: &str, count: u64) -> u64 {
        for _ in 0..1000 {
            if self.counters().of(cause) >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.counters().of(cause)
    }

    /// Dials and accepts one link that echoes, and gives its caller.
    pub(crate) async fn live_link(&mut self) -> Caller {
        let connected = dial(self.address).await.unwrap();
        let accepted = self.accepted.recv().await.unwrap();
        spawn_link(accepted.established);
        spawn_link(connected.established)
    }
}

/// Listens on a free port.
pub(crate) async fn start(limits: Limits) -> End {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = Arc::new(Accepting {
        doorman: Arc::new(Keys(std::sync::Mutex::new(vec![psk()]))),
        node_key: acceptor_key(),
        random: Random::seeded(1),
        limits,
        counters: Arc::default(),
    });
    let (sender, accepted) = mpsc::channel(16);
    let task = tokio::spawn(listen_loop(listener, accepting.clone(), sender));
    End { address, accepting, accepted, task }
}

/// Dials with the right key and accepts whoever answers.
pub(crate) async fn dial(address: SocketAddr) -> Result<Connected, ConnectError<String>> {
    dial_with(address, &psk(), &dialer_key(), |_| Ok(introduction(b"dialer"))).await
}

pub(crate) async fn dial_with(
    address: SocketAddr,
    psk: &Psk,
    node_key: &NodeKey,
    judge: impl FnOnce(&Peer) -> Result<Introduction, String>,
) -> Result<Connected, ConnectError<String>> {
    let (random, limits) = (Random::system(), Limits::default());
    let dialing = Dialing { kind: LinkKind::Data, psk, node_key, random: &random, limits: &limits };
    connect(Network::Tcp, &address.to_string(), dialing, judge).await
}

/// One end of a link whose peer echoes.
pub(crate) struct Caller {
    pub(crate) link: Link,
    pub(crate) notices: mpsc::Receiver<Notice>,
}

impl Caller {
    /// Whether the link still carries a call.
    pub(crate) async fn works(&self) -> bool {
        let request = Request {
            command: CommandRef::Number(0),
            body: Body::raw(&b"hello"[..]),
            deadline: Instant::now() + Duration::from_secs(30),
            trace: None,
            attempt: None,
            wants_reply: true,
        };
        match self.link.call(request) {
            Ok(reply) => reply.await.is_ok_and(|body| &body.bytes[..] == b"hello"),
            Err(_) => false,
        }
    }
}

pub(crate) fn spawn_link(established: Established) -> Caller {
    let (sender, notices) = mpsc::channel(64);
    let (link, task) = link(established, Arc::new(Echo(sender)), &Limits::default(), None);
    tokio::spawn(task);
    Caller { link, notices }
}

struct Echo(mpsc::Sender<Notice>);

impl Service for Echo {
    fn serve(&self, call: InboundCall) -> Served {
        Served::Ready(Ok(call.body))
    }

    fn notice(&self, notice: Notice) {
        let _ = self.0.try_send(notice);
    }

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}
