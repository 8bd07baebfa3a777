//! A call to the store: over the shared connection, again when it breaks, and with an honest word
//! about what is known when it fails.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use meshwork_shared::backoff::Backoff;
use meshwork_shared::random::Random;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::connect::{Connection, Connector};
use super::site::{By, Call};

/// How long a call may take with all its repetitions.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits between two tries of a call, from and to.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Tries in a row that break before a connection to a cluster is given up.
const CLUSTER_BROKEN_MAX: u64 = 8;

/// The store, seen from the thread that talks with it.
pub(super) struct Store {
    pub(super) connector: Connector,
    /// Draws waits.
    pub(super) random: Random,
    connection: Mutex<Option<Connection>>,
    /// Counts the connections that were made: told when a new one is.
    made: watch::Sender<u64>,
    /// Whether the last call failed, so that an outage is logged once.
    outages: AtomicU64,
    /// Tries that broke since the last success.
    broken: AtomicU64,
    /// When that was.
    succeeded: std::sync::Mutex<Option<Instant>>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallError {
    /// Whether it is certain that nothing was done.
    pub(super) is_refused: bool,
    pub(super) message: String,
}

/// A connection that worked within this time is taken for one that works.
const FRESH: Duration = Duration::from_millis(100);

/// What an error says about the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The server does not have the script.
    NoScript,
    /// Nothing was done, and a later try may do.
    Later,
    /// The same, on another connection: this server is not the one.
    Elsewhere,
    /// Nothing was done, nor will be.
    Refused,
    /// It may have been done; the connection is of no use any more.
    Broken,
    /// Something may have been done, and a repetition would end the same way.
    Fault,
}

impl Store {
    pub(super) fn new(connector: Connector, random: Random) -> Self {
        Self {
            connector,
            random,
            connection: Mutex::new(None),
            made: watch::Sender::new(0),
            outages: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            succeeded: std::sync::Mutex::default(),
        }
    }

    /// Counts the connections that were made.
    pub(super) fn made(&self) -> watch::Receiver<u64> {
        self.made.subscribe()
    }

    /// Which connection is in use.
    pub(super) fn generation(&self) -> u64 {
        *self.made.borrow()
    }

    /// Calls a script that is safe to send again.
    pub(super) async fn call(&self, call: &Call<'_>, until: Instant) -> Result<Value, CallError> {
        self.send(&|by, again| call.command(by, again), until, true).await
    }

    /// Calls a script that is not sent again when it may have been done.
    pub(super) async fn call_once(
        &self,
        call: &Call<'_>,
        until: Instant,
    ) -> Result<Value, CallError> {
        self.send(&|by, again| call.command(by, again), until, false).await
    }

    /// Sends a plain command that is safe to send again.
    pub(super) async fn command(&self, command: &Cmd, until: Instant) -> Result<Value, CallError> {
        self.send(&|_, _| command.clone(), until, true).await
    }

    /// Sends a plain command that only reads to the server, or to all masters of a cluster. Each
    /// answer comes with the address of who gave it, if there may be several.
    ///
    /// # Errors
    /// [`CallError::is_refused`]: a server does not answer this.
    pub(super) async fn ask_all(
        &self,
        command: &Cmd,
        until: Instant,
    ) -> Result<Vec<(String, Value)>, CallError> {
        // That nothing is reached says nothing about what a server answers.
        let reached = self.reach(until).await;
        reached.map_err(|error| CallError { is_refused: false, ..error })?;
        let ask = async {
            let (mut connection, _) = self.connection().await?;
            connection.query_all(command).await
        };
        match timeout_at(until, ask).await {
            Ok(answers) => answers.map_err(|error| {
                let is_refused = matches!(fate(&error), Fate::Refused | Fate::Fault);
                CallError { is_refused, message: error.to_string() }
            }),
            Err(_) => Err(CallError { is_refused: false, message: "no answer in time".to_owned() }),
        }
    }

