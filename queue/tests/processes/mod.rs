//! The part of the contract that only shared stores can keep: over several processes, with SIGKILL
//! of the one that holds the lease.
//!
//! A test file that uses it has a test named `role`, which calls [`play`]: the processes are the
//! test binary itself, told by its environment that it plays a role. Its other tests call [`run`].
//! Both are given how to open the store of a URL. It takes `each!` and `together!` from `contract`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use meshwork_queue::{NewJob, Queue, QueueBackend, QueueName, QueueOptions};
use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

mod child;
mod crash;
mod due;
mod kill;
mod roles;
mod together;

use child::Process;
pub(crate) use roles::play;

/// A lease that is meant to end while the test waits.
const SHORT: Duration = Duration::from_secs(3);

/// How long something is waited for that is not expected.
const LOOK: Duration = Duration::from_millis(100);

/// A lease that outlasts the test on the slowest machine.
const LONG: Duration = Duration::from_secs(600);

/// How long something is waited for that comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the whole part. `open` gives a client of the store at `url`.
pub(crate) async fn run(url: &str, open: impl AsyncFn(&str) -> Arc<dyn QueueBackend>) {
    let store = &Store { url: url.to_owned(), backend: open(url).await };
    each!(
        store,
        together::a_job_wakes_another_process,
        together::who_waits_for_a_job_hears_it_from_another_process,
        together::two_processes_never_share_a_job,
        together::a_pause_holds_for_all_processes,
        due::many_processes_store_one_job_for_a_due_time,
        crash::a_caller_that_dies_after_the_answer_leaves_its_job,
        crash::a_caller_that_dies_before_the_answer_may_ask_again,
        kill::a_killed_producer_loses_nothing_acknowledged,
        kill::killed_consumers_leave_every_job_to_others,
    );
    together!(
        store,
        crash::a_worker_that_dies_before_the_handler_loses_its_lease,
        crash::a_worker_that_dies_in_the_handler_counts_as_an_attempt,
        crash::a_worker_that_dies_before_the_acknowledgement_repeats_the_job,
        crash::a_worker_that_dies_after_the_acknowledgement_repeats_nothing,
        crash::a_worker_that_sleeps_through_its_lease_changes_nothing,
        crash::a_job_that_kills_its_processes_is_dead_at_last,
    );
}

/// The store that is tested.
struct Store {
    url: String,
    backend: Arc<dyn QueueBackend>,
}

impl Store {
    /// A queue whose leases do not end by themselves.
    fn open(&self, command: &'static str) -> Bench<'_> {
        self.open_with(command, LONG)
    }

    /// A queue whose leases end while the test waits.
    fn open_short(&self, command: &'static str) -> Bench<'_> {
        self.open_with(command, SHORT)
    }

    fn open_with(&self, command: &'static str, lease: Duration) -> Bench<'_> {
        let queue = self.backend.open(queue_name(command), options(lease));
        Bench { url: &self.url, command, lease, queue }
    }
}

/// A queue that this process and the roles of a test share.
struct Bench<'a> {
    url: &'a str,
    command: &'static str,
    lease: Duration,
    queue: Arc<dyn Queue>,
}

impl Bench<'_> {
    /// Starts a process that plays `role` with the queue.
    fn start(&self, role: &str, number: u32) -> Process {
        Process::start(self, role, number)
    }

    async fn enqueue(&self, number: u32) -> JobId {
        self.queue.enqueue(vec![job(number)]).await.remove(0).expect("there is room").id
    }
}

fn queue_name(command: &str) -> QueueName {
    let worker = "thumbnailer".parse().expect("a valid name");
    QueueName::balanced(worker, command.parse().expect("a valid name"))
}

fn options(lease: Duration) -> QueueOptions {
    QueueOptions {
        attempts: 3,
        backoff: BackoffRange { min: Duration::from_millis(20), max: Duration::from_millis(40) },
        lease,
        ..QueueOptions::default()
    }
}

/// Job number `number`: the same one whoever makes it.
fn job(number: u32) -> NewJob {
    let caller = "gateway".parse().expect("a valid name");
    let variant = "pod-1".parse().expect("a valid variant");
    NewJob::new(job_id(number), caller, variant, Codec::Json, number.to_string())
}

fn job_id(number: u32) -> JobId {
    let mut id = [3; 16];
    // The high bytes differ between neighbours.
    id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[12..].copy_from_slice(&number.to_be_bytes());
    JobId(id)
}

fn number_of(job: &NewJob) -> u32 {
    std::str::from_utf8(&job.body).expect("text").parse().expect("a number")
}

/// Something that comes, or the test fails.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it comes in time")
}
