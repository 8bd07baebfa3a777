//! A cron expression in a time zone, and its due times.
//!
//! The five fields of Vixie cron. Where a zone changes its clocks: an expression with a fixed
//! minute and hour runs once for each day, at the first moment after the gap if its time is left
//! out, and the first time if it comes twice; one with `*` or a step in its minute or hour goes by
//! the hands of the clock, and so runs in both halves of an hour that comes twice.

use std::fmt;
use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};

use crate::limits::CRON_BYTES_MAX;

/// The time zone of an expression that says none.
pub const TIMEZONE_DEFAULT: &str = "UTC";

/// A moment from which every expression that makes sense has a due time soon: 2024 begins, a leap
/// year.
const PROBE_UNIX_MS: u64 = 1_704_067_200_000;

/// Longest wait from there to the first due time: a leap day on a certain weekday.
const PROBE_WAIT_MS: u64 = 50 * 366 * 24 * 60 * 60 * 1000;

/// A cron expression and its time zone. One that exists is valid and has due times.
#[derive(Clone)]
pub struct CronSchedule(Arc<Inner>);

struct Inner {
    expression: String,
    timezone: String,
    cron: Cron,
    zone: TimeZone,
}

/// Why a text is not a cron expression. Whoever wrote it has to change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It has more than [`CRON_BYTES_MAX`] bytes, or other characters than ASCII.
    #[error("it has characters that no expression has, or far too many")]
    Text,
    /// It has this many fields.
    #[error("it has {fields} fields instead of five")]
    Fields {
        /// How many.
        fields: usize,
    },
    /// A field cannot be read.
    #[error("{message}")]
    Field {
        /// What is wrong with it.
        message: String,
    },
    /// There is no such day, like the 30th of February.
    #[error("there is never such a time")]
    Never,
    /// The time zone is not in the database.
    #[error("there is no such time zone")]
    Timezone,
}

impl CronSchedule {
    /// Reads an expression of five fields (minute, hour, day of month, month, day of week) or one
    /// of the words `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///
    /// # Errors
    /// [`CronError`] says what is wrong with it.
    pub fn new(expression: &str, timezone: &str) -> Result<Self, CronError> {
        let is_text = expression.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if expression.len() > CRON_BYTES_MAX || !is_text {
            return Err(CronError::Text);
        }
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let is_word = matches!(fields.as_slice(), [word] if word.starts_with('@'));
        if fields.len() != 5 && !is_word {
            return Err(CronError::Fields { fields: fields.len() });
        }
        // One spelling for one meaning as far as letters and spaces go.
        let expression = match is_word {
            true => fields.join(" ").to_ascii_lowercase(),
            false => fields.join(" ").to_ascii_uppercase(),
        };
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&expression).map_err(|error| field_error(&error))?;
        let zone = TimeZoneDatabase::bundled().get(timezone).map_err(|_| CronError::Timezone)?;
        let timezone = zone.iana_name().unwrap_or(timezone).to_owned();
        let schedule = Self(Arc::new(Inner { expression, timezone, cron, zone }));
        match schedule.next_after(PROBE_UNIX_MS) {
            Some(due) if due - PROBE_UNIX_MS <= PROBE_WAIT_MS => Ok(schedule),
            _ => Err(CronError::Never),
        }
    }

    /// The expression, its fields apart by one space.
    pub fn expression(&self) -> &str {
        &self.0.expression
    }

    /// The name of the time zone.
    pub fn timezone(&self) -> &str {
        &self.0.timezone
    }

    /// The first due time after `unix_ms`.
    pub fn next_after(&self, unix_ms: u64) -> Option<u64> {
        let next = self.0.cron.find_next_occurrence(&self.zoned(unix_ms)?, false).ok()?;
        unix_ms_of(&next)
    }

    /// The last due time up to and with `unix_ms`.
    pub fn last_until(&self, unix_ms: u64) -> Option<u64> {
        // Due times are whole seconds; the search goes by them.
        let last = self.0.cron.find_previous_occurrence(&self.zoned(unix_ms)?, true).ok()?;
        unix_ms_of(&last)
    }

    fn zoned(&self, unix_ms: u64) -> Option<Zoned> {
        let seconds = i64::try_from(unix_ms / 1000).ok()?;
        Some(Timestamp::from_second(seconds).ok()?.to_zoned(self.0.zone.clone()))
    }
}

fn unix_ms_of(zoned: &Zoned) -> Option<u64> {
    u64::try_from(zoned.timestamp().as_second()).ok()?.checked_mul(1000)
}

fn field_error(error: &croner::errors::CronError) -> CronError {
    use croner::errors::CronError as Theirs;
    let message = match error {
        Theirs::InvalidPattern(message)
        | Theirs::IllegalCharacters(message)
        | Theirs::ComponentError(message) => message.trim_end_matches('.').to_owned(),
        Theirs::EmptyPattern
        | Theirs::InvalidDate
        | Theirs::InvalidTime
        | Theirs::TimeSearchLimitExceeded => "a field has a value that it cannot have".to_owned(),
    };
    CronError::Field { message }
}

/// The names of all time zones, for the one who mistyped one.
pub(crate) fn timezones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

// === equality by what is written ===

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        (self.expression(), self.timezone()) == (other.expression(), other.timezone())
    }
}

impl Eq for CronSchedule {}

impl fmt::Debug for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronSchedule({} {})", self.expression(), self.timezone())
    }
}

#[cfg(test)]
mod tests;
