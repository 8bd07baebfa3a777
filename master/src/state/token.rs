//! The admin token as a file.

use std::io::ErrorKind;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshwork_shared::config::SecretText;
use meshwork_shared::identity::{KeyFileError, key_file};
use meshwork_shared::random::Random;

use super::StateError;

/// Characters of a token, at least.
const CHARS_MIN: usize = 24;

/// A new token: 32 random bytes as text.
pub(super) fn generate(random: &Random) -> SecretText {
    URL_SAFE_NO_PAD.encode(random.bytes::<32>()).into()
}

/// The token in the file, made if there is none.
pub(super) fn load_or_create(path: &Path, random: &Random) -> Result<SecretText, StateError> {
    match key_file::read(path) {
        Err(KeyFileError::Missing { .. }) => {}
        read => return check(path, read?.trim_ascii()),
    }
    let token = generate(random);
    let line = SecretText::from(format!("{}\n", token.expose()));
    match key_file::create(path, line.expose(), random) {
        Ok(()) => Ok(token),
        // Another process was quicker; its token counts.
        Err(KeyFileError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
            check(path, key_file::read(path)?.trim_ascii())
        }
        Err(error) => Err(error.into()),
    }
}

fn check(path: &Path, token: &str) -> Result<SecretText, StateError> {
    match token.len() >= CHARS_MIN && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token.into()),
        false => Err(StateError::TokenDamaged { path: path.into() }),
    }
}
