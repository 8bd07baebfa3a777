//! A join: judged on its own, and carried out once nobody is in its way (`rivals.rs`).

use std::net::SocketAddr;
use std::sync::Arc;

use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{Change, Join, Member, MemberKey, Refusal, Status};
use meshwork_shared::ticket::{Bearer, Claims, Validity};

use super::roster::Record;
use super::{Admission, AdmissionKey, Audit, CloseReason, Effect, JoinRequest, Now, Registry};
use crate::events::EventKind;

impl Registry {
    pub(super) fn join(&mut self, mut request: Box<JoinRequest>, now: Now, out: &mut Vec<Effect>) {
        request.join.commands.sort();
        request.join.commands.dedup();
        if let Err(refusal) = self.judge(&request) {
            return self.refuse(&request, refusal, out);
        }
        self.learn_numbers(&request, now, out);
        self.admit_or_contest(request, now, out);
    }

    /// Whether anything but other members stands against a join.
    pub(super) fn judge(&self, request: &JoinRequest) -> Result<(), Refusal> {
        let Join { worker, addresses, status, .. } = &request.join;
        if self.phase.shutting_down {
            return Err(Refusal::Draining);
        }
        if self.roster.key_of_session(request.session).is_some()
            || self.contests.is_waiting(request.session)
        {
            return Err(Refusal::AlreadyJoined);
        }
        match &request.key {
            AdmissionKey::Join(admitted) if admitted != worker => {
                return Err(Refusal::NotYourName { worker: worker.clone() });
            }
            AdmissionKey::Join(_) | AdmissionKey::Mesh => {}
        }
        if self.schema.schema.worker(worker.as_str()).is_none() {
            return Err(Refusal::UnknownWorker { worker: worker.clone() });
        }
        if self.revoked.covers(request.node, request.presented.as_ref()) {
            return Err(Refusal::Revoked);
        }
        if let Some(address) = addresses.iter().find(|address| !is_dialable(address)) {
            let reason = format!(
                "nobody can dial {address}; advertise an address that others reach, with its port"
            );
            return Err(Refusal::Invalid { reason });
        }
        if *status == Status::Lost {
            return Err(Refusal::Invalid { reason: "a worker cannot join as `lost`".into() });
        }
        Ok(())
    }

    pub(super) fn refuse(&self, request: &JoinRequest, refusal: Refusal, out: &mut Vec<Effect>) {
        let (key, node) = (key_of(request), request.node);
        out.push(Effect::Audit(Audit::Refused { key, node, refusal: refusal.clone() }));
        out.push(Effect::Refuse { session: request.session, refusal });
    }

    pub(super) fn admit(&mut self, request: &JoinRequest, now: Now, out: &mut Vec<Effect>) {
        let key = key_of(request);
        if let Err(limit) = self.make_room(&key, now, out) {
            return self.refuse(request, Refusal::Full { limit }, out);
        }
        let kept = self.kept_incarnation(request, now);
        let incarnation = kept.unwrap_or_else(|| self.next_incarnation(now));
        let mut before = self.roster.record(&key).cloned();
        if let Some(record) = before.take_if(|record| record.member.incarnation != incarnation) {
            self.fence(&record.member.key, now, out);
        } else if let Some(old) = before.as_ref().and_then(|record| record.session) {
            out.push(Effect::CloseLink { session: old, reason: CloseReason::Duplicate });
        }
        let member = member_of(request, incarnation, self.schema.number);
        let changed = before.as_ref().is_none_or(|record| *record.member != member);
        let record = self.record_of(request, member, before, kept.is_none(), now);
        let member = Arc::clone(&record.member);
        self.roster.insert(record);
        self.schema.published = true;
        out.push(Effect::Audit(Audit::Admitted {
            key: key.clone(),
            incarnation,
            node: request.node,
            returned: kept.is_some(),
        }));
        let status = EventKind::of_status(key.clone(), member.status);
        out.extend(status.map(Effect::Happened));
        if changed {
            self.announce(Change::Upsert(member), now);
        }
        self.welcome(&key, request, out);
        if let Some(contest) = self.contests.close(&key) {
            // It was asked whether it lives, and came back instead of answering.
            self.holder_lives(contest, now, out);
        }
    }

