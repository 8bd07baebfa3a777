//! A network between two processes that a test can break: it goes silent without a word, as when
//! power fails or packets are dropped, or it cuts what is open.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the network is.
#[derive(Clone, Copy, Debug)]
struct Weather {
    silent: bool,
    /// Connections opened before a cut are closed.
    cuts: u32,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    weather: watch::Sender<Weather>,
    accepting: tokio::task::AbortHandle,
}

impl Proxy {
    /// Listens, and leads nowhere yet.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let weather = watch::Sender::new(Weather { silent: false, cuts: 0 });
        let (to, seen) = (target.clone(), weather.subscribe());
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let to = *to.lock().unwrap();
                if let Some(to) = to {
                    tokio::spawn(carry(stream, to, seen.clone()));
                }
            }
        });
        Self { address, target, weather, accepting: accepting.abort_handle() }
    }

    /// Listens, and leads there.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let proxy = Self::open().await;
        proxy.lead_to(target);
        proxy
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where new connections lead from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = Some(target);
    }

    /// Carries nothing any more, and says nothing: new connections are accepted and hang.
    pub(crate) fn silence(&self) {
        self.weather.send_modify(|weather| weather.silent = true);
    }

    /// Carries again, also what has waited meanwhile.
    pub(crate) fn heal(&self) {
        self.weather.send_modify(|weather| weather.silent = false);
    }

    /// Closes every connection; new ones are carried.
    pub(crate) fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(from: TcpStream, to: SocketAddr, weather: watch::Receiver<Weather>) {
    let born = weather.borrow().cuts;
    let mut seen = weather.clone();
    // A sender that is gone is a cut too.
    let cut = async move { drop(seen.wait_for(|weather| weather.cuts != born).await) };
    let carried = async {
        let Ok(to) = TcpStream::connect(to).await else { return };
        let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
        tokio::select! {
            biased;
            () = pump(from_read, to_write, weather.clone()) => {}
            () = pump(to_read, from_write, weather) => {}
        }
    };
    tokio::select! {
        biased;
        () = cut => {}
        () = carried => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let len = from.read(&mut buffer).await.unwrap_or(0);
        // In silence not even the end of a connection comes through.
        let fair = weather.wait_for(|weather| !weather.silent).await.is_ok();
        if !fair || len == 0 || to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}
