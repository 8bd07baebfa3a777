use super::*;

fn job(number: u32) -> JobId {
    JobId([number as u8; 16])
}

fn receipt(number: u32, answer: Answer, unix_ms: u64) -> Receipt {
    Receipt { number, unix_ms, answer, job: Some(job(number)) }
}

fn run(number: u32, job: JobId) -> Run {
    Run { number, attempt: 1, instance: "runner-1#1".to_owned(), job }
}

/// Two jobs, each acknowledged and run once.
fn good() -> Evidence {
    Evidence {
        jobs: 2,
        receipts: (0..2).map(|n| receipt(n, Answer::Stored, 10_000)).collect(),
        runs: (0..2).map(|n| run(n, job(n))).collect(),
        left: Some(Left::default()),
        ..Evidence::default()
    }
}

fn violations(evidence: &Evidence, fsync: Fsync) -> Vec<String> {
    evidence.judge(fsync).violations
}

#[test]
fn a_good_run_breaks_nothing() {
    let verdict = good().judge(Fsync::Always);
    assert_eq!(verdict.violations, [""; 0]);
    assert_eq!((verdict.acknowledged, verdict.ran, verdict.ran_twice), (2, 2, 0));
}

#[test]
fn running_twice_is_told_and_no_violation() {
    let mut evidence = good();
    evidence.runs.extend([run(1, job(1)), run(1, job(1))]);
    let verdict = evidence.judge(Fsync::Always);
    assert_eq!(verdict.violations, [""; 0]);
    assert_eq!((verdict.ran_twice, verdict.runs_again), (1, 2));
}

#[test]
fn a_job_that_was_stored_twice_is_a_violation() {
    let mut evidence = good();
    evidence.runs.push(run(0, job(77)));
    assert_eq!(violations(&evidence, Fsync::Always), ["1 jobs ran under two ids, such as [0]"]);
}

#[test]
fn what_was_acknowledged_must_have_run_under_its_id() {
    let mut evidence = good();
    evidence.runs[1].job = job(9);
    let told = violations(&evidence, Fsync::Always);
    assert_eq!(told, ["1 jobs acknowledged, but never ran, such as [1]"]);
}

#[test]
fn a_server_that_syncs_each_second_may_lose_what_it_said_just_before_it_died() {
    let mut evidence = good();
    evidence.runs.pop();
    evidence.redis_kills_ms = vec![12_000];
    assert_eq!(violations(&evidence, Fsync::Always).len(), 1);
    let verdict = evidence.judge(Fsync::Everysec);
    assert_eq!((verdict.violations.len(), verdict.lost_in_window), (0, 1));
    for kill in [9999, 12_001] {
        evidence.redis_kills_ms = vec![kill];
        assert_eq!(violations(&evidence, Fsync::Everysec).len(), 1, "{kill}");
    }
}

#[test]
fn a_refusal_that_ran_is_a_lie() {
    let mut evidence = good();
    let refused = Receipt { job: Some(job(50)), ..receipt(1, Answer::NotExecuted, 9000) };
    evidence.receipts.push(refused);
    assert_eq!(violations(&evidence, Fsync::Always), [""; 0]);
    evidence.runs.push(run(1, job(50)));
    let told = violations(&evidence, Fsync::Always);
    let lie = "1 jobs ran, though said not to be stored, such as [1]";
    assert_eq!(told, [lie, "1 jobs ran under two ids, such as [1]"]);
}

#[test]
fn jobs_that_nobody_stored_or_acknowledged_are_named() {
    let mut evidence = good();
    evidence.receipts[0].answer = Answer::Unknown;
    evidence.runs.push(run(2, job(2)));
    evidence.malformed = 1;
    let told = violations(&evidence, Fsync::Always);
    let expected = [
        "1 jobs never acknowledged, such as [0]",
        "1 jobs ran, but nobody enqueued it, such as [2]",
        "1 lines are no records",
    ];
    assert_eq!(told, expected);
}

#[test]
fn nothing_may_be_left() {
    let mut evidence = good();
    evidence.left = Some(Left { depth: 1, scheduled: 2, leased: 3, dead: 4 });
    let told = violations(&evidence, Fsync::Always);
    let expected =
        ["jobs are stuck: 1 wait, 2 wait for their time, 3 are leased", "4 jobs are dead letters"];
    assert_eq!(told, expected);
    evidence.left = None;
    assert_eq!(violations(&evidence, Fsync::Always).len(), 1);
}
