use proptest::prelude::*;

use super::*;

fn schedule(expression: &str, timezone: &str) -> CronSchedule {
    CronSchedule::new(expression, timezone).unwrap()
}

fn at(text: &str) -> u64 {
    let timestamp: Timestamp = text.parse().unwrap();
    timestamp.as_millisecond() as u64
}

/// The next due times after a moment, in universal time.
fn next(schedule: &CronSchedule, after: &str, count: usize) -> Vec<String> {
    let mut from = at(after);
    let mut due = Vec::new();
    for _ in 0..count {
        from = schedule.next_after(from).unwrap();
        due.push(Timestamp::from_millisecond(from as i64).unwrap().to_string());
    }
    due
}

#[test]
fn a_day_has_one_due_time_in_its_zone() {
    let nightly = schedule("0 3 * * *", "Europe/Berlin");
    let due = next(&nightly, "2026-01-10T12:00:00Z", 2);
    assert_eq!(due, ["2026-01-11T02:00:00Z", "2026-01-12T02:00:00Z"]);
    let due = next(&nightly, "2026-07-10T12:00:00Z", 1);
    assert_eq!(due, ["2026-07-11T01:00:00Z"], "summer");
    let utc = schedule("0 3 * * *", "UTC");
    assert_eq!(next(&utc, "2026-07-10T03:00:00Z", 1), ["2026-07-11T03:00:00Z"], "strictly after");
}

#[test]
fn a_time_that_is_left_out_runs_at_the_end_of_the_gap() {
    // In Berlin the hands go from 2:00 to 3:00 on 29 March 2026, 1:00 in universal time.
    let nightly = schedule("30 2 * * *", "Europe/Berlin");
    let due = next(&nightly, "2026-03-27T12:00:00Z", 3);
    assert_eq!(due, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let half_hourly = schedule("*/30 * * * *", "Europe/Berlin");
    let due = next(&half_hourly, "2026-03-29T00:00:00Z", 3);
    assert_eq!(due, ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]);
}

#[test]
fn a_time_that_comes_twice_runs_the_first_time() {
    // In Berlin the hands go back from 3:00 to 2:00 on 25 October 2026, 1:00 in universal time.
    let nightly = schedule("30 2 * * *", "Europe/Berlin");
    let due = next(&nightly, "2026-10-24T12:00:00Z", 2);
    assert_eq!(due, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let half_hourly = schedule("*/30 * * * *", "Europe/Berlin");
    let due = next(&half_hourly, "2026-10-25T00:00:00Z", 4);
    let expected = [
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T02:00:00Z",
    ];
    assert_eq!(due, expected, "a step goes by the hands of the clock: no half hour is without");
}

#[test]
fn looking_back_finds_the_same_times() {
    let nightly = schedule("30 2 * * *", "Europe/Berlin");
    for day in ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z"] {
        assert_eq!(nightly.last_until(at(day)), Some(at(day)), "with the moment itself");
        assert_eq!(nightly.last_until(at(day) + 999), Some(at(day)));
        assert!(nightly.last_until(at(day) - 1) < Some(at(day)));
    }
}

#[test]
fn words_and_weekdays() {
    assert_eq!(
        next(&schedule("@daily", "UTC"), "2026-01-10T12:00:00Z", 1),
        ["2026-01-11T00:00:00Z"]
    );
    let mondays = schedule("0  9 * *  mon-fri", "UTC");
    assert_eq!(mondays.expression(), "0 9 * * MON-FRI");
    let due = next(&mondays, "2026-01-09T10:00:00Z", 1);
    assert_eq!(due, ["2026-01-12T09:00:00Z"], "Friday to Monday");
    let leap = next(&schedule("0 0 29 2 *", "UTC"), "2026-01-01T00:00:00Z", 1);
    assert_eq!(leap, ["2028-02-29T00:00:00Z"]);
    assert_eq!(schedule("0 3 * * *", "europe/berlin").timezone(), "Europe/Berlin");
}

#[test]
fn what_is_no_expression() {
    let error = |expression: &str| CronSchedule::new(expression, "UTC").unwrap_err();
    assert_eq!(error(""), CronError::Fields { fields: 0 });
    assert_eq!(error("* * * *"), CronError::Fields { fields: 4 });
    assert_eq!(error("0 0 3 * * *"), CronError::Fields { fields: 6 }, "no seconds");
    assert_eq!(error("0 0 30 2 *"), CronError::Never);
    assert_eq!(error("0 0 * * \u{1f980}"), CronError::Text);
    assert_eq!(error(&"*".repeat(1000)), CronError::Text);
    for expression in
        ["60 * * * *", "a b c d e", "1-0 * * * *", "*/0 * * * *", "@never", "- - - - -"]
    {
        assert!(matches!(error(expression), CronError::Field { .. }), "{expression}");
    }
    let nowhere = CronSchedule::new("0 3 * * *", "Europe/Nowhere").unwrap_err();
    assert_eq!(nowhere, CronError::Timezone);
    assert!(timezones().iter().any(|name| name == "Europe/Berlin"));
}

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"];

/// Any value, steps, or one value.
fn field(below: u8) -> impl Strategy<Value = String> {
    let one = (0..below).prop_map(|value| value.to_string());
    let step = (2..below / 2).prop_map(|step| format!("*/{step}"));
    prop_oneof![Just("*".to_owned()), step, one]
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(
        expression in "([0-9*/,#LW?A-Za-z+-]{0,6} ){4}[0-9*/,#LW?A-Za-z+-]{0,6}|\\PC{0,40}",
        timezone in "[A-Za-z/_+-]{0,12}",
        unix_ms: u64,
    ) {
        for timezone in [timezone.as_str(), "America/New_York"] {
            if let Ok(schedule) = CronSchedule::new(&expression, timezone) {
                schedule.next_after(unix_ms);
                schedule.last_until(unix_ms);
                let again = CronSchedule::new(schedule.expression(), schedule.timezone());
                prop_assert_eq!(again, Ok(schedule));
            }
        }
    }

    #[test]
    fn looking_forth_and_back_agree(
        minute in field(60),
        hour in field(24),
        zone in prop::sample::select(ZONES.to_vec()),
        seconds in 1_700_000_000u64..1_900_000_000,
    ) {
        let schedule = schedule(&format!("{minute} {hour} * * *"), zone);
        let next = schedule.next_after(seconds * 1000).unwrap();
        prop_assert!(next > seconds * 1000);
        prop_assert_eq!(schedule.last_until(next), Some(next));
        let before = schedule.last_until(next - 1).unwrap();
        prop_assert!(before <= seconds * 1000, "nothing between the two: {} {}", before, next);
        prop_assert_eq!(schedule.next_after(before), Some(next));
    }
}
