//! The worker's side of its link to the master: find it, prove it, join, and keep doing so for as
//! long as the worker lives. A task of the control; it reports by messages and never ends a link
//! between workers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;
use meshwork_schema::{CommandName, Variant, WorkerName};
use meshwork_shared::backoff::Backoff;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::MasterAddress;
use meshwork_shared::handshake::{Introduction, Joining, Parameters, Peer};
use meshwork_shared::identity::{AuthorityPublic, NodeKey};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::connect::{ConnectError, Connected, Dialing, connect};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::link;
use meshwork_shared::net::Network;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::{
    Binary, Join, JoinReply, KnownSchema, Message, ProcessId, Refusal, Status, ToWorker, Welcome,
};
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, Psk};
use meshwork_shared::ticket::Role;
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::authority::Authority;
use crate::control::{Control, FromMaster, JoinFailed, MasterGone, Welcomed};
use crate::discover;
use crate::trust::{CODECS, Trust};
use crate::worker::Worker;

/// Control messages that may wait for the control.
const INBOX_LEN: usize = 1024;

/// How long the master may take to answer a join; it may have to ask the holder of our name first.
const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// Wait between two tries, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A failure that repeats is told this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Why there is no session with the master.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The master's HTTP address gave no mesh address. Check the address and that it runs.
    #[error("cannot learn the mesh port from {address}: {cause}")]
    Discover {
        /// The address that was asked.
        address: String,
        /// What went wrong.
        cause: String,
    },
    /// No link to the master.
    #[error("cannot link to the master at {address}: {cause}")]
    Connect {
        /// The mesh address.
        address: String,
        /// What went wrong.
        cause: String,
    },
    /// The master said no.
    #[error("the master refuses: {0}")]
    Refused(Refusal),
    /// The master did not answer the join.
    #[error("the master did not answer the join: {0}")]
    NoAnswer(CallError),
    /// The link to the master ended.
    #[error("the link to the master ended: {0}")]
    Ended(LinkEnd),
}

impl JoinError {
    /// True when another try ends the same way until somebody changes something.
    fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused(
                Refusal::UnknownWorker { .. } | Refusal::NotYourName { .. } | Refusal::Revoked
            )
        )
    }
}

/// What a join tells that does not change from one try to the next.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) worker: WorkerName,
    pub(crate) variant: Variant,
    pub(crate) process: ProcessId,
    pub(crate) commands: Vec<CommandName>,
    /// Configured addresses; empty: that of the link to the master.
    pub(crate) advertise: Vec<SocketAddr>,
    pub(crate) port: u16,
}

/// Everything a session needs.
pub(crate) struct Session {
    pub(crate) worker: Worker,
    pub(crate) control: Addr<Control>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) network: Network,
    pub(crate) master: MasterAddress,
    /// The keys to be let in with, in the order to try them.
    pub(crate) psks: Vec<Psk>,
    pub(crate) node_key: Arc<NodeKey>,
    pub(crate) random: Random,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) claim: Claim,
}

