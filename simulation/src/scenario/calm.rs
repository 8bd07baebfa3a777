//! Nothing fails: joining, dialling, leaving.

use std::time::Duration;

use super::{JOINED, mesh, millis, newcomer, pairs, seconds};
use crate::draw::Draw;
use crate::plan::{Action, Kind, Plan};

pub(super) fn join_and_call(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    plan.settle = seconds(10);
    plan.goes_on(plan.length(), &[], &[]);
    plan
}

/// Equal times and equal ways: both ends of every pair dial in the same step, at the start and
/// whenever their dead link is noticed.
pub(super) fn simultaneous_dial(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 1, 4);
    let way = draw.time(millis(1), millis(20));
    plan.latency = (way, way);
    for host in plan.hosts.iter_mut().filter(|host| host.kind == Kind::Store) {
        host.starts = seconds(1);
        host.skew_ms = 0;
    }
    let cut_at = draw.time(seconds(9), seconds(10));
    let healed_at = cut_at + draw.time(millis(500), seconds(16));
    for (a, b) in pairs(&plan.named(Kind::Store)) {
        plan.at(cut_at, Action::Partition(a.clone(), b.clone()));
        plan.at(healed_at, Action::Repair(a, b));
    }
    plan.goes_on(cut_at, &[], &[]);
    plan
}

pub(super) fn leave_and_replace(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let leaver = draw.pick(&plan.named(Kind::Store)).clone();
    let leaves_at = draw.time(JOINED, seconds(12));
    plan.at(leaves_at, Action::Leave(leaver.clone()));
    // A newcomer that is early finds the name taken, and tries again.
    let early = draw.time(Duration::ZERO, seconds(1));
    let starts = leaves_at - early + draw.time(Duration::ZERO, seconds(4));
    plan.hosts.push(newcomer(draw, "store-new", &leaver, starts));
    plan.settle = seconds(20);
    plan.goes_on(plan.length(), &[], &[]);
    plan
}
