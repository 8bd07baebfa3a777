//! Somebody on a plain socket, with as much of the protocol as the test needs.

use std::net::SocketAddr;

use bytes::BytesMut;
use meshwork_shared::frame::{HEADER_BYTES, Sealer};
use meshwork_shared::handshake::{Dialer, DialerStep, Established};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, Psk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listener::{dialer_key, introduction, psk};

/// An open connection that has said nothing.
pub(crate) struct Stranger {
    pub(crate) stream: TcpStream,
}

/// A dialer that has shown a valid first message and waits for the answer.
pub(crate) struct Halfway {
    pub(crate) stranger: Stranger,
    /// What it sent: preamble and first message.
    pub(crate) opening: Vec<u8>,
    pub(crate) dialer: Dialer,
}

/// Preamble and first message under `psk`.
pub(crate) fn opening_with(psk: &Psk, node_key: &NodeKey) -> (Dialer, Vec<u8>) {
    Dialer::new(LinkKind::Data, psk, node_key, &Random::system()).unwrap()
}

/// A valid preamble and first message.
pub(crate) fn opening() -> Vec<u8> {
    opening_with(&psk(), &dialer_key()).1
}

impl Stranger {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Writes `bytes`; the other end may have closed by then.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Writes nothing more.
    pub(crate) async fn hang_up(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// All that the other end still says before it closes, however it does.
    pub(crate) async fn heard(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = self.stream.read_to_end(&mut heard).await;
        heard
    }
}

impl Halfway {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut stranger = Stranger::connect(address).await;
        let (dialer, opening) = opening_with(&psk(), &dialer_key());
        stranger.say(&opening).await;
        Self { stranger, opening, dialer }
    }

    /// Reads the answer and gives the third message.
    pub(crate) async fn third(mut self) -> (Stranger, Vec<u8>, Established) {
        let mut read = BytesMut::new();
        loop {
            let length = self.stranger.stream.read_buf(&mut read).await.unwrap();
            assert_ne!(length, 0, "closed instead of an answer");
            if let DialerStep::VerifyAcceptor(_) = self.dialer.handle(&mut read).unwrap() {
                break;
            }
        }
        let (third, keys) = self.dialer.finish(&introduction(b"dialer")).unwrap();
        (self.stranger, third, keys)
    }
}

/// Connects, says `bytes` and nothing more; what comes back.
pub(crate) async fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stranger = Stranger::connect(address).await;
    stranger.say(bytes).await;
    stranger.hang_up().await;
    stranger.heard().await
}

/// `plain` as the first frame of a link.
pub(crate) fn first_frame(keys: &Established, plain: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    frame.extend_from_slice(plain);
    Sealer::new(&keys.send_key).seal(&mut frame, 0).unwrap();
    frame
}
