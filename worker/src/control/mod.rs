//! The control of a worker: the actor that owns its membership, its links and its session with the
//! master. The builder starts it (on a thread of its own, or in the caller's for the simulation);
//! [`Shutdown`] stops it. What links there are is decided by the pure `peers`; this actor feeds it
//! and carries out its effects. The bytes of calls never pass through here.

mod dial;
mod links;
mod master;
mod report;
mod shutdown;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext as _, ActorFutureExt, AsyncContext, Context, Handler, Message,
    ResponseActFuture, WrapFuture,
};
use meshwork_shared::clock::Clock;
use meshwork_shared::identity::NodeKey;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::Accepted;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::connect::Connected;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::lanes::{Lanes, vouch_every};
use meshwork_shared::net::Network;
use meshwork_shared::protocol::{MemberKey, Pages, ToWorker, Welcome};
use meshwork_shared::random::Random;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::authority::Authority;
use crate::builder::StartError;
use crate::handler::table::Registration;
use crate::hooks::Hooks;
use crate::peers::{LinkId, Peers};
use crate::routes::Turns;
use crate::session::JoinError;
use crate::trust::{Trust, Verified};
use crate::worker::Worker;

use links::LinkEntry;
use report::Reporting;

/// How often timers of the membership are looked at.
const TICK: Duration = Duration::from_millis(50);

/// A worker is ready after this, even if some of its first dials are still under way.
const FIRST_DIALS_WITHIN: Duration = Duration::from_secs(3);

/// Messages that may wait for the control; senders wait beyond it.
const MAILBOX_LEN: usize = 1024;

/// Everything the control starts from.
pub(crate) struct Parts {
    pub(crate) worker: Worker,
    pub(crate) trust: Arc<Trust>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) network: Network,
    pub(crate) node_key: Arc<NodeKey>,
    pub(crate) random: Random,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) lanes: Lanes,
    /// Where link tasks run with zero lanes; `None`: where the control runs.
    pub(crate) callers_runtime: Option<Handle>,
    pub(crate) hooks: Hooks,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) strict_handlers: bool,
    /// Default `concurrency` of blocking commands; `None`: one per core.
    pub(crate) blocking_concurrency: Option<usize>,
    /// Told once: the worker is ready, or never will be.
    pub(crate) ready: oneshot::Sender<Result<(), StartError>>,
}

/// The actor. See the module.
pub(crate) struct Control {
    worker: Worker,
    trust: Arc<Trust>,
    authority: Arc<Authority>,
    network: Network,
    node_key: Arc<NodeKey>,
    random: Random,
    clock: Clock,
    limits: Limits,
    lanes: Lanes,
    callers_runtime: Option<Handle>,
    hooks: Hooks,
    registrations: Vec<Registration>,
    strict_handlers: bool,
    blocking_concurrency: Option<usize>,
    ready: Option<oneshot::Sender<Result<(), StartError>>>,
    /// `None` until the first welcome.
    peers: Option<Peers>,
    links: BTreeMap<LinkId, LinkEntry>,
    next_link: u64,
    turns: Turns,
    pages: Pages,
    master: Option<Link>,
    /// How long a lost member is still dialled, as the master said.
    lease: Duration,
    /// First dials under way, while the worker is not ready.
    first_dials: usize,
    ready_by: Option<Instant>,
    next_vouch: Instant,
    reporting: Reporting,
    draining: bool,
    _gone: oneshot::Sender<()>,
}

impl Control {
    /// `gone` is dropped with the control: whoever waits for its end learns of it.
    pub(crate) fn new(parts: Parts, gone: oneshot::Sender<()>) -> Self {
        Self {
            worker: parts.worker,
            trust: parts.trust,
            authority: parts.authority,
            network: parts.network,
            node_key: parts.node_key,
            random: parts.random,
            clock: parts.clock,
            limits: parts.limits,
            lanes: parts.lanes,
            callers_runtime: parts.callers_runtime,
            hooks: parts.hooks,
            registrations: parts.registrations,
            strict_handlers: parts.strict_handlers,
            blocking_concurrency: parts.blocking_concurrency,
            ready: Some(parts.ready),
            peers: None,
            links: BTreeMap::new(),
            next_link: 0,
            turns: Turns::default(),
            pages: Pages::default(),
            master: None,
            lease: Duration::ZERO,
            first_dials: 0,
            ready_by: None,
            next_vouch: Instant::now(),
            reporting: Reporting::new(),
            draining: false,
            _gone: gone,
        }
    }

