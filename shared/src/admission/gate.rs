//! Which half-open connection lives, which is closed, and which has to wait. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::origin::Origin;
use super::prefix::Prefix;
use super::rate::{Rate, Taken};
use crate::limits::HandshakeLimits;

/// Prefixes that are remembered. Beyond it the one that was heard of least recently is forgotten.
const PREFIXES_MAX: usize = 4096;

/// How long a connection of a prefix that is over its rate or penalised has for a valid first
/// message: enough for whoever holds the secret and sends it at once.
const PROBATION: Duration = Duration::from_millis(500);

/// Age up to which a newcomer waits for an unproven connection rather than having it closed: a
/// crowd that joins at once is slow to write, and all of it is meant to get in.
const PATIENCE_UNPROVEN: Duration = Duration::from_millis(250);

/// The same for a connection that has shown a valid first message: an honest dialer finishes
/// within one round trip, a recorded message never does.
const PATIENCE_PROVEN: Duration = Duration::from_secs(1);

/// After a newcomer has waited in vain nobody waits for so long, so that those who only hold their
/// connections cannot keep the listener waiting.
const IMPATIENCE: Duration = Duration::from_millis(2500);

/// Part of a second's proven handshakes that may start at once.
const PROVEN_BURST_PART: u32 = 10;

/// A half-open connection; a later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnockId(u64);

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It may shake hands.
    Admitted(Admission),
    /// Accept nothing until then, or until another handshake was proven or ended; then ask again.
    Wait {
        /// At the latest.
        until: Instant,
    },
}

/// The terms on which a connection may shake hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its number from now on.
    pub id: KnockId,
    /// Time in which it must have shown a valid first message.
    pub first_within: Duration,
    /// True if that is less than usual, since its prefix is over its rate or penalised.
    pub on_probation: bool,
    /// This one is to be closed for it, without a byte; the gate has forgotten it already.
    pub evict: Option<KnockId>,
}

/// What becomes of a connection that has shown a valid first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// When the handshake may go on.
    pub at: Instant,
    /// This one is to be closed, without a byte; the gate has forgotten it already.
    pub evict: Option<KnockId>,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a link, wanted or not.
    Linked,
    /// By the dialer's fault.
    Failed,
    /// By ours.
    Abandoned,
}

/// The gate of a listener.
///
/// * A connection without a valid first message takes from the rate of its prefix, and gives back
///   what it took once it has shown one. Successes cost nothing, however many.
/// * Over the rate, or penalised, nobody is turned away unheard: the first message must come at
///   once. So whoever holds the secret still gets in from an address that others abuse.
/// * Where there is no room the oldest connection is closed for the newcomer: one that has shown
///   nothing before one that has, and of the prefix that holds most. But as long as a prefix has
///   not wasted half of its burst, its newcomers wait a little for those before them.
///
/// ```
/// use meshwork_shared::admission::{Arrival, Ended, Gate};
/// use meshwork_shared::limits::HandshakeLimits;
///
/// let (mut gate, now) = (Gate::new(&HandshakeLimits::default()), tokio::time::Instant::now());
/// let Arrival::Admitted(admission) = gate.arrive([192, 0, 2, 7].into(), now) else { panic!() };
/// assert_eq!(admission.evict, None);
/// let proven = gate.proven(admission.id, now).expect("it is there");
/// assert_eq!(proven.at, now); // nothing to wait for
/// gate.ended(admission.id, Ended::Linked, now);
/// ```
#[derive(Debug)]
pub struct Gate {
    limits: HandshakeLimits,
    unproven_rate: Rate,
    proven_rate: Rate,
    proven_taken: Taken,
    open: BTreeMap<KnockId, Knock>,
    origins: BTreeMap<Prefix, Origin>,
    /// Prefixes by when they were last heard of.
    heard: BTreeMap<u64, Prefix>,
    /// Counts arrivals: the source of numbers and of the order in `heard`.
    arrivals: u64,
    /// For whom the last newcomer was told to wait.
    waiting_for: Option<KnockId>,
    impatient_until: Option<Instant>,
}

