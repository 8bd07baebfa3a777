//! Arbitrary sequences: whatever comes, the bounds hold and the gate opens again.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Arrive(u32),
    Prove(usize),
    End(usize, bool),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..6_u32).prop_map(Step::Arrive),
        3 => any::<usize>().prop_map(Step::Prove),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(n, linked)| Step::End(n, linked)),
        2 => (0..2_000_u64).prop_map(Step::Pass),
        1 => (0..200_000_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..300)
}

fn limits() -> impl Strategy<Value = HandshakeLimits> {
    (1..12_usize, 1..6_usize, 1..20_u32, 1..8_u32, 0..5_u32).prop_map(
        |(total, each, rate, burst, failures)| HandshakeLimits {
            half_open_max: total,
            half_open_per_prefix_max: each,
            unproven_per_second_max: rate,
            unproven_burst_max: burst,
            failures_per_minute_max: failures,
            proven_per_second_max: 20,
            ..Default::default()
        },
    )
}

/// A gate beside a model of who is open.
struct Model {
    bench: Bench,
    open: Vec<(KnockId, IpAddr, bool)>,
    gone: BTreeSet<KnockId>,
}

impl Model {
    fn evict(&mut self, id: Option<KnockId>) {
        let Some(id) = id else { return };
        let at = self.open.iter().position(|(open, ..)| *open == id).expect("it was open");
        self.open.remove(at);
        self.gone.insert(id);
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Arrive(number) => {
                let address = address(number);
                if let Arrival::Admitted(admission) =
                    self.bench.gate.arrive(address, self.bench.now)
                {
                    self.evict(admission.evict);
                    self.open.push((admission.id, address, false));
                }
            }
            Step::Prove(pick) if !self.open.is_empty() => {
                let at = pick % self.open.len();
                self.open[at].2 = true;
                let proven = self.bench.prove(self.open[at].0);
                assert!(proven.at >= self.bench.now || self.open[at].2);
                self.evict(proven.evict);
            }
            Step::End(pick, linked) if !self.open.is_empty() => {
                let (id, ..) = self.open.remove(pick % self.open.len());
                self.bench.end(id, if linked { Ended::Linked } else { Ended::Failed });
                self.gone.insert(id);
            }
            Step::Prove(_) | Step::End(..) => {}
            Step::Pass(ms) => self.bench.pass(ms),
        }
    }

    fn check(&mut self, limits: &HandshakeLimits) {
        assert_eq!(self.bench.gate.half_open(), self.open.len());
        assert!(self.open.len() <= limits.half_open_max);
        for number in 0..6 {
            let of =
                |(_, from, proven): &&(KnockId, IpAddr, bool)| *from == address(number) && !proven;
            assert!(self.open.iter().filter(of).count() <= limits.half_open_per_prefix_max);
        }
    }
}

proptest! {
    #[test]
    fn the_bounds_hold_and_the_gate_opens_again(limits in limits(), steps in steps()) {
        let mut model =
            Model { bench: Bench::new(&limits), open: Vec::new(), gone: BTreeSet::new() };
        for step in &steps {
            model.take(step);
            model.check(&limits);
        }
        for id in &model.gone {
            prop_assert!(model.bench.gate.proven(*id, model.bench.now).is_none());
        }
        let newcomer = model.bench.admit_patiently(NAT);
        model.bench.prove(newcomer.id);
        model.bench.end(newcomer.id, Ended::Linked);
    }

    #[test]
    fn successes_are_never_held_against_anybody(
        pauses in proptest::collection::vec(0..50_u64, 0..2000),
    ) {
        let mut bench = Bench::default();
        for pause in pauses {
            bench.pass(pause);
            let admission = bench.link(NAT);
            prop_assert!(!admission.on_probation);
            prop_assert_eq!(admission.evict, None);
        }
    }

    #[test]
    fn proven_handshakes_keep_to_their_rate(
        gaps in proptest::collection::vec(0..100_u64, 1..300),
    ) {
        let limits = HandshakeLimits { proven_per_second_max: 20, ..Default::default() };
        let mut bench = Bench::new(&limits);
        let mut starts = Vec::new();
        for gap in gaps {
            bench.pass(gap);
            let id = bench.admit_patiently(NAT).id;
            starts.push(bench.prove(id).at);
            bench.end(id, Ended::Linked);
        }
        prop_assert!(starts.is_sorted());
        let second = Duration::from_secs(1);
        for (n, start) in starts.iter().enumerate() {
            let within = starts[n..].iter().take_while(|at| **at < *start + second).count();
            prop_assert!(within <= 20 + 2, "{within} in a second");
        }
    }
}
