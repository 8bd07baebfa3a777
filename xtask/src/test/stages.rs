//! The stages of `cargo xtask test`, cheapest and most telling first.

use std::process::Command;

use super::report::Outcome;
use super::{mutation, peers, setup};
use crate::process::{self, cargo, program};
use crate::{e2e, fuzz, soak, tidy, workspace};

/// How long each fuzz target runs here, seconds; `cargo xtask fuzz` runs longer.
const FUZZ_SECONDS: u64 = 10;
/// How many seeds the simulation runs here.
const SEEDS: &str = "100";

/// One check of the repository.
pub(crate) struct Stage {
    /// What `--stage` takes.
    pub(crate) name: &'static str,
    /// What it checks, for `--list`.
    pub(crate) about: &'static str,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
    /// Whether it is skipped when the workspace does not build.
    pub(crate) needs_build: bool,
    /// Whether its failure means that nothing builds.
    pub(crate) gates: bool,
    /// Where it alone compiles, from the root of the repository: `--sweep` takes that away.
    pub(crate) own_target: Option<&'static str>,
    /// Runs it, output passed through.
    pub(crate) run: fn() -> Outcome,
}

/// All stages in the order in which they run.
pub(crate) const STAGES: [Stage; 18] = [
    Stage {
        gates: true,
        needs_build: false,
        ..quick("setup", "compiler, linker, rustfmt and clippy are here", setup::run)
    },
    Stage { needs_build: false, ..quick("fmt", "the code is formatted", fmt) },
    Stage { needs_build: false, ..full("tidy", "house rules that no compiler knows", tidy) },
    Stage { gates: true, ..quick("build", "everything compiles, tests included", build) },
    quick("clippy", "no warning of clippy or rustc", clippy),
    quick("test", "unit, property and integration tests", test),
    full("doctest", "the examples in the documentation run", doctest),
    full("doc", "the documentation builds without a warning", doc),
    full("aead", "the shared crate again, with each of the two ciphers alone", aead),
    full("seeds", "the simulated mesh keeps its promises under faults", seeds),
    full("soak", "no job is lost though everything is killed, in short", soak_in_short),
    full("mutation", "checks that were switched off make their tests fail", mutation::run),
    Stage {
        own_target: Some("fuzz/target"),
        ..full("fuzz", "a short run of every fuzz target", fuzz_smoke)
    },
    Stage {
        own_target: Some("bench/peers/target"),
        ..full("peers", "what the benchmark compares with still builds and answers", peers::run)
    },
    full("dashboard", "the dashboard of a mesh in headless Chromium", e2e::dashboard_stage),
    full("compose", "the example on a container engine, broken while it works", e2e::compose_stage),
    full("k8s", "the example on a Kubernetes cluster, rolled out while it works", e2e::k8s_stage),
    full("deny", "licences, sources and banned crates", deny),
];

const fn quick(name: &'static str, about: &'static str, run: fn() -> Outcome) -> Stage {
    Stage { quick: true, ..full(name, about, run) }
}

const fn full(name: &'static str, about: &'static str, run: fn() -> Outcome) -> Stage {
    Stage { name, about, quick: false, needs_build: true, gates: false, own_target: None, run }
}

fn fmt() -> Outcome {
    let workspace = process::run(&mut cargo(&["fmt", "--all", "--check"]));
    let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
    workspace.and_then(|()| process::run(&mut cargo(&fuzz))).into()
}

fn tidy() -> Outcome {
    tidy::run().into()
}

/// All tests; and the programs that some of them have cargo build again, with fewer features: not
/// beside tests that run in real time.
fn build() -> Outcome {
    let demo = ["build", "--bins", "--package", "meshwork", "--package", "thumbnails"];
    process::run(&mut cargo(&["test", "--workspace", "--no-run"]))
        .and_then(|()| process::run(&mut cargo(&demo)))
        .into()
}

/// Over the whole workspace the features of all members come together, `aead-ring` among them: what
/// the shipped binaries are built with. The second pass sees the libraries as a user of them does.
fn clippy() -> Outcome {
    let shipped = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let library = ["clippy", "-p", "meshwork-worker", "-p", "meshwork-master", "--", "-D"];
    process::run(&mut cargo(&shipped))
        .and_then(|()| process::run(cargo(&library).arg("warnings")))
        .into()
}

fn test() -> Outcome {
    process::run(&mut tests(&["--workspace"])).into()
}

/// The tests of what `selection` names, but for those in documentation: each in a process of its
/// own, and a failing one once more, if nextest is here; `setup` has tried.
fn tests(selection: &[&str]) -> Command {
    let mut command = if process::succeeds(&mut cargo(&["nextest", "--version"])) {
        cargo(&["nextest", "run", "--no-fail-fast"])
    } else {
        cargo(&["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"])
    };
    command.args(selection);
    command
}

fn doctest() -> Outcome {
    process::run(&mut cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])).into()
}

fn doc() -> Outcome {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings")).into()
}

/// The run over the workspace has ring and the simulator's sockets switched on; here the crate runs
/// as a library with default features would have it, and with ring alone.
fn aead() -> Outcome {
    let shared = ["-p", "meshwork-shared"];
    process::run(&mut tests(&shared))
        .and_then(|()| process::run(tests(&shared).args(["--features", "aead-ring"])))
        .into()
}

fn seeds() -> Outcome {
    if !workspace::root().join("simulation/src/main.rs").exists() {
        return Outcome::Skipped("the simulation has no command yet".to_owned());
    }
    process::run(&mut cargo(&["run", "-p", "meshwork-simulation", "--", "--seeds", SEEDS])).into()
}

fn soak_in_short() -> Outcome {
    let is_named = std::env::var_os("MESHWORK_REDIS_SERVER").is_some();
    if !is_named && process::find("redis-server").is_none() {
        let how = "no redis-server (`apt-get install -y redis-server`)";
        return Outcome::Skipped(how.to_owned());
    }
    let ran = soak::build()
        .and_then(|soak| process::run(program(&soak.to_string_lossy()).args(["queue", "--short"])));
    ran.into()
}

fn fuzz_smoke() -> Outcome {
    let targets = match fuzz::targets(&workspace::root()) {
        Ok(targets) => targets,
        Err(error) => return Outcome::Failed(error),
    };
    match fuzz::smoke(&targets, FUZZ_SECONDS) {
        Ok(()) => Outcome::Passed,
        Err(fuzz::Trouble::Missing(what)) => Outcome::Skipped(what),
        Err(fuzz::Trouble::Failed(what)) => Outcome::Failed(what),
    }
}

fn deny() -> Outcome {
    if process::find("cargo-deny").is_none() {
        let how = "no cargo-deny (`cargo install cargo-deny --locked`, some minutes)";
        return Outcome::Skipped(how.to_owned());
    }
    process::run(&mut cargo(&["deny", "check", "bans", "licenses", "sources"])).into()
}
