//! Joins that wait until the holder of what they claim has shown whether it lives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_shared::protocol::MemberKey;

use super::{JoinRequest, ProbeId, SessionId};

/// A join that waits.
#[derive(Debug)]
pub(super) struct Contest {
    /// The member in its way.
    pub(super) holder: MemberKey,
    /// Who waits.
    pub(super) request: Box<JoinRequest>,
    probe: ProbeId,
    deadline: Duration,
}

/// At most one waiting join per holder, found by whatever may end the waiting.
#[derive(Debug, Default)]
pub(super) struct Contests {
    by_holder: BTreeMap<MemberKey, Contest>,
    by_probe: BTreeMap<ProbeId, MemberKey>,
    by_session: BTreeMap<SessionId, MemberKey>,
    by_deadline: BTreeSet<(Duration, ProbeId)>,
    next_probe: u64,
}

impl Contests {
    pub(super) fn is_contested(&self, holder: &MemberKey) -> bool {
        self.by_holder.contains_key(holder)
    }

    pub(super) fn is_waiting(&self, session: SessionId) -> bool {
        self.by_session.contains_key(&session)
    }

    /// Lets a join wait; the holder must not be contested yet.
    pub(super) fn open(
        &mut self,
        holder: MemberKey,
        request: Box<JoinRequest>,
        deadline: Duration,
    ) -> ProbeId {
        let probe = ProbeId(self.next_probe);
        self.next_probe += 1;
        self.by_probe.insert(probe, holder.clone());
        self.by_session.insert(request.session, holder.clone());
        self.by_deadline.insert((deadline, probe));
        self.by_holder.insert(holder.clone(), Contest { holder, request, probe, deadline });
        probe
    }

    /// Ends the contest for what `holder` has.
    pub(super) fn close(&mut self, holder: &MemberKey) -> Option<Contest> {
        let contest = self.by_holder.remove(holder)?;
        self.by_probe.remove(&contest.probe);
        self.by_session.remove(&contest.request.session);
        self.by_deadline.remove(&(contest.deadline, contest.probe));
        Some(contest)
    }

    /// Ends the contest of that probe.
    pub(super) fn close_probe(&mut self, probe: ProbeId) -> Option<Contest> {
        let holder = self.by_probe.get(&probe)?.clone();
        self.close(&holder)
    }

    /// Ends the contest in which that link waits.
    pub(super) fn close_session(&mut self, session: SessionId) -> Option<Contest> {
        let holder = self.by_session.get(&session)?.clone();
        self.close(&holder)
    }

    /// Makes the contest for what `holder` had due at once.
    pub(super) fn hurry(&mut self, holder: &MemberKey) {
        if let Some(contest) = self.by_holder.get_mut(holder) {
            self.by_deadline.remove(&(contest.deadline, contest.probe));
            contest.deadline = Duration::ZERO;
            self.by_deadline.insert((contest.deadline, contest.probe));
        }
    }

    /// When the next contest is due.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        Some(self.by_deadline.first()?.0)
    }

    /// Ends a contest that is due.
    pub(super) fn close_due(&mut self, now: Duration) -> Option<Contest> {
        let (deadline, probe) = *self.by_deadline.first()?;
        if deadline > now {
            return None;
        }
        self.close_probe(probe)
    }
}