    /// Looks at the clock: timers of the membership, links that retire, lanes that are held up.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.report_idle_links(ctx);
        let due = self.peers.as_ref().and_then(Peers::next_due);
        if due.is_some_and(|due| due <= now) {
            self.peer_event(crate::peers::Event::Tick, ctx);
        }
        if now >= self.next_vouch {
            self.next_vouch = now + vouch_every(self.limits.dead_after);
            self.links.values().for_each(|entry| entry.link.vouch_if_held_up(now));
        }
        if self.ready_by.is_some_and(|by| now >= by) {
            self.tell_ready(Ok(()));
        }
        self.report_if_due(now, ctx);
    }

    /// Tells whoever waits for the start, once.
    fn tell_ready(&mut self, result: Result<(), StartError>) {
        self.ready_by = None;
        if let Some(ready) = self.ready.take() {
            if result.is_ok() {
                self.worker.inner().set_joined();
                self.hooks.joined(&self.worker.identity());
            }
            // Nobody waits any more: the start was given up.
            let _ = ready.send(result);
        }
    }
}

impl Actor for Control {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX_LEN);
        ctx.run_interval(TICK, Self::tick);
    }
}

/// Somebody linked to us; whether it may is still to be judged.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Inbound(pub(crate) Accepted);

impl Handler<Inbound> for Control {
    type Result = ();

    fn handle(&mut self, Inbound(accepted): Inbound, ctx: &mut Context<Self>) {
        self.on_accepted(accepted, ctx);
    }
}

/// A dial of ours is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Dialled {
    pub(crate) key: MemberKey,
    pub(crate) incarnation: Incarnation,
    /// Set when another process answered.
    pub(crate) code: Option<CloseCode>,
    pub(crate) result: Result<(Connected, Verified), String>,
}

impl Handler<Dialled> for Control {
    type Result = ();

    fn handle(&mut self, dialled: Dialled, ctx: &mut Context<Self>) {
        self.on_dialled(dialled, ctx);
    }
}

/// A link is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ended {
    pub(crate) link: LinkId,
    pub(crate) end: LinkEnd,
}

impl Handler<Ended> for Control {
    type Result = ();

    fn handle(&mut self, Ended { link, end }: Ended, ctx: &mut Context<Self>) {
        self.on_ended(link, end, ctx);
    }
}

/// A peer takes no new calls.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PeerDrains {
    pub(crate) link: LinkId,
}

impl Handler<PeerDrains> for Control {
    type Result = ();

    fn handle(&mut self, PeerDrains { link }: PeerDrains, ctx: &mut Context<Self>) {
        self.peer_event(crate::peers::Event::PeerDraining { link }, ctx);
    }
}

/// The master let us in. The answer: false when its welcome does not hold, and another try is due.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Welcomed {
    pub(crate) welcome: Box<Welcome>,
    pub(crate) link: Link,
}

impl Handler<Welcomed> for Control {
    type Result = bool;

    fn handle(&mut self, Welcomed { welcome, link }: Welcomed, ctx: &mut Context<Self>) -> bool {
        self.on_welcome(*welcome, link, ctx)
    }
}

/// A cast of the master.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromMaster(pub(crate) ToWorker);

impl Handler<FromMaster> for Control {
    type Result = ();

    fn handle(&mut self, FromMaster(message): FromMaster, ctx: &mut Context<Self>) {
        self.on_master_message(message, ctx);
    }
}

/// The link to the master is gone. Nothing else changes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MasterGone;

impl Handler<MasterGone> for Control {
    type Result = ();

    fn handle(&mut self, _: MasterGone, ctx: &mut Context<Self>) {
        self.master = None;
        self.worker.inner().set_has_master(false);
        self.peer_event(crate::peers::Event::MasterLost, ctx);
    }
}

/// The master will not let us in whatever we try. The answer: true when the session should end,
/// because the worker never was a member; one that was keeps its links and keeps trying.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct JoinFailed(pub(crate) JoinError);

impl Handler<JoinFailed> for Control {
    type Result = bool;

    fn handle(&mut self, JoinFailed(error): JoinFailed, ctx: &mut Context<Self>) -> bool {
        if self.ready.is_none() {
            return false;
        }
        self.tell_ready(Err(StartError::Join(error)));
        ctx.stop();
        true
    }
}

/// Drain, leave and stop. Answered when all is done.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl Handler<Shutdown> for Control {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) -> Self::Result {
        self.start_drain(ctx);
        let left = shutdown::leave(
            self.worker.clone(),
            self.master.clone(),
            self.links.values().map(|entry| entry.link.clone()).collect(),
        );
        Box::pin(left.into_actor(self).map(|(), control, ctx| {
            control.tell_ready(Err(StartError::Stopped));
            ctx.stop();
        }))
    }
}
