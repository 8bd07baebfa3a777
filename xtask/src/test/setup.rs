//! What the other stages need on the machine: installed on Debian as root, else named exactly.

use std::path::Path;
use std::process::Command;

use super::report::Outcome;
use crate::peers;
use crate::process::{self, cargo, program};

/// What a tool is found by, and the package of Debian that brings it.
const PROGRAMS: [(&str, &str); 8] = [
    ("cc", "gcc libc6-dev"), // links every Rust program; compiles ring
    ("c++", "g++"),          // compiles libFuzzer
    ("git", "git"),
    ("openssl", "openssl"),       // certificates for tests
    ("prometheus", "prometheus"), // a test has it look at a mesh
    ("chromium", "chromium"),     // looks at the dashboard
    ("chromedriver", "chromium-driver"),
    ("redis-server", "redis-server"), // tests of shared queues start their own
];

/// Parts of the Rust toolchain: the subcommand of cargo and the component that brings it.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// The manifests of what has a lock file of its own.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "fuzz/Cargo.toml", peers::MANIFEST];

/// Finds what is missing and installs it where that is possible; loads all crates, so that no later
/// stage depends on the network.
pub(crate) fn run() -> Outcome {
    provide(&PROGRAMS).and_then(|()| components()).and_then(|()| crates()).into()
}

fn crates() -> Result<(), String> {
    for manifest in MANIFESTS {
        process::run(&mut cargo(&["fetch", "--locked", "--manifest-path", manifest]))?;
    }
    if process::succeeds(&mut cargo(&["nextest", "--version"])) {
        return Ok(());
    }
    // Without it the tests run as well, but none is given a second chance.
    if let Err(why) = process::run(&mut cargo(&["install", "cargo-nextest", "--locked"])) {
        println!("the tests run without cargo-nextest: {why}");
    }
    Ok(())
}

/// Installs those of `programs` that are missing: what each is found by, and its packages.
///
/// # Errors
/// They cannot be installed here; the text says what to type.
pub(crate) fn provide(programs: &[(&str, &str)]) -> Result<(), String> {
    let packages: Vec<&str> = programs
        .iter()
        .filter(|(name, _)| process::find(name).is_none())
        .flat_map(|(_, packages)| packages.split(' '))
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    let advice = format!("install: apt-get install -y {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() {
        return Err(format!("missing tools; on Debian {advice}"));
    }
    if !is_root() {
        return Err(format!("missing tools and not root; as root {advice}"));
    }
    process::run(&mut apt(&["update"]))?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    process::run(install.args(&packages))
}

fn components() -> Result<(), String> {
    for (subcommand, component) in COMPONENTS {
        if process::succeeds(&mut cargo(&[subcommand, "--version"])) {
            continue;
        }
        if process::find("rustup").is_none() {
            return Err(format!("no `cargo {subcommand}` and no rustup; install {component}"));
        }
        process::run(program("rustup").args(["component", "add", component]))?;
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = program("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    let id = program("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
