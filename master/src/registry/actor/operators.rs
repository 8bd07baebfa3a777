//! What operators ask of the registry's actor and want of it.

use actix::{Context, Handler, MessageResult};
use meshwork_shared::protocol::MemberKey;

use super::messages::{Counters, CountersNow, MembersNow, NoteAudit, RevokeTickets};
use super::{Event, RegistryActor, RevokeError};
use crate::master::Members;

impl Handler<MembersNow> for RegistryActor {
    type Result = MessageResult<MembersNow>;

    fn handle(&mut self, _: MembersNow, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Members {
            epoch: self.registry.epoch(),
            settled: self.registry.is_settled(),
            members: self.registry.members().collect(),
        })
    }
}

impl Handler<RevokeTickets> for RegistryActor {
    type Result = Result<Vec<MemberKey>, RevokeError>;

    fn handle(
        &mut self,
        RevokeTickets(target): RevokeTickets,
        ctx: &mut Context<Self>,
    ) -> Self::Result {
        self.feed(Event::Revoke(target), ctx);
        self.revoked.take().unwrap_or(Err(RevokeError::UnknownMember))
    }
}

impl Handler<CountersNow> for RegistryActor {
    type Result = MessageResult<CountersNow>;

    fn handle(&mut self, _: CountersNow, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Counters {
            links: self.sessions.len(),
            audit: self.audit.counts(),
            report_rows_left_out: self.figures.left_out(),
            settled: self.registry.is_settled(),
            stopping: self.stopping,
        })
    }
}

impl Handler<NoteAudit> for RegistryActor {
    type Result = ();

    fn handle(&mut self, NoteAudit(audit): NoteAudit, _: &mut Context<Self>) {
        self.audit(audit);
    }
}
