//! `meshwork events` against a master that runs, and one that is started anew.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::binary::{Folder, Ran, RunningMaster, SCHEMA};

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_listed_and_followed_by_number() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let access = ["--master", master.http(), "--state-dir", "state"];
    let events = |arguments: &[&str]| folder.run(&[&["events"], arguments, &access].concat());
    let ran = events(&["--json"]).code(0);
    let first = &lines(&ran)[0];
    assert_eq!((&first["kind"], &first["number"]), (&"master_started".into(), &1.into()));
    let epoch = first["epoch"].to_string();
    assert!(events(&[]).code(0).out.contains("master_started"), "a line for people");
    assert_eq!(events(&["--after", "1", "--epoch", &epoch]).code(0).out, "");
    assert_eq!(events(&["--kind", "lost,dead_letter"]).code(0).out, "");
    // Numbers of another life are none here, and that is said.
    let old = events(&["--after", "900", "--epoch", "1", "--json"]).code(0);
    assert_eq!(lines(&old)[0]["kind"], "epoch_changed");
    assert_eq!(lines(&old)[1]["number"], 1);
    let said = events(&["--after", "900", "--epoch", "1"]).code(0);
    assert!(said.err.contains("another life of the master"), "{}", said.err);
    let wrong = events(&["--kind", "dead_leter"]).code(64);
    assert!(wrong.err.contains("dead_letter"), "{}", wrong.err);

    // One that follows sees what happens from now on.
    let follow = ["events", "--follow", "--json", "--after", "1", "--epoch", &epoch];
    let mut child =
        folder.command(&[&follow[..], &access].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let timeout = SCHEMA.replace("resize = {}", "resize = { timeout = \"20s\" }");
    folder.write("next.toml", &timeout);
    folder.run(&[&["schema", "apply", "next.toml"], &access[..]].concat()).code(0);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["kind"], &event["number"]), (&"schema_changed".into(), &2.into()));
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    folder.run(&["events", "--master", "http://127.0.0.1:1"]).code(69);
    folder.run(&["events", "--master", master.http()]).code(77);
    assert_eq!(master.stop().code, 0);
}
