//! When something was, for people.

const DAY_S: u64 = 86_400;

/// A unix time in milliseconds as time of day, UTC: `10:57:01`.
pub(crate) fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % DAY_S;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The same with its date: `2026-11-21T10:57:01Z`.
pub(crate) fn date_and_time(unix_ms: u64) -> String {
    let (year, month, day) = civil(unix_ms / 1000 / DAY_S);
    format!("{year:04}-{month:02}-{day:02}T{}Z", time_of_day(unix_ms))
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Years are taken to begin in
/// March, so that the day that some of them have more is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_are_those_of_the_calendar() {
        let times = [0, 951_782_399_999, 951_782_400_000, 1_709_164_800_000, 4_102_444_799_000];
        let said = times.map(date_and_time);
        let expected = [
            "1970-01-01T00:00:00Z",
            "2000-02-28T23:59:59Z",
            "2000-02-29T00:00:00Z",
            "2024-02-29T00:00:00Z",
            "2099-12-31T23:59:59Z",
        ];
        assert_eq!(said, expected);
    }
}
