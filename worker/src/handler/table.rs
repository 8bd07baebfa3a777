//! All handlers of a worker, checked against its schema once at start.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshwork_schema::{CommandSchema, WorkerName, WorkerSchema};
use thiserror::Error;

use super::Handler;
use crate::slots::Slots;

/// Default `concurrency` of a command whose handler does not block.
const CONCURRENCY_DEFAULT: usize = 1024;

/// A registration that does not fit the schema. The fault is in the program or in the schema.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistrationError {
    /// The schema gives the worker no such command.
    #[error(
        "worker `{worker}` has no command `{command}` in the schema; add it under \
         [{worker}._commands] or drop the handler"
    )]
    Unknown {
        /// The worker.
        worker: String,
        /// The command that was registered.
        command: String,
    },
    /// The command belongs to another worker.
    #[error("command `{command}` belongs to worker `{owner}`, not to `{worker}`")]
    Foreign {
        /// The worker that registers.
        worker: String,
        /// The worker that `Command::WORKER` names.
        owner: String,
        /// The command.
        command: String,
    },
    /// Two handlers for one command.
    #[error("command `{command}` has two handlers; keep one")]
    Doubled {
        /// The command.
        command: String,
    },
    /// No handler, and `strict_handlers` is on.
    #[error("command `{command}` has no handler; write one or turn strict_handlers off")]
    Missing {
        /// The command.
        command: String,
    },
}

/// A handler under its name, before the schema is known.
pub(crate) struct Registration {
    /// `None` when the handler is registered by name only.
    pub(crate) owner: Option<&'static str>,
    pub(crate) command: String,
    pub(crate) handler: Arc<dyn Handler>,
}

/// A handler with the slots of its command.
pub(crate) struct Served {
    pub(crate) schema: CommandSchema,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) slots: Arc<Slots>,
}

impl Served {
    /// Whether user code runs on the link's task when this is called. A blocking handler computes
    /// on the pool, and a queued command is but stored: when a lane was held up meanwhile, the
    /// system let it wait for a core.
    pub(crate) fn computes_in_place(&self) -> bool {
        !self.schema.queued && !self.handler.is_blocking()
    }
}

/// The handlers of a worker by command name.
pub(crate) struct Handlers {
    worker: WorkerName,
    /// Default concurrency of blocking handlers.
    blocking: usize,
    by_name: BTreeMap<String, Arc<Served>>,
    /// Handlers whose command the schema does not have any more; it may come back.
    resting: BTreeMap<String, Arc<dyn Handler>>,
}

