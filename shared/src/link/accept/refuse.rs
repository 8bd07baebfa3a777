//! The last word to a peer that has proven itself and is not wanted.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::frame::{HEADER_BYTES, Sealer};
use crate::link::close::CloseCode;
use crate::link::task::Established;
use crate::record::encode_close;

/// How long a refusal may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bytes read, and thrown away, at a time.
const DISCARD_BYTES: usize = 1024;

/// Sends a CLOSE as the only frame of a connection and ends it: it writes nothing more, and reads
/// until the peer ends its half too, for at most 1 s. `text` is for the peer's log; it is cut at
/// 256 bytes. A peer that is gone already is not told.
pub async fn refuse(established: Established, code: CloseCode, text: &str) {
    // Both outcomes are the same here: there is nobody left to tell.
    let _ = timeout(LAST_WORDS, say_close(established, code, text)).await;
}

async fn say_close(mut established: Established, code: CloseCode, text: &str) -> io::Result<()> {
    let mut frame = vec![0; HEADER_BYTES];
    encode_close(code.wire(), text, &mut frame);
    // The first frame of a link: its counters are not exhausted.
    if Sealer::new(&established.send_key).seal(&mut frame, 0).is_err() {
        return Ok(());
    }
    established.stream.write_all(&frame).await?;
    established.stream.shutdown().await?;
    // Closing with bytes unread would reset the connection, and the peer might never see why.
    let mut discarded = [0; DISCARD_BYTES];
    while established.stream.read(&mut discarded).await? > 0 {}
    Ok(())
}
