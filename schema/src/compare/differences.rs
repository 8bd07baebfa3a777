//! What differs between two schemas, whoever runs.

use crate::access::Access;
use crate::canonical::backoff_text;
use crate::command::{CommandSchema, Delivery, OnLeave};
use crate::duration;
use crate::repeat::{Repeat, Schedule};
use crate::schema::{Schema, WorkerSchema};

use super::{Change, ChangeKind};

/// Workers named in a detail; more are counted.
const NAMES_MAX: usize = 10;

/// All differences, by worker and command.
pub(super) fn differences(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut before, mut after) =
        (old.workers().iter().peekable(), new.workers().iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.name.cmp(&new.name),
        };
        let old = order.is_le().then(|| before.next()).flatten();
        let new = order.is_ge().then(|| after.next()).flatten();
        match (old, new) {
            (Some(old), Some(new)) => of_worker(old, new, &mut changes),
            (Some(old), None) => {
                add(&mut changes, ChangeKind::WorkerRemoved, old.name.to_string(), "");
            }
            (None, Some(new)) => {
                let commands = count(new.commands.len(), "command");
                add(&mut changes, ChangeKind::WorkerAdded, new.name.to_string(), &commands);
            }
            (None, None) => return changes,
        }
    }
}

fn of_worker(old: &WorkerSchema, new: &WorkerSchema, changes: &mut Vec<Change>) {
    for (key, old_access, new_access) in
        [("_allow", &old.allow, &new.allow), ("_connect", &old.connect, &new.connect)]
    {
        if old_access != new_access {
            let detail = format!("{key} {} -> {}", access(old_access), access(new_access));
            add(changes, ChangeKind::AccessChanged, new.name.to_string(), &detail);
        }
    }
    for command in &old.commands {
        let what = format!("{}.{}", old.name, command.name);
        match new.command(command.name.as_str()) {
            Some((_, after)) if after == command => {}
            Some((_, after)) => of_command(&what, command, after, changes),
            None => add(changes, ChangeKind::CommandRemoved, what, ""),
        }
    }
    for command in &new.commands {
        if old.command(command.name.as_str()).is_none() {
            let what = format!("{}.{}", new.name, command.name);
            let queued = if command.queued { ", queued" } else { "" };
            let detail = format!("{}{queued}", delivery(command.delivery));
            add(changes, ChangeKind::CommandAdded, what, &detail);
        }
    }
}

fn of_command(what: &str, old: &CommandSchema, new: &CommandSchema, changes: &mut Vec<Change>) {
    let mut changed = |kind, name: &str, before: String, after: String| {
        if before != after {
            add(changes, kind, what.to_owned(), &format!("{name} {before} -> {after}"));
        }
    };
    let [old_delivery, new_delivery] = [old, new].map(|c| delivery(c.delivery).to_owned());
    changed(ChangeKind::DeliveryChanged, "delivery", old_delivery, new_delivery);
    let [old_queued, new_queued] = [old, new].map(|c| c.queued.to_string());
    changed(ChangeKind::QueuedChanged, "queued", old_queued, new_queued);
    let [old_responds, new_responds] = [old, new].map(|c| c.responds.to_string());
    changed(ChangeKind::RespondsChanged, "responds", old_responds, new_responds);
    let [old_allow, new_allow] =
        [old, new].map(|c| c.allow.as_ref().map_or("all linked workers".to_owned(), access));
    changed(ChangeKind::CallersChanged, "allow", old_allow, new_allow);
    for ((name, before), (_, after)) in options(old).into_iter().zip(options(new)) {
        changed(ChangeKind::OptionChanged, name, before, after);
    }
}

/// The options whose change breaks nothing, as the schema writes them.
fn options(command: &CommandSchema) -> [(&'static str, String); 11] {
    [
        ("timeout", duration::format(command.timeout)),
        ("run_timeout", duration::format(command.run_timeout)),
        ("idempotent", command.idempotent.to_string()),
        ("concurrency", command.concurrency.map_or("default".to_owned(), |n| n.to_string())),
        ("backlog", command.backlog.to_string()),
        ("attempts", command.attempts.to_string()),
        ("backoff", backoff_text(command.backoff)),
        ("lease", duration::format(command.lease)),
        ("done_kept", duration::format(command.done_kept)),
        ("schedule", command.repeat.as_ref().map_or("none".to_owned(), repeat)),
        (
            "on_leave",
            match command.on_leave {
                OnLeave::Bury => "bury".to_owned(),
                OnLeave::Keep => "keep".to_owned(),
            },
        ),
    ]
}

fn repeat(repeat: &Repeat) -> String {
    let schedule = match &repeat.schedule {
        Schedule::Every(interval) => format!("every {}", duration::format(*interval)),
        Schedule::Cron(cron) => format!("cron {} {}", cron.expression(), cron.timezone()),
    };
    format!("{schedule}, missed {}", repeat.missed.as_str())
}

fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Balanced => "balanced",
        Delivery::Broadcast => "broadcast",
    }
}

fn access(access: &Access) -> String {
    match access {
        Access::AnyNode => "anyNode".to_owned(),
        Access::List(workers) => {
            let names: Vec<_> = workers.iter().take(NAMES_MAX).map(|name| name.as_str()).collect();
            let more = workers.len().saturating_sub(NAMES_MAX);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("[{}{more}]", names.join(", "))
        }
    }
}

/// `1 instance`, `2 instances`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn add(changes: &mut Vec<Change>, kind: ChangeKind, what: String, detail: &str) {
    changes.push(Change { kind, what, detail: detail.to_owned(), breaks: None });
}
