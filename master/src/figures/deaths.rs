//! Dead letters, as members tell of them: each becomes one event, and no member can cause more of
//! those than an honest one does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_shared::protocol::limits::REPORT_DEAD_MAX;
use meshwork_shared::protocol::{DeadJob, MemberKey};

use super::rights::Rights;
use crate::events::EventKind;

/// Dead letters that several members may find and that are told of once; of the oldest it is
/// forgotten that it was.
pub(super) const FOUND_MAX: usize = 1024;

/// Dead letters of one member that are taken at a time: as many as a worker keeps. Reports that
/// waited for each other come together.
pub(super) const AT_ONCE_MAX: u64 = 256;

/// So many of a member are taken in this time, in the long run: a worker sends no more.
const REFILL: (u64, Duration) = (REPORT_DEAD_MAX as u64, Duration::from_millis(250));

/// What was told of dead letters.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// Those that members found in their queue and that were told of, the oldest first: by queue,
    /// job and time of death.
    found: VecDeque<(String, String, u64)>,
    /// Of those members that told of any.
    allowances: BTreeMap<MemberKey, Allowance>,
}

impl Deaths {
    /// Takes the dead letters of a report; answers what happened by them, and how many are left
    /// out.
    pub(super) fn take(
        &mut self,
        key: &MemberKey,
        dead: Vec<DeadJob>,
        rights: &Rights<'_>,
        now: Duration,
    ) -> (Vec<EventKind>, usize) {
        if dead.is_empty() {
            return (Vec::new(), 0);
        }
        let all = dead.len();
        let full = Allowance { parts: Allowance::FULL, at: now };
        let granted = self.allowances.entry(key.clone()).or_insert(full).draw(all, now);
        let (mut told, mut known) = (Vec::new(), 0);
        for job in dead.into_iter().take(granted).filter(|job| rights.has_queue(&job.queue)) {
            match self.is_news(&job) {
                true => told.push(dead_letter(key, job)),
                false => known += 1,
            }
        }
        let left_out = all - told.len() - known;
        (told, left_out)
    }

    /// A member has no link to the master any more.
    pub(super) fn forget(&mut self, key: &MemberKey) {
        self.allowances.remove(key);
    }

    /// Whether that death was not told of yet.
    fn is_news(&mut self, dead: &DeadJob) -> bool {
        let Some(found) = &dead.found else { return true };
        let death = (dead.queue.clone(), dead.job.clone(), found.died_unix_ms);
        if self.found.contains(&death) {
            return false;
        }
        if self.found.len() == FOUND_MAX {
            self.found.pop_front();
        }
        self.found.push_back(death);
        true
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.found.len()
    }
}

/// How many dead letters a member may still tell of. Grows with time.
#[derive(Debug)]
struct Allowance {
    /// Parts of a dead letter, [`Allowance::WHOLE`] to one.
    parts: u64,
    at: Duration,
}

impl Allowance {
    /// As many parts as there are milliseconds in the time of a refill: each brings whole parts.
    const WHOLE: u64 = REFILL.1.as_millis() as u64;
    const FULL: u64 = AT_ONCE_MAX * Self::WHOLE;

    /// Takes up to so many; answers how many.
    fn draw(&mut self, wanted: usize, now: Duration) -> usize {
        let passed = now.saturating_sub(self.at).as_millis();
        let grown = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(REFILL.0);
        self.parts = self.parts.saturating_add(grown).min(Self::FULL);
        // What is less than a millisecond counts the next time.
        self.at = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let granted = (wanted as u64).min(self.parts / Self::WHOLE);
        self.parts -= granted * Self::WHOLE;
        granted as usize
    }
}

fn dead_letter(member: &MemberKey, dead: DeadJob) -> EventKind {
    let DeadJob { queue, job, attempt, error, found } = dead;
    // A member can name no other worker than its own.
    let variant = found.map_or_else(|| member.variant.clone(), |found| found.variant);
    let member = MemberKey { worker: member.worker.clone(), variant };
    EventKind::DeadLetter { queue, job, member, attempt, error }
}
