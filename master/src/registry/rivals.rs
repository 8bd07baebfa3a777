//! One variant, one holder: a join that finds another process in its place.
//!
//! A holder that answers a PING stays, and the newcomer is refused; one that does not is fenced. A
//! holder that has just been lost gets the same time to come back. A ticket with a higher
//! incarnation outranks whoever holds the variant without asking.

use meshwork_shared::protocol::{MemberKey, Refusal, RemovalReason};

use super::admission::key_of;
use super::contests::Contest;
use super::{Audit, CloseReason, Effect, JoinRequest, Now, ProbeId, Registry};

impl Registry {
    /// Admits a join that nothing else stands against, unless a member is in its way.
    pub(super) fn admit_or_contest(
        &mut self,
        request: Box<JoinRequest>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        // A holder that is found dead makes room, and another may be behind it: one for the
        // variant, one for the node key.
        while let Some(holder) = self.rival(&request, now) {
            if self.contests.is_contested(&holder) {
                return self.refuse_taken(&request, &holder, out);
            }
            let Some(record) = self.roster.record(&holder) else { break };
            let deadline = record.lost_at.unwrap_or(now.at) + self.config.probe_timeout;
            let session = record.session;
            if deadline > now.at {
                let probe = self.contests.open(holder, request, deadline);
                if let Some(session) = session {
                    let within = self.config.probe_timeout;
                    out.push(Effect::ProbeHolder { probe, session, within });
                }
                return;
            }
            self.fence(&holder, now, out);
        }
        self.admit(&request, now, out);
    }

    /// The member that has to be gone before the join can be carried out.
    fn rival(&self, request: &JoinRequest, now: Now) -> Option<MemberKey> {
        let key = key_of(request);
        if let Some(record) = self.roster.record(&key) {
            let shown = self.shown_incarnation(request, now);
            let outranked = shown.is_some_and(|shown| shown > record.member.incarnation);
            if !record.is_process(request.node, request.join.process) && !outranked {
                return Some(key);
            }
        }
        self.roster.key_of_node(request.node).filter(|other| **other != key).cloned()
    }

    fn refuse_taken(&self, request: &JoinRequest, holder: &MemberKey, out: &mut Vec<Effect>) {
        let Some(record) = self.roster.record(holder) else {
            return self.refuse(request, Refusal::KeyInUse { key: holder.clone() }, out);
        };
        let refusal = if *holder == key_of(request) {
            Refusal::NameTaken {
                key: holder.clone(),
                incarnation: record.member.incarnation,
                since_unix_ms: record.since_unix_ms,
            }
        } else {
            Refusal::KeyInUse { key: holder.clone() }
        };
        self.refuse(request, refusal, out);
    }

    pub(super) fn fence(&mut self, holder: &MemberKey, now: Now, out: &mut Vec<Effect>) {
        let close = Some(CloseReason::Fenced);
        if let Some(record) = self.remove(holder, RemovalReason::Replaced, close, now, out) {
            let incarnation = record.member.incarnation;
            out.push(Effect::Audit(Audit::Fenced { key: holder.clone(), incarnation }));
        }
    }

    // === how a contest ends ===

    pub(super) fn probe_answered(&mut self, probe: ProbeId, now: Now, out: &mut Vec<Effect>) {
        if let Some(contest) = self.contests.close_probe(probe) {
            self.holder_lives(contest, now, out);
        }
    }

    pub(super) fn holder_lives(&mut self, contest: Contest, now: Now, out: &mut Vec<Effect>) {
        if self.roster.record(&contest.holder).is_some() {
            self.refuse_taken(&contest.request, &contest.holder, out);
        } else {
            self.take_up(contest, now, out);
        }
    }

    pub(super) fn probe_timed_out(&mut self, probe: ProbeId, now: Now, out: &mut Vec<Effect>) {
        if let Some(contest) = self.contests.close_probe(probe) {
            self.fence_and_take_up(contest, now, out);
        }
    }

    pub(super) fn close_due_contests(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(contest) = self.contests.close_due(now.at) {
            self.fence_and_take_up(contest, now, out);
        }
    }

    fn fence_and_take_up(&mut self, contest: Contest, now: Now, out: &mut Vec<Effect>) {
        // The holder may have gone meanwhile, and what it held may be another's by now.
        if self.rival(&contest.request, now).as_ref() == Some(&contest.holder) {
            self.fence(&contest.holder, now, out);
        }
        self.take_up(contest, now, out);
    }

    /// Goes on with a join that had to wait.
    fn take_up(&mut self, contest: Contest, now: Now, out: &mut Vec<Effect>) {
        match self.judge(&contest.request) {
            Ok(()) => self.admit_or_contest(contest.request, now, out),
            Err(refusal) => self.refuse(&contest.request, refusal, out),
        }
    }
}
