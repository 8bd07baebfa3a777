//! The `MESHWORK_*` variables as a layer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use config::ValueKind;
use meshwork_schema::nearest;

use super::fields::shown;
use super::key::{Key, Section};
use super::layer::Layer;
use super::mistake::Mistakes;
use super::secret_text::SecretText;
use super::sources::ENVIRONMENT_PREFIX;

/// The variable that names the file.
const FILE_VARIABLE: &str = "MESHWORK_CONFIG";

/// The variables of a process that are meant for Meshwork. A value may be a secret; `None` is one
/// that is not UTF-8.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    variables: BTreeMap<String, Option<SecretText>>,
    pub(super) file: Option<PathBuf>,
}

impl Environment {
    pub(super) fn new<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut picked = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            let Some(name) = name.to_str().filter(|name| name.starts_with(ENVIRONMENT_PREFIX))
            else {
                continue;
            };
            // Compose and shells pass on what is not set as an empty text.
            if value.is_empty() {
                continue;
            }
            if name == FILE_VARIABLE {
                picked.file = Some(value.into());
            } else {
                let value = value.into_string().ok().map(SecretText::from);
                picked.variables.insert(name.to_owned(), value);
            }
        }
        picked
    }

    pub(super) fn layer(&self, role: Section, mistakes: &mut Mistakes) -> Layer {
        let mut layer = Layer::new(role);
        for (name, value) in &self.variables {
            let named: Vec<&Key> = Key::all().filter(|key| key.variable() == *name).collect();
            if named.is_empty() {
                if !is_service_link(name) {
                    unknown(name, mistakes);
                }
                continue;
            }
            let Some(value) = value else {
                mistakes.add(Some(name), "its value is not UTF-8", "set it to plain text");
                continue;
            };
            for key in named {
                layer.set(key, ValueKind::String(value.expose().to_owned()), name);
            }
        }
        layer
    }
}

/// Whether Kubernetes has set it, which tells every container of the services of its namespace: a
/// service `meshwork-master` gives `MESHWORK_MASTER_SERVICE_HOST` and its like.
pub(super) fn is_service_link(name: &str) -> bool {
    let is_protocol = |word: &str| matches!(word, "TCP" | "UDP" | "SCTP");
    if name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.ends_with("_PORT")
    {
        return true;
    }
    let words: Vec<&str> = name.split('_').collect();
    words
        .windows(3)
        .any(|three| three[0] == "PORT" && three[1].parse::<u16>().is_ok() && is_protocol(three[2]))
}

fn unknown(name: &str, mistakes: &mut Mistakes) {
    let variables: Vec<String> = Key::all().map(Key::variable).collect();
    // Without what they all share, which would make any two of them near.
    let known = variables.iter().map(String::as_str).chain([FILE_VARIABLE]).map(own_part);
    let upper = own_part(name).to_ascii_uppercase();
    let help = match nearest(&upper, known) {
        Some(meant) => format!("did you mean {ENVIRONMENT_PREFIX}{meant}?"),
        // A section too many or too few: `MESHWORK_WORKER__SECRET`.
        None => match variables.iter().find(|variable| last_part(variable) == last_part(&upper)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "unset it, or look up its name in docs/CONFIGURATION.md".to_owned(),
        },
    };
    mistakes.add(Some("environment"), format!("there is no setting {}", shown(name)), help);
}

/// `SECRET` of `MESHWORK_SECRET`.
fn own_part(variable: &str) -> &str {
    variable.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(variable)
}

/// `MESSAGE_BYTES_MAX` of `MESHWORK_LIMITS__MESSAGE_BYTES_MAX`.
fn last_part(variable: &str) -> &str {
    own_part(variable).rsplit("__").next().unwrap_or_default()
}