impl Session {
    /// Joins, and joins again whenever the link to the master ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut told: Option<Instant> = None;
        loop {
            let error = match self.attempt().await {
                // We left, as we were told to: nothing to come back for, nothing to warn of.
                Ok(LinkEnd::ClosedHere { code: CloseCode::Leaving })
                    if self.worker.inner().is_stopping() =>
                {
                    return;
                }
                Ok(end) => {
                    backoff.reset();
                    JoinError::Ended(end)
                }
                Err(error) => error,
            };
            if self.worker.inner().is_stopping() {
                return;
            }
            self.worker.inner().set_join_failure(error.to_string());
            if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                log::warn!("no session with the master, trying again: {error}");
            }
            if error.is_final() && self.control.send(JoinFailed(error)).await.unwrap_or(true) {
                return;
            }
            tokio::time::sleep(backoff.next(&self.random)).await;
        }
    }

    /// One session: `Ok` when it was welcomed, the welcome held, and it ended later.
    async fn attempt(&self) -> Result<LinkEnd, JoinError> {
        let connected = self.connect_any(discover::mesh_addresses(&self.master).await?).await?;
        let local = connected.established.stream.local_addr().ok();
        let (sender, mut inbox) = mpsc::channel(INBOX_LEN);
        let behind = Arc::new(Notify::new());
        let service = Arc::new(MasterService { inbox: sender, behind: behind.clone() });
        let (master, task) = link(connected.established, service, &self.limits, None);
        let mut task = actix_rt::spawn(task);
        let reply = tokio::select! {
            biased;
            reply = self.join(&master, local) => reply,
            end = &mut task => return Err(JoinError::Ended(ended(end))),
        };
        let welcome = reply.inspect_err(|_| close(&master))?;
        let welcomed = Welcomed { welcome, link: master.clone() };
        // A control that is gone takes this task with it.
        let taken = self.control.send(welcomed).await.unwrap_or(true);
        let end = loop {
            tokio::select! {
                biased;
                message = inbox.recv() => match message {
                    Some(message) => drop(self.control.send(FromMaster(message)).await),
                    None => break ended(task.await),
                },
                end = &mut task => break ended(end),
                // What was lost is told again at the start of the next session.
                () = behind.notified() => {
                    master.close(CloseCode::Stalled, "too many control messages wait");
                }
            }
        };
        let _ = self.control.send(MasterGone).await;
        if taken { Ok(end) } else { Err(JoinError::Ended(end)) }
    }

    /// Dials each address until one answers; says of the last why it did not.
    async fn connect_any(&self, addresses: Vec<String>) -> Result<Connected, JoinError> {
        let mut last = (String::new(), "the master names no address".to_owned());
        for address in addresses {
            match self.connect(&address).await {
                Ok(connected) => return Ok(connected),
                Err(error) => last = (address, error.to_string()),
            }
        }
        let (address, cause) = last;
        Err(JoinError::Connect { address, cause })
    }

    /// Dials with each of our keys; a master that does not know one closes without a word.
    async fn connect(&self, address: &str) -> Result<Connected, ConnectError<String>> {
        let mut last = None;
        for psk in &self.psks {
            let dialing = Dialing {
                kind: LinkKind::Control,
                psk,
                node_key: &self.node_key,
                random: &self.random,
                limits: &self.limits,
            };
            match connect(self.network, address, dialing, |peer| self.judge(peer)).await {
                Err(error @ ConnectError::Closed { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or(ConnectError::Closed { address: address.to_owned() }))
    }

    /// Believes a master whose authority is the configured or pinned one and signed its ticket.
    fn judge(&self, peer: &Peer) -> Result<Introduction, String> {
        let shown = peer.introduction.parameters.authority;
        let shown = shown.ok_or("the peer names no authority: is it a master?")?;
        let public = AuthorityPublic::from_bytes(&shown).map_err(|error| error.to_string())?;
        self.authority.admit(&public)?;
        let now = self.clock.unix_seconds();
        self.trust.with_policy(|policy| {
            let known = policy.authority(&public.id()).is_some();
            policy.trust(public).map_err(|error| error.to_string())?;
            let ticket = &peer.introduction.ticket;
            policy.check(ticket, &peer.node, Role::Master, now).map_err(|error| {
                // Nothing else that it signs may count either.
                if !known {
                    policy.distrust(&public.id());
                }
                error.to_string()
            })
        })?;
        self.authority.pin(&public)?;
        Ok(self.introduction())
    }

    fn introduction(&self) -> Introduction {
        let Claim { worker, variant, .. } = self.claim.clone();
        Introduction {
            ticket: self.trust.ticket().to_vec(),
            parameters: Parameters {
                frame_bytes_max: u32::try_from(self.limits.frame_bytes_max).ok(),
                schema: self.trust.schema().map(|schema| schema.known),
                unix_ms: Some(self.clock.unix_ms()),
                codecs: CODECS,
                joining: Some(Joining { worker, variant }),
                ..Parameters::default()
            },
        }
    }

    async fn join(
        &self,
        master: &Link,
        local: Option<SocketAddr>,
    ) -> Result<Box<Welcome>, JoinError> {
        let body = self.join_message(local).encode();
        let request = control_request(Join::NAME, body, true, JOIN_WITHIN);
        let reply = match master.call(request) {
            Ok(reply) => reply.await,
            Err(reason) => Err(CallError::not_executed(reason)),
        };
        let body = reply.map_err(JoinError::NoAnswer)?;
        match JoinReply::decode(&body.bytes) {
            Ok(JoinReply::Welcome(welcome)) => Ok(welcome),
            Ok(JoinReply::Refused(refusal)) => Err(JoinError::Refused(refusal)),
            Err(error) => {
                let message = error.to_string();
                let reason = NotExecuted::ArgumentRefused { message };
                Err(JoinError::NoAnswer(CallError::not_executed(reason)))
            }
        }
    }

    fn join_message(&self, local: Option<SocketAddr>) -> Join {
        let claim = self.claim.clone();
        let mut addresses = claim.advertise;
        if addresses.is_empty()
            && let Some(local) = local
        {
            addresses.push(SocketAddr::new(local.ip(), claim.port));
        }
        let ticket = self.trust.ticket();
        let known = self.trust.schema().map(|active| KnownSchema {
            number: active.known.number,
            fingerprint: active.known.fingerprint,
            signature: active.signature.map(|bytes| bytes.to_vec().into()),
        });
        Join {
            worker: claim.worker,
            variant: claim.variant,
            process: claim.process,
            addresses,
            commands: claim.commands,
            status: if ticket.is_empty() { Status::Joining } else { Status::Ready },
            ticket: (!ticket.is_empty()).then_some(Binary(ticket)),
            witness: self.trust.witness().map(Binary),
            schema: known,
        }
    }
}

/// A control message as a request.
pub(crate) fn control_request(
    name: &'static str,
    body: Bytes,
    wants_reply: bool,
    within: Duration,
) -> Request {
    Request {
        command: CommandRef::Name(Bytes::from_static(name.as_bytes())),
        body: Body { codec: meshwork_shared::codec::Codec::Json, bytes: body },
        deadline: Instant::now() + within,
        trace: None,
        attempt: None,
        wants_reply,
    }
}

fn close(link: &Link) {
    link.close(CloseCode::Leaving, "");
}

fn ended(joined: Result<LinkEnd, tokio::task::JoinError>) -> LinkEnd {
    joined.unwrap_or_else(|error| LinkEnd::Lost { cause: error.to_string() })
}

/// Takes the master's casts.
struct MasterService {
    inbox: mpsc::Sender<ToWorker>,
    /// A message was lost, for the control takes them too slowly.
    behind: Arc<Notify>,
}

impl Service for MasterService {
    fn serve(&self, call: InboundCall) -> Served {
        let CommandRef::Name(name) = &call.command else {
            return Served::Ready(Err(NotExecuted::NoSuchCommand.into()));
        };
        let name = String::from_utf8_lossy(name);
        if call.wants_reply {
            // The master asks whether the holder of this name lives: any answer says so.
            return Served::Ready(Ok(Body::empty()));
        }
        match ToWorker::decode(&name, &call.body.bytes) {
            Ok(message) => match self.inbox.try_send(message) {
                Ok(()) => Served::Ready(Ok(Body::empty())),
                Err(_) => {
                    log::warn!("the control is behind: the session with the master ends");
                    self.behind.notify_one();
                    Served::Ready(Err(NotExecuted::overloaded("control messages").into()))
                }
            },
            Err(error) => {
                log::warn!("a message of the master is not understood: {error}");
                Served::Ready(Err(NotExecuted::NoSuchCommand.into()))
            }
        }
    }

    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use meshwork_shared::ids::CallId;
    use meshwork_shared::protocol::Pace;

    use super::*;

    fn cast() -> InboundCall {
        let bytes = Pace { report_every_ms: 250 }.encode();
        InboundCall {
            id: CallId(1),
            command: CommandRef::Name(Bytes::from_static(Pace::NAME.as_bytes())),
            body: Body { codec: meshwork_shared::codec::Codec::Json, bytes },
            deadline: Instant::now(),
            trace: None,
            attempt: None,
            wants_reply: false,
        }
    }

    #[tokio::test]
    async fn a_message_that_is_lost_ends_the_session() {
        let (inbox, mut taken) = mpsc::channel(1);
        let behind = Arc::new(Notify::new());
        let service = MasterService { inbox, behind: behind.clone() };
        let notified = behind.notified();
        tokio::pin!(notified);
        assert!(matches!(service.serve(cast()), Served::Ready(Ok(_))));
        assert!(notified.as_mut().now_or_never().is_none());
        assert!(matches!(service.serve(cast()), Served::Ready(Err(_))));
        assert!(notified.as_mut().now_or_never().is_some());
        assert!(taken.recv().await.is_some());
    }
}
