//! No call outlives its deadline.

use std::time::Duration;

use super::{Evidence, Violation};
use crate::journal::CallEnd;

const RULE: &str = "calls end in time";

/// How far a call may outlive its deadline.
const GRACE: Duration = Duration::from_millis(50);

pub(super) fn check(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    let end = evidence.plan.length();
    for (token, call) in evidence.calls() {
        let allowed = call.deadline + GRACE;
        let late = match call.end {
            CallEnd::Over { took, .. } => (took > allowed).then_some(took),
            CallEnd::Open => Some(end.saturating_sub(call.made)).filter(|open| *open > allowed),
            CallEnd::Abandoned => None,
        };
        if let Some(took) = late {
            let (name, deadline) = (evidence.name(token, call), call.deadline);
            let text = format!("{name}: not over after {took:?}, with a deadline of {deadline:?}");
            out.push(Violation { rule: RULE, text });
        }
    }
}