#[derive(Debug)]
struct Knock {
    prefix: Prefix,
    exempt: bool,
    arrived: Instant,
    /// Whether it took from its prefix's rate.
    took: bool,
    /// From when on its proven handshake may go on.
    proven: Option<Instant>,
}

impl Gate {
    /// An empty gate.
    pub fn new(limits: &HandshakeLimits) -> Self {
        let at_once = limits.proven_per_second_max / PROVEN_BURST_PART;
        Self {
            limits: limits.clone(),
            unproven_rate: Rate::new(limits.unproven_per_second_max, limits.unproven_burst_max),
            proven_rate: Rate::new(limits.proven_per_second_max, at_once),
            proven_taken: Taken::default(),
            open: BTreeMap::new(),
            origins: BTreeMap::new(),
            heard: BTreeMap::new(),
            arrivals: 0,
            waiting_for: None,
            impatient_until: None,
        }
    }

    /// A connection from `address` was accepted. One at a time: while it has to wait no other is
    /// asked for.
    pub fn arrive(&mut self, address: IpAddr, now: Instant) -> Arrival {
        let prefix = Prefix::of(address);
        let exempt = self.limits.exempt.iter().any(|range| range.contains(address));
        self.hear(prefix);
        let evict = self.in_the_way(prefix, exempt);
        if let Some(until) = evict.and_then(|id| self.wait_for(id, prefix, exempt, now)) {
            return Arrival::Wait { until };
        }
        if let Some(id) = evict {
            self.ended(id, Ended::Failed, now);
        }
        Arrival::Admitted(self.admit(prefix, exempt, evict, now))
    }

    /// A connection has shown a valid first message. `None` if it was evicted before.
    pub fn proven(&mut self, id: KnockId, now: Instant) -> Option<Proven> {
        let knock = self.open.get_mut(&id)?;
        if let Some(at) = knock.proven {
            return Some(Proven { at, evict: None });
        }
        let at = self.proven_rate.reserve(&mut self.proven_taken, now);
        knock.proven = Some(at);
        let (prefix, took, exempt) = (knock.prefix, knock.took, knock.exempt);
        let origin = self.origins.entry(prefix).or_default();
        if took {
            self.unproven_rate.give_back(&mut origin.taken);
        }
        origin.unproven.remove(&id);
        origin.proven.insert(id);
        let crowded = !exempt && origin.proven.len() > self.limits.half_open_per_prefix_max;
        let oldest = origin.proven.first().copied().filter(|_| crowded);
        let evict = oldest.filter(|oldest| *oldest != id && self.patience(*oldest) <= Some(now));
        if let Some(evict) = evict {
            self.ended(evict, Ended::Failed, now);
        }
        Some(Proven { at, evict })
    }

    /// A handshake is over. Says nothing of one that was evicted.
    pub fn ended(&mut self, id: KnockId, how: Ended, now: Instant) {
        let Some(knock) = self.open.remove(&id) else { return };
        let origin = self.origins.entry(knock.prefix).or_default();
        origin.unproven.remove(&id);
        origin.proven.remove(&id);
        if how == Ended::Failed && !knock.exempt {
            origin.fail(&self.limits, now);
        }
    }

    /// Half-open connections.
    pub fn half_open(&self) -> usize {
        self.open.len()
    }

    /// Prefixes that are remembered; bounded whatever comes.
    pub fn prefixes(&self) -> usize {
        self.origins.len()
    }

    /// Whether `address` may only show a valid first message.
    pub fn is_penalised(&self, address: IpAddr, now: Instant) -> bool {
        self.origins.get(&Prefix::of(address)).is_some_and(|origin| origin.is_penalised(now))
    }

