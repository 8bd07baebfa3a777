//! `_allow`, `_connect` and `allow`: `"anyNode"` or a list of workers.

use std::collections::BTreeSet;

use super::Resolver;
use crate::access::Access;
use crate::document::{Entry, Node, Value};
use crate::mistake::MistakeKind;
use crate::names::{ANY_NODE, WorkerName};
use crate::quote::quote;

impl Resolver<'_, '_> {
    /// Who is meant; `None` if the value is neither form.
    pub(super) fn access(&mut self, entry: &Entry<'_>) -> Option<Access> {
        match &entry.node.value {
            Value::String(text) if text == ANY_NODE => Some(Access::AnyNode),
            Value::String(text) => {
                let help = if self.known.contains(&**text) {
                    format!("write a list: [\"{text}\"]")
                } else {
                    format!("write \"{ANY_NODE}\" for every worker, or a list of names")
                };
                let message = format!("{} is not a list of workers", quote(text));
                self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
                None
            }
            Value::Array(items) => Some(self.list(items)),
            other => {
                let message = format!(
                    "{} is a list of workers, this is {}",
                    quote(&entry.key),
                    other.description()
                );
                let help = format!("write a list of names, [] for nobody, or \"{ANY_NODE}\"");
                self.mistakes.add(MistakeKind::Type, &entry.node.span, message, help);
                None
            }
        }
    }

    fn list(&mut self, items: &[Node<'_>]) -> Access {
        let mut workers = BTreeSet::new();
        for item in items {
            let Some(worker) = self.listed(item) else {
                continue;
            };
            let message = format!("{} is in the list twice", quote(worker.as_str()));
            if !workers.insert(worker) {
                let help = "remove one of them".to_owned();
                self.mistakes.add(MistakeKind::Duplicate, &item.span, message, help);
            }
        }
        Access::List(workers)
    }

    /// One name of a list, if it is that of a worker of the schema.
    fn listed(&mut self, item: &Node<'_>) -> Option<WorkerName> {
        let Value::String(text) = &item.value else {
            let message =
                format!("a list of workers holds names, this is {}", item.value.description());
            let help = "write the name of a worker, in quotes".to_owned();
            self.mistakes.add(MistakeKind::Type, &item.span, message, help);
            return None;
        };
        if text == ANY_NODE {
            let message = format!("\"{ANY_NODE}\" stands alone, not in a list");
            let help = format!("write \"{ANY_NODE}\" without brackets");
            self.mistakes.add(MistakeKind::Value, &item.span, message, help);
            return None;
        }
        match WorkerName::new(text) {
            Ok(worker) if self.known.contains(&**text) => Some(worker),
            Ok(_) => {
                self.no_such_worker(item, text);
                None
            }
            Err(error) => {
                let message = format!("{} cannot be a worker: {error}", quote(text));
                self.bad_name(&item.span, message);
                None
            }
        }
    }

    fn no_such_worker(&mut self, item: &Node<'_>, name: &str) {
        let help = match self.nearest(name, self.known.iter().copied()) {
            Some(word) => format!("did you mean {}?", quote(word)),
            None => "add it to the schema, or take it from the list".to_owned(),
        };
        let message = format!("there is no worker {} in this schema", quote(name));
        self.mistakes.add(MistakeKind::Reference, &item.span, message, help);
    }
}
