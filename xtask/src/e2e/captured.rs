//! A program whose output is wanted, with a bound on its time.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::process;
use crate::signals::{Signals, Trouble, wait};

/// How much of a program's complaint is shown, in characters: its end, where the reason is.
const SHOWN_CHARS: usize = 1500;

/// What a program wrote.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs `command` to its end. Without `signals` nothing breaks it off but its time: that is for
/// cleaning up.
///
/// # Errors
/// It did not start, did not end well or not in time, or a signal came. It is ended then, with all
/// that it started.
pub(super) fn run(
    command: &mut Command,
    signals: Option<&Signals>,
    within: Duration,
) -> Result<Captured, Trouble> {
    let shown = process::show(command);
    let broken = |error: std::io::Error| Trouble::Failed(format!("`{shown}`: {error}"));
    // Files, for a full pipe would hold it up.
    let (mut out, mut err) =
        (tempfile::tempfile().map_err(broken)?, tempfile::tempfile().map_err(broken)?);
    command.stdout(Stdio::from(out.try_clone().map_err(broken)?));
    command.stderr(Stdio::from(err.try_clone().map_err(broken)?));
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(broken)?;
    let waited = match signals {
        Some(signals) => signals.wait(within, || child.try_wait().map_err(broken)),
        None => Ok(wait(within, || child.try_wait().ok().flatten())),
    };
    if !matches!(waited, Ok(Some(_))) {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
    }
    let captured = Captured { out: content(&mut out), err: content(&mut err) };
    match waited? {
        Some(status) if status.success() => Ok(captured),
        Some(status) => {
            let said = tail(&format!("{}\n{}", captured.out.trim(), captured.err.trim()));
            Err(Trouble::Failed(format!("`{shown}` ended with {status}\n{said}")))
        }
        None => {
            let said = tail(&captured.err);
            Err(Trouble::Failed(format!("`{shown}` took over {} s\n{said}", within.as_secs())))
        }
    }
}

fn content(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is missed by whoever looks for it.
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn tail(text: &str) -> String {
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_program_says_is_kept_apart() {
        let captured = run(&mut shell("echo a; echo b >&2"), None, SOON).unwrap();
        assert_eq!((captured.out.as_str(), captured.err.as_str()), ("a\n", "b\n"));
    }

    #[test]
    fn a_failure_names_the_program_and_what_it_said() {
        let Err(Trouble::Failed(why)) = run(&mut shell("echo no >&2; exit 3"), None, SOON) else {
            panic!("it ended with 3");
        };
        assert!(why.contains("exit 3") && why.ends_with("no"), "{why}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let Err(Trouble::Failed(why)) =
            run(&mut shell("sleep 600"), None, Duration::from_millis(40))
        else {
            panic!("it sleeps on");
        };
        assert!(why.contains("took over"), "{why}");
    }
}
