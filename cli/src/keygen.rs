//! `meshwork keygen`: the secret that makes processes one mesh, and the keys that derive from it.

mod authority;
mod join;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use meshwork_shared::identity::{KeyFileError, key_file};
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;

use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{is_interactive, note, say};

/// Make a mesh secret, a join key or an authority key
///
/// Without a subcommand: a new mesh secret, the root of a mesh.
///
/// Which to use where:
///
///   on a laptop   the mesh secret alone, for the master and every worker. Whoever holds it may
///                 join under any name of the schema.
///
///   deployed      the mesh secret for the master and the operator only; each worker gets the join
///                 key of its own name (`keygen join WORKER`). A stolen one is worth one name, and
///                 the worker knows its master by it: nothing is trusted on first sight.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Examples:
  meshwork keygen --out mesh.secret                       a laptop: this is all
  meshwork keygen authority --state-dir state             deploy: the master's own key, first
  meshwork keygen join thumbnailer --secret-file mesh.secret --state-dir state
  meshwork keygen --rotate mesh.secret --out next.secret  a new secret of the same mesh

To rotate: give the master `secret` = new and `secret_previous` = old, then give the others the
new one (or new join keys), then remove `secret_previous`.

Exit codes: 0 made, 1 cannot be written, 64 wrong usage or not a secret, 66 a file cannot be read."
)]
pub(crate) struct Keygen {
    #[command(subcommand)]
    subcommand: Option<KeygenCommand>,
    /// Keep the mesh of this secret and replace what is secret in it
    #[arg(long, value_name = "FILE")]
    rotate: Option<PathBuf>,
    /// Write it to a new file that only you may read, instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum KeygenCommand {
    Join(Box<join::Join>),
    Authority(authority::Authority),
}

impl Keygen {
    pub(crate) fn run(self) -> Outcome {
        match self.subcommand {
            None => mesh_secret(self.rotate.as_deref(), self.out.as_deref()),
            Some(KeygenCommand::Join(join)) => join.run(),
            Some(KeygenCommand::Authority(authority)) => authority.run(),
        }
    }
}

fn mesh_secret(rotate: Option<&Path>, out: Option<&Path>) -> Outcome {
    let random = Random::system();
    let secret = match rotate {
        None => MeshSecret::generate(&random),
        Some(file) => read_mesh_secret(file)?.generate_rotated(&random),
    };
    hand_over(&secret.expose_text(), out, &random)?;
    let made = if rotate.is_some() { "a new mesh secret" } else { "a mesh secret" };
    note(&format!("{made} of mesh {}; whoever has it may join under any name", secret.mesh_id()));
    if let Some(file) = out {
        note(&format!("kept in {} (mode 0600)", file.display()));
    } else if is_interactive() {
        note("keep it in a file of your own: `meshwork keygen --out mesh.secret`");
    }
    Ok(Exit::Ok)
}

/// Reads a mesh secret from a file that only its owner may use.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub(crate) fn read_mesh_secret(file: &Path) -> Result<MeshSecret, CommandError> {
    let text = key_file::read(file).map_err(key_file_error)?;
    MeshSecret::parse(&text)
        .map_err(|error| CommandError::usage(format!("{}: {error}", file.display())))
}

/// A key file that cannot be used, as an error of a command.
pub(crate) fn key_file_error(error: KeyFileError) -> CommandError {
    let exit = match error {
        KeyFileError::Damaged { .. } => Exit::Usage,
        _ => Exit::NoInput,
    };
    CommandError::new(exit, error.to_string())
}

/// The file in a master's state directory that holds its authority key.
fn authority_file(state_dir: &Path) -> PathBuf {
    state_dir.join("authority.key")
}

/// Writes a key to a new file of mode 0600, or to standard output.
fn hand_over(text: &str, out: Option<&Path>, random: &Random) -> Result<(), CommandError> {
    let Some(file) = out else {
        say(&format!("{text}\n"));
        return Ok(());
    };
    key_file::create(file, &format!("{text}\n"), random).map_err(|error| match error {
        KeyFileError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            let what = format!("{} is there already, and is not replaced", file.display());
            CommandError::new(Exit::Failed, what)
                .with_help("choose another name, or move it away first")
        }
        error => CommandError::new(Exit::Failed, error.to_string()),
    })
}
