//! The actor around the registry: owns it, feeds it, carries its effects out. Started by the shell,
//! stopped by it ([`Halt`]); every link of the master ends before.
//!
//! * `messages.rs`: what it can be told
//! * `carry.rs`: how an effect is carried out
//! * `operators.rs`: what operators ask and want
//! * `queue_roots.rs`: the keys of queued jobs
//! * `schema.rs`: another schema
//! * `sessions.rs`: the links and who waits for an answer on them
//! * `watchers.rs`: reports of workers, and those who look on

mod carry;
mod messages;
mod operators;
mod queue_roots;
mod schema;
mod sessions;
mod watchers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, SpawnHandle};
use meshwork_schema::Schema;
use meshwork_shared::admission::Paced;
use meshwork_shared::clock::Clock;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::{Doorman as _, refuse};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::task::link;
use meshwork_shared::protocol::{Join, JoinReply, MemberKey, Message as _, Refusal, ToMaster};
use meshwork_shared::random::Random;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use messages::{
    ApplySchema, Arrived, Counters, CountersNow, Drained, FileRefused, ForgetQueueRoots,
    FromWorker, Halt, LinkOver, MembersNow, NoteAudit, OfferFile, RevokeTickets, RotateQueueRoot,
    SchemaNow, SchemaRefused,
};
pub(crate) use schema::Offered;
pub(crate) use watchers::{MeshNow, MeshStatus};

use super::{
    Durable, Effect, Event, JoinRequest, Now, Registry, RegistryConfig, RevokeError, SessionId,
};
use crate::audit::AuditLog;
use crate::doorman::MasterDoorman;
use crate::events::{EventKind, EventLog};
use crate::figures::Figures;
use crate::queue_roots::QueueRoots;
use crate::schema_change::{LastReload, Reloaded, SchemaSource};
use crate::session::SessionService;
use crate::signing::{PresentSchema, Signing};
use crate::state::State;
use sessions::{Session, Sessions};

/// Messages that may wait for the actor; whoever sends one more waits.
const MAILBOX_LEN: usize = 1024;

/// How long a link may stay without having joined.
const JOIN_WITHIN: Duration = Duration::from_secs(30);

/// What the actor is made of.
pub(crate) struct Parts {
    pub(crate) signing: Signing,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) state: State,
    pub(crate) queue_roots: QueueRoots,
    pub(crate) limits: Limits,
    pub(crate) sessions_max: usize,
    pub(crate) offered: Offered,
}

/// Owns the registry.
pub(crate) struct RegistryActor {
    registry: Registry,
    parts: Parts,
    started: Instant,
    doorman: Arc<MasterDoorman>,
    /// `None` only until the first effects are carried out.
    schema: Option<PresentSchema>,
    last_reload: LastReload,
    /// What the schema file said when it was last looked at.
    offered: Offered,
    /// Why the schema file is not in force, if it is not to be.
    refused_file: Option<LastReload>,
    sessions: Sessions,
    audit: AuditLog,
    /// Lines about links that are refused.
    refused: BTreeMap<CloseCode, Paced>,
    events: Arc<EventLog>,
    figures: Figures,
    /// When somebody last looked at the mesh.
    looked_at: Option<Instant>,
    /// Set while an operator's revocation is handled.
    revoked: Option<Result<Vec<MemberKey>, RevokeError>>,
    wake: Option<(Duration, SpawnHandle)>,
    /// Of the registry's start, until the actor's.
    first: Vec<Effect>,
    /// It admits nobody any more.
    stopping: bool,
    /// Told once no link is left.
    drained: Option<oneshot::Sender<()>>,
}

impl RegistryActor {
    /// An actor that is not started yet; `doorman` makes the doorman once the registry's epoch is
    /// known.
    pub(crate) fn new(
        config: RegistryConfig,
        schema: Arc<Schema>,
        durable: Option<Durable>,
        parts: Parts,
        doorman: impl FnOnce(u64) -> Arc<MasterDoorman>,
    ) -> (Self, Arc<MasterDoorman>) {
        let unix_ms = parts.clock.unix_ms();
        let now = Now { at: Duration::ZERO, unix_ms };
        let (registry, first) = Registry::new(config, schema, durable, now);
        let doorman = doorman(registry.epoch());
        let events = Arc::new(EventLog::new(registry.epoch(), parts.clock.clone()));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        events.push(EventKind::MasterStarted { version, schema: registry.schema().1 });
        let actor = Self {
            doorman: doorman.clone(),
            registry,
            sessions: Sessions::new(parts.sessions_max),
            offered: parts.offered,
            refused_file: None,
            parts,
            started: Instant::now(),
            schema: None,
            last_reload: LastReload {
                at_unix_ms: unix_ms,
                by: SchemaSource::Start,
                outcome: Ok(Reloaded::Started),
            },
            audit: AuditLog::default(),
            refused: BTreeMap::new(),
            events,
            figures: Figures::default(),
            looked_at: None,
            revoked: None,
            wake: None,
            first,
            stopping: false,
            drained: None,
        };
        (actor, doorman)
    }

    /// What happens, for whoever looks on.
    pub(crate) fn events(&self) -> Arc<EventLog> {
        self.events.clone()
    }

    fn now(&self) -> Now {
        Now { at: self.started.elapsed(), unix_ms: self.parts.clock.unix_ms() }
    }

    /// Tells the registry, and does what it wants done.
    fn feed(&mut self, event: Event, ctx: &mut Context<Self>) {
        let now = self.now();
        let effects = self.registry.handle(event, now);
        for effect in effects {
            self.carry_out(effect, ctx);
        }
        self.set_wake(ctx);
    }

