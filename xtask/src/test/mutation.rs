//! Mutation checks: a check of the product is switched off with `cfg(mutate = "NAME")`, and the
//! tests that guard it must then fail. A test that still passes guards nothing.
//!
//! The switch reaches the workspace's crates through a wrapper around rustc, not through
//! `RUSTFLAGS`: cargo keeps what a wrapper compiled apart by the wrapper's path, and only for the
//! members of the workspace, so that the dependencies are not compiled again for each mutation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::Outcome;
use crate::process::{self, cargo};
use crate::workspace;

/// One check that is switched off, and what must notice.
struct Mutation {
    /// The value of the `mutate` cfg, which stands in the sources of the product.
    value: &'static str,
    /// The crate whose tests are run.
    package: &'static str,
    /// Further arguments that choose the test programs, such as `--lib` or `--test NAME`.
    targets: &'static [&'static str],
    /// Tests that must fail, as the ends of their paths; each of them.
    must_fail: &'static [&'static str],
}

/// Every mutation that the sources know; one value may have rows in several crates.
const MUTATIONS: &[Mutation] = &[
    Mutation {
        value: "tag_check",
        package: "meshwork-shared",
        targets: &["--lib"],
        must_fail: &[
            "a_flipped_bit_of_anything_breaks_the_seal",
            "row_6_a_wrong_psk_is_closed_after_the_first_message",
            "row_8_every_flipped_bit_of_the_third_message_is_refused",
            "row_11_a_replayed_dialer_is_closed",
            "row_33_every_flipped_bit_closes",
            "row_34_replay_reorder_drop_and_duplicate_close",
        ],
    },
    Mutation {
        value: "ticket_signature",
        package: "meshwork-shared",
        targets: &["--lib"],
        must_fail: &[
            "row_20_a_forged_signature_is_refused",
            "row_20_every_flipped_bit_is_refused",
            "row_21_another_authority_or_mesh_is_refused",
        ],
    },
    Mutation {
        value: "link_loss_is_not_executed",
        package: "meshwork-shared",
        targets: &["--lib"],
        must_fail: &["link_loss_tells_what_was_sent_from_what_was_not"],
    },
    Mutation {
        value: "allow_check",
        package: "meshwork-worker",
        targets: &["--test", "hostile"],
        must_fail: &[
            "row_25_a_worker_that_allow_lacks_is_denied_after_the_handshake",
            "row_26_commands_that_are_not_there_or_not_for_the_caller",
        ],
    },
    Mutation {
        value: "stale_view_removes",
        package: "meshwork-worker",
        targets: &["--lib"],
        must_fail: &["an_unsettled_view_of_a_new_epoch_removes_nothing"],
    },
    Mutation {
        value: "job_seal",
        package: "meshwork-shared",
        targets: &["--test", "queue_vectors"],
        must_fail: &["every_flipped_bit_and_cut_of_a_sealed_job_is_refused", "every_fact_counts"],
    },
    Mutation {
        value: "job_seal",
        package: "meshwork-queue",
        targets: &["--lib"],
        must_fail: &[
            "row_53_a_tampered_entry_does_not_open",
            "row_53_an_entry_of_a_foreign_queue_does_not_open",
            "row_53_who_may_not_call_cannot_enqueue",
        ],
    },
    Mutation {
        value: "job_access_check",
        package: "meshwork-queue",
        targets: &["--lib"],
        must_fail: &["row_53_an_old_key_does_not_outlive_the_schema_that_gave_it"],
    },
    // The same bugs as the checker of the simulation sees them, and one more: a caller that is
    // forgotten.
    Mutation {
        value: "link_loss_is_not_executed",
        package: "meshwork-simulation",
        targets: &["--test", "promises"],
        must_fail: &["worker_crash_mid_call"],
    },
    Mutation {
        value: "stale_view_removes",
        package: "meshwork-simulation",
        targets: &["--test", "promises"],
        must_fail: &["master_restart_with_half_the_workers_late"],
    },
    Mutation {
        value: "lost_reply",
        package: "meshwork-simulation",
        targets: &["--test", "promises"],
        must_fail: &["join_and_call"],
    },
];

