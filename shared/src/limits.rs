//! Every bound of a link, with its unit in its name and what happens there. Read from the table
//! `limits` of the configuration; what is missing there has its default.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::admission::AddressRange;

/// Bytes of a handshake message, at most. Part of the protocol, hence no option: larger is closed
/// before a byte is reserved.
pub const HANDSHAKE_MESSAGE_BYTES_MAX: usize = 1024;

/// Bytes of a ticket, at most. Part of the protocol.
pub const TICKET_BYTES_MAX: usize = 296;

/// The smallest `frame_bytes_max` that a peer may announce, bytes. A peer with less is refused,
/// since control messages must fit.
pub const FRAME_BYTES_FLOOR: usize = 4096;

/// Bytes of the largest piece of a large message, and of the largest grant of its receiver.
pub const WINDOW_BYTES_MAX: usize = 256 * 1024;

/// A body above this many bytes travels in chunks between other frames.
pub const CHUNKED_ABOVE_BYTES: usize = 64 * 1024;

/// The bounds of links, connections and messages.
///
/// Durations are written with a unit (`"10s"`, `"500ms"`, `"15m"`, `"1h"`), sizes in bytes.
///
/// ```
/// use meshwork_shared::limits::Limits;
///
/// let text = r#"{"message_bytes_max": 67108864, "dead_after": "1m"}"#;
/// let limits: Limits = serde_json::from_str(text)?;
/// assert_eq!(limits.message_bytes_max, 64 << 20);
/// assert_eq!(limits.dead_after.as_secs(), 60);
/// assert_eq!(limits.frame_bytes_max, 256 << 10);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest plaintext of a frame that this end takes, bytes; default 256 KiB. A larger one
    /// closes the link. The read buffer grows as bytes arrive, not as a header promises.
    pub frame_bytes_max: usize,
    /// Largest message, bytes; default 8 MiB. A larger one is `TooLarge`; the link lives.
    pub message_bytes_max: usize,
    /// Bytes that all large messages being received on a link may take together; default 16 MiB.
    /// Beyond it a message is `TooLarge`; the link lives.
    pub reassembly_bytes_max: usize,
    /// Calls of one end in flight on a link; default 10 000. One more is `Overloaded` at once.
    pub calls_in_flight_max: usize,
    /// Bytes of requests that may wait to be written on a link, wherever they wait; default 64 MiB,
    /// and always one message. One more is `Overloaded` at once. At the callee, likewise, those of
    /// the requests of a link whose handlers wait for something.
    pub queued_bytes_max: usize,
    /// Silence on a link before a PING; default 5 s.
    #[serde(deserialize_with = "duration")]
    pub ping_after: Duration,
    /// Silence on a link before it is taken for dead; default 15 s. Calls in flight are `Unknown`.
    #[serde(deserialize_with = "duration")]
    pub dead_after: Duration,
    /// A write that moves no byte for this long closes the link; default 10 s.
    #[serde(deserialize_with = "duration")]
    pub stalled_write: Duration,
    /// Bytes that may wait to be written on a link; default 64 MiB. More closes it. With more than
    /// that of large answers that the peer does not take, its next calls are `Overloaded`; see
    /// [`Limits::untaken_bytes_max`].
    pub write_bytes_max: usize,
    /// Handshakes, half-open links, and how often a prefix may knock.
    pub handshake: HandshakeLimits,
}

impl Limits {
    /// Bytes of large answers that are kept for a peer which does not take them: twice
    /// `write_bytes_max`, since those that were being worked off when its calls began to be refused
    /// come on top. An answer beyond it is `Failed(reply_not_taken)`: its handler has run.
    pub fn untaken_bytes_max(&self) -> usize {
        self.write_bytes_max.saturating_mul(2)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 256 << 10,
            message_bytes_max: 8 << 20,
            reassembly_bytes_max: 16 << 20,
            calls_in_flight_max: 10_000,
            queued_bytes_max: 64 << 20,
            ping_after: Duration::from_secs(5),
            dead_after: Duration::from_secs(15),
            stalled_write: Duration::from_secs(10),
            write_bytes_max: 64 << 20,
            handshake: HandshakeLimits::default(),
        }
    }
}

/// The bounds of connections that are not links yet. A prefix is a /32 of IPv4 or a /64 of IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HandshakeLimits {
    /// Time for the preamble and the first message; default 2 s. Then closed without a byte.
    #[serde(deserialize_with = "duration")]
    pub first_message_within: Duration,
    /// Time for the whole handshake; default 5 s. Then closed without a byte.
    #[serde(deserialize_with = "duration")]
    pub done_within: Duration,
    /// Half-open connections in all; default 512. The oldest of the prefix that holds most is
    /// closed, one that has shown no valid first message before one that has.
    pub half_open_max: usize,
    /// Half-open connections of one prefix without a valid first message; default 32. Its oldest is
    /// closed. Of those with one as many may wait for a second; beyond that its oldest is closed.
    pub half_open_per_prefix_max: usize,
    /// Connections a second of one prefix that have not shown a valid first message; default 50.
    /// More have half a second for it and are then closed, so that a holder of the secret gets in.
    pub unproven_per_second_max: u32,
    /// How many of those may come at once; default 100.
    pub unproven_burst_max: u32,
    /// Failed handshakes a minute of one prefix; default 10. Beyond it the prefix is penalised.
    pub failures_per_minute_max: u32,
    /// First penalty, in which a prefix may only show a valid first message; default 60 s. It
    /// doubles each time. Live links are untouched.
    #[serde(deserialize_with = "duration")]
    pub penalty_min: Duration,
    /// Longest penalty; default 15 min.
    #[serde(deserialize_with = "duration")]
    pub penalty_max: Duration,
    /// Handshakes a second with a valid first message, in all; default 1000. More wait.
    pub proven_per_second_max: u32,
    /// Ranges of addresses (`"10.0.0.0/8"`) that no limit of a prefix holds for; the totals do.
    /// Default none.
    pub exempt: Vec<AddressRange>,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            first_message_within: Duration::from_secs(2),
            done_within: Duration::from_secs(5),
            half_open_max: 512,
            half_open_per_prefix_max: 32,
            unproven_per_second_max: 50,
            unproven_burst_max: 100,
            failures_per_minute_max: 10,
            penalty_min: Duration::from_secs(60),
            penalty_max: Duration::from_secs(15 * 60),
            proven_per_second_max: 1000,
            exempt: Vec::new(),
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
    parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is no duration: write a whole number and ms, s, m or h, as in \"10s\""
        ))
    })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_configured_is_the_defaults() {
        assert_eq!(serde_json::from_str::<Limits>("{}").unwrap(), Limits::default());
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        for bad in ["", "5", "s", "-1s", "1.5s", "1 s", "1d", "99999999999999999999s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert!(serde_json::from_str::<Limits>(r#"{"dead_after": 5}"#).is_err());
        assert!(serde_json::from_str::<Limits>(r#"{"dead_aftr": "5s"}"#).is_err());
    }
}
