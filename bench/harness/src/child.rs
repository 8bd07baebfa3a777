//! Processes that the benchmark starts, each held to a core by `taskset`. A child
//! says one line when it is ready (a server) or done (a client), and ends when its standard input
//! does, so that none outlives the benchmark.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Open files that a child may have: floods hold thousands of sockets.
const OPEN_FILES: u32 = 20_000;

/// Lines that a child may say before they are read; it waits then.
const LINES_MAX: usize = 64;

/// The core of servers.
pub const SERVER_CORE: usize = 0;

/// The core of clients.
pub const CLIENT_CORE: usize = 1;

/// How to start a child.
#[derive(Clone, Copy)]
pub struct Placement {
    /// Which core, counted from 0.
    pub core: usize,
    /// Gives way to every other process on its core.
    pub nice: bool,
}

/// What a server says that has more to say than where it listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// Processes that it started and whose time is counted like its own, such as a broker.
    pub helpers: Vec<u32>,
}

impl Ready {
    /// Of a server without helpers.
    pub fn alone(address: SocketAddr) -> Self {
        Self { address, helpers: Vec::new() }
    }
}

/// A running child. Dropping it ends it.
pub struct Running {
    child: Child,
    /// Ends the child when it is dropped.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `program`, or this one again, with `arguments`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        program: Option<&Path>,
        placement: Placement,
        arguments: &[String],
    ) -> Outcome<Self> {
        let program = program.map_or_else(std::env::current_exe, |program| Ok(program.into()))?;
        // The core must exist; a machine with one shares it, which the report warns of.
        let core = placement.core.min(cores() - 1);
        let nice = if placement.nice { "nice -n 19 " } else { "" };
        // `ulimit` is of the shell; without the right to raise it the floods are smaller.
        let script = format!(
            "ulimit -n {OPEN_FILES} 2>/dev/null; exec {nice}taskset -c {core} \"$0\" \"$@\""
        );
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(script)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("a process does not start (is `taskset` there?): {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("a child has no standard output")?;
        let (sender, lines) = sync_channel(LINES_MAX);
        // Ends with the child, or when nobody wants its lines any more.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin, lines })
    }

    /// Its number; that of the program itself, since every step on the way replaces the one before.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of JSON that the child says, however long it takes.
    ///
    /// # Errors
    /// It ended without one; why is on standard error.
    pub fn line<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        self.line_within(Duration::MAX)
    }

    /// The next line of JSON that the child says.
    ///
    /// # Errors
    /// It ended without one, or says none in this time; why is on standard error.
    pub fn line_within<T: DeserializeOwned>(&mut self, within: Duration) -> Outcome<T> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(serde_json::from_str(&line)?),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("a process said nothing within {} s", within.as_secs()).into())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(format!("a process ended early with {}", self.child.wait()?).into())
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It is ours alone, and has nothing left to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// In a child: ends the process when the one that started it is gone.
pub fn end_with_parent() {
    let watch = || {
        let mut rest = Vec::new();
        // Nothing is ever said there: it returns when the other end is closed.
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    };
    // Without the thread a child that is left alone is a nuisance, not a wrong figure.
    let _ = std::thread::Builder::new().name("parent-watch".to_owned()).spawn(watch);
}

/// In a child: the runtime that everything of it runs in.
///
/// # Errors
/// The system gives no event queue.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// In a child: says its line.
///
/// # Errors
/// The value does not encode.
pub fn say(value: &impl Serialize) -> Outcome {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
