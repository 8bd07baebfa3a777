//! How the HTTP side of a master is reached by commands for operators: its address and its token.

use std::path::{Path, PathBuf};

use clap::Args;
use meshwork_shared::config::{HostPort, MasterAddress, STATE_DIR_DEFAULT, SecretText};
use meshwork_shared::identity::key_file;

use crate::exit::CommandError;
use crate::http::{Http, MASTER_DEFAULT};
use crate::keygen::key_file_error;

/// The file of the admin token in a master's state directory.
const TOKEN_FILE: &str = "admin.token";

/// How the HTTP side of a master is reached.
#[derive(Args, Debug)]
pub(crate) struct AdminAccess {
    /// The HTTP side of the master [default: MESHWORK_MASTER, or http://127.0.0.1:7071]
    #[arg(long, global = true, value_name = "http://HOST:PORT")]
    master: Option<MasterAddress>,
    /// The file of its admin token
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "state_dir")]
    token_file: Option<PathBuf>,
    /// Its state directory, which has the token
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl AdminAccess {
    /// The HTTP side, with the token that it wants.
    ///
    /// # Errors
    /// No HTTP address (64), or a token that cannot be read (66).
    pub(crate) fn http(&self) -> Result<Http, CommandError> {
        Ok(Http::new(self.address()?, self.token()?))
    }

    fn address(&self) -> Result<HostPort, CommandError> {
        let address = match (&self.master, std::env::var("MESHWORK_MASTER")) {
            (Some(master), _) => master.clone(),
            (None, Ok(text)) if !text.is_empty() => text
                .parse()
                .map_err(|error| CommandError::usage(format!("MESHWORK_MASTER: {error}")))?,
            (None, _) => MASTER_DEFAULT
                .parse()
                .map_err(|error| CommandError::usage(format!("{MASTER_DEFAULT}: {error}")))?,
        };
        match address {
            MasterAddress::Http(address) => Ok(address),
            MasterAddress::Mesh(address) => {
                let what = format!("{address} is a mesh port; this is asked for over HTTP");
                Err(CommandError::usage(what)
                    .with_help("write --master http://HOST:PORT, as the master prints it"))
            }
        }
    }

    /// The token: what was said, or what the environment says, or that of a master that runs in
    /// this folder; none for one that is open.
    fn token(&self) -> Result<Option<SecretText>, CommandError> {
        let named = self.token_file.clone();
        let in_state = self.state_dir.as_ref().map(|dir| dir.join(TOKEN_FILE));
        if let Some(file) = named.or(in_state) {
            return read(&file).map(Some);
        }
        if let Some(token) = environment("MESHWORK_ADMIN_TOKEN") {
            return Ok(Some(token.as_str().into()));
        }
        if let Some(file) = environment("MESHWORK_ADMIN_TOKEN_FILE") {
            return read(Path::new(&file)).map(Some);
        }
        let dir = environment("MESHWORK_STATE_DIR").unwrap_or_else(|| STATE_DIR_DEFAULT.to_owned());
        let file = Path::new(&dir).join(TOKEN_FILE);
        if file.exists() { read(&file).map(Some) } else { Ok(None) }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read(file: &Path) -> Result<SecretText, CommandError> {
    let text = key_file::read(file).map_err(key_file_error)?;
    Ok(text.trim_ascii().into())
}
