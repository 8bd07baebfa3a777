//! A server seen through a line that can be cut at the worst moment.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on, until it is told to cut a line.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The next answer that holds this is swallowed, and its line cut.
    swallows: Mutex<Option<&'static str>>,
    swallowed: AtomicUsize,
    /// From the next answer that is swallowed on there are no new lines.
    shuts: AtomicBool,
    /// The next answer that holds this is the last one: no lines from then on.
    shuts_after: Mutex<Option<&'static str>>,
    is_shut: AtomicBool,
}

impl Proxy {
    /// A line to the server on `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let faults = Arc::new(Faults::default());
        let all = faults.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if all.is_shut.load(Ordering::SeqCst) {
                    continue;
                }
                tokio::spawn(pass(client, port, all.clone()));
            }
        });
        Self { port: own, faults }
    }

    /// Swallows the next answer that holds [`MARK`], and cuts the line that it was on.
    pub(crate) fn swallow(&self) {
        self.swallow_with(MARK);
    }

    /// The same of the next answer that holds `mark`.
    pub(crate) fn swallow_with(&self, mark: &'static str) {
        *self.faults.swallows.lock().unwrap() = Some(mark);
    }

    /// The same as [`swallow`](Self::swallow), and no line from then on until [`open`](Self::open).
    pub(crate) fn swallow_and_shut(&self) {
        self.faults.shuts.store(true, Ordering::SeqCst);
        self.swallow();
    }

    /// Cuts the line behind the next answer that holds `mark`; no line from then on until
    /// [`open`](Self::open).
    pub(crate) fn shut_after(&self, mark: &'static str) {
        *self.faults.shuts_after.lock().unwrap() = Some(mark);
    }

    /// Takes lines again.
    pub(crate) fn open(&self) {
        self.faults.is_shut.store(false, Ordering::SeqCst);
    }

    /// How many answers were swallowed.
    pub(crate) fn swallowed(&self) -> usize {
        self.faults.swallowed.load(Ordering::SeqCst)
    }
}

impl Faults {
    /// Whether this answer is swallowed.
    fn swallow(&self, text: &[u8]) -> bool {
        let mut swallows = self.swallows.lock().unwrap();
        if swallows.is_none_or(|mark| !holds(text, mark)) {
            return false;
        }
        *swallows = None;
        if self.shuts.swap(false, Ordering::SeqCst) {
            self.is_shut.store(true, Ordering::SeqCst);
        }
        self.swallowed.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Whether this answer is the last one.
    fn shut(&self, text: &[u8]) -> bool {
        let mut last = self.shuts_after.lock().unwrap();
        let is_last = last.is_some_and(|mark| holds(text, mark));
        if is_last {
            *last = None;
            self.is_shut.store(true, Ordering::SeqCst);
        }
        is_last
    }
}

fn holds(text: &[u8], mark: &str) -> bool {
    text.windows(mark.len()).any(|part| part == mark.as_bytes())
}

/// What an answer holds that is to be swallowed.
pub(crate) const MARK: &str = "the arguments of a job";

async fn pass(client: TcpStream, port: u16, faults: Arc<Faults>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let back = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from_server.read(&mut buffer).await?;
            let text = &buffer[..count];
            if count == 0 || faults.swallow(text) {
                return std::io::Result::Ok(());
            }
            let is_last = faults.shut(text);
            to_client.write_all(text).await?;
            if is_last {
                return Ok(());
            }
        }
    };
    // Whichever side ends, the line does.
    let _ = tokio::select! { ended = there => ended, ended = back => ended };
}
