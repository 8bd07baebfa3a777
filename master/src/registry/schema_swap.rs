//! A schema is loaded, or turns out to have a number already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshwork_schema::{Schema, WorkerName};
use meshwork_shared::protocol::{Change, MemberKey, Removal, RemovalReason};

use super::outbox::send_deltas;
use super::{Audit, CloseReason, CurrentSchema, Effect, Now, Registry};

impl Registry {
    /// Puts another schema in force. One with the same fingerprint keeps the number.
    pub(super) fn swap_schema(&mut self, schema: Arc<Schema>, now: Now, out: &mut Vec<Effect>) {
        let fingerprint = schema.fingerprint();
        if fingerprint == self.schema.fingerprint {
            return;
        }
        // What has happened so far is told by the rules that it happened under.
        self.flush(now, out);
        let number = self.numbers.next(now.unix_ms);
        let published = false;
        let new = CurrentSchema { schema, number, fingerprint, published };
        let old = std::mem::replace(&mut self.schema, new).schema;
        self.persist_due = true;
        self.number_schema(out);
        out.push(Effect::Audit(Audit::SchemaChanged { number }));
        let news = self.changes_of_swap(&old);
        self.remove_unknown_workers(now, out);
        self.publish_schema(out);
        // After the schema, so that a callee knows of a new caller before that one has a key.
        self.publish_queue_keys(out);
        // The removals just gathered are all in `news`; with the new schema they concern nobody.
        for (key, record) in self.roster.records_mut() {
            let Some(session) = record.session else { continue };
            let news = news.get(&key.worker).into_iter().flatten();
            let news = news.filter(|(about, _)| about != key).map(|(_, change)| change.clone());
            send_deltas(self.epoch, session, record, news, out);
        }
    }

    /// What the swap changes in the views of each worker's instances.
    fn changes_of_swap(&self, old: &Schema) -> BTreeMap<WorkerName, Vec<(MemberKey, Change)>> {
        let workers: BTreeSet<_> = self.roster.records().map(|(key, _)| &key.worker).collect();
        let change = |viewer: &WorkerName| {
            let changes = self.roster.records().filter_map(|(key, record)| {
                let [viewer, worker] = [viewer.as_str(), key.worker.as_str()];
                match (old.linked(viewer, worker), self.schema.schema.linked(viewer, worker)) {
                    (true, false) => Some((
                        key.clone(),
                        Change::Remove(Removal {
                            key: key.clone(),
                            incarnation: record.member.incarnation,
                            reason: RemovalReason::NoLongerAllowed,
                        }),
                    )),
                    (false, true) => {
                        Some((key.clone(), Change::Upsert(Arc::clone(&record.member))))
                    }
                    (true, true) | (false, false) => None,
                }
            });
            changes.collect()
        };
        workers.into_iter().map(|viewer| (viewer.clone(), change(viewer))).collect()
    }

    fn remove_unknown_workers(&mut self, now: Now, out: &mut Vec<Effect>) {
        let unknown = |key: &&MemberKey| self.schema.schema.worker(key.worker.as_str()).is_none();
        let keys: Vec<_> =
            self.roster.records().map(|(key, _)| key).filter(unknown).cloned().collect();
        let workers: BTreeSet<_> = keys.iter().map(|key| key.worker.clone()).collect();
        let close = Some(CloseReason::NoLongerAllowed);
        for key in keys {
            self.remove(&key, RemovalReason::NoLongerAllowed, close, now, out);
        }
        let audit = |worker| Effect::Audit(Audit::WorkerRemoved { worker });
        out.extend(workers.into_iter().map(audit));
    }

    pub(super) fn number_schema(&self, out: &mut Vec<Effect>) {
        let CurrentSchema { schema, number, fingerprint, .. } = &self.schema;
        out.push(Effect::SchemaNumbered {
            number: *number,
            fingerprint: *fingerprint,
            schema: Arc::clone(schema),
        });
    }

    fn publish_schema(&mut self, out: &mut Vec<Effect>) {
        let sessions = self.roster.sessions();
        self.schema.published |= !sessions.is_empty();
        out.extend(sessions.into_iter().map(|(_, session)| Effect::PushSchema(session)));
    }

    /// Gives every worker its keys of queued jobs anew.
    pub(super) fn publish_queue_keys(&self, out: &mut Vec<Effect>) {
        let sessions = self.roster.sessions().into_iter();
        out.extend(
            sessions.map(|(key, session)| Effect::PushQueueKeys {
                session,
                worker: key.worker.clone(),
            }),
        );
    }

    /// Brings the schema's number into line with those that were given out before this start:
    /// `proven` was given to exactly this schema, `highest` to some schema.
    pub(super) fn reconcile_schema(
        &mut self,
        proven: Option<u64>,
        highest: Option<u64>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let present = self.schema.number;
        let number = match proven {
            // Its own number from before; lower than one already given out it would be refused.
            Some(proven) if proven > present => proven,
            Some(proven) if proven < present && !self.schema.published => proven,
            _ => present,
        };
        let number = match highest {
            Some(highest) if highest > number => self.numbers.next(now.unix_ms),
            _ => number,
        };
        if number != present {
            self.renumber_schema(number, out);
        }
    }

    /// The same schema goes by another number from now on.
    pub(super) fn renumber_schema(&mut self, number: u64, out: &mut Vec<Effect>) {
        self.schema.number = number;
        self.persist_due = true;
        self.number_schema(out);
        self.publish_schema(out);
    }
}
