//! What a worker costs whose 20 queues are empty: its own processor time, and commands of Redis.

use std::thread::sleep;
use std::time::Duration;

use super::arguments::Role;
use super::measure::Sample;
use super::site::Site;
use crate::Outcome;
use crate::process::cpu_time;

/// How long it is left alone before.
const SETTLE: Duration = Duration::from_secs(3);

/// How long it is watched.
const WINDOW: Duration = Duration::from_secs(10);

/// Measures it.
///
/// # Errors
/// A process failed.
pub(crate) fn sample(site: &Site) -> Outcome<Sample> {
    let idler = site.ready_role(Role::Idler, &[])?;
    let redis = site.redis()?;
    sleep(SETTLE);
    let before = (cpu_time(idler.pid())?, redis.commands()?);
    sleep(WINDOW);
    let after = (cpu_time(idler.pid())?, redis.commands()?);
    let busy = after.0.saturating_sub(before.0).as_secs_f64();
    // What counts them is two of them.
    let commands = (after.1 - before.1).saturating_sub(2);
    let seconds = WINDOW.as_secs_f64();
    Ok(Sample::from([
        ("cpu_percent", busy / seconds * 100.0),
        ("commands_per_s", commands as f64 / seconds),
    ]))
}
