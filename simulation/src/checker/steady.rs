//! What nothing happens to is undisturbed: within a window, calls end as the act asks for. The last
//! window is the end of the run, when every fault is over.

use std::time::Duration;

use meshwork_worker::{NotExecuted, UnknownCause};

use super::{Evidence, Violation, seconds};
use crate::journal::{Aim, CallEnd, CallRecord, Outcome, Process, ProcessId};
use crate::plan::{Notices, Window};
use crate::tasks::{Act, Token};

const UNDISTURBED: &str = "what nothing happens to goes on";
const WELL_AGAIN: &str = "in the end all is well";
const NOTICED: &str = "a dead link is noticed in time";

/// How long a new process has until everybody must reach it.
const FOUND_WITHIN: Duration = Duration::from_secs(8);

/// How long a death may go unnoticed.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// A deadline that no delay of the network uses up, with the waits that handlers are asked for.
const AMPLE: Duration = Duration::from_secs(1);

pub(super) fn check(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    for window in &evidence.plan.windows {
        check_window(evidence, window, UNDISTURBED, out);
    }
    let plan = evidence.plan;
    let last = Window { from: plan.probes_from(), until: plan.length(), ..Window::default() };
    check_window(evidence, &last, WELL_AGAIN, out);
    check_members(evidence, out);
    plan.notices.iter().for_each(|notices| check_notices(evidence, notices, out));
}

fn check_window(
    evidence: &Evidence<'_>,
    window: &Window,
    rule: &'static str,
    out: &mut Vec<Violation>,
) {
    let view = View { evidence, window };
    for (token, call) in evidence.calls() {
        if let Some(what) = view.disturbance(token, call) {
            let text = format!("{}: {what}", evidence.name(token, call));
            out.push(Violation { rule, text });
        }
    }
}

/// The run as seen through a window.
struct View<'a> {
    evidence: &'a Evidence<'a>,
    window: &'a Window,
}

impl View<'_> {
    /// What went wrong with a call that should have known of nothing.
    fn disturbance(&self, token: Token, call: &CallRecord) -> Option<String> {
        let CallEnd::Over { at, outcomes, .. } = &call.end else { return None };
        if call.made < self.window.from || *at > self.window.until || !self.is_found(call.by, call)
        {
            return None;
        }
        match &call.aim {
            Aim::Balanced => {
                let [(_, outcome)] = outcomes.as_slice() else { return None };
                self.all_steady(call).then(|| wrong(call, outcome, self.caller(call))).flatten()
            }
            Aim::Direct(variant) => {
                let [(_, outcome)] = outcomes.as_slice() else { return None };
                self.steady_target(call, variant)
                    .then(|| wrong(call, outcome, self.caller(call)))
                    .flatten()
            }
            Aim::Broadcast => self.missing(call, outcomes).or_else(|| {
                let steady = |variant: &Option<String>| {
                    variant.as_ref().is_some_and(|variant| self.steady_target(call, variant))
                };
                let wrong = |(variant, outcome): &(Option<String>, Outcome)| {
                    let what = wrong(call, outcome, self.caller(call))?;
                    Some(format!("{}: {what}", variant.as_deref().unwrap_or_default()))
                };
                outcomes.iter().filter(|(variant, _)| steady(variant)).find_map(wrong)
            }),
        }
        .map(|what| format!("{what} (token {})", token.0))
    }

    fn caller(&self, call: &CallRecord) -> &Process {
        self.evidence.process(call.by)
    }

    /// A broadcast that did not expect somebody.
    fn missing(&self, call: &CallRecord, outcomes: &[(Option<String>, Outcome)]) -> Option<String> {
        let there = |variant: &str| outcomes.iter().any(|(at, _)| at.as_deref() == Some(variant));
        let processes = &self.evidence.entries.processes;
        processes
            .iter()
            .filter(|process| process.worker == call.worker)
            .map(|process| process.variant.as_str())
            .find(|variant| self.steady_target(call, variant) && !there(variant))
            .map(|variant| format!("{variant} was not expected"))
    }

    /// Whether one steady process holds the variant, and the caller can reach it.
    fn steady_target(&self, call: &CallRecord, variant: &str) -> bool {
        let holders = self
            .living(call.made)
            .filter(|(_, process)| process.worker == call.worker && process.variant == variant);
        let holders: Vec<_> = holders.collect();
        let [(id, _)] = holders.as_slice() else { return false };
        *id != call.by && self.is_found(*id, call) && self.reaches(call.by, *id)
    }

    /// Whether whichever instance a balanced call goes to is steady.
    fn all_steady(&self, call: &CallRecord) -> bool {
        let relayed = call.command == "relay";
        let (mut there, mut found) = (0, 0);
        for (id, process) in self.around(call.made) {
            if process.worker != call.worker || id == call.by {
                continue;
            }
            if self.is_disturbed(process) || !self.reaches(call.by, id) {
                return false;
            }
            there += 1;
            found += usize::from(self.is_found(id, call));
        }
        // `relay` goes on to yet another, which its instance must have found as well.
        let goes_on = found == there && found > 1 && self.window.cut.is_empty();
        if relayed { goes_on } else { found > 0 }
    }

    /// Whether a process has been ready for long enough when the call was made, and stays.
    fn is_found(&self, id: ProcessId, call: &CallRecord) -> bool {
        let process = self.evidence.process(id);
        let ready = process.ready.is_some_and(|ready| ready + FOUND_WITHIN <= call.made);
        let stays = process.leaving.is_none_or(|at| at > call.made + call.deadline);
        // Of two that claim a name the mesh knows one.
        let claims =
            |other: &Process| other.worker == process.worker && other.variant == process.variant;
        let is_alone = self.living(call.made).filter(|(_, other)| claims(other)).count() == 1;
        ready && stays && is_alone && !self.is_disturbed(process)
    }

    /// Something happens to it in this window; its death, too, unless it said goodbye.
    fn is_disturbed(&self, process: &Process) -> bool {
        let Window { from, until, disturbed, .. } = self.window;
        let dies = process
            .ended
            .is_some_and(|at| at + NOTICED_WITHIN > *from && at < *until + NOTICED_WITHIN);
        disturbed.contains(&process.host) || (dies && process.leaving.is_none())
    }

    fn reaches(&self, a: ProcessId, b: ProcessId) -> bool {
        let (a, b) = (&self.evidence.process(a).host, &self.evidence.process(b).host);
        !self.window.cut.iter().any(|(x, y)| (x == a && y == b) || (x == b && y == a))
    }

    fn living(&self, at: Duration) -> impl Iterator<Item = (ProcessId, &Process)> {
        let lives = move |process: &Process| {
            process.started <= at && process.ended.is_none_or(|ended| ended > at)
        };
        self.numbered().filter(move |(_, process)| lives(process))
    }

    /// Who lives, or died so lately that others may not know.
    fn around(&self, at: Duration) -> impl Iterator<Item = (ProcessId, &Process)> {
        let lives = move |process: &Process| {
            process.started <= at && process.ended.is_none_or(|ended| ended + NOTICED_WITHIN > at)
        };
        self.numbered().filter(move |(_, process)| lives(process))
    }

    fn numbered(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        let processes = self.evidence.entries.processes.iter().enumerate();
        processes.map(|(number, process)| (ProcessId(number as u32), process))
    }
}

