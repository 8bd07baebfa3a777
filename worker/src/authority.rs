//! Which authority a worker believes: the one it was given, the one its join key names, or the
//! first it sees over a link that proved the mesh secret.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use meshwork_shared::identity::{AuthorityHash, AuthorityPublic};

/// The authority of this mesh, as far as it is known.
pub(crate) struct Authority {
    /// Named by a join key.
    hash: Option<AuthorityHash>,
    /// Refuse to pin what was not configured.
    strict: bool,
    /// Where the first one seen is kept across restarts.
    file: Option<PathBuf>,
    pinned: Mutex<Option<AuthorityPublic>>,
}

impl Authority {
    pub(crate) fn new(
        configured: Option<AuthorityPublic>,
        hash: Option<AuthorityHash>,
        strict: bool,
        file: Option<PathBuf>,
    ) -> Result<Self, String> {
        let mut pinned = configured;
        if pinned.is_none()
            && let Some(path) = &file
            && path.exists()
        {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let public = text.trim().parse::<AuthorityPublic>();
            pinned = Some(public.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        Ok(Self { hash, strict, file, pinned: Mutex::new(pinned) })
    }

    /// Whether a master under this authority may be believed.
    pub(crate) fn admit(&self, shown: &AuthorityPublic) -> Result<(), String> {
        if self.hash.is_some_and(|hash| hash != shown.hash()) {
            return Err("its authority is not the one that the join key names".to_owned());
        }
        match &*self.pinned.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pinned) if pinned != shown => Err(format!(
                "its authority is {}, not the pinned {}; if the old one is lost for good, remove \
                 the pin (authority, authority_file) of every worker",
                shown.id(),
                pinned.id()
            )),
            None if self.strict && self.hash.is_none() => Err(format!(
                "no authority is configured and strict = true; set authority = \"{shown}\""
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Keeps the authority of a master whose ticket held.
    pub(crate) fn pin(&self, shown: &AuthorityPublic) -> Result<(), String> {
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if pinned.is_some() {
            return Ok(());
        }
        if self.hash.is_none() {
            log::warn!(
                "trusting the authority {} on first sight; set authority = \"{shown}\" to be sure",
                shown.id()
            );
        }
        if let Some(path) = &self.file {
            std::fs::write(path, format!("{shown}\n"))
                .map_err(|error| format!("cannot pin in {}: {error}", path.display()))?;
        }
        *pinned = Some(*shown);
        Ok(())
    }

    /// The authority that is believed by now.
    pub(crate) fn public(&self) -> Option<AuthorityPublic> {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
