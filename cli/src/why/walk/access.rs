//! What the schema says about who may link to whom, and who may call.

use meshwork_schema::{Access, WorkerName, WorkerSchema};

use super::super::step::Step;
use super::Walk;
use crate::call::advice;

/// Where a schema is changed.
const APPLY: &str = "Write into the schema, and put it in force (`meshwork schema apply FILE`):";

pub(super) fn connect(walk: &Walk<'_>) -> Option<Step> {
    if walk.is_own_queue() {
        let what = format!("{} gives its own queue jobs: no link is needed", walk.caller.name);
        return Some(Step::yes("_connect", what));
    }
    let (caller, callee) = (walk.caller, walk.callee);
    let wants = |from: &WorkerSchema, to: &WorkerSchema| from.connect.names(to.name.as_str());
    let dialer_and_listener = walk.dials().or_else(|| {
        // It is `_allow` that says no, if one of them wants to dial.
        let either = [(caller, callee), (callee, caller)];
        either.into_iter().find(|(from, to)| wants(from, to))
    });
    if let Some((dialer, listener)) = dialer_and_listener {
        let both_ways = if dialer.name == caller.name { "" } else { "; calls go both ways" };
        let what = format!("{} dials {}{both_ways}", dialer.name, listener.name);
        return Some(Step::yes("_connect", what));
    }
    let what =
        format!("nobody dials: `_connect` of `{}` does not name {}", caller.name, callee.name);
    let list = advice::with(Some(&caller.connect), callee.name.as_str());
    let mut lines = format!("{APPLY}\n\n[{}]\n_connect = {list}\n", caller.name);
    if !callee.allow.names(caller.name.as_str()) {
        let list = advice::with(Some(&callee.allow), caller.name.as_str());
        lines.push_str(&format!("\n[{}]\n_allow = {list}\n", callee.name));
    }
    Some(Step::no("_connect", what, lines))
}

pub(super) fn allow(walk: &Walk<'_>) -> Option<Step> {
    if walk.is_own_queue() {
        return None;
    }
    if let Some((dialer, listener)) = walk.dials() {
        let whom = said(&listener.allow, &dialer.name);
        return Some(Step::yes("_allow", format!("{} lets {whom} link to it", listener.name)));
    }
    let (caller, callee) = (walk.caller, walk.callee);
    let caller_dials = caller.connect.names(callee.name.as_str());
    let (dialer, listener) = if caller_dials { (caller, callee) } else { (callee, caller) };
    let what = format!("`_allow` of `{}` does not name {}", listener.name, dialer.name);
    let list = advice::with(Some(&listener.allow), dialer.name.as_str());
    Some(Step::no("_allow", what, format!("{APPLY}\n\n[{}]\n_allow = {list}\n", listener.name)))
}

pub(super) fn command_allow(walk: &Walk<'_>) -> Option<Step> {
    let (caller, command) = (&walk.caller.name, walk.command);
    let Some(allow) = &command.allow else {
        return Some(Step::yes("allow", format!("all that are linked may call {}", walk.target())));
    };
    if walk.is_own_queue() || command.admits(caller.as_str()) {
        let whom = said(allow, caller);
        return Some(Step::yes("allow", format!("{} lets {whom} call it", walk.target())));
    }
    let what = format!("`allow` of the command `{}` does not name {caller}", walk.target());
    let list = advice::with(Some(allow), caller.as_str());
    let lines = format!("{APPLY}\n\n{} = {{ allow = {list}, ... }}\n", command.name);
    Some(Step::no("allow", what, lines))
}

/// Whom a set names, where it names this one.
fn said(access: &Access, name: &WorkerName) -> String {
    match access {
        Access::AnyNode => "any worker".to_owned(),
        Access::List(_) => name.to_string(),
    }
}
