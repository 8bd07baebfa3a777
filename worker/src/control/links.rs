//! Links of the control: how they are made, what becomes of them, and the routes over them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{AsyncContext, Context};
use meshwork_shared::handshake::SchemaKnown;
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::accept::{Accepted, refuse};
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::service::Service;
use meshwork_shared::link::task::{Established, link};
use meshwork_shared::protocol::MemberKey;
use tokio::time::timeout;

use super::dial::Dial;
use super::shutdown::until;
use super::{Control, Dialled, Ended};
use crate::metrics::tally;
use crate::own_link::OwnService;
use crate::peers::{Effect, Event, LinkId, NewLink};
use crate::routes::{Instance, Routes};
use crate::service::LinkService;
use crate::trust::{Met, Verified};

/// How long the answers of a member that has left may be on their way.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(5);

/// One link and what is known of it.
pub(super) struct LinkEntry {
    pub(super) link: Link,
    pub(super) service: Arc<LinkService>,
    pub(super) key: MemberKey,
    pub(super) node: NodeId,
    /// The schema by whose numbers the peer may be called, while it is ours too; else by names.
    numbers: Option<SchemaKnown>,
    awaits_idle: bool,
    /// The schema allows it no more: it was drained, and ends once it is idle.
    parts: bool,
}

impl LinkEntry {
    /// Whether it carries nothing any more, and somebody waits for that.
    fn is_done(&self) -> bool {
        // In this order: what the peer sent before it knew of the drain is counted by then.
        let awaited = self.awaits_idle || (self.parts && self.link.is_drain_seen());
        awaited && self.link.is_idle()
    }
}

impl Control {
    pub(super) fn on_accepted(&mut self, accepted: Accepted, ctx: &mut Context<Self>) {
        let Accepted { established, peer, announced, from, .. } = accepted;
        if !self.draining && self.trust.is_own(&peer) {
            self.next_link += 1;
            // The other end closes it. It is in no table and no route.
            let _ = self.spawn_link(LinkId(self.next_link), established, Arc::new(OwnService), ctx);
            return;
        }
        let verified = if self.draining {
            Err((CloseCode::Leaving, "this process shuts down".to_owned()))
        } else {
            let met = Met::Accepted { announced };
            self.trust.verify(&peer, met).map_err(|away| (away.code, away.text))
        };
        match verified {
            Ok(verified) => {
                self.adopt(established, verified, None, ctx);
            }
            Err((code, text)) => {
                tally::add(&self.worker.inner().tally.links_refused);
                if let Some(times) = self.trust.note_refused(code, tokio::time::Instant::now()) {
                    let text = text.escape_debug();
                    log::warn!(
                        "links are refused ({code}, {times} times), the last from {from}: {text}"
                    );
                }
                actix_rt::spawn(async move { refuse(established, code, &text).await });
            }
        }
    }

    pub(super) fn on_dialled(&mut self, dialled: Dialled, ctx: &mut Context<Self>) {
        let Dialled { key, incarnation, code, result } = dialled;
        let adopted = match result {
            Ok((connected, _)) if self.draining => {
                // The shutdown waits for the links that there were as it began.
                let text = "this process shuts down";
                actix_rt::spawn(refuse(connected.established, CloseCode::Leaving, text));
                false
            }
            Ok((connected, verified)) => {
                self.adopt(connected.established, verified, Some(incarnation), ctx)
            }
            Err(reason) => {
                log::debug!("no link to {key}: {reason}");
                false
            }
        };
        let dials = &self.worker.inner().tally;
        tally::add(if adopted { &dials.dials_linked } else { &dials.dials_failed });
        if !adopted {
            self.peer_event(Event::DialFailed { key, incarnation, code }, ctx);
        }
        self.first_dials = self.first_dials.saturating_sub(1);
        if self.first_dials == 0 && self.ready_by.is_some() {
            self.tell_ready(Ok(()));
        }
    }

    /// Makes a link of a connection whose peer is verified; false when that cannot be.
    fn adopt(
        &mut self,
        established: Established,
        verified: Verified,
        dialled: Option<Incarnation>,
        ctx: &mut Context<Self>,
    ) -> bool {
        let Verified { caller, ticket, ticket_bytes, peer_schema, announced } = verified;
        let me = self.worker.identity();
        let served = self.trust.served(&me.worker, &announced);
        let (Some(handlers), Some((numbering, schema))) = (self.worker.inner().handlers(), served)
        else {
            actix_rt::spawn(refuse(established, CloseCode::NotReady, "not ready"));
            return false;
        };
        self.trust.with_policy(|policy| policy.observe(&ticket));
        self.trust.keep_witness(ticket.claims.incarnation, ticket_bytes);
        self.next_link += 1;
        let id = LinkId(self.next_link);
        let key = MemberKey { worker: caller.worker.clone(), variant: caller.variant.clone() };
        let (incarnation, node) = (caller.incarnation, caller.node);
        let service = Arc::new(LinkService::new(
            id,
            caller,
            self.worker.without_deadline(),
            numbering,
            schema,
            handlers,
        ));
        let Some(made) = self.spawn_link(id, established, service.clone(), ctx) else {
            return false;
        };
        let ticket_serial = ticket.claims.serial;
        self.links.insert(
            id,
            LinkEntry {
                link: made,
                service,
                key: key.clone(),
                node,
                numbers: peer_schema,
                awaits_idle: false,
                parts: false,
            },
        );
        let new = NewLink { link: id, key, incarnation, node, dialled, ticket_serial };
        self.peer_event(Event::Linked(new), ctx);
        true
    }

