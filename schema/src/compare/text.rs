//! Changes as a list for people.

use std::fmt;

use super::{Change, ChangeKind, Changes};

/// Columns of the first part of a line, so that details stand below each other.
const WHAT_COLUMNS: usize = 32;

impl fmt::Display for Changes {
    /// A line for each change, `+`, `-` or `~` in front; one that breaks something has a second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, noun) = match self.kind {
            ChangeKind::WorkerAdded => ('+', "worker"),
            ChangeKind::WorkerRemoved => ('-', "worker"),
            ChangeKind::LinkRemoved => ('-', "link"),
            ChangeKind::CommandAdded => ('+', "command"),
            ChangeKind::CommandRemoved => ('-', "command"),
            ChangeKind::AccessChanged => ('~', "worker"),
            ChangeKind::DeliveryChanged
            | ChangeKind::QueuedChanged
            | ChangeKind::RespondsChanged
            | ChangeKind::CallersChanged
            | ChangeKind::OptionChanged => ('~', "command"),
        };
        let line = format!("{sign} {noun:<7} {:<WHAT_COLUMNS$} {}", self.what, self.detail);
        write!(f, "{}", line.trim_end())?;
        match &self.breaks {
            Some(breaks) => write!(f, "\n    breaks: {breaks}"),
            None => Ok(()),
        }
    }
}
