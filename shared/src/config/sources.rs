//! Where settings come from. What a later one says wins: defaults, file, environment, code.

use std::ffi::OsString;
use std::path::PathBuf;

use config::{Config, ValueKind};

use super::environment::Environment;
use super::fields::Fields;
use super::file;
use super::key::{Key, Section};
use super::layer::Layer;
use super::mistake::Mistakes;

/// How the name of every variable begins.
pub const ENVIRONMENT_PREFIX: &str = "MESHWORK_";

/// Largest configuration file, bytes. A larger one is a mistake.
pub const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The sources of a configuration beside code. Nothing is read before
/// [`WorkerConfig::load`](super::WorkerConfig::load) or
/// [`MasterConfig::load`](super::MasterConfig::load).
///
/// ```
/// use meshwork_shared::config::Sources;
///
/// // What a process does: everything in `MESHWORK_*`, with the file that `MESHWORK_CONFIG` names.
/// let sources = Sources::from_environment(std::env::vars_os());
/// // What `--config meshwork.toml` does.
/// let sources = sources.with_file("meshwork.toml");
/// ```
#[derive(Clone, Debug)]
pub struct Sources {
    environment: Environment,
    file: Option<PathBuf>,
    code: &'static str,
}

impl Default for Sources {
    fn default() -> Self {
        Self::nothing()
    }
}

impl Sources {
    /// No file and no variable: what is not set in code has its default.
    pub fn nothing() -> Self {
        Self { environment: Environment::default(), file: None, code: "set in code" }
    }

    /// The `MESHWORK_*` variables among `pairs` (others are ignored, empty ones count as unset),
    /// and the file that `MESHWORK_CONFIG` names, if any.
    pub fn from_environment<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self { environment: Environment::new(pairs), ..Self::nothing() }
    }

    /// Reads this file instead of that of `MESHWORK_CONFIG`.
    #[must_use]
    pub fn with_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// What reports call the settings that the program gives itself; default "set in code".
    #[must_use]
    pub fn with_code_called(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// The file that is read, if any: for the log.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref().or(self.environment.file.as_deref())
    }

    /// All layers of one role as one.
    pub(super) fn read(
        &self,
        role: Section,
        in_code: Vec<(&'static Key, Option<ValueKind>)>,
    ) -> Fields {
        let mut mistakes = Mistakes::default();
        let mut builder = Config::builder();
        if let Some(path) = self.file() {
            builder = builder.add_source(file::read(path, role, &mut mistakes));
        }
        let merged = builder
            .add_source(self.environment.layer(role, &mut mistakes))
            .add_source(Layer::in_code(role, in_code, self.code, &mut mistakes))
            .build();
        // The layers are in memory and collect without fail; an error would be the crate's own.
        let root = merged.map(|config| config.cache).unwrap_or_else(|error| {
            mistakes.add(None, format!("cannot merge: {error}"), "report this as a bug");
            ValueKind::Nil.into()
        });
        Fields::new(role, root, mistakes)
    }
}
