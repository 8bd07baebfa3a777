//! Honest crowds behind one address, and floods beside them: small simulations.

use std::collections::BTreeMap;

use super::*;

/// A crowd whose connections all stand in the listener's queue, and that writes late and slowly.
struct Crowd {
    size: usize,
    /// From connecting to the first message, of the first member.
    first_ms: u64,
    /// First messages a millisecond.
    per_ms: usize,
    /// From the answer to the third message.
    round_trip_ms: u64,
}

/// Runs a crowd to its end; gives how many were linked, evicted, on probation, and when.
fn run(crowd: &Crowd, bench: &mut Bench) -> (usize, usize, usize, u64) {
    let start = bench.now;
    let (mut linked, mut evicted, mut probation) = (0, 0, 0);
    // Member numbers are arrival numbers: the queue is in order.
    let (mut accepted, mut wait_until) = (0, start);
    let mut open = BTreeMap::new();
    let mut finishing: BTreeMap<KnockId, Instant> = BTreeMap::new();
    for ms in 0..60_000 {
        bench.now = start + Duration::from_millis(ms);
        let written = (ms + 1).saturating_sub(crowd.first_ms) as usize * crowd.per_ms;
        let ready: Vec<_> = open.iter().filter(|(_, n)| **n < written).map(|(id, _)| *id).collect();
        for id in ready {
            open.remove(&id);
            let proven = bench.prove(id);
            finishing.insert(id, proven.at + Duration::from_millis(crowd.round_trip_ms));
            evicted += usize::from(proven.evict.is_some());
            wait_until = start;
        }
        let done: Vec<_> =
            finishing.iter().filter(|(_, at)| **at <= bench.now).map(|(id, _)| *id).collect();
        for id in done {
            finishing.remove(&id);
            bench.end(id, Ended::Linked);
            linked += 1;
            wait_until = start;
        }
        while accepted < crowd.size && wait_until <= bench.now {
            match bench.gate.arrive(NAT, bench.now) {
                Arrival::Wait { until } => wait_until = until,
                Arrival::Admitted(admission) => {
                    open.insert(admission.id, accepted);
                    accepted += 1;
                    probation += usize::from(admission.on_probation);
                    if let Some(id) = admission.evict {
                        evicted += 1;
                        open.remove(&id);
                        finishing.remove(&id);
                    }
                }
            }
        }
        if linked + evicted == crowd.size {
            return (linked, evicted, probation, ms);
        }
    }
    panic!("{linked} linked and {evicted} evicted of {}", crowd.size)
}

#[test]
fn a_thousand_that_join_at_once_from_one_address_all_get_in() {
    let crowds = [
        Crowd { size: 1000, first_ms: 0, per_ms: 1000, round_trip_ms: 0 },
        Crowd { size: 1000, first_ms: 0, per_ms: 1, round_trip_ms: 1 },
        Crowd { size: 1000, first_ms: 200, per_ms: 2, round_trip_ms: 20 },
        Crowd { size: 1000, first_ms: 50, per_ms: 50, round_trip_ms: 300 },
    ];
    for crowd in &crowds {
        let mut bench = Bench::default();
        let (linked, evicted, probation, ms) = run(crowd, &mut bench);
        assert_eq!(
            (linked, evicted, probation),
            (1000, 0, 0),
            "round trip {}",
            crowd.round_trip_ms
        );
        assert!(ms < 4000, "round trip {}: {ms} ms", crowd.round_trip_ms);
        assert!(!bench.gate.is_penalised(NAT, bench.now));
    }
}

#[test]
fn links_made_one_after_another_never_use_anything_up() {
    let mut bench = Bench::default();
    for _ in 0..100_000 {
        let admission = bench.admit(NAT);
        assert!(!admission.on_probation && admission.evict.is_none());
        bench.end(admission.id, Ended::Linked);
        bench.pass(21);
        let admission = bench.link(NAT);
        assert!(!admission.on_probation && admission.evict.is_none());
    }
}

/// Row 15 of the hostile cases, without its sockets: 1000 connections a second that say nothing.
#[test]
fn beside_a_flood_the_same_and_other_addresses_join() {
    let mut bench = Bench::default();
    let mut held = Duration::ZERO;
    let mut evicted = std::collections::BTreeSet::new();
    let mut honest = Vec::new();
    for ms in 0..20_000_u32 {
        bench.pass(1);
        match bench.gate.arrive(NAT, bench.now) {
            Arrival::Admitted(admission) => evicted.extend(admission.evict),
            Arrival::Wait { .. } => held += Duration::from_millis(1),
        }
        if ms % 1000 == 500 {
            for address in [NAT, address(ms)] {
                let admission = bench.admit_patiently(address);
                evicted.extend(admission.evict);
                honest.push((ms, admission.id));
            }
        }
        // Their first message comes 10 ms after they were accepted.
        for (_, id) in honest.extract_if(.., |(at, _)| *at + 10 <= ms) {
            assert!(!evicted.contains(&id));
            bench.prove(id);
            bench.end(id, Ended::Linked);
        }
    }
    assert!(held <= Duration::from_millis(500), "nothing was accepted for {held:?}");
    assert!(bench.gate.is_penalised(NAT, bench.now));
    assert!(bench.gate.half_open() <= 33);
}

/// Every prefix holds as many connections as it can and says nothing.
#[test]
fn nobody_can_keep_the_listener_waiting_for_long() {
    let mut bench = Bench::default();
    let (mut waited, start) = (Duration::ZERO, bench.now);
    for number in 0..20_000_u32 {
        bench.now += Duration::from_micros(1000);
        let before = bench.now;
        bench.admit_patiently(address(number / 33));
        waited += bench.now - before;
    }
    let part = waited.as_secs_f64() / (bench.now - start).as_secs_f64();
    assert!(part < 0.15, "{part}");
}
