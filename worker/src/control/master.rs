//! What the master says, and what follows from it.

use std::sync::Arc;

use actix::Context;
use bytes::Bytes;
use meshwork_schema::Schema;
use meshwork_shared::handshake::SchemaKnown;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::handle::Link;
use meshwork_shared::protocol::{
    Draining, Message, Ready, Resync, Revoke, SchemaNews, ToWorker, View, Welcome,
};
use meshwork_shared::signed_schema::SignedSchema;
use meshwork_shared::ticket::Role;
use tokio::time::Instant;

use super::{Control, FIRST_DIALS_WITHIN};
use crate::builder::StartError;
use crate::context::Caller;
use crate::handler::table::{Handlers, cores};
use crate::metrics::tally;
use crate::peers::{Event, Me, Peers};
use crate::session::control_request;
use crate::trust::ActiveSchema;

/// How long a cast to the master may wait to be written.
const CAST_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

impl Control {
    /// False when the welcome does not hold: its link is closed.
    pub(super) fn on_welcome(
        &mut self,
        welcome: Welcome,
        master: Link,
        ctx: &mut Context<Self>,
    ) -> bool {
        if let SchemaNews::Signed(signed) = &welcome.schema
            && let Err(reason) = self.take_schema(&signed.0, ctx)
        {
            // Half a session would look like a whole one to both ends.
            log::error!("the master's schema is refused: {reason}");
            master.close(CloseCode::Denied, reason);
            return false;
        }
        // Before the session counts: with one, a root that is not among them is unknown.
        if let Some(keys) = &welcome.queue_keys {
            self.worker.inner().add_job_keys(keys);
        }
        self.master = Some(master);
        self.worker.inner().set_has_master(true);
        self.reporting.begin();
        tally::add(&self.worker.inner().tally.sessions);
        self.lease = welcome.lease();
        self.worker.inner().set_incarnation(welcome.incarnation);
        self.take_ticket(welcome.ticket.0);
        self.trust.set_secrets(welcome.link_secrets);
        if !self.set_up_handlers(ctx) {
            return true;
        }
        self.set_up_peers();
        self.tell_incarnation(ctx);
        self.peer_event(Event::MasterBack, ctx);
        self.take_revoked(&welcome.revoked, ctx);
        self.take_view(welcome.view, ctx);
        // Also without any member: a call must learn that nobody is there, not that there is no
        // such command.
        self.rebuild_routes();
        if self.draining {
            self.cast(&Draining {});
            return true;
        }
        // Also for jobs from before it started.
        self.worker.inner().jobs.start_runners(&self.worker);
        self.cast(&Ready {});
        if self.ready.is_some() {
            if self.first_dials == 0 {
                self.tell_ready(Ok(()));
            } else {
                self.ready_by = Some(Instant::now() + FIRST_DIALS_WITHIN);
            }
        }
        true
    }

    pub(super) fn on_master_message(&mut self, message: ToWorker, ctx: &mut Context<Self>) {
        match message {
            ToWorker::View(view) => self.take_view(view, ctx),
            ToWorker::Delta(delta) => self.peer_event(Event::Delta(delta), ctx),
            ToWorker::Schema(update) => {
                if let Err(reason) = self.take_schema(&update.signed.0, ctx) {
                    log::warn!("a schema of the master is refused: {reason}");
                }
            }
            ToWorker::Ticket(update) => {
                let before = self.worker.identity().incarnation;
                self.take_ticket(update.ticket.0);
                if self.worker.identity().incarnation != before {
                    self.tell_incarnation(ctx);
                }
            }
            ToWorker::Revoke(revoke) => self.take_revoked(&revoke, ctx),
            ToWorker::LinkSecrets(secrets) => self.trust.set_secrets(secrets),
            ToWorker::QueueKeys(keys) => self.worker.inner().add_job_keys(&keys),
            ToWorker::Pace(pace) => self.reporting.set_pace(pace),
        }
    }

    fn take_view(&mut self, page: View, ctx: &mut Context<Self>) {
        if let Some(view) = self.pages.push(page) {
            self.peer_event(Event::View(view), ctx);
        }
    }

    /// Asks the master for the whole view.
    pub(super) fn resync(&self) {
        self.cast(&Resync {});
    }

    /// Casts to the master, if there is one: without it nobody needs to know.
    pub(super) fn cast<M: Message>(&self, message: &M) {
        let request = control_request(M::NAME, message.encode(), false, CAST_WITHIN);
        if let Some(master) = &self.master
            && let Err(reason) = master.cast(request)
        {
            log::debug!("`{}` did not reach the master: {reason}", M::NAME);
        }
    }

