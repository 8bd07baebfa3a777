//! Jobs per second through Redis: a producer keeps enqueues under way for a while; counted is until
//! the last of its jobs is acknowledged. The same of bare streams, ours and others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meshwork_bench_harness::jobs::{AT_ONCE, Consumed, PAUSE, Produced, WARM_UP};

use super::arguments::{QueueArguments, Role};
use super::measure::{Measure, Sample};
use super::site::{Site, foreign};
use crate::Outcome;
use crate::child::Running;
use crate::process::cpu_time;

/// How much longer than it produces a queue may take to work off what is left; one that does not is
/// stuck, or so much slower that a figure would say little.
const WORK_OFF_WITHIN: Duration = Duration::from_secs(60);

/// Entries of one pipeline of [`Measure::BareDeep`].
const DEEP: usize = 1024;

/// Measures one.
///
/// # Errors
/// A process failed, or the jobs were not all run in time.
pub(crate) fn sample(site: &Site, measure: Measure, arguments: &QueueArguments) -> Outcome<Sample> {
    let seconds = arguments.seconds;
    let (mut worker, mut producer) = start(site, measure, arguments)?;
    let pids = [producer.pid(), worker.pid(), site.redis()?.pid()];
    let cpu = || pids.iter().map(|pid| cpu_time(*pid)).collect::<std::io::Result<Vec<_>>>();
    let before = cpu()?;
    let window = Duration::try_from_secs_f64(seconds)? + WARM_UP + PAUSE;
    let produced: Produced = producer.line_within(window + WORK_OFF_WITHIN)?;
    let all = produced.warm_up + produced.jobs;
    let consumed = last(&mut worker, all)?;
    let took_us = consumed.ended_us.saturating_sub(produced.began_us).max(1);
    let mut sample = Sample::from([
        ("jobs_per_s", produced.jobs as f64 * 1e6 / took_us as f64),
        ("failed", produced.failed as f64),
    ]);
    let names = ["producer_cpu_us", "worker_cpu_us", "redis_cpu_us"];
    for ((name, before), after) in names.into_iter().zip(before).zip(cpu()?) {
        let used = after.saturating_sub(before);
        sample.insert(name, used.as_secs_f64() * 1e6 / all.max(1) as f64);
    }
    Ok(sample)
}

/// Waits until a worker has run so many jobs.
pub(crate) fn last(worker: &mut Running, jobs: u64) -> Outcome<Consumed> {
    loop {
        let consumed: Consumed = worker
            .line_within(WORK_OFF_WITHIN)
            .map_err(|error| format!("not all of {jobs} jobs ran: {error}"))?;
        if consumed.jobs >= jobs {
            return Ok(consumed);
        }
    }
}

/// Worker and producer, both ready.
fn start(site: &Site, measure: Measure, arguments: &QueueArguments) -> Outcome<(Running, Running)> {
    let seconds = arguments.seconds.to_string();
    let more = [("--seconds", seconds.clone())];
    let of =
        |worker, producer| Ok((site.ready_role(worker, &[])?, site.ready_role(producer, &more)?));
    let url = site.redis()?.url();
    match measure {
        Measure::Bare | Measure::BareDeep => {
            let at_once = if measure == Measure::Bare { AT_ONCE } else { DEEP };
            let depth = ("--at-once", at_once.to_string());
            let deep = [depth.clone()];
            let worker = site.ready_role(Role::BareWorker, &deep)?;
            Ok((worker, site.ready_role(Role::BareProducer, &[depth, more[0].clone()])?))
        }
        Measure::Bullmq => {
            let folder = arguments.bullmq_folder.as_deref().ok_or("no BullMQ")?;
            let script = |name| folder.join(name).display().to_string();
            let node = PathBuf::from("node");
            let worker = foreign(&node, &[script("worker.js"), url.clone()])?;
            Ok((worker, foreign(&node, &[script("producer.js"), url, seconds])?))
        }
        Measure::Apalis => {
            let program: &Path = arguments.apalis_program.as_deref().ok_or("no apalis")?;
            let words = |role: &str| [role.to_owned(), url.clone(), seconds.clone()];
            Ok((foreign(program, &words("work"))?, foreign(program, &words("produce"))?))
        }
        _ => of(Role::Worker, Role::Producer),
    }
}
