//! `meshwork demo`, cut short.

use crate::binary::Folder;

#[test]
fn a_mesh_at_work_answers_everything_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let ran = folder.run(&["demo", "--seconds", "10", "--json"]).code(0);
    let summary = ran.json();
    assert_eq!((&summary["unknown"], &summary["not_executed"]), (&0.into(), &0.into()));
    let commands = summary["commands"].as_array().unwrap();
    let names: Vec<_> =
        commands.iter().map(|command| command["command"].as_str().unwrap()).collect();
    assert_eq!(names, ["pricing.quote", "pricing.sales", "stock.reserve", "stock.restock"]);
    for command in commands {
        assert!(command["answered"].as_u64().unwrap() > 0, "{command}");
    }
    // Balanced over all that were there at some time, the one that left and the one that came too.
    let runs = commands[0]["runs"].as_object().unwrap();
    assert_eq!(runs.len(), 4);
    assert!(runs.values().all(|runs| runs.as_u64().unwrap() > 0), "{runs:?}");
    // The handler of `reserve` says no at times, which is no fault of the mesh.
    assert!(commands[2]["failed"].as_u64().unwrap() > 0);
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[test]
fn where_nobody_looks_it_prints_plain_lines() {
    let ran = Folder::new().run(&["demo", "--seconds", "6"]).code(0);
    assert!(ran.out.contains("pricing.quote"), "{}", ran.out);
    assert!(ran.out.contains("has left"), "{}", ran.out);
    assert!(ran.out.contains("no call was lost"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "{}", ran.out);
}

#[test]
fn a_time_that_cannot_be_is_wrong_usage() {
    Folder::new().run(&["demo", "--seconds", "0"]).code(64);
}
