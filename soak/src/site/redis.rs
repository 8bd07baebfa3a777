//! A Redis server of the soak's own, on a free port of this machine and in a folder of its own.
//! Dropping it kills it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use meshwork_shared::random::Random;

use super::signals::interrupted;
use crate::Outcome;
use crate::arguments::Fsync;

/// The server's program: Redis, or what `MESHWORK_REDIS_SERVER` names instead, such as Valkey.
fn server_program() -> OsString {
    std::env::var_os("MESHWORK_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// How long it may take to read its file and answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Ports to choose from: below those that the system gives to clients, which would take the place
/// of a server that is away, or connect to themselves on it.
const PORTS: (u16, u16) = (20_000, 30_000);

/// Ports that are tried.
const TRIES: usize = 200;

/// Whether there is a server to start.
pub(crate) fn is_installed() -> bool {
    let asked = Command::new(server_program()).arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// See the module.
pub(crate) struct Redis {
    folder: PathBuf,
    port: u16,
    fsync: Fsync,
    child: Child,
}

impl Redis {
    /// Starts it in `folder`, which must be there.
    pub(crate) async fn start(folder: &Path, fsync: Fsync) -> Outcome<Self> {
        let port = free_port().ok_or("no free port for Redis")?;
        let child = spawn(folder, port, fsync)?;
        let mut redis = Self { folder: folder.to_owned(), port, fsync, child };
        redis.answers().await?;
        Ok(redis)
    }

    /// Where queues are kept.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again with what it has on disk, and waits until it answers.
    pub(crate) async fn restart(&mut self) -> Outcome {
        self.child = spawn(&self.folder, self.port, self.fsync)?;
        self.answers().await
    }

    /// An error if it has ended, though nobody killed it.
    pub(crate) fn must_run(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let log = self.folder.join("log");
                Err(format!("the Redis server ended by itself ({status}); see {}", log.display()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits until it has read its file.
    async fn answers(&mut self) -> Outcome {
        for _ in 0..ANSWER_WITHIN.as_millis() / ASK_EVERY.as_millis() {
            if ping(self.port).is_ok_and(|answer| answer.starts_with(b"+PONG")) {
                return Ok(());
            }
            self.must_run()?;
            if interrupted() {
                return Err("interrupted".into());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Err("the Redis server does not answer in time".into())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.kill();
    }
}

fn spawn(folder: &Path, port: u16, fsync: Fsync) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    Command::new(server_program())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", fsync.name(), "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn ping(port: u16) -> io::Result<[u8; 5]> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn free_port() -> Option<u16> {
    let random = Random::system();
    let draw = |_| PORTS.0 + random.below(u64::from(PORTS.1 - PORTS.0)) as u16;
    (0..TRIES).map(draw).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}
