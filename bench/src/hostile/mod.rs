//! Hostile.
use crate::Outcome;
use crate::arguments::{AttackArguments, HostileArguments};
use meshwork_shared::net::Listener;
pub(crate) fn run(_: &HostileArguments) -> Outcome {
    Ok(())
}
pub(crate) fn attack(_: &AttackArguments) -> Outcome {
    Ok(())
}
pub(crate) async fn victim(_: Listener, _: bool) {}
