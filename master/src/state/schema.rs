//! The schema in force as a file, replaced as a whole.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use meshwork_schema::limits::SCHEMA_BYTES_MAX;
use meshwork_schema::{Fingerprint, Schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::StateError;
use super::marks::replace;

/// Bytes of the file, at most: a schema and a little around it.
const BYTES_MAX: u64 = SCHEMA_BYTES_MAX as u64 + 4096;

/// The schema that was last in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptSchema {
    /// The schema.
    pub(crate) schema: Arc<Schema>,
    /// Fingerprint of the schema that the file had, or the master was started with, when it was
    /// last looked at: while that is the same, `schema` counts, and not the file.
    pub(crate) offered: Fingerprint,
    /// What was offered is not in force because of what runs, and is to be tried again.
    pub(crate) is_waiting: bool,
}

/// The form of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    offered: Fingerprint,
    is_waiting: bool,
    /// Canonical.
    schema: Box<RawValue>,
}

pub(super) fn read(path: &Path) -> Result<Option<KeptSchema>, StateError> {
    let failed = |cause| StateError::Schema { path: path.into(), doing: "read", cause };
    let damaged = || StateError::SchemaDamaged { path: path.into() };
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(BYTES_MAX).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let form: Form = serde_json::from_slice(&text).map_err(|_| damaged())?;
    let schema = Schema::from_json(form.schema.get()).map_err(|_| damaged())?;
    let Form { offered, is_waiting, .. } = form;
    Ok(Some(KeptSchema { schema: Arc::new(schema), offered, is_waiting }))
}

pub(super) fn write(path: &Path, kept: &KeptSchema) -> Result<(), StateError> {
    let KeptSchema { schema, offered, is_waiting } = kept;
    let (offered, is_waiting) = (*offered, *is_waiting);
    let replaced = RawValue::from_string(schema.canonical_json())
        .and_then(|schema| serde_json::to_vec(&Form { offered, is_waiting, schema }))
        .map_err(io::Error::from)
        .and_then(|text| replace(path, &text));
    replaced.map_err(|cause| StateError::Schema { path: path.into(), doing: "write", cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_survives_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.json");
        assert_eq!(read(&path).unwrap(), None);
        let schema = Arc::new(Schema::from_toml("[gateway]\n[printer]\n").unwrap());
        let offered = Schema::from_toml("[gateway]\n").unwrap().fingerprint();
        let kept = KeptSchema { schema, offered, is_waiting: true };
        write(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap(), Some(kept));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        assert!(matches!(read(&path), Err(StateError::SchemaDamaged { .. })));
        let broken = String::from_utf8(whole).unwrap().replace("\"gateway\"", "\"_gateway\"");
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(read(&path), Err(StateError::SchemaDamaged { .. })));
    }
}
