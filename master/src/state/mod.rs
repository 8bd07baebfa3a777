//! What survives a restart of the master: the authority key, the queue roots, the high-water marks,
//! the schema in force, the admin token.
//!
//! * `marks.rs`: the marks as a file
//! * `roots.rs`: the queue roots as a file
//! * `schema.rs`: the schema as a file
//! * `token.rs`: the admin token as a file
//!
//! In a folder, `authority.key`, `queue.roots`, `marks.json`, `schema.json` and `admin.token`, each
//! readable by its owner only; or in memory, for tests and the simulation.

mod marks;
mod roots;
mod schema;
mod token;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshwork_schema::Schema;
use meshwork_shared::config::SecretText;
use meshwork_shared::identity::{AuthorityKey, KeyFileError};
use meshwork_shared::random::Random;
use meshwork_shared::secret::QueueRoot;
use thiserror::Error;

use crate::registry::Durable;
pub(crate) use schema::KeptSchema;

/// What survives a restart of the master, and where it is kept. Clones are the same state.
///
/// ```
/// use meshwork_master::State;
/// use meshwork_shared::{identity::AuthorityKey, random::Random};
///
/// let in_memory = State::memory(AuthorityKey::generate(&Random::seeded(1)));
/// let on_disk = State::folder("meshwork-state");
/// ```
#[derive(Clone, Debug)]
pub struct State(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Folder(PathBuf),
    Memory(Box<AuthorityKey>, Arc<Mutex<InMemory>>),
}

/// What a state in memory keeps beside the authority key.
#[derive(Debug, Default)]
struct InMemory {
    durable: Option<Durable>,
    schema: Option<KeptSchema>,
    /// Empty until the first start.
    roots: Vec<QueueRoot>,
}

/// Why the state cannot be used. The operator's to mend; a file that is refused was not changed.
#[derive(Debug, Error)]
pub enum StateError {
    /// The key or the token.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The folder cannot be made.
    #[error("cannot make the state folder {}: {cause}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The marks cannot be read or written.
    #[error("{}: cannot {doing} the high-water marks: {cause}", path.display())]
    Marks {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The marks are none. Restore them from a backup; or remove the file, and numbers go on from
    /// the clock and from what returning workers show, while revocations are forgotten.
    #[error(
        "{}: these are no high-water marks (line {line}, column {column}); restore a backup, or \
         remove the file, which forgets all revocations",
        path.display()
    )]
    MarksDamaged {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
    },
    /// The schema in force cannot be read or written.
    #[error("{}: cannot {doing} the schema in force: {cause}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The file holds no schema. Restore it from a backup; or remove it, and the master starts with
    /// the schema that it is given.
    #[error(
        "{}: this is not the schema in force; remove it, and the schema file counts again",
        path.display()
    )]
    SchemaDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A line of the file is no queue root, or they are out of order. Restore it from a backup; or
    /// remove the file, and a new root is made, while every job that waits becomes a dead letter.
    #[error(
        "{}: line {line} is no queue root; restore a backup, or remove the file, after which no \
         job that waits can be opened",
        path.display()
    )]
    RootsDamaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The admin token in the file is too short or has blanks in it. Remove the file, and a new
    /// one is made.
    #[error("{}: this is no admin token; remove the file and start again", path.display())]
    TokenDamaged {
        /// The file.
        path: PathBuf,
    },
}

impl State {
    /// In files of this folder, which is made if it is missing.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Kept::Folder(path.into()))
    }

    /// In memory: for tests and the simulation, which restarts a master with the same state.
    pub fn memory(authority: AuthorityKey) -> Self {
        Self(Kept::Memory(Box::new(authority), Arc::default()))
    }

    /// The authority key, made if there is none.
    pub(crate) fn authority(&self, random: &Random) -> Result<AuthorityKey, StateError> {
        match &self.0 {
            Kept::Memory(key, _) => Ok(AuthorityKey::clone(key)),
            Kept::Folder(folder) => {
                make_folder(folder)?;
                Ok(AuthorityKey::load_or_create(&folder.join("authority.key"), random)?)
            }
        }
    }

    /// What was written down.
    pub(crate) fn durable(&self) -> Result<Option<Durable>, StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => Ok(lock(kept).durable.clone()),
            Kept::Folder(folder) => marks::read(&folder.join("marks.json")),
        }
    }

    /// Writes it down: all of it, or nothing changes.
    pub(crate) fn keep(&self, durable: Durable) -> Result<(), StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => {
                lock(kept).durable = Some(durable);
                Ok(())
            }
            Kept::Folder(folder) => marks::write(&folder.join("marks.json"), &durable),
        }
    }

    /// The schema that was last in force, if one was kept.
    ///
    /// # Errors
    /// [`StateError`]: it is there and cannot be used.
    pub fn schema(&self) -> Result<Option<Schema>, StateError> {
        Ok(self.kept_schema()?.map(|kept| Schema::clone(&kept.schema)))
    }

    /// The schema that was last in force, and over which.
    pub(crate) fn kept_schema(&self) -> Result<Option<KeptSchema>, StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => Ok(lock(kept).schema.clone()),
            Kept::Folder(folder) => schema::read(&folder.join("schema.json")),
        }
    }

    /// Keeps this schema in the place of the one before.
    pub(crate) fn keep_schema(&self, schema: KeptSchema) -> Result<(), StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => {
                lock(kept).schema = Some(schema);
                Ok(())
            }
            Kept::Folder(folder) => schema::write(&folder.join("schema.json"), &schema),
        }
    }

    /// The queue roots, oldest first; one is made if there is none.
    pub(crate) fn roots(
        &self,
        unix_ms: u64,
        random: &Random,
    ) -> Result<Vec<QueueRoot>, StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => {
                let roots = &mut lock(kept).roots;
                if roots.is_empty() {
                    roots.push(QueueRoot::generate(unix_ms, random));
                }
                Ok(roots.clone())
            }
            Kept::Folder(folder) => {
                make_folder(folder)?;
                roots::load_or_create(&folder.join("queue.roots"), unix_ms, random)
            }
        }
    }

    /// Keeps these queue roots in the place of those before: all of them, or nothing changes.
    pub(crate) fn keep_roots(
        &self,
        roots: &[QueueRoot],
        random: &Random,
    ) -> Result<(), StateError> {
        match &self.0 {
            Kept::Memory(_, kept) => {
                lock(kept).roots = roots.to_vec();
                Ok(())
            }
            Kept::Folder(folder) => roots::write(&folder.join("queue.roots"), roots, random),
        }
    }

    /// The admin token, made if there is none, and its file; in memory it has none.
    pub(crate) fn token(
        &self,
        random: &Random,
    ) -> Result<(SecretText, Option<PathBuf>), StateError> {
        match &self.0 {
            Kept::Memory(..) => Ok((token::generate(random), None)),
            Kept::Folder(folder) => {
                let path = folder.join("admin.token");
                Ok((token::load_or_create(&path, random)?, Some(path)))
            }
        }
    }
}

/// Each change is one assignment, so a panic leaves nothing half done.
fn lock(kept: &Mutex<InMemory>) -> MutexGuard<'_, InMemory> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn make_folder(path: &Path) -> Result<(), StateError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| StateError::Folder { path: path.into(), cause })
}
