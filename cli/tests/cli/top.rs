//! `meshwork top` against a master that runs: as text, as JSON, and on a terminal.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::binary::{Folder, RunningMaster, SCHEMA};

#[test]
fn a_frame_is_printed_where_there_is_no_terminal() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let access = ["--master", master.http(), "--state-dir", "state"];
    let top = |arguments: &[&str]| folder.run(&[&["top"], arguments, &access].concat());
    let text = top(&[]).code(0).out;
    assert!(text.starts_with("meshwork top  http://127.0.0.1:"), "{text}");
    assert!(text.contains("no members: start a worker"), "{text}");
    assert!(text.contains("master_started"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where nobody looks: {text}");
    let json = top(&["--json"]).code(0).json();
    assert_eq!(json["mesh"]["members"].as_array().unwrap().len(), 0);
    assert_eq!(json["events"][0]["kind"], "master_started");
    folder.run(&["top", "--master", master.http()]).code(77);
    folder.run(&["top", "--master", "http://127.0.0.1:1"]).code(69);
    assert_eq!(master.stop().code, 0);
}

/// On a pseudo-terminal of util-linux's `script`; passed over where there is none.
#[test]
fn q_ends_it_and_gives_the_terminal_back() {
    if !Command::new("script").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        eprintln!("SKIPPED: there is no `script` (util-linux)");
        return;
    }
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let binary = env!("CARGO_BIN_EXE_meshwork");
    // What the terminal is set to before and after is told by `stty`.
    let shell = format!(
        "stty rows 24 cols 80; stty -a > before; {binary} top --master {} --state-dir state; \
         echo exit $? > code; stty -a > after",
        master.http()
    );
    let mut child = Command::new("script")
        .args(["-q", "-f", "-e", "-c", &shell, "typescript"])
        .current_dir(folder.path("."))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let screen = || std::fs::read(folder.path("typescript")).unwrap_or_default();
    let shows = |text: &str| String::from_utf8_lossy(&screen()).contains(text);
    let until = |text: &str| {
        for _ in 0..600 {
            if shows(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never showed {text:?}: {}", String::from_utf8_lossy(&screen()));
    };
    let mut keys = child.stdin.take().unwrap();
    until("no members: start a worker");
    keys.write_all(b"4").unwrap();
    until("master_started");
    keys.write_all(b"q").unwrap();
    // Left the second screen, which it had taken.
    until("\x1b[?1049l");
    let status = child.wait().unwrap();
    drop(keys);
    assert!(status.success(), "{status}");
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(read("code"), "exit 0\n");
    assert_eq!(read("after"), read("before"));
    assert!(shows("\x1b[?1049h") && shows("\x1b[?25h"), "took the screen, showed the cursor again");
    assert_eq!(master.stop().code, 0);
}
