//! The network fails: packets are lost, or late.

use std::time::Duration;

use super::{JOINED, mesh, millis, pairs, seconds};
use crate::draw::Draw;
use crate::plan::{Action, Kind, MASTER, Notices, Plan};

/// Cuts two hosts off from each other for a while, in one of the ways that a network does.
fn cut(plan: &mut Plan, draw: &Draw, (a, b): (&str, &str), from: Duration, until: Duration) {
    let (a, b) = (a.to_owned(), b.to_owned());
    match draw.below(4) {
        0 => {
            plan.at(from, Action::OneWay(a.clone(), b.clone()));
            plan.at(until, Action::Repair(a, b));
        }
        1 => {
            plan.at(from, Action::Hold(a.clone(), b.clone()));
            plan.at(until, Action::Release(a, b));
        }
        _ => {
            plan.at(from, Action::Partition(a.clone(), b.clone()));
            plan.at(until, Action::Repair(a, b));
        }
    }
}

pub(super) fn master_partition(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let from = draw.time(JOINED, seconds(10));
    let until = from + draw.time(seconds(2), seconds(40));
    for name in plan.names() {
        cut(&mut plan, draw, (MASTER, &name), from, until);
    }
    plan.goes_on(plan.length(), &[], &[]);
    plan
}

pub(super) fn one_cut_off(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let from = draw.time(JOINED, seconds(10));
    // A lease is 15 s, and begins when the dead link is noticed.
    let until = from + draw.time(seconds(20), seconds(50));
    let name = draw.pick(&plan.names()).clone();
    cut(&mut plan, draw, (MASTER, &name), from, until);
    plan.goes_on(plan.length(), &[], &[]);
    plan
}

pub(super) fn worker_partition(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let (a, b) = linked_pair(&plan, draw);
    let from = draw.time(JOINED, seconds(10));
    let until = from + draw.time(millis(500), seconds(25));
    cut(&mut plan, draw, (&a, &b), from, until);
    plan.goes_on(plan.length(), &[], &[(&a, &b)]);
    plan
}

pub(super) fn half_open(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let (a, b) = linked_pair(&plan, draw);
    let from = draw.time(JOINED, seconds(12));
    let until = from + draw.time(seconds(18), seconds(25));
    if draw.chance(50) {
        plan.at(from, Action::Hold(a.clone(), b.clone()));
        plan.at(until, Action::Release(a.clone(), b.clone()));
    } else {
        plan.at(from, Action::Partition(a.clone(), b.clone()));
        plan.at(until, Action::Repair(a.clone(), b.clone()));
    }
    // Dead is who was silent for 15 s; an idle link may have been silent for 5 s before.
    let (earliest, latest) = (from + millis(9900), from + millis(15_200));
    for (host, peer) in [(&a, &b), (&b, &a)] {
        let (host, peer) = (host.clone(), peer.clone());
        plan.notices.push(Notices { host, peer, from: earliest, until: latest });
    }
    plan.goes_on(plan.length(), &[], &[(&a, &b)]);
    plan
}

/// What others see of a process that is stopped for 30 s: silence, then all of it at once.
pub(super) fn stopped_worker(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let name = draw.pick(&plan.names()).clone();
    let from = draw.time(JOINED, seconds(10));
    let until = from + draw.time(seconds(16), seconds(40));
    for other in plan.all_names().into_iter().filter(|other| *other != name) {
        plan.at(from, Action::Hold(name.clone(), other.clone()));
        plan.at(until, Action::Release(name.clone(), other));
    }
    plan.goes_on(plan.length(), &[&name], &[]);
    plan
}

pub(super) fn partition_of_all(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let from = draw.time(JOINED, seconds(10));
    let until = from + draw.time(seconds(1), seconds(40));
    for (a, b) in pairs(&plan.all_names()) {
        cut(&mut plan, draw, (&a, &b), from, until);
    }
    plan.goes_on(from, &[], &[]);
    plan
}

/// A store and whoever is linked to it.
fn linked_pair(plan: &Plan, draw: &Draw) -> (String, String) {
    let store = draw.pick(&plan.named(Kind::Store)).clone();
    let others: Vec<_> = plan.names().into_iter().filter(|name| *name != store).collect();
    (store, draw.pick(&others).clone())
}
