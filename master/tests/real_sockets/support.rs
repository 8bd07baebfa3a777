//! A mesh over real sockets: a master on a thread of its own, and workers made of the shared pieces
//! only, so that what the master says is seen as it is on the wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use meshwork_master::registry::RegistryConfig;
use meshwork_master::{Master, MasterBuilder, State};
use meshwork_schema::Schema;
use meshwork_shared::codec::Codec;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::handshake::{Introduction, Peer};
use meshwork_shared::identity::{AuthorityKey, AuthorityPublic, NodeKey};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::connect::{ConnectError, Dialing, connect};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::link;
use meshwork_shared::net::Network;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::{
    Join, JoinReply, KnownSchema, Leave, Left, Message, ProcessId, Refusal, Status, ToWorker,
    Welcome,
};
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, MeshSecret, Psk};
use meshwork_shared::ticket::{Role, Ticket, TicketPolicy};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// `gateway` dials `thumbnailer`; `loner` knows nobody.
pub(crate) const SCHEMA: &str = r#"
    [gateway]
    _connect = ["thumbnailer"]
    [thumbnailer]
    _allow = ["gateway"]
    [thumbnailer._commands._balanced]
    resize = {}
    [loner]
"#;

/// Nothing in a test takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// What a mesh is made of, so that a master of it can be started again.
pub(crate) struct Mesh {
    pub(crate) random: Random,
    pub(crate) secret: MeshSecret,
    pub(crate) state: State,
    pub(crate) authority: AuthorityKey,
}

impl Mesh {
    pub(crate) fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let secret = MeshSecret::generate(&random);
        let authority = AuthorityKey::generate(&random);
        let state = State::memory(authority.clone());
        Self { random, secret, state, authority }
    }

    /// The authority key, and nothing of what was written down.
    pub(crate) fn state_without_marks(&self) -> State {
        State::memory(self.authority.clone())
    }

    pub(crate) fn config(&self) -> MasterConfig {
        let mut config = MasterConfig::new(self.secret.clone());
        config.mesh_listen = "127.0.0.1:0".parse().unwrap();
        config.http_listen = "127.0.0.1:0".parse().unwrap();
        config
    }

    pub(crate) fn builder(&self, config: MasterConfig) -> MasterBuilder {
        let schema = Schema::from_toml(SCHEMA).unwrap();
        let builder = Master::builder(schema, config).state(self.state.clone());
        builder.http(false).registry(|registry: &mut RegistryConfig| {
            registry.delta_delay = Duration::ZERO;
            registry.probe_timeout = Duration::from_millis(500);
        })
    }

    pub(crate) async fn start(&self) -> Master {
        self.builder(self.config()).start().await.unwrap()
    }

    /// The key of the mesh secret.
    pub(crate) fn psk(&self) -> Psk {
        self.secret.psk(LinkKind::Control)
    }

    /// The join key of a worker.
    pub(crate) fn join_psk(&self, worker: &str, authority: AuthorityPublic) -> Psk {
        self.secret.join_key(&worker.parse().unwrap(), authority.hash()).psk()
    }
}

/// A process that may join.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) node: NodeKey,
    pub(crate) id: u64,
    pub(crate) worker: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) ticket: Option<Vec<u8>>,
    pub(crate) witness: Option<Vec<u8>>,
    pub(crate) schema: Option<KnownSchema>,
}

impl Process {
    pub(crate) fn new(mesh: &Mesh, worker: &'static str, variant: &'static str) -> Self {
        let node = NodeKey::generate(&mesh.random);
        let id = mesh.random.next_u64();
        Self { node, id, worker, variant, ticket: None, witness: None, schema: None }
    }

    pub(crate) fn join(&self) -> Join {
        Join {
            worker: self.worker.parse().unwrap(),
            variant: self.variant.parse().unwrap(),
            process: ProcessId(self.id),
            addresses: vec!["127.0.0.1:4000".parse().unwrap()],
            commands: Vec::new(),
            status: Status::Joining,
            ticket: self.ticket.clone().map(Into::into),
            witness: self.witness.clone().map(Into::into),
            schema: self.schema.clone(),
        }
    }

    /// Links to a master and joins.
    pub(crate) async fn admit(
        &mut self,
        mesh: &Mesh,
        master: &Master,
        psk: &Psk,
    ) -> (Client, Welcome) {
        self.admit_at(mesh, master, psk, unix_s()).await
    }

    /// As [`Process::admit`], at that time of day.
    pub(crate) async fn admit_at(
        &mut self,
        mesh: &Mesh,
        master: &Master,
        psk: &Psk,
        now: u64,
    ) -> (Client, Welcome) {
        let linked = Client::link_at(mesh, master.mesh_addr(), psk, &self.node, now).await;
        let client = linked.unwrap();
        match client.join(&self.join()).await {
            JoinReply::Welcome(welcome) => {
                self.ticket = Some(welcome.ticket.0.to_vec());
                (client, *welcome)
            }
            JoinReply::Refused(refusal) => panic!("refused: {refusal}"),
        }
    }

    /// Links to a master and is not let in.
    pub(crate) async fn refused(&self, mesh: &Mesh, master: &Master, psk: &Psk) -> Refusal {
        let client = Client::link(mesh, master.mesh_addr(), psk, &self.node).await.unwrap();
        match client.join(&self.join()).await {
            JoinReply::Welcome(_) => panic!("let in"),
            JoinReply::Refused(refusal) => refusal,
        }
    }
}

/// The worker's end of a link to the master.
pub(crate) struct Client {
    pub(crate) link: Link,
    pub(crate) authority: AuthorityPublic,
    news: mpsc::Receiver<ToWorker>,
    over: tokio::task::JoinHandle<LinkEnd>,
    frozen: Arc<AtomicBool>,
}

