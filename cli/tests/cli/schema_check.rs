//! `meshwork schema check` and the command line itself, with the real binary.

use crate::binary::{Folder, SCHEMA};

#[test]
fn a_good_schema_is_shown_as_tables() {
    let folder = Folder::new();
    folder.write("mesh.toml", SCHEMA);
    let ran = folder.run(&["schema", "check", "mesh.toml"]).code(0);
    assert!(ran.out.starts_with("3 workers, 2 commands, 2 links\n"), "{}", ran.out);
    assert!(ran.out.contains("thumbnailer.resize"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "no colours where nobody looks");
    assert_eq!(ran.err, "");
}

#[test]
fn every_mistake_is_reported_with_a_caret() {
    let folder = Folder::new();
    folder.write("mesh.toml", "[gateway]\n_alow = []\n_connect = [\"nobody\"]\n");
    let ran = folder.run(&["schema", "check", "mesh.toml"]).code(1);
    assert!(ran.out.contains(" --> mesh.toml:2:1\n"), "{}", ran.out);
    assert!(ran.out.contains("  | ^^^^^\n  = help: did you mean `_allow`?"), "{}", ran.out);
    assert!(ran.out.ends_with("mesh.toml: 2 mistakes\n"), "{}", ran.out);
}

#[test]
fn programs_get_one_line_of_json() {
    let folder = Folder::new();
    folder.write("mesh.toml", SCHEMA);
    let good = folder.run(&["schema", "check", "mesh.toml", "--json"]).code(0).json();
    assert_eq!(good["ok"], true);
    assert_eq!(good["summary"]["commands"][0]["command"], "resize");

    folder.write("mesh.json", "{\"gateway\": {\"_alow\": []}}");
    let bad = folder.run(&["schema", "check", "mesh.json", "--json"]).code(1).json();
    assert_eq!(bad["ok"], false);
    assert_eq!(bad["mistakes"][0]["line"], 1);
    assert_eq!(bad["mistakes"][0]["kind"], "unknown");
}

#[test]
fn a_file_that_cannot_be_read_or_is_no_text() {
    let folder = Folder::new();
    let ran = folder.run(&["schema", "check", "nowhere.toml"]).code(66);
    assert!(ran.err.starts_with("error: nowhere.toml: cannot read the schema"), "{}", ran.err);
    std::fs::write(folder.path("mesh.toml"), b"[gateway]\n\xff\xfe\n").unwrap();
    let ran = folder.run(&["schema", "check", "mesh.toml"]).code(1);
    assert!(ran.out.contains("this is not UTF-8 text"), "{}", ran.out);
}

#[test]
fn wrong_usage_is_64_and_help_is_0() {
    let folder = Folder::new();
    folder.run(&[]).code(64);
    folder.run(&["scheme"]).code(64);
    folder.run(&["schema", "check"]).code(64);
    let ran = folder.run(&["--version"]).code(0);
    assert_eq!(ran.out, format!("meshwork {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every subcommand teaches: its long help has an example and its exit codes.
#[test]
fn help_teaches() {
    let folder = Folder::new();
    let subcommands: [&[&str]; 21] = [
        &["schema", "check"],
        &["keygen"],
        &["keygen", "join"],
        &["keygen", "authority"],
        &["master"],
        &["members"],
        &["members", "revoke"],
        &["call"],
        &["queue"],
        &["queue", "ls"],
        &["queue", "show"],
        &["queue", "watch"],
        &["queue", "peek"],
        &["queue", "dead"],
        &["queue", "retry"],
        &["queue", "purge"],
        &["queue", "pause"],
        &["queue", "resume"],
        &["queue", "rotate-root"],
        &["queue", "forget-roots"],
        &["demo"],
    ];
    for subcommand in subcommands {
        let ran = folder.run(&[subcommand, &["--help"]].concat()).code(0);
        assert!(ran.out.contains("Example"), "{subcommand:?}: {}", ran.out);
        assert!(ran.out.contains("Exit codes: 0 "), "{subcommand:?}: {}", ran.out);
        let command = format!("  meshwork {}", subcommand.join(" "));
        assert!(ran.out.contains(&command), "{subcommand:?}: {}", ran.out);
    }
}
