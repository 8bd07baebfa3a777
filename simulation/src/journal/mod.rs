//! The journal of a run: what callers were told, and what really executed. It lives outside of the
//! simulated hosts, so that it sees what a crash, a cut link or a lie hides from them.
//!
//! * `record.rs`: what is kept of a process, a call and an execution
//! * `trace.rs`: every entry as a line, and the hash over all lines

mod record;
mod trace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_shared::ids::Incarnation;

pub use record::{Aim, CallEnd, CallRecord, Execution, HandlerEnd, Outcome, Process, ProcessId};
pub use trace::Trace;

use crate::tasks::Token;
use crate::virtual_time::VirtualTime;

/// Everything that happened in a run.
#[derive(Debug, Default)]
pub struct Entries {
    /// Every process, by its number.
    pub processes: Vec<Process>,
    /// Every call.
    pub calls: BTreeMap<Token, CallRecord>,
    /// Every start of a handler, in order.
    pub executions: Vec<Execution>,
    /// Links that came and went: when, whose end, the peer's variant, and whether it came.
    pub links: Vec<LinkChange>,
    /// What the master knew, each time it was asked: when, and `worker/variant status` of each.
    pub members: Vec<(Duration, Vec<String>)>,
    /// What broke: a process that could not start, a panic that nobody planned.
    pub broken: Vec<String>,
}

/// A hook of a worker was called.
#[derive(Clone, Debug)]
pub struct LinkChange {
    /// When.
    pub at: Duration,
    /// Whose hook.
    pub by: ProcessId,
    /// The peer's variant.
    pub peer: String,
    /// Connected, or disconnected.
    pub connected: bool,
}

struct State {
    entries: Entries,
    trace: Trace,
    next_token: u64,
    /// The run is over: what its end destroys is no part of it.
    closed: bool,
}

/// Where everybody writes. Clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    state: Arc<Mutex<State>>,
    time: VirtualTime,
}

impl Journal {
    pub(crate) fn new(time: VirtualTime, trace: Trace) -> Self {
        let state = State { entries: Entries::default(), trace, next_token: 0, closed: false };
        Self { state: Arc::new(Mutex::new(state)), time }
    }

    /// Closes the journal and takes what is in it, with the hash of its trace.
    pub(crate) fn close(&self) -> (Entries, u64) {
        let mut state = self.lock();
        state.closed = true;
        (std::mem::take(&mut state.entries), state.trace.hash())
    }

    /// The time of the run.
    pub(crate) fn now(&self) -> Duration {
        self.time.now()
    }

    /// A line for the trace that is no entry.
    pub(crate) fn say(&self, line: &str) {
        self.write(|_, _| ((), line.to_owned()));
    }

    pub(crate) fn broken(&self, what: String) {
        self.write(|entries, _| {
            let line = format!("BROKEN {what}");
            entries.broken.push(what);
            ((), line)
        });
    }

    // --- processes ---

    pub(crate) fn started(&self, host: &str, worker: &'static str, variant: &str) -> ProcessId {
        self.write(|entries, now| {
            let id = ProcessId(entries.processes.len() as u32);
            entries.processes.push(Process {
                host: host.to_owned(),
                worker,
                variant: variant.to_owned(),
                started: now,
                ready: None,
                leaving: None,
                ended: None,
            });
            (id, format!("process {} starts on {host} as {worker}/{variant}", id.0))
        })
    }

    pub(crate) fn ready(&self, process: ProcessId, incarnation: Incarnation) {
        self.with_process(process, format!("is ready as {}", incarnation.0), |process, now| {
            process.ready = Some(now);
        });
    }

    pub(crate) fn leaving(&self, process: ProcessId) {
        self.with_process(process, "leaves".to_owned(), |process, now| {
            process.leaving = Some(now);
        });
    }

    /// The process that lives on this host, if any, is gone.
    pub(crate) fn ended(&self, host: &str) {
        let living = |entries: &Entries| {
            let lives = |process: &Process| process.host == host && process.ended.is_none();
            entries.processes.iter().rposition(lives)
        };
        let found = living(&self.lock().entries);
        if let Some(found) = found {
            self.with_process(ProcessId(found as u32), "is gone".to_owned(), |process, now| {
                process.ended = Some(now);
            });
        }
    }

    fn with_process(
        &self,
        process: ProcessId,
        line: String,
        change: impl FnOnce(&mut Process, Duration),
    ) {
        self.write(|entries, now| {
            if let Some(entry) = entries.processes.get_mut(process.0 as usize) {
                change(entry, now);
            }
            ((), format!("process {} {line}", process.0))
        });
    }

    pub(crate) fn link(&self, by: ProcessId, peer: &str, connected: bool) {
        self.write(|entries, at| {
            entries.links.push(LinkChange { at, by, peer: peer.to_owned(), connected });
            let word = if connected { "is linked to" } else { "lost its link to" };
            ((), format!("process {} {word} {peer}", by.0))
        });
    }

    pub(crate) fn members(&self, members: Vec<String>) {
        self.write(|entries, now| {
            let line = format!("the master knows {}", members.join(", "));
            entries.members.push((now, members));
            ((), line)
        });
    }

    // --- calls ---

    /// A number for a new call, and its record.
    pub(crate) fn made(&self, call: CallRecord) -> Token {
        let mut state = self.lock();
        state.next_token += 1;
        let token = Token(state.next_token);
        drop(state);
        self.write(|entries, _| {
            let line = format!(
                "call {} by {}: {}.{} {:?} to {:?}",
                token.0, call.by.0, call.worker, call.command, call.act, call.aim
            );
            entries.calls.insert(token, call);
            ((), line)
        });
        token
    }

    pub(crate) fn over(
        &self,
        token: Token,
        took: Duration,
        outcomes: Vec<(Option<String>, Outcome)>,
    ) {
        self.write(|entries, at| {
            let line = format!("call {} over after {took:?}: {outcomes:?}", token.0);
            if let Some(call) = entries.calls.get_mut(&token) {
                call.end = CallEnd::Over { at, took, outcomes };
            }
            ((), line)
        });
    }

    pub(crate) fn abandoned(&self, token: Token) {
        self.write(|entries, _| {
            if let Some(call) = entries.calls.get_mut(&token) {
                call.end = CallEnd::Abandoned;
            }
            ((), format!("call {} abandoned", token.0))
        });
    }

    // --- executions ---

    /// A handler started; the number is for [`Journal::ran`].
    pub(crate) fn runs(&self, token: Token, by: ProcessId, incarnation: Incarnation) -> usize {
        self.write(|entries, started| {
            let number = entries.executions.len();
            let end = HandlerEnd::Running;
            entries.executions.push(Execution { token, by, incarnation, started, end });
            (number, format!("call {} runs at {} as {}", token.0, by.0, incarnation.0))
        })
    }

    pub(crate) fn ran(&self, number: usize, end: HandlerEnd) {
        self.write(|entries, _| {
            let mut line = String::new();
            if let Some(execution) = entries.executions.get_mut(number) {
                execution.end = end;
                line = format!("call {} ran at {}: {end:?}", execution.token.0, execution.by.0);
            }
            ((), line)
        });
    }

    /// Changes the entries and adds the line of it to the trace.
    fn write<R>(&self, change: impl FnOnce(&mut Entries, Duration) -> (R, String)) -> R {
        let now = self.time.now();
        let mut state = self.lock();
        if state.closed {
            return change(&mut Entries::default(), now).0;
        }
        let (result, line) = change(&mut state.entries, now);
        state.trace.line(now, &line);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
