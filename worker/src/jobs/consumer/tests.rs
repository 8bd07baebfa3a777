//! The consumer in virtual time.

use bytes::Bytes;
use meshwork_queue::NewJob;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use proptest::prelude::*;

use super::*;

const LEASE: Duration = Duration::from_secs(30);

fn lease(number: u8) -> Lease {
    let id = JobId([number; 16]);
    let (caller, variant) = ("shop".parse().unwrap(), "pod-1".parse().unwrap());
    let job = NewJob::new(id, caller, variant, Codec::Json, Bytes::from_static(b"1"));
    let run_timeout = Duration::from_secs(60);
    Lease { id, attempt: 1, is_last: false, enqueued_unix_ms: 0, run_timeout, job }
}

fn token(number: u8) -> LeaseToken {
    lease(number).token()
}

fn started(effects: &[Effect]) -> Vec<LeaseToken> {
    let start = |effect: &Effect| match effect {
        Effect::Start(lease) => Some(lease.token()),
        _ => None,
    };
    effects.iter().filter_map(start).collect()
}

#[test]
fn it_asks_for_as_many_as_could_start_and_ahead_only_after_a_short_run() {
    let now = Instant::now();
    let mut consumer = Consumer::new(4, LEASE, now);
    assert_eq!(consumer.handle(Input::Free(2), now), [Effect::Ask(2)]);
    assert_eq!(consumer.handle(Input::Free(2), now), [], "one question at a time");
    consumer.handle(Input::Leased(vec![lease(1), lease(2)]), now);
    assert_eq!(started(&consumer.handle(Input::Free(2), now)), [token(1), token(2)]);
    assert_eq!(consumer.handle(Input::Free(0), now), [], "nothing ahead before it is known");
    assert!(consumer.wants_slot());
    consumer.handle(Input::Over(token(1)), now + SHORT_RUN / 2);
    assert_eq!(consumer.handle(Input::Free(1), now), [Effect::Ask(5)]);
}

#[test]
fn a_long_run_holds_nobody_back() {
    let now = Instant::now();
    let mut consumer = Consumer::new(2, LEASE, now);
    consumer.handle(Input::Free(2), now);
    consumer.handle(Input::Leased(vec![lease(1), lease(2)]), now);
    consumer.handle(Input::Free(2), now);
    for number in 3..50 {
        consumer.handle(Input::Over(token(number - 1)), now);
        consumer.handle(Input::Free(1), now);
        consumer.handle(Input::Leased(vec![lease(number)]), now);
        let effects = consumer.handle(Input::Free(1), now);
        assert_eq!(started(&effects), [token(number)], "the slot is refilled");
    }
    assert_eq!(consumer.runs.len(), 2);
}

#[test]
fn what_was_fetched_ahead_in_vain_is_handed_back() {
    let now = Instant::now();
    let mut consumer = Consumer::new(2, LEASE, now);
    consumer.is_quick = true;
    assert_eq!(consumer.handle(Input::Free(1), now), [Effect::Ask(3)]);
    consumer.handle(Input::Leased(vec![lease(1), lease(2), lease(3)]), now);
    assert_eq!(started(&consumer.handle(Input::Free(1), now)), [token(1)]);
    let due = consumer.due().unwrap();
    assert_eq!(due, now + AHEAD_WAIT_MAX);
    assert_eq!(consumer.handle(Input::Tick, due), [Effect::Release(vec![token(2), token(3)])]);
    assert_eq!(consumer.handle(Input::Free(0), due), [], "and no more are fetched ahead");
}

#[test]
fn leases_are_renewed_together_at_a_third() {
    let now = Instant::now();
    let mut consumer = Consumer::new(0, LEASE, now);
    consumer.handle(Input::Free(2), now);
    consumer.handle(Input::Leased(vec![lease(1), lease(2)]), now);
    consumer.handle(Input::Free(2), now);
    let due = consumer.due().unwrap();
    assert_eq!(due, now + LEASE / 3);
    assert_eq!(consumer.handle(Input::Tick, now + LEASE / 4), []);
    assert_eq!(consumer.handle(Input::Tick, due), [Effect::Renew(vec![token(1), token(2)])]);
    assert_eq!(consumer.due(), None, "one renewal at a time");
    let answers = vec![(token(1), Err(FinishError::LeaseLost)), (token(2), Ok(()))];
    let effects = consumer.handle(Input::Renewed(answers), due);
    assert_eq!(effects, [Effect::Cancel(token(1))]);
    consumer.handle(Input::Over(token(1)), due);
    assert_eq!(consumer.due(), Some(due + LEASE / 3));
    let away = FinishError::Unavailable { message: String::new() };
    consumer.handle(Input::Tick, due + LEASE / 3);
    let later = due + LEASE / 3;
    assert_eq!(consumer.handle(Input::Renewed(vec![(token(2), Err(away))]), later), []);
    assert_eq!(
        consumer.due(),
        Some(later + LEASE / 12),
        "a store that is away is asked soon again"
    );
    assert_eq!(consumer.runs.len(), 1, "and the run goes on");
}