struct News(mpsc::Sender<ToWorker>);

impl Service for News {
    fn serve(&self, call: InboundCall) -> Served {
        let CommandRef::Name(name) = &call.command else { panic!("a number from the master") };
        if !call.wants_reply {
            let message = ToWorker::decode(std::str::from_utf8(name).unwrap(), &call.body.bytes);
            self.0.try_send(message.unwrap()).unwrap();
        }
        Served::Ready(Err(NotExecuted::NoSuchCommand.into()))
    }

    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}

impl Client {
    pub(crate) async fn link(
        mesh: &Mesh,
        master: SocketAddr,
        psk: &Psk,
        node: &NodeKey,
    ) -> Result<Self, ConnectError<String>> {
        Self::link_at(mesh, master, psk, node, unix_s()).await
    }

    async fn link_at(
        mesh: &Mesh,
        master: SocketAddr,
        psk: &Psk,
        node: &NodeKey,
        now: u64,
    ) -> Result<Self, ConnectError<String>> {
        let limits = Limits::default();
        let dialing = Dialing {
            kind: LinkKind::Control,
            psk,
            node_key: node,
            random: &mesh.random,
            limits: &limits,
        };
        let mut authority = None;
        let judge = |peer: &Peer| -> Result<Introduction, String> {
            authority = Some(judge_master(mesh, peer, now));
            Ok(Introduction::default())
        };
        let connected = connect(Network::Tcp, &master.to_string(), dialing, judge).await?;
        let (sender, news) = mpsc::channel(1024);
        let (link, task) = link(connected.established, Arc::new(News(sender)), &limits, None);
        let frozen = Arc::new(AtomicBool::new(false));
        let (mut task, stands) = (Box::pin(task), frozen.clone());
        let over =
            tokio::spawn(std::future::poll_fn(move |cx| match stands.load(Ordering::Relaxed) {
                true => Poll::Pending,
                false => task.as_mut().poll(cx),
            }));
        Ok(Self { link, authority: authority.unwrap(), news, over, frozen })
    }

    pub(crate) async fn call<M: Message>(&self, message: &M) -> Result<Bytes, CallError> {
        self.call_raw(M::NAME, message.encode()).await
    }

    pub(crate) async fn call_raw(&self, name: &str, body: Bytes) -> Result<Bytes, CallError> {
        let reply = self.link.call(request(name, body, true)).unwrap();
        Ok(timeout(PATIENCE, reply).await.unwrap()?.bytes)
    }

    pub(crate) fn cast<M: Message>(&self, message: &M) {
        self.link.cast(request(M::NAME, message.encode(), false)).unwrap();
    }

    pub(crate) async fn join(&self, join: &Join) -> JoinReply {
        JoinReply::decode(&self.call(join).await.unwrap()).unwrap()
    }

    pub(crate) async fn leave(&self) {
        let body = self.call(&Leave {}).await.unwrap();
        Left::decode(&body).unwrap();
    }

    /// The next message that `pick` wants; the ones before are dropped.
    pub(crate) async fn news<T>(&mut self, mut pick: impl FnMut(ToWorker) -> Option<T>) -> T {
        let wanted = async {
            loop {
                if let Some(found) = pick(self.news.recv().await.expect("the link is over")) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, wanted).await.expect("no such news")
    }

    /// How the link ends.
    pub(crate) async fn end(self) -> LinkEnd {
        timeout(PATIENCE, self.over).await.expect("the link stays open").unwrap()
    }

    /// The code with which the master closes the link.
    pub(crate) async fn close_code(self) -> CloseCode {
        match self.end().await {
            LinkEnd::ClosedByPeer { code: Some(code), .. } => code,
            end => panic!("{end}"),
        }
    }

    /// From now on it neither reads nor writes, and its socket stays open: a stopped process.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Ends the link without a word, as a process that dies does.
    pub(crate) async fn die(self) {
        self.over.abort();
        let _ = self.over.await;
    }
}

fn unix_s() -> u64 {
    meshwork_shared::clock::Clock::system().unix_seconds()
}

/// What every worker checks before it shows itself.
fn judge_master(mesh: &Mesh, peer: &Peer, now: u64) -> AuthorityPublic {
    let shown = peer.introduction.parameters.authority.expect("a master names its authority");
    let authority = AuthorityPublic::from_bytes(&shown).unwrap();
    let mut policy = TicketPolicy::new(mesh.secret.mesh_id());
    policy.trust(authority).unwrap();
    policy.check(&peer.introduction.ticket, &peer.node, Role::Master, now).unwrap();
    authority
}

/// What the master says of a worker, checked as a peer of that worker would.
pub(crate) fn check_ticket(mesh: &Mesh, client: &Client, process: &Process) -> Ticket {
    let mut policy = TicketPolicy::new(mesh.secret.mesh_id());
    policy.trust(client.authority).unwrap();
    let now = unix_s();
    let ticket = process.ticket.as_ref().unwrap();
    policy.check(ticket, &process.node.node_id(), Role::Worker, now).unwrap()
}

pub(crate) fn request(name: &str, body: Bytes, wants_reply: bool) -> Request {
    Request {
        command: CommandRef::Name(Bytes::copy_from_slice(name.as_bytes())),
        body: Body { codec: Codec::Json, bytes: body },
        deadline: Instant::now() + PATIENCE,
        trace: None,
        attempt: None,
        wants_reply,
    }
}

/// Waits until a member has that status; `None`: until it is none.
pub(crate) async fn until_status(master: &Master, name: &str, wanted: Option<Status>) {
    let reached = async {
        loop {
            let members = master.members().await.unwrap().members;
            let member = members.iter().find(|info| info.member.key.to_string() == name);
            if member.map(|info| info.member.status) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("it never gets there");
}
