//! One test for each rule of what breaks.

use proptest::prelude::*;

use super::*;

const OLD: &str = r#"
[store]
_allow = ["front", "store"]
_connect = ["store"]
[store._commands._balanced]
work = {}
save = { queued = true }
[store._commands._broadcast]
flush = {}

[front]
_connect = ["store", "printer"]

[printer]
_allow = ["front"]
[printer._commands._balanced]
print = { queued = true }
"#;

fn schema(text: &str) -> Schema {
    Schema::from_toml(text).unwrap()
}

fn running(instances: &[(&str, &[&str])]) -> Running {
    let mut running = Running::default();
    for (worker, commands) in instances {
        let commands = commands.iter().map(|command| command.parse().unwrap());
        running.add(worker.parse().unwrap(), commands);
    }
    running
}

const STORE: (&str, &[&str]) = ("store", &["work", "save", "flush"]);
const FRONT: (&str, &[&str]) = ("front", &[]);

/// Each change after `from` became `to` in the text, as `kind what`, with what it breaks.
fn changed(from: &str, to: &str, running: &Running) -> Vec<(String, Option<String>)> {
    assert!(OLD.contains(from), "{from}");
    let changes = compare(&schema(OLD), &schema(&OLD.replace(from, to)), running);
    let told = |change: Change| {
        let kind = serde_json::to_value(change.kind).unwrap();
        (format!("{} {}", kind.as_str().unwrap(), change.what), change.breaks)
    };
    changes.changes.into_iter().map(told).collect()
}

fn breaks(from: &str, to: &str, instances: &[(&str, &[&str])]) -> Vec<(String, String)> {
    let changes = changed(from, to, &running(instances));
    changes.into_iter().filter_map(|(change, breaks)| Some((change, breaks?))).collect()
}

fn one(change: &str, breaks: &str) -> Vec<(String, String)> {
    vec![(change.to_owned(), breaks.to_owned())]
}

#[test]
fn equal_schemas_have_no_changes() {
    let changes = compare(&schema(OLD), &schema(OLD), &Running::everything(&schema(OLD)));
    assert_eq!(changes, Changes::default());
}

#[test]
fn a_worker_that_runs_is_not_removed() {
    let printer = &OLD[OLD.find("[printer]").unwrap()..];
    let without = OLD.replace(printer, "").replace(", \"printer\"", "");
    let kinds = |running: &Running| {
        let changes = compare(&schema(OLD), &schema(&without), running);
        let kind = |change: &Change| (change.kind, change.breaks.clone());
        (changes.breaking, changes.changes.iter().map(kind).collect::<Vec<_>>())
    };
    let (breaking, changes) = kinds(&running(&[FRONT]));
    assert_eq!(breaking, 0, "{changes:?}");
    let (breaking, changes) = kinds(&running(&[FRONT, ("printer", &[]), ("printer", &["print"])]));
    let removed = (ChangeKind::WorkerRemoved, Some("2 instances run".to_owned()));
    assert_eq!((breaking, &changes[0]), (1, &removed), "what breaks comes first");
    assert_eq!(changes[1].0, ChangeKind::AccessChanged);
}

#[test]
fn a_command_that_is_served_or_may_be_called_is_not_removed() {
    let gone = |instances| breaks("work = {}\n", "", instances);
    let change = "command-removed store.work";
    assert_eq!(gone(&[]), []);
    assert_eq!(gone(&[STORE]), one(change, "1 instance serves it"));
    assert_eq!(gone(&[("store", &[]), FRONT]), one(change, "front may call it"));
    let of_both = "2 instances serve it, front, store may call it";
    assert_eq!(gone(&[STORE, STORE, FRONT]), one(change, of_both));
    assert_eq!(gone(&[("printer", &["print"])]), [], "it may not call it");
}

#[test]
fn a_link_that_is_used_is_not_forbidden() {
    let narrowed =
        |instances| breaks("_allow = [\"front\", \"store\"]", "_allow = [\"store\"]", instances);
    assert_eq!(narrowed(&[STORE]), [], "nobody is linked to it");
    let linked = "1 of front and 1 of store are linked";
    assert_eq!(narrowed(&[STORE, FRONT]), one("link-removed front - store", linked));
    // The other end of the same link.
    let connect = ("_connect = [\"store\", \"printer\"]", "_connect = [\"printer\"]");
    let lost = breaks(connect.0, connect.1, &[STORE, FRONT]);
    assert_eq!(lost, one("link-removed front - store", linked));
    // A worker needs two instances to be linked to its own kind.
    let own = |instances| breaks("_connect = [\"store\"]", "_connect = []", instances);
    let alone = own(&[STORE]);
    assert_eq!((alone.len(), alone[0].0.as_str()), (1, "callers-changed store.save"));
    let linked = "2 of store and 2 of store are linked";
    assert_eq!(own(&[STORE, STORE]), one("link-removed store - store", linked));
}