impl Handlers {
    /// Checks all registrations; every mistake is told at once.
    pub(crate) fn resolve(
        schema: &WorkerSchema,
        registrations: &[Registration],
        strict: bool,
        blocking: usize,
    ) -> Result<Self, Vec<RegistrationError>> {
        let mut mistakes = Vec::new();
        let mut by_name = BTreeMap::new();
        for registration in registrations {
            match serve(schema, registration, blocking) {
                Ok(served) => {
                    let command = registration.command.clone();
                    if by_name.insert(command.clone(), Arc::new(served)).is_some() {
                        mistakes.push(RegistrationError::Doubled { command });
                    }
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        for command in &schema.commands {
            if by_name.contains_key(command.name.as_str()) {
                continue;
            }
            let command = command.name.to_string();
            if strict {
                mistakes.push(RegistrationError::Missing { command });
            } else {
                log::warn!("command `{command}` has no handler here; it is not announced");
            }
        }
        let worker = schema.name.clone();
        let resting = BTreeMap::new();
        if mistakes.is_empty() {
            Ok(Self { worker, blocking, by_name, resting })
        } else {
            Err(mistakes)
        }
    }

    /// The same handlers under a changed schema. Slots carry over, so that calls under way still
    /// count; a handler whose command the schema no longer has rests until it has it again.
    pub(crate) fn updated(&self, schema: &WorkerSchema) -> Self {
        let mut updated = Self {
            worker: self.worker.clone(),
            blocking: self.blocking,
            by_name: BTreeMap::new(),
            resting: BTreeMap::new(),
        };
        for (name, served) in &self.by_name {
            let Some((_, command)) = schema.command(name) else {
                log::warn!("the new schema has no command `{name}`; its handler rests");
                updated.resting.insert(name.clone(), served.handler.clone());
                continue;
            };
            let unchanged = command.concurrency == served.schema.concurrency
                && command.backlog == served.schema.backlog;
            let slots = if unchanged {
                served.slots.clone()
            } else {
                let slots = new_slots(command, served.handler.as_ref(), self.blocking);
                Arc::new(slots.with_meter(served.slots.meter().clone()))
            };
            updated.serve(command, served.handler.clone(), Some(slots));
        }
        for (name, handler) in &self.resting {
            match schema.command(name) {
                Some((_, command)) => updated.serve(command, handler.clone(), None),
                None => drop(updated.resting.insert(name.clone(), handler.clone())),
            }
        }
        updated
    }

    fn serve(
        &mut self,
        schema: &CommandSchema,
        handler: Arc<dyn Handler>,
        slots: Option<Arc<Slots>>,
    ) {
        let slots =
            slots.unwrap_or_else(|| Arc::new(new_slots(schema, handler.as_ref(), self.blocking)));
        let served = Served { schema: schema.clone(), handler, slots };
        self.by_name.insert(schema.name.to_string(), Arc::new(served));
    }

    /// The worker whose handlers these are.
    pub(crate) fn worker(&self) -> &str {
        self.worker.as_str()
    }

    /// All handlers, by command.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.by_name.values()
    }

    pub(crate) fn find(&self, command: &str) -> Option<&Arc<Served>> {
        self.by_name.get(command)
    }
}

fn serve(
    schema: &WorkerSchema,
    registration: &Registration,
    blocking: usize,
) -> Result<Served, RegistrationError> {
    let worker = schema.name.to_string();
    let command = registration.command.clone();
    if let Some(owner) = registration.owner
        && owner != worker
    {
        let owner = owner.to_owned();
        return Err(RegistrationError::Foreign { worker, owner, command });
    }
    let Some((_, schema)) = schema.command(&command) else {
        return Err(RegistrationError::Unknown { worker, command });
    };
    let handler = registration.handler.clone();
    let slots = Arc::new(new_slots(schema, handler.as_ref(), blocking));
    Ok(Served { schema: schema.clone(), handler, slots })
}

fn new_slots(schema: &CommandSchema, handler: &dyn Handler, blocking: usize) -> Slots {
    let default = if handler.is_blocking() { blocking } else { CONCURRENCY_DEFAULT };
    // A queued command runs its jobs in order unless the schema says otherwise.
    let default = if schema.queued { 1 } else { default };
    let concurrency = schema.concurrency.map_or(default, |n| n as usize);
    Slots::new(concurrency, schema.backlog as usize)
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use meshwork_schema::Schema;
    use meshwork_shared::link::message::Body;
    use meshwork_shared::link::service::Handling;

    use super::*;
    use crate::context::Context;
    use crate::handler::Held;

    /// Answers nothing.
    struct Mute {
        is_blocking: bool,
    }

    impl Handler for Mute {
        fn handle(&self, _: Context, _: Body, _: Held) -> Handling {
            Box::pin(std::future::pending())
        }

        fn is_blocking(&self) -> bool {
            self.is_blocking
        }
    }

    #[test]
    fn only_what_is_no_blocking_handler_and_not_queued_computes_in_place() {
        let schema = "[shrink]\n[shrink._commands._balanced]\nask = {}\nprint = {}\n\
                      keep = { queued = true }\n[gateway]\n_connect = [\"shrink\"]\n";
        let schema = Schema::from_toml(schema).unwrap();
        let registration = |command: &str, is_blocking| {
            let handler = Arc::new(Mute { is_blocking });
            Registration { owner: None, command: command.to_owned(), handler }
        };
        let registrations =
            [registration("ask", false), registration("print", true), registration("keep", false)];
        let worker = schema.worker("shrink").unwrap();
        let handlers = Handlers::resolve(worker, &registrations, true, 2).unwrap();
        let warned = |command| handlers.find(command).unwrap().computes_in_place();
        assert_eq!(["ask", "print", "keep"].map(warned), [true, false, false]);
    }
}
