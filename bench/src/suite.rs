//! Runs the points: every run measures each point once, the limit of a size right before what is
//! compared with it, so that both meet the machine in the same mood.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::arguments::SuiteArguments;
use crate::child::{CLIENT_CORE, Placement, Running, cores};
use crate::links;
use crate::measurement::{Measurement, Summary};
use crate::point::{Choice, Point};
use crate::progress::Progress;
use crate::servers::Servers;
use crate::what::What;
use crate::{markdown, plot, report};

/// Measures what the arguments name and prints it.
///
/// # Errors
/// A point that does not exist, or a process that failed.
pub(crate) fn run(arguments: &SuiteArguments) -> Outcome {
    let Choice { points, links } = Choice::named(&arguments.only, arguments.peers)?;
    if arguments.runs == 0 || arguments.seconds.is_nan() || arguments.seconds <= 0.0 {
        return Err("--runs and --seconds must be above 0".into());
    }
    if arguments.svg.is_some() && !points.iter().any(plot::shows) {
        return Err("--svg plots 64x64 and 64x1024: measure at least one of them".into());
    }
    if cores() < 2 {
        eprintln!("meshwork-bench: only one core: both sides share it, and figures say little");
    }
    let mut measured = vec![Vec::new(); points.len()];
    let mut of_links = Vec::new();
    let mut progress = Progress::new((points.len() + usize::from(links)) * arguments.runs);
    for run in 1..=arguments.runs {
        measure_all(run, &points, &mut measured, arguments, &mut progress)?;
        if links {
            progress.step(&format!("run {run}: links"));
            of_links.push(links::measure(arguments)?);
        }
    }
    drop(progress);
    let summaries = summaries(&points, &measured);
    let of_links = (!of_links.is_empty()).then(|| links::Summary::new(&of_links));
    if arguments.json {
        report::json(&summaries, of_links.as_ref())?;
    } else {
        report::table(&summaries, of_links.as_ref(), arguments);
    }
    if let Some(file) = &arguments.markdown {
        let text = markdown::table(&summaries, of_links.as_ref(), arguments)?;
        write(file, &text)?;
    }
    if let Some(file) = &arguments.svg {
        write(file, &plot::svg(&summaries))?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Outcome {
    let failed = |error| format!("{} cannot be written: {error}", file.display());
    Ok(fs::write(file, text).map_err(failed)?)
}

/// Every point once. Servers stay for the next point, unless they are many.
fn measure_all(
    run: usize,
    points: &[Point],
    measured: &mut [Vec<Measurement>],
    arguments: &SuiteArguments,
    progress: &mut Progress,
) -> Outcome {
    let mut servers: BTreeMap<What, Servers> = BTreeMap::new();
    for (point, measurements) in points.iter().zip(measured) {
        progress.step(&format!("run {run}: {} {}", point.what.name(), point.size()));
        let what = point.what.served_with();
        servers.retain(|kept, _| *kept == what || kept.keeps_servers());
        let serving = match servers.entry(what) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Servers::start(what, arguments)?),
        };
        measurements.push(measure(point, serving, arguments)?);
    }
    Ok(())
}

fn measure(point: &Point, servers: &Servers, suite: &SuiteArguments) -> Outcome<Measurement> {
    let options = [
        ("--what", point.what.name().to_owned()),
        ("--payload", point.payload.to_string()),
        ("--in-flight", point.in_flight.to_string()),
        ("--seconds", suite.seconds.to_string()),
    ];
    // Peers have no lanes.
    let lanes = (!point.what.is_peer()).then(|| ("--lanes", suite.lanes.to_string()));
    let addresses = servers.addresses.iter().map(|address| ("--address", address.to_string()));
    let pids = servers.pids().map(|pid| ("--server", pid.to_string()));
    let options = options.into_iter().chain(lanes).chain(addresses).chain(pids);
    let mut arguments = vec!["drive".to_owned()];
    arguments.extend(options.flat_map(|(name, value)| [name.to_owned(), value]));
    let placement = Placement { core: CLIENT_CORE, nice: false };
    Running::start(suite.program_of(point.what), placement, &arguments)?.line()
}

fn summaries(points: &[Point], measured: &[Vec<Measurement>]) -> Vec<Summary> {
    let runs_of = |wanted: Point| {
        let at = points.iter().position(|point| *point == wanted);
        at.map_or(&[][..], |at| &measured[at])
    };
    let summary = |point: &Point| {
        let calls = if point.what.is_peer() { runs_of(point.call()) } else { &[] };
        Summary::new(*point, runs_of(*point), runs_of(point.limit()), calls)
    };
    points.iter().map(summary).collect()
}
