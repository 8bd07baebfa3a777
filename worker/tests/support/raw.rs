//! A worker made of bare parts: it joins as it should, and then does what no worker would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_schema::{CommandName, Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::handshake::{Introduction, Joining, Parameters, Peer, Target};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::connect::{Connected, Dialing, connect};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::link;
use meshwork_shared::net::Network;
use meshwork_shared::protocol::{Join, JoinReply, Message, ProcessId, Refusal, Status, Welcome};
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, LinkSecret, Psk};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Mesh;

/// A link of a raw worker, and what it was told.
pub(crate) struct RawLink {
    pub(crate) link: Link,
    pub(crate) ends: mpsc::Receiver<LinkEnd>,
}

impl RawLink {
    /// The code of the CLOSE that ends the link.
    pub(crate) async fn closed(&mut self) -> CloseCode {
        match super::soon("the close", self.ends.recv()).await {
            Some(LinkEnd::ClosedByPeer { code: Some(code), .. }) => code,
            other => panic!("no close, but {other:?}"),
        }
    }
}

/// Answers everything with nothing.
struct Mute(mpsc::Sender<LinkEnd>);

impl Service for Mute {
    fn serve(&self, _: InboundCall) -> Served {
        Served::Ready(Ok(Body::empty()))
    }

    fn notice(&self, notice: Notice) {
        if let Notice::Ended(end) = notice {
            let _ = self.0.try_send(end);
        }
    }

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}

pub(crate) struct RawWorker {
    pub(crate) worker: WorkerName,
    pub(crate) variant: Variant,
    pub(crate) node_key: NodeKey,
    pub(crate) welcome: Box<Welcome>,
    pub(crate) master: RawLink,
    mesh_id: meshwork_shared::ids::MeshId,
    random: Random,
}

/// Runs a link over a connection.
pub(crate) fn run(connected: Connected) -> RawLink {
    let (sender, ends) = mpsc::channel(1);
    let (made, task) =
        link(connected.established, Arc::new(Mute(sender)), &Limits::default(), None);
    tokio::spawn(task);
    RawLink { link: made, ends }
}

pub(crate) fn request(command: CommandRef, body: Body) -> Request {
    Request {
        command,
        body,
        deadline: Instant::now() + Duration::from_secs(10),
        trace: None,
        attempt: None,
        wants_reply: true,
    }
}

pub(crate) fn named(command: &'static str) -> CommandRef {
    CommandRef::Name(Bytes::from_static(command.as_bytes()))
}

impl RawWorker {
    /// Joins under the mesh secret.
    pub(crate) async fn join(mesh: &Mesh, worker: &str, variant: &str) -> Result<Self, Refusal> {
        let psk = mesh.secret.psk(LinkKind::Control);
        Self::join_with(mesh, &psk, worker, variant).await
    }

    /// Joins under any key.
    pub(crate) async fn join_with(
        mesh: &Mesh,
        psk: &Psk,
        worker: &str,
        variant: &str,
    ) -> Result<Self, Refusal> {
        let random = Random::system();
        let node_key = NodeKey::generate(&random);
        let worker = WorkerName::new(worker).unwrap();
        let variant = Variant::new(variant).unwrap();
        let limits = Limits::default();
        let dialing = Dialing {
            kind: LinkKind::Control,
            psk,
            node_key: &node_key,
            random: &random,
            limits: &limits,
        };
        let joining = Joining { worker: worker.clone(), variant: variant.clone() };
        let judge = |_: &Peer| {
            let parameters = Parameters { joining: Some(joining), ..Parameters::default() };
            Ok::<_, String>(Introduction { ticket: Vec::new(), parameters })
        };
        let address = mesh.master().mesh_addr().to_string();
        let connected = connect(Network::Tcp, &address, dialing, judge).await.unwrap();
        let master = run(connected);
        let join = Join {
            worker: worker.clone(),
            variant: variant.clone(),
            process: ProcessId(random.next_u64()),
            addresses: vec!["127.0.0.1:9".parse().unwrap()],
            commands: Vec::<CommandName>::new(),
            status: Status::Joining,
            ticket: None,
            witness: None,
            schema: None,
        };
        let body = Body { codec: Codec::Json, bytes: join.encode() };
        let reply = master.link.call(request(named("join"), body)).unwrap().await.unwrap();
        let welcome = match JoinReply::decode(&reply.bytes).unwrap() {
            JoinReply::Welcome(welcome) => welcome,
            JoinReply::Refused(refusal) => return Err(refusal),
        };
        let mesh_id = mesh.secret.mesh_id();
        Ok(Self { worker, variant, node_key, welcome, master, mesh_id, random })
    }

    /// Dials another worker with this one's own ticket.
    pub(crate) async fn dial(&self, address: SocketAddr, target: Option<Target>) -> RawLink {
        self.dial_with(address, self.welcome.ticket.0.to_vec(), target).await
    }

    /// Dials another worker with any ticket.
    pub(crate) async fn dial_with(
        &self,
        address: SocketAddr,
        ticket: Vec<u8>,
        target: Option<Target>,
    ) -> RawLink {
        run(self.shake_hands(address, ticket, target).await)
    }

    /// As [`RawWorker::dial_with`]; no link runs over the connection yet.
    pub(crate) async fn shake_hands(
        &self,
        address: SocketAddr,
        ticket: Vec<u8>,
        target: Option<Target>,
    ) -> Connected {
        let introduce = || {
            let parameters = Parameters { target, ..Parameters::default() };
            Introduction { ticket, parameters }
        };
        self.shake_hands_and(address, introduce).await
    }

    /// Dials another worker; `introduce` runs once that has introduced itself, and may take its
    /// time.
    pub(crate) async fn shake_hands_and(
        &self,
        address: SocketAddr,
        introduce: impl FnOnce() -> Introduction,
    ) -> Connected {
        let secret = self.welcome.link_secrets.secrets[0].secret.expose();
        let psk = LinkSecret::from_bytes(*secret).psk(&self.mesh_id);
        let limits = Limits::default();
        let dialing = Dialing {
            kind: LinkKind::Data,
            psk: &psk,
            node_key: &self.node_key,
            random: &self.random,
            limits: &limits,
        };
        let judge = |_: &Peer| Ok::<_, String>(introduce());
        connect(Network::Tcp, &address.to_string(), dialing, judge).await.unwrap()
    }
}
