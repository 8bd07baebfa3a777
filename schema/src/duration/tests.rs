use proptest::prelude::*;

use super::*;

#[test]
fn durations_in_all_units() {
    let cases = [
        ("0s", 0),
        ("1ms", 1),
        ("500ms", 500),
        ("90s", 90_000),
        ("1m30s", 90_000),
        ("2h", 7_200_000),
        ("1h1m1s1ms", 3_661_001),
        ("24h", DURATION_MS_MAX),
        ("007s", 7000),
    ];
    for (text, ms) in cases {
        assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
    }
}

#[test]
fn what_is_not_a_duration() {
    let shapes = [
        "", "s", "5", "5 s", "1.5s", "-1s", "+1s", "1s1m", "1s1s", "5sec", "1d", "1M", "٣s", "1s ",
    ];
    for text in shapes {
        assert_eq!(parse(text), Err(DurationError::Shape), "{text}");
    }
    for text in ["25h", "24h1ms", "99999999999999999999s", "18446744073709551615h"] {
        assert_eq!(parse(text), Err(DurationError::TooLong), "{text}");
    }
}

proptest! {
    #[test]
    fn a_written_duration_reads_back(ms in 0..=DURATION_MS_MAX) {
        let duration = Duration::from_millis(ms);
        prop_assert_eq!(parse(&format(duration)), Ok(duration));
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}") {
        let _ = parse(&text);
    }
}
