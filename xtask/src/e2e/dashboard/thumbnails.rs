//! The mesh that is looked at: three thumbnailers with their queue in a file, and what keeps them
//! busy.

use std::path::Path;

use crate::mesh::Mesh;
use crate::process;
use crate::programs::Programs;
use crate::workspace;

/// The schema of the example.
const SCHEMA: &str = "examples/thumbnails/mesh.toml";

/// How long a lost member stays on the list here, so that it can be seen to go.
const LOST_KEPT: (&str, &str) = ("MESHWORK_LOST_KEPT", "20s");

/// How soon a member without a word is lost.
const LEASE: (&str, &str) = ("MESHWORK_LEASE", "2s");

/// Starts a master that nobody has joined.
///
/// # Errors
/// It does not start.
pub(super) fn start<'a>(programs: &'a Programs, logs: &Path) -> Result<Mesh<'a>, String> {
    Mesh::start(programs, logs, SCHEMA, &[LOST_KEPT, LEASE])
}

/// Starts three thumbnailers.
///
/// # Errors
/// One of them does not start.
pub(super) fn join(mesh: &mut Mesh<'_>) -> Result<(), String> {
    for nth in 1..=3 {
        let name = format!("thumbnailer-{nth}");
        let mut command = mesh.worker("thumbnailer")?;
        command.env("MESHWORK_VARIANT", &name);
        mesh.spawn(&name, command, |line| line.ends_with(" is ready").then_some(()))?;
    }
    Ok(())
}

/// Keeps the thumbnailers busy until the mesh ends.
///
/// # Errors
/// It does not start.
pub(super) fn start_load(mesh: &mut Mesh<'_>) -> Result<(), String> {
    let mut command = mesh.worker("load")?;
    let pictures = workspace::root().join("examples/thumbnails/pictures");
    command.arg("--pictures").arg(pictures).args(["--resize", "8", "--print", "3"]);
    command.args(["--preview", "2", "--thumbnailers", "2"]);
    mesh.spawn("load", command, |_| Some(()))
}

/// Enqueues a job whose argument no thumbnailer can read.
///
/// # Errors
/// It was not stored.
pub(super) fn enqueue_broken(mesh: &Mesh<'_>) -> Result<(), String> {
    let mut command = mesh.worker("meshwork")?;
    command.args(["call", "thumbnailer.preview", r#"{"broken": true}"#, "--as", "gateway"]);
    process::run(&mut command)
}
