//! Runs other programs from the root of the repository, with their output passed through.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::workspace;

/// How the variables start that cargo sets for the one crate that it runs.
const OF_THIS_CRATE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// A command of cargo: the one that runs us, colours only on a terminal.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(arguments);
    // What cargo told of this crate when it ran us. Build scripts that watch these variables, as
    // the one of ring does, would otherwise run again at each change from `cargo` to
    // `cargo xtask` and back, and everything above them be compiled anew.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| OF_THIS_CRATE.iter().any(|of| name.starts_with(of))) {
            command.env_remove(name);
        }
    }
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// A command of cargo on the nightly toolchain. It goes through the `cargo` of the path, because
/// only that one understands `+nightly`; the variables by which rustup pins a toolchain for its
/// children are taken away.
pub(crate) fn cargo_nightly(arguments: &[&str]) -> Command {
    let mut command = program("cargo");
    command.arg("+nightly").args(arguments).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

/// Variables for us and `.ci/run`, which a process of a mesh would take for settings that do not
/// exist.
const FOR_US: [&str; 3] = ["MESHWORK_SKIP_E2E", "MESHWORK_LAB", "MESHWORK_CLUSTER_UP"];

/// A command in the root of the repository.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    for name in FOR_US {
        command.env_remove(name);
    }
    command
}

/// Programs by name, from what cargo tells of a build with
/// `--message-format json-render-diagnostics`.
pub(crate) fn executables(messages: impl BufRead) -> BTreeMap<String, PathBuf> {
    let program = |line: String| {
        let message: Value = serde_json::from_str(&line).ok()?;
        let path = PathBuf::from(message["executable"].as_str()?);
        Some((message["target"]["name"].as_str()?.to_owned(), path))
    };
    messages.lines().map_while(Result::ok).filter_map(program).collect()
}

/// Runs a build with `command` (of cargo, without a message format) and answers its programs by
/// name. The command is shown on the error output, for the other one belongs to what is built.
///
/// # Errors
/// What to tell the user: the command and how it ended.
pub(crate) fn build(mut command: Command) -> Result<BTreeMap<String, PathBuf>, String> {
    command.args(["--message-format", "json-render-diagnostics"]);
    let shown = show(&command);
    eprintln!("$ {shown}");
    let failed = |how: String| format!("`{shown}` {how}");
    let mut building = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("did not start: {error}")))?;
    let messages = building.stdout.take().map(BufReader::new);
    let programs = messages.map(executables).unwrap_or_default();
    let status = building.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(programs) } else { Err(failed(format!("ended with {status}"))) }
}

/// As [`build`], of one program: says where it is.
///
/// # Errors
/// It does not build, or there is no program of that name.
pub(crate) fn build_program(command: Command, name: &str) -> Result<PathBuf, String> {
    let shown = show(&command);
    let built = build(command)?.remove(name);
    built.ok_or_else(|| format!("`{shown}` built no program `{name}`"))
}

/// Runs `command` to its end, its output passed through.
///
/// # Errors
/// What to tell the user: the command and how it ended.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    println!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("`{shown}` did not start: {error}")),
    }
}

/// Runs `command` to its end; its output is part of the error, if it fails, and else thrown away.
///
/// # Errors
/// What to tell the user: the command, how it ended, and what it said.
pub(crate) fn run_quietly(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    let output = command.output().map_err(|error| format!("`{shown}` did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{shown}` ended with {}: {}", output.status, said.trim()))
}

/// Whether `command` ends well; its output is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Where the program `name` is on the path, if it is.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The command as one would type it, with the variables that we set.
pub(crate) fn show(command: &Command) -> String {
    let mut parts = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value
            && name != "CARGO_TERM_COLOR"
        {
            parts.push(format!("{}={}", name.to_string_lossy(), quote(&value.to_string_lossy())));
        }
    }
    // The path of cargo itself says nothing.
    let program = PathBuf::from(command.get_program());
    parts.push(program.file_name().unwrap_or_default().to_string_lossy().into_owned());
    parts.extend(command.get_args().map(|argument| quote(&argument.to_string_lossy())));
    parts.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["doc", "--no-deps", "a b"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(show(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'a b'");
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("sh").is_some());
        assert!(find("a-program-that-nobody-has").is_none());
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = run(&mut program("false")).unwrap_err();
        assert!(error.contains("`false` ended with"), "{error}");
        assert!(!succeeds(&mut program("false")));
        assert!(succeeds(&mut program("true")));
    }
}
