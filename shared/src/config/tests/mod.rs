//! Tests of the configuration.

mod address;
mod credentials;
mod documented;
mod limits;
mod master;
mod secrecy;
mod sources;
mod worker;

use std::path::PathBuf;

use tempfile::TempDir;

use super::{ConfigError, ConfigMistake, MasterConfig, MasterSettings, Sources};
use super::{WorkerConfig, WorkerSettings};
use crate::identity::AuthorityKey;
use crate::random::Random;
use crate::secret::{JoinKey, MeshSecret};

/// What every worker needs, as environment.
pub(super) const MASTER: (&str, &str) = ("MESHWORK_MASTER", "http://10.0.0.1:7071");
pub(super) const WORKER: (&str, &str) = ("MESHWORK_WORKER", "thumbnailer");

/// Always the same mesh.
pub(super) fn secret() -> MeshSecret {
    MeshSecret::generate(&Random::seeded(1))
}

pub(super) fn secret_text() -> String {
    secret().expose_text().to_string()
}

pub(super) fn authority() -> AuthorityKey {
    AuthorityKey::generate(&Random::seeded(2))
}

pub(super) fn join_key(worker: &str) -> JoinKey {
    secret().join_key(&worker.parse().unwrap(), authority().public().hash())
}

/// A worker from variables alone, beside those that it needs and a secret.
pub(super) fn worker(variables: &[(&str, &str)]) -> Result<WorkerConfig, ConfigError> {
    let secret = secret_text();
    let needed = [MASTER, WORKER, ("MESHWORK_SECRET", secret.as_str())];
    bare_worker(&[&needed, variables].concat())
}

/// A worker from these variables alone.
pub(super) fn bare_worker(variables: &[(&str, &str)]) -> Result<WorkerConfig, ConfigError> {
    let sources = Sources::from_environment(variables.iter().copied());
    WorkerConfig::load(&sources, &WorkerSettings::default())
}

/// A master from variables alone, beside a secret.
pub(super) fn master(variables: &[(&str, &str)]) -> Result<MasterConfig, ConfigError> {
    let secret = secret_text();
    let needed = [("MESHWORK_SECRET", secret.as_str())];
    let sources = Sources::from_environment([&needed, variables].concat());
    MasterConfig::load(&sources, &MasterSettings::default())
}

/// The one mistake there is.
pub(super) fn only<T>(loaded: Result<T, ConfigError>) -> ConfigMistake {
    let mut error = loaded.err().expect("there is a mistake");
    assert_eq!(error.mistakes.len(), 1, "{error}");
    error.mistakes.remove(0)
}

/// A folder with one file in it, of mode 0600 unless said otherwise.
pub(super) struct Written {
    pub(super) path: PathBuf,
    _folder: TempDir,
}

impl Written {
    pub(super) fn new(name: &str, content: &str) -> Self {
        Self::with_mode(name, content, 0o600)
    }

    pub(super) fn with_mode(name: &str, content: &str, mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { path, _folder: folder }
    }

    pub(super) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }
}
