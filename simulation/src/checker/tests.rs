//! Journals with one thing wrong, and a journal with nothing wrong.

use std::time::Duration;

use meshwork_shared::ids::Incarnation;
use meshwork_worker::{NotExecuted, UnknownCause};

use super::{Violation, check};
use crate::journal::{
    Aim, CallEnd, CallRecord, Entries, Execution, HandlerEnd, Outcome, Process, ProcessId,
};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::tasks::{Act, Done, Token};

const FRONT: ProcessId = ProcessId(0);
const STORE: ProcessId = ProcessId(1);
const TOKEN: Token = Token(1);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn plan() -> Plan {
    let mut plan = Scenario::find("join-and-call").expect("it is in the list").plan(1);
    plan.windows.clear();
    plan
}

fn process(host: &str, worker: &'static str) -> Process {
    Process {
        host: host.to_owned(),
        worker,
        variant: host.to_owned(),
        started: at(0),
        ready: Some(at(1)),
        leaving: None,
        ended: None,
    }
}

fn call(end: CallEnd) -> CallRecord {
    CallRecord {
        by: FRONT,
        worker: "store",
        command: "work",
        act: Act::Answer,
        aim: Aim::Balanced,
        idempotent: false,
        answers: true,
        made: at(2),
        deadline: at(2),
        end,
    }
}

fn over(outcome: Outcome) -> CallEnd {
    CallEnd::Over { at: at(2), took: Duration::ZERO, outcomes: vec![(None, outcome)] }
}

fn answered() -> Outcome {
    Outcome::Answered(Some(Done { token: TOKEN, process: STORE.0 }))
}

fn run(by: ProcessId, end: HandlerEnd) -> Execution {
    Execution { token: TOKEN, by, incarnation: Incarnation(5), started: at(2), end }
}

/// A front and a store that both live, one call, and what ran of it.
fn journal(call: CallRecord, executions: Vec<Execution>) -> Entries {
    let known = ["front/front-1 4 ready", "store/store-1 5 ready"].map(str::to_owned);
    Entries {
        processes: vec![process("front-1", "front"), process("store-1", "store")],
        calls: [(TOKEN, call)].into(),
        executions,
        members: vec![(at(30), known.to_vec())],
        ..Entries::default()
    }
}

fn rules(entries: &Entries) -> Vec<&'static str> {
    check(&plan(), entries).iter().map(|violation| violation.rule).collect()
}

fn assert_lie(call: CallRecord, executions: Vec<Execution>) {
    assert_eq!(rules(&journal(call, executions)), ["outcomes are honest"]);
}

#[test]
fn an_honest_journal_is_in_order() {
    let ran = vec![run(STORE, HandlerEnd::Answered)];
    let violations = check(&plan(), &journal(call(over(answered())), ran));
    assert_eq!(violations, Vec::<Violation>::new());
    let unknown = call(over(Outcome::Unknown(UnknownCause::LinkLost)));
    assert!(rules(&journal(unknown.clone(), vec![])).is_empty());
    assert!(rules(&journal(unknown, vec![run(STORE, HandlerEnd::Dropped)])).is_empty());
}

#[test]
fn what_ran_was_not_not_executed() {
    let refused = call(over(Outcome::NotExecuted(NotExecuted::LinkLost)));
    assert!(rules(&journal(refused.clone(), vec![])).is_empty());
    assert_lie(refused, vec![run(STORE, HandlerEnd::Dropped)]);
}

#[test]
fn an_answer_needs_a_handler_that_gave_it() {
    assert_lie(call(over(answered())), vec![]);
    assert_lie(call(over(answered())), vec![run(STORE, HandlerEnd::Failed)]);
    let of_another = Outcome::Answered(Some(Done { token: Token(9), process: STORE.0 }));
    assert_lie(call(over(of_another)), vec![run(STORE, HandlerEnd::Answered)]);
    let failed = Outcome::Failed("no".to_owned());
    assert_lie(call(over(failed)), vec![run(STORE, HandlerEnd::Panicked)]);
}

#[test]
fn nothing_runs_twice_that_may_not() {
    let twice = vec![run(STORE, HandlerEnd::Dropped), run(STORE, HandlerEnd::Answered)];
    assert_lie(call(over(answered())), twice.clone());
    let idempotent = CallRecord { idempotent: true, ..call(over(answered())) };
    assert!(rules(&journal(idempotent, twice)).is_empty());
}

#[test]
fn a_direct_call_runs_where_it_was_meant_to() {
    let aim = Aim::Direct("store-2".to_owned());
    let strayed = CallRecord { aim, ..call(over(answered())) };
    assert_lie(strayed, vec![run(STORE, HandlerEnd::Answered)]);
}

#[test]
fn a_call_that_never_ends_or_ends_late_is_found() {
    let ran = || vec![run(STORE, HandlerEnd::Answered)];
    assert_eq!(rules(&journal(call(CallEnd::Open), ran())), ["calls end in time"]);
    let outcomes = vec![(None, answered())];
    let late = CallEnd::Over { at: at(5), took: Duration::from_millis(2100), outcomes };
    assert_eq!(rules(&journal(call(late), ran())), ["calls end in time"]);
    assert!(rules(&journal(call(CallEnd::Abandoned), ran())).is_empty());
}

#[test]
fn a_caller_that_goes_back_to_an_older_incarnation_is_found() {
    let mut entries = journal(call(over(answered())), vec![run(STORE, HandlerEnd::Answered)]);
    let token = Token(2);
    let later = CallRecord { made: at(3), ..call(over(Outcome::Unknown(UnknownCause::Deadline))) };
    entries.calls.insert(token, later);
    let back = Execution { token, incarnation: Incarnation(4), ..run(STORE, HandlerEnd::Dropped) };
    entries.executions.push(back);
    assert_eq!(rules(&entries), ["one incarnation of a variant"]);
}

#[test]
fn in_the_end_calls_must_work_and_members_be_known() {
    let made = plan().probes_from() + at(1);
    let end =
        |outcome| CallEnd::Over { at: made, took: Duration::ZERO, outcomes: vec![(None, outcome)] };
    let lost = end(Outcome::NotExecuted(NotExecuted::NoInstance));
    let call = CallRecord { made, ..call(lost) };
    assert_eq!(rules(&journal(call.clone(), vec![])), ["in the end all is well"]);
    let mut entries = journal(CallRecord { made: at(2), ..call }, vec![]);
    assert!(rules(&entries).is_empty(), "earlier there was none");
    entries.members[0].1.pop();
    assert_eq!(rules(&entries), ["in the end all is well"]);
}
