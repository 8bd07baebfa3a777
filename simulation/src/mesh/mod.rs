//! The mesh of a run: simulated hosts with the real master and real workers on them.
//!
//! * `host.rs`: what outlives the processes of a host
//! * `master.rs`, `worker.rs`: the processes
//! * `handlers.rs`: what workers serve
//! * `caller.rs`, `load.rs`: what workers ask of each other

mod caller;
mod handlers;
mod host;
mod load;
mod master;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turmoil::Sim;

use crate::draw::random;
use crate::journal::Journal;
use crate::plan::{Action, MASTER, Plan};
use crate::virtual_time::VirtualTime;
use host::{Ground, Host};

pub(crate) use handlers::PLANNED_PANIC;

/// How far all hosts go at a time.
const STEP: Duration = Duration::from_millis(5);

/// Segments that a simulated socket holds; far more than a link leaves unread.
const SEGMENTS_MAX: usize = 4096;

/// The hosts and the network between them.
pub(crate) struct Mesh {
    sim: Sim<'static>,
    ground: Arc<Ground>,
    hosts: BTreeMap<String, Arc<Host>>,
}

impl Mesh {
    pub(crate) fn new(seed: u64, plan: &Plan, journal: Journal, time: VirtualTime) -> Self {
        let ground = Arc::new(Ground::new(seed, plan, journal, time));
        let mut sim = turmoil::Builder::new()
            .rng_seed(random(seed, "network").next_u64())
            .tick_duration(STEP)
            .simulation_duration(plan.length() * 2)
            .min_message_latency(plan.latency.0)
            .max_message_latency(plan.latency.1)
            .tcp_capacity(SEGMENTS_MAX)
            .build();
        let mut hosts = BTreeMap::new();
        let master = Arc::new(Host::new(MASTER, plan.master_skew_ms));
        hosts.insert(MASTER.to_owned(), master.clone());
        let of_master = ground.clone();
        sim.host(MASTER, move || master::run(of_master.clone(), master.clone()));
        for plan in &plan.hosts {
            let host = Arc::new(Host::of(plan));
            hosts.insert(plan.name.clone(), host.clone());
            let (ground, plan) = (ground.clone(), Arc::new(plan.clone()));
            let name = plan.name.clone();
            sim.host(name, move || worker::run(ground.clone(), host.clone(), plan.clone()));
        }
        Self { sim, ground, hosts }
    }

    /// How much of the run has passed.
    pub(crate) fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Lets everybody go on for a step.
    ///
    /// # Errors
    /// A process ended, which none does by itself.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        self.ground.time.set(self.sim.elapsed());
        let stepped = self.sim.step().map(drop).map_err(|error| error.to_string());
        let left: Vec<_> = self
            .hosts
            .values()
            .filter(|host| host.has_left.swap(false, Ordering::Relaxed))
            .map(|host| host.name.clone())
            .collect();
        left.iter().for_each(|name| self.stop(name));
        stepped
    }

    pub(crate) fn apply(&mut self, action: &Action) {
        self.ground.time.set(self.sim.elapsed());
        self.ground.journal.say(&format!("{action:?}"));
        let sim = &mut self.sim;
        match action {
            Action::Partition(a, b) => sim.partition(a.as_str(), b.as_str()),
            Action::OneWay(from, to) => sim.partition_oneway(from.as_str(), to.as_str()),
            Action::Repair(a, b) => sim.repair(a.as_str(), b.as_str()),
            Action::Hold(a, b) => sim.hold(a.as_str(), b.as_str()),
            Action::Release(a, b) => sim.release(a.as_str(), b.as_str()),
            Action::Crash(name) => self.stop(name),
            Action::PowerOff(name) => {
                self.with_others(name, |sim, name, other| sim.partition(name, other));
                self.stop(name);
            }
            Action::PowerOn(name) => {
                self.with_others(name, |sim, name, other| sim.repair(name, other));
                self.restart(name);
            }
            Action::Restart(name) => self.restart(name),
            Action::Leave(name) => self.hosts[name].leave.notify_waiters(),
            Action::Clock(name, by_ms) => self.hosts[name].shift_clock(*by_ms),
            Action::ForgetState => self.ground.forget_state(),
            Action::Schema(rules) => self.ground.set_rules(*rules),
        }
    }

    fn stop(&mut self, name: &str) {
        self.ground.journal.ended(name);
        self.sim.crash(name);
    }

    fn restart(&mut self, name: &str) {
        self.ground.journal.ended(name);
        self.sim.bounce(name);
    }

    fn with_others(&self, name: &str, change: impl Fn(&Sim<'_>, &str, &str)) {
        let others = self.hosts.keys().filter(|other| other.as_str() != name);
        others.for_each(|other| change(&self.sim, name, other));
    }
}
