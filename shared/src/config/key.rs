//! The keys of a configuration: where each is written in a file, and how its variable is called.

use super::settings::{HandshakeSettings, LimitsSettings, MasterSettings, WorkerSettings};
use super::sources::ENVIRONMENT_PREFIX;

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Worker,
    Master,
    Limits,
    Handshake,
}

/// One key. The same name may stand in two sections (`secret` of worker and master).
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) section: Section,
    pub(super) name: &'static str,
    /// Its value is never shown.
    pub(super) is_secret: bool,
}

impl Section {
    pub(super) const ALL: [Self; 4] = [Self::Worker, Self::Master, Self::Limits, Self::Handshake];

    /// The name of the table in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Master => "master",
            Self::Limits => "limits",
            Self::Handshake => "limits.handshake",
        }
    }

    pub(super) fn keys(self) -> &'static [Key] {
        match self {
            Self::Worker => WorkerSettings::KEYS,
            Self::Master => MasterSettings::KEYS,
            Self::Limits => LimitsSettings::KEYS,
            Self::Handshake => HandshakeSettings::KEYS,
        }
    }

    pub(super) fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    /// Whether a process of `role` uses it: its own section, and the limits of both.
    pub(super) fn is_of(self, role: Self) -> bool {
        self == role || matches!(self, Self::Limits | Self::Handshake)
    }
}

impl Key {
    /// Every key of every section.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        Section::ALL.into_iter().flat_map(|section| section.keys())
    }

    /// Its name in the merged settings of one role.
    pub(super) fn path(&self) -> String {
        match self.section {
            Section::Worker | Section::Master => self.name.to_owned(),
            Section::Limits | Section::Handshake => {
                format!("{}.{}", self.section.name(), self.name)
            }
        }
    }

    /// Its environment variable.
    pub(super) fn variable(&self) -> String {
        let path = self.path().to_ascii_uppercase().replace('.', "__");
        format!("{ENVIRONMENT_PREFIX}{path}")
    }
}