/// Runs every mutation.
pub(crate) fn run() -> Outcome {
    let root = workspace::root();
    let listed: BTreeSet<String> = MUTATIONS.iter().map(|one| one.value.to_owned()).collect();
    let found = match values_in_sources(&root) {
        Ok(found) => found,
        Err(error) => return Outcome::Failed(error),
    };
    if listed != found {
        let odd: Vec<_> = listed.symmetric_difference(&found).cloned().collect();
        return Outcome::Failed(format!(
            "these stand only in the sources or only in the table of xtask/src/test/mutation.rs: \
             {}",
            odd.join(", ")
        ));
    }
    if MUTATIONS.is_empty() {
        return Outcome::Skipped("no `cfg(mutate = ..)` stands in the sources yet".to_owned());
    }
    let failed: Vec<String> = MUTATIONS.iter().filter_map(|one| check(&root, one).err()).collect();
    if failed.is_empty() { Outcome::Passed } else { Outcome::Failed(failed.join("; ")) }
}

/// Runs the tests under one mutation; well when each that must fail did.
fn check(root: &Path, mutation: &Mutation) -> Result<(), String> {
    let value = mutation.value;
    let wrapper = write_wrapper(root, value).map_err(|error| format!("{value}: {error}"))?;
    // Built first: tests that do not compile fail too, and would say nothing.
    let mut build = test_command(mutation, &wrapper);
    process::run(build.arg("--no-run"))
        .map_err(|error| format!("{value} does not build: {error}"))?;

    let mut command = test_command(mutation, &wrapper);
    command.args(["--no-fail-fast", "--"]).args(mutation.must_fail);
    println!("$ {}", process::show(&command));
    let output = command.output().map_err(|error| format!("{value}: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts = verdicts(&printed);
    verdicts.iter().for_each(|(name, failed)| {
        println!("  {value}: {name} {}", if *failed { "fails, as it must" } else { "PASSES" });
    });
    let survived = survivors(mutation.must_fail, &verdicts);
    if survived.is_empty() {
        return Ok(());
    }
    Err(format!("{value} is not noticed by: {}", survived.join(", ")))
}

/// The tests of `must_fail` that did not run or passed.
fn survivors<'a>(must_fail: &[&'a str], verdicts: &[(String, bool)]) -> Vec<&'a str> {
    let failed = |name: &str| verdicts.iter().any(|(test, failed)| *failed && test.ends_with(name));
    must_fail.iter().copied().filter(|name| !failed(name)).collect()
}

/// The name of each test in what libtest printed, and whether it failed.
fn verdicts(printed: &str) -> Vec<(String, bool)> {
    let verdict = |line: &str| {
        let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        // `#[should_panic]` tests carry a remark behind their name.
        let name = name.split(" - ").next().unwrap_or(name);
        Some((name.to_owned(), verdict.starts_with("FAILED")))
    };
    printed.lines().filter_map(verdict).collect()
}

fn test_command(mutation: &Mutation, wrapper: &Path) -> Command {
    let mut command = cargo(&["test", "--package", mutation.package]);
    command.args(mutation.targets).env("RUSTC_WORKSPACE_WRAPPER", wrapper);
    // What is compiled to be wrong is compiled once: notes for the next time are gigabytes of it.
    command.env("CARGO_INCREMENTAL", "0");
    // Failures are expected here: their inputs are not worth keeping in the source tree.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    command
}

/// Writes the wrapper that hands rustc the cfg, one per value.
fn write_wrapper(root: &Path, value: &str) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let folder = root.join("target/mutate");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{value}.sh"));
    fs::write(&path, format!("#!/bin/sh\nexec \"$@\" --cfg 'mutate=\"{value}\"'\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Every value of the `mutate` cfg that the sources outside of this crate name.
fn values_in_sources(root: &Path) -> Result<BTreeSet<String>, String> {
    let files = workspace::files(root).map_err(|error| error.to_string())?;
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.ends_with(".rs") && !file.starts_with("xtask/")) {
        let text = fs::read_to_string(root.join(file)).map_err(|error| error.to_string())?;
        found.extend(values_in(&text));
    }
    Ok(found)
}

fn values_in(text: &str) -> Vec<String> {
    let rest = text.split("mutate = \"").skip(1);
    rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_attributes_and_expressions() {
        let text = "#[cfg(not(mutate = \"tag\"))]\nif cfg!(mutate = \"allow\") {}";
        assert_eq!(values_in(text), ["tag", "allow"]);
    }

    #[test]
    fn a_test_that_passes_or_does_not_run_is_a_survivor() {
        let printed = "running 2 tests\ntest a::flipped_tag ... FAILED\ntest a::other ... ok\n\
                       test a::panics - should panic ... FAILED\ntest result: FAILED.\n";
        let verdicts = verdicts(printed);
        assert_eq!(verdicts.len(), 3);
        let must_fail = ["flipped_tag", "panics", "other", "unknown"];
        assert_eq!(survivors(&must_fail, &verdicts), ["other", "unknown"]);
    }
}
