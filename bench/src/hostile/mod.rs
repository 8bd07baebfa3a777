//! What hostile traffic costs, on the loopback device: who still gets in while strangers knock,
//! what half-open connections cost in memory and in latency of live calls, and whether refusals of
//! different causes can be told apart by their time. Rows 15, 16 and 51 of the hostile cases.
//!
//! * [`mod@victim`]: the process that is attacked, behind the real listener and its gate
//! * [`flood`]: strangers; [`holder`]: whoever holds the secret
//! * [`mod@refusals`]: timing of refusals
//! * [`figures`]: what came of it

mod figures;
mod flood;
mod holder;
mod refusals;
mod victim;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, MeshSecret, Psk};

pub(crate) use victim::victim;

use crate::arguments::{AttackArguments, HostileArguments, Part};
use crate::child::{CLIENT_CORE, Placement, Running, SERVER_CORE};
use crate::progress::Progress;
use crate::{Outcome, child, process};
use figures::Figures;
use flood::Flooded;
use holder::{Joins, Latencies};
use refusals::Timing;

/// How often the memory of the victim is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// Runs all parts and prints the figures.
///
/// # Errors
/// A process failed.
pub(crate) fn run(arguments: &HostileArguments) -> Outcome {
    let mut progress = Progress::new(6);
    let mut figures = Figures::default();
    progress.step("joins without a flood");
    figures.joins("joins, no flood", &joins(arguments, None)?);
    progress.step("joins while strangers of another address knock");
    figures.joins("joins, flood from elsewhere", &joins(arguments, Some(Part::FloodThere))?);
    progress.step("joins while strangers of the same address knock");
    figures.joins("joins, flood from here", &joins(arguments, Some(Part::FloodHere))?);
    progress.step("live calls without half-open connections");
    let (quiet, _) = live(arguments, false)?;
    progress.step("live calls while half-open connections pile up");
    let (flooded, grown) = live(arguments, true)?;
    figures.half_open(&quiet, &flooded, grown);
    progress.step("timing of refusals");
    figures.refusals(&refusals(arguments)?);
    drop(progress);
    figures.print(arguments.json)
}

/// One part, in a process of its own.
///
/// # Errors
/// The victim is not there.
pub(crate) fn attack(arguments: &AttackArguments) -> Outcome {
    child::end_with_parent();
    let AttackArguments { part, address, seconds, count } = *arguments;
    let time = Duration::try_from_secs_f64(seconds)?;
    child::runtime()?.block_on(async {
        match part {
            Part::FloodHere => {
                child::say(&flood::strangers(address, [127, 0, 0, 1], count, time).await)
            }
            Part::FloodThere => {
                child::say(&flood::strangers(address, [127, 0, 0, 2], count, time).await)
            }
            Part::HalfOpen => child::say(&flood::half_open(address, count, time).await),
            Part::Join => child::say(&holder::join(address, time).await?),
            Part::Live => child::say(&holder::live(address, time).await?),
            Part::Refusals => child::say(&refusals::time(address, count).await?),
        }
    })
}

/// The key of the mesh, the same in all processes of the benchmark and worth nothing outside.
fn psk() -> Psk {
    MeshSecret::generate(&Random::seeded(1)).psk(LinkKind::Control)
}

/// A key of another mesh.
fn strange_psk() -> Psk {
    MeshSecret::generate(&Random::seeded(2)).psk(LinkKind::Control)
}

fn start_victim(role: &str) -> Outcome<(Running, SocketAddr)> {
    let placement = Placement { core: SERVER_CORE, nice: false };
    let arguments = ["serve", "--role", role].map(str::to_owned);
    let mut victim = Running::start(None, placement, &arguments)?;
    let address = victim.line()?;
    Ok((victim, address))
}

/// Attackers share the core of the clients and give way to them: what a client sees is the victim.
fn start(part: &str, address: SocketAddr, seconds: f64, count: u32) -> Outcome<Running> {
    let (address, seconds, count) = (address.to_string(), seconds.to_string(), count.to_string());
    let attacks = matches!(part, "flood-here" | "flood-there" | "half-open");
    let placement = Placement { core: CLIENT_CORE, nice: attacks };
    let arguments = ["attack", "--part", part, "--address", &address];
    let more = ["--seconds", &seconds, "--count", &count];
    let all: Vec<_> = arguments.iter().chain(&more).map(|&text| text.to_owned()).collect();
    Running::start(None, placement, &all)
}

fn joins(arguments: &HostileArguments, flood: Option<Part>) -> Outcome<(Joins, Option<Flooded>)> {
    let (_victim, address) = start_victim("victim")?;
    let seconds = arguments.seconds;
    let mut flood = match flood {
        Some(Part::FloodHere) => Some(start("flood-here", address, seconds, arguments.rate)?),
        Some(_) => Some(start("flood-there", address, seconds, arguments.rate)?),
        None => None,
    };
    let joins = start("join", address, seconds, 0)?.line()?;
    let flooded = flood.as_mut().map(Running::line).transpose()?;
    Ok((joins, flooded))
}

/// What half-open connections came to.
struct Grown {
    flooded: Option<Flooded>,
    before_bytes: u64,
    most_bytes: u64,
}

fn live(arguments: &HostileArguments, flood: bool) -> Outcome<(Latencies, Grown)> {
    let (victim, address) = start_victim("victim")?;
    let seconds = arguments.seconds;
    let pid = victim.pid();
    let before_bytes = process::resident_bytes(pid)?;
    let (most, over) = (AtomicU64::new(before_bytes), AtomicBool::new(false));
    let (latencies, flooded) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // A victim that is gone fails the benchmark elsewhere.
                let now = process::resident_bytes(pid).unwrap_or(0);
                most.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        let both = live_under(flood.then_some(arguments.sockets), address, seconds);
        over.store(true, Ordering::Relaxed);
        both
    })?;
    Ok((latencies, Grown { flooded, before_bytes, most_bytes: most.into_inner() }))
}

fn live_under(
    sockets: Option<u32>,
    address: SocketAddr,
    seconds: f64,
) -> Outcome<(Latencies, Option<Flooded>)> {
    let mut live = start("live", address, seconds, 0)?;
    let flood = sockets.map(|sockets| start("half-open", address, seconds, sockets)).transpose()?;
    let latencies = live.line()?;
    let flooded = flood.map(|mut flood| flood.line()).transpose()?;
    Ok((latencies, flooded))
}

fn refusals(arguments: &HostileArguments) -> Outcome<Timing> {
    let (_victim, address) = start_victim("trusting-victim")?;
    start("refusals", address, arguments.seconds, arguments.refusals)?.line()
}
