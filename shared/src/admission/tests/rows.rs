//! The rows of the limits.

use super::*;

const USUAL: Duration = Duration::from_secs(2);

#[test]
fn a_full_prefix_loses_its_oldest_connection_and_no_other_prefix_does() {
    let mut bench = Bench::default();
    let other = bench.admit(address(1));
    bench.pass(300);
    let open: Vec<_> = (0..32).map(|_| bench.admit(NAT)).collect();
    bench.pass(300);
    for oldest in &open {
        assert_eq!(bench.admit(NAT).evict, Some(oldest.id));
    }
    assert_eq!(bench.gate.half_open(), 33);
    assert!(bench.gate.proven(open[0].id, bench.now).is_none());
    assert!(bench.gate.proven(other.id, bench.now).is_some());
}

#[test]
fn a_full_gate_loses_the_oldest_of_the_prefix_that_has_most() {
    let mut bench = Bench::default();
    let large: Vec<_> = (0..20).map(|_| bench.admit(NAT)).collect();
    for number in 0..492 {
        bench.admit(address(number));
    }
    bench.pass(300);
    assert_eq!(bench.gate.half_open(), 512);
    assert_eq!(bench.admit(address(1000)).evict, Some(large[0].id));
    assert_eq!(bench.gate.half_open(), 512);
}

#[test]
fn a_connection_that_has_shown_nothing_goes_before_one_that_has() {
    let limits = HandshakeLimits { half_open_max: 3, ..Default::default() };
    let mut bench = Bench::new(&limits);
    let proven: Vec<_> = (0..2).map(|_| bench.admit(NAT)).collect();
    proven.iter().for_each(|knock| assert_eq!(bench.prove(knock.id).evict, None));
    let unproven = bench.admit(address(1));
    bench.pass(1100);
    assert_eq!(bench.admit(address(2)).evict, Some(unproven.id));
}

/// A recorded first message is worth no more than its turn: row 10 of the hostile cases.
#[test]
fn a_prefix_full_of_proven_connections_that_do_not_finish_loses_its_oldest() {
    let mut bench = Bench::default();
    let stuck: Vec<_> = (0..32).map(|_| bench.admit(NAT).id).collect();
    stuck.iter().for_each(|id| assert_eq!(bench.prove(*id).evict, None));
    let newcomer = bench.admit(NAT).id;
    bench.pass(900);
    assert_eq!(bench.prove(newcomer).evict, None, "they may still finish");
    bench.pass(100);
    let newcomer = bench.admit(NAT).id;
    assert_eq!(bench.prove(newcomer).evict, Some(stuck[0]));
}

#[test]
fn over_its_rate_a_prefix_is_on_probation() {
    let mut bench = Bench::default();
    bench.pass(1);
    let terms = |bench: &mut Bench| {
        let admission = bench.admit_patiently(NAT);
        bench.end(admission.id, Ended::Abandoned);
        (admission.first_within, admission.on_probation)
    };
    for _ in 0..100 {
        assert_eq!(terms(&mut bench), (USUAL, false));
    }
    let probation = (Duration::from_millis(500), true);
    assert_eq!(terms(&mut bench), probation);
    bench.pass(1000);
    let fair = (0..1000).filter(|_| terms(&mut bench) == (USUAL, false)).count();
    assert_eq!(fair, 50);
    assert!(!bench.admit(address(1)).on_probation);
}

#[test]
fn the_eleventh_failure_of_a_minute_is_penalised_and_each_penalty_doubles() {
    let mut bench = Bench::default();
    for seconds in [60, 120, 240, 480, 900, 900] {
        for _ in 0..10 {
            assert!(!bench.fail(NAT).on_probation);
        }
        assert!(!bench.gate.is_penalised(NAT, bench.now));
        bench.fail(NAT);
        bench.pass(seconds * 1000 - 1);
        assert!(bench.gate.is_penalised(NAT, bench.now), "{seconds} s");
        assert!(bench.admit(NAT).on_probation);
        assert!(!bench.gate.is_penalised(address(1), bench.now));
        bench.pass(1);
        assert!(!bench.gate.is_penalised(NAT, bench.now), "{seconds} s");
    }
    bench.pass(15 * 60 * 1000);
    bench.fail_times(11, NAT);
    bench.pass(60_000);
    assert!(!bench.gate.is_penalised(NAT, bench.now), "an old penalty is forgotten");
}

