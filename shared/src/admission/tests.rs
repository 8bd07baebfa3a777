//! The gate in virtual time: each row of the limits, what honest crowds see, and arbitrary
//! sequences.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::limits::HandshakeLimits;

mod crowds;
mod properties;
mod rows;

const NAT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A gate and its clock, which only the test moves.
struct Bench {
    gate: Gate,
    now: Instant,
}

impl Bench {
    fn new(limits: &HandshakeLimits) -> Self {
        Self { gate: Gate::new(limits), now: Instant::now() }
    }

    fn default() -> Self {
        Self::new(&HandshakeLimits::default())
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// Accepts a connection now, which must not have to wait.
    fn admit(&mut self, address: IpAddr) -> Admission {
        match self.gate.arrive(address, self.now) {
            Arrival::Admitted(admission) => admission,
            Arrival::Wait { until } => panic!("told to wait for {:?}", until - self.now),
        }
    }

    /// Accepts a connection, having waited as long as told. Nobody else moves meanwhile.
    fn admit_patiently(&mut self, address: IpAddr) -> Admission {
        match self.gate.arrive(address, self.now) {
            Arrival::Admitted(admission) => admission,
            Arrival::Wait { until } => {
                assert!(until > self.now && until - self.now <= Duration::from_secs(2));
                self.now = until;
                self.admit(address)
            }
        }
    }

    fn prove(&mut self, id: KnockId) -> Proven {
        self.gate.proven(id, self.now).expect("it was not evicted")
    }

    fn end(&mut self, id: KnockId, how: Ended) {
        self.gate.ended(id, how, self.now);
    }

    /// One handshake from its start to its link, in no time.
    fn link(&mut self, address: IpAddr) -> Admission {
        let admission = self.admit(address);
        assert_eq!(self.prove(admission.id).evict, None);
        self.end(admission.id, Ended::Linked);
        admission
    }

    /// One handshake that fails at once.
    fn fail(&mut self, address: IpAddr) -> Admission {
        let admission = self.admit_patiently(address);
        self.end(admission.id, Ended::Failed);
        admission
    }

    fn fail_times(&mut self, times: u32, address: IpAddr) {
        for _ in 0..times {
            self.fail(address);
        }
    }
}

/// An address of its own prefix.
fn address(number: u32) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + number))
}
