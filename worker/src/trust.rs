//! Whom this worker believes: the ticket policy, the link secrets and its own ticket, shared by the
//! control and by handshakes under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshwork_schema::{Schema, WorkerName, WorkerSchema};
use meshwork_shared::admission::Paced;
use meshwork_shared::clock::Clock;
use meshwork_shared::handshake::{Introduction, Parameters, Peer, Preamble, SchemaKnown, Target};
use meshwork_shared::ids::{Incarnation, MeshId, NodeId};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::Doorman;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::LinkSecrets;
use meshwork_shared::secret::{LinkKind, LinkSecret, Psk};
use meshwork_shared::ticket::{Bearer, Role, Ticket, TicketPolicy};
use tokio::time::Instant;

use crate::context::Caller;

#[cfg(test)]
mod tests;

/// Codecs that this version reads, a bit by codec number.
pub(crate) const CODECS: u32 = 0b1111;

/// The schema that the worker goes by.
#[derive(Clone)]
pub(crate) struct ActiveSchema {
    pub(crate) schema: Arc<Schema>,
    pub(crate) known: SchemaKnown,
    /// The authority's signature of it, to show a master that has forgotten the number.
    pub(crate) signature: Option<[u8; 64]>,
}

/// What a handshake needs to know.
pub(crate) struct Trust {
    clock: Clock,
    frame_bytes_max: u32,
    state: Mutex<State>,
}

struct State {
    mesh: MeshId,
    policy: TicketPolicy,
    secrets: LinkSecrets,
    ticket: Bytes,
    me: Option<Caller>,
    own_caller: Option<NodeId>,
    schema: Option<ActiveSchema>,
    /// The one before it: handshakes under way may have announced it.
    schema_before: Option<ActiveSchema>,
    /// Of all peers' tickets seen, the one with the highest incarnation.
    witness: Option<(Incarnation, Bytes)>,
    /// Lines about peers that are turned away.
    refused: BTreeMap<CloseCode, Paced>,
}

/// A peer whose ticket holds and who may be linked to.
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) ticket: Ticket,
    pub(crate) ticket_bytes: Bytes,
    /// The schema by which the peer numbers its commands, as it announced.
    pub(crate) peer_schema: Option<SchemaKnown>,
    /// The schema by which we number ours on this link, as we announced.
    pub(crate) announced: ActiveSchema,
}

/// How a peer that is judged came to be one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Met {
    /// We dialled it; it hears of the present schema if it is let in.
    Dialled,
    /// It dialled us.
    Accepted {
        /// What it heard of us.
        announced: Option<SchemaKnown>,
    },
}

/// Why a peer is turned away, and how it is told.
#[derive(Debug)]
pub(crate) struct TurnedAway {
    pub(crate) code: CloseCode,
    pub(crate) text: String,
}

