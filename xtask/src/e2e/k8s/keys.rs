//! Keys for the mesh, made by the script that people run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::e2e::captured;
use crate::process::{self, cargo, program};
use crate::signals::{Signals, Trouble};

/// How long the script may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Runs `k8s/make-keys` for this folder, with this `meshwork` command or the one of this checkout.
pub(super) fn make(signals: &Signals, folder: &Path, with: Option<&Path>) -> Result<(), Trouble> {
    let meshwork = with.map_or_else(meshwork, |given| Ok(given.to_owned()))?;
    let mut script = program("k8s/make-keys");
    script.env("MESHWORK", meshwork).env("MESHWORK_KEYS", folder);
    captured::run(&mut script, Some(signals), WITHIN).map(drop)
}

/// The `meshwork` command of this checkout.
fn meshwork() -> Result<PathBuf, String> {
    process::build_program(cargo(&["build", "--package", "meshwork", "--bins"]), "meshwork")
}
