//! Another schema: offered by the file or by an operator, judged by what runs, kept, put in force.

use std::sync::Arc;

use actix::{Context, Handler, MessageResult};
use meshwork_schema::{Running, Schema, compare};
use meshwork_shared::signed_schema::SCHEMA_BYTES_MAX;

use super::messages::{ApplySchema, FileRefused, OfferFile, SchemaNow, SchemaRefused};
use super::{Event, RegistryActor};
use crate::events::EventKind;
use crate::schema_change::{
    Apply, LastReload, ReloadError, Reloaded, SchemaChange, SchemaSource, SchemaStatus,
};
use crate::state::KeptSchema;

impl Handler<SchemaNow> for RegistryActor {
    type Result = MessageResult<SchemaNow>;

    fn handle(&mut self, _: SchemaNow, _: &mut Context<Self>) -> Self::Result {
        let (schema, number, fingerprint) = self.registry.schema();
        MessageResult(SchemaStatus {
            schema: Arc::clone(schema),
            number,
            fingerprint,
            is_applied: !self.offered.is_waiting && self.offered.fingerprint != fingerprint,
            last_reload: self.last_reload.clone(),
            refused_file: self.refused_file.clone(),
        })
    }
}

impl Handler<ApplySchema> for RegistryActor {
    type Result = Result<SchemaChange, ReloadError>;

    fn handle(&mut self, message: ApplySchema, ctx: &mut Context<Self>) -> Self::Result {
        let ApplySchema { schema, apply } = message;
        let outcome = self.judge(&schema, apply.force).and_then(|mut change| {
            if apply.dry_run {
                return Ok(change);
            }
            // What the file says now is overruled; only what it says later counts.
            let offered = Offered { is_waiting: false, ..self.offered };
            self.keep(&schema, offered)?;
            (self.offered, self.refused_file) = (offered, None);
            self.put_in_force(schema, &mut change, ctx);
            Ok(change)
        });
        if !apply.dry_run {
            self.note_reload(SchemaSource::Operator, &outcome);
        }
        outcome
    }
}

impl Handler<OfferFile> for RegistryActor {
    type Result = bool;

    fn handle(&mut self, OfferFile(schema): OfferFile, ctx: &mut Context<Self>) -> bool {
        let fingerprint = schema.fingerprint();
        if fingerprint == self.offered.fingerprint && !self.offered.is_waiting {
            // It is in force, or was overruled since.
            log::info!("the schema file says what it said before");
            if self.refused_file.take().is_some() {
                self.set_last_reload(SchemaSource::File, Ok(Reloaded::Unchanged));
            }
            return false;
        }
        let outcome = self.judge(&schema, false);
        let is_waiting = matches!(outcome, Err(ReloadError::Breaking { .. }));
        let offered = Offered { fingerprint, is_waiting };
        let in_force = match &outcome {
            Ok(_) => Arc::clone(&schema),
            Err(_) => Arc::clone(self.registry.schema().0),
        };
        if offered != self.offered
            && let Err(error) = self.keep(&in_force, offered)
        {
            log::error!("going on without, a restart may load the schema file as it is: {error}");
        }
        self.offered = offered;
        let outcome = outcome.map(|mut change| {
            self.put_in_force(schema, &mut change, ctx);
            change
        });
        self.note_file(outcome);
        is_waiting
    }
}

impl Handler<FileRefused> for RegistryActor {
    type Result = ();

    fn handle(&mut self, FileRefused(report): FileRefused, _: &mut Context<Self>) {
        self.refuse_file(report);
    }
}

impl Handler<SchemaRefused> for RegistryActor {
    type Result = ();

    fn handle(&mut self, SchemaRefused(report): SchemaRefused, _: &mut Context<Self>) {
        log::error!("a schema is refused, the old one stays: {report}");
        self.set_last_reload(SchemaSource::Operator, Err(report));
    }
}

/// What the schema file had, or the master was started with, when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) fingerprint: meshwork_schema::Fingerprint,
    /// It is to be tried again.
    pub(crate) is_waiting: bool,
}

