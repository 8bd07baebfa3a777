//! What happens to a member between its welcome and its end.

use std::sync::Arc;

use meshwork_shared::protocol::{Change, Member, MemberKey, Removal, RemovalReason, Status};

use super::roster::Record;
use super::{CloseReason, Effect, LinkEpochs, Now, Registry, SessionId};
use crate::events::EventKind;

impl Registry {
    pub(super) fn ready(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        self.set_status(session, Status::Ready, now, out);
    }

    pub(super) fn draining(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        self.set_status(session, Status::Draining, now, out);
    }

    fn set_status(&mut self, session: SessionId, status: Status, now: Now, out: &mut Vec<Effect>) {
        let Some(key) = self.member_key(session) else { return };
        let Some(record) = self.roster.record_mut(&key) else { return };
        if record.member.status == status {
            return;
        }
        record.member = Arc::new(Member { status, ..Member::clone(&record.member) });
        let member = Arc::clone(&record.member);
        out.extend(EventKind::of_status(key, status).map(Effect::Happened));
        self.announce(Change::Upsert(member), now);
    }

    pub(super) fn leave(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        self.contests.close_session(session);
        if let Some(key) = self.member_key(session) {
            self.remove(&key, RemovalReason::Left, None, now, out);
        }
        out.push(Effect::Left(session));
    }

    /// The master's link to it ended. It stays a member, and nobody is told to close a link to it.
    pub(super) fn link_lost(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        self.contests.close_session(session);
        let Some(record) = self.roster.detach(session, now.at) else { return };
        record.member = Arc::new(Member { status: Status::Lost, ..Member::clone(&record.member) });
        let member = Arc::clone(&record.member);
        out.push(Effect::Happened(EventKind::Lost { member: member.key.clone() }));
        self.announce(Change::Upsert(member), now);
    }

    pub(super) fn resync(&mut self, session: SessionId, out: &mut Vec<Effect>) {
        if let Some(key) = self.member_key(session) {
            self.send_view(&key, session, out);
        }
    }

    /// Sends a fresh ticket, or the present one while it is young.
    pub(super) fn renew(&mut self, session: SessionId, now: Now, out: &mut Vec<Effect>) {
        let Some(key) = self.member_key(session) else { return };
        self.renew_if_old(&key, now);
        if let Some(record) = self.roster.record(&key) {
            out.push(Effect::PushTicket { session, claims: record.claims.clone() });
        }
    }

    /// True if there is a new ticket.
    fn renew_if_old(&mut self, key: &MemberKey, now: Now) -> bool {
        let Some(record) = self.roster.record(key) else { return false };
        if now.unix_s() < record.claims.validity.renew_at() {
            return false;
        }
        let member = Arc::clone(&record.member);
        let claims = self.new_claims(&member, now);
        if let Some(record) = self.roster.record_mut(key) {
            record.set_claims(claims);
        }
        true
    }

    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.settle(now, out);
        self.expire_lost(now, out);
        self.revoked.forget_ended(now.unix_s());
        for (key, session) in self.roster.sessions() {
            if self.renew_if_old(&key, now) {
                self.renew(session, now, out);
            }
        }
        if self.link_epochs.advance(LinkEpochs::at(now.unix_s(), self.config.link_epoch)) {
            let epochs = self.link_epochs;
            let push = |(_, session)| Effect::PushLinkSecrets { session, epochs };
            out.extend(self.roster.sessions().into_iter().map(push));
        }
    }

    /// Ends the rebuild window: from now on, whom the master does not name it does not know.
    fn settle(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.phase.settled || now.at < self.phase.settle_at {
            return;
        }
        self.phase.settled = true;
        for (key, session) in self.roster.sessions() {
            self.send_view(&key, session, out);
        }
    }

    fn expire_lost(&mut self, now: Now, out: &mut Vec<Effect>) {
        if !self.phase.settled {
            return;
        }
        let keep = self.config.lost_keep;
        let expired = self
            .roster
            .records()
            .filter(|(_, record)| record.lost_at.is_some_and(|lost_at| lost_at + keep <= now.at));
        let expired: Vec<_> = expired.map(|(key, _)| key.clone()).collect();
        for key in expired {
            self.remove(&key, RemovalReason::Expired, None, now, out);
        }
    }

    /// Makes sure that a new member fits, if need be by forgetting the one lost for longest.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn make_room(
        &mut self,
        key: &MemberKey,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), usize> {
        if self.roster.record(key).is_some() {
            return Ok(());
        }
        let all = self.roster.len() >= self.config.members_max;
        let worker_full = self.roster.worker_len(&key.worker) >= self.config.worker_members_max;
        let limit = match (worker_full, all) {
            (true, _) => self.config.worker_members_max,
            (false, true) => self.config.members_max,
            (false, false) => return Ok(()),
        };
        let lost =
            self.roster.records().filter(|(other, _)| !worker_full || other.worker == key.worker);
        let lost = lost.filter_map(|(other, record)| Some((record.lost_at?, other.clone())));
        let longest = lost.min().filter(|_| self.phase.settled);
        let (_, longest) = longest.ok_or(limit)?;
        self.remove(&longest, RemovalReason::Expired, None, now, out);
        Ok(())
    }

    /// Removes a member and tells everybody concerned; closes its link if there is a reason to.
    pub(super) fn remove(
        &mut self,
        key: &MemberKey,
        reason: RemovalReason,
        close: Option<CloseReason>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<Record> {
        let record = self.roster.remove(key)?;
        let removal = Removal { key: key.clone(), incarnation: record.member.incarnation, reason };
        self.history.add(removal.clone());
        out.push(Effect::Happened(EventKind::Left { member: key.clone(), reason }));
        self.announce(Change::Remove(removal), now);
        self.contests.hurry(key);
        if let (Some(session), Some(reason)) = (record.session, close) {
            out.push(Effect::CloseLink { session, reason });
        }
        Some(record)
    }

    /// The member on that link.
    pub(super) fn member_key(&self, session: SessionId) -> Option<MemberKey> {
        self.roster.key_of_session(session).cloned()
    }
}
