//! Faults of every kind at once, all of them over in the end.

use std::time::Duration;

use super::{mesh, millis, pairs, seconds};
use crate::draw::Draw;
use crate::plan::{Action, MASTER, Plan};

/// When the last fault ends at the latest.
const HEALED: Duration = Duration::from_secs(32);

pub(super) fn chaos(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    let names = plan.all_names();
    for _ in 0..4 + draw.below(6) {
        let from = draw.time(seconds(2), seconds(25));
        let until = from + draw.time(millis(300), HEALED - from);
        fault(&mut plan, draw, &names, from, until);
    }
    for (a, b) in pairs(&names) {
        plan.at(HEALED, Action::Release(a, b));
    }
    // Redials wait longer each time they are refused.
    plan.settle = seconds(60);
    plan
}

fn fault(plan: &mut Plan, draw: &Draw, names: &[String], from: Duration, until: Duration) {
    let mut two = names.to_vec();
    draw.shuffle(&mut two);
    let (a, b) = (two[0].clone(), two[1].clone());
    match draw.below(8) {
        0 => {
            plan.at(from, Action::Partition(a.clone(), b.clone()));
            plan.at(until, Action::Repair(a, b));
        }
        1 => {
            plan.at(from, Action::Hold(a.clone(), b.clone()));
            plan.at(until, Action::Release(a, b));
        }
        2 => {
            plan.at(from, Action::OneWay(a.clone(), b.clone()));
            plan.at(until, Action::Repair(a, b));
        }
        3 | 4 => {
            plan.at(from, Action::Crash(a.clone()));
            plan.at(until, Action::Restart(a));
        }
        5 => {
            plan.at(from, Action::PowerOff(a.clone()));
            plan.at(until, Action::PowerOn(a));
        }
        6 => plan.at(from, Action::Clock(a, draw.signed(-8000, 8000))),
        _ if a != MASTER => {
            plan.at(from, Action::Leave(a.clone()));
            plan.at(until.max(from + seconds(4)), Action::Restart(a));
        }
        _ => plan.at(from, Action::ForgetState),
    }
}
