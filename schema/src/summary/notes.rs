//! What a schema may say and hardly anybody means.

use super::{CommandSummary, WorkerSummary};
use crate::access::Access;
use crate::schema::Schema;

/// Most notes that a summary has; the last one counts the rest.
const NOTES_MAX: usize = 100;

/// Names that have no effect, commands that nobody may call, workers without a link.
pub(super) fn notes(
    schema: &Schema,
    workers: &[WorkerSummary],
    commands: &[CommandSummary],
) -> Vec<String> {
    let one_sided = schema.workers().iter().flat_map(|worker| {
        let name = &worker.name;
        let refused = listed(&worker.connect)
            .filter(move |to| !schema.dials(name.as_str(), to))
            .map(move |to| format!("{name} connects to {to}, which does not allow it: no link"));
        let unused =
            listed(&worker.allow).filter(move |from| !schema.dials(from, name.as_str())).map(
                move |from| format!("{name} allows {from}, which does not connect to it: no link"),
            );
        refused.chain(unused)
    });
    let alone = workers
        .iter()
        .filter(|worker| {
            workers.len() > 1 && worker.dials.is_empty() && worker.dialled_by.is_empty()
        })
        .map(|worker| format!("{} has no link to any worker", worker.name));
    let unheard = commands
        .iter()
        .filter(|command| command.callers.is_empty())
        .map(|command| format!("nobody may call {}.{}", command.worker, command.command));
    let without_effect = schema.workers().iter().flat_map(|worker| {
        worker.commands.iter().flat_map(move |command| {
            command.allow.iter().flat_map(listed).filter_map(move |caller| {
                let name = &worker.name;
                let linked = schema.linked(caller, name.as_str());
                (!linked).then(|| {
                    format!("{name}.{} allows {caller}, which has no link to it", command.name)
                })
            })
        })
    });

    let mut all = one_sided.chain(alone).chain(unheard).chain(without_effect);
    let mut notes: Vec<String> = all.by_ref().take(NOTES_MAX - 1).collect();
    let more = all.count();
    if more > 0 {
        notes.push(format!("and {more} more"));
    }
    notes
}

/// The names that are written out.
fn listed(access: &Access) -> impl Iterator<Item = &str> {
    let names = match access {
        Access::AnyNode => None,
        Access::List(workers) => Some(workers.iter().map(|worker| worker.as_str())),
    };
    names.into_iter().flatten()
}
