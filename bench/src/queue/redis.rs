//! A Redis server of the benchmark's own, on the servers' core: append-only file, synced each
//! second, in a folder that goes with it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::child::{Placement, Running, SERVER_CORE};

/// How long it may take to answer first.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A running server; ends with this.
pub(crate) struct Redis {
    running: Running,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let words = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"];
        let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
        arguments.push(folder.path().display().to_string());
        // What it says goes to a file: standard output is for lines of JSON.
        let rest = ["--appendonly", "yes", "--appendfsync", "everysec", "--logfile", "log"];
        arguments.extend(rest.map(str::to_owned));
        let placement = Placement { core: SERVER_CORE, nice: false };
        let running = Running::start(Some(Path::new("redis-server")), placement, &arguments)?;
        let redis = Self { running, port, _folder: folder };
        for _ in 0..ANSWER_WITHIN.as_millis() / ASK_EVERY.as_millis() {
            if redis.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
                return Ok(redis);
            }
            std::thread::sleep(ASK_EVERY);
        }
        Err("redis-server does not answer. On Debian: apt-get install -y redis-server".into())
    }

    /// Where queues are kept.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Commands that it has worked off, those inside of scripts included.
    pub(crate) fn commands(&self) -> Outcome<u64> {
        let answer = self.ask("INFO stats")?;
        let line = answer.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(line.ok_or("INFO does not tell of commands")?.trim().parse()?)
    }

    /// The answer to a command without arguments that need quoting, as it is on the wire.
    fn ask(&self, command: &str) -> io::Result<String> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        // QUIT ends the connection behind the answer.
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX as u64).read_to_string(&mut answer)?;
        Ok(answer)
    }
}
