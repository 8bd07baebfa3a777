//! A server seen through a line that can be cut at the worst moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on, until it is told to cut a line.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The next answer that holds [`MARK`] is swallowed, and its line cut.
    swallows: AtomicBool,
    swallowed: AtomicUsize,
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
                tokio::spawn(pass(client, port, all.clone()));
            }
        });
        Self { port: own, faults }
    }

    /// Swallows the next answer that holds [`MARK`], and cuts the line that it was on.
    pub(crate) fn swallow(&self) {
        self.faults.swallows.store(true, Ordering::SeqCst);
    }

    /// How many answers were swallowed.
    pub(crate) fn swallowed(&self) -> usize {
        self.faults.swallowed.load(Ordering::SeqCst)
    }
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
            let is_marked = text.windows(MARK.len()).any(|part| part == MARK.as_bytes());
            if count == 0 || (is_marked && faults.swallows.swap(false, Ordering::SeqCst)) {
                faults.swallowed.fetch_add(usize::from(count > 0), Ordering::SeqCst);
                return std::io::Result::Ok(());
            }
            to_client.write_all(text).await?;
        }
    };
    // Whichever side ends, the line does.
    let _ = tokio::select! { ended = there => ended, ended = back => ended };
}
