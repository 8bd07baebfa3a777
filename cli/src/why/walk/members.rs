//! Who is there: callers and callees, the schema that they go by, their handlers and links.

use meshwork_master::http::dto::{MemberRow, MeshLink};
use meshwork_schema::WorkerSchema;
use meshwork_shared::protocol::Status;

use super::super::step::Step;
use super::{Walk, count, names};

/// A master that has just started may not have heard of all.
const UNSETTLED: &str =
    "\nThe master has started a moment ago: workers may not have come back to it yet.";

pub(super) fn callers(walk: &Walk<'_>) -> Option<Step> {
    Some(registered("callers", walk, walk.caller))
}

pub(super) fn callees(walk: &Walk<'_>) -> Option<Step> {
    (walk.caller.name != walk.callee.name).then(|| registered("callees", walk, walk.callee))
}

/// Whether instances of a worker are members, and ready.
fn registered(step: &'static str, walk: &Walk<'_>, worker: &WorkerSchema) -> Step {
    let name = &worker.name;
    let of = |status: Status| {
        walk.facts.members.iter().filter(move |row| row.worker == *name && row.status == status)
    };
    let all = walk.facts.members.iter().filter(|row| row.worker == *name).count();
    let (ready, lost) = (of(Status::Ready).count(), of(Status::Lost).count());
    let unsettled = if walk.facts.mesh.master.settled { "" } else { UNSETTLED };
    let stored = if walk.command.queued && *name == walk.callee.name {
        "\nJobs that are stored wait until one is there."
    } else {
        ""
    };
    if all == 0 {
        let what = format!("no instance of {name} is a member");
        let advice = format!(
            "Start one. If one runs: its log says whom it tries to join and how that ends,\n\
             `meshwork events --kind admission_refused` why the master refused\n\
             it.{stored}{unsettled}"
        );
        return Step::no(step, what, advice);
    }
    if ready + lost == 0 {
        let (joining, draining) = (of(Status::Joining).count(), of(Status::Draining).count());
        let what =
            format!("no instance of {name} is ready: {joining} joining, {draining} draining");
        let advice = match joining {
            0 => format!("They end. Start another one.{stored}"),
            _ => format!(
                "One that joins is ready once it has the links that it waits for; its own\n\
                 `/readyz`, or its log, says what it waits for.{stored}"
            ),
        };
        return Step::no(step, what, advice);
    }
    let what = format!("{ready} of {} ready", count(all, &format!("{name} instance")));
    if lost == 0 {
        return Step::yes(step, what);
    }
    let advice = format!(
        "{} without a link to the master: peers go on with it as long as it answers them. If its\n\
         process is gone, this ends by itself.",
        names(of(Status::Lost))
    );
    Step::doubt(step, format!("{what}, {lost} lost"), advice)
}

pub(super) fn version(walk: &Walk<'_>) -> Option<Step> {
    let number = walk.facts.mesh.master.schema;
    let known = |member: &MemberRow| walk.process(member).and_then(|process| process.schema);
    let is_stale = |member: &&MemberRow| known(member).is_some_and(|schema| schema != number);
    let both = || {
        let callees = walk.live(walk.callee).filter(|_| walk.caller.name != walk.callee.name);
        walk.live(walk.caller).chain(callees)
    };
    let advice = || {
        let name = names(both().filter(is_stale));
        format!(
            "{name} did not take the schema over from the master. Its log says why\n\
             (RUST_LOG=info); starting it anew makes it join with the schema in force."
        )
    };
    let is_whole = |worker| walk.live(worker).all(|member| is_stale(&member));
    for worker in [walk.caller, walk.callee] {
        if is_whole(worker) {
            let what = format!("no instance of {} goes by schema {number}", worker.name);
            return Some(Step::no("version", what, advice()));
        }
    }
    let (all, stale) = (both().count(), both().filter(is_stale).count());
    let unknown = both().filter(|member| known(member).is_none()).count();
    if stale > 0 {
        let what = format!("{} by another schema than {number}", count(stale, "member"));
        return Some(Step::doubt("version", what, advice()));
    }
    if unknown > 0 {
        let what = format!("{} of {} did not say by which schema it goes", unknown, all);
        let advice = "Members say so each second while somebody looks, unless they are lost or\n\
                      of an older version.";
        return Some(Step::doubt("version", what, advice));
    }
    Some(Step::yes("version", format!("{} by schema {number}", count(all, "member"))))
}

