//! `meshwork master` and `meshwork members` as processes of their own.

use crate::binary::{Folder, Ran, RunningMaster, SCHEMA};

#[test]
fn a_master_says_where_it_listens_and_ends_by_a_signal() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    assert!(master.said["mesh"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(master.said["authority"].as_str().unwrap().starts_with("authority1_"));
    let token_file = master.said["token_file"].as_str().unwrap().to_owned();
    let token = std::fs::read_to_string(folder.path(&token_file)).unwrap();

    let ran = folder.run(&["members", "--master", master.http(), "--state-dir", "state"]).code(0);
    assert_eq!(ran.out, "no members\n");
    let ended = master.stop();
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert!(!ended.out.contains(token.trim()), "no token where nobody looks");
    assert!(!ended.err.contains(token.trim()), "no token in the log");
}

#[test]
fn the_authority_that_it_shows_is_that_of_its_folder() {
    let folder = Folder::with_mesh(SCHEMA);
    let public = folder.run(&["keygen", "authority", "--state-dir", "state"]).code(0).out;
    let master = RunningMaster::start(&folder, &[]);
    assert_eq!(master.said["authority"], public.trim());
}

#[test]
fn a_master_is_healthy_until_it_is_gone() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let url = master.http().to_owned();
    for arguments in [vec!["health", &url], vec!["health", "--ready", &url]] {
        let ran = folder.run(&arguments).code(0);
        assert!(ran.out.contains("answers 200"), "{}", ran.out);
    }
    // As a container asks itself.
    let listen = url.strip_prefix("http://").unwrap();
    let mut itself = folder.command(&["health", "--json"]);
    let ran = Ran::from(itself.env("MESHWORK_HTTP_LISTEN", listen).output().unwrap()).code(0);
    assert_eq!(ran.json()["healthy"], true);
    // An answer, but not a good one.
    let ran = folder.run(&["health", &format!("{url}/v1/members")]).code(1);
    assert!(ran.err.contains("answers 401"), "{}", ran.err);
    master.stop();
    let ran = folder.run(&["health", &url, "--json"]).code(1);
    assert_eq!(ran.json()["status"], serde_json::Value::Null);
    folder.run(&["health", "master:7071"]).code(64);
}

#[test]
fn with_join_keys_only_the_secret_itself_lets_nobody_in() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &["--join-keys-only"]);
    let call = ["call", "thumbnailer.resize", "null", "--as", "gateway", "--master"];
    let with = |key: &[&str]| folder.run(&[&call[..], &[master.http()], key].concat());
    let refused = with(&["--secret-file", "mesh.secret"]).code(77);
    assert!(refused.err.contains("secret"), "{}", refused.err);
    let from = ["--secret-file", "mesh.secret", "--state-dir", "state"];
    let keygen = ["keygen", "join", "gateway", "--out", "gateway.key"];
    folder.run(&[&keygen[..], &from].concat()).code(0);
    // It is let in, and finds nobody to ask.
    with(&["--join-key-file", "gateway.key"]).code(10);
}

#[test]
fn members_want_the_token() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let ran = folder.run(&["members", "--master", master.http()]).code(77);
    assert!(ran.err.contains("--token-file"), "{}", ran.err);
    // Another token, but a sound one.
    folder.run(&["keygen", "--out", "other.token"]).code(0);
    let wrong = ["members", "--master", master.http(), "--token-file", "other.token"];
    folder.run(&wrong).code(77);
    let none = ["members", "--master", master.http(), "--token-file", "nowhere"];
    folder.run(&none).code(66);
    let mesh = ["members", "--master", master.mesh(), "--state-dir", "state"];
    folder.run(&mesh).code(64);
}

#[test]
fn nobody_is_revoked_who_is_not_there() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let ran = folder
        .run(&["members", "revoke", "gateway/x", "--master", master.http(), "--state-dir", "state"])
        .code(1);
    assert!(ran.err.contains("404"), "{}", ran.err);
    folder.run(&["members", "revoke", "gateway", "--state-dir", "state"]).code(64);
}

#[test]
fn the_queue_root_is_rotated_and_old_ones_are_forgotten() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let access = ["--master", master.http(), "--state-dir", "state"];
    let queue = |arguments: &[&str]| folder.run(&[&["queue"], arguments, &access].concat());
    let ran = queue(&["rotate-root"]).code(0);
    assert!(ran.out.contains("2 in all"), "{}", ran.out);
    let ran = queue(&["forget-roots", "--json"]).code(0);
    let roots: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(roots["kept"], serde_json::json!([roots["epoch"]]));
    for _ in 0..7 {
        queue(&["rotate-root"]).code(0);
    }
    let ran = queue(&["rotate-root"]).code(1);
    assert!(ran.err.contains("8 queue roots"), "{}", ran.err);
    let wrong = ["queue", "rotate-root", "--master", master.http(), "--token-file", "nowhere"];
    folder.run(&wrong).code(66);
    folder
        .run(&["queue", "rotate-root", "--master", master.mesh(), "--state-dir", "state"])
        .code(64);
}

#[test]
fn where_no_master_is_members_say_so() {
    let folder = Folder::new();
    let ran = folder.run(&["members", "--master", "http://127.0.0.1:1"]).code(69);
    assert!(ran.err.contains("no master answers"), "{}", ran.err);
}

#[test]
fn a_master_without_what_it_needs_says_what() {
    let folder = Folder::with_mesh(SCHEMA);
    let ran = folder.run(&["master", "--schema", "mesh.toml"]).code(64);
    assert!(ran.err.contains("meshwork keygen"), "{}", ran.err);
    let ran = folder.run(&["master", "--secret-file", "mesh.secret"]).code(64);
    assert!(ran.err.contains("--schema FILE"), "{}", ran.err);
    folder.write("mesh.toml", "[gateway]\n_alow = []\n");
    let ran = folder.run(&["master", "--schema", "mesh.toml", "--secret-file", "mesh.secret"]);
    assert!(ran.err.contains("did you mean `_allow`?"), "{}", ran.err);
    assert_eq!(ran.code, 1);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let second = ["master", "--schema", "mesh.toml", "--secret-file", "mesh.secret"];
    let listen = ["--mesh-listen", master.mesh(), "--http-listen", "127.0.0.1:0"];
    let state = ["--state-dir", "other-state"];
    let ran = folder.run(&[&second[..], &listen, &state].concat()).code(1);
    assert!(ran.err.contains(master.mesh()), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_hangup_reads_the_schema_again() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    folder.write("mesh.toml", "[gateway]\n_alow = []\n");
    master.signal("HUP");
    master.until_logged("the schema file is refused, the old schema stays");
    folder.write("mesh.toml", &format!("{SCHEMA}\n[another]\n"));
    master.signal("HUP");
    master.until_logged("the schema is now number");
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &["--log-format", "json"]);
    let ended = master.stop();
    assert!(ended.err.lines().count() >= 3, "{ended:#?}");
    for line in ended.err.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in ["time", "level", "target", "message"] {
            assert!(event[field].is_string(), "no {field} in {line}");
        }
    }
}
