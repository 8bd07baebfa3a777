//! What a worker proves itself with: the mesh secret, or a join key; each as text or as a file.

use std::path::Path;

use super::fields::{Fields, Given};
use super::secret_text::SecretText;
use crate::identity::key_file;
use crate::secret::{JoinKey, MeshSecret, SecretError, TextKind};

/// What a worker is let in with. Debug shows which mesh, never a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// The mesh secret: simple, for one machine or one's own; any name may be claimed with it.
    Mesh {
        /// The one to dial with.
        secret: MeshSecret,
        /// The one before the last rotation: tried if the master does not know the first.
        previous: Option<MeshSecret>,
    },
    /// A join key: worth one worker name at one master. The way to deploy.
    Join(JoinKey),
}

/// The keys that name a worker's credentials, of which exactly one is to be set.
const OF_WORKER: [&str; 4] = ["secret", "secret_file", "join_key", "join_key_file"];

/// Whether a source gives a credential of a worker, right or wrong.
pub(super) fn has_any(fields: &Fields) -> bool {
    OF_WORKER.into_iter().any(|name| fields.is_set(name))
}

/// The credentials of a worker; none after a mistake.
pub(super) fn of_worker(fields: &mut Fields) -> Option<Credentials> {
    let set: Vec<&str> = OF_WORKER.into_iter().filter(|name| fields.is_set(name)).collect();
    match set.as_slice() {
        [] => {
            fields.mistakes.add(
                None,
                "no credentials: neither a join key nor the mesh secret is set",
                "set MESHWORK_JOIN_KEY_FILE (`meshwork keygen join WORKER` makes one) or \
                 MESHWORK_SECRET_FILE (`meshwork keygen`), or the same under [worker]",
            );
            None
        }
        ["join_key" | "join_key_file"] => {
            for name in ["secret_previous", "secret_previous_file"] {
                if fields.is_set(name) {
                    fields.wrong(name, "is of no use with a join key", "remove it");
                }
            }
            let text = secret_text(fields, "join_key")?;
            key(fields, "join_key", text, JoinKey::parse).map(Credentials::Join)
        }
        ["secret" | "secret_file"] => {
            let (secret, previous) = mesh_secrets(fields)?;
            Some(Credentials::Mesh { secret, previous })
        }
        [first, rest @ ..] => {
            let rest: Vec<String> = rest.iter().map(|name| place(fields, name)).collect();
            let wrong = format!("is set, and so is {}", rest.join(", and "));
            fields.wrong(first, &wrong, "keep one of them");
            None
        }
    }
}

/// The mesh secret of either role, and the one before it; none after a mistake.
pub(super) fn mesh_secrets(fields: &mut Fields) -> Option<(MeshSecret, Option<MeshSecret>)> {
    let secret = secret_text(fields, "secret");
    let secret = secret.and_then(|text| key(fields, "secret", text, MeshSecret::parse));
    let previous = secret_text(fields, "secret_previous");
    let previous =
        previous.and_then(|text| key(fields, "secret_previous", text, MeshSecret::parse));
    let secret = secret?;
    if previous.as_ref().is_some_and(|previous| previous.mesh_id() != secret.mesh_id()) {
        let name = set_one(fields, "secret_previous");
        let help =
            "`meshwork keygen --rotate` makes a new secret of the same mesh; remove this one";
        fields.wrong(&name, "is the secret of another mesh than `secret`", help);
        return None;
    }
    Some((secret, previous))
}

/// The text of the secret `name`, given itself or by `<name>_file`; none if neither is set, or
/// after a mistake.
pub(super) fn secret_text(fields: &mut Fields, name: &str) -> Option<Given<SecretText>> {
    let by_file = format!("{name}_file");
    if fields.is_set(name) && fields.is_set(&by_file) {
        let wrong = format!("is set, and so is {}", place(fields, &by_file));
        fields.wrong(name, &wrong, "keep one of them");
        return None;
    }
    if fields.is_set(name) {
        let Given { value, origin } = fields.text(name)?;
        return Some(Given { value: value.into(), origin });
    }
    let path = fields.path(&by_file)?;
    let origin = fields.origin(&by_file).unwrap_or_default();
    match read(&path) {
        Ok(value) => Some(Given { value, origin }),
        Err((wrong, help)) => {
            fields.wrong(&by_file, &format!("cannot be used: {wrong}"), &help);
            None
        }
    }
}

fn read(path: &Path) -> Result<SecretText, (String, String)> {
    let failed = |error: key_file::KeyFileError| split(&error.to_string(), "check the path");
    key_file::read(path).map(SecretText::from).map_err(failed)
}

/// The key that a text holds.
fn key<K>(
    fields: &mut Fields,
    name: &str,
    text: Given<SecretText>,
    parse: impl FnOnce(&str) -> Result<K, SecretError>,
) -> Option<K> {
    let error = match parse(text.value.expose()) {
        Ok(key) => return Some(key),
        Err(error) => error,
    };
    let set = set_one(fields, name);
    let (wrong, help) = match (&error, name) {
        (SecretError::WrongKind { found: TextKind::JoinKey, .. }, "secret")
            if fields.key("join_key").is_some() =>
        {
            let other = set.replace("secret", "join_key");
            ("holds a join key".to_owned(), format!("give it as `{other}`"))
        }
        (SecretError::WrongKind { found: TextKind::MeshSecret, .. }, "join_key") => {
            let other = set.replace("join_key", "secret");
            let help =
                format!("give it as `{other}`, or make one with `meshwork keygen join WORKER`");
            ("holds the mesh secret".to_owned(), help)
        }
        _ => {
            let (wrong, help) = split(&error.to_string(), "copy it again");
            (format!("cannot be used: {wrong}"), help)
        }
    };
    fields.wrong(&set, &wrong, &help);
    None
}

/// Which of `name` and `<name>_file` is set.
fn set_one(fields: &Fields, name: &str) -> String {
    if fields.is_set(name) { name.to_owned() } else { format!("{name}_file") }
}

/// A setting with its origin, in words.
fn place(fields: &Fields, name: &str) -> String {
    match fields.origin(name) {
        Some(origin) => format!("`{name}` ({origin})"),
        None => format!("`{name}`"),
    }
}

/// The messages of keys end with what to do, after a semicolon.
fn split(message: &str, otherwise: &str) -> (String, String) {
    match message.rsplit_once("; ") {
        Some((wrong, help)) => (wrong.to_owned(), help.to_owned()),
        None => (message.to_owned(), otherwise.to_owned()),
    }
}
