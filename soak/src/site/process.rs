//! One process of the soak, this program again in another role. Dropping it kills it.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::signals::interrupted;
use crate::Outcome;

/// How long a process may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Lines of a log that are shown when its process failed.
const SHOWN_LINES: usize = 8;

/// See the module.
pub(crate) struct Process {
    name: String,
    arguments: Vec<String>,
    log: PathBuf,
    child: Child,
    /// Closed, it ends the process.
    stdin: ChildStdin,
    /// The line that says that it is ready.
    said: Arc<OnceLock<String>>,
}

impl Process {
    /// Starts this program with `arguments`; what it logs is added to `log`.
    pub(crate) fn start(name: &str, arguments: Vec<String>, log: &Path) -> io::Result<Self> {
        let (child, stdin, said) = spawn(&arguments, log)?;
        Ok(Self { name: name.to_owned(), arguments, log: log.to_owned(), child, stdin, said })
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has said that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.said.get().is_some()
    }

    /// Waits for the line that says that it is ready.
    pub(crate) async fn ready(&mut self) -> Outcome<String> {
        for _ in 0..READY_WITHIN.as_millis() / LOOK_EVERY.as_millis() {
            if let Some(said) = self.said.get() {
                return Ok(said.clone());
            }
            self.must_run()?;
            if interrupted() {
                return Err("interrupted".into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(self.failed("is not ready in time").into())
    }

    /// Says a line to it. One that dies meanwhile is told again when it is started.
    pub(crate) fn tell(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.stdin, "{line}");
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        (self.child, self.stdin, self.said) = spawn(&self.arguments, &self.log)?;
        Ok(())
    }

    /// An error if it has ended, though nobody killed it.
    pub(crate) fn must_run(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(&format!("ended by itself ({status})"))),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    fn failed(&self, what: &str) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
        format!("{} {what}; it wrote:\n  {last}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.kill();
    }
}

fn spawn(
    arguments: &[String],
    log: &Path,
) -> io::Result<(Child, ChildStdin, Arc<OnceLock<String>>)> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let missing = || io::Error::other("a process without standard input or output");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let said = Arc::new(OnceLock::new());
    let saying = said.clone();
    // Ends with the process.
    std::thread::spawn(move || {
        let mut line = String::new();
        if BufReader::new(stdout).read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let _ = saying.set(line.trim_end().to_owned());
        }
    });
    Ok((child, stdin, said))
}
