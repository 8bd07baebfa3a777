//! The options that say when a command runs by itself, and whom its queue outlives.

use std::time::Duration;

use super::Resolver;
use crate::command::{Delivery, OnLeave};
use crate::cron::{CronError, CronSchedule, TIMEZONE_DEFAULT, timezones};
use crate::document::{Entry, Table, Value};
use crate::mistake::MistakeKind;
use crate::quote::quote;
use crate::repeat::{EVERY_MIN, Missed, Repeat, Schedule};

const CRON_HELP: &str =
    "write minute, hour, day of month, month and day of week, like \"0 3 * * *\"";
const CRON_SECONDS_HELP: &str = "leave the seconds out: minute, hour, day of month, month, day \
    of week; for less than a minute write `every`";
const TIMEZONE_HELP: &str = "write a name of the IANA database, like \"Europe/Berlin\"";

impl Resolver<'_, '_> {
    /// Reads `every`, `cron`, `timezone` and `missed` together. `is_queued` is false where they
    /// are refused anyway.
    pub(super) fn repeat(&mut self, table: &Table<'_>, is_queued: bool) -> Option<Repeat> {
        let (every, cron) = (table.entry("every"), table.entry("cron"));
        let (timezone, missed) = (table.entry("timezone"), table.entry("missed"));
        let interval = every.and_then(|entry| self.interval(entry));
        let cron_schedule = cron.and_then(|entry| self.cron(entry, timezone));
        let rule = missed.and_then(|entry| self.missed(entry));
        if !is_queued {
            return None;
        }
        if let (Some(every), Some(cron)) = (every, cron) {
            let later = if every.key_span.start > cron.key_span.start { every } else { cron };
            let message = "`every` and `cron` do not go together";
            self.combination(later, message, "keep one of the two");
        }
        if let (Some(timezone), None) = (timezone, cron) {
            let help = "leave it out: an interval is the same in every zone";
            let help = if every.is_some() { help } else { "write `cron` too, or leave it out" };
            self.combination(timezone, "`timezone` needs `cron`", help);
        }
        if let (Some(missed), None, None) = (missed, every, cron) {
            let help = "write one of the two, or leave it out";
            self.combination(missed, "`missed` needs `every` or `cron`", help);
        }
        let schedule = interval.map(Schedule::Every);
        let schedule = schedule.or_else(|| cron_schedule.map(Schedule::Cron))?;
        Some(Repeat { schedule, missed: rule.unwrap_or_default() })
    }

    /// Reads `on_leave`, which only the queue of an instance can have.
    pub(super) fn on_leave(&mut self, entry: &Entry<'_>, delivery: Delivery) -> Option<OnLeave> {
        if delivery == Delivery::Balanced {
            let message = "`on_leave` needs a broadcast command";
            let help = "leave it out: a balanced queue belongs to no instance";
            self.combination(entry, message, help);
        }
        self.word(entry, &[("bury", OnLeave::Bury), ("keep", OnLeave::Keep)])
    }

    fn interval(&mut self, entry: &Entry<'_>) -> Option<Duration> {
        self.duration_from(entry, EVERY_MIN, "a queue is no clock")
    }

    fn missed(&mut self, entry: &Entry<'_>) -> Option<Missed> {
        let all = [Missed::Skip, Missed::Once, Missed::All];
        self.word(entry, &all.map(|missed| (missed.as_str(), missed)))
    }

    fn cron(&mut self, entry: &Entry<'_>, timezone: Option<&Entry<'_>>) -> Option<CronSchedule> {
        let zone = match timezone {
            None => TIMEZONE_DEFAULT.to_owned(),
            Some(timezone) => self.string(timezone, "a time zone", TIMEZONE_HELP)?.to_owned(),
        };
        let expression = self.string(entry, "a cron expression", CRON_HELP)?;
        let error = match CronSchedule::new(expression, &zone) {
            Ok(schedule) => return Some(schedule),
            Err(error) => error,
        };
        let (at, message, help) = match (&error, timezone) {
            (CronError::Timezone, Some(timezone)) => {
                let known = timezones();
                let help = match self.nearest(&zone, known.iter().map(String::as_str)) {
                    Some(name) => format!("did you mean {}?", quote(name)),
                    None => TIMEZONE_HELP.to_owned(),
                };
                (timezone, format!("{} is not a time zone", quote(&zone)), help)
            }
            (CronError::Fields { fields: 6.. }, _) => {
                (entry, not_cron(expression, &error), CRON_SECONDS_HELP.to_owned())
            }
            _ => (entry, not_cron(expression, &error), CRON_HELP.to_owned()),
        };
        self.mistakes.add(MistakeKind::Value, &at.node.span, message, help);
        None
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, entry: &Entry<'_>, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let choice = crate::quote::quote_choice(&names);
        let help = format!("write {choice}, in quotes");
        let text = self.string(entry, &choice, &help)?;
        let found = words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let message = format!("{} is not {choice}", quote(text));
            self.mistakes.add(MistakeKind::Value, &entry.node.span, message, help);
        }
        found
    }

    fn string<'n>(&mut self, entry: &'n Entry<'_>, what: &str, help: &str) -> Option<&'n str> {
        match &entry.node.value {
            Value::String(text) => Some(text),
            _ => {
                self.wrong_type(entry, what, help);
                None
            }
        }
    }

    fn combination(&mut self, entry: &Entry<'_>, message: &str, help: &str) {
        let kind = MistakeKind::Combination;
        self.mistakes.add(kind, &entry.key_span, message, help.to_owned());
    }
}

fn not_cron(expression: &str, error: &CronError) -> String {
    format!("{} is not a cron expression: {error}", quote(expression))
}
