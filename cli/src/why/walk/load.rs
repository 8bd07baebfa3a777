//! Whether there is room for another call, and whether the queue runs.

use std::time::Duration;

use meshwork_master::http::dto::{CallRates, CommandRow, QueueRow, QueueStoreState, TrafficRow};
use meshwork_schema::{Variant, duration};

use super::super::step::Step;
use super::{Walk, count};
use crate::age::age;

/// Jobs that could run but wait for longer than this say that too few instances take them.
const WAITS_LONG: Duration = Duration::from_secs(60);

/// Rates below this are of a call now and then.
const SOME_PER_SECOND: f64 = 0.01;

/// What runs against what may, and how the caller's calls end.
pub(super) fn load(walk: &Walk<'_>) -> Option<Step> {
    let mesh = &walk.facts.mesh;
    let is_command =
        |row: &&CommandRow| (&row.worker, &row.command) == (&walk.callee.name, &walk.command.name);
    let is_traffic = |row: &&TrafficRow| {
        (&row.from, &row.to, &row.command)
            == (&walk.caller.name, &walk.callee.name, &walk.command.name)
    };
    let served = mesh.commands.iter().find(is_command);
    let asked = mesh.traffic.iter().find(is_traffic).map(|row| row.per_second);
    let instances = walk.serving().count();
    let mut what = match served {
        Some(row) => format!("{} running", row.running),
        None => "no figures of the callee yet".to_owned(),
    };
    let room = room(walk, instances);
    if let (Some(room), Some(_)) = (room, served) {
        what.push_str(&format!(" of {room} (concurrency and backlog of {instances})"));
    }
    if let Some(rates) = asked.filter(|rates| rates.total() >= SOME_PER_SECOND) {
        what.push_str(&format!("; {} asks {:.1}/s", walk.caller.name, rates.total()));
    }
    let is_full = room.zip(served).is_some_and(|(room, row)| row.running >= room && room > 0);
    // Jobs wait in their queue, not in the backlog.
    if is_full && !walk.command.queued {
        return Some(Step::no("load", format!("full: {what}"), MORE));
    }
    Some(ended(what, asked.unwrap_or_default(), served.map(|row| row.per_second)))
}

const MORE: &str = "Calls beyond that are not executed (overloaded): safe to retry after a pause.\n\
                    Start more instances, or raise `concurrency` or `backlog` in the schema.";

const OTHERWISE: &str = "There is room for them. The error that callers get names the reason:\n\
                         no link or no instance yet, draining, not allowed, refused arguments,\n\
                         or a deadline that passed before.";

/// What the rates say: how the caller's calls end, or as the callee counts if that is all there is.
fn ended(what: String, asked: CallRates, served: Option<CallRates>) -> Step {
    let rates = if asked.total() > 0.0 { asked } else { served.unwrap_or_default() };
    let some = |rate: f64| rate >= SOME_PER_SECOND;
    if some(rates.not_executed) {
        let (refused, advice) = refused(&what, rates);
        if !some(rates.ok + rates.failed + rates.unknown) {
            let advice = format!("None gets through. {advice}");
            return Step::no("load", refused, advice);
        }
        return Step::doubt("load", refused, advice);
    }
    if some(rates.unknown) {
        let what = format!("{what}, {:.1}/s of unknown outcome", rates.unknown);
        let advice = "Replies do not come before the deadline, or links break: look at p99\n\
                      against `timeout` (`meshwork top`), and for link_down (`meshwork events`).";
        return Step::doubt("load", what, advice);
    }
    if some(rates.failed) {
        let what = format!("{what}, {:.1}/s failed", rates.failed);
        let advice = "The handler says no: the callee's log, and the caller's error, say why.";
        return Step::doubt("load", what, advice);
    }
    Step::yes("load", what)
}

/// What calls that are not executed come to: no room for them, or refused for another reason.
fn refused(what: &str, rates: CallRates) -> (String, String) {
    let other = rates.not_executed - rates.overloaded;
    let text = match (rates.overloaded >= SOME_PER_SECOND, other >= SOME_PER_SECOND) {
        (true, true) => format!(
            "{what}, {:.1}/s not executed: {:.1}/s overloaded, {other:.1}/s refused otherwise",
            rates.not_executed, rates.overloaded
        ),
        (true, false) => format!("{what}, {:.1}/s overloaded", rates.overloaded),
        (false, _) => format!("{what}, {:.1}/s refused, and not for load", rates.not_executed),
    };
    let advice = if rates.overloaded >= other { MORE } else { OTHERWISE };
    (text, advice.to_owned())
}

/// Calls that all instances take at a time; `None` if that is the worker's own affair.
fn room(walk: &Walk<'_>, instances: usize) -> Option<u64> {
    let each = u64::from(walk.command.concurrency?) + u64::from(walk.command.backlog);
    Some(each.saturating_mul(instances as u64))
}

/// The settings of the queue, and whether it runs.
pub(super) fn queue(walk: &Walk<'_>) -> Option<Step> {
    let command = walk.command;
    if !command.queued {
        return None;
    }
    let name = walk.target();
    // Its own, or that of one of its variants; what members report may say anything.
    let is_ours = |row: &&QueueRow| {
        let of = row.queue.strip_prefix(&name).unwrap_or("@");
        of.is_empty() || of.strip_prefix('@').is_some_and(|variant| Variant::new(variant).is_ok())
    };
    let rows: Vec<&QueueRow> = walk.facts.mesh.queues.iter().filter(is_ours).collect();
    let settings = format!(
        "{} at a time, {}, each of {} at most, lease {}",
        command.concurrency.unwrap_or(1),
        count(command.attempts as usize, "attempt"),
        duration::format(command.run_timeout),
        duration::format(command.lease),
    );
    let sum = |of: fn(&QueueRow) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    let (ready, dead) = (sum(|row| row.ready), sum(|row| row.dead));
    let depth = format!("{ready} wait, {} run, {dead} dead", sum(|row| row.running));
    if let Some(row) = rows.iter().find(|row| row.paused) {
        let what = format!("{} is paused: jobs are stored and none runs; {depth}", row.queue);
        return Some(Step::no("queue", what, format!("meshwork queue resume {}", row.queue)));
    }
    let store = &walk.facts.mesh.queue_store;
    if store.state == QueueStoreState::Unreachable {
        let what = format!("the master does not reach the store of queues; {settings}");
        let advice = store.advice.clone().unwrap_or_default();
        return Some(Step::doubt(
            "queue",
            what,
            format!("If workers do not either, nothing can be stored.\n{advice}"),
        ));
    }
    let oldest = rows.iter().filter_map(|row| row.oldest_ready_ms).max().unwrap_or(0);
    if Duration::from_millis(oldest) >= WAITS_LONG {
        let what = format!("the oldest job has waited for {}; {depth}; {settings}", age(oldest));
        let advice =
            "Too few instances take jobs: start more, or raise `concurrency` in the schema.";
        return Some(Step::doubt("queue", what, advice));
    }
    if dead > 0 {
        let what = format!("{depth}; {settings}");
        return Some(Step::doubt(
            "queue",
            what,
            format!("Why jobs gave up: meshwork queue dead {name}"),
        ));
    }
    let what = if rows.is_empty() { settings } else { format!("{depth}; {settings}") };
    Some(Step::yes("queue", what))
}