    /// Runs the link's task on its lane, or in the caller's runtime, or here.
    fn spawn_link<S: Service>(
        &mut self,
        id: LinkId,
        established: Established,
        service: Arc<S>,
        ctx: &mut Context<Self>,
    ) -> Option<Link> {
        let lane = self.lanes.next();
        let home = match &lane {
            Some(lane) => Some(lane.runtime().clone()),
            None => self.callers_runtime.clone(),
        };
        let stream = match &home {
            Some(home) => established.stream.rehome(home),
            None => Ok(established.stream),
        };
        let established = match stream {
            Ok(stream) => Established { stream, ..established },
            Err(error) => {
                log::warn!("a connection cannot be moved to its lane: {error}");
                return None;
            }
        };
        let _guard = home.as_ref().map(tokio::runtime::Handle::enter);
        let (made, task) = link(established, service, &self.limits, lane);
        let control = ctx.address();
        let run = async move {
            let end = task.await;
            // A control that is gone has closed its links.
            let _ = control.send(Ended { link: id, end }).await;
        };
        match &home {
            Some(home) => drop(home.spawn(run)),
            None => drop(actix_rt::spawn(run)),
        }
        Some(made)
    }

    pub(super) fn on_ended(&mut self, id: LinkId, end: LinkEnd, ctx: &mut Context<Self>) {
        if let Some(entry) = self.links.remove(&id) {
            log::debug!("the link to {} is over: {end}", entry.key);
        }
        self.peer_event(Event::Unlinked { link: id, end }, ctx);
    }

    /// Links that retire or part and carry nothing any more may be closed.
    pub(super) fn report_idle_links(&mut self, ctx: &mut Context<Self>) {
        let done = self.links.iter().filter(|(_, entry)| entry.is_done());
        let done: Vec<_> = done.map(|(id, _)| *id).collect();
        for link in done {
            if let Some(entry) = self.links.get_mut(&link) {
                (entry.awaits_idle, entry.parts) = (false, false);
            }
            self.peer_event(Event::Idle { link }, ctx);
        }
    }

    /// Feeds the membership and carries out what it says.
    pub(super) fn peer_event(&mut self, event: Event, ctx: &mut Context<Self>) {
        let Some(peers) = &mut self.peers else { return };
        let effects = peers.handle(event, tokio::time::Instant::now());
        if let Some(number) = peers.view_number() {
            self.worker.inner().tally.view.store(number, Ordering::Relaxed);
        }
        let mut routes_changed = false;
        for effect in effects {
            match effect {
                Effect::Dial { key, incarnation, node, addresses, .. } => {
                    self.start_dial(Dial { key, incarnation, node, addresses }, ctx);
                }
                Effect::Close { link, code, text } => {
                    let entry = self.links.get(&link);
                    match entry.map(|entry| entry.link.clone()) {
                        Some(link) if code == CloseCode::Leaving && link.in_flight() > 0 => {
                            actix_rt::spawn(close_behind_last_words(link, text));
                        }
                        Some(link) => link.close(code, text),
                        None => {}
                    }
                }
                Effect::Part { link } => {
                    if let Some(entry) = self.links.get_mut(&link) {
                        entry.link.drain();
                        entry.parts = true;
                    }
                }
                Effect::AwaitIdle { link } => {
                    if let Some(entry) = self.links.get_mut(&link) {
                        entry.awaits_idle = true;
                    }
                }
                // A retired link is in no route any more.
                Effect::Retire { .. } | Effect::RoutesChanged => routes_changed = true,
                Effect::Resync => self.resync(),
                Effect::PeerConnected { key, incarnation } => {
                    self.worker.inner().tally.linked(&key, incarnation);
                    log::info!("linked to {key}");
                    self.reporting.tell_soon();
                    // The routes must know a peer before its hook runs.
                    self.rebuild_routes();
                    self.hooks.connected(&key);
                }
                Effect::PeerDisconnected { key, incarnation, reason } => {
                    self.worker.inner().tally.parted(&key, incarnation);
                    log::info!("no longer linked to {key}: {reason}");
                    self.reporting.tell_soon();
                    self.rebuild_routes();
                    self.hooks.disconnected(&key, &reason);
                }
            }
        }
        if routes_changed {
            self.rebuild_routes();
        }
    }

    pub(super) fn rebuild_routes(&mut self) {
        let (Some(peers), Some(active)) = (&self.peers, self.trust.schema()) else { return };
        let instances = peers.instances().map(|view| {
            let entry = view.link.and_then(|link| self.links.get(&link));
            Instance {
                key: view.key.clone(),
                incarnation: view.incarnation,
                draining: view.draining,
                member: view.member.cloned(),
                link: entry.map(|entry| entry.link.clone()),
                same_numbers: entry.is_some_and(|entry| entry.numbers == Some(active.known)),
            }
        });
        let me = self.worker.identity();
        let (me, tracer) = (me.worker.as_str(), &self.worker.inner().tracer);
        let routes = Routes::build(me, &active.schema, instances, &mut self.turns, tracer);
        self.worker.inner().set_routes(routes);
    }
}

/// Closes the link to a member that has left. The word of the master may be faster than the last
/// answers of the member itself, which closes the link behind them.
async fn close_behind_last_words(link: Link, text: &'static str) {
    let said = || !link.is_open() || link.in_flight() == 0;
    // Calls that are not answered by then are lost.
    let _ = timeout(LAST_WORDS_WITHIN, until(said)).await;
    link.close(CloseCode::Leaving, text);
}
