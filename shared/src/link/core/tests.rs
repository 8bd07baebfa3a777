use std::time::Duration;

use super::*;
use crate::link::message::CommandRef;
use crate::outcome::Failure as HandlerFailure;

/// Two ends that hand each other their frames in the clear.
struct Pair {
    a: LinkCore<u32>,
    b: LinkCore<u32>,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        Self::with(&Limits::default())
    }

    fn with(limits: &Limits) -> Self {
        let now = Instant::now();
        let end = || LinkCore::new(limits, limits.frame_bytes_max, now);
        Self { a: end(), b: end(), now }
    }

    fn request(&self, body: Vec<u8>) -> Request {
        Request {
            command: CommandRef::Number(3),
            body: Body::raw(body),
            deadline: self.now + Duration::from_secs(10),
            trace: None,
            attempt: None,
            wants_reply: true,
        }
    }

    /// Moves frames both ways until none is left; events of `a` and of `b`.
    fn settle(&mut self) -> (Vec<Event<u32>>, Vec<Event<u32>>) {
        let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
        loop {
            let mut moved = false;
            moved |= deliver(&mut self.a, &mut self.b, self.now, &mut at_b);
            moved |= deliver(&mut self.b, &mut self.a, self.now, &mut at_a);
            if !moved {
                return (at_a, at_b);
            }
        }
    }
}

fn deliver(
    from: &mut LinkCore<u32>,
    to: &mut LinkCore<u32>,
    now: Instant,
    events: &mut Vec<Event<u32>>,
) -> bool {
    from.pump(1 << 20);
    let mut moved = false;
    while let Some(frame) = from.take_frame() {
        let plain = Bytes::copy_from_slice(&frame.bytes[4..]);
        to.handle_frame(plain, now, events).unwrap();
        from.recycle(frame.bytes);
        moved = true;
    }
    moved
}

fn inbound(events: Vec<Event<u32>>) -> Vec<InboundCall> {
    let calls = |event| match event {
        Event::Call(call) => Some(call),
        _ => None,
    };
    events.into_iter().filter_map(calls).collect()
}