    /// Waits for a connection that is not known to be broken. Nothing is written that matters.
    ///
    /// # Errors
    /// There is none: [`CallError::is_refused`].
    pub(super) async fn reach(&self, until: Instant) -> Result<(), CallError> {
        let mut backoff = Backoff::new(RETRY_WAIT.0, RETRY_WAIT.1);
        loop {
            let message = match timeout_at(until, self.connection()).await {
                Ok(Ok(_)) if self.is_fresh() => return Ok(()),
                Ok(Ok((mut connection, generation))) => {
                    // Handed over and not waited for: that fails only where nobody writes it.
                    match at_once(connection.query(&redis::cmd("PING"))).await {
                        Some(Err(error)) => {
                            self.drop_connection(generation).await;
                            error.to_string()
                        }
                        Some(Ok(_)) | None => return Ok(()),
                    }
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no connection in time".to_owned(),
            };
            let wait = backoff.next(&self.random);
            if Instant::now() + wait >= until {
                self.note_failure(&message);
                return Err(CallError { is_refused: true, message });
            }
            sleep(wait).await;
        }
    }

    fn is_fresh(&self) -> bool {
        let succeeded = *self.succeeded.lock().unwrap_or_else(PoisonError::into_inner);
        succeeded.is_some_and(|at| at.elapsed() < FRESH)
    }

    async fn send(
        &self,
        command: &(dyn Fn(By, bool) -> Cmd + Sync),
        until: Instant,
        may_repeat: bool,
    ) -> Result<Value, CallError> {
        let mut backoff = Backoff::new(RETRY_WAIT.0, RETRY_WAIT.1);
        let mut by = By::Hash;
        let mut unsure = false;
        loop {
            let error = match self.try_send(&command(by, unsure), until).await {
                Ok(value) => {
                    self.note_success();
                    return Ok(value);
                }
                Err((Fate::NoScript, _)) if by == By::Hash => {
                    by = By::Source;
                    continue;
                }
                Err(error) => error,
            };
            let (fate, message) = error;
            let is_final = match fate {
                Fate::NoScript | Fate::Refused => true,
                Fate::Later | Fate::Elsewhere => false,
                Fate::Fault => {
                    unsure = true;
                    true
                }
                Fate::Broken => {
                    unsure = true;
                    !may_repeat
                }
            };
            let wait = backoff.next(&self.random);
            if is_final || Instant::now() + wait >= until {
                self.note_failure(&message);
                return Err(CallError { is_refused: !unsure, message });
            }
            sleep(wait).await;
        }
    }

    async fn try_send(&self, command: &Cmd, until: Instant) -> Result<Value, (Fate, String)> {
        let late = || "no answer in time".to_owned();
        let (mut connection, generation) = match timeout_at(until, self.connection()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err((Fate::Later, error.to_string())),
            Err(_) => return Err((Fate::Later, "no connection in time".to_owned())),
        };
        let mut query = pin!(connection.query(command));
        let (fate, message) = match at_once(query.as_mut()).await {
            Some(Ok(value)) => return Ok(value),
            // Nothing can have been written and answered by now: nobody writes to it any more.
            Some(Err(error)) if fate(&error) == Fate::Broken => {
                (Fate::Elsewhere, error.to_string())
            }
            Some(Err(error)) => (fate(&error), error.to_string()),
            None => match timeout_at(until, query).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => (fate(&error), error.to_string()),
                Err(_) => (Fate::Broken, late()),
            },
        };
        let is_useless = matches!(fate, Fate::Broken | Fate::Elsewhere);
        if is_useless && self.is_given_up() {
            self.drop_connection(generation).await;
        }
        Err((fate, message))
    }

    async fn connection(&self) -> Result<(Connection, u64), RedisError> {
        // Held while it connects: all callers want the same connection.
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok((connection.clone(), self.generation()));
        }
        let connection = self.connector.connect().await?;
        *slot = Some(connection.clone());
        self.made.send_modify(|made| *made += 1);
        Ok((connection, self.generation()))
    }

    async fn drop_connection(&self, generation: u64) {
        let mut slot = self.connection.lock().await;
        // Another caller may have made a new one.
        if self.generation() == generation {
            *slot = None;
        }
    }

    /// Whether a connection that broke is to be made anew. That to a cluster mends itself, server
    /// by server, while the calls to the others go on; it is given up when nothing works.
    fn is_given_up(&self) -> bool {
        let broken = self.broken.fetch_add(1, Ordering::Relaxed) + 1;
        !self.connector.is_cluster() || broken.is_multiple_of(CLUSTER_BROKEN_MAX)
    }

    fn note_failure(&self, message: &str) {
        if self.outages.fetch_add(1, Ordering::Relaxed) == 0 {
            log::warn!("the queues are not reachable: {message}");
        }
    }

    fn note_success(&self) {
        let mut succeeded = self.succeeded.lock().unwrap_or_else(PoisonError::into_inner);
        *succeeded = Some(Instant::now());
        drop(succeeded);
        self.broken.store(0, Ordering::Relaxed);
        if self.outages.load(Ordering::Relaxed) > 0 && self.outages.swap(0, Ordering::Relaxed) > 0 {
            log::info!("the queues are reachable again");
        }
    }
}

/// What a future answers at its first poll. On the one thread that talks with the store nothing
/// else runs meanwhile: not what writes to the connection either.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Reads from an error what became of the command. A script is refused before its first write or
/// not at all, so that a refusal says that nothing was done.
fn fate(error: &RedisError) -> Fate {
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::NoScript => Fate::NoScript,
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask => Fate::Later,
            ServerErrorKind::ReadOnly => Fate::Elsewhere,
            ServerErrorKind::NoPerm | ServerErrorKind::CrossSlot => Fate::Refused,
            // Servers before 7.0 wrap what a command in a script answered.
            ServerErrorKind::ResponseError => wrapped(error),
            _ => Fate::Fault,
        },
        ErrorKind::Extension => match error.code() {
            Some("OOM" | "MISCONF" | "NOAUTH" | "NOREPLICAS" | "WRONGPASS") => Fate::Refused,
            Some("BUSY") => Fate::Later,
            _ => Fate::Fault,
        },
        ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel
        | ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig => Fate::Later,
        _ => Fate::Broken,
    }
}

fn wrapped(error: &RedisError) -> Fate {
    let detail = error.detail().unwrap_or_default();
    let says = |word: &str| detail.contains(word);
    if says("-READONLY") {
        return Fate::Elsewhere;
    }
    if says("-OOM") || says("-MISCONF") || says("-NOREPLICAS") {
        return Fate::Refused;
    }
    Fate::Fault
}
