//! `meshwork keygen join`: the key that one worker name joins with.

use std::path::{Path, PathBuf};

use clap::Args;
use meshwork_schema::WorkerName;
use meshwork_shared::identity::{AuthorityHash, AuthorityKey, AuthorityPublic, KeyFileError};
use meshwork_shared::random::Random;

use super::{authority_file, hand_over, key_file_error, read_mesh_secret};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::note;

/// The key that one worker name joins with
///
/// It derives from the mesh secret and names the master's authority key: the same arguments always
/// give the same key. Deploy the worker with it and nothing else.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork keygen join thumbnailer --secret-file mesh.secret --state-dir state
  meshwork keygen join gateway --secret-file mesh.secret --authority authority1_... \\
      --out gateway.key

The master prints its authority (authority1_...) when it starts; `meshwork keygen authority` prints
it before that.

Exit codes: 0 made, 1 cannot be written, 64 wrong usage or not a key, 66 a file cannot be read."
)]
pub(crate) struct Join {
    /// The worker, as named in the schema
    worker: WorkerName,
    /// The file that `meshwork keygen --out` wrote
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    #[command(flatten)]
    authority: AuthoritySource,
    /// Write it to a new file that only you may read, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Where the master's authority key is known from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct AuthoritySource {
    /// The master's state directory, if it is on this machine
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The authority's public key, as the master prints it
    #[arg(long, value_name = "authority1_...")]
    authority: Option<AuthorityPublic>,
    /// A file with the authority's public key
    #[arg(long, value_name = "FILE")]
    authority_file: Option<PathBuf>,
}

impl Join {
    pub(super) fn run(self) -> Outcome {
        let secret = read_mesh_secret(&self.secret_file)?;
        let authority = self.authority.hash()?;
        let key = secret.join_key(&self.worker, authority);
        hand_over(&key.expose_text(), self.out.as_deref(), &Random::system())?;
        let (worker, mesh) = (&self.worker, secret.mesh_id());
        note(&format!("the join key of `{worker}` in mesh {mesh}, authority {}", authority.id()));
        if let Some(file) = &self.out {
            note(&format!("kept in {} (mode 0600)", file.display()));
        }
        Ok(Exit::Ok)
    }
}

impl AuthoritySource {
    fn hash(&self) -> Result<AuthorityHash, CommandError> {
        if let Some(public) = self.authority {
            return Ok(public.hash());
        }
        if let Some(file) = &self.authority_file {
            return public_in(file);
        }
        let file = authority_file(self.state_dir.as_deref().unwrap_or(Path::new(".")));
        match AuthorityKey::load(&file) {
            Ok(key) => Ok(key.public().hash()),
            Err(error @ KeyFileError::Missing { .. }) => Err(key_file_error(error).with_help(
                "start the master once, or make its key with `meshwork keygen authority`",
            )),
            Err(error) => Err(key_file_error(error)),
        }
    }
}

/// Public keys are no secret, so the file may be anybody's.
fn public_in(file: &Path) -> Result<AuthorityHash, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        CommandError::new(Exit::NoInput, format!("{}: {error}", file.display()))
    })?;
    let public = text.trim_ascii().parse::<AuthorityPublic>();
    public
        .map(|public| public.hash())
        .map_err(|error| CommandError::usage(format!("{}: {error}", file.display())))
}
