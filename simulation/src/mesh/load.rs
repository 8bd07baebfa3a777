//! What a worker asks of the others, for as long as it lives: a mix of everything that can be
//! asked, and in the end a probe of everybody it is linked to.

use std::sync::Arc;
use std::time::Duration;

use meshwork_worker::{CallOptions, Strategy, Worker};

use super::caller::{Caller, Wish};
use super::host::Ground;
use crate::draw::Draw;
use crate::journal::ProcessId;
use crate::plan::Kind;
use crate::tasks::{Act, All, Back, Count, Crunch, Hush, Inner, Narrow, Note, Relay, Safe, Work};

/// Calls that a process makes at the same time.
const CALLERS: usize = 3;

/// Shortest and longest time that a caller thinks before its next call.
const THINKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(600));

/// Bytes of a large message: more than what travels whole, up to more than one grant.
const BALLAST_MIN: usize = 80 << 10;
const BALLAST_SPAN: u64 = 700 << 10;

/// Times that everybody is probed.
const PROBES: u32 = 3;

const PROBE_EVERY: Duration = Duration::from_millis(700);

/// The calls of one process.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) ground: Arc<Ground>,
    pub(super) process: ProcessId,
    pub(super) worker: Worker,
}

impl Load {
    /// Starts the callers; they end with their process, or when the run wants no more calls.
    pub(super) fn start(self, draw: &Draw) {
        for _ in 0..CALLERS {
            tokio::task::spawn_local(self.clone().call_on(draw.clone()));
        }
        tokio::task::spawn_local(self.probe());
    }

    fn caller(&self) -> Caller {
        Caller {
            worker: self.worker.clone(),
            journal: self.ground.journal.clone(),
            process: self.process,
        }
    }

    async fn call_on(self, draw: Draw) {
        let caller = self.caller();
        while self.ground.time.now() < self.ground.calls_until {
            tokio::time::sleep(draw.time(THINKS.0, THINKS.1)).await;
            self.call(&caller, &draw).await;
        }
    }

    async fn call(&self, caller: &Caller, draw: &Draw) {
        let wish = wish(draw);
        match draw.below(100) {
            0..2 => {
                let ballast = BALLAST_MIN + draw.below(BALLAST_SPAN) as usize;
                drop(caller.balanced::<Work>(any_act(draw), Wish { ballast, ..wish }).await);
            }
            2..20 => drop(caller.balanced::<Work>(any_act(draw), wish).await),
            20..30 => drop(caller.balanced::<Safe>(any_act(draw), wish).await),
            30..35 => drop(caller.balanced::<Crunch>(quick_act(draw), wish).await),
            35..40 => drop(caller.balanced::<Count>(calm_act(draw), wish).await),
            40..50 => drop(caller.balanced::<Narrow>(busy_act(draw), wish).await),
            50..56 => drop(caller.balanced::<Relay>(calm_act(draw), wish).await),
            56..58 => drop(caller.balanced::<Inner>(any_act(draw), wish).await),
            58..64 => drop(caller.balanced::<Note>(any_act(draw), wish).await),
            64..68 => drop(caller.balanced::<Back>(any_act(draw), wish).await),
            68..76 => caller.broadcast::<All>(any_act(draw), wish).await,
            76..80 => caller.broadcast::<Hush>(any_act(draw), wish).await,
            80..90 => caller.direct::<Narrow>(self.store(draw), busy_act(draw), wish).await,
            _ => caller.direct::<Work>(self.store(draw), any_act(draw), wish).await,
        }
    }

    /// The variant of some store, which may be our own or not there.
    fn store(&self, draw: &Draw) -> &str {
        let stores = self.ground.cast.iter().filter(|(kind, _)| *kind == Kind::Store);
        let stores: Vec<_> = stores.map(|(_, variant)| variant).collect();
        draw.pick::<&String>(&stores)
    }

    /// Towards the end, when all faults are over: whoever lives must be reached, by name and by all
    /// other ways.
    async fn probe(self) {
        let caller = self.caller();
        let left = self.ground.probes_from.saturating_sub(self.ground.time.now());
        tokio::time::sleep(left).await;
        let me = self.worker.identity();
        for _ in 0..PROBES {
            for (kind, variant) in &self.ground.cast {
                let is_me = kind.name() == me.worker.as_str() && *variant == *me.variant.as_ref();
                match kind {
                    Kind::Store if !is_me => {
                        caller.direct::<Work>(variant, Act::Answer, Wish::default()).await;
                    }
                    Kind::Front if me.worker.as_str() == Kind::Store.name() => {
                        caller.direct::<Back>(variant, Act::Answer, Wish::default()).await;
                    }
                    Kind::Front | Kind::Store => {}
                }
            }
            caller.balanced::<Work>(Act::Answer, Wish::default()).await;
            caller.broadcast::<All>(Act::Answer, Wish::default()).await;
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }
}

fn wish(draw: &Draw) -> Wish {
    let strategy = match draw.below(10) {
        0 => Strategy::LeastPending,
        1 => Strategy::Key(draw.below(1000).to_be_bytes().to_vec()),
        _ => Strategy::RoundRobin,
    };
    let short = (Duration::from_millis(50), Duration::from_millis(600));
    let options = CallOptions {
        deadline: draw.chance(15).then(|| draw.time(short.0, short.1)),
        wait_for_ready: draw.chance(10),
        strategy,
    };
    let patience = draw.chance(4).then(|| draw.time(Duration::ZERO, short.1));
    Wish { options, patience, ..Wish::default() }
}

/// Anything, beyond the deadline too.
fn any_act(draw: &Draw) -> Act {
    match draw.below(100) {
        0..60 => Act::Answer,
        60..82 => Act::Wait(draw.below(300)),
        82..85 => Act::Wait(2500),
        85..95 => Act::Fail,
        _ => Act::Panic,
    }
}

/// What needs no time.
fn quick_act(draw: &Draw) -> Act {
    match draw.below(10) {
        0 => Act::Panic,
        1 => Act::Fail,
        _ => Act::Answer,
    }
}

/// What an actor can do.
fn calm_act(draw: &Draw) -> Act {
    if draw.chance(15) { Act::Fail } else { Act::Answer }
}

/// What keeps others waiting.
fn busy_act(draw: &Draw) -> Act {
    Act::Wait(100 + draw.below(500))
}
