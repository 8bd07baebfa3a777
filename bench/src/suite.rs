//! Runs the points: every run measures each point once, the limit of a size right before what is
//! compared with it, so that both meet the machine in the same mood.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::Outcome;
use crate::arguments::SuiteArguments;
use crate::child::{CLIENT_CORE, Placement, Running, SERVER_CORE, cores};
use crate::measurement::{Measurement, Summary};
use crate::point::{Point, points};
use crate::progress::Progress;
use crate::report;

/// A server and where it listens.
struct Server {
    running: Running,
    address: SocketAddr,
}

/// Measures what the arguments name and prints it.
///
/// # Errors
/// A point that does not exist, or a process that failed.
pub(crate) fn run(arguments: &SuiteArguments) -> Outcome {
    let points = points(&arguments.only)?;
    if arguments.runs == 0 || arguments.seconds.is_nan() || arguments.seconds <= 0.0 {
        return Err("--runs and --seconds must be above 0".into());
    }
    if cores() < 2 {
        eprintln!("meshwork-bench: only one core: both sides share it, and figures say little");
    }
    let mut servers = BTreeMap::new();
    let mut measured = vec![Vec::new(); points.len()];
    let mut progress = Progress::new(points.len() * arguments.runs);
    for run in 1..=arguments.runs {
        for (point, measurements) in points.iter().zip(&mut measured) {
            progress.step(&format!("run {run}: {} {}", point.what.name(), point.size()));
            let server = match servers.entry(point.what.role()) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(start_server(point.what.role(), arguments.lanes)?)
                }
            };
            measurements.push(measure(point, server, arguments)?);
        }
    }
    drop(progress);
    let summaries = summaries(&points, &measured);
    if arguments.json {
        report::json(&summaries)?;
    } else {
        report::table(&summaries, arguments);
    }
    Ok(())
}

fn start_server(role: &str, lanes: usize) -> Outcome<Server> {
    let mut arguments = vec!["serve".to_owned(), "--role".to_owned(), role.to_owned()];
    arguments.extend(["--lanes".to_owned(), lanes.to_string()]);
    let placement = Placement { core: SERVER_CORE, nice: false };
    let mut running = Running::start(placement, &arguments)?;
    let address = running.line()?;
    Ok(Server { running, address })
}

fn measure(point: &Point, server: &Server, suite: &SuiteArguments) -> Outcome<Measurement> {
    let options = [
        ("--what", point.what.name().to_owned()),
        ("--payload", point.payload.to_string()),
        ("--in-flight", point.in_flight.to_string()),
        ("--seconds", suite.seconds.to_string()),
        ("--lanes", suite.lanes.to_string()),
        ("--address", server.address.to_string()),
        ("--server", server.running.pid().to_string()),
    ];
    let mut arguments = vec!["drive".to_owned()];
    arguments.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
    let placement = Placement { core: CLIENT_CORE, nice: false };
    Running::start(placement, &arguments)?.line()
}

fn summaries(points: &[Point], measured: &[Vec<Measurement>]) -> Vec<Summary> {
    let runs_of = |wanted: Point| {
        let at = points.iter().position(|point| *point == wanted);
        at.map_or(&[][..], |at| &measured[at])
    };
    let summary = |point: &Point| Summary::new(*point, runs_of(*point), runs_of(point.limit()));
    points.iter().map(summary).collect()
}
