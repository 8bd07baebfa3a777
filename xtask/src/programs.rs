//! Programs of this repository, built so that they can be started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::peers::Profile;
use crate::process::{self, cargo};
use crate::workspace;

/// The built programs.
pub(crate) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// Builds those of these packages.
    ///
    /// # Errors
    /// They do not build.
    pub(crate) fn build(packages: &[&str], profile: Profile) -> Result<Self, String> {
        let mut command = cargo(&["build", "--bins"]);
        command.args(packages.iter().flat_map(|package| ["--package", package]));
        if profile == Profile::Release {
            command.arg("--release");
        }
        process::build(command).map(Self)
    }

    /// A folder beside the one of the programs.
    pub(crate) fn beside(&self, folder: &str) -> PathBuf {
        let built = self.0.values().next().and_then(|path| path.parent()?.parent());
        built.map_or_else(|| workspace::root().join("target"), Path::to_path_buf).join(folder)
    }

    /// Where the program of that name is.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, String> {
        let found = self.0.get(name).map(PathBuf::as_path);
        found.ok_or_else(|| format!("cargo built no program `{name}`"))
    }
}
