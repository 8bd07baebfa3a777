//! The side that echoes.

use std::future::poll_fn;
use std::io;

use meshwork_shared::net::Listener;

use super::keys;
use super::pump::Pump;

/// Echoes on every connection, each in a task of its own; never ends by itself.
///
/// # Errors
/// The system lets no connection in.
pub(crate) async fn serve(listener: Listener, in_pieces: bool) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (from_client, to_client) = keys();
        let piece = in_pieces.then_some(64);
        let mut pump = Pump::new(stream, &to_client, &from_client, piece);
        tokio::spawn(poll_fn(move |cx| {
            // The client leaves when it has measured; that is no failure of this side.
            pump.poll(cx, |caller, body, out| out.push(caller, body)).map(drop)
        }));
    }
}
