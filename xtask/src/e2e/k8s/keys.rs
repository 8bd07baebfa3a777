//! Keys for the mesh, made by the script that people run.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::e2e::captured;
use crate::process::{self, cargo, executables, program};
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
    let mut build = cargo(&["build", "--package", "meshwork", "--bins"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    let shown = process::show(&build);
    let failed = |how: String| format!("`{shown}` {how}");
    let mut building =
        build.stdout(Stdio::piped()).spawn().map_err(|error| failed(error.to_string()))?;
    let messages = building.stdout.take().map(BufReader::new);
    let mut programs = messages.map(executables).unwrap_or_default();
    let status = building.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    programs.remove("meshwork").ok_or_else(|| failed("built no program `meshwork`".to_owned()))
}
