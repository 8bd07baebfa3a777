//! What answers the peer of one link: finds the command, checks who may call it, takes a slot, and
//! starts the handler.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use meshwork_schema::{Schema, WorkerSchema};
use meshwork_shared::link::message::{Body, CommandRef, InboundCall};
use meshwork_shared::link::service::{Handling, Notice, Served as Answered, Service};
use meshwork_shared::outcome::NotExecuted;
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use crate::context::{Caller, Context};
use crate::control::PeerDrains;
use crate::handler::Held;
use crate::handler::table::{Handlers, Served};
use crate::jobs::options::JobOptions;
use crate::jobs::serve::{Wanted, enqueue, question};
use crate::jobs::wire;
use crate::metrics::tally;
use crate::peers::LinkId;
use crate::traces::span::{Kind, Span};
use crate::worker::Worker;

/// What a caller finds under a command.
#[derive(Clone)]
enum Entry {
    /// No such command, or no handler for it here.
    Missing,
    /// The schema keeps it from this caller.
    Denied,
    Open(Arc<Served>),
}

/// What one caller may do here, by the numbers that were agreed when the link was made and by name.
struct Access {
    by_number: Vec<Entry>,
    handlers: Arc<Handlers>,
    schema: Arc<Schema>,
}

impl Access {
    fn find(&self, command: &CommandRef, caller: &Caller) -> Cow<'_, Entry> {
        match command {
            CommandRef::Number(number) => {
                let found = self.by_number.get(usize::from(*number));
                found.map_or(Cow::Owned(Entry::Missing), Cow::Borrowed)
            }
            CommandRef::Name(name) => Cow::Owned(
                std::str::from_utf8(name).map_or(Entry::Missing, |name| entry(name, caller, self)),
            ),
        }
    }
}

/// The service of one link.
pub(crate) struct LinkService {
    link: LinkId,
    caller: Arc<Caller>,
    worker: Worker,
    /// Our commands as numbered by the schema that this end announced on this link.
    numbering: Arc<WorkerSchema>,
    access: ArcSwap<Access>,
    /// The peer's latest ticket, for the owner of the link to check.
    fresh_ticket: Mutex<Option<Bytes>>,
}

impl LinkService {
    pub(crate) fn new(
        link: LinkId,
        caller: Caller,
        worker: Worker,
        numbering: Arc<WorkerSchema>,
        schema: Arc<Schema>,
        handlers: Arc<Handlers>,
    ) -> Self {
        let access = access(&numbering, &caller, schema, handlers);
        Self {
            link,
            caller: Arc::new(caller),
            worker,
            numbering,
            access: ArcSwap::from_pointee(access),
            fresh_ticket: Mutex::new(None),
        }
    }

    /// The schema or the handlers changed: the numbers of this link stay, what they open may not.
    pub(crate) fn update(&self, schema: Arc<Schema>, handlers: Arc<Handlers>) {
        self.access.store(Arc::new(access(&self.numbering, &self.caller, schema, handlers)));
    }

