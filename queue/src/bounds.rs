//! How much each queue of a store holds, as the address of the store may say.

use crate::limits::{QueueLimits, STORE_BYTES_MAX, STORE_JOBS_MAX};

/// What an address says of the bounds of each queue, instead of [`QueueLimits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueBounds {
    /// Jobs that wait or run, at most: up to [`STORE_JOBS_MAX`].
    pub jobs_max: Option<usize>,
    /// Bytes of jobs and dead letters, at most: up to [`STORE_BYTES_MAX`].
    pub bytes_max: Option<usize>,
    /// Dead letters, at most: up to [`STORE_JOBS_MAX`].
    pub dead_letters_max: Option<usize>,
}

impl QueueBounds {
    /// What may stand in an address, for those who wrote something else.
    pub(crate) const NAMES: &str = "jobs_max, bytes_max, dead_letters_max";

    /// Takes in an option of an address; false if it is none of these.
    ///
    /// # Errors
    /// The number is none, or out of bounds; what to write.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let (bound, max) = match name {
            "jobs_max" => (&mut self.jobs_max, STORE_JOBS_MAX),
            "bytes_max" => (&mut self.bytes_max, STORE_BYTES_MAX),
            "dead_letters_max" => (&mut self.dead_letters_max, STORE_JOBS_MAX),
            _ => return Ok(false),
        };
        let count = value.parse().ok().filter(|count| (1..=max).contains(count));
        *bound = Some(count.ok_or_else(|| format!("`{name}` is a number from 1 to {max}"))?);
        Ok(true)
    }

    /// The bounds of a queue: what is not said here stays as in `otherwise`.
    pub(crate) fn over(&self, otherwise: QueueLimits) -> QueueLimits {
        QueueLimits {
            jobs_max: self.jobs_max.unwrap_or(otherwise.jobs_max),
            bytes_max: self.bytes_max.unwrap_or(otherwise.bytes_max),
            dead_letters_max: self.dead_letters_max.unwrap_or(otherwise.dead_letters_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_wins_and_the_rest_stays() {
        let default = QueueLimits::default();
        let mut bounds = QueueBounds::default();
        assert_eq!(bounds.over(default), default);
        assert_eq!(bounds.take("dead_letters_max", "7"), Ok(true));
        assert_eq!(bounds.take("bytes_max", "4294967296"), Ok(true));
        let expected = QueueLimits { dead_letters_max: 7, bytes_max: 4 << 30, ..default };
        assert_eq!(bounds.over(default), expected);
        assert_eq!(bounds.take("prefix", "7"), Ok(false));
    }

    #[test]
    fn numbers_that_cannot_be_meant_are_refused_with_what_can() {
        let mut bounds = QueueBounds::default();
        for (name, value) in [
            ("jobs_max", "0"),
            ("jobs_max", "many"),
            ("jobs_max", "100000001"),
            ("bytes_max", "4GiB"),
        ] {
            let error = bounds.take(name, value).unwrap_err();
            assert!(error.starts_with(&format!("`{name}` is a number from 1 to")), "{error}");
        }
        assert!(QueueBounds::NAMES.split(", ").all(|name| bounds.take(name, "1") == Ok(true)));
        assert_eq!(
            bounds,
            QueueBounds { jobs_max: Some(1), bytes_max: Some(1), dead_letters_max: Some(1) }
        );
    }
}