pub(super) fn served(walk: &Walk<'_>) -> Option<Step> {
    let (all, serving) = (walk.live(walk.callee).count(), walk.serving().count());
    let target = walk.target();
    let advice = || {
        let without = walk.live(walk.callee);
        let without = without.filter(|row| !row.commands.contains(&walk.command.name));
        format!(
            "{}: built before the command was, or without its `.handle(...)`. Build it with one,\n\
             and start it anew.",
            names(without)
        )
    };
    if serving == 0 {
        let what = format!("no instance has a handler for {target}");
        return Some(Step::no("served", what, advice()));
    }
    let what = format!("{serving} of {all} have a handler for {target}");
    Some(if serving < all {
        Step::doubt("served", what, advice())
    } else {
        Step::yes("served", what)
    })
}

pub(super) fn links(walk: &Walk<'_>) -> Option<Step> {
    if walk.is_own_queue() {
        return None;
    }
    let links = &walk.facts.mesh.links;
    let linked = |a: &MemberRow, b: &MemberRow| {
        let (Some(a), Some(b)) = (walk.place(a), walk.place(b)) else { return false };
        links.iter().any(|link: &MeshLink| [(link.a, link.b), (link.b, link.a)].contains(&(a, b)))
    };
    let is_other =
        |a: &MemberRow, b: &MemberRow| (&a.worker, &a.variant) != (&b.worker, &b.variant);
    let peers = |caller: &MemberRow| {
        let peers = walk.serving().filter(|callee| is_other(caller, callee));
        peers.map(|callee| linked(caller, callee)).collect::<Vec<_>>()
    };
    let (mut open, mut possible, mut without) = (0, 0, Vec::new());
    for caller in walk.live(walk.caller) {
        let peers = peers(caller);
        let has = peers.iter().filter(|linked| **linked).count();
        (open, possible) = (open + has, possible + peers.len());
        if has == 0 {
            without.push(caller);
        }
    }
    let what = format!("{open} of {}", count(possible, "possible link"));
    let advice = dialing(walk);
    if open == 0 {
        return Some(unlinked(walk, advice));
    }
    if !without.is_empty() {
        let what = format!("{what}; none to {}", names(without.into_iter()));
        return Some(Step::doubt("links", what, advice));
    }
    Some(if open < possible {
        Step::doubt("links", what, advice)
    } else {
        Step::yes("links", what)
    })
}

/// No caller is linked to any callee.
fn unlinked(walk: &Walk<'_>, advice: String) -> Step {
    let (caller, callee) = (&walk.caller.name, &walk.callee.name);
    let what = format!("no link between {caller} and {callee}");
    let mut both = walk.live(walk.caller).chain(walk.serving());
    if !both.any(|member| walk.process(member).is_some()) {
        let what = format!("not known: neither {caller} nor {callee} has reported its links");
        return Step::doubt("links", what, "Ask again in a few seconds.");
    }
    if walk.command.queued {
        let advice = format!("A queue in a shared store needs none; one in memory does.\n{advice}");
        return Step::doubt("links", what, advice);
    }
    Step::no("links", what, advice)
}

/// Who dials whom where, and where to look when that fails.
fn dialing(walk: &Walk<'_>) -> String {
    let Some((dialer, listener)) = walk.dials() else { return String::new() };
    let address = walk.live(listener).find_map(|member| member.addresses.first());
    let at = match address {
        Some(address) => format!("{} at {address}", listener.name),
        None => format!("{} (it has no address to be dialled at: `advertise`)", listener.name),
    };
    let me = &dialer.name;
    format!(
        "{me} dials {at}. Is that reachable from where {me} runs? Its log says how each\n\
         dial ends (RUST_LOG=info), its `/v1/peers` whom it is linked to. Just started: ask again."
    )
}
