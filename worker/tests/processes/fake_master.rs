//! Something that answers on a master's port and is none, or not the one that it seems.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::handshake::{Introduction, Parameters, Preamble};
use meshwork_shared::identity::{AuthorityKey, NodeKey};
use meshwork_shared::ids::{Incarnation, MeshId, NodeId};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::{Accepting, Doorman, listen_loop};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::link;
use meshwork_shared::net::Network;
use meshwork_shared::outcome::NotExecuted;
use meshwork_shared::protocol::{Join, JoinReply, Message};
use meshwork_shared::random::Random;
use meshwork_shared::secret::Psk;
use meshwork_shared::ticket::{Bearer, Claims, Ticket, Validity};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How it answers a join.
pub(crate) type Answer = dyn Fn(Join) -> JoinReply + Send + Sync;

/// What it shows of itself.
#[derive(Clone)]
pub(crate) struct Disguise {
    pub(crate) psk: Psk,
    pub(crate) node_key: NodeKey,
    pub(crate) ticket: Vec<u8>,
    pub(crate) authority: Option<[u8; 32]>,
}

impl Disguise {
    /// A master as `authority` would sign it: true in everything but, perhaps, the authority.
    pub(crate) fn of(authority: &AuthorityKey, mesh: MeshId, psk: Psk) -> Self {
        let node_key = NodeKey::generate(&Random::system());
        let ticket = ticket(authority, mesh, node_key.node_id(), Bearer::Master);
        Self { psk, node_key, ticket, authority: Some(*authority.public().as_bytes()) }
    }
}

/// A ticket of one day.
pub(crate) fn ticket(key: &AuthorityKey, mesh: MeshId, subject: NodeId, bearer: Bearer) -> Vec<u8> {
    let claims = Claims {
        mesh,
        subject,
        bearer,
        schema_version: 1,
        serial: 1,
        incarnation: Incarnation(0),
        validity: Validity::starting(Clock::system().unix_seconds()),
    };
    Ticket::sign(claims, key).unwrap().as_bytes().to_vec()
}

pub(crate) struct FakeMaster {
    pub(crate) address: SocketAddr,
    front: Arc<Front>,
    links: Arc<Mutex<Vec<Link>>>,
}

struct Front {
    disguise: Disguise,
    knocks: AtomicUsize,
}

impl Doorman for Front {
    fn psk(&self, _: &Preamble) -> Option<Psk> {
        Some(self.disguise.psk.clone())
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        self.knocks.fetch_add(1, Ordering::SeqCst);
        let Disguise { ticket, authority, .. } = self.disguise.clone();
        Introduction { ticket, parameters: Parameters { authority, ..Parameters::default() } }
    }
}

impl FakeMaster {
    /// Shows itself to everybody who holds the key.
    pub(crate) async fn open(disguise: Disguise, answer: Arc<Answer>) -> Self {
        let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let node_key = disguise.node_key.clone();
        let front = Arc::new(Front { disguise, knocks: AtomicUsize::new(0) });
        let accepting = Accepting {
            doorman: front.clone(),
            node_key,
            random: Random::system(),
            limits: Limits::default(),
            counters: Arc::default(),
        };
        let (sender, mut accepted) = mpsc::channel(8);
        tokio::spawn(async move { listen_loop(listener, Arc::new(accepting), sender).await });
        let links: Arc<Mutex<Vec<Link>>> = Arc::default();
        let made = links.clone();
        tokio::spawn(async move {
            while let Some(accepted) = accepted.recv().await {
                let service = Arc::new(Counter(answer.clone()));
                let (link, task) = link(accepted.established, service, &Limits::default(), None);
                made.lock().unwrap().push(link);
                tokio::spawn(task);
            }
        });
        Self { address, front, links }
    }

    /// How many have proven its key so far.
    pub(crate) fn knocks(&self) -> usize {
        self.front.knocks.load(Ordering::SeqCst)
    }

    /// How many believed it.
    pub(crate) fn believers(&self) -> usize {
        self.links.lock().unwrap().len()
    }

    /// Tells whoever believed it last.
    pub(crate) fn cast<M: Message>(&self, message: &M) {
        let links = self.links.lock().unwrap();
        let request = Request {
            command: CommandRef::Name(M::NAME.into()),
            body: Body { codec: Codec::Json, bytes: message.encode() },
            deadline: Instant::now() + Duration::from_secs(10),
            trace: None,
            attempt: None,
            wants_reply: false,
        };
        links.last().unwrap().cast(request).unwrap();
    }
}

/// Where joins are answered.
struct Counter(Arc<Answer>);

impl Service for Counter {
    fn serve(&self, call: InboundCall) -> Served {
        match Join::decode(&call.body.bytes) {
            Ok(join) if call.wants_reply => {
                let bytes = (self.0)(join).encode();
                Served::Ready(Ok(Body { codec: Codec::Json, bytes }))
            }
            Ok(_) | Err(_) => Served::Ready(Err(NotExecuted::NoSuchCommand.into())),
        }
    }

    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}
