//! A process that plays a role, as the test that started it sees it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use tokio::sync::mpsc;

use super::{Bench, soon};

/// What a role is told by its environment.
pub(super) const ROLE: &str = "MESHWORK_TEST_ROLE";
pub(super) const URL: &str = "MESHWORK_TEST_URL";
pub(super) const QUEUE: &str = "MESHWORK_TEST_QUEUE";
pub(super) const NUMBER: &str = "MESHWORK_TEST_NUMBER";
pub(super) const LEASE_MS: &str = "MESHWORK_TEST_LEASE_MS";

/// What a line of a role begins with; all others are the test harness's.
pub(super) const MARK: &str = "@ ";

/// Lines of a role that wait to be read; it is held up beyond.
const LINES: usize = 1024;

/// A process; killed when it is dropped.
pub(super) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    /// Starts a process that plays `role` with the queue.
    pub(super) fn start(bench: &Bench<'_>, role: &str, number: u32) -> Self {
        let binary = std::env::current_exe().expect("the test binary");
        let mut child = Command::new(binary)
            .args(["role", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(URL, bench.url)
            .env(QUEUE, bench.command)
            .env(NUMBER, number.to_string())
            .env(LEASE_MS, bench.lease.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (lines, read) = mpsc::channel(LINES);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The harness writes its own words without a line end before ours.
                let Some((_, told)) = line.split_once(MARK) else { continue };
                if lines.blocking_send(told.to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines: read }
    }

    /// What it says next; `None` when it has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        soon(self.lines.recv()).await
    }

    /// Waits until it says this.
    pub(super) async fn says(&mut self, expected: &str) {
        let said = self.next().await;
        assert_eq!(said.as_deref(), Some(expected));
    }

    /// What it has said until now.
    pub(super) fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.try_recv().ok()).collect()
    }

    /// Ends it with SIGKILL. Answers what it said that was not read.
    pub(super) async fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it can be killed");
        self.rest().await
    }

    /// Waits for its end. Answers what it said that was not read.
    pub(super) async fn rest(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(line) = self.next().await {
            rest.push(line);
        }
        rest
    }

    /// Lets a role go on that waits for it.
    pub(super) fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"\n").expect("it lives");
    }

    /// Stops it where it stands, or lets it go on.
    pub(super) fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &number]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name} is sent");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
