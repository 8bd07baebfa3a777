//! The way of a call, step by step, until something says no. Pure: what the master says goes in.
//!
//! * `access.rs`: what the schema says
//! * `members.rs`: who is there, by which schema, with which handlers and links
//! * `load.rs`: whether there is room, and whether the queue runs

mod access;
mod load;
mod members;
#[cfg(test)]
mod tests;

use meshwork_master::http::dto::{MemberRow, Mesh, MeshMember, ProcessRow};
use meshwork_schema::{CommandSchema, Schema, WorkerName, WorkerSchema};
use meshwork_shared::protocol::Status;

use super::step::{Step, Verdict};
use crate::call::advice;
use crate::call::target::Target;

/// What the master says.
#[derive(Debug)]
pub(super) struct Facts {
    /// The schema in force.
    pub(super) schema: Schema,
    /// Who is a member, with what it serves.
    pub(super) members: Vec<MemberRow>,
    /// The picture: links, load, queues.
    pub(super) mesh: Mesh,
}

/// A walk whose caller, callee and command are in the schema.
struct Walk<'f> {
    facts: &'f Facts,
    caller: &'f WorkerSchema,
    callee: &'f WorkerSchema,
    command: &'f CommandSchema,
}

/// All steps behind the first one, in their order; `None` is one that does not concern the command.
const STEPS: [fn(&Walk<'_>) -> Option<Step>; 10] = [
    access::connect,
    access::allow,
    access::command_allow,
    members::callers,
    members::callees,
    members::version,
    members::served,
    members::links,
    load::queue,
    load::load,
];

/// Goes the way of a call of `caller`: the steps, of which the last one may say no.
pub(super) fn walk(facts: &Facts, caller: &WorkerName, target: &Target) -> Vec<Step> {
    let walk = match Walk::begin(facts, caller, target) {
        Ok(walk) => walk,
        Err(step) => return vec![step],
    };
    let number = facts.mesh.master.schema;
    let kind = walk.kind();
    let mut steps = vec![Step::yes("schema", format!("{target} is {kind}, in schema {number}"))];
    for step in STEPS.iter().filter_map(|step| step(&walk)) {
        let is_end = step.verdict == Verdict::No;
        steps.push(step);
        if is_end {
            break;
        }
    }
    steps
}

impl<'f> Walk<'f> {
    fn begin(facts: &'f Facts, caller: &WorkerName, target: &Target) -> Result<Self, Step> {
        let schema = &facts.schema;
        let worker = |name: &WorkerName| {
            schema.worker(name.as_str()).ok_or_else(|| {
                let names = schema.workers().iter().map(|worker| worker.name.as_str());
                let what = format!("the schema in force has no worker `{name}`");
                Step::no("schema", what, advice::meant(name.as_str(), names))
            })
        };
        let (caller, callee) = (worker(caller)?, worker(&target.worker)?);
        let Some((_, command)) = callee.command(target.command.as_str()) else {
            let names = callee.commands.iter().map(|command| command.name.as_str());
            let what = format!("`{}` has no command `{}`", target.worker, target.command);
            return Err(Step::no("schema", what, advice::meant(target.command.as_str(), names)));
        };
        Ok(Self { facts, caller, callee, command })
    }

    fn kind(&self) -> String {
        let delivery = if self.is_broadcast() { "broadcast" } else { "balanced" };
        if self.command.queued { format!("{delivery} and queued") } else { delivery.to_owned() }
    }

    fn is_broadcast(&self) -> bool {
        self.command.delivery == meshwork_schema::Delivery::Broadcast
    }

    /// Jobs that a worker gives itself, for the schema says when they fall due.
    fn is_own_queue(&self) -> bool {
        self.command.queued && self.caller.name == self.callee.name
    }

    /// Who dials whom: dialer and listener.
    fn dials(&self) -> Option<(&'f WorkerSchema, &'f WorkerSchema)> {
        let (caller, callee) = (self.caller, self.callee);
        let dials = |a: &WorkerSchema, b: &WorkerSchema| {
            self.facts.schema.dials(a.name.as_str(), b.name.as_str())
        };
        if dials(caller, callee) {
            Some((caller, callee))
        } else if dials(callee, caller) {
            Some((callee, caller))
        } else {
            None
        }
    }

    /// `worker.command`.
    fn target(&self) -> String {
        format!("{}.{}", self.callee.name, self.command.name)
    }

    fn members_of(&self, worker: &'f WorkerSchema) -> impl Iterator<Item = &'f MemberRow> {
        self.facts.members.iter().filter(move |member| member.worker == worker.name)
    }

    /// The members that calls may come from or go to. One that is lost to the master is among
    /// them: its peers go on with it.
    fn live(&self, worker: &'f WorkerSchema) -> impl Iterator<Item = &'f MemberRow> {
        let is_live = |member: &&MemberRow| matches!(member.status, Status::Ready | Status::Lost);
        self.members_of(worker).filter(is_live)
    }

    /// The callees that a call may go to: live, and with a handler.
    fn serving(&self) -> impl Iterator<Item = &'f MemberRow> {
        self.live(self.callee).filter(|member| member.commands.contains(&self.command.name))
    }

    /// Where a member stands in the picture.
    fn place(&self, member: &MemberRow) -> Option<usize> {
        let is_it =
            |seen: &MeshMember| (&seen.worker, &seen.variant) == (&member.worker, &member.variant);
        self.facts.mesh.members.iter().position(is_it)
    }

    /// What a member says of itself.
    fn process(&self, member: &MemberRow) -> Option<&'f ProcessRow> {
        self.facts.mesh.members[self.place(member)?].process.as_ref()
    }
}

/// Names of members, a few of them.
fn names<'m>(members: impl Iterator<Item = &'m MemberRow>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = members.map(|row| format!("{}/{}", row.worker, row.variant)).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// `1 thing`, `2 things`.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