    /// The ticket that the peer pushed since this was last asked.
    pub(crate) fn take_fresh_ticket(&self) -> Option<Bytes> {
        self.fresh_ticket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Serves a call that this caller may make.
    fn open(&self, served: &Arc<Served>, call: InboundCall) -> Answered {
        if !served.schema.queued {
            return self.start(served, call);
        }
        let wanted = Wanted {
            caller: self.caller.clone(),
            trace: call.trace,
            body: call.body,
            options: JobOptions::default(),
            deadline: call.deadline,
        };
        let stored = enqueue(self.worker.without_deadline(), served.clone(), wanted);
        Answered::Handling(Box::pin(stored))
    }

    fn context(&self, call: &InboundCall, trace: Option<TraceContext>) -> Context {
        Context {
            caller: self.caller.clone(),
            call_id: call.id,
            deadline: call.deadline,
            attempt: call.attempt.unwrap_or(1),
            worker: self.worker.within(call.deadline, trace),
            job: None,
        }
    }

    /// A peer wants a job stored in this process, or asks about one.
    fn serve_jobs(&self, call: InboundCall) -> Answered {
        let refused =
            |message: String| Answered::Ready(Err(NotExecuted::ArgumentRefused { message }.into()));
        let CommandRef::Name(name) = &call.command else {
            return Answered::Ready(Err(NotExecuted::NoSuchCommand.into()));
        };
        let worker = self.worker.without_deadline();
        if name[..] == *wire::ENQUEUE.as_bytes() {
            let (head, bytes) = match wire::read::<wire::EnqueueHead>(&call.body) {
                Ok(read) => read,
                Err(message) => return refused(message),
            };
            let wanted = Wanted {
                caller: self.caller.clone(),
                trace: call.trace,
                body: Body { codec: head.codec, bytes },
                options: head.options(),
                deadline: call.deadline,
            };
            return match self.find_queued(&head.command) {
                Ok(served) => Answered::Handling(Box::pin(enqueue(worker, served, wanted))),
                Err(reason) => Answered::Ready(Err(reason.into())),
            };
        }
        if name[..] != *wire::JOB.as_bytes() {
            return Answered::Ready(Err(NotExecuted::NoSuchCommand.into()));
        }
        let asked = match wire::read::<wire::Question>(&call.body) {
            Ok((asked, _)) => asked,
            Err(message) => return refused(message),
        };
        match self.find_queued(&asked.command) {
            Ok(served) => Answered::Handling(Box::pin(question(worker, served, asked))),
            Err(reason) => Answered::Ready(Err(reason.into())),
        }
    }

    /// A queued command that this caller may call.
    fn find_queued(&self, command: &str) -> Result<Arc<Served>, NotExecuted> {
        match entry(command, &self.caller, &self.access.load()) {
            Entry::Open(served) if served.schema.queued => Ok(served),
            Entry::Open(_) => {
                let message = format!("`{command}` is not queued");
                Err(NotExecuted::ArgumentRefused { message })
            }
            Entry::Missing => Err(NotExecuted::NoSuchCommand),
            Entry::Denied => Err(NotExecuted::NotAllowed),
        }
    }

    /// What is told of a call whose trace is followed.
    fn span(&self, served: &Served, call: &InboundCall) -> Option<Box<Span>> {
        let name = || format!("{}.{}", self.numbering.name, served.schema.name);
        let tracer = &self.worker.inner().tracer;
        let span = tracer.serve(Kind::Handle, call.trace, Instant::now(), name)?;
        Some(span.with("meshwork.caller", self.caller.to_string()))
    }

    fn start(&self, served: &Arc<Served>, call: InboundCall) -> Answered {
        let inner = self.worker.inner();
        let span = call.trace.and_then(|_| self.span(served, &call));
        let trace = span.as_ref().map(|span| span.context()).or(call.trace);
        let context = self.context(&call, trace);
        let running = inner.activity.begin();
        if let Some(slot) = served.slots.try_take() {
            let held = Held::new(slot, running, &inner.tracer, span);
            return Answered::Handling(served.handler.handle(context, call.body, held));
        }
        let place = match served.slots.queue() {
            Ok(place) => place,
            Err(refused) => {
                served.slots.meter().count_refused(&refused);
                return Answered::Ready(Err(refused.into()));
            }
        };
        let (served, tracer, body) = (served.clone(), inner.tracer.clone(), call.body.detached());
        let handling: Handling = Box::pin(async move {
            let slot = place.slot(call.deadline).await.inspect_err(|refused| {
                served.slots.meter().count_refused(refused);
            })?;
            let held = Held::new(slot, running, &tracer, span);
            served.handler.handle(context, body, held).await
        });
        Answered::Handling(handling)
    }
}

impl Service for LinkService {
    fn serve(&self, call: InboundCall) -> Answered {
        if matches!(&call.command, CommandRef::Name(name) if name.first() == Some(&wire::PREFIX)) {
            return self.serve_jobs(call);
        }
        let access = self.access.load();
        let refused = match access.find(&call.command, &self.caller).as_ref() {
            Entry::Open(served) => return self.open(served, call),
            Entry::Missing => {
                tally::add(&self.worker.inner().tally.refused_missing);
                NotExecuted::NoSuchCommand
            }
            Entry::Denied => {
                tally::add(&self.worker.inner().tally.refused_denied);
                NotExecuted::NotAllowed
            }
        };
        Answered::Ready(Err(refused.into()))
    }

    fn notice(&self, notice: Notice) {
        match notice {
            Notice::Ticket(ticket) => {
                *self.fresh_ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
            }
            Notice::PeerDraining => self.worker.inner().tell(PeerDrains { link: self.link }),
            // The master is who tells of revocations; the end is told by the link's task.
            Notice::Revoke(_) | Notice::Ended(_) => {}
        }
    }

    fn computed_in_place(&self, command: &CommandRef, took: Duration) {
        let access = self.access.load();
        if let Entry::Open(served) = access.find(command, &self.caller).as_ref()
            && !served.computes_in_place()
        {
            return;
        }
        let name = match command {
            CommandRef::Number(number) => self
                .numbering
                .command_at(*number)
                .map_or_else(|| number.to_string(), |command| command.name.to_string()),
            CommandRef::Name(name) => name.escape_ascii().to_string(),
        };
        self.worker.inner().warn_computed_in_place(&name, took);
    }
}

fn access(
    numbering: &WorkerSchema,
    caller: &Caller,
    schema: Arc<Schema>,
    handlers: Arc<Handlers>,
) -> Access {
    let mut access = Access { by_number: Vec::new(), handlers, schema };
    let by_number =
        numbering.commands.iter().map(|command| entry(command.name.as_str(), caller, &access));
    access.by_number = by_number.collect();
    access
}

fn entry(command: &str, caller: &Caller, access: &Access) -> Entry {
    let Some(served) = access.handlers.find(command) else { return Entry::Missing };
    let callee = access.handlers.worker();
    let may = access.schema.may_call(caller.worker.as_str(), callee, command);
    if may || cfg!(mutate = "allow_check") { Entry::Open(served.clone()) } else { Entry::Denied }
}
