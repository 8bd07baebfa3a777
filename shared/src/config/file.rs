//! The configuration file as a layer: TOML with the sections `[worker]`, `[master]`, `[limits]`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use config::ValueKind;
use meshwork_schema::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::fields::shown;
use super::key::{Key, Section};
use super::layer::Layer;
use super::mistake::Mistakes;
use super::sources::FILE_BYTES_MAX;
use crate::identity::key_file;

/// Reads what can be read; what cannot is in `mistakes`.
pub(super) fn read(path: &Path, role: Section, mistakes: &mut Mistakes) -> Layer {
    let name = path.display().to_string();
    let (text, others_may) = match load(path) {
        Ok(loaded) => loaded,
        Err((wrong, help)) => {
            mistakes.add(Some(&name), wrong, help);
            return Layer::new(role);
        }
    };
    let mut reader =
        Reader { name: &name, text: &text, layer: Layer::new(role), secret: None, mistakes };
    reader.read();
    if let (Some(mode), Some((origin, key))) = (others_may, &reader.secret) {
        let wrong = format!(
            "`{}` is a secret, but others may read or write this file (mode {mode:04o})",
            key.name
        );
        let help = format!(
            "make the file yours alone with `chmod 600`, or use `{}_file`; if others had the \
             chance to read it, replace the secret",
            key.name
        );
        reader.mistakes.add(Some(origin), wrong, help);
    }
    reader.layer
}

/// The text, and the file's mode if others may use it.
fn load(path: &Path) -> Result<(Zeroizing<String>, Option<u32>), (String, String)> {
    let check = "check the path that --config or MESHWORK_CONFIG gives".to_owned();
    let refused = |error: std::io::Error| (format!("cannot read it: {error}"), check.clone());
    // Asked before it is opened, for opening a pipe would wait.
    let is_file = std::fs::metadata(path).map_err(refused)?.is_file();
    if !is_file {
        return Err(("it is not a file".to_owned(), check));
    }
    let file = File::open(path).map_err(refused)?;
    let mode = key_file::wide_mode(&file.metadata().map_err(refused)?);
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let wrong = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err((wrong, "name the file of the settings, not another".to_owned()));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), mode)),
        Err(_) => Err(("it is not UTF-8".to_owned(), "save it as UTF-8 text".to_owned())),
    }
}

/// What is known while the tables of a file are walked.
struct Reader<'r> {
    name: &'r str,
    text: &'r str,
    layer: Layer,
    /// The first secret that the file itself holds, with its place.
    secret: Option<(String, &'static Key)>,
    mistakes: &'r mut Mistakes,
}

impl Reader<'_> {
    fn origin(&self, at: usize) -> String {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("{}, line {line}", self.name)
    }

    fn read(&mut self) {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        let mut last = None;
        for error in errors {
            let origin = self.origin(error.span().map_or(0, |span| span.start));
            // The parser finds its feet again with more mistakes in the same line.
            if last.as_ref() != Some(&origin) {
                // The parser's own report would show the line, and with it a secret.
                let wrong = format!("not TOML: {}", error.message().replace('\n', " "));
                self.mistakes.add(Some(&origin), wrong, "write `key = value`, texts in quotes");
            }
            last = Some(origin);
        }
        for (name, value) in in_order(root.into_inner()) {
            let origin = self.origin(name.span().start);
            let section = Section::ALL.into_iter().find(|known| known.name() == name.as_ref());
            match (section, value.into_inner()) {
                (Some(section), DeValue::Table(table)) => self.section(section, table),
                (Some(section), _) => {
                    let wrong = format!("`{}` is a section, not a setting", section.name());
                    let help = format!("write [{}] on a line of its own", section.name());
                    self.mistakes.add(Some(&origin), wrong, help);
                }
                (None, _) => self.unknown_section(name.as_ref(), &origin),
            }
        }
    }

    fn section(&mut self, section: Section, table: DeTable<'_>) {
        for (name, value) in in_order(table) {
            let origin = self.origin(name.span().start);
            let name: &str = name.as_ref();
            if let (Section::Limits, "handshake") = (section, name) {
                match value.into_inner() {
                    DeValue::Table(table) => self.section(Section::Handshake, table),
                    _ => {
                        let wrong = "`limits.handshake` is a section, not a setting";
                        let help = "write [limits.handshake] on a line of its own";
                        self.mistakes.add(Some(&origin), wrong, help);
                    }
                }
                continue;
            }
            let Some(key) = section.key(name) else {
                self.unknown_key(section, name, &origin);
                continue;
            };
            if key.is_secret && self.secret.is_none() {
                self.secret = Some((origin.clone(), key));
            }
            match kind(value.into_inner()) {
                Some(value) => self.layer.set(key, value, &origin),
                None => {
                    let wrong = format!("`{name}` is a table or a time of day");
                    self.mistakes.add(
                        Some(&origin),
                        wrong,
                        "write a text, a number, true or false",
                    );
                }
            }
        }
    }

    fn unknown_section(&mut self, name: &str, origin: &str) {
        let homes: Vec<String> = Key::all()
            .filter(|key| key.name == name)
            .map(|key| format!("[{}]", key.section.name()))
            .collect();
        if !homes.is_empty() {
            let wrong = format!("`{name}` stands outside of a section");
            self.mistakes.add(
                Some(origin),
                wrong,
                format!("write it under {}", homes.join(" or ")),
            );
            return;
        }
        let help = match nearest(name, Section::ALL.map(Section::name)) {
            Some(meant) => format!("did you mean [{meant}]?"),
            None => "the sections are [worker], [master] and [limits]".to_owned(),
        };
        self.mistakes.add(Some(origin), format!("there is no section {}", shown(name)), help);
    }

    fn unknown_key(&mut self, section: Section, name: &str, origin: &str) {
        let home = Section::ALL.into_iter().find(|other| other.key(name).is_some());
        let help = match (home, nearest(name, section.keys().iter().map(|key| key.name))) {
            (Some(home), _) => format!("it belongs under [{}]", home.name()),
            (None, Some(meant)) => format!("did you mean `{meant}`?"),
            (None, None) => {
                let known: Vec<&str> = section.keys().iter().map(|key| key.name).collect();
                format!("[{}] takes {}", section.name(), known.join(", "))
            }
        };
        let wrong = format!("there is no setting {} in [{}]", shown(name), section.name());
        self.mistakes.add(Some(origin), wrong, help);
    }
}

/// The entries in the order of the file; the parser's own is that of the alphabet.
fn in_order<'t>(
    table: DeTable<'t>,
) -> Vec<(Spanned<toml::de::DeString<'t>>, Spanned<DeValue<'t>>)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// The value as the `config` crate has it; none for what no setting is: a table, a time of day.
fn kind(value: DeValue<'_>) -> Option<ValueKind> {
    Some(match value {
        DeValue::String(text) => ValueKind::String(text.into_owned()),
        DeValue::Boolean(value) => ValueKind::Boolean(value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => ValueKind::I64(number),
            // Too large for TOML, and for every setting.
            Err(_) => ValueKind::Float(f64::INFINITY),
        },
        DeValue::Float(_) => ValueKind::Float(0.0),
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
        // An item that is no text stays as one that is refused.
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| kind(item.into_inner()));
            ValueKind::Array(items.map(|item| item.unwrap_or(ValueKind::Nil).into()).collect())
        }
    })
}
