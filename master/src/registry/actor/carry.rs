//! How an effect of the registry is carried out.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use meshwork_schema::WorkerName;
use meshwork_shared::handshake::SchemaKnown;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted, UnknownCause};
use meshwork_shared::protocol::{
    Binary, JoinReply, Left, Message, Refusal, Revoke, SchemaNews, SchemaUpdate, TicketUpdate,
    Welcome,
};
use meshwork_shared::ticket::{Bearer, Claims};

use super::messages::answer;
use super::sessions::control_request;
use super::{RegistryActor, SessionId};
use crate::registry::{Admission, CloseReason, Effect, Event, ProbeId};
use crate::session::PROBE;

impl RegistryActor {
    pub(super) fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Persist(durable) => {
                if let Err(error) = self.parts.state.keep(durable) {
                    log::error!("going on without, a restart may have to guess: {error}");
                }
            }
            Effect::SchemaNumbered { number, fingerprint, schema } => {
                match self.parts.signing.schema(number, &schema) {
                    Ok(present) => self.schema = Some(present),
                    // Its length was checked before the registry was told.
                    Err(error) => log::error!("schema {number} is not sent: {error}"),
                }
                self.parts.queue_roots.schema_changed();
                self.figures.keep_to(&schema);
                self.doorman.set_schema(&schema, SchemaKnown { number, fingerprint });
            }
            Effect::Welcome { session, admission } => self.welcome(session, *admission),
            Effect::Refuse { session, refusal } => self.refuse_join(session, refusal),
            Effect::Left(session) => {
                let waiting = self.sessions.find_mut(session);
                if let Some(reply) = waiting.and_then(|session| session.leave_reply.take()) {
                    answer(reply, Left {}.encode());
                }
            }
            Effect::ProbeHolder { probe, session, within } => {
                self.probe(probe, session, within, ctx);
            }
            Effect::SendView { session, view } => self.sessions.cast(session, &view),
            Effect::SendDelta { session, delta } => self.sessions.cast(session, &delta),
            Effect::PushTicket { session, claims } => self.push_ticket(session, claims),
            Effect::PushSchema(session) => {
                if let Some(present) = &self.schema {
                    let signed = Binary(present.signed.as_bytes().clone());
                    self.sessions.cast(session, &SchemaUpdate { signed });
                }
            }
            Effect::PushRevoke { session, revoke } => {
                self.sessions.cast::<Revoke>(session, &revoke);
            }
            Effect::PushLinkSecrets { session, epochs } => {
                self.sessions.cast(session, &self.parts.signing.link_secrets(epochs));
            }
            Effect::PushQueueKeys { session, worker } => {
                self.send_queue_keys(session, &worker, false);
            }
            Effect::CloseLink { session, reason } => {
                let (code, text) = last_word(reason);
                self.sessions.close(session, code, text);
            }
            Effect::Revoked(outcome) => self.revoked = Some(outcome),
            Effect::Audit(audit) => self.audit(audit),
            Effect::Happened(event) => self.happened(event),
        }
    }

    fn welcome(&mut self, session: SessionId, admission: Admission) {
        let Admission { claims, lease, link_epochs, revoked, view, .. } = admission;
        let incarnation = claims.incarnation;
        let worker = worker_of(&claims);
        let queue_keys = worker.as_ref().and_then(|worker| self.newest_queue_keys(worker));
        let ticket = match self.parts.signing.ticket(claims) {
            Ok(ticket) => ticket,
            Err(error) => {
                log::error!("a ticket cannot be signed: {error}");
                return self.sessions.close(session, CloseCode::Denied, "no ticket for that key");
            }
        };
        let schema = match &self.schema {
            Some(present) if !admission.schema_known => {
                SchemaNews::Signed(Binary(present.signed.as_bytes().clone()))
            }
            Some(_) | None => SchemaNews::Unchanged {
                number: admission.schema_number,
                fingerprint: admission.schema_fingerprint,
            },
        };
        let welcome = Welcome {
            incarnation,
            ticket: ticket.as_bytes().to_vec().into(),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            schema,
            link_secrets: self.parts.signing.link_secrets(link_epochs),
            queue_keys,
            revoked,
            view,
        };
        let Some(entry) = self.sessions.find_mut(session) else { return };
        entry.join_by = None;
        if let Some(reply) = entry.join_reply.take() {
            answer(reply, JoinReply::Welcome(Box::new(welcome)).encode());
        }
        if let Some(worker) = worker {
            self.send_queue_keys(session, &worker, true);
        }
    }

    fn refuse_join(&mut self, session: SessionId, refusal: Refusal) {
        let waiting = self.sessions.find_mut(session);
        if let Some(reply) = waiting.and_then(|session| session.join_reply.take()) {
            answer(reply, JoinReply::Refused(refusal).encode());
        }
    }

    fn push_ticket(&mut self, session: SessionId, claims: Claims) {
        match self.parts.signing.ticket(claims) {
            Ok(signed) => {
                let ticket = signed.as_bytes().to_vec().into();
                self.sessions.cast(session, &TicketUpdate { ticket });
            }
            Err(error) => log::error!("a ticket cannot be renewed: {error}"),
        }
    }

    fn probe(
        &mut self,
        probe: ProbeId,
        session: SessionId,
        within: Duration,
        ctx: &mut Context<Self>,
    ) {
        let link = self.sessions.find(session).map(|session| session.link.clone());
        let asked = is_alive(link, within).into_actor(self).map(move |alive, actor, ctx| {
            let event = match alive {
                true => Event::ProbeAnswered(probe),
                false => Event::ProbeTimedOut(probe),
            };
            actor.feed(event, ctx);
        });
        ctx.spawn(asked);
    }
}

/// Whether the worker at the other end answers at all, whatever it says.
async fn is_alive(link: Option<Link>, within: Duration) -> bool {
    let request = control_request(PROBE, Body::empty(), within, true);
    let Some(Ok(reply)) = link.map(|link| link.call(request)) else { return false };
    match tokio::time::timeout(within, reply).await {
        Err(_) => false,
        Ok(Ok(_) | Err(CallError::Failed { .. })) => true,
        Ok(Err(CallError::NotExecuted { reason })) => match reason {
            // Said by this end.
            NotExecuted::Deadline | NotExecuted::LinkLost | NotExecuted::Cancelled => false,
            _ => true,
        },
        Ok(Err(CallError::Unknown { cause, .. })) => match cause {
            UnknownCause::Deadline | UnknownCause::LinkLost => false,
            UnknownCause::BadReply { .. } | UnknownCause::Queue { .. } => true,
        },
    }
}

/// The worker whose ticket it is.
fn worker_of(claims: &Claims) -> Option<WorkerName> {
    match &claims.bearer {
        Bearer::Worker { worker, .. } => Some(worker.clone()),
        Bearer::Master => None,
    }
}

fn last_word(reason: CloseReason) -> (CloseCode, &'static str) {
    match reason {
        CloseReason::Fenced => (CloseCode::Replaced, "another process holds the name now"),
        CloseReason::Duplicate => (CloseCode::Duplicate, "a newer link of this process is kept"),
        CloseReason::Revoked => (CloseCode::Revoked, "an operator revoked the ticket"),
        CloseReason::NoLongerAllowed => {
            (CloseCode::NoLongerAllowed, "the schema has no such worker any more")
        }
    }
}
