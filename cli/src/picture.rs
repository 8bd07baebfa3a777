//! The whole picture of a mesh, with figures of now.

use std::thread::sleep;
use std::time::Duration;

use meshwork_master::http::dto::Mesh;

use crate::exit::CommandError;
use crate::http::{Http, Method};

/// Members report each second once somebody looks, and a rate is made of two reports: after this
/// long a second look sees figures of now, and links that were just made.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2500);

/// Looks once.
///
/// # Errors
/// As every request: the master does not answer, or refuses.
pub(crate) fn look(http: &Http) -> Result<Mesh, CommandError> {
    http.ask(Method::Get, "/v1/mesh")
}

/// Looks twice, so that what is seen is of now.
///
/// # Errors
/// As every request: the master does not answer, or refuses.
pub(crate) fn fresh(http: &Http) -> Result<Mesh, CommandError> {
    look(http)?;
    sleep(BETWEEN_LOOKS);
    look(http)
}
