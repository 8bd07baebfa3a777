//! `meshwork keygen authority`: the master's own key, made before its first start, so that join
//! keys can be made before anything runs.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;

use super::{authority_file, key_file_error};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{note, say};

/// The master's own key, before its first start
///
/// A master makes it by itself when it starts. Made beforehand, join keys can be made before
/// anything runs. Prints the public half, which is not secret: `keygen join --authority` takes it.
/// A key that is there already is kept, and its public half printed.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Example:
  meshwork keygen authority --state-dir state

Exit codes: 0 made or there already, 1 cannot be written, 64 the file there is no key."
)]
pub(crate) struct Authority {
    /// The master's state directory; made if it is not there
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
}

impl Authority {
    pub(super) fn run(self) -> Outcome {
        make_folder(&self.state_dir).map_err(|error| {
            let what = format!("{}: cannot make this folder: {error}", self.state_dir.display());
            CommandError::new(Exit::Failed, what)
        })?;
        let file = authority_file(&self.state_dir);
        let key = AuthorityKey::load_or_create(&file, &Random::system()).map_err(key_file_error)?;
        say(&format!("{}\n", key.public()));
        note(&format!("the private half stays in {} (mode 0600)", file.display()));
        Ok(Exit::Ok)
    }
}

/// Its owner's alone, as the master makes it.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
