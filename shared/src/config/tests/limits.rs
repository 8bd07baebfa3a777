//! Bounds: their units, their ranges, and how they hang together.

use super::super::key::Section;
use super::*;
use crate::limits::Limits;

/// The fields of a struct, as its decoder tells them.
fn fields_of(json: &str) -> Vec<String> {
    let error = serde_json::from_str::<Limits>(json).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected").expect("a list of fields");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_limit_has_its_key() {
    let names = |section: Section| -> Vec<String> {
        section.keys().iter().map(|key| key.name.to_owned()).collect()
    };
    let mut keys = names(Section::Limits);
    keys.push("handshake".to_owned());
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(keys), sorted(fields_of(r#"{"no such": 1}"#)));
    let handshake = fields_of(r#"{"handshake": {"no such": 1}}"#);
    assert_eq!(sorted(names(Section::Handshake)), sorted(handshake));
}

#[test]
fn unset_limits_are_the_defaults() {
    assert_eq!(worker(&[]).unwrap().limits, Limits::default());
}

#[test]
fn every_limit_arrives_where_it_belongs() {
    for key in Section::Limits.keys().iter().chain(Section::Handshake.keys()) {
        // A value that is in every range and no default, of each kind.
        let set = ["7340033", "99999999", "777", "1001ms", "11s", "15m1s", "10.0.0.0/8"]
            .into_iter()
            .filter_map(|value| {
                let limits = worker(&[(&key.variable(), value)]).ok()?.limits;
                (limits != Limits::default()).then_some(limits)
            })
            .next();
        let shown = format!("{:?}", set.expect(key.name));
        let changed = format!("{:?}", Limits::default());
        let differing: Vec<&str> = shown
            .split(", ")
            .zip(changed.split(", "))
            .filter(|(now, before)| now != before)
            .map(|(now, _)| now)
            .collect();
        assert!(differing.iter().any(|field| field.contains(key.name)), "{differing:?}");
    }
}

#[test]
fn a_larger_message_brings_its_room() {
    for value in ["67108864", "64MiB", "65536KiB"] {
        let limits = worker(&[("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", value)]).unwrap().limits;
        assert_eq!(limits.message_bytes_max, 64 << 20);
        assert_eq!(limits.reassembly_bytes_max, 64 << 20);
        assert_eq!(limits.queued_bytes_max, Limits::default().queued_bytes_max);
    }
    let mistake = only(worker(&[
        ("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", "64MiB"),
        ("MESHWORK_LIMITS__REASSEMBLY_BYTES_MAX", "32MiB"),
    ]));
    assert_eq!(mistake.origin.as_deref(), Some("MESHWORK_LIMITS__REASSEMBLY_BYTES_MAX"));
    assert!(mistake.wrong.contains("is less than one message (67108864 bytes)"), "{mistake}");
}

#[test]
fn what_is_no_size_or_out_of_range() {
    let wrong = [
        ("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", "64MB", "no such number"),
        ("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", "+64", "no such number"),
        ("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", "99999999999GiB", "no such number"),
        ("MESHWORK_LIMITS__MESSAGE_BYTES_MAX", "2GiB", "out of range"),
        ("MESHWORK_LIMITS__FRAME_BYTES_MAX", "1KiB", "out of range"),
        ("MESHWORK_LIMITS__CALLS_IN_FLIGHT_MAX", "0", "out of range"),
        ("MESHWORK_LIMITS__PING_AFTER", "5", "no duration"),
        ("MESHWORK_LIMITS__PING_AFTER", "0s", "out of range"),
        ("MESHWORK_LIMITS__PING_AFTER", "900h", "out of range"),
        ("MESHWORK_LIMITS__DEAD_AFTER", "900ms", "out of range"),
    ];
    for (variable, value, why) in wrong {
        let mistake = only(worker(&[(variable, value)]));
        assert!(mistake.wrong.ends_with(why), "{mistake}");
        assert_eq!(mistake.origin.as_deref(), Some(variable));
    }
}

#[test]
fn exempt_ranges_are_read_and_bounded() {
    let variable = "MESHWORK_LIMITS__HANDSHAKE__EXEMPT";
    let limits = worker(&[(variable, "10.0.0.0/8,fd00::/8")]).unwrap().limits;
    assert_eq!(limits.handshake.exempt.len(), 2);
    assert!(only(worker(&[(variable, "10.0.0.0/99")])).wrong.contains("`10.0.0.0/99`"));
    let many = vec!["10.0.0.0/8"; 65].join(",");
    assert_eq!(only(worker(&[(variable, &many)])).help, "keep 64 of them at most");
}

#[test]
fn what_must_be_longer_is() {
    let mistake = only(worker(&[("MESHWORK_LIMITS__DEAD_AFTER", "1s")]));
    let wrong = "`limits.dead_after` is less than `limits.ping_after`, which is 5s";
    assert_eq!((mistake.wrong.as_str(), mistake.help.as_str()), (wrong, "raise it"));
    let mistake = only(worker(&[("MESHWORK_LIMITS__HANDSHAKE__PENALTY_MIN", "20m")]));
    assert_eq!(mistake.help, "lower it");
    let mistake = only(worker(&[("MESHWORK_LIMITS__HANDSHAKE__DONE_WITHIN", "1s")]));
    assert!(mistake.wrong.contains("first_message_within"), "{mistake}");
}