#[test]
fn a_drain_hands_back_what_is_not_begun() {
    let now = Instant::now();
    let mut consumer = Consumer::new(2, LEASE, now);
    consumer.is_quick = true;
    consumer.handle(Input::Free(1), now);
    consumer.handle(Input::Leased(vec![lease(1), lease(2)]), now);
    assert!(matches!(consumer.handle(Input::Free(1), now)[..], [Effect::Start(_), Effect::Ask(1)]));
    let effects = consumer.handle(Input::Drain, now);
    assert_eq!(effects, [Effect::StopAsking, Effect::Release(vec![token(2)])]);
    assert_eq!(
        consumer.handle(Input::Leased(vec![lease(3)]), now),
        [Effect::Release(vec![token(3)])]
    );
    assert_eq!(consumer.handle(Input::Free(1), now), []);
    assert!(!consumer.is_idle());
    consumer.handle(Input::Over(token(1)), now);
    assert!(consumer.is_idle());
}

#[derive(Clone, Debug)]
enum Step {
    Free(usize),
    Leased(usize),
    Over,
    Renewed(bool),
    Wait(u64),
    Drain,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_usize).prop_map(Step::Free),
        4 => (1..6_usize).prop_map(Step::Leased),
        3 => Just(Step::Over),
        1 => any::<bool>().prop_map(Step::Renewed),
        3 => (0..20_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Drain),
    ];
    prop::collection::vec(step, 0..200)
}

/// What a consumer was given and said, kept apart from it.
#[derive(Default)]
struct World {
    next: u8,
    asked: Option<usize>,
    held: Vec<LeaseToken>,
    running: Vec<LeaseToken>,
    renewing: Option<Vec<LeaseToken>>,
    drains: bool,
}

impl World {
    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(max) => {
                    assert!(!self.drains && max > 0 && self.asked.is_none());
                    self.asked = Some(max);
                }
                Effect::StopAsking => self.asked = None,
                Effect::Start(lease) => {
                    assert_eq!(self.held.remove(0), lease.token(), "in order");
                    self.running.push(lease.token());
                }
                Effect::Renew(tokens) => {
                    assert_eq!(tokens.len(), self.held.len() + self.running.len());
                    assert!(self.renewing.replace(tokens).is_none());
                }
                Effect::Release(tokens) => {
                    assert_eq!(std::mem::take(&mut self.held), tokens);
                }
                Effect::Cancel(token) => assert!(self.running.contains(&token)),
            }
        }
    }
}

proptest! {
    /// Each job that was leased is held, runs, or was handed back; none is started twice.
    #[test]
    fn no_job_gets_lost(steps in steps()) {
        let mut now = Instant::now();
        let (mut consumer, mut world) = (Consumer::new(3, LEASE, now), World::default());
        for step in steps {
            let input = match step {
                Step::Free(free) => Input::Free(free),
                Step::Leased(count) => {
                    let Some(max) = world.asked.take() else { continue };
                    let first = world.next;
                    let count = count.min(max) as u8;
                    let leases: Vec<_> =
                        (0..count).map(|step| lease(first.wrapping_add(step))).collect();
                    world.next = world.next.wrapping_add(leases.len() as u8);
                    world.held.extend(leases.iter().map(Lease::token));
                    Input::Leased(leases)
                }
                Step::Over => {
                    let Some(token) = world.running.pop() else { continue };
                    Input::Over(token)
                }
                Step::Renewed(ok) => {
                    let Some(tokens) = world.renewing.take() else { continue };
                    if !ok {
                        world.held.retain(|held| !tokens.contains(held));
                    }
                    let answer = || if ok { Ok(()) } else { Err(FinishError::LeaseLost) };
                    Input::Renewed(tokens.into_iter().map(|token| (token, answer())).collect())
                }
                Step::Wait(ms) => {
                    now += Duration::from_millis(ms);
                    Input::Tick
                }
                Step::Drain => {
                    world.drains = true;
                    Input::Drain
                }
            };
            let effects = consumer.handle(input, now);
            world.apply(effects);
            prop_assert_eq!(consumer.runs.len(), world.running.len());
            prop_assert_eq!(consumer.held.len(), world.held.len());
        }
    }
}