/// What is wrong with the outcome of a call that nothing disturbed.
fn wrong(call: &CallRecord, outcome: &Outcome, caller: &Process) -> Option<String> {
    let is_right = match expected(call, caller) {
        Some(Expected::Answer) => matches!(outcome, Outcome::Answered(_)),
        Some(Expected::Failure(code)) => matches!(outcome, Outcome::Failed(it) if it == code),
        Some(Expected::Deadline) => *outcome == Outcome::Unknown(UnknownCause::Deadline),
        Some(Expected::Refusal) => *outcome == Outcome::NotExecuted(NotExecuted::NotAllowed),
        None => !is_of_a_fault(outcome),
    };
    (!is_right).then(|| format!("ended with {outcome:?}"))
}

enum Expected {
    Answer,
    Failure(&'static str),
    Deadline,
    Refusal,
}

/// How the call must end; `None` if it depends on what else is going on.
fn expected(call: &CallRecord, caller: &Process) -> Option<Expected> {
    if caller.worker == "front" && (call.command == "inner" || call.worker == "front") {
        return Some(Expected::Refusal);
    }
    if !call.answers {
        return Some(Expected::Answer);
    }
    if call.command == "narrow" || call.deadline < AMPLE {
        return None;
    }
    Some(match call.act {
        Act::Wait(ms) if Duration::from_millis(ms) > call.deadline => Expected::Deadline,
        Act::Answer | Act::Wait(_) => Expected::Answer,
        Act::Fail => Expected::Failure("no"),
        Act::Panic => Expected::Failure("panic"),
    })
}

/// An outcome that only a fault brings about.
fn is_of_a_fault(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(_) | Outcome::Failed(_) => false,
        Outcome::Unknown(cause) => *cause != UnknownCause::Deadline,
        Outcome::NotExecuted(reason) => !matches!(
            reason,
            NotExecuted::Overloaded { .. } | NotExecuted::Deadline | NotExecuted::NotAllowed
        ),
    }
}

/// Whoever lives in the end is a member that takes calls.
fn check_members(evidence: &Evidence<'_>, out: &mut Vec<Violation>) {
    let none = (Duration::ZERO, Vec::new());
    let (asked, known) = evidence.entries.members.last().unwrap_or(&none);
    let living = evidence.entries.processes.iter().filter(|process| process.ended.is_none());
    for process in living {
        let key = format!("{}/{} ", process.worker, process.variant);
        if !known.iter().any(|line| line.starts_with(&key) && line.ends_with(" ready")) {
            let (host, at) = (&process.host, seconds(*asked));
            let text = format!("{host} is not ready for the master, which at {at} knew {known:?}");
            out.push(Violation { rule: WELL_AGAIN, text });
        }
    }
}

fn check_notices(evidence: &Evidence<'_>, notices: &Notices, out: &mut Vec<Violation>) {
    let Notices { host, peer, from, until } = notices;
    let mut changes = evidence.entries.links.iter().filter(|change| {
        evidence.process(change.by).host == *host && change.peer == *peer && !change.connected
    });
    if !changes.any(|change| (*from..=*until).contains(&change.at)) {
        let text = format!(
            "{host} did not notice between {} and {} that its link to {peer} is dead",
            seconds(*from),
            seconds(*until)
        );
        out.push(Violation { rule: NOTICED, text });
    }
}
