//! A master comes back knowing less than its workers: its clock is a minute behind, what it had
//! written down may be lost, the first to join is a process that takes the name of one that this
//! master has not heard of, and half of the mesh comes back late.

use std::time::Duration;

use super::{JOINED, mesh, millis, newcomer, seconds};
use crate::draw::Draw;
use crate::plan::{Action, Kind, MASTER, Plan};

/// How far the clock of the new master is behind.
const BEHIND_MS: i64 = -60_000;

/// The one that is replaced died with the master.
pub(super) fn late_half(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 4);
    let replaced = draw.pick(&plan.named(Kind::Store)).clone();
    let dies_at = draw.time(JOINED, seconds(10));
    let death = match draw.chance(50) {
        true => Action::Crash(replaced.clone()),
        false => Action::PowerOff(replaced.clone()),
    };
    plan.at(dies_at, death);
    rebuild(&mut plan, draw, dies_at, &replaced);
    plan.goes_on(plan.length(), &[&replaced, "store-new"], &[]);
    plan
}

/// The one that is replaced lives, linked to all others, and comes back to the master late.
pub(super) fn rival(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 4);
    let replaced = draw.pick(&plan.named(Kind::Store)).clone();
    let dies_at = draw.time(JOINED, seconds(10));
    rebuild(&mut plan, draw, dies_at, &replaced);
    // In the end one of the two holds the name; the other is sent away.
    plan.goes_on(plan.length(), &[&replaced, "store-new"], &[]);
    plan
}

fn rebuild(plan: &mut Plan, draw: &Draw, dies_at: Duration, replaced: &str) {
    let mut names = plan.names();
    draw.shuffle(&mut names);
    plan.at(dies_at, Action::Crash(MASTER.to_owned()));
    if draw.chance(50) {
        plan.at(dies_at, Action::ForgetState);
    }
    plan.at(dies_at, Action::Clock(MASTER.to_owned(), BEHIND_MS));
    for name in &names {
        plan.at(dies_at, Action::Partition(MASTER.to_owned(), name.clone()));
    }
    let back_at = dies_at + draw.time(millis(500), seconds(5));
    plan.at(back_at, Action::Restart(MASTER.to_owned()));
    let starts = back_at + draw.time(Duration::ZERO, millis(500));
    plan.hosts.push(newcomer(draw, "store-new", replaced, starts));
    let early = starts + draw.time(seconds(2), seconds(4));
    // Before or after the new master holds its view for whole: twice its lease of 15 s.
    let late = early + draw.time(seconds(5), seconds(45));
    for (number, name) in names.iter().enumerate() {
        let is_late = number * 2 >= names.len() || name == replaced;
        let at = if is_late { late } else { early };
        plan.at(at, Action::Repair(MASTER.to_owned(), name.clone()));
    }
}
