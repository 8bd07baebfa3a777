//! The schema changes while everybody works.

use super::{JOINED, mesh, millis, seconds};
use crate::draw::Draw;
use crate::plan::{Action, Kind, MASTER, Plan, Rules, Window};

/// How long fronts have, after they may link to stores again, until they are: a dial that was
/// faster than the news is refused and made again after 5 s, and a master may start meanwhile.
const LINKED_AGAIN: u64 = 15;

pub(super) fn live_schema(draw: &Draw) -> Plan {
    let mut plan = mesh(draw, 2, 3);
    // Nobody notices these: numbers of commands move, options change, more workers may link.
    let mut at = draw.time(JOINED, seconds(9));
    for _ in 0..1 + draw.below(4) {
        let rules = if draw.chance(50) { Rules::Tuned } else { Rules::Usual };
        plan.at(at, Action::Schema(rules));
        at += draw.time(millis(20), seconds(2));
    }
    // Fronts may not link to stores for a while.
    let narrowed_at = at + draw.time(millis(100), seconds(2));
    let widened_at = narrowed_at + draw.time(millis(100), seconds(10));
    plan.at(narrowed_at, Action::Schema(Rules::Narrowed));
    plan.at(widened_at, Action::Schema(Rules::Usual));
    plan.narrowed = Some((narrowed_at, widened_at));
    plan.keeps_calls = true;
    if draw.chance(30) {
        // Another life of the master keeps what is in force.
        let restart_at = draw.time(narrowed_at, widened_at);
        plan.at(restart_at, Action::Restart(MASTER.to_owned()));
    }
    plan.settle = seconds(20);
    let disturbed = plan.named(Kind::Front);
    let whole = Window { from: JOINED, until: narrowed_at, ..Window::default() };
    let stores = Window { from: JOINED, until: plan.length(), disturbed, cut: Vec::new() };
    let again = widened_at + seconds(LINKED_AGAIN);
    let after = Window { from: again, until: plan.length(), ..Window::default() };
    plan.windows.extend([whole, stores, after]);
    plan
}
