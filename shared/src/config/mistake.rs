//! What is wrong with a configuration: all of it at once, for the person who wrote it.

use std::fmt;

use super::key::Key;

/// Mistakes that one report lists at most; the rest is counted.
const MISTAKES_MAX: usize = 100;

/// A configuration that cannot be used. The operator's to mend, then start again; nothing was
/// started. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Every mistake found, those of the sources first.
    pub mistakes: Vec<ConfigMistake>,
    /// How many more there are, that the list has no room for.
    pub left_out: usize,
}

/// One mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMistake {
    /// Where it stands: a variable, a line of a file, or that it was set in code. `None` when
    /// nothing was set at all.
    pub origin: Option<String>,
    /// What is wrong.
    pub wrong: String,
    /// What to write or type instead.
    pub help: String,
}

impl ConfigError {
    /// That a setting which is needed was not given, for what only the caller can know: a program
    /// that has no schema of its own needs `schema_file`.
    pub fn missing(setting: &str, help: &str) -> Self {
        let wrong = format!("`{setting}` is not set");
        let mistake = ConfigMistake { origin: None, wrong, help: help.to_owned() };
        Self { mistakes: vec![mistake], left_out: 0 }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() + self.left_out {
            1 => f.write_str("a mistake in the configuration:")?,
            count => write!(f, "{count} mistakes in the configuration:")?,
        }
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))?;
        match self.left_out {
            0 => Ok(()),
            count => write!(f, "\n  and {count} more"),
        }
    }
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        write!(f, "{}\n      {}", self.wrong, self.help)
    }
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    list: Vec<ConfigMistake>,
    left_out: usize,
}

impl Mistakes {
    pub(super) fn add(
        &mut self,
        origin: Option<&str>,
        wrong: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.list.len() == MISTAKES_MAX {
            self.left_out += 1;
            return;
        }
        let origin = origin.map(str::to_owned);
        self.list.push(ConfigMistake { origin, wrong: wrong.into(), help: help.into() });
    }

    /// A needed `key` is nowhere; `example` is what a value looks like.
    pub(super) fn missing(&mut self, key: &Key, example: &str) {
        let help = format!(
            "write {} = {example} under [{}], or set {}",
            key.name,
            key.section.name(),
            key.variable()
        );
        self.add(None, format!("`{}` is not set", key.name), help);
    }

    /// `resolved`, if there was no mistake.
    pub(super) fn none_or<T>(self, resolved: Option<T>) -> Result<T, ConfigError> {
        match resolved {
            Some(resolved) if self.list.is_empty() => Ok(resolved),
            _ => Err(ConfigError { mistakes: self.list, left_out: self.left_out }),
        }
    }
}