    /// Makes sure that the registry is woken in time. Never later than it was to be: a stream of
    /// events must not put off what waits for time to pass.
    fn set_wake(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let next = self.registry.next_wakeup(now);
        if self.wake.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, timer)) = self.wake.take() {
            ctx.cancel_future(timer);
        }
        let timer = ctx.run_later(next.saturating_sub(now.at), |actor, ctx| {
            actor.wake = None;
            actor.feed(Event::Tick, ctx);
            actor.forget_aged_roots(ctx);
            actor.sessions.close_idle(Instant::now());
            actor.look_away();
            actor.tell_refusals();
        });
        self.wake = Some((next, timer));
    }

    fn join(&mut self, session: SessionId, join: Join, ctx: &mut Context<Self>) {
        let Some(entry) = self.sessions.find(session) else { return };
        let signing = &self.parts.signing;
        let presented = join.ticket.as_ref().map(|ticket| ticket.0.as_ref());
        let witness = join.witness.as_ref().map(|ticket| ticket.0.as_ref());
        let request = JoinRequest {
            session,
            node: entry.node,
            key: entry.key.clone(),
            presented: signing.claims(presented),
            witness: signing.claims(witness),
            proven_schema: self
                .schema
                .as_ref()
                .and_then(|present| signing.proven_schema(&join, present)),
            join,
        };
        self.feed(Event::Join(Box::new(request)), ctx);
    }

    fn tell_if_drained(&mut self) {
        if self.sessions.is_empty()
            && let Some(drained) = self.drained.take()
        {
            // Whoever asked may have waited long enough.
            let _ = drained.send(());
        }
    }
}

impl Actor for RegistryActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_LEN);
        for effect in std::mem::take(&mut self.first) {
            self.carry_out(effect, ctx);
        }
        self.set_wake(ctx);
    }
}

// === links ===

impl Handler<Arrived> for RegistryActor {
    type Result = ();

    fn handle(&mut self, Arrived(accepted): Arrived, ctx: &mut Context<Self>) {
        let turned_away = match self.doorman.admission(&accepted.preamble.psk_id) {
            _ if self.stopping => Err((CloseCode::Leaving, "the master is shutting down")),
            None => {
                self.doorman.refused("retired_key", accepted.from);
                Err((CloseCode::Denied, "that key does not open any more"))
            }
            Some(_) if self.sessions.is_full() => {
                self.doorman.refused("full", accepted.from);
                Err((CloseCode::NotReady, "the master has as many links as it may"))
            }
            Some(key) => Ok(key),
        };
        let key = match turned_away {
            Ok(key) => key,
            Err((code, text)) => {
                if let Some(times) = self.refused.entry(code).or_default().note(Instant::now()) {
                    let from = accepted.from;
                    log::warn!("links are refused ({times} times), the last from {from}: {text}");
                }
                actix_rt::spawn(refuse(accepted.established, code, text));
                return;
            }
        };
        self.sessions.make_room();
        let (registry, session) = (ctx.address(), self.sessions.next_id());
        let service = Arc::new(SessionService::new(session, registry.clone()));
        let (link, task) = link(accepted.established, service, &self.parts.limits, None);
        let join_by = Instant::now() + JOIN_WITHIN;
        self.sessions.add(session, Session::new(link, accepted.peer.node, key, join_by));
        log::debug!("session {} from {}", session.0, accepted.from);
        actix_rt::spawn(async move {
            let end = task.await;
            // Without an actor the master is gone, and so is every session.
            let _ = registry.send(LinkOver { session, end }).await;
        });
    }
}

impl Handler<LinkOver> for RegistryActor {
    type Result = ();

    fn handle(&mut self, LinkOver { session, end }: LinkOver, ctx: &mut Context<Self>) {
        log::debug!("session {} ended: {end}", session.0);
        self.sessions.remove(session);
        self.feed(Event::LinkLost(session), ctx);
        self.tell_if_drained();
    }
}

impl Handler<FromWorker> for RegistryActor {
    type Result = ();

    fn handle(&mut self, from: FromWorker, ctx: &mut Context<Self>) {
        let FromWorker { session, message, reply } = from;
        let Some(entry) = self.sessions.find_mut(session) else { return };
        let event = match message {
            ToMaster::Join(_) if entry.join_reply.is_some() => {
                let body = JoinReply::Refused(Refusal::AlreadyJoined).encode();
                return messages::answer(reply, body);
            }
            ToMaster::Join(join) => {
                entry.join_reply = Some(reply);
                return self.join(session, *join, ctx);
            }
            ToMaster::Leave(_) => {
                entry.leave_reply = Some(reply);
                return self.feed(Event::Leave(session), ctx);
            }
            ToMaster::Ready(_) => Event::Ready(session),
            ToMaster::Draining(_) => Event::Draining(session),
            ToMaster::Renew(_) => Event::Renew(session),
            ToMaster::Resync(_) => Event::Resync(session),
            ToMaster::Report(report) => {
                self.take_report(session, *report);
                return messages::answer(reply, bytes::Bytes::new());
            }
        };
        self.feed(event, ctx);
        messages::answer(reply, bytes::Bytes::new());
    }
}

// === the end ===

impl Handler<Drained> for RegistryActor {
    type Result = ();

    /// Admits nobody any more and closes all links.
    fn handle(&mut self, Drained(drained): Drained, ctx: &mut Context<Self>) {
        self.feed(Event::Shutdown, ctx);
        self.stopping = true;
        self.drained = Some(drained);
        self.sessions.close_all(CloseCode::Leaving, "the master is shutting down");
        self.tell_if_drained();
    }
}

impl Handler<Halt> for RegistryActor {
    type Result = ();

    fn handle(&mut self, _: Halt, ctx: &mut Context<Self>) {
        actix::ActorContext::stop(ctx);
    }
}
