//! `meshwork schema apply` against a master in another process.

use std::time::Duration;

use meshwork_worker::{Sources, Worker};

use crate::binary::{Folder, PATIENCE, Ran, RunningMaster, SCHEMA};

/// Applies a file to the master.
fn apply(folder: &Folder, master: &RunningMaster, arguments: &[&str]) -> Ran {
    let access = ["--master", master.http(), "--state-dir", "state"];
    folder.run(&[&["schema", "apply"], arguments, &access].concat())
}

#[test]
fn a_schema_is_shown_checked_and_put_in_force() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let timeout = SCHEMA.replace("resize = {}", "resize = { timeout = \"20s\" }");
    folder.write("next.toml", &format!("{timeout}\n[another]\n"));
    let ran = apply(&folder, &master, &["next.toml", "--dry-run"]).code(0);
    assert!(ran.out.contains("+ worker  another"), "{}", ran.out);
    assert!(ran.out.contains("timeout 10s -> 20s"), "{}", ran.out);
    assert!(ran.out.ends_with("2 changes; nothing that runs would break\n"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "no colours where nobody looks");
    let ran = apply(&folder, &master, &["next.toml"]).code(0);
    assert!(ran.out.contains("is in force: 2 changes"), "{}", ran.out);
    let json = apply(&folder, &master, &["next.toml", "--json"]).code(0).json();
    assert_eq!(json["outcome"], "unchanged");

    folder.write("broken.toml", "[gateway]\n_alow = []\n");
    let ran = apply(&folder, &master, &["broken.toml"]).code(1);
    assert!(ran.err.contains("did you mean `_allow`?"), "{}", ran.err);
    apply(&folder, &master, &["nowhere.toml"]).code(66);
    folder.run(&["schema", "apply", "next.toml", "--master", master.http()]).code(77);
    folder.run(&["schema", "apply", "next.toml", "--master", "http://127.0.0.1:1"]).code(69);
    folder.run(&["schema", "apply"]).code(64);
    assert_eq!(master.stop().code, 0);

    // What was applied is in force again, and the file as it was is not.
    let master = RunningMaster::start(&folder, &[]);
    master.until_logged("the schema of the last run stays in force");
    let json = apply(&folder, &master, &["next.toml", "--json"]).code(0).json();
    assert_eq!(json["outcome"], "unchanged");
    assert_eq!(master.stop().code, 0);
}

#[tokio::test]
async fn what_breaks_a_worker_that_runs_has_to_be_forced() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &["--lease", "1s"]);
    let secret = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
    let worker = Worker::builder("thumbnailer").sources(Sources::nothing());
    let worker = worker.master(master.mesh()).secret(secret.trim()).variant("one");
    let worker = worker.handle_raw("resize", |_, body| async move { Ok(body) });
    let worker = worker.listen("127.0.0.1:0").start().await.unwrap();
    // The master must have had the time to hear of everybody.
    let access = ["members", "--json", "--master", master.http(), "--state-dir", "state"];
    let is_settled = async {
        while folder.run(&access).code(0).json()["settled"] != true {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_settled).await.expect("it settles");

    let without = SCHEMA.replace("resize = {}\n", "");
    folder.write("next.toml", &without);
    for dry_run in [&["next.toml", "--dry-run"][..], &["next.toml"][..]] {
        let ran = apply(&folder, &master, dry_run).code(1);
        assert!(ran.out.contains("- command thumbnailer.resize"), "{}", ran.out);
        assert!(ran.out.contains("breaks: 1 instance serves it"), "{}", ran.out);
        assert!(ran.err.contains("--force"), "{}", ran.err);
    }
    let json = apply(&folder, &master, &["next.toml", "--json"]).code(1).json();
    assert_eq!((&json["outcome"], &json["changes"]["breaking"]), (&"refused".into(), &1.into()));
    // The file is refused in the same way, and the log says what to type.
    folder.write("mesh.toml", &without);
    master.until_logged("`meshwork schema apply FILE --force`");
    let json = apply(&folder, &master, &["next.toml", "--force", "--json"]).code(0).json();
    assert_eq!(json["outcome"], "changed");
    worker.shutdown().await;
    assert_eq!(master.stop().code, 0);
}

/// A master that ran before is not kept from starting by a file that was broken meanwhile.
#[test]
fn a_broken_file_does_not_keep_the_schema_from_going_on() {
    let folder = Folder::with_mesh(SCHEMA);
    assert_eq!(RunningMaster::start(&folder, &[]).stop().code, 0);
    folder.write("mesh.toml", "[gateway]\n_alow = []\n");
    let master = RunningMaster::start(&folder, &[]);
    master.until_logged("starting with the schema that was in force");
    master.until_logged("the schema file is refused, the old schema stays");
    folder.write("next.toml", SCHEMA);
    let json = apply(&folder, &master, &["next.toml", "--json"]).code(0).json();
    assert_eq!(json["outcome"], "unchanged");
    // Once it is mended it counts again.
    folder.write("mesh.toml", &format!("{SCHEMA}\n[another]\n"));
    master.until_logged("the schema is now number");
    assert_eq!(master.stop().code, 0);
}
