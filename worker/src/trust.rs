//! Whom this worker believes: the ticket policy, the link secrets and its own ticket, shared by the
//! control and by handshakes under way. Peers are judged in `judge.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshwork_schema::Schema;
use meshwork_shared::admission::Paced;
use meshwork_shared::clock::Clock;
use meshwork_shared::handshake::{Introduction, Parameters, Peer, Preamble, SchemaKnown, Target};
use meshwork_shared::ids::{Incarnation, MeshId, NodeId};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::Doorman;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{LinkSecrets, Revoke};
use meshwork_shared::secret::{LinkKind, LinkSecret, Psk};
use meshwork_shared::ticket::{Role, TicketPolicy};
use tokio::time::Instant;

use crate::context::Caller;

mod judge;
#[cfg(test)]
mod tests;

pub(crate) use judge::{Met, Verified};

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

    /// Refuses these tickets from now on, and forgets those that have ended by themselves. Gives
    /// the serials for which there is no room.
    pub(crate) fn revoke(&self, revoke: &Revoke) -> Vec<u64> {
        let now = self.clock.unix_seconds();
        let policy = &mut self.lock().policy;
        policy.forget_ended(now);
        let revoked = revoke.tickets.iter();
        let left_out = revoked.filter(|one| policy.revoke(one.serial, one.until_unix_s).is_err());
        left_out.map(|ticket| ticket.serial).collect()
    }

    /// Notes that a peer was turned away. `Some(n)` at most once a second for each code: log a line
    /// that stands for `n` of them.
    pub(crate) fn note_refused(&self, code: CloseCode, now: Instant) -> Option<u64> {
        self.lock().refused.entry(code).or_default().note(now)
    }
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
