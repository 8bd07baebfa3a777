//! A run from its beginning to its end: processes are started, killed as the plan says, and in the
//! end judged by what they wrote down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::arguments::{Fsync, QueueArguments};
use crate::check::{Evidence, Left, Verdict};
use crate::journal::Reader;
use crate::plan::{Kill, Plan, Victim};
use crate::progress::Progress;
use crate::record::{Answer, Receipt, Run};
use crate::report::Report;
use crate::site::signals::{self, interrupted};
use crate::site::{Site, is_installed};

/// How often journals are read.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How often the queue is asked, once all is enqueued and killed.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Without an enqueue or a run for so long, something is stuck: many times the lease of a job.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at an empty queue after which no run is expected any more.
const EMPTY_LOOKS: u32 = 4;

/// Why there is no verdict.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no server to soak with.
    NoRedis,
    /// Ctrl-C, or another signal that asks us to stop.
    Interrupted,
    /// What went wrong.
    Failed(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRedis => f.write_str(
                "redis-server is not installed. On Debian: apt-get install -y redis-server; or set \
                 MESHWORK_REDIS_SERVER to the path of another",
            ),
            Self::Interrupted => f.write_str("interrupted; everything it started has ended"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Trouble {
    fn from(error: E) -> Self {
        if interrupted() { Self::Interrupted } else { Self::Failed(error.into().to_string()) }
    }
}

/// Runs the soak and shows what came of it; whether every promise was kept.
///
/// # Errors
/// There is no verdict. By the time it returns, no process of it is left.
pub(crate) fn run(arguments: &QueueArguments) -> Result<bool, Trouble> {
    if !is_installed() {
        return Err(Trouble::NoRedis);
    }
    signals::watch()?;
    let folder = Folder::new(arguments.keep.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let mut soak = Soak::start(arguments, &folder).await?;
        soak.carry_out().await
    });
    let is_good = report.as_ref().is_ok_and(|report| report.verdict.violations.is_empty());
    if !is_good && !matches!(report, Err(Trouble::Interrupted)) {
        eprintln!("logs of all processes: {}", folder.keep().display());
    }
    report?.show(arguments.json);
    Ok(is_good)
}

/// Where all processes keep what they write.
enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    fn new(kept: Option<PathBuf>) -> Result<Self, Trouble> {
        let Some(folder) = kept else {
            return Ok(Self::Passing(tempfile::Builder::new().prefix("meshwork-soak-").tempdir()?));
        };
        std::fs::create_dir_all(&folder)?;
        if std::fs::read_dir(&folder)?.next().is_some() {
            let why = format!("{} is not empty: name a new folder", folder.display());
            return Err(Trouble::Failed(why));
        }
        // Redis and the processes need not start where we did.
        Ok(Self::Kept(std::fs::canonicalize(folder)?))
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Kept(path) => path.clone(),
            Self::Passing(folder) => folder.path().to_owned(),
        }
    }

    fn keep(self) -> PathBuf {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.keep(),
        }
    }
}

/// A run under way.
struct Soak {
    seed: u64,
    fsync: Fsync,
    workers: u32,
    plan: Plan,
    site: Site,
    receipts: Reader<Receipt>,
    runs: Reader<Run>,
    evidence: Evidence,
    acknowledged: BTreeSet<u32>,
    ran: BTreeSet<u32>,
    killed: BTreeMap<&'static str, usize>,
    redis_away_max: Duration,
    random: Random,
    clock: Clock,
    progress: Progress,
    began: Instant,
    /// When the last enqueue or run was seen.
    moved: Instant,
    deadline: Instant,
}

impl Soak {
    async fn start(arguments: &QueueArguments, folder: &Folder) -> Result<Self, Trouble> {
        let (jobs, kills, within) = arguments.size();
        // Short enough to be typed again.
        let seed = arguments.seed.unwrap_or_else(|| Random::system().below(1_000_000));
        let random = Random::seeded(seed);
        let plan = Plan::draw(jobs, kills, &random);
        let progress = Progress::new(jobs, !arguments.json);
        progress.say(&format!("seed {seed}: {jobs} jobs, {kills} kills of each"));
        let (workers, fsync) = (arguments.workers, arguments.fsync);
        let site = Site::start(&folder.path(), workers, jobs, seed, fsync).await?;
        let (receipts, runs) = (Reader::open(&site.receipts())?, Reader::open(&site.runs())?);
        let now = Instant::now();
        Ok(Self {
            seed,
            fsync,
            workers,
            plan,
            site,
            receipts,
            runs,
            evidence: Evidence { jobs, ..Evidence::default() },
            acknowledged: BTreeSet::new(),
            ran: BTreeSet::new(),
            killed: Victim::ALL.iter().map(|victim| (victim.name(), 0)).collect(),
            redis_away_max: Duration::ZERO,
            random,
            clock: Clock::system(),
            progress,
            began: now,
            moved: now,
            deadline: now + Duration::from_secs(within),
        })
    }

    async fn carry_out(&mut self) -> Result<Report, Trouble> {
        for (done, kill) in self.plan.kills.clone().into_iter().enumerate() {
            self.site.producer.tell(self.plan.allowance(done));
            let runner = self.until_due(kill).await?;
            self.kill(kill, runner, done).await?;
        }
        self.site.producer.tell(self.plan.jobs);
        self.until_over().await?;
        let (left, dead) = self.site.left().await?;
        dead.iter().for_each(|line| self.progress.say(line));
        Ok(self.report(left))
    }

