//! What one instance does about one queue: how many jobs to ask for, which to start, which leases
//! to renew, what to hand back. Pure: the runner feeds it and carries out its effects.
//!
//! Jobs are fetched ahead of free slots, so that a slot does not wait for a round trip; but only
//! while runs are short. One that could not start soon is handed back: somebody else may be idle.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_queue::limits::LEASE_JOBS_MAX;
use meshwork_queue::{FinishError, Lease, LeaseToken};
use tokio::time::Instant;

use super::limits::{AHEAD_WAIT_MAX, SHORT_RUN};

#[cfg(test)]
mod tests;

/// What happened.
#[derive(Debug)]
pub(super) enum Input {
    /// So many handlers could start now. Fed before every wait.
    Free(usize),
    /// The queue gave these.
    Leased(Vec<Lease>),
    /// A run is over and its end is told, or nobody wants to hear it.
    Over(LeaseToken),
    /// The answers to a [`Effect::Renew`].
    Renewed(Vec<(LeaseToken, Result<(), FinishError>)>),
    /// The time that [`Consumer::due`] named has come.
    Tick,
    /// Take no more jobs.
    Drain,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Ask the queue for 1 to so many jobs. Answered by one `Leased`.
    Ask(usize),
    /// Withdraw the question.
    StopAsking,
    /// Run this.
    Start(Box<Lease>),
    /// Renew these. Answered by one `Renewed`.
    Renew(Vec<LeaseToken>),
    /// Hand these back: they were not begun.
    Release(Vec<LeaseToken>),
    /// End this run: the job is no longer ours. Its `Over` follows.
    Cancel(LeaseToken),
}

/// The consumer of one queue. See the module.
#[derive(Debug)]
pub(super) struct Consumer {
    /// Jobs fetched beyond the free slots, at most.
    ahead: usize,
    /// How long a lease lasts.
    lease: Duration,
    /// Fetched and not begun, in order.
    held: VecDeque<(Lease, Instant)>,
    /// Begun, since when.
    runs: BTreeMap<LeaseToken, Instant>,
    asks: bool,
    renews: bool,
    /// When leases are renewed next; without meaning while there are none.
    renew_at: Instant,
    /// Whether the last run was so short that fetching ahead pays.
    is_quick: bool,
    drains: bool,
}

impl Consumer {
    /// A consumer that fetches at most `ahead` jobs more than it could start.
    pub(super) fn new(ahead: usize, lease: Duration, now: Instant) -> Self {
        Self {
            ahead,
            lease,
            held: VecDeque::new(),
            runs: BTreeMap::new(),
            asks: false,
            renews: false,
            renew_at: now,
            is_quick: false,
            drains: false,
        }
    }

    /// Changes how many jobs are fetched beyond the free slots, and how long a lease lasts.
    pub(super) fn set(&mut self, ahead: usize, lease: Duration) {
        (self.ahead, self.lease) = (ahead, lease);
    }

    /// Takes in what happened.
    pub(super) fn handle(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Free(free) => self.fill(free, now),
            Input::Leased(leases) => self.leased(leases, now),
            Input::Over(token) => {
                if let Some(since) = self.runs.remove(&token) {
                    self.is_quick = now.duration_since(since) < SHORT_RUN;
                }
                Vec::new()
            }
            Input::Renewed(answers) => self.renewed(answers, now),
            Input::Tick => self.tick(now),
            Input::Drain => self.drain(),
        }
    }

    /// When it wants to hear the next `Tick`.
    pub(super) fn due(&self) -> Option<Instant> {
        let renew = (!self.is_idle() && !self.renews).then_some(self.renew_at);
        let waited = self.held.front().map(|(_, since)| *since + AHEAD_WAIT_MAX);
        [renew, waited].into_iter().flatten().min()
    }

    /// Whether there is something to do with a free slot.
    pub(super) fn wants_slot(&self) -> bool {
        !self.held.is_empty() || !(self.drains || self.asks)
    }

    /// Whether it holds no job at all.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.runs.is_empty()
    }

    /// Starts what can start, and asks for more.
    fn fill(&mut self, free: usize, now: Instant) -> Vec<Effect> {
        let starts = free.min(self.held.len());
        let mut effects = Vec::with_capacity(starts + 1);
        for (lease, _) in self.held.drain(..starts) {
            self.runs.insert(lease.token(), now);
            effects.push(Effect::Start(Box::new(lease)));
        }
        let ahead = if self.is_quick { self.ahead } else { 0 };
        // Ends that a store which is away has not taken yet keep their place, so that they cannot
        // pile up.
        let unsettled = self.runs.len().saturating_sub(LEASE_JOBS_MAX);
        let room = (free - starts + ahead).saturating_sub(self.held.len() + unsettled);
        if room > 0 && !self.asks && !self.drains {
            self.asks = true;
            effects.push(Effect::Ask(room.min(LEASE_JOBS_MAX)));
        }
        effects
    }

    fn leased(&mut self, leases: Vec<Lease>, now: Instant) -> Vec<Effect> {
        self.asks = false;
        if self.is_idle() {
            self.renew_at = now + self.renew_every();
        }
        if self.drains {
            return released(leases.iter().map(Lease::token).collect()).into_iter().collect();
        }
        self.held.extend(leases.into_iter().map(|lease| (lease, now)));
        Vec::new()
    }

    fn renewed(
        &mut self,
        answers: Vec<(LeaseToken, Result<(), FinishError>)>,
        now: Instant,
    ) -> Vec<Effect> {
        self.renews = false;
        self.renew_at = now + self.renew_every();
        let mut effects = Vec::new();
        for (token, answer) in answers {
            match answer {
                Ok(()) => {}
                Err(FinishError::LeaseLost) => {
                    self.held.retain(|(lease, _)| lease.token() != token);
                    if self.runs.contains_key(&token) {
                        effects.push(Effect::Cancel(token));
                    }
                }
                // Soon again: the lease may still hold when the store is back.
                Err(FinishError::Unavailable { .. }) => self.renew_at = now + self.lease / 12,
            }
        }
        effects
    }

    fn tick(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.held.front().is_some_and(|(_, since)| now >= *since + AHEAD_WAIT_MAX) {
            self.is_quick = false;
            let waiting = self.held.drain(..).map(|(lease, _)| lease.token());
            effects.extend(released(waiting.collect()));
        }
        if !self.renews && !self.is_idle() && now >= self.renew_at {
            self.renews = true;
            let held = self.held.iter().map(|(lease, _)| lease.token());
            effects.push(Effect::Renew(held.chain(self.runs.keys().copied()).collect()));
        }
        effects
    }

    fn drain(&mut self) -> Vec<Effect> {
        self.drains = true;
        let mut effects = Vec::new();
        if std::mem::take(&mut self.asks) {
            effects.push(Effect::StopAsking);
        }
        let waiting = self.held.drain(..).map(|(lease, _)| lease.token());
        effects.extend(released(waiting.collect()));
        effects
    }

    fn renew_every(&self) -> Duration {
        self.lease / 3
    }
}

fn released(tokens: Vec<LeaseToken>) -> Option<Effect> {
    (!tokens.is_empty()).then_some(Effect::Release(tokens))
}