    /// Our own ticket: shown on new links, pushed over the open ones.
    fn take_ticket(&mut self, ticket: Bytes) {
        let node = self.node_key.node_id();
        let now = self.clock.unix_seconds();
        let checked =
            self.trust.with_policy(|policy| policy.check(&ticket, &node, Role::Worker, now));
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => {
                log::error!("the master signed a ticket that does not hold: {error}");
                return;
            }
        };
        let me = self.worker.identity();
        let incarnation = checked.claims.incarnation;
        self.worker.inner().set_incarnation(incarnation);
        let me = Caller { worker: me.worker, variant: me.variant, incarnation, node };
        self.trust.set_ticket(me, ticket.clone());
        self.links.values().for_each(|entry| entry.link.send_ticket(ticket.clone()));
    }

    /// A signed schema: verified, not older than the known one, then put in force.
    fn take_schema(&mut self, signed: &[u8], ctx: &mut Context<Self>) -> Result<(), String> {
        let authority = self.authority.public().ok_or("no authority is known")?;
        let mesh = self.trust.mesh();
        let verified =
            SignedSchema::verify(signed, &authority, &mesh).map_err(|error| error.to_string())?;
        let known = SchemaKnown { number: verified.number, fingerprint: verified.fingerprint };
        let before = self.trust.schema();
        if before.as_ref().is_some_and(|before| before.known.number > known.number) {
            return Err(format!("number {} is older than the known one", known.number));
        }
        let same_number = |before: &ActiveSchema| before.known.number == known.number;
        if before.as_ref().is_some_and(|before| same_number(before) && before.known != known) {
            return Err(format!("number {} was given to another schema before", known.number));
        }
        let text = std::str::from_utf8(verified.json).map_err(|error| error.to_string())?;
        let schema = Schema::from_json(text).map_err(|error| error.to_string())?;
        if schema.fingerprint() != known.fingerprint {
            return Err("it is not the one that its fingerprint names".to_owned());
        }
        let schema = Arc::new(schema);
        let signature = signed.last_chunk::<64>().copied();
        self.trust.set_schema(ActiveSchema { schema: schema.clone(), known, signature });
        self.worker.inner().set_schema(schema.clone(), known.number);
        if before.is_some_and(|before| before.known != known) {
            log::info!("schema {} is in force", known.number);
            self.schema_changed(&schema, ctx);
        }
        Ok(())
    }

    fn schema_changed(&mut self, schema: &Arc<Schema>, ctx: &mut Context<Self>) {
        let me = self.worker.identity();
        if let (Some(handlers), Some(own)) =
            (self.worker.inner().handlers(), schema.worker(me.worker.as_str()))
        {
            let handlers = Arc::new(handlers.updated(own));
            self.worker.inner().set_handlers(handlers.clone());
            self.worker.inner().jobs.start_runners(&self.worker);
            let services = self.links.values().map(|entry| &entry.service);
            services.for_each(|service| service.update(schema.clone(), handlers.clone()));
        }
        self.peer_event(Event::SchemaChanged(schema.clone()), ctx);
        self.rebuild_routes();
    }

    /// Checks the registrations once; false when the worker cannot start with them.
    fn set_up_handlers(&mut self, ctx: &mut Context<Self>) -> bool {
        if self.worker.inner().handlers().is_some() {
            return true;
        }
        let me = self.worker.identity();
        let Some(active) = self.trust.schema() else { return false };
        let Some(own) = active.schema.worker(me.worker.as_str()) else { return false };
        let blocking = self.blocking_concurrency.unwrap_or_else(cores);
        match Handlers::resolve(own, &self.registrations, self.strict_handlers, blocking) {
            Ok(handlers) => {
                self.worker.inner().set_handlers(Arc::new(handlers));
                true
            }
            Err(mistakes) => {
                self.tell_ready(Err(StartError::Registration(mistakes)));
                self.start_drain(ctx);
                false
            }
        }
    }

    /// The number that this process goes by, for the membership.
    fn tell_incarnation(&mut self, ctx: &mut Context<Self>) {
        let incarnation = self.worker.identity().incarnation;
        self.peer_event(Event::Admitted { incarnation, lease: self.lease }, ctx);
    }

    fn set_up_peers(&mut self) {
        let identity = self.worker.identity();
        let Some(active) = self.trust.schema() else { return };
        let me = Me { key: identity.key(), incarnation: identity.incarnation, node: identity.node };
        let (random, lease) = (self.random.clone(), self.lease);
        let grace = self.worker.inner().grace();
        self.peers.get_or_insert_with(|| Peers::new(me, active.schema, lease, grace, random));
    }

    /// Tickets that are no longer good: no new link by them, and the open ones are closed.
    fn take_revoked(&mut self, revoke: &Revoke, ctx: &mut Context<Self>) {
        for renewed in self.fresh_tickets() {
            self.peer_event(renewed, ctx);
        }
        for serial in self.trust.revoke(revoke) {
            log::error!("the list of revoked tickets is full; {serial} is not kept");
        }
        let serials = revoke.tickets.iter().map(|ticket| ticket.serial).collect();
        self.peer_event(Event::Revoked(serials), ctx);
    }

    /// The tickets that peers have pushed over their links since this was last asked.
    fn fresh_tickets(&self) -> Vec<Event> {
        let renewed = self.links.iter().filter_map(|(link, entry)| {
            let ticket = entry.service.take_fresh_ticket()?;
            match self.trust.check_renewed(&ticket, &entry.key, &entry.node) {
                Ok(ticket) => Some(Event::PeerRenewed {
                    link: *link,
                    incarnation: ticket.claims.incarnation,
                    ticket_serial: ticket.claims.serial,
                }),
                Err(error) => {
                    log::warn!("{} pushed a ticket that does not hold: {error}", entry.key);
                    None
                }
            }
        });
        renewed.collect()
    }
}
