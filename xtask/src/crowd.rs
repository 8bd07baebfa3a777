//! A mesh of a hundred members: a master as a process, and the members, with their links and calls,
//! in another one. For what has to be looked at when it is large.

use std::path::Path;

use crate::mesh::Mesh;
use crate::programs::Programs;

/// The packages of its programs.
pub(crate) const PACKAGES: [&str; 2] = ["meshwork", "meshwork-bench"];

/// Members of the mesh.
pub(crate) const MEMBERS: usize = 100;

/// Who may link to whom there.
const SCHEMA: &str = "bench/src/crowd/mesh.toml";

/// The program that they are in.
const PROGRAM: &str = "meshwork-bench";

/// Starts the mesh, waits until all are linked, and answers how many links there are.
///
/// # Errors
/// One of the two does not get ready.
pub(crate) fn start<'a>(programs: &'a Programs, logs: &Path) -> Result<(Mesh<'a>, usize), String> {
    let mut mesh = Mesh::start(programs, logs, SCHEMA, &[])?;
    let mut command = mesh.worker(PROGRAM)?;
    command.args(["crowd", "--master", mesh.http(), "--members", &MEMBERS.to_string()]);
    command.arg("--secret-file").arg(mesh.path("mesh.secret"));
    let links = mesh.spawn("crowd", command, |line| line.parse().ok())?;
    Ok((mesh, links))
}
