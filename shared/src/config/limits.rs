//! The bounds of links, resolved: each within what makes sense, and all of them together.

use std::ops::RangeInclusive;
use std::time::Duration;

use meshwork_schema::duration;

use super::fields::{Fields, shown};
use crate::admission::{AddressRange, AddressRangeError};
use crate::limits::{FRAME_BYTES_FLOOR, HandshakeLimits, Limits};

const FRAME: RangeInclusive<u64> = FRAME_BYTES_FLOOR as u64..=16 << 20;
const MESSAGE: RangeInclusive<u64> = FRAME_BYTES_FLOOR as u64..=1 << 30;
const BUFFER: RangeInclusive<u64> = FRAME_BYTES_FLOOR as u64..=4 << 30;
const TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);
/// Below that a process whose handler computes in place could not vouch for itself in time.
const DEAD_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const MANY: RangeInclusive<u64> = 1..=1_000_000;

/// Ranges of addresses without limits, at most: each is compared with every newcomer.
const EXEMPT_MAX: usize = 64;

/// The limits of the section `limits`; mistakes leave the default in their place.
pub(super) fn resolve(fields: &mut Fields) -> Limits {
    let default = Limits::default();
    let message_bytes_max =
        fields.bytes("limits.message_bytes_max", MESSAGE).unwrap_or(default.message_bytes_max);
    // Unset, the buffers have room for a message, so that raising one limit is enough.
    let mut buffer = |path: &'static str, default: usize| {
        let unset = default.max(message_bytes_max);
        let bytes = fields.bytes(path, BUFFER).unwrap_or(unset);
        if bytes < message_bytes_max {
            let wrong = format!("is less than one message ({message_bytes_max} bytes)");
            fields.wrong(path, &wrong, "raise it, or lower `limits.message_bytes_max`");
        }
        bytes
    };
    let limits = Limits {
        message_bytes_max,
        reassembly_bytes_max: buffer("limits.reassembly_bytes_max", default.reassembly_bytes_max),
        queued_bytes_max: buffer("limits.queued_bytes_max", default.queued_bytes_max),
        write_bytes_max: buffer("limits.write_bytes_max", default.write_bytes_max),
        frame_bytes_max: fields
            .bytes("limits.frame_bytes_max", FRAME)
            .unwrap_or(default.frame_bytes_max),
        calls_in_flight_max: count(
            fields,
            "limits.calls_in_flight_max",
            MANY,
            default.calls_in_flight_max,
        ),
        ping_after: time(fields, "limits.ping_after", default.ping_after),
        dead_after: fields.duration("limits.dead_after", DEAD_AFTER).unwrap_or(default.dead_after),
        stalled_write: time(fields, "limits.stalled_write", default.stalled_write),
        handshake: handshake(fields),
    };
    not_less(
        fields,
        ("limits.dead_after".to_owned(), limits.dead_after),
        ("limits.ping_after".to_owned(), limits.ping_after),
    );
    limits
}

fn handshake(fields: &mut Fields) -> HandshakeLimits {
    let default = HandshakeLimits::default();
    let path = |name: &str| format!("limits.handshake.{name}");
    let mut rate = |name: &str, default: u32| {
        // Within `MANY`, hence within its type.
        fields.count(&path(name), MANY).map_or(default, |count| count as u32)
    };
    let unproven_per_second_max = rate("unproven_per_second_max", default.unproven_per_second_max);
    let unproven_burst_max = rate("unproven_burst_max", default.unproven_burst_max);
    let failures_per_minute_max = rate("failures_per_minute_max", default.failures_per_minute_max);
    let proven_per_second_max = rate("proven_per_second_max", default.proven_per_second_max);
    let mut limit = |name: &str, default: Duration| time(fields, &path(name), default);
    let first_message_within = limit("first_message_within", default.first_message_within);
    let done_within = limit("done_within", default.done_within);
    let penalty_min = limit("penalty_min", default.penalty_min);
    let penalty_max = limit("penalty_max", default.penalty_max);
    let half_open_max = count(fields, &path("half_open_max"), MANY, default.half_open_max);
    let half_open_per_prefix_max = count(
        fields,
        &path("half_open_per_prefix_max"),
        MANY,
        default.half_open_per_prefix_max.min(half_open_max),
    );
    let pair = |name: &'static str, time| (path(name), time);
    not_less(
        fields,
        pair("done_within", done_within),
        pair("first_message_within", first_message_within),
    );
    not_less(fields, pair("penalty_max", penalty_max), pair("penalty_min", penalty_min));
    HandshakeLimits {
        first_message_within,
        done_within,
        half_open_max,
        half_open_per_prefix_max,
        unproven_per_second_max,
        unproven_burst_max,
        failures_per_minute_max,
        penalty_min,
        penalty_max,
        proven_per_second_max,
        exempt: exempt(fields, &path("exempt")),
    }
}

fn exempt(fields: &mut Fields, path: &str) -> Vec<AddressRange> {
    let mut ranges = Vec::new();
    let texts = fields.list(path).unwrap_or_default();
    if texts.len() > EXEMPT_MAX {
        let wrong = format!("has {} ranges", texts.len());
        fields.wrong(path, &wrong, &format!("keep {EXEMPT_MAX} of them at most"));
        return ranges;
    }
    for text in texts {
        match text.parse() {
            Ok(range) => ranges.push(range),
            Err(AddressRangeError) => {
                let help = "write each as 10.0.0.0/8, fd00::/8 or 192.0.2.7";
                fields.wrong(path, &format!("has {}, no range of addresses", shown(&text)), help);
            }
        }
    }
    ranges
}

/// Adds a mistake if `long` is the shorter one, to whichever of the two was set.
fn not_less(fields: &mut Fields, long: (String, Duration), short: (String, Duration)) {
    if long.1 >= short.1 {
        return;
    }
    let (set, wrong, help) = match fields.is_set(&long.0) {
        true => (&long, format!("is less than `{}`, which is", short.0), (short.1, "raise it")),
        false => (&short, format!("is more than `{}`, which is", long.0), (long.1, "lower it")),
    };
    let wrong = format!("{wrong} {}", duration::format(help.0));
    fields.wrong(&set.0, &wrong, help.1);
}

fn time(fields: &mut Fields, path: &str, default: Duration) -> Duration {
    fields.duration(path, TIME).unwrap_or(default)
}

fn count(fields: &mut Fields, path: &str, range: RangeInclusive<u64>, default: usize) -> usize {
    fields.count(path, range).map_or(default, |count| count as usize)
}
