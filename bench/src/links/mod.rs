//! Many links to one worker: how long they take to come, what they cost while nothing happens.
//!
//! * this file: one run, as the benchmark sees it
//! * [`joiner`]: the process with the many workers at the other end
//! * [`figures`]: what a run and several runs come to

mod figures;
mod joiner;

pub(crate) use figures::Summary;
pub(crate) use joiner::run as join;

use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use crate::Outcome;
use crate::arguments::{Role, SuiteArguments};
use crate::child::{CLIENT_CORE, Placement, Running};
use crate::process;
use crate::servers::Server;
use figures::Run;

/// Links that are there before memory is looked at for the first time.
const FEW: usize = 24;

/// Links that come on top of those.
pub(crate) const MANY: usize = 1000;

/// Links of each worker at the other end: to the one worker, and to the master.
const LINKS_OF_JOINER: f64 = 2.0;

/// Longer than a link takes to find that it is idle and to give its buffers back.
const SETTLE: Duration = Duration::from_secs(6);

/// The joiner waits so long between the few and the many, in which memory is looked at.
pub(crate) const PAUSE: Duration = Duration::from_millis(6500);

/// How long idle processor time is counted: some rounds of keep-alives.
const IDLE: Duration = Duration::from_secs(10);

/// Measures once.
///
/// # Errors
/// A process failed, or is gone.
pub(crate) fn measure(arguments: &SuiteArguments) -> Outcome<Run> {
    let master = Server::start(Role::Master, None, arguments.lanes)?;
    let worker = Server::start(Role::Instance, Some(master.address()), arguments.lanes)?;
    let mut joiner = start_joiner(&master)?;
    let _few_s: f64 = joiner.line()?;
    let pids = [worker.pid(), joiner.pid()];
    sleep(SETTLE);
    let before = memory(pids)?;
    let joined_s = joiner.line()?;
    sleep(SETTLE);
    let after = memory(pids)?;
    let grown = |at: usize| after[at].saturating_sub(before[at]) as f64 / MANY as f64;
    let (cpu, started) = (process::cpu_time(worker.pid())?, Instant::now());
    sleep(IDLE);
    let idle = process::cpu_time(worker.pid())?.saturating_sub(cpu);
    Ok(Run {
        joined_s,
        idle_cpu_percent: 100.0 * idle.as_secs_f64() / started.elapsed().as_secs_f64(),
        worker_bytes_per_link: grown(0),
        joiner_bytes_per_link: grown(1) / LINKS_OF_JOINER,
    })
}

fn start_joiner(master: &Server) -> Outcome<Running> {
    let options = [
        ("--master", master.address().to_string()),
        ("--few", FEW.to_string()),
        ("--many", MANY.to_string()),
    ];
    let mut arguments = vec!["join".to_owned()];
    arguments.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
    Running::start(None, Placement { core: CLIENT_CORE, nice: false }, &arguments)
}

fn memory(pids: [u32; 2]) -> Outcome<[u64; 2]> {
    Ok([process::resident_bytes(pids[0])?, process::resident_bytes(pids[1])?])
}
