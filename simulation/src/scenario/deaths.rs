//! Processes fail.

use super::{JOINED, mesh, millis, newcomer, seconds};
use crate::draw::Draw;
use crate::plan::{Action, MASTER, Plan};

pub(super) fn worker_crash(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 4);
    let mut names = plan.names();
    draw.shuffle(&mut names);
    names.truncate(1 + draw.below(3) as usize);
    for name in &names {
        let mut at = draw.time(JOINED, seconds(12));
        // One that fails at its start fails again and again.
        for _ in 0..=draw.below(2) {
            plan.at(at, Action::Crash(name.clone()));
            at += draw.time(millis(100), seconds(6));
            plan.at(at, Action::Restart(name.clone()));
            at += draw.time(millis(100), seconds(8));
        }
        if draw.chance(30) {
            plan.at(at, Action::Crash(name.clone()));
        }
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    plan.goes_on(plan.length(), &names, &[]);
    plan
}

pub(super) fn power_loss(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let name = draw.pick(&plan.names()).clone();
    let lost_at = draw.time(JOINED, seconds(12));
    plan.at(lost_at, Action::PowerOff(name.clone()));
    if draw.chance(70) {
        let back_at = lost_at + draw.time(millis(200), seconds(30));
        plan.at(back_at, Action::PowerOn(name.clone()));
    }
    plan.goes_on(plan.length(), &[&name], &[]);
    plan
}

pub(super) fn master_crash(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let dies_at = draw.time(JOINED, seconds(10));
    let back_at = dies_at + draw.time(millis(200), seconds(40));
    if draw.chance(50) {
        plan.at(dies_at, Action::Crash(MASTER.to_owned()));
        plan.at(back_at, Action::Restart(MASTER.to_owned()));
    } else {
        plan.at(dies_at, Action::PowerOff(MASTER.to_owned()));
        plan.at(back_at, Action::PowerOn(MASTER.to_owned()));
    }
    if draw.chance(30) {
        plan.at(dies_at, Action::ForgetState);
    }
    // Somebody starts while there is no master, and waits.
    let starts = draw.time(dies_at, back_at);
    plan.hosts.push(newcomer(draw, "store-new", "store-new", starts));
    plan.goes_on(plan.length(), &[], &[]);
    plan
}
