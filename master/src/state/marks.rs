//! The high-water marks as a file, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use meshwork_schema::Fingerprint;
use meshwork_shared::ids::NodeId;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::registry::Durable;

/// Bytes of the file, at most: four times what all revocations that fit take.
const BYTES_MAX: u64 = 4 << 20;

/// The form of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marks {
    /// No number given out is higher.
    high: u64,
    schema: Option<SchemaMark>,
    /// Serial and the unix second at which its ticket ends.
    revoked_serials: Vec<(u64, u64)>,
    /// Node key and the unix second from which it is forgotten.
    revoked_nodes: Vec<(NodeId, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaMark {
    number: u64,
    fingerprint: Fingerprint,
}

pub(super) fn read(path: &Path) -> Result<Option<Durable>, StateError> {
    let failed = |cause| StateError::Marks { path: path.into(), doing: "read", cause };
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(BYTES_MAX).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let marks: Marks = serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StateError::MarksDamaged { path: path.into(), line, column }
    })?;
    Ok(Some(Durable {
        high: marks.high,
        schema: marks.schema.map(|schema| (schema.number, schema.fingerprint)),
        revoked_serials: marks.revoked_serials.into_iter().collect(),
        revoked_nodes: marks.revoked_nodes.into_iter().collect(),
    }))
}

pub(super) fn write(path: &Path, durable: &Durable) -> Result<(), StateError> {
    let schema = durable.schema.map(|(number, fingerprint)| SchemaMark { number, fingerprint });
    let marks = Marks {
        high: durable.high,
        schema,
        revoked_serials: durable.revoked_serials.iter().map(|(&s, &until)| (s, until)).collect(),
        revoked_nodes: durable.revoked_nodes.iter().map(|(&n, &until)| (n, until)).collect(),
    };
    let replaced =
        serde_json::to_vec(&marks).map_err(io::Error::from).and_then(|text| replace(path, &text));
    replaced.map_err(|cause| StateError::Marks { path: path.into(), doing: "write", cause })
}

/// After a loss of power the file has the old content or the new one.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("json.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
