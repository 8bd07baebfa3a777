//! What workers serve: every command does as it is asked, and notes in the journal that it ran.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meshwork_shared::ids::Incarnation;
use meshwork_worker::handler::actor::ActorHandle;
use meshwork_worker::{Builder, Context, Failure, Worker};

use super::caller::{Caller, Wish};
use crate::journal::{HandlerEnd, Journal, Outcome, ProcessId};
use crate::plan::Kind;
use crate::tasks::{
    Act, All, Answer, Back, Count, Crunch, Done, Hush, Inner, Narrow, Note, Relay, Safe, Task,
    Token, Work,
};

/// What a handler panics with when it was asked to.
pub(crate) const PLANNED_PANIC: &str = "a planned panic";

/// Messages that may wait for the actor behind `count`.
const MAILBOX_LEN: usize = 4;

/// Where handlers run: one process.
#[derive(Clone)]
pub(super) struct Site {
    journal: Journal,
    process: ProcessId,
    worker: Arc<OnceLock<Worker>>,
}

impl Site {
    pub(super) fn new(journal: Journal, process: ProcessId) -> Self {
        Self { journal, process, worker: Arc::default() }
    }

    /// Told once the process has its worker.
    pub(super) fn is_at(&self, worker: &Worker) {
        // Set once, by the process.
        let _ = self.worker.set(worker.clone());
    }

    /// Registers the handlers of a kind.
    pub(super) fn serve(&self, builder: Builder, kind: Kind) -> Builder {
        match kind {
            Kind::Front => self.handle::<Back>(builder),
            Kind::Store => {
                let builder = self.handle::<Safe>(self.handle::<Work>(builder));
                let builder = self.handle::<Inner>(self.handle::<Narrow>(builder));
                let builder = self.handle::<Note>(builder);
                let builder = self.handle::<Hush>(self.handle::<All>(builder));
                self.handle_count(self.handle_crunch(self.handle_relay(builder)))
            }
        }
    }

    fn handle<C: Task>(&self, builder: Builder) -> Builder {
        let site = self.clone();
        builder.handle(move |context: Context, task: C| {
            let running = site.begin(task.token(), context.worker());
            async move {
                if let Act::Wait(ms) = task.act() {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                running.end(task.act()).map(C::Reply::of)
            }
        })
    }

    fn handle_crunch(&self, builder: Builder) -> Builder {
        let site = self.clone();
        builder.handle_blocking(move |context: Context, task: Crunch| {
            site.begin(task.token(), context.worker()).end(task.act())
        })
    }

    /// `relay` asks another store to do it.
    fn handle_relay(&self, builder: Builder) -> Builder {
        let site = self.clone();
        builder.handle(move |context: Context, task: Relay| {
            let running = site.begin(task.token(), context.worker());
            let caller = Caller {
                worker: context.worker().clone(),
                journal: site.journal.clone(),
                process: site.process,
            };
            async move {
                let wish = Wish { most: Some(context.remaining()), ..Wish::default() };
                let act = match caller.balanced::<Work>(task.act(), wish).await {
                    Some(Outcome::Answered(_)) => Act::Answer,
                    _ => Act::Fail,
                };
                running.end(act)
            }
        })
    }

    /// `count` is an actor's.
    fn handle_count(&self, builder: Builder) -> Builder {
        let counter = ActorHandle::start(Counter { site: self.clone() }, MAILBOX_LEN);
        builder.handle_actor::<Count, _>(&counter)
    }

    fn begin(&self, token: Token, worker: &Worker) -> Running {
        self.begin_as(token, worker.identity().incarnation)
    }

    fn begin_as(&self, token: Token, incarnation: Incarnation) -> Running {
        let number = self.journal.runs(token, self.process, incarnation);
        let done = Done { token, process: self.process.0 };
        Running { journal: self.journal.clone(), number, done, over: false }
    }
}

/// A handler that runs; it is dropped unless it ends.
struct Running {
    journal: Journal,
    number: usize,
    done: Done,
    over: bool,
}

impl Running {
    fn end(mut self, act: Act) -> Result<Done, Failure> {
        self.over = true;
        match act {
            Act::Answer | Act::Wait(_) => {
                self.journal.ran(self.number, HandlerEnd::Answered);
                Ok(self.done)
            }
            Act::Fail => {
                self.journal.ran(self.number, HandlerEnd::Failed);
                Err(Failure::new("no", "it was asked to fail"))
            }
            Act::Panic => {
                self.journal.ran(self.number, HandlerEnd::Panicked);
                panic!("{PLANNED_PANIC}")
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over {
            self.journal.ran(self.number, HandlerEnd::Dropped);
        }
    }
}

/// The actor behind `count`. Started with its process's handlers, it ends with the process.
struct Counter {
    site: Site,
}

impl actix::Actor for Counter {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Count> for Counter {
    type Result = Result<Done, Failure>;

    fn handle(&mut self, task: Count, _: &mut actix::Context<Self>) -> Self::Result {
        // A call may come in before the process has heard that its worker is ready.
        let incarnation = self.site.worker.get().map(|worker| worker.identity().incarnation);
        let running = self.site.begin_as(task.token(), incarnation.unwrap_or_default());
        running.end(task.act())
    }
}
