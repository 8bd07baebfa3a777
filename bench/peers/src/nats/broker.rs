//! The server of NATS, a process of its own that ends with the one that started it.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use meshwork_bench_harness::Outcome;

/// Its program.
const PROGRAM: &str = "nats-server";

/// Where programs of the system are that the path of most users leaves out.
const SYSTEM: &str = "/usr/local/sbin:/usr/sbin";

/// What it says before the address that it listens on, and when it can be used.
const LISTENING: &str = "Listening for client connections on ";
const READY: &str = "Server is ready";

/// A running server of NATS.
pub(super) struct Broker {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Broker {
    /// Starts it as it comes, on a port that it chooses.
    ///
    /// # Errors
    /// It is not installed, or ends early.
    pub(super) fn start() -> Outcome<Self> {
        let program = find().ok_or(
            "NATS is measured through its server, and there is no nats-server: install it (Debian, \
             as root: apt-get install -y nats-server), or leave NATS out: \
             --only tonic,ractor,telepathy",
        )?;
        // It would outlive this process, which may be killed.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(["--addr", "127.0.0.1", "--port", "-1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("nats-server does not start (setpriv): {error}"))?;
        let log = child.stderr.take().ok_or("nats-server has no standard error")?;
        let mut log = BufReader::new(log);
        let address = address(&mut log)?;
        // Read on, so that it never waits for somebody to read what it says.
        std::thread::Builder::new().name("nats-log".to_owned()).spawn(move || {
            let _ = log.read_to_end(&mut Vec::new());
        })?;
        Ok(Self { child, address })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Where it listens, once it can be used.
fn address(log: &mut impl BufRead) -> Outcome<SocketAddr> {
    let mut address = None;
    let mut said = String::new();
    for line in log.lines() {
        let line = line?;
        if let Some((_, text)) = line.split_once(LISTENING) {
            address = Some(text.trim().parse()?);
        }
        if line.contains(READY) {
            return Ok(address.ok_or("nats-server does not say where it listens")?);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(format!("nats-server ended early:\n{said}").into())
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(env::split_paths(SYSTEM)).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(PROGRAM)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_in_the_log() {
        let log = "[7] [INF] Starting nats-server\n\
                   [7] [INF] Listening for client connections on 127.0.0.1:41385\n\
                   [7] [INF] Server is ready\n";
        assert_eq!(address(&mut log.as_bytes()).unwrap(), "127.0.0.1:41385".parse().unwrap());
    }

    #[test]
    fn why_it_ended_is_told() {
        let error = address(&mut "nats-server: no such flag\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("no such flag"), "{error}");
    }
}
