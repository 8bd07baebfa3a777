//! What operators ask of the registry's actor and want of it.

use std::sync::Arc;

use actix::{Context, Handler, MessageResult};
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::signed_schema::SCHEMA_BYTES_MAX;

use super::messages::{
    Counters, CountersNow, MembersNow, ReloadSchema, RevokeTickets, SchemaNow, SchemaRefused,
};
use super::{Event, RegistryActor, RevokeError};
use crate::events::EventKind;
use crate::master::{LastReload, Members, ReloadError, Reloaded, SchemaStatus};

impl Handler<MembersNow> for RegistryActor {
    type Result = MessageResult<MembersNow>;

    fn handle(&mut self, _: MembersNow, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Members {
            epoch: self.registry.epoch(),
            settled: self.registry.is_settled(),
            members: self.registry.members().collect(),
        })
    }
}

impl Handler<SchemaNow> for RegistryActor {
    type Result = MessageResult<SchemaNow>;

    fn handle(&mut self, _: SchemaNow, _: &mut Context<Self>) -> Self::Result {
        let (schema, number, fingerprint) = self.registry.schema();
        MessageResult(SchemaStatus {
            schema: Arc::clone(schema),
            number,
            fingerprint,
            last_reload: self.last_reload.clone(),
        })
    }
}

impl Handler<ReloadSchema> for RegistryActor {
    type Result = Result<Reloaded, ReloadError>;

    fn handle(
        &mut self,
        ReloadSchema(schema): ReloadSchema,
        ctx: &mut Context<Self>,
    ) -> Self::Result {
        let bytes = schema.canonical_json().len();
        let outcome = if bytes > SCHEMA_BYTES_MAX {
            Err(ReloadError::TooLarge { bytes, limit: SCHEMA_BYTES_MAX })
        } else if self.registry.schema().2 == schema.fingerprint() {
            Ok(Reloaded::Unchanged)
        } else {
            self.feed(Event::SchemaChanged(schema), ctx);
            Ok(Reloaded::Changed { number: self.registry.schema().1 })
        };
        self.note_reload(outcome.as_ref().map(|done| *done).map_err(ToString::to_string));
        outcome
    }
}

impl Handler<SchemaRefused> for RegistryActor {
    type Result = ();

    fn handle(&mut self, SchemaRefused(report): SchemaRefused, _: &mut Context<Self>) {
        self.note_reload(Err(report));
    }
}

impl RegistryActor {
    fn note_reload(&mut self, outcome: Result<Reloaded, String>) {
        match &outcome {
            Ok(done) => {
                log::info!("schema loaded: {done}");
                if let Reloaded::Changed { number } = done {
                    self.events.push(EventKind::SchemaChanged { schema: *number });
                }
            }
            Err(report) => {
                log::error!("the new schema is refused, the old one stays: {report}");
                self.events.push(EventKind::schema_refused(report));
            }
        }
        self.last_reload = LastReload { at_unix_ms: self.parts.clock.unix_ms(), outcome };
    }
}

impl Handler<RevokeTickets> for RegistryActor {
    type Result = Result<Vec<MemberKey>, RevokeError>;

    fn handle(
        &mut self,
        RevokeTickets(target): RevokeTickets,
        ctx: &mut Context<Self>,
    ) -> Self::Result {
        self.feed(Event::Revoke(target), ctx);
        self.revoked.take().unwrap_or(Err(RevokeError::UnknownMember))
    }
}

impl Handler<CountersNow> for RegistryActor {
    type Result = MessageResult<CountersNow>;

    fn handle(&mut self, _: CountersNow, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Counters {
            links: self.sessions.len(),
            audit: self.audit.counts(),
            settled: self.registry.is_settled(),
            stopping: self.stopping,
        })
    }
}
