//! Which file, how safe, and why it was not opened.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::bounds::QueueBounds;

/// How the queues of a file are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The database. It is made if it is not there, for the owner of the process only (mode
    /// 0600); SQLite keeps two more beside it, `-wal` and `-shm`, and the backend `-bell`.
    pub path: PathBuf,
    /// What an acknowledged job survives.
    pub sync: FileSync,
    /// How much each queue holds, as far as the address says it.
    pub bounds: QueueBounds,
}

/// What an acknowledged job survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileSync {
    /// The end of every process, and a power loss: each transaction ends with an `fsync`.
    #[default]
    Full,
    /// The end of every process. A power loss or a crash of the kernel may take what was
    /// acknowledged since the log was last copied; many times faster on slow disks.
    Normal,
}

impl FileOptions {
    /// The file at `path`, with an `fsync` for each transaction.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), sync: FileSync::Full, bounds: QueueBounds::default() }
    }
}

impl FromStr for FileOptions {
    type Err = FileOpenError;

    /// Reads `file:PATH`. Behind it may stand `?`, and joined by `&`: `sync=full` (the default) or
    /// `sync=normal`, and bounds of queues such as `jobs_max=1000000`. The path is taken as it
    /// stands, up to the first `?`; `file:///PATH` is the same as `file:/PATH`.
    fn from_str(url: &str) -> Result<Self, FileOpenError> {
        let wrong = |message: String| FileOpenError::Url { message };
        let rest = url.strip_prefix("file:").ok_or_else(|| wrong("it begins with file:".into()))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = match path.strip_prefix("//") {
            None => path,
            Some(path) if path.starts_with('/') => path,
            Some(_) => return Err(wrong("a file has no host: write file:/PATH".into())),
        };
        if path.is_empty() || path.ends_with('/') {
            return Err(wrong("the path of a file is missing".into()));
        }
        let mut options = Self::new(path);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("sync", "full") => options.sync = FileSync::Full,
                ("sync", "normal") => options.sync = FileSync::Normal,
                (name, value) if options.bounds.take(name, value).map_err(wrong)? => {}
                _ => {
                    let known = QueueBounds::NAMES;
                    let message = format!("`{pair}` is none of sync=full, sync=normal, {known}");
                    return Err(wrong(message));
                }
            }
        }
        Ok(options)
    }
}

/// Why a file was not opened. Nothing in it was changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FileOpenError {
    /// The URL is wrong; whoever configured it has to change it.
    #[error("the URL of a queue in a file is wrong: {message}")]
    Url {
        /// What is wrong.
        message: String,
    },
    /// The file cannot be made, read or written: its folder is missing, its rights forbid it, the
    /// disk is full. Safe to retry when that is mended.
    #[error("the queue's file {path} cannot be used: {message}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The file is something else. Choose another path.
    #[error("{path} is not a file of queues")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Meshwork wrote the file. Use that, or another file.
    #[error("{path} is of version {version}, this program knows versions up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_which_file_and_how_safe() {
        let full = FileOptions::new("/var/lib/jobs.db");
        let normal = FileOptions { sync: FileSync::Normal, ..full.clone() };
        let bounds = QueueBounds { dead_letters_max: Some(9), ..QueueBounds::default() };
        let bounded = FileOptions { bounds, ..normal.clone() };
        for (url, options) in [
            ("file:/var/lib/jobs.db", &full),
            ("file:///var/lib/jobs.db?", &full),
            ("file:/var/lib/jobs.db?sync=full", &full),
            ("file:/var/lib/jobs.db?sync=normal", &normal),
            ("file:/var/lib/jobs.db?dead_letters_max=9&sync=normal", &bounded),
            ("file:jobs.db", &FileOptions::new("jobs.db")),
        ] {
            assert_eq!(url.parse().as_ref(), Ok(options), "{url}");
        }
    }

    #[test]
    fn wrong_urls_are_refused_with_words() {
        for url in [
            "redis://a",
            "file:",
            "file:/a/",
            "file://host/a",
            "file:/a?sync=of",
            "file:/a?x",
            "file:/a?jobs_max=0",
        ] {
            assert!(matches!(url.parse::<FileOptions>(), Err(FileOpenError::Url { .. })), "{url}");
        }
    }
}