#[test]
fn who_dials_may_change() {
    let text = OLD.replace("[front]\n", "[front]\n_allow = [\"store\"]\n");
    let old = schema(&text.replace("_connect = [\"store\"]", "_connect = [\"store\", \"front\"]"));
    let new =
        old.canonical_json().replace("\"_allow\":[\"front\",\"store\"]", "\"_allow\":[\"store\"]");
    let new = Schema::from_json(&new).unwrap();
    assert!(old.dials("front", "store") && !new.dials("front", "store"));
    assert!(!compare(&old, &new, &Running::everything(&old)).is_breaking());
}

#[test]
fn a_caller_that_runs_is_not_shut_out_of_a_command() {
    let narrowed = |instances| breaks("work = {}", "work = { allow = [\"store\"] }", instances);
    assert_eq!(narrowed(&[STORE]), []);
    assert_eq!(narrowed(&[FRONT]), [], "nobody is there to be called");
    let change = "callers-changed store.work";
    assert_eq!(narrowed(&[STORE, FRONT]), one(change, "front may be calling it"));
    let (wide, narrow) = ("save = { queued = true }", "save = { queued = true, allow = [] }");
    let jobs = breaks(wide, narrow, &[FRONT]);
    assert_eq!(jobs[0].0, "callers-changed store.save");
    assert!(jobs[0].1.contains("dead letters"), "jobs wait without anybody: {jobs:?}");
}

#[test]
fn jobs_of_whoever_is_not_linked_any_more_are_lost() {
    let lost = breaks("\"store\", \"printer\"", "\"store\"", &[FRONT]);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].0, "callers-changed printer.print");
}

#[test]
fn how_a_command_is_asked_for_does_not_change_while_it_is_used() {
    let both: &[(&str, &[&str])] = &[STORE, FRONT];
    for (from, to, change) in [
        ("work = {}", "work = { responds = false }", "responds-changed store.work"),
        ("save = { queued = true }", "save = { responds = false }", "queued-changed store.save"),
        ("flush = {}", "flush = { responds = true }", "responds-changed store.flush"),
    ] {
        let broken = breaks(from, to, both);
        assert_eq!(broken, one(change, "1 instance serves it, front may call it"));
        assert_eq!(breaks(from, to, &[]), [], "{change}");
    }
    let moved = OLD.replace("flush = {}", "").replace("work = {}", "work = {}\nflush = {}");
    let changes = compare(&schema(OLD), &schema(&moved), &running(both));
    let delivery = |change: &Change| change.kind == ChangeKind::DeliveryChanged;
    assert!(changes.breaks().any(delivery), "{changes}");
}

#[test]
fn what_only_adds_or_tunes_breaks_nothing() {
    for (from, to) in [
        ("work = {}", "work = { timeout = \"1s\", concurrency = 2, idempotent = true }"),
        ("work = {}", "work = {}\nmore = {}"),
        ("save = { queued = true }", "save = { queued = true, attempts = 9, lease = \"1m\" }"),
        ("save = { queued = true }", "save = { queued = true, every = \"5m\", missed = \"all\" }"),
        ("[printer]\n", "[printer]\n_connect = [\"store\"]\n"),
        ("[printer]\n", "[extra]\n_allow = \"anyNode\"\n[printer]\n"),
        ("_allow = [\"front\", \"store\"]", "_allow = \"anyNode\""),
    ] {
        let changes = changed(from, to, &Running::everything(&schema(OLD)));
        assert!(!changes.is_empty(), "{to}");
        assert!(changes.iter().all(|(_, breaks)| breaks.is_none()), "{to}: {changes:?}");
    }
}

#[test]
fn people_see_what_was_and_what_is() {
    let new = OLD.replace("work = {}", "work = { timeout = \"1s\" }").replace("flush = {}", "");
    let changes = compare(&schema(OLD), &schema(&new), &running(&[STORE]));
    let expected = "\
- command store.flush
    breaks: 1 instance serves it
~ command store.work                       timeout 10s -> 1s
";
    assert_eq!(changes.to_string(), expected);
    let json = serde_json::to_value(&changes).unwrap();
    assert_eq!(json["breaking"], 1);
    assert_eq!(serde_json::from_value::<Changes>(json).unwrap(), changes);
}

#[test]
fn the_list_has_an_end() {
    let commands: String = (0..CHANGES_MAX + 7).map(|n| format!("c{n} = {{}}\n")).collect();
    let new = OLD.replace("work = {}\n", &format!("work = {{}}\n{commands}"));
    let changes = compare(&schema(OLD), &schema(&new), &Running::default());
    assert_eq!((changes.changes.len(), changes.more), (CHANGES_MAX, 7));
    assert!(changes.to_string().ends_with("and 7 more\n"));
}

proptest! {
    /// Without anybody who runs nothing breaks, and a schema that is the same text changes nothing.
    #[test]
    fn nothing_breaks_where_nothing_runs(
        drop_line in 0..OLD.lines().count(),
    ) {
        let kept = OLD.lines().enumerate().filter(|(at, _)| *at != drop_line);
        let text: String = kept.map(|(_, line)| format!("{line}\n")).collect();
        if let Ok(new) = Schema::from_toml(&text) {
            let changes = compare(&schema(OLD), &new, &Running::default());
            prop_assert!(!changes.is_breaking());
            let differs = new.fingerprint() != schema(OLD).fingerprint();
            prop_assert_eq!(differs, !changes.changes.is_empty());
        }
    }
}
