//! From text to schema: the one way in, for TOML and for JSON.

use std::path::Path;

use crate::document::{self, Table};
use crate::limits::SCHEMA_BYTES_MAX;
use crate::mistake::{MistakeKind, Mistakes, SchemaErrors};
use crate::resolve::resolve;
use crate::schema::Schema;

/// How a schema is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaFormat {
    /// TOML, what people write.
    Toml,
    /// Plain JSON of the same structure, what programs write.
    Json,
}

impl SchemaFormat {
    /// The format that a file name stands for: JSON if it ends in `.json`, else TOML.
    pub fn of(path: &Path) -> Self {
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if json { Self::Json } else { Self::Toml }
    }
}

impl Schema {
    /// Reads a schema from TOML.
    ///
    /// # Errors
    /// [`SchemaErrors`] has every mistake of the text, not only the first.
    pub fn from_toml(source: &str) -> Result<Self, SchemaErrors> {
        read(source, document::toml::read)
    }

    /// Reads a schema from JSON, canonical or not.
    ///
    /// # Errors
    /// [`SchemaErrors`] has every mistake of the text; after one in the syntax nothing is read.
    pub fn from_json(source: &str) -> Result<Self, SchemaErrors> {
        read(source, document::json::read)
    }

    /// Reads a schema from the bytes of a file.
    ///
    /// # Errors
    /// [`SchemaErrors`] has every mistake of the text; one that is not UTF-8 has just that.
    pub fn from_bytes(format: SchemaFormat, bytes: &[u8]) -> Result<Self, SchemaErrors> {
        let source = match std::str::from_utf8(bytes) {
            Ok(source) => source,
            Err(error) => {
                let (valid, _) = bytes.split_at(error.valid_up_to());
                let at = valid.len();
                return Err(one_mistake(
                    &String::from_utf8_lossy(valid),
                    MistakeKind::Syntax,
                    at,
                    "this is not UTF-8 text",
                    "save the file as UTF-8",
                ));
            }
        };
        match format {
            SchemaFormat::Toml => Self::from_toml(source),
            SchemaFormat::Json => Self::from_json(source),
        }
    }
}

fn read<'s>(
    source: &'s str,
    read_document: fn(&'s str, &mut Mistakes) -> Table<'s>,
) -> Result<Schema, SchemaErrors> {
    if source.len() > SCHEMA_BYTES_MAX {
        return Err(too_long("the text", source.len()));
    }
    let mut mistakes = Mistakes::default();
    let root = read_document(source, &mut mistakes);
    let mut later = Mistakes::default();
    let workers = resolve(&root, &mut later);
    mistakes.join(later, source);
    if !mistakes.is_empty() {
        return Err(mistakes.into_errors(source));
    }
    if workers.is_empty() {
        return Err(one_mistake(
            source,
            MistakeKind::Value,
            0,
            "this schema has no worker",
            "describe at least one; a table at the top is a worker",
        ));
    }
    let schema = Schema::from_checked(workers);
    // Defaults of `_mesh` are written out, so the canonical form may be the longer one; it is what
    // travels to the workers.
    let canonical_len = schema.canonical_json().len();
    if canonical_len > SCHEMA_BYTES_MAX {
        return Err(too_long("its canonical form", canonical_len));
    }
    Ok(schema)
}

fn too_long(what: &str, bytes: usize) -> SchemaErrors {
    let message = format!("a schema has at most {SCHEMA_BYTES_MAX} bytes, {what} has {bytes}");
    one_mistake("", MistakeKind::Limit, 0, &message, "split the mesh, or shorten the names")
}

fn one_mistake(
    source: &str,
    kind: MistakeKind,
    at: usize,
    message: &str,
    help: &str,
) -> SchemaErrors {
    let mut mistakes = Mistakes::default();
    mistakes.add(kind, &(at..at), message, help.to_owned());
    mistakes.into_errors(source)
}
