//! No two incarnations of a variant are routed to: a caller that has reached one goes back to none
//! before it, and in the end one process alone is what all callers reach under a name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_shared::ids::Incarnation;

use super::{Evidence, Violation, seconds};
use crate::journal::{CallEnd, ProcessId};

const RULE: &str = "one incarnation of a variant";

/// A call of a caller that reached an incarnation.
struct Reached {
    made: Duration,
    /// When it was over; `None` if it never was.
    over: Option<Duration>,
    incarnation: Incarnation,
    by: ProcessId,
}

pub(super) fn check(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    let mut reached: BTreeMap<(ProcessId, &str), Vec<Reached>> = BTreeMap::new();
    let mut in_the_end: BTreeMap<&str, BTreeSet<ProcessId>> = BTreeMap::new();
    for (token, call) in evidence.calls() {
        for run in evidence.runs(token).iter().filter(|run| run.incarnation.0 > 0) {
            let variant = evidence.process(run.by).variant.as_str();
            let over = match call.end {
                CallEnd::Over { at, .. } => Some(at),
                CallEnd::Open | CallEnd::Abandoned => None,
            };
            let (made, incarnation, by) = (call.made, run.incarnation, run.by);
            let entry = Reached { made, over, incarnation, by };
            reached.entry((call.by, variant)).or_default().push(entry);
            if call.made >= evidence.plan.probes_from() {
                in_the_end.entry(variant).or_default().insert(run.by);
            }
        }
    }
    for ((caller, variant), entries) in &reached {
        if let Some((first, second)) = step_back(entries) {
            let text = format!(
                "{} reached {variant} as {} (process {}), and with a call made later, at {}, as {} \
                 (process {})",
                evidence.process(*caller).host,
                first.incarnation.0,
                first.by.0,
                seconds(second.made),
                second.incarnation.0,
                second.by.0
            );
            out.push(Violation { rule: RULE, text });
        }
    }
    for (variant, processes) in in_the_end.iter().filter(|(_, processes)| processes.len() > 1) {
        let text = format!("in the end, calls reach {variant} at {processes:?}");
        out.push(Violation { rule: RULE, text });
    }
}

/// A call that was over before another was made, which reached an incarnation before.
fn step_back(entries: &[Reached]) -> Option<(&Reached, &Reached)> {
    let back = |first: &Reached, second: &Reached| {
        first.over.is_some_and(|over| over < second.made) && second.incarnation < first.incarnation
    };
    entries.iter().find_map(|second| {
        entries.iter().find(|first| back(first, second)).map(|first| (first, second))
    })
}
