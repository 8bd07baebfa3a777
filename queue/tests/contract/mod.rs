//! The contract of a queue as functions over the seam: every backend runs all of them, on its own
//! clock. Each function is one promise of the seam, on a queue that nothing else uses.
//!
//! Times are real where the backend's are, and only the order of what happens is checked, never how
//! long it took. A lease that is meant to end is [`SHORT`], and so is whatever else ends while a
//! test looks on: long enough that a machine which stands still for a moment does not let it end
//! before the test has looked. All others outlast the test on the slowest machine. What waits so
//! long runs side by side.
//!
//! Every queue is opened twice, through two clients of one store: what one of them does, the other
//! has to see.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use meshwork_queue::{
    Finished, JobEnd, JobStatus, Lease, NewJob, Queue, QueueBackend, QueueName, QueueOptions,
};
use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

mod due;
mod enqueue;
mod finish;
mod lease;
mod look;
mod order;
mod random;
mod repair;
mod status;

/// A lease that is meant to end while the test waits.
pub(crate) const SHORT: Duration = Duration::from_secs(3);

/// How long a lease is waited for that is not expected.
const LOOK: Duration = Duration::from_millis(60);

/// How long something is waited for that is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls test functions one after the other, each with a queue of its own, and names the one that
/// runs in the output.
macro_rules! each {
    ($store:expr, $($module:ident :: $name:ident),+ $(,)?) => {
        $(
            println!("{}", stringify!($name));
            $module::$name($store).await;
        )+
    };
}

/// Calls test functions side by side, each with a queue of its own, and names those that begin and
/// those that are through: for those that wait for time to pass.
macro_rules! together {
    ($store:expr, $($module:ident :: $name:ident),+ $(,)?) => {
        let all = [$(async {
            println!("{} begins", stringify!($name));
            $module::$name($store).await;
            println!("{} is through", stringify!($name));
        }
        .boxed_local()),+];
        futures_util::future::join_all(all).await;
    };
}

/// Runs the whole suite. `open` gives a client of the store that is tested, the same store each
/// time.
pub(crate) async fn run(open: impl AsyncFn() -> Arc<dyn QueueBackend>) {
    let store = &Store { one: open().await, two: open().await };
    each!(
        store,
        order::stored_jobs_start_in_order,
        order::higher_priorities_go_first,
        order::a_job_arrives_as_it_was_sent,
        order::bodies_of_any_content_arrive,
        order::a_lease_takes_at_most_what_it_asks_for,
        order::two_consumers_never_get_the_same_job,
        order::who_waits_is_woken,
        order::queues_are_apart,
        enqueue::the_same_id_is_the_same_job,
        enqueue::a_batch_that_is_asked_for_again_stores_what_is_missing,
        enqueue::a_batch_is_stored_job_by_job,
        enqueue::a_full_queue_refuses,
        enqueue::a_job_larger_than_the_queue_is_refused,
        enqueue::dead_letters_give_way_only_if_that_makes_room,
        enqueue::a_time_that_has_passed_is_now,
        lease::a_released_job_is_first_again_and_no_attempt_counts,
        lease::a_dropped_lease_takes_nothing,
        lease::what_a_dropped_lease_took_is_handed_back_before_one_leaves,
        finish::a_failed_run_is_repeated_after_a_wait,
        finish::the_last_failure_makes_a_dead_letter,
        finish::a_final_failure_is_not_repeated,
        finish::a_job_has_attempts_and_run_timeout_of_its_own,
        finish::a_run_ends_once,
        finish::two_who_end_a_run_together_end_it_once,
        finish::a_done_job_is_not_run_again,
        finish::long_errors_are_cut,
        finish::old_dead_letters_give_way,
        status::a_dead_job_says_its_last_error,
        status::who_waits_for_a_job_hears_of_its_end,
        status::nothing_is_known_of_a_job_that_was_never_stored,
        look::depth_counts_everything,
        look::sections_are_read_in_pages,
        look::the_store_lists_queues_that_hold_anything,
        look::an_empty_queue_is_forgotten,
        repair::a_job_is_canceled_unless_it_runs,
        repair::a_paused_queue_leases_nothing,
        repair::purged_jobs_are_gone,
        repair::dead_letters_become_jobs_again,
        repair::buried_jobs_are_dead_letters_with_a_note,
        due::one_of_many_stores_the_job_of_a_due_time,
        due::a_time_far_ahead_of_the_store_has_no_job,
        due::a_job_that_was_refused_leaves_its_time_open,
        random::random_operations_agree_with_a_model,
    );
    together!(
        store,
        enqueue::a_dedupe_key_holds_for_its_window,
        enqueue::a_window_that_closed_with_many_others_opens_anew,
        enqueue::windows_that_closed_make_room,
        enqueue::a_delayed_job_waits_for_its_time,
        enqueue::a_job_runs_at_its_time,
        lease::a_renewed_lease_is_kept,
        lease::a_lost_lease_counts_as_an_attempt,
        lease::a_job_that_kills_its_consumers_is_dead_at_last,
        lease::who_waits_gets_what_a_lost_consumer_held,
        lease::a_lost_job_is_taken_over_before_an_older_backlog_is_done,
        lease::a_late_owner_changes_nothing,
        finish::the_handler_may_say_how_long_to_wait,
        finish::the_end_of_a_job_is_forgotten_in_time,
        finish::the_ends_of_many_jobs_are_forgotten_in_time,
        status::the_status_follows_the_job,
        status::who_waits_for_a_lost_job_hears_of_its_death,
    );
}