fn results(events: Vec<Event<u32>>) -> Vec<(u32, Result<Body, CallError>)> {
    let completed = |event| match event {
        Event::Completed { token, result } => Some((token, result)),
        _ => None,
    };
    events.into_iter().filter_map(completed).collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_once() {
    let mut pair = Pair::new();
    pair.a.call(&pair.request(b"ping".to_vec()), 7, pair.now).unwrap();
    let calls = inbound(pair.settle().1);
    assert_eq!(calls.len(), 1);
    assert_eq!(&calls[0].body.bytes[..], b"ping");
    assert_eq!(calls[0].command, CommandRef::Number(3));
    assert_eq!(calls[0].deadline, pair.now + Duration::from_secs(10));
    pair.b.answer(calls[0].id, Ok(Body::raw(&b"pong"[..])));
    pair.b.answer(calls[0].id, Ok(Body::raw(&b"again"[..])));
    assert_eq!(results(pair.settle().0), [(7, Ok(Body::raw(&b"pong"[..])))]);
    assert_eq!((pair.a.in_flight(), pair.b.unanswered()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_arrives_as_it_was_said() {
    let mut pair = Pair::new();
    pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let call = inbound(pair.settle().1).remove(0);
    let failure = HandlerFailure::new("no_such_picture", "there is none")
        .with_details(serde_json::json!({"n": 1}));
    pair.b.answer(call.id, Err(failure.into()));
    let results = results(pair.settle().0);
    let Err(CallError::Failed { code, details, .. }) = &results[0].1 else { panic!() };
    assert_eq!(code, "no_such_picture");
    assert_eq!(details, &Some(serde_json::json!({"n": 1})));
}

#[tokio::test(start_paused = true)]
async fn large_messages_travel_both_ways_between_small_ones() {
    let mut pair = Pair::new();
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| n as u8).collect();
    pair.a.call(&pair.request(large.clone()), 1, pair.now).unwrap();
    pair.a.call(&pair.request(b"small".to_vec()), 2, pair.now).unwrap();
    let calls = inbound(pair.settle().1);
    assert_eq!(&calls[0].body.bytes[..], b"small", "the small call does not wait");
    assert_eq!(calls[1].body.bytes, large);
    pair.b.answer(calls[1].id, Ok(Body::raw(large.clone())));
    pair.b.answer(calls[0].id, Ok(Body::empty()));
    let results = results(pair.settle().0);
    assert_eq!(results[0].0, 2);
    assert_eq!(results[1], (1, Ok(Body::raw(large))));
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_receivers_limit_is_refused_and_the_link_lives() {
    let mut pair = Pair::new();
    pair.b = LinkCore::new(
        &Limits { message_bytes_max: 100_000, ..Limits::default() },
        256 << 10,
        pair.now,
    );
    pair.a.call(&pair.request(vec![0; 200_000]), 1, pair.now).unwrap();
    let refused = results(pair.settle().0);
    let reason = NotExecuted::TooLarge { bytes: 200_000, limit: 100_000 };
    assert_eq!(refused, [(1, Err(CallError::not_executed(reason)))]);
    assert!(!pair.a.has_pieces());
    let over = pair.request(vec![0; (8 << 20) + 1]);
    assert!(pair.a.call(&over, 2, pair.now).is_err(), "its own limit is checked first");
    pair.a.call(&pair.request(vec![1]), 3, pair.now).unwrap();
    assert_eq!(inbound(pair.settle().1).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_callers_limit_is_unknown() {
    let mut pair = Pair::new();
    pair.a = LinkCore::new(
        &Limits { message_bytes_max: 100_000, ..Limits::default() },
        256 << 10,
        pair.now,
    );
    pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let call = inbound(pair.settle().1).remove(0);
    pair.b.answer(call.id, Ok(Body::raw(vec![0; 200_000])));
    let results = results(pair.settle().0);
    assert!(matches!(
        &results[0].1,
        Err(CallError::Unknown { cause: UnknownCause::BadReply { .. }, .. })
    ));
    assert!(!pair.b.has_pieces(), "the peer was told to send no more");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_call_and_the_peer_is_told() {
    let mut pair = Pair::new();
    pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let id = inbound(pair.settle().1)[0].id;
    pair.now += Duration::from_secs(10);
    let mut events = Vec::new();
    pair.a.tick(pair.now, &mut events).unwrap();
    let expected = CallError::Unknown { call_id: id, cause: UnknownCause::Deadline };
    assert_eq!(results(events), [(1, Err(expected))]);
    let told = pair.settle().1;
    assert!(matches!(told[..], [Event::Cancelled(cancelled)] if cancelled == id));
    pair.b.answer(id, Ok(Body::empty()));
    assert!(pair.settle().0.is_empty(), "the late answer is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_large_call_cut_off_by_its_deadline_never_runs() {
    let mut pair = Pair::new();
    pair.a.call(&pair.request(vec![0; 1 << 20]), 1, pair.now).unwrap();
    let mut events = Vec::new();
    let mut at_b = Vec::new();
    deliver(&mut pair.a, &mut pair.b, pair.now, &mut at_b);
    pair.now += Duration::from_secs(10);
    pair.a.tick(pair.now, &mut events).unwrap();
    let expected = CallError::not_executed(NotExecuted::Deadline);
    assert_eq!(results(events), [(1, Err(expected))]);
    assert!(inbound(pair.settle().1).is_empty());
    assert_eq!(pair.b.assembly.len(), 0, "the peer freed its memory");
}

#[tokio::test(start_paused = true)]
async fn link_loss_tells_what_was_sent_from_what_was_not() {
    let mut pair = Pair::new();
    let sent = pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let frame = pair.a.take_frame().unwrap();
    pair.a.call(&pair.request(vec![]), 2, pair.now).unwrap();
    pair.a.call(&pair.request(vec![0; 1 << 20]), 3, pair.now).unwrap();
    let mut events = Vec::new();
    pair.a.end(frame.sequence, &mut events);
    let unknown = CallError::Unknown { call_id: sent, cause: UnknownCause::LinkLost };
    let not = CallError::not_executed(NotExecuted::LinkLost);
    assert_eq!(results(events), [(1, Err(unknown)), (2, Err(not.clone())), (3, Err(not))]);
}

#[tokio::test(start_paused = true)]
async fn a_draining_end_refuses_new_calls() {
    let mut pair = Pair::new();
    pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let running = inbound(pair.settle().1).remove(0);
    pair.b.drain();
    pair.a.call(&pair.request(vec![]), 2, pair.now).unwrap();
    let (at_a, at_b) = pair.settle();
    assert!(!at_b.iter().any(|event| matches!(event, Event::Call(_))));
    assert!(at_a.iter().any(|event| matches!(event, Event::PeerDraining)));
    assert!(at_b.iter().any(|event| matches!(event, Event::DrainSeen)), "a knows");
    let (_, refused) = pair.a.call(&pair.request(vec![]), 3, pair.now).unwrap_err();
    assert_eq!(refused, NotExecuted::Draining, "and writes no more calls");
    assert_eq!(results(at_a), [(2, Err(CallError::not_executed(NotExecuted::Draining)))]);
    pair.b.answer(running.id, Ok(Body::empty()));
    assert_eq!(results(pair.settle().0), [(1, Ok(Body::empty()))]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_drains_is_told_once() {
    let mut pair = Pair::new();
    (0..10_000).for_each(|_| pair.b.write_bare(RecordType::Drain, CallId(0)));
    let told = pair.settle().0;
    assert!(matches!(told[..], [Event::PeerDraining]), "{} events", told.len());
}

#[tokio::test(start_paused = true)]
async fn who_refuses_a_large_cast_says_so_and_its_sender_lets_go_of_it() {
    let mut pair = Pair::new();
    pair.b.drain();
    let large = Request { wants_reply: false, ..pair.request(vec![1; 1 << 20]) };
    pair.a.cast(&large, pair.now).unwrap();
    assert_eq!(pair.a.unwritten_bytes(Role::Request), 1 << 20);
    assert!(results(pair.settle().0).is_empty());
    assert_eq!(pair.a.unwritten_bytes(Role::Request), 0);
}

#[tokio::test(start_paused = true)]
async fn an_opening_with_a_body_breaks_the_rules() {
    let mut pair = Pair::new();
    let mut opening = Record::bare(RecordType::Call, CallId(1));
    opening.extension.total_bytes = Some(1 << 20);
    opening.body = Bytes::from_static(b"beside it");
    pair.a.write(&opening);
    let plain = Bytes::copy_from_slice(&pair.a.take_frame().unwrap().bytes[4..]);
    let broken = pair.b.handle_frame(plain, pair.now, &mut Vec::new());
    assert_eq!(broken, Err(Violation::Order("bad large message")));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_on_does_not_keep_memory_for_what_it_never_sends() {
    let mut pair = Pair::new();
    let id = pair.a.call(&pair.request(vec![0; 1 << 20]), 1, pair.now).unwrap();
    // Only its opening reaches the peer.
    let opening = pair.a.take_frame().unwrap();
    let plain = Bytes::copy_from_slice(&opening.bytes[4..]);
    pair.b.handle_frame(plain, pair.now, &mut Vec::new()).unwrap();
    for _ in 0..100 {
        pair.now += Duration::from_secs(1);
        pair.a.write_bare(RecordType::Pong, CallId(7));
        let words = pair.a.take_frame().unwrap();
        let plain = Bytes::copy_from_slice(&words.bytes[4..]);
        pair.b.handle_frame(plain, pair.now, &mut Vec::new()).unwrap();
        pair.b.tick(pair.now, &mut Vec::new()).unwrap();
    }
    assert_eq!(pair.b.assembly.len(), 0, "its memory is free");
    let refused = results(pair.settle().0);
    let quiet = NotExecuted::overloaded("large messages whose pieces do not come");
    assert_eq!(refused, [(1, Err(CallError::not_executed(quiet)))], "{id}");
}

#[tokio::test(start_paused = true)]
async fn both_ends_bound_the_calls_in_flight() {
    let mut pair = Pair::with(&Limits { calls_in_flight_max: 2, ..Limits::default() });
    for token in 0..2 {
        pair.a.call(&pair.request(vec![]), token, pair.now).unwrap();
    }
    let (token, refused) = pair.a.call(&pair.request(vec![]), 9, pair.now).unwrap_err();
    assert_eq!(token, 9);
    assert!(matches!(refused, NotExecuted::Overloaded { .. }));
    pair.settle();
    let mut events = Vec::new();
    pair.a.pending.drain().for_each(drop);
    pair.a.call(&pair.request(vec![]), 3, pair.now).unwrap();
    deliver(&mut pair.a, &mut pair.b, pair.now, &mut events);
    assert!(inbound(events).is_empty(), "the callee has its own bound");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_withdrawn() {
    let mut pair = Pair::new();
    let id = pair.a.call(&pair.request(vec![]), 5, pair.now).unwrap();
    pair.settle();
    assert_eq!(pair.a.cancel(id), Some(5));
    assert_eq!(pair.a.cancel(id), None);
    assert!(matches!(pair.settle().1[..], [Event::Cancelled(_)]));
}

#[tokio::test(start_paused = true)]
async fn close_is_the_last_thing_read() {
    let mut pair = Pair::new();
    pair.a.close(CloseCode::Denied, &"é".repeat(200));
    pair.a.call(&pair.request(vec![]), 1, pair.now).unwrap();
    let events = pair.settle().1;
    let [Event::Closed { code, text }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*code, CloseCode::Denied.wire());
    assert_eq!(text.len(), 256);
}

#[tokio::test(start_paused = true)]
async fn large_answers_that_the_peer_does_not_take_have_an_end() {
    const MIB: usize = 1 << 20;
    let mut pair = Pair::with(&Limits { write_bytes_max: 2 * MIB, ..Limits::default() });
    for token in 0..10 {
        pair.a.call(&pair.request(vec![]), token, pair.now).unwrap();
    }
    let calls = inbound(pair.settle().1);
    let (last, first) = calls.split_last().unwrap();
    for (n, call) in first.iter().enumerate() {
        pair.b.answer(call.id, Ok(Body::raw(vec![0; MIB])));
        assert!(pair.b.unwritten_bytes(Role::Response) <= 4 * MIB);
        assert_eq!(pair.b.owes_too_much(), n >= 2, "from then on no more is begun");
    }
    // An error may be long, too, and says no less of what ran.
    let never = NotExecuted::ArgumentRefused { message: "x".repeat(MIB) };
    pair.b.answer(last.id, Err(never.into()));
    assert_eq!(pair.b.unwritten_bytes(Role::Response), 4 * MIB);
    let mut over = [0; 3];
    for (token, result) in results(pair.settle().0) {
        match result {
            Ok(_) => over[0] += 1,
            Err(CallError::Failed { code, .. }) if code == "reply_not_taken" => over[1] += 1,
            Err(error) => {
                assert!(error.is_safe_to_retry() && token == 9, "{token}: {error}");
                over[2] += 1;
            }
        }
    }
    assert_eq!(over, [4, 5, 1]);
    assert_eq!(pair.b.unwritten_bytes(Role::Response), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_worked_off_are_bounded_in_bytes() {
    let mut pair = Pair::with(&Limits { queued_bytes_max: 100, ..Limits::default() });
    let ask = |token: u32, bytes: usize, pair: &mut Pair| {
        pair.a.call(&pair.request(vec![0; bytes]), token, pair.now).unwrap();
        let (at_a, at_b) = pair.settle();
        (results(at_a), inbound(at_b).len())
    };
    assert_eq!(ask(1, 1 << 20, &mut pair).1, 1, "one alone may be larger");
    pair.b.keep(60);
    assert_eq!(ask(2, 40, &mut pair).1, 1);
    let reason = NotExecuted::overloaded("bytes of requests under way on the link");
    let refused = Err(CallError::not_executed(reason));
    assert_eq!(ask(3, 41, &mut pair), (vec![(3, refused.clone())], 0));
    assert_eq!(ask(4, 1 << 20, &mut pair), (vec![(4, refused)], 0), "before its first piece");
    assert_eq!(pair.a.unwritten_bytes(Role::Request), 0);
    pair.b.let_go(60);
    assert_eq!(ask(5, 1 << 20, &mut pair).1, 1);
}