    fn welcome(&mut self, key: &MemberKey, request: &JoinRequest, out: &mut Vec<Effect>) {
        let session = request.session;
        let mut pages = self.view_pages(key).into_iter();
        let (Some(record), Some(view)) = (self.roster.record(key), pages.next()) else { return };
        let (number, fingerprint) = (self.schema.number, self.schema.fingerprint);
        let known = request.join.schema.as_ref();
        let admission = Admission {
            claims: record.claims.clone(),
            lease: self.config.lease,
            schema_number: number,
            schema_fingerprint: fingerprint,
            schema_known: known
                .is_some_and(|known| known.number == number && known.fingerprint == fingerprint),
            link_epochs: self.link_epochs,
            revoked: self.revoked.list(),
            view,
        };
        out.push(Effect::Welcome { session, admission: Box::new(admission) });
        out.extend(pages.map(|view| Effect::SendView { session, view }));
    }

    /// The incarnation that a process keeps when it comes back; none for a new one.
    fn kept_incarnation(&self, request: &JoinRequest, now: Now) -> Option<Incarnation> {
        let key = key_of(request);
        let shown = self.shown_incarnation(request, now);
        let known = self
            .roster
            .record(&key)
            .filter(|record| record.is_process(request.node, request.join.process))
            .map(|record| record.member.incarnation);
        shown.max(known)
    }

    /// The incarnation in its ticket, if that is in force and was not removed for good.
    pub(super) fn shown_incarnation(&self, request: &JoinRequest, now: Now) -> Option<Incarnation> {
        let shown = self.ticket_in_force(request, now)?.incarnation;
        self.history.permits(&key_of(request), shown).then_some(shown)
    }

    /// What the ticket says, if it is this process's own, for this name, and has not ended.
    fn ticket_in_force<'r>(&self, request: &'r JoinRequest, now: Now) -> Option<&'r Claims> {
        let claims = request.presented.as_ref()?;
        let Bearer::Worker { worker, variant } = &claims.bearer else { return None };
        let own = claims.mesh == self.config.mesh
            && claims.subject == request.node
            && *worker == request.join.worker
            && *variant == request.join.variant;
        (own && claims.validity.not_after >= now.unix_s()).then_some(claims)
    }

    fn record_of(
        &mut self,
        request: &JoinRequest,
        member: Member,
        before: Option<Record>,
        numbered_here: bool,
        now: Now,
    ) -> Record {
        let shown = self.ticket_in_force(request, now).cloned();
        let present = before.as_ref().map(|record| record.claims.clone()).or(shown);
        let young = present.filter(|claims| {
            claims.incarnation == member.incarnation && now.unix_s() < claims.validity.renew_at()
        });
        let claims = young.unwrap_or_else(|| self.new_claims(&member, now));
        let mut record = before.unwrap_or_else(|| Record {
            member: Arc::new(member.clone()),
            process: request.join.process,
            session: None,
            lost_at: None,
            since_unix_ms: now.unix_ms,
            numbered_here,
            claims: claims.clone(),
            older: Vec::new(),
            view_number: 0,
            next_change: 0,
        });
        record.set_claims(claims);
        record.member = Arc::new(member);
        record.session = Some(request.session);
        record.lost_at = None;
        record
    }

    /// The claims of a new ticket.
    pub(super) fn new_claims(&mut self, member: &Member, now: Now) -> Claims {
        Claims {
            mesh: self.config.mesh,
            subject: member.node,
            bearer: Bearer::Worker {
                worker: member.key.worker.clone(),
                variant: member.key.variant.clone(),
            },
            schema_version: self.schema.number,
            serial: self.numbers.next(now.unix_ms),
            incarnation: member.incarnation,
            validity: Validity::starting(now.unix_s()),
        }
    }
}

pub(super) fn key_of(request: &JoinRequest) -> MemberKey {
    let Join { worker, variant, .. } = &request.join;
    MemberKey { worker: worker.clone(), variant: variant.clone() }
}

fn member_of(request: &JoinRequest, incarnation: Incarnation, schema: u64) -> Member {
    Member {
        key: key_of(request),
        incarnation,
        node: request.node,
        addresses: request.join.addresses.clone(),
        schema,
        commands: request.join.commands.clone(),
        status: request.join.status,
    }
}

/// Whether others could reach such an address at all.
fn is_dialable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}
