//! What outlives the processes of a host, and what all hosts of a run share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meshwork_master::State;
use meshwork_shared::clock::Clock;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use tokio::sync::Notify;

use crate::draw::{Draw, random};
use crate::journal::Journal;
use crate::plan::{HostPlan, Kind, Plan, Rules};
use crate::virtual_time::VirtualTime;

/// What all hosts of a run share.
pub(crate) struct Ground {
    pub(crate) seed: u64,
    pub(crate) journal: Journal,
    pub(crate) time: VirtualTime,
    pub(crate) secret: MeshSecret,
    authority: AuthorityKey,
    state: Mutex<State>,
    rules: Mutex<Rules>,
    /// The master is to put other rules in force.
    pub(crate) rules_changed: Notify,
    /// Worker and variant of everybody who takes part.
    pub(crate) cast: Vec<(Kind, String)>,
    pub(crate) probes_from: Duration,
    pub(crate) calls_until: Duration,
}

impl Ground {
    pub(crate) fn new(seed: u64, plan: &Plan, journal: Journal, time: VirtualTime) -> Self {
        let keys = random(seed, "keys");
        let authority = AuthorityKey::generate(&keys);
        let mut cast: Vec<_> =
            plan.hosts.iter().map(|host| (host.kind, host.variant.clone())).collect();
        cast.sort();
        cast.dedup();
        Self {
            seed,
            journal,
            time,
            secret: MeshSecret::generate(&keys),
            state: Mutex::new(State::memory(authority.clone())),
            rules: Mutex::default(),
            rules_changed: Notify::new(),
            authority,
            cast,
            probes_from: plan.probes_from(),
            calls_until: plan.calls_until(),
        }
    }

    /// What the master has written down.
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rules that are to be in force.
    pub(crate) fn rules(&self) -> Rules {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the master put other rules in force, as soon as it lives.
    pub(crate) fn set_rules(&self, rules: Rules) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules;
        self.rules_changed.notify_one();
    }

    /// Only the key is left.
    pub(crate) fn forget_state(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State::memory(self.authority.clone());
    }
}

/// One host: what is left of it when its process dies.
pub(crate) struct Host {
    pub(crate) name: String,
    skew_ms: Arc<AtomicI64>,
    lives: AtomicU32,
    /// Asks the process to shut down.
    pub(crate) leave: Notify,
    /// The process has shut down; its host may be stopped.
    pub(crate) has_left: AtomicBool,
}

/// One life of a host.
pub(crate) struct Life {
    /// 0 for the first.
    pub(crate) number: u32,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// What its callers do.
    pub(crate) draw: Draw,
}

impl Host {
    pub(crate) fn new(name: &str, skew_ms: i64) -> Self {
        Self {
            name: name.to_owned(),
            skew_ms: Arc::new(AtomicI64::new(skew_ms)),
            lives: AtomicU32::new(0),
            leave: Notify::new(),
            has_left: AtomicBool::new(false),
        }
    }

    pub(crate) fn of(plan: &HostPlan) -> Self {
        Self::new(&plan.name, plan.skew_ms)
    }

    pub(crate) fn shift_clock(&self, by_ms: i64) {
        self.skew_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Begins a life.
    pub(crate) fn live(&self, ground: &Ground) -> Life {
        let number = self.lives.fetch_add(1, Ordering::Relaxed);
        let stream = format!("{}#{number}", self.name);
        Life {
            number,
            clock: ground.time.clock(self.skew_ms.clone()),
            random: random(ground.seed, &stream),
            draw: Draw::new(ground.seed, &format!("{stream} calls")),
        }
    }
}
