//! The processes as the soak sees them: started, killed, stopped. Dropping a site ends them all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use meshwork_queue::{QueueBackend, QueueName, QueueOptions, RedisBackend, Section};
use meshwork_shared::random::Random;
use meshwork_worker::Command;

use crate::Outcome;
use crate::arguments::Fsync;
use crate::check::Left;
use crate::roles::mesh::{Work, secret};

mod process;
mod redis;
pub(crate) mod signals;

pub(crate) use process::Process;
pub(crate) use redis::{Redis, is_installed};

/// Dead letters that are shown.
const DEAD_SHOWN: usize = 5;

/// All processes of a soak.
pub(crate) struct Site {
    folder: PathBuf,
    pub(crate) producer: Process,
    pub(crate) runners: Vec<Process>,
    pub(crate) redis: Redis,
    /// Never killed; ends last.
    pub(crate) master: Process,
}

impl Site {
    /// Starts Redis and the master and waits for them; then the others, which need not be ready.
    pub(crate) async fn start(
        folder: &Path,
        workers: u32,
        jobs: u32,
        seed: u64,
        fsync: Fsync,
    ) -> Outcome<Self> {
        fs::create_dir_all(folder.join("redis"))?;
        let redis = Redis::start(&folder.join("redis"), fsync).await?;
        let log = |name: &str| folder.join(format!("{name}.log"));
        let mut master = Process::start("master", vec!["master".to_owned()], &log("master"))?;
        let address = master.ready().await?;
        let mesh = |journal: PathBuf| {
            let journal = journal.display().to_string();
            ["--master", &address, "--queue", &redis.url(), "--journal", &journal]
                .map(str::to_owned)
        };
        let mut arguments = vec!["producer".to_owned()];
        arguments.extend(mesh(receipts(folder)));
        let (jobs, seed) = (jobs.to_string(), seed.to_string());
        arguments.extend(["--jobs", &jobs, "--seed", &seed].map(str::to_owned));
        let producer = Process::start("producer", arguments, &log("producer"))?;
        let runner = |nth| {
            let name = format!("runner-{nth}");
            let mut arguments = vec!["runner".to_owned(), "--variant".to_owned(), name.clone()];
            arguments.extend(mesh(runs(folder)));
            Process::start(&name, arguments, &log(&name))
        };
        let runners = (1..=workers).map(runner).collect::<io::Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), producer, runners, redis, master })
    }

    /// The journal of the producer.
    pub(crate) fn receipts(&self) -> PathBuf {
        receipts(&self.folder)
    }

    /// The journal of all runners.
    pub(crate) fn runs(&self) -> PathBuf {
        runs(&self.folder)
    }

    /// An error if a process ended though nobody killed it.
    pub(crate) fn must_run(&mut self) -> Result<(), String> {
        let own = [&mut self.master, &mut self.producer].into_iter();
        own.chain(&mut self.runners).try_for_each(Process::must_run)?;
        self.redis.must_run()
    }

    /// What is in the queue, and how the first dead letters came to be.
    pub(crate) async fn left(&self) -> Outcome<(Left, Vec<String>)> {
        let random = Random::system();
        let url = self.redis.url().parse()?;
        let backend = RedisBackend::new(&url, secret().mesh_id(), random)?;
        let name = QueueName::balanced(Work::WORKER.parse()?, Work::NAME.parse()?);
        let queue = backend.open(name, QueueOptions::default());
        let depth = queue.depth().await?;
        let left = Left {
            depth: depth.ready,
            scheduled: depth.scheduled,
            leased: depth.running,
            dead: depth.dead as u64 + depth.dead_dropped,
        };
        let dead = queue.peek(Section::Dead, None, DEAD_SHOWN).await?;
        let told = |job: &meshwork_queue::JobSummary| {
            format!("dead: {} after {} attempts, last {:?}", job.id, job.attempts, job.last)
        };
        Ok((left, dead.iter().map(told).collect()))
    }
}

fn receipts(folder: &Path) -> PathBuf {
    folder.join("receipts")
}

fn runs(folder: &Path) -> PathBuf {
    folder.join("runs")
}