    /// Waits for the moment of a kill. Answers which runner it would hit.
    async fn until_due(&mut self, kill: Kill) -> Result<usize, Trouble> {
        let runner = self.random.below(u64::from(self.workers)) as usize;
        loop {
            self.look()?;
            let (acknowledged, ran) = (self.acknowledged.len(), self.ran.len());
            let (reached, is_ready) = match kill.victim {
                Victim::Producer => (acknowledged, self.site.producer.is_ready()),
                Victim::Worker => (ran, self.site.runners[runner].is_ready()),
                Victim::Redis => ((acknowledged + ran) / 2, true),
            };
            if reached >= kill.due as usize && is_ready {
                return Ok(runner);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn kill(&mut self, kill: Kill, runner: usize, done: usize) -> Result<(), Trouble> {
        let (name, pid) = match kill.victim {
            Victim::Redis => ("redis".to_owned(), self.site.redis.pid()),
            victim => {
                let process = self.process(victim, runner);
                (process.name().to_owned(), process.pid())
            }
        };
        let (at, acknowledged) = (self.began.elapsed().as_secs_f64(), self.acknowledged.len());
        self.progress.say(&format!(
            "{at:7.2} s  SIGKILL {name} (pid {pid}): {acknowledged} acknowledged, {} ran",
            self.ran.len()
        ));
        let killed = Instant::now();
        if kill.victim == Victim::Redis {
            self.site.redis.kill()?;
            self.evidence.redis_kills_ms.push(self.clock.unix_ms());
            sleep(kill.down).await;
            self.site.redis.restart().await?;
            self.redis_away_max = self.redis_away_max.max(killed.elapsed());
        } else {
            self.process(kill.victim, runner).kill()?;
            sleep(kill.down).await;
            self.process(kill.victim, runner).restart()?;
            // A new producer knows nothing of what its predecessor was told.
            self.site.producer.tell(self.plan.allowance(done));
        }
        *self.killed.entry(kill.victim.name()).or_default() += 1;
        Ok(())
    }

    fn process(&mut self, victim: Victim, runner: usize) -> &mut crate::site::Process {
        match victim {
            Victim::Worker => &mut self.site.runners[runner],
            Victim::Producer | Victim::Redis => &mut self.site.producer,
        }
    }

    /// Waits until all jobs are acknowledged and have run and the queue is empty, or nothing more
    /// is to be expected.
    async fn until_over(&mut self) -> Result<(), Trouble> {
        let mut empty_looks = 0;
        while empty_looks < EMPTY_LOOKS {
            self.look()?;
            if self.acknowledged.len() < self.plan.jobs as usize {
                sleep(LOOK_EVERY).await;
                continue;
            }
            sleep(ASK_EVERY).await;
            // A store that does not answer now is asked again; `look` ends what stands still.
            let left = self.site.left().await.map(|(left, _)| left);
            let is_empty = left.is_ok_and(|left| left.depth + left.scheduled + left.leased == 0);
            empty_looks = if is_empty { empty_looks + 1 } else { 0 };
            if is_empty && self.acknowledged.is_subset(&self.ran) {
                break;
            }
        }
        self.look()
    }

    /// Reads what was written meanwhile.
    fn look(&mut self) -> Result<(), Trouble> {
        if interrupted() {
            return Err(Trouble::Interrupted);
        }
        self.site.must_run()?;
        let (receipts, malformed_receipts) = self.receipts.read()?;
        let (runs, malformed_runs) = self.runs.read()?;
        if !(receipts.is_empty() && runs.is_empty()) {
            self.moved = Instant::now();
        }
        let stored = receipts.iter().filter(|receipt| receipt.answer == Answer::Stored);
        self.acknowledged.extend(stored.map(|receipt| receipt.number));
        self.ran.extend(runs.iter().map(|run| run.number));
        self.evidence.receipts.extend(receipts);
        self.evidence.runs.extend(runs);
        self.evidence.malformed += malformed_receipts + malformed_runs;
        let kills = self.killed.values().sum();
        self.progress.at(self.acknowledged.len(), self.ran.len(), kills);
        let stuck = if Instant::now() > self.deadline {
            "the time of the whole run is over (--within)"
        } else if self.moved.elapsed() > PATIENCE {
            "nothing was enqueued and nothing ran for a minute"
        } else {
            return Ok(());
        };
        let (acknowledged, ran) = (self.acknowledged.len(), self.ran.len());
        let why = format!(
            "{stuck}: {acknowledged} of {} acknowledged, {ran} ran, {kills} kills; seed {}",
            self.plan.jobs, self.seed
        );
        Err(Trouble::Failed(why))
    }

    fn report(&mut self, left: Left) -> Report {
        self.evidence.left = Some(left);
        let verdict: Verdict = self.evidence.judge(self.fsync);
        Report {
            seed: self.seed,
            fsync: self.fsync,
            jobs: self.plan.jobs,
            workers: self.workers,
            kills: self.killed.clone(),
            seconds: self.began.elapsed().as_secs_f64(),
            redis_away_max_seconds: self.redis_away_max.as_secs_f64(),
            verdict,
        }
    }
}
