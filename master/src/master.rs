//! The handle of a running master.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityPublic;
use meshwork_shared::protocol::MemberKey;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::builder::MasterBuilder;
use crate::queue_roots::{QueueRootStatus, RotateError};
use crate::registry::actor::{
    ApplySchema, CountersNow, ForgetQueueRoots, MembersNow, RevokeTickets, RotateQueueRoot,
    SchemaNow, SchemaRefused,
};
use crate::registry::{MemberInfo, RevokeError, RevokeTarget};
use crate::schema_change::{Apply, ReloadError, Reloaded, SchemaChange, SchemaStatus};
use crate::shell::Opened;

/// A running master. Dropping it stops the master as well, without waiting for it: call
/// [`Master::shutdown`] to have workers told first.
#[derive(Debug)]
pub struct Master {
    pub(crate) opened: Opened,
    /// Dropped or used: the master stops.
    pub(crate) stop: Option<oneshot::Sender<()>>,
    /// Resolves when nothing of it runs any more.
    pub(crate) over: oneshot::Receiver<()>,
}

/// The master has stopped, or its thread has died; its log has the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the master has stopped")]
pub struct Stopped;

/// Who is a member.
#[derive(Clone, Debug)]
pub struct Members {
    /// Which life of the master this is.
    pub epoch: u64,
    /// Whether it had time to hear from everybody since its start: two leases.
    pub settled: bool,
    /// All members, by worker and variant.
    pub members: Vec<MemberInfo>,
}

/// Why nothing was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevokeFailure {
    /// The registry says no.
    #[error(transparent)]
    Refused(#[from] RevokeError),
    /// The master has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why no new queue root was made, or no old one forgotten.
#[derive(Debug, Error)]
pub enum RotateFailure {
    /// The master says no.
    #[error(transparent)]
    Refused(#[from] RotateError),
    /// The master has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Master {
    /// A master for `schema`, to be started.
    pub fn builder(schema: Schema, config: MasterConfig) -> MasterBuilder {
        MasterBuilder::new(schema, config)
    }

    /// Where workers join.
    pub fn mesh_addr(&self) -> SocketAddr {
        self.opened.mesh_addr
    }

    /// Where HTTP is served, if it is.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.opened.http_addr
    }

    /// The public key with which everybody checks what this master signs.
    pub fn authority(&self) -> AuthorityPublic {
        self.opened.authority
    }

    /// The file of the admin token, if the master keeps one.
    pub fn token_file(&self) -> Option<&Path> {
        self.opened.token_file.as_deref()
    }

    /// Who is a member.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn members(&self) -> Result<Members, Stopped> {
        self.opened.registry.send(MembersNow).await.map_err(|_| Stopped)
    }

    /// The schema in force.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn schema(&self) -> Result<SchemaStatus, Stopped> {
        self.opened.registry.send(SchemaNow).await.map_err(|_| Stopped)
    }

    /// How often what happened since the start: handshakes (`handshake_*`), what the audit log is
    /// about (`audit_*`), rows of reports that were left out (`report_rows_left_out`), and the
    /// links that are open now (`links`).
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn counters(&self) -> Result<BTreeMap<String, u64>, Stopped> {
        let counters = self.opened.registry.send(CountersNow).await.map_err(|_| Stopped)?;
        Ok(counters.by_name(&self.opened.handshakes))
    }

    /// Puts another schema in force, or says what that would change. It stays in force over a
    /// restart, until the schema that the master is started with, or its schema file, changes.
    ///
    /// # Errors
    /// [`ReloadError`]; the old schema stays.
    pub async fn apply_schema(
        &self,
        schema: Schema,
        apply: Apply,
    ) -> Result<SchemaChange, ReloadError> {
        let message = ApplySchema { schema: Arc::new(schema), apply };
        self.opened.registry.send(message).await.map_err(|_| Stopped)?
    }

    /// Puts another schema in force whatever runs; workers that it does not name any more are
    /// removed.
    ///
    /// # Errors
    /// [`ReloadError`], but not that it breaks something; the old schema stays.
    pub async fn reload_schema(&self, schema: Schema) -> Result<Reloaded, ReloadError> {
        Ok(self.apply_schema(schema, Apply::FORCED).await?.outcome)
    }

    /// Looks at the schema file now, and trusts that what is there is whole. What comes of it is in
    /// the log and in [`Master::schema`]. Nothing happens without a file.
    pub fn look_at_schema_file(&self) {
        self.opened.look_at_file.notify_one();
    }

    /// Reads a schema from TOML and puts it in force.
    ///
    /// # Errors
    /// [`ReloadError`]; the old schema stays, and `GET /v1/schema` shows the report.
    pub async fn reload_schema_toml(&self, text: &str) -> Result<Reloaded, ReloadError> {
        match Schema::from_toml(text) {
            Ok(schema) => self.reload_schema(schema).await,
            Err(errors) => {
                let message = SchemaRefused(errors.to_string());
                self.opened.registry.send(message).await.map_err(|_| Stopped)?;
                Err(errors.into())
            }
        }
    }

    /// Takes tickets back: their links are closed everywhere, and the process is not let in again.
    /// Gives the members that this removed.
    ///
    /// # Errors
    /// [`RevokeFailure`]; nothing was revoked.
    pub async fn revoke(&self, target: RevokeTarget) -> Result<Vec<MemberKey>, RevokeFailure> {
        let outcome = self.opened.registry.send(RevokeTickets(target)).await;
        Ok(outcome.map_err(|_| Stopped)??)
    }

    /// Makes a new queue root: jobs enqueued from now on are sealed under it. Those that wait stay
    /// readable for 90 days, under at most eight roots in all.
    ///
    /// # Errors
    /// [`RotateFailure`]; nothing has changed.
    pub async fn rotate_queue_root(&self) -> Result<QueueRootStatus, RotateFailure> {
        let outcome = self.opened.registry.send(RotateQueueRoot).await;
        Ok(outcome.map_err(|_| Stopped)??)
    }

    /// Forgets all queue roots but the newest: jobs that still wait under another become dead
    /// letters, and their replies cannot be read.
    ///
    /// # Errors
    /// [`RotateFailure`]; nothing has changed.
    pub async fn forget_queue_roots(&self) -> Result<QueueRootStatus, RotateFailure> {
        let outcome = self.opened.registry.send(ForgetQueueRoots).await;
        Ok(outcome.map_err(|_| Stopped)??)
    }

    /// Stops: admits nobody any more, closes all links with a word, and returns when nothing of it
    /// runs. Workers go on among themselves and come back to the next master.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // One that is over already needs no telling.
            let _ = stop.send(());
        }
        // The sender is dropped at the end, whatever happens.
        let _ = (&mut self.over).await;
    }
}
