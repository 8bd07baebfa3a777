//! Durations as the schema writes them: `"500ms"`, `"10s"`, `"1m30s"`, `"2h"`.

use std::time::Duration;

use crate::limits::DURATION_MS_MAX;

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// Not a row of whole numbers with units, from the longest unit to the shortest.
    Shape,
    /// More than a day.
    TooLong,
}

/// Reads a duration; zero is one here, the options say where it makes no sense.
///
/// # Errors
/// [`DurationError`]: whoever wrote the text has to change it.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Shape);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(DurationError::Shape);
        }
        // Each unit once and in order: `units` has moved past the longer ones.
        let Some((_, unit_ms)) = units.find(|(name, _)| *name == unit) else {
            return Err(DurationError::Shape);
        };
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        total_ms = number
            .checked_mul(*unit_ms)
            .and_then(|ms| ms.checked_add(total_ms))
            .filter(|ms| *ms <= DURATION_MS_MAX)
            .ok_or(DurationError::TooLong)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration of whole milliseconds so that [`parse`] reads the same: one text per value.
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        if rest >= unit_ms {
            text.push_str(&(rest / unit_ms).to_string());
            text.push_str(unit);
            rest %= unit_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests;
