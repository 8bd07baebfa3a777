//! The raw document to workers and commands. Goes on after every mistake, so that one reading of a
//! file reports all of them.

mod access;
mod command;
mod mesh;
mod option;
mod repeat;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::access::Access;
use crate::command::{CommandSchema, Delivery};
use crate::document::{Entry, Node, Table, Value};
use crate::limits::{COMMANDS_MAX, WORKERS_MAX};
use crate::mistake::{MistakeKind, Mistakes};
use crate::names::{CommandName, WorkerName};
use crate::quote::{quote, quote_choice};
use crate::schema::WorkerSchema;
use crate::suggest::nearest;
use mesh::MeshDefaults;

/// Tables at the top that are not workers.
const ROOT_KEYS: [&str; 1] = ["_mesh"];
const WORKER_KEYS: [&str; 3] = ["_allow", "_connect", "_commands"];
const DELIVERY_KEYS: [&str; 2] = ["_balanced", "_broadcast"];

/// Resolves what can be resolved; the result means something only if no mistake was found.
pub(crate) fn resolve(root: &Table<'_>, mistakes: &mut Mistakes) -> Vec<WorkerSchema> {
    let known = root.entries.iter().map(|e| &*e.key).filter(|k| !k.starts_with('_')).collect();
    let mut resolver = Resolver { mistakes, known, defaults: MeshDefaults::default() };
    if let Some(mesh) = root.entry("_mesh") {
        resolver.defaults = resolver.mesh(mesh);
    }
    resolver.workers(root)
}

struct Resolver<'d, 'm> {
    mistakes: &'m mut Mistakes,
    /// Every name at the top, also those that break a rule: one mistake need not cause another.
    known: BTreeSet<&'d str>,
    defaults: MeshDefaults,
}

impl Resolver<'_, '_> {
    fn workers(&mut self, root: &Table<'_>) -> Vec<WorkerSchema> {
        let mut workers = Vec::new();
        let mut count = 0;
        for entry in &root.entries {
            if ROOT_KEYS.contains(&&*entry.key) {
                continue;
            }
            if entry.key.starts_with('_') {
                let what = "a table of the schema";
                let other = "a worker's name begins with a letter";
                self.unknown(entry, what, &ROOT_KEYS, other);
                continue;
            }
            count += 1;
            if count == WORKERS_MAX + 1 {
                let message = format!("a schema has at most {WORKERS_MAX} workers");
                self.mistakes.add(MistakeKind::Limit, &entry.key_span, message, None);
            }
            workers.extend(self.worker(entry));
        }
        workers
    }

    fn worker(&mut self, entry: &Entry<'_>) -> Option<WorkerSchema> {
        let name = match WorkerName::new(&entry.key) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{} cannot name a worker: {error}", quote(&entry.key));
                self.bad_name(&entry.key_span, message);
                None
            }
        };
        let table = self.table(&entry.node, "a worker is a table")?;
        let (mut allow, mut connect) = (Access::nobody(), Access::nobody());
        let mut commands = Vec::new();
        for entry in &table.entries {
            match &*entry.key {
                "_allow" => allow = self.access(entry).unwrap_or(allow),
                "_connect" => connect = self.access(entry).unwrap_or(connect),
                "_commands" => commands = self.commands(entry),
                _ => self.unknown(
                    entry,
                    "a key of a worker",
                    &WORKER_KEYS,
                    "a command stands in `_commands`, under `_balanced` or `_broadcast`",
                ),
            }
        }
        Some(WorkerSchema { name: name?, allow, connect, commands })
    }

    fn commands(&mut self, entry: &Entry<'_>) -> Vec<CommandSchema> {
        let Some(table) = self.table(&entry.node, "`_commands` is a table") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in &table.entries {
            let delivery = match &*entry.key {
                "_balanced" => Delivery::Balanced,
                "_broadcast" => Delivery::Broadcast,
                _ => {
                    let other = "a command stands under `_balanced` or `_broadcast`";
                    self.unknown(entry, "a kind of commands", &DELIVERY_KEYS, other);
                    continue;
                }
            };
            let what = format!("{} is a table of commands", quote(&entry.key));
            if let Some(table) = self.table(&entry.node, &what) {
                found.extend(table.entries.iter().map(|entry| (delivery, entry)));
            }
        }
        // The order of the text decides which of two is the doubled one.
        found.sort_by_key(|(_, entry)| entry.key_span.start);
        let mut first: BTreeMap<&str, Delivery> = BTreeMap::new();
        let mut commands = Vec::new();
        for (index, (delivery, entry)) in found.into_iter().enumerate() {
            if index == COMMANDS_MAX {
                let message = format!("a worker has at most {COMMANDS_MAX} commands");
                self.mistakes.add(MistakeKind::Limit, &entry.key_span, message, None);
            }
            if first.insert(&entry.key, delivery).is_some() {
                self.doubled_command(entry);
            }
            commands.extend(self.named_command(delivery, entry));
        }
        commands
    }

    fn doubled_command(&mut self, entry: &Entry<'_>) {
        self.mistakes.add(
            MistakeKind::Duplicate,
            &entry.key_span,
            format!("{} is both balanced and broadcast", quote(&entry.key)),
            Some("keep one of the two, or give one another name".to_owned()),
        );
    }

    fn named_command(&mut self, delivery: Delivery, entry: &Entry<'_>) -> Option<CommandSchema> {
        let name = match CommandName::new(&entry.key) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{} cannot name a command: {error}", quote(&entry.key));
                self.bad_name(&entry.key_span, message);
                None
            }
        };
        let what = format!("the command {} is a table of its options", quote(&entry.key));
        let table = self.table(&entry.node, &what)?;
        let options = self.options(table, delivery);
        Some(self.command(name?, delivery, options))
    }

    // === mistakes ===

    fn table<'n, 's>(&mut self, node: &'n Node<'s>, what: &str) -> Option<&'n Table<'s>> {
        match &node.value {
            Value::Table(table) => Some(table),
            other => {
                let message = format!("{what}, this is {}", other.description());
                let help = "write { } for one that says nothing".to_owned();
                self.mistakes.add(MistakeKind::Type, &node.span, message, help);
                None
            }
        }
    }

    fn bad_name(&mut self, span: &Range<usize>, message: String) {
        let help = "a name is a letter, then letters, digits, `_` or `-`; at most 64".to_owned();
        self.mistakes.add(MistakeKind::Name, span, message, help);
    }

    /// A key that is none of `known`; `other` helps where no similar word does.
    fn unknown(&mut self, entry: &Entry<'_>, what: &str, known: &[&str], other: &str) {
        let help = match self.nearest(&entry.key, known.iter().copied()) {
            Some(word) => format!("did you mean {}?", quote(word)),
            None => format!("{other}; known here: {}", quote_choice(known)),
        };
        let message = format!("{} is not {what}", quote(&entry.key));
        self.mistakes.add(MistakeKind::Unknown, &entry.key_span, message, help);
    }

    /// A similar word, unless so much is wrong that looking for it only costs time.
    fn nearest<'w>(&self, wrong: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
        if self.mistakes.are_many() { None } else { nearest(wrong, known) }
    }
}
