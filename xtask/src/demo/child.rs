//! One process of the demo: started, listened to, stopped. Dropping it ends the process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::signals::{Signals, Trouble, wait};

/// How long a process may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a process may take to end when it is asked to; then it is killed.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Lines of a log that are shown when its process failed.
const SHOWN_LINES: usize = 15;

/// Lines that a process may print before we look; it waits then.
const LINES_MAX: usize = 64;

/// A process of ours.
#[derive(Debug)]
pub(super) struct Child {
    name: String,
    process: Process,
    log: Option<PathBuf>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts `command` under a name for people. What it logs goes to `log`, what it prints is for
    /// [`Child::wait_for`].
    pub(super) fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdout(Stdio::piped()).stderr(file);
        Self::spawn(name, command, Some(log.to_owned()))
    }

    /// Starts `command` under a name for people, who see what it prints.
    pub(super) fn start_shown(name: &str, command: Command) -> Result<Self, String> {
        Self::spawn(name, command, None)
    }

    fn spawn(name: &str, mut command: Command, log: Option<PathBuf>) -> Result<Self, String> {
        command.stdin(Stdio::null());
        let mut process =
            command.spawn().map_err(|error| format!("{name} did not start: {error}"))?;
        let (sender, lines) = sync_channel(LINES_MAX);
        if let Some(stdout) = process.stdout.take() {
            // Ends with the process; lines that nobody wants any more are read all the same,
            // since a process cannot print into a closed pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let _ = sender.try_send(line);
                }
            });
        }
        Ok(Self { name: name.to_owned(), process, log, lines })
    }

    /// Waits for a line in which `wanted` finds what it looks for.
    pub(super) fn wait_for<T>(
        &mut self,
        signals: &Signals,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Trouble> {
        let found = signals.wait(READY_WITHIN, || {
            loop {
                match self.lines.try_recv() {
                    Ok(line) => {
                        if let Some(found) = wanted(&line) {
                            return Ok(Some(found));
                        }
                    }
                    Err(TryRecvError::Empty) => return Ok(None),
                    Err(TryRecvError::Disconnected) => {
                        return Err(self.failed("ended before it was ready").into());
                    }
                }
            }
        })?;
        found.ok_or_else(|| self.failed("is not ready yet; no more patience").into())
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// An error if it has ended, though nobody asked it to.
    pub(super) fn must_run(&mut self) -> Result<(), String> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(&format!("ended before its time ({status})"))),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// Waits for its end, for as long as it takes.
    pub(super) fn wait_for_end(&mut self, signals: &Signals) -> Result<ExitStatus, Trouble> {
        loop {
            let ended = signals.wait(READY_WITHIN, || {
                self.process.try_wait().map_err(|error| self.failed(&error.to_string()).into())
            })?;
            if let Some(status) = ended {
                return Ok(status);
            }
        }
    }

    /// Asks it to end.
    pub(super) fn ask_to_end(&mut self) {
        terminate(&mut self.process);
    }

    /// Ends it: waits for it after it was asked, kills it if it does not.
    pub(super) fn end(&mut self) -> Result<(), String> {
        match end(&mut self.process) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failed(&format!("did not end well ({status})"))),
            None => Err(self.failed("did not end when it was asked to, and was killed")),
        }
    }

    /// What to tell about it: what happened, and the end of its log.
    pub(super) fn failed(&self, what: &str) -> String {
        let Some(log) = &self.log else { return format!("{} {what}", self.name) };
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
        format!("{} {what}\n{}:\n  {last}", self.name, log.display())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Asks a process to end, waits, kills it if need be; how it ended if it did so by itself. Once it
/// returns, the process is gone.
pub(super) fn end(process: &mut Process) -> Option<ExitStatus> {
    terminate(process);
    let ended = wait(END_WITHIN, || process.try_wait().ok().flatten());
    if ended.is_none() {
        // Both fail only for a process that is gone.
        let _ = process.kill();
        let _ = process.wait();
    }
    ended
}

fn terminate(process: &mut Process) {
    // The id of a process that was waited for may be another's by now. One that was not is kept
    // for us, even when the process has ended.
    if matches!(process.try_wait(), Ok(None))
        && let Some(pid) = pid(process)
    {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// The id of a process, as signals want it.
pub(super) fn pid(process: &Process) -> Option<Pid> {
    i32::try_from(process.id()).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_process_is_listened_to_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "trap 'exit 0' TERM; echo one; echo port 42; while :; do sleep 0.1; done";
        let mut child = Child::start("it", shell(script), &log).unwrap();
        let port =
            child.wait_for(&Signals::default(), |line| line.strip_prefix("port ")?.parse().ok());
        assert_eq!(port.ok(), Some(42));
        child.must_run().unwrap();
        child.end().unwrap();
        assert!(child.must_run().unwrap_err().contains("ended before its time"));
    }

    #[test]
    fn the_log_tells_why_a_process_failed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut child = Child::start("it", shell("echo it is broken >&2; exit 3"), &log).unwrap();
        let waited = child.wait_for(&Signals::default(), |_| None::<()>);
        let Err(Trouble::Failed(why)) = waited else { panic!("{waited:?}") };
        assert!(why.starts_with("it ended before it was ready"), "{why}");
        assert!(why.ends_with("it is broken"), "{why}");
    }

    #[test]
    fn no_process_outlives_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let child =
            Child::start("it", shell("exec sleep 600"), &folder.path().join("log")).unwrap();
        let process = pid(&child.process).unwrap();
        drop(child);
        assert!(rustix::process::test_kill_process(process).is_err());
    }
}
