//! A schema that changes costs no call: those that run finish, and those that are not allowed any
//! more say so.

use std::time::Duration;

use super::{Evidence, Violation};
use crate::journal::{Aim, CallEnd, CallRecord, Outcome};
use meshwork_worker::{NotExecuted, UnknownCause};

const RULE: &str = "a schema that changes costs no call";

/// How long a new schema is on its way to everybody.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn check(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    if !evidence.plan.keeps_calls {
        return;
    }
    for (token, call) in evidence.calls() {
        let CallEnd::Over { outcomes, .. } = &call.end else { continue };
        for (_, outcome) in outcomes {
            let is_lost = *outcome == Outcome::Unknown(UnknownCause::LinkLost);
            let is_let_through = is_forbidden(evidence, call) && !is_refusal(call, outcome);
            if is_lost || is_let_through {
                let text = format!("{}: ended with {outcome:?}", evidence.name(token, call));
                out.push(Violation { rule: RULE, text });
            }
        }
    }
}

/// A variant whose link is not allowed is not known either.
fn is_refusal(call: &CallRecord, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::NotExecuted(NotExecuted::NotAllowed) => true,
        Outcome::NotExecuted(NotExecuted::NoInstance) => matches!(call.aim, Aim::Direct(_)),
        _ => false,
    }
}

/// Whether the schema kept the caller from the callee while the call was made.
fn is_forbidden(evidence: &Evidence<'_>, call: &CallRecord) -> bool {
    let Some((from, until)) = evidence.plan.narrowed else { return false };
    let is_between = evidence.process(call.by).worker != call.worker;
    is_between && (from + TOLD_WITHIN..until).contains(&call.made)
}