impl RegistryActor {
    /// What a schema changes; an error if it cannot be put in force.
    fn judge(&self, schema: &Schema, force: bool) -> Result<SchemaChange, ReloadError> {
        let bytes = schema.canonical_json().len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(ReloadError::TooLarge { bytes, limit: SCHEMA_BYTES_MAX });
        }
        let present = self.registry.schema().0;
        let running = match self.registry.is_settled() {
            true => self.registry.running(),
            false => Running::everything(present),
        };
        let changes = compare(present, schema, &running);
        if changes.is_breaking() && !force {
            let assumed = running.is_assumed();
            return Err(ReloadError::Breaking { changes: Box::new(changes), assumed });
        }
        let outcome = match schema.fingerprint() == present.fingerprint() {
            true => Reloaded::Unchanged,
            // Until it is put in force.
            false => Reloaded::Checked,
        };
        Ok(SchemaChange { outcome, changes })
    }

    fn keep(&self, schema: &Arc<Schema>, offered: Offered) -> Result<(), ReloadError> {
        let (schema, is_waiting) = (Arc::clone(schema), offered.is_waiting);
        let kept = KeptSchema { schema, offered: offered.fingerprint, is_waiting };
        Ok(self.parts.state.keep_schema(kept)?)
    }

    fn put_in_force(
        &mut self,
        schema: Arc<Schema>,
        change: &mut SchemaChange,
        ctx: &mut Context<Self>,
    ) {
        if change.outcome != Reloaded::Unchanged {
            self.feed(Event::SchemaChanged(schema), ctx);
            change.outcome = Reloaded::Changed { number: self.registry.schema().1 };
        }
    }

    fn note_file(&mut self, outcome: Result<SchemaChange, ReloadError>) {
        match outcome {
            Ok(_) => {
                self.refused_file = None;
                self.note_reload(SchemaSource::File, &outcome);
            }
            Err(error) => self.refuse_file(error.to_string()),
        }
    }

    /// Told once, however often the same file is refused for the same reasons.
    fn refuse_file(&mut self, report: String) {
        let known = self.refused_file.as_ref().map(|refused| &refused.outcome);
        if known.is_some_and(|known| known.as_ref().err() == Some(&report)) {
            return;
        }
        log::error!("the schema file is refused, the old schema stays: {report}");
        self.set_last_reload(SchemaSource::File, Err(report));
        self.refused_file = Some(self.last_reload.clone());
    }

    fn note_reload(&mut self, by: SchemaSource, outcome: &Result<SchemaChange, ReloadError>) {
        let outcome = match outcome {
            Ok(change) => {
                match change.outcome {
                    Reloaded::Changed { number } => {
                        let changes = change.changes.changes.len() + change.changes.more;
                        log::info!("the schema is now number {number}: {changes} changes");
                        change.changes.breaks().for_each(|change| log::warn!("forced: {change}"));
                    }
                    Reloaded::Started | Reloaded::Unchanged | Reloaded::Checked => {
                        log::info!("the schema is unchanged");
                    }
                }
                Ok(change.outcome)
            }
            Err(error) => {
                log::error!("a schema is refused, the old one stays: {error}");
                Err(error.to_string())
            }
        };
        self.set_last_reload(by, outcome);
    }

    fn set_last_reload(&mut self, by: SchemaSource, outcome: Result<Reloaded, String>) {
        match &outcome {
            Ok(Reloaded::Changed { number }) => {
                self.events.push(EventKind::SchemaChanged { schema: *number });
            }
            Ok(Reloaded::Started | Reloaded::Unchanged | Reloaded::Checked) => {}
            Err(report) => self.events.push(EventKind::schema_refused(report)),
        }
        let at_unix_ms = self.parts.clock.unix_ms();
        self.last_reload = LastReload { at_unix_ms, by, outcome };
    }
}

impl Apply {
    /// Whatever runs.
    pub(crate) const FORCED: Self = Self { force: true, dry_run: false };
}
