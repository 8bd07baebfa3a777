//! Which changes break what runs. `docs/SCHEMA.md` has the same list for people.

use crate::command::CommandSchema;
use crate::names::WorkerName;
use crate::schema::Schema;

use super::differences::count;
use super::{Change, ChangeKind, Running};

/// Callers named in a reason; more are counted.
const CALLERS_MAX: usize = 5;

/// Says of each change what it breaks, and adds the links that are lost.
pub(super) fn mark(changes: &mut Vec<Change>, old: &Schema, new: &Schema, running: &Running) {
    for change in changes.iter_mut() {
        change.breaks = match change.kind {
            ChangeKind::WorkerRemoved => instances(running, &change.what),
            ChangeKind::CommandRemoved
            | ChangeKind::DeliveryChanged
            | ChangeKind::QueuedChanged
            | ChangeKind::RespondsChanged => used(change, old, running),
            ChangeKind::CallersChanged => shut_out(change, old, new, running),
            // What access means for links is told by the links.
            ChangeKind::WorkerAdded
            | ChangeKind::AccessChanged
            | ChangeKind::LinkRemoved
            | ChangeKind::CommandAdded
            | ChangeKind::OptionChanged => None,
        };
    }
    lost_links(changes, old, new, running);
    lost_queues(changes, old, new, running);
}

fn instances(running: &Running, worker: &str) -> Option<String> {
    match running.instances(worker) {
        0 => None,
        1 => Some("1 instance runs".to_owned()),
        several => Some(format!("{} run", count(several, "instance"))),
    }
}

/// A command goes, or is asked for in another way: who serves it, and who may be calling it?
fn used(change: &Change, old: &Schema, running: &Running) -> Option<String> {
    let (worker, command) = change.what.split_once('.')?;
    let serving = match running.serving(worker, command) {
        0 => None,
        1 => Some("1 instance serves it".to_owned()),
        several => Some(format!("{} serve it", count(several, "instance"))),
    };
    let callers = running.workers().filter(|caller| {
        old.may_call(caller.as_str(), worker, command)
            && (caller.as_str() != worker || running.meet(worker, worker))
    });
    let calling = names(callers).map(|names| format!("{names} may call it"));
    match (serving, calling) {
        (Some(serving), Some(calling)) => Some(format!("{serving}, {calling}")),
        (one, other) => one.or(other),
    }
}

/// A command's `allow` is narrower: who may call it no more, over a link that stays?
fn shut_out(change: &Change, old: &Schema, new: &Schema, running: &Running) -> Option<String> {
    let (worker, command) = change.what.split_once('.')?;
    let queued = new.worker(worker)?.command(command)?.1.queued;
    let shut_out = running.workers().filter(|caller| {
        let caller = caller.as_str();
        old.may_call(caller, worker, command)
            && !new.may_call(caller, worker, command)
            && new.linked(caller, worker)
            // A shared queue takes jobs while nobody is there to run them.
            && (queued || running.meet(caller, worker))
    });
    let names = names(shut_out)?;
    Some(match queued {
        true => format!("{names} may be calling it, and its jobs that wait become dead letters"),
        false => format!("{names} may be calling it"),
    })
}

/// Links between workers that run.
fn lost_links(changes: &mut Vec<Change>, old: &Schema, new: &Schema, running: &Running) {
    let both = |name: &&WorkerName| {
        old.worker(name.as_str()).is_some() && new.worker(name.as_str()).is_some()
    };
    let workers: Vec<_> = running.workers().filter(both).map(WorkerName::as_str).collect();
    for (at, a) in workers.iter().enumerate() {
        for b in &workers[at..] {
            if running.meet(a, b) && old.linked(a, b) && !new.linked(a, b) {
                let breaks = Some(format!(
                    "{} of {a} and {} of {b} are linked",
                    running.instances(a),
                    running.instances(b)
                ));
                let (kind, what) = (ChangeKind::LinkRemoved, format!("{a} - {b}"));
                changes.push(Change { kind, what, detail: String::new(), breaks });
            }
        }
    }
}

/// A worker that runs may enqueue no more for one that does not: there is no link to be lost, and
/// what it enqueued before becomes dead letters.
fn lost_queues(changes: &mut Vec<Change>, old: &Schema, new: &Schema, running: &Running) {
    for callee in old.workers() {
        let Some(after) = new.worker(callee.name.as_str()) else { continue };
        let is_queued = |command: &&CommandSchema| {
            command.queued && after.command(command.name.as_str()).is_some_and(|(_, c)| c.queued)
        };
        let name = callee.name.as_str();
        for command in callee.commands.iter().filter(is_queued) {
            let command = command.name.as_str();
            let shut_out = running.workers().filter(|caller| {
                let caller = caller.as_str();
                old.may_call(caller, name, command)
                    && new.worker(caller).is_some()
                    && !new.linked(caller, name)
                    && !running.meet(caller, name)
            });
            let Some(names) = names(shut_out) else { continue };
            changes.push(Change {
                kind: ChangeKind::CallersChanged,
                what: format!("{name}.{command}"),
                detail: "no link any more".to_owned(),
                breaks: Some(format!(
                    "{names} may be calling it, and its jobs that wait become dead letters"
                )),
            });
        }
    }
}

/// `gateway, front and 3 more workers`; none of nobody.
fn names<'w>(workers: impl Iterator<Item = &'w WorkerName> + Clone) -> Option<String> {
    let shown: Vec<_> = workers.clone().take(CALLERS_MAX).map(WorkerName::as_str).collect();
    if shown.is_empty() {
        return None;
    }
    let more = workers.count() - shown.len();
    let more =
        if more == 0 { String::new() } else { format!(" and {}", count(more, "more worker")) };
    Some(format!("{}{more}", shown.join(", ")))
}
