//! Numbers that were given out before this master's start, learnt from what the authority signed.

use std::sync::Arc;

use meshwork_shared::protocol::{Change, Member, MemberKey};
use meshwork_shared::ticket::Claims;

use super::numbers::RESERVE;
use super::roster::Record;
use super::{Audit, Effect, JoinRequest, Now, Registry};

impl Registry {
    /// Takes note of every number that the authority has signed. If they are higher than all known
    /// here, numbers given out since the start may be lower than some given out before it: members
    /// numbered here get new ones, so that nobody takes them for a leftover.
    pub(super) fn learn_numbers(&mut self, request: &JoinRequest, now: Now, out: &mut Vec<Effect>) {
        let mut higher = false;
        for claims in request.presented.iter().chain(&request.witness) {
            for seen in [claims.serial, claims.incarnation.0, claims.schema_version] {
                higher |= self.numbers.observe(seen);
            }
        }
        if let Some(number) = request.proven_schema {
            higher |= self.numbers.observe(number);
        }
        if higher {
            self.renumber_members(now, out);
        }
        let claimed = request.presented.iter().chain(&request.witness);
        let highest_schema = claimed.map(|claims| claims.schema_version).max();
        self.reconcile_schema(request.proven_schema, highest_schema, now, out);
        self.outnumber_claimed_schema(request, now, out);
    }

    /// A worker may go by a schema of an earlier life of this master, of which nothing was kept:
    /// the state is a copy from before that schema. The ticket need not name its number, and a
    /// signature of it proves nothing without its text. So the claim is believed as far as it could
    /// be true: numbers given out before this start are below its epoch, or were put aside for it.
    /// The new number is above all of those: a lie costs one number in the life of a master.
    fn outnumber_claimed_schema(&mut self, request: &JoinRequest, now: Now, out: &mut Vec<Effect>) {
        let Some(known) = &request.join.schema else { return };
        let end = self.epoch.saturating_add(RESERVE);
        let is_other = known.fingerprint != self.schema.fingerprint;
        let could_be = is_other && known.number >= self.schema.number && known.number < end;
        if could_be {
            let number = self.numbers.next(now.unix_ms.max(end));
            self.renumber_schema(number, out);
        }
    }

    fn renumber_members(&mut self, now: Now, out: &mut Vec<Effect>) {
        let numbered =
            |(key, record): (&MemberKey, &Record)| record.numbered_here.then(|| key.clone());
        let keys: Vec<_> = self.roster.records().filter_map(numbered).collect();
        for key in keys {
            let incarnation = self.next_incarnation(now);
            let serial = self.numbers.next(now.unix_ms);
            let Some(record) = self.roster.record_mut(&key) else { continue };
            record.member = Arc::new(Member { incarnation, ..Member::clone(&record.member) });
            record.set_claims(Claims { incarnation, serial, ..record.claims.clone() });
            let member = Arc::clone(&record.member);
            if let Some(session) = record.session {
                let claims = record.claims.clone();
                out.push(Effect::PushTicket { session, claims });
            }
            out.push(Effect::Audit(Audit::Renumbered { key, incarnation }));
            self.announce(Change::Upsert(member), now);
        }
    }
}
