//! What must hold of every run, whatever was done to the mesh: reads the journal after the end.
//!
//! * `honest.rs`: what a caller was told is what happened, and nothing ran twice
//! * `timely.rs`: no call outlives its deadline
//! * `routing.rs`: no caller goes back to an incarnation that was replaced
//! * `lossless.rs`: a schema that changes costs no call
//! * `steady.rs`: what nothing happened to is undisturbed, and in the end all is well again

mod honest;
mod lossless;
mod routing;
mod steady;
#[cfg(test)]
mod tests;
mod timely;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::journal::{CallRecord, Entries, Execution, Process, ProcessId};
use crate::plan::Plan;
use crate::tasks::Token;

/// A promise that was broken in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise, in few words.
    pub rule: &'static str,
    /// How it was broken.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// Everything that is wrong with a run.
pub(crate) fn check(plan: &Plan, entries: &Entries) -> Vec<Violation> {
    let evidence = Evidence::new(plan, entries);
    let mut violations: Vec<_> = entries.broken.iter().map(|what| broken(what)).collect();
    honest::check(&evidence, &mut violations);
    timely::check(&evidence, &mut violations);
    routing::check(&evidence, &mut violations);
    lossless::check(&evidence, &mut violations);
    steady::check(&evidence, &mut violations);
    violations
}

fn broken(what: &str) -> Violation {
    Violation { rule: "nothing breaks", text: what.to_owned() }
}

/// The journal, with executions by call.
struct Evidence<'a> {
    plan: &'a Plan,
    entries: &'a Entries,
    runs: BTreeMap<Token, Vec<&'a Execution>>,
}

impl<'a> Evidence<'a> {
    fn new(plan: &'a Plan, entries: &'a Entries) -> Self {
        let mut runs: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for execution in &entries.executions {
            runs.entry(execution.token).or_default().push(execution);
        }
        Self { plan, entries, runs }
    }

    fn runs(&self, token: Token) -> &[&'a Execution] {
        self.runs.get(&token).map_or(&[], Vec::as_slice)
    }

    fn process(&self, id: ProcessId) -> &'a Process {
        &self.entries.processes[id.0 as usize]
    }

    fn calls(&self) -> impl Iterator<Item = (Token, &'a CallRecord)> {
        self.entries.calls.iter().map(|(token, call)| (*token, call))
    }

    /// One call in words.
    fn name(&self, token: Token, call: &CallRecord) -> String {
        format!(
            "call {} ({}.{} {:?}, {:?}) by {} at {}",
            token.0,
            call.worker,
            call.command,
            call.act,
            call.aim,
            self.process(call.by).host,
            seconds(call.made),
        )
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