impl std::fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl Trust {
    pub(crate) fn new(mesh: MeshId, clock: Clock, limits: &Limits) -> Self {
        let state = State {
            mesh,
            policy: TicketPolicy::new(mesh),
            secrets: LinkSecrets::default(),
            ticket: Bytes::new(),
            me: None,
            own_caller: None,
            schema: None,
            schema_before: None,
            witness: None,
            refused: BTreeMap::new(),
        };
        let frame_bytes_max = u32::try_from(limits.frame_bytes_max).unwrap_or(u32::MAX);
        Self { clock, frame_bytes_max, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with_policy<T>(&self, change: impl FnOnce(&mut TicketPolicy) -> T) -> T {
        change(&mut self.lock().policy)
    }

    pub(crate) fn set_secrets(&self, secrets: LinkSecrets) {
        self.lock().secrets = secrets;
    }

    pub(crate) fn set_ticket(&self, me: Caller, ticket: Bytes) {
        let mut state = self.lock();
        state.me = Some(me);
        state.ticket = ticket;
    }

    pub(crate) fn set_schema(&self, schema: ActiveSchema) {
        let mut state = self.lock();
        let known = schema.known;
        let before = state.schema.replace(schema).filter(|before| before.known != known);
        state.schema_before = before.or_else(|| state.schema_before.take());
    }

    pub(crate) fn schema(&self) -> Option<ActiveSchema> {
        self.lock().schema.clone()
    }

    pub(crate) fn ticket(&self) -> Bytes {
        self.lock().ticket.clone()
    }

    /// The mesh that this worker belongs to.
    pub(crate) fn mesh(&self) -> MeshId {
        self.lock().mesh
    }

    /// Keeps a peer's ticket if its incarnation is the highest seen: a master that lost its state
    /// learns from it which numbers are used up.
    pub(crate) fn keep_witness(&self, incarnation: Incarnation, ticket: Bytes) {
        let witness = &mut self.lock().witness;
        if witness.as_ref().is_none_or(|(highest, _)| *highest < incarnation) {
            *witness = Some((incarnation, ticket));
        }
    }

    /// The ticket with the highest incarnation that a peer has shown.
    pub(crate) fn witness(&self) -> Option<Bytes> {
        self.lock().witness.as_ref().map(|(_, ticket)| ticket.clone())
    }

    /// The keys to dial with, in the order to try them: the present epoch's, then the others'.
    pub(crate) fn dial_keys(&self) -> Vec<Psk> {
        let state = self.lock();
        let now = self.clock.unix_seconds();
        let first = state.secrets.to_dial(now).map(|secret| secret.epoch);
        let mut secrets: Vec<_> = state.secrets.secrets.iter().collect();
        secrets.sort_by_key(|secret| (Some(secret.epoch) != first, secret.epoch));
        secrets.iter().map(|secret| psk(secret, &state.mesh)).collect()
    }

    /// What this end tells of itself.
    pub(crate) fn introduction_for(&self, target: Option<Target>) -> Introduction {
        let state = self.lock();
        Introduction {
            ticket: state.ticket.to_vec(),
            parameters: Parameters {
                frame_bytes_max: Some(self.frame_bytes_max),
                schema: state.schema.as_ref().map(|schema| schema.known),
                unix_ms: Some(self.clock.unix_ms()),
                target,
                codecs: CODECS,
                ..Parameters::default()
            },
        }
    }

    /// The key with which this process calls itself.
    #[cfg(feature = "http")]
    pub(crate) fn set_own_caller(&self, node: NodeId) {
        self.lock().own_caller = Some(node);
    }

    /// Whether a peer is this process itself, and the ticket that it shows, ours, holds.
    pub(crate) fn is_own(&self, peer: &Peer) -> bool {
        let is_own = self.lock().own_caller == Some(peer.node);
        is_own && self.check_own_ticket(peer).is_ok()
    }

    /// Whether our own ticket, as one end of a link to ourselves shows it, would be let in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_own_ticket(&self, shown: &Peer) -> Result<(), String> {
        let state = self.lock();
        let me = state.me.as_ref().ok_or("no ticket yet")?;
        let (ticket, now) = (&shown.introduction.ticket, self.clock.unix_seconds());
        let checked = state.policy.check(ticket, &me.node, Role::Worker, now);
        checked.map(drop).map_err(|error| format!("our ticket does not hold: {error}"))
    }

    /// Notes that a peer was turned away. `Some(n)` at most once a second for each code: log a line
    /// that stands for `n` of them.
    pub(crate) fn note_refused(&self, code: CloseCode, now: Instant) -> Option<u64> {
        self.lock().refused.entry(code).or_default().note(now)
    }

    /// What serves a link on which `announced` was announced: the commands of `worker` by those
    /// numbers, which stay, and the schema of now, which says who may call them.
    pub(crate) fn served(
        &self,
        worker: &WorkerName,
        announced: &ActiveSchema,
    ) -> Option<(Arc<WorkerSchema>, Arc<Schema>)> {
        let numbering = announced.schema.worker(worker.as_str())?.clone();
        Some((Arc::new(numbering), self.schema()?.schema))
    }

    /// Judges a peer.
    ///
    /// # Errors
    /// Why it is turned away.
    pub(crate) fn verify(&self, peer: &Peer, met: Met) -> Result<Verified, TurnedAway> {
        let state = self.lock();
        let (Some(me), Some(schema)) = (&state.me, &state.schema) else {
            return Err(turned_away(CloseCode::NotReady, "not a member of the mesh yet"));
        };
        let now = self.clock.unix_seconds();
        let checked = state.policy.check(&peer.introduction.ticket, &peer.node, Role::Worker, now);
        let ticket = checked.map_err(|error| {
            // Who asked is told the cause, and the log at its own pace.
            log::debug!("a peer's ticket is refused: {error}");
            turned_away(CloseCode::Denied, error.cause())
        })?;
        let Bearer::Worker { worker, variant } = ticket.claims.bearer.clone() else {
            return Err(turned_away(CloseCode::Denied, "not a worker's ticket"));
        };
        let dialled = matches!(met, Met::Dialled);
        let target = peer.introduction.parameters.target.as_ref();
        if !dialled && target.is_some_and(|target| !is_me(target, me)) {
            let text = format!("this is {}/{}", me.worker, me.variant);
            return Err(turned_away(CloseCode::WrongTarget, &text));
        }
        let (from, to) = if dialled { (&me.worker, &worker) } else { (&worker, &me.worker) };
        let allowed = schema.schema.dials(from.as_str(), to.as_str());
        if !allowed && !cfg!(mutate = "allow_check") {
            let text = format!("the schema does not let {from} link to {to}");
            return Err(turned_away(CloseCode::Denied, &text));
        }
        let incarnation = ticket.claims.incarnation;
        let caller = Caller { worker, variant, incarnation, node: peer.node };
        let announced = match met {
            Met::Dialled => schema.clone(),
            Met::Accepted { announced } => {
                state.announced(announced).cloned().ok_or_else(|| {
                    turned_away(CloseCode::NotReady, "the schema changed during the handshake")
                })?
            }
        };
        let peer_schema = peer.introduction.parameters.schema;
        let ticket_bytes = Bytes::copy_from_slice(&peer.introduction.ticket);
        Ok(Verified { caller, ticket, ticket_bytes, peer_schema, announced })
    }
}

impl State {
    /// The schema that was announced, if it is still at hand.
    fn announced(&self, known: Option<SchemaKnown>) -> Option<&ActiveSchema> {
        let at_hand = self.schema.iter().chain(&self.schema_before);
        at_hand.into_iter().find(|schema| Some(schema.known) == known)
    }
}

fn is_me(target: &Target, me: &Caller) -> bool {
    target.worker == me.worker
        && target.variant.as_ref().is_none_or(|variant| *variant == me.variant)
}

fn turned_away(code: CloseCode, text: &str) -> TurnedAway {
    TurnedAway { code, text: text.to_owned() }
}

fn psk(secret: &meshwork_shared::protocol::EpochSecret, mesh: &MeshId) -> Psk {
    LinkSecret::from_bytes(*secret.secret.expose()).psk(mesh)
}

impl Doorman for Trust {
    fn psk(&self, preamble: &Preamble) -> Option<Psk> {
        if preamble.kind != LinkKind::Data {
            return None;
        }
        let state = self.lock();
        let keys = state.secrets.secrets.iter().map(|secret| psk(secret, &state.mesh));
        keys.into_iter().find(|key| key.id == preamble.psk_id)
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        self.introduction_for(None)
    }
}
