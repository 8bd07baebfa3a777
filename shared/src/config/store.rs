//! Where the queues of a mesh are kept, for whoever looks at them without being in the mesh.

use super::credentials::{self, Credentials};
use super::key::Section;
use super::mistake::ConfigError;
use super::queue::QueueAddress;
use super::settings::WorkerSettings;
use super::sources::Sources;
use super::worker;
use crate::ids::MeshId;

/// The part of a worker's configuration that says where its queues are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Where queues are kept.
    pub queue: QueueAddress,
    /// Whose queues, if there is a credential that tells: a server keeps those of several meshes.
    pub mesh: Option<MeshId>,
}

impl StoreConfig {
    /// Reads `sources` as a worker does and lays `in_code` over them; what has nothing to do with
    /// queues may be missing, also the credential.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake in what was read.
    pub fn load(sources: &Sources, in_code: &WorkerSettings) -> Result<Self, ConfigError> {
        let mut fields = sources.read(Section::Worker, in_code.values());
        let credentials = match credentials::has_any(&fields) {
            true => credentials::of_worker(&mut fields),
            false => None,
        };
        let mesh = credentials.map(|credentials| match credentials {
            Credentials::Mesh { secret, .. } => secret.mesh_id(),
            Credentials::Join(key) => key.mesh_id(),
        });
        let queue = worker::queue(&mut fields).unwrap_or_default();
        fields.finish(Some(Self { queue, mesh }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::secret::MeshSecret;

    #[test]
    fn nothing_but_the_address_is_needed() {
        let sources = Sources::from_environment([("MESHWORK_QUEUE", "file:/var/lib/jobs.db")]);
        let config = StoreConfig::load(&sources, &WorkerSettings::default()).unwrap();
        assert_eq!(config.queue.expose(), "file:/var/lib/jobs.db");
        assert_eq!(config.mesh, None);
        let config = StoreConfig::load(&Sources::nothing(), &WorkerSettings::default()).unwrap();
        assert!(config.queue.is_memory());
    }

    #[test]
    fn a_credential_tells_the_mesh() {
        let secret = MeshSecret::generate(&Random::system());
        let text = secret.expose_text();
        let sources = Sources::from_environment([("MESHWORK_SECRET", text.as_str())]);
        let in_code = WorkerSettings { queue: Some("redis://a".into()), ..Default::default() };
        let config = StoreConfig::load(&sources, &in_code).unwrap();
        assert_eq!(config.mesh, Some(secret.mesh_id()));
        assert_eq!(config.queue.expose(), "redis://a");
    }

    #[test]
    fn mistakes_are_those_of_a_worker() {
        let pairs = [("MESHWORK_QUEUE", "rabbit://me:hunter2@a"), ("MESHWORK_SECRET", "mesh1_no")];
        let sources = Sources::from_environment(pairs);
        let error = StoreConfig::load(&sources, &WorkerSettings::default()).unwrap_err();
        assert_eq!(error.mistakes.len(), 2);
        assert!(!error.to_string().contains("hunter2"));
    }
}