/// The store that is tested, seen by two clients.
pub(crate) struct Store {
    one: Arc<dyn QueueBackend>,
    two: Arc<dyn QueueBackend>,
}

impl Store {
    /// A queue that nothing else uses.
    fn open(&self, options: QueueOptions) -> Bench {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let command = format!("command{number}").parse().expect("a valid name");
        let name = QueueName::balanced("thumbnailer".parse().expect("a valid name"), command);
        Bench {
            queue: self.one.open(name.clone(), options),
            other: self.two.open(name.clone(), options),
            name,
        }
    }
}

/// One queue, opened by two clients.
struct Bench {
    queue: Arc<dyn Queue>,
    other: Arc<dyn Queue>,
    name: QueueName,
}

impl Bench {
    async fn enqueue(&self, body: &str) -> JobId {
        self.store(job(body)).await
    }

    async fn store(&self, job: NewJob) -> JobId {
        let stored = self.queue.enqueue(vec![job]).await.remove(0).expect("there is room");
        assert!(!stored.is_duplicate, "{stored:?}");
        stored.id
    }

    /// Takes one job, which is there or comes soon.
    async fn lease(&self) -> Lease {
        lease(&self.queue).await
    }

    /// Whether there is nothing to lease just now.
    async fn is_idle(&self) -> bool {
        tokio::time::timeout(LOOK, self.queue.lease("idle#1", 1)).await.is_err()
    }

    async fn end(&self, lease: &Lease, end: JobEnd) -> Finished {
        self.queue.finish(lease.token(), end).await.expect("the lease is held")
    }

    async fn status(&self, job: JobId) -> Option<JobStatus> {
        let status = self.queue.status(job).await.expect("the store answers");
        assert_eq!(self.other.status(job).await, Ok(status.clone()), "all see the same");
        status
    }

    /// Runs a job that is stored or comes soon, to a failure that is its last.
    async fn kill(&self) -> JobId {
        let lease = self.lease().await;
        assert_eq!(self.end(&lease, fail("for good")).await, Finished::Dead);
        lease.id
    }
}

async fn lease(queue: &Arc<dyn Queue>) -> Lease {
    let leases = tokio::time::timeout(PATIENCE, queue.lease("pod-2#7", 1)).await;
    let mut leases = leases.expect("there is a job, or one comes soon");
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

/// Waits until something is so.
async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not in {PATIENCE:?}");
}

fn options() -> QueueOptions {
    QueueOptions {
        attempts: 3,
        backoff: BackoffRange { min: Duration::from_millis(20), max: Duration::from_millis(40) },
        lease: Duration::from_secs(60),
        ..QueueOptions::default()
    }
}

fn short_leases() -> QueueOptions {
    QueueOptions { lease: SHORT, ..options() }
}

/// A job of a new id.
fn job(body: &str) -> NewJob {
    let caller = "gateway".parse().expect("a valid name");
    let variant = "pod-1".parse().expect("a valid variant");
    NewJob::new(new_id(), caller, variant, Codec::Json, body.to_owned())
}

fn new_id() -> JobId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [7; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    // Ids do not come in order.
    id.reverse();
    id[..8].rotate_left(3);
    JobId(id)
}

fn done() -> JobEnd {
    JobEnd::Done { reply: None }
}

fn retry(error: &str) -> JobEnd {
    JobEnd::Retry { error: error.to_owned(), after: None }
}

fn fail(error: &str) -> JobEnd {
    JobEnd::Fail { error: error.to_owned() }
}

/// The bodies of leases, as text.
fn bodies(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| std::str::from_utf8(&lease.job.body).expect("text")).collect()
}
