//! The judgement of peers: whose ticket holds, who may be linked to, and by which schema a link to
//! them is served.

use std::sync::Arc;

use bytes::Bytes;
use meshwork_schema::{Schema, WorkerName, WorkerSchema};
use meshwork_shared::handshake::{Peer, SchemaKnown, Target};
use meshwork_shared::ids::NodeId;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::ticket::{Bearer, Role, Ticket};

use super::{ActiveSchema, State, Trust};
use crate::context::Caller;

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

    /// Checks the ticket that a peer pushed over its link: it must be of who is linked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_renewed(
        &self,
        ticket: &[u8],
        key: &MemberKey,
        node: &NodeId,
    ) -> Result<Ticket, String> {
        let now = self.clock.unix_seconds();
        let checked = self.lock().policy.check(ticket, node, Role::Worker, now);
        let ticket = checked.map_err(|error| error.to_string())?;
        let MemberKey { worker, variant } = key.clone();
        if ticket.claims.bearer != (Bearer::Worker { worker, variant }) {
            return Err("it is for another name".to_owned());
        }
        Ok(ticket)
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
