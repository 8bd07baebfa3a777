//! Values of single options: true or false, numbers with their range, durations, backoff ranges.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Resolver;
use crate::command::BackoffRange;
use crate::document::{Entry, Value};
use crate::duration::{self, DurationError};
use crate::mistake::MistakeKind;
use crate::quote::quote;

const DURATION_HELP: &str =
    "write whole numbers with the units h, m, s, ms, the longest first, like \"1m30s\"";
const BACKOFF_HELP: &str = "write the shortest and the longest wait, like \"1s..1m\"";

impl Resolver<'_, '_> {
    pub(super) fn boolean(&mut self, entry: &Entry<'_>) -> Option<bool> {
        match entry.node.value {
            Value::Boolean(value) => Some(value),
            _ => {
                self.wrong_type(entry, "true or false", "write true or false, without quotes");
                None
            }
        }
    }

    /// A whole number in a range. `zero` says why 0 is refused where the range begins at 1.
    pub(super) fn number(
        &mut self,
        entry: &Entry<'_>,
        range: RangeInclusive<u32>,
        zero: &str,
    ) -> Option<u32> {
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        let Value::Whole(value) = entry.node.value else {
            self.wrong_type(entry, "a whole number", &help);
            return None;
        };
        let small = u32::try_from(value).ok().filter(|value| range.contains(value));
        if small.is_none() {
            let message = if value == 0 {
                format!("{} may not be 0: {zero}", quote(&entry.key))
            } else {
                format!("{} is at most {}, this is {value}", quote(&entry.key), range.end())
            };
            self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
        }
        small
    }

    /// A duration that is not zero.
    pub(super) fn duration(&mut self, entry: &Entry<'_>) -> Option<Duration> {
        let duration = self.any_duration(entry)?;
        if duration.is_zero() {
            let message =
                format!("{} may not be zero: nothing could ever finish", quote(&entry.key));
            let help = "write the longest wait that makes sense, like \"10s\"".to_owned();
            self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
            return None;
        }
        Some(duration)
    }

    /// A duration that is not below `min`; `short` says why not.
    pub(super) fn duration_from(
        &mut self,
        entry: &Entry<'_>,
        min: Duration,
        short: &str,
    ) -> Option<Duration> {
        let found = self.any_duration(entry)?;
        if found < min {
            let min = duration::format(min);
            let message = format!("{} is at least {min}: {short}", quote(&entry.key));
            let help = format!("write \"{min}\" or more");
            self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
            return None;
        }
        Some(found)
    }

    fn any_duration(&mut self, entry: &Entry<'_>) -> Option<Duration> {
        let text = self.duration_text(entry, "a duration", "write a duration, like \"10s\"")?;
        match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.wrong_duration(entry, text, error);
                None
            }
        }
    }

    /// Two durations: `"1s..1m"`.
    pub(super) fn backoff(&mut self, entry: &Entry<'_>) -> Option<BackoffRange> {
        let text = self.duration_text(entry, "a range of durations", BACKOFF_HELP)?;
        let Some((min, max)) = text.split_once("..") else {
            let message = format!("{} is not a range of durations", quote(text));
            self.mistakes.add(
                MistakeKind::Value,
                &entry.node.span,
                message,
                BACKOFF_HELP.to_owned(),
            );
            return None;
        };
        let mut bound = |text: &str| match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.wrong_duration(entry, text, error);
                None
            }
        };
        // Both are read before either is given up, so that both are reported.
        let (min, max) = (bound(min), bound(max));
        let range = BackoffRange { min: min?, max: max? };
        let wrong = if range.min.is_zero() {
            Some("the shortest wait may not be zero: a failing job would run without a pause")
        } else if range.min > range.max {
            Some("the shortest wait comes first, this one is longer than the second")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.mistakes.add(MistakeKind::Value, &entry.node.span, wrong, BACKOFF_HELP.to_owned());
            return None;
        }
        Some(range)
    }

    fn duration_text<'n>(
        &mut self,
        entry: &'n Entry<'_>,
        what: &str,
        help: &str,
    ) -> Option<&'n str> {
        match &entry.node.value {
            Value::String(text) => Some(text),
            Value::Whole(number) => {
                let help = format!("say the unit, in quotes: \"{number}s\" or \"{number}ms\"");
                let help = if what == "a duration" { &help } else { BACKOFF_HELP };
                self.wrong_type(entry, what, help);
                None
            }
            _ => {
                self.wrong_type(entry, what, help);
                None
            }
        }
    }

    fn wrong_duration(&mut self, entry: &Entry<'_>, text: &str, error: DurationError) {
        let (message, help) = match error {
            DurationError::Shape => {
                (format!("{} is not a duration", quote(text)), DURATION_HELP.to_owned())
            }
            DurationError::TooLong => (
                format!("{} is longer than a day", quote(text)),
                "write at most \"24h\"".to_owned(),
            ),
        };
        self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
    }

    pub(super) fn wrong_type(&mut self, entry: &Entry<'_>, what: &str, help: &str) {
        let found = entry.node.value.description();
        let message = format!("{} is {what}, this is {found}", quote(&entry.key));
        self.mistakes.add(MistakeKind::Type, &entry.node.span, message, help.to_owned());
    }
}