    /// Marks a prefix as heard of, and forgets others for it. One with an open connection stays;
    /// there are fewer of those than prefixes remembered.
    fn hear(&mut self, prefix: Prefix) {
        self.arrivals += 1;
        let origin = self.origins.entry(prefix).or_default();
        self.heard.remove(&origin.heard);
        origin.heard = self.arrivals;
        self.heard.insert(self.arrivals, prefix);
        if self.origins.len() > PREFIXES_MAX.max(self.limits.half_open_max + 1) {
            let idle = |prefix: &Prefix| self.origins.get(prefix).is_some_and(|o| !o.has_open());
            let oldest = self.heard.iter().find(|(_, prefix)| idle(prefix));
            if let Some((heard, prefix)) = oldest.map(|(heard, prefix)| (*heard, *prefix)) {
                self.heard.remove(&heard);
                self.origins.remove(&prefix);
            }
        }
    }

    /// The connection that must go before another of `prefix` has room.
    fn in_the_way(&self, prefix: Prefix, exempt: bool) -> Option<KnockId> {
        let unproven = self.origins.get(&prefix).map(|origin| &origin.unproven)?;
        if !exempt && unproven.len() >= self.limits.half_open_per_prefix_max.max(1) {
            return unproven.first().copied();
        }
        if self.open.len() < self.limits.half_open_max.max(1) {
            return None;
        }
        self.oldest_of_largest(prefix, false).or_else(|| self.oldest_of_largest(prefix, true))
    }

    /// The oldest connection of the prefix that has most of them; `own` goes before its equals.
    fn oldest_of_largest(&self, own: Prefix, proven: bool) -> Option<KnockId> {
        let mut counts = BTreeMap::<Prefix, (usize, KnockId)>::new();
        for (id, knock) in &self.open {
            if knock.proven.is_some() == proven {
                counts.entry(knock.prefix).or_insert((0, *id)).0 += 1;
            }
        }
        let rank = |(prefix, (count, oldest)): &(Prefix, (usize, KnockId))| {
            (*count, *prefix == own, Reverse(*oldest))
        };
        counts.into_iter().max_by_key(rank).map(|(_, (_, oldest))| oldest)
    }

    /// Until when a newcomer of `prefix` waits for `id` instead of having it closed.
    fn wait_for(
        &mut self,
        id: KnockId,
        prefix: Prefix,
        exempt: bool,
        now: Instant,
    ) -> Option<Instant> {
        let until = self.patience(id)?;
        let in_vain = self.waiting_for.take() == Some(id) && until <= now;
        if in_vain {
            self.impatient_until = Some(now + IMPATIENCE);
        }
        let patient = self.impatient_until.is_none_or(|until| until <= now);
        if now < until && patient && (exempt || self.is_thrifty(prefix, now)) {
            self.waiting_for = Some(id);
            return Some(until);
        }
        None
    }

    /// When a newcomer need not wait for `id` any more.
    fn patience(&self, id: KnockId) -> Option<Instant> {
        self.open.get(&id).map(|knock| match knock.proven {
            Some(at) => at + PATIENCE_PROVEN,
            None => knock.arrived + PATIENCE_UNPROVEN,
        })
    }

    /// Whether a prefix has wasted less than half of its burst on connections that came to nothing.
    fn is_thrifty(&self, prefix: Prefix, now: Instant) -> bool {
        self.origins.get(&prefix).is_some_and(|origin| {
            let taken = self.unproven_rate.taken(&origin.taken, now) as usize;
            let wasted = taken.saturating_sub(origin.unproven.len());
            2 * wasted < self.limits.unproven_burst_max as usize
        })
    }

    fn admit(
        &mut self,
        prefix: Prefix,
        exempt: bool,
        evict: Option<KnockId>,
        now: Instant,
    ) -> Admission {
        let id = KnockId(self.arrivals);
        let origin = self.origins.entry(prefix).or_default();
        let took = !exempt && self.unproven_rate.take(&mut origin.taken, now);
        let on_probation = !exempt && (!took || origin.is_penalised(now));
        origin.unproven.insert(id);
        self.open.insert(id, Knock { prefix, exempt, arrived: now, took, proven: None });
        let usual = self.limits.first_message_within;
        let first_within = if on_probation { usual.min(PROBATION) } else { usual };
        Admission { id, first_within, on_probation, evict }
    }
}
