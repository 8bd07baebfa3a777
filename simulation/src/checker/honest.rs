//! What a caller was told is what happened: `NotExecuted` means that it never ran, an answer that
//! it ran, and nothing runs twice that may not.

use super::{Evidence, Violation};
use crate::journal::{Aim, CallEnd, CallRecord, Execution, HandlerEnd, Outcome};
use crate::tasks::Token;
use meshwork_worker::UnknownCause;

const RULE: &str = "outcomes are honest";

pub(super) fn check(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    for (token, call) in evidence.calls() {
        let mut say = |what: String| {
            let text = format!("{}: {what}", evidence.name(token, call));
            out.push(Violation { rule: RULE, text });
        };
        for what in lies(evidence, token, call) {
            say(what);
        }
    }
}

fn lies(evidence: &Evidence<'_>, token: Token, call: &CallRecord) -> Vec<String> {
    let runs = evidence.runs(token);
    let mut lies = strays(evidence, call, runs);
    lies.extend(doubles(evidence, call, runs));
    let CallEnd::Over { outcomes, .. } = &call.end else { return lies };
    for (variant, outcome) in outcomes {
        let here: Vec<_> = runs
            .iter()
            .filter(|run| variant.as_ref().is_none_or(|at| *at == evidence.process(run.by).variant))
            .copied()
            .collect();
        lies.extend(lie(token, call, outcome, &here));
    }
    lies
}

/// The outcome against what ran where it speaks of.
fn lie(token: Token, call: &CallRecord, outcome: &Outcome, runs: &[&Execution]) -> Option<String> {
    let ended = |end| runs.iter().any(|run| run.end == end);
    let is_true = match outcome {
        Outcome::NotExecuted(_) => runs.is_empty(),
        Outcome::Answered(Some(done)) => {
            let its = |run: &&&Execution| run.by.0 == done.process;
            let answered = |run: &&Execution| run.end == HandlerEnd::Answered;
            done.token == token && runs.iter().filter(its).any(answered)
        }
        // Handed to a link, no more.
        Outcome::Answered(None) => !call.answers,
        Outcome::Failed(code) if code == "panic" => ended(HandlerEnd::Panicked),
        Outcome::Failed(code) => code == "no" && ended(HandlerEnd::Failed),
        Outcome::Unknown(UnknownCause::BadReply { .. } | UnknownCause::Queue { .. }) => false,
        Outcome::Unknown(UnknownCause::Deadline | UnknownCause::LinkLost) => true,
    };
    let runs: Vec<_> = runs.iter().map(|run| (run.by.0, run.end)).collect();
    (!is_true).then(|| format!("was told {outcome:?}, but it ran (process, end): {runs:?}"))
}

/// Executions where the call was not meant to go.
fn strays(evidence: &Evidence<'_>, call: &CallRecord, runs: &[&Execution]) -> Vec<String> {
    let stray = |run: &&&Execution| {
        let process = evidence.process(run.by);
        let elsewhere = match (&call.aim, &call.end) {
            (Aim::Direct(variant), _) => process.variant != *variant,
            (Aim::Broadcast, CallEnd::Over { outcomes, .. }) => {
                !outcomes.iter().any(|(at, _)| at.as_deref() == Some(process.variant.as_str()))
            }
            (Aim::Broadcast | Aim::Balanced, _) => false,
        };
        elsewhere || process.worker != call.worker
    };
    let text = |run: &&Execution| format!("it ran at {}", evidence.process(run.by).host);
    runs.iter().filter(stray).map(text).collect()
}

/// More executions than there may be.
fn doubles(evidence: &Evidence<'_>, call: &CallRecord, runs: &[&Execution]) -> Option<String> {
    if call.idempotent {
        return None;
    }
    let mut places: Vec<_> = match call.aim {
        Aim::Broadcast => {
            runs.iter().map(|run| evidence.process(run.by).variant.as_str()).collect()
        }
        Aim::Balanced | Aim::Direct(_) => vec![""; runs.len()],
    };
    let count = places.len();
    places.sort_unstable();
    places.dedup();
    (places.len() < count).then(|| format!("it ran {count} times"))
}
