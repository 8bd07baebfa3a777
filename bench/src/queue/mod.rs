//! `queue`: durable jobs through a real Redis server, beside bare streams and what people would use
//! instead, in the same run. `docs/BENCHMARKS.md` says how to read it.
//!
//! * [`arguments`]: the command line, of people and of the processes that are started
//! * [`measure`]: what can be measured, and what it is to reach
//! * [`site`]: the processes: Redis on the servers' core, producer and worker on the clients'
//! * [`rate`], [`latency`], [`idle`], [`million`]: measuring, from outside
//! * [`roles`], [`mesh`], [`bare`], [`memory`]: what the processes do
//! * [`redis`]: the server; [`report`]: showing

pub(crate) mod arguments;
mod bare;
mod idle;
mod latency;
mod measure;
mod memory;
mod mesh;
mod million;
mod rate;
mod redis;
mod report;
mod roles;
mod site;

use arguments::QueueArguments;
use measure::{Figures, Measure};
pub(crate) use roles::run as role;
use site::Site;

use crate::Outcome;
use crate::progress::Progress;

/// Measures what the arguments name and prints it.
///
/// # Errors
/// A process that failed, or did not end in its time.
pub(crate) fn run(arguments: &QueueArguments) -> Outcome {
    if arguments.runs == 0 || arguments.seconds.is_nan() || arguments.seconds <= 0.0 {
        return Err("--runs and --seconds must be above 0".into());
    }
    let chosen = arguments.measures();
    let mut figures = Figures::default();
    let mut progress = Progress::new(chosen.len() * arguments.runs);
    for run in 1..=arguments.runs {
        for measure in &chosen {
            progress.step(&format!("run {run}: {}", measure.name()));
            if *measure == Measure::Million && run > 1 {
                // Minutes each, and its ratios are of pairs: once is enough.
                continue;
            }
            let sample = sample(*measure, arguments)
                .map_err(|error| format!("{}: {error}", measure.name()))?;
            figures.add(*measure, sample);
        }
    }
    drop(progress);
    for (measure, why) in arguments.skipped() {
        eprintln!("SKIPPED {}: {why}", measure.name());
    }
    report::show(&figures, arguments)
}

fn sample(measure: Measure, arguments: &QueueArguments) -> Outcome<measure::Sample> {
    let site = Site::start(measure)?;
    match measure {
        Measure::Latency => latency::sample(&site, arguments),
        Measure::Idle => idle::sample(&site),
        Measure::Million => million::sample(&site),
        Measure::Memory | Measure::MemoryWorker => memory::sample(measure, arguments),
        _ => rate::sample(&site, measure, arguments),
    }
}