#[test]
fn failures_within_a_penalty_do_not_double_it() {
    let mut bench = Bench::default();
    bench.fail_times(11, NAT);
    for _ in 0..1000 {
        bench.pass(50);
        bench.fail(NAT);
    }
    bench.pass(10_000);
    assert!(!bench.gate.is_penalised(NAT, bench.now));
}

#[test]
fn ten_failures_a_minute_are_not_penalised() {
    let mut bench = Bench::default();
    for _ in 0..1000 {
        bench.fail(NAT);
        bench.pass(6_001);
    }
    assert!(!bench.gate.is_penalised(NAT, bench.now));
}

#[test]
fn connections_closed_for_newer_ones_count_as_failures() {
    let mut bench = Bench::default();
    for _ in 0..32 + 11 {
        bench.admit_patiently(NAT);
        bench.pass(10);
    }
    assert!(bench.gate.is_penalised(NAT, bench.now));
}

#[test]
fn a_penalised_prefix_still_links() {
    let mut bench = Bench::default();
    bench.fail_times(11, NAT);
    let admission = bench.link(NAT);
    assert_eq!(admission.first_within, Duration::from_millis(500));
}

#[test]
fn proven_handshakes_over_the_rate_wait() {
    let limits = HandshakeLimits { proven_per_second_max: 100, ..Default::default() };
    let mut bench = Bench::new(&limits);
    let waits: Vec<_> = (0..31)
        .map(|number| {
            let id = bench.admit(address(number)).id;
            bench.prove(id).at - bench.now
        })
        .collect();
    assert!(waits[..10].iter().all(Duration::is_zero));
    assert_eq!(waits[30], Duration::from_millis(210));
}

#[test]
fn exempt_addresses_know_only_the_totals() {
    let exempt = vec!["192.0.2.0/24".parse().unwrap()];
    let limits = HandshakeLimits { exempt, ..Default::default() };
    let mut bench = Bench::new(&limits);
    let admissions: Vec<_> = (0..512).map(|_| bench.admit(NAT)).collect();
    assert!(admissions.iter().all(|a| (a.first_within, a.evict) == (USUAL, None)));
    bench.pass(300);
    assert_eq!(bench.admit(NAT).evict, Some(admissions[0].id));
    bench.fail_times(100, NAT);
    assert!(!bench.gate.is_penalised(NAT, bench.now));
}

#[test]
fn prefixes_are_forgotten_by_age() {
    let mut bench = Bench::default();
    bench.fail_times(11, NAT);
    for number in 0..4095 {
        bench.fail(address(number));
    }
    assert!(bench.gate.is_penalised(NAT, bench.now));
    for number in 4095..20_000 {
        bench.fail(address(number));
    }
    assert!(!bench.gate.is_penalised(NAT, bench.now));
    assert_eq!(bench.gate.prefixes(), 4096);
}

#[test]
fn a_limit_of_zero_lets_one_at_a_time_in() {
    let limits = HandshakeLimits {
        half_open_max: 0,
        half_open_per_prefix_max: 0,
        unproven_per_second_max: 0,
        unproven_burst_max: 0,
        failures_per_minute_max: 0,
        proven_per_second_max: 0,
        ..Default::default()
    };
    let mut bench = Bench::new(&limits);
    for number in 0..10 {
        bench.pass(1000);
        let admission = bench.admit_patiently(address(number));
        bench.prove(admission.id);
        assert_eq!(bench.gate.half_open(), 1);
    }
}
