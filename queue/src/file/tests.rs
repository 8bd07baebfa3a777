//! What only a file can show: what is on the disk, and what happens when the disk says no.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::BackoffRange;
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use rusqlite::Connection;

use super::limits::INLINE_BYTES_MAX;
use super::{FileBackend, FileOpenError, FileOptions, FileSync, store};
use crate::backend::{Queue, QueueBackend, Scope};
use crate::error::{EnqueueError, FinishError};
use crate::job::{Dedupe, JobEnd, LeaseToken, NewJob, Start};
use crate::limits::{DEDUPE_OVERHEAD_BYTES, QueueLimits};
use crate::name::QueueName;
use crate::options::QueueOptions;
use crate::status::{JobStatus, Reply, Section};

fn name() -> QueueName {
    QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap())
}

fn open(path: &Path) -> FileBackend {
    FileBackend::open(FileOptions::new(path), Random::seeded(1), Clock::system()).unwrap()
}

fn job(number: u64, body: Vec<u8>) -> NewJob {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(JobId(id), caller, variant, Codec::Raw, body)
}

fn refusal(path: &Path) -> FileOpenError {
    FileBackend::open(FileOptions::new(path), Random::seeded(1), Clock::system()).unwrap_err()
}

#[tokio::test]
async fn jobs_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let sent = job(1, vec![7; 10 * INLINE_BYTES_MAX]);
    let queue = open(&path).open(name(), QueueOptions::default());
    queue.enqueue(vec![sent.clone()]).await.remove(0).unwrap();
    drop(queue);
    let backend = open(&path);
    assert_eq!(backend.scope(), Scope::Machine);
    assert_eq!(backend.list().await.unwrap(), [name()]);
    let queue = backend.open(name(), QueueOptions::default());
    let lease = queue.lease("pod-2#7", 1).await.remove(0);
    assert_eq!((lease.attempt, lease.job), (1, sent));
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let backend = open(&path);
    backend.open(name(), QueueOptions::default()).set_paused(true).await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        files += 1;
    }
    assert_eq!(files, 4, "the database, its log, its shared memory, the bell");
    let before = backend.check().await.unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let after = backend.check().await.unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.last().unwrap().contains("0600"), "{after:?}");
}

#[tokio::test]
async fn what_is_less_safe_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        FileOptions { sync: FileSync::Normal, ..FileOptions::new(folder.path().join("jobs.db")) };
    let backend = FileBackend::open(options, Random::seeded(1), Clock::system()).unwrap();
    assert!(backend.check().await.unwrap()[0].contains("power loss"));
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = "a text of some length, as no database begins. ".repeat(40);
    std::fs::write(at("text"), &text).unwrap();
    assert_eq!(refusal(&at("text")), FileOpenError::Foreign { path: at("text") });
    assert_eq!(std::fs::read_to_string(at("text")).unwrap(), text);
    let other = Connection::open(at("other.db")).unwrap();
    other.execute_batch("CREATE TABLE things (a)").unwrap();
    let before = std::fs::read(at("other.db")).unwrap();
    assert_eq!(refusal(&at("other.db")), FileOpenError::Foreign { path: at("other.db") });
    assert_eq!(std::fs::read(at("other.db")).unwrap(), before);
    assert!(matches!(refusal(&at("no/folder.db")), FileOpenError::Unusable { .. }));
    assert!(matches!(refusal(folder.path()), FileOpenError::Unusable { .. }));
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    drop(open(&path));
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 3).unwrap();
    assert_eq!(refusal(&path), FileOpenError::Newer { path, version: 3, known: 2 });
}

#[tokio::test]
async fn a_file_of_an_older_version_gets_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let queue = open(&path).open(name(), QueueOptions::default());
    queue.enqueue(vec![job(1, vec![1])]).await.remove(0).unwrap();
    drop(queue);
    let conn = Connection::open(&path).unwrap();
    for sql in [
        "ALTER TABLE queues DROP COLUMN backoff_min",
        "ALTER TABLE queues DROP COLUMN backoff_max",
        "PRAGMA user_version = 1",
    ] {
        conn.execute_batch(sql).unwrap();
    }
    drop(conn);
    let queue = open(&path).open(name(), QueueOptions::default());
    assert_eq!(queue.lease("pod-2#7", 1).await.remove(0).job, job(1, vec![1]));
}

/// As `meshwork queue` does: it knows the queue and not how its command is written in the schema.
#[tokio::test]
async fn who_only_looks_changes_nothing_about_the_wait_of_a_lost_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let hour = Duration::from_secs(3600);
    let options = QueueOptions {
        backoff: BackoffRange { min: hour, max: hour },
        lease: Duration::from_millis(50),
        ..QueueOptions::default()
    };
    let backend = open(&path);
    let queue = backend.open(name(), options);
    let id = queue.enqueue(vec![job(1, vec![1])]).await.remove(0).unwrap().id;
    assert_eq!(queue.lease("pod-2#7", 1).await.len(), 1);
    drop((queue, backend));

    tokio::time::sleep(options.lease * 2).await;
    let looking = open(&path).open(name(), QueueOptions::default());
    let depth = looking.depth().await.unwrap();
    assert_eq!((depth.running, depth.scheduled), (0, 1));
    let waiting = looking.peek(Section::Scheduled, None, 1).await.unwrap().remove(0);
    let lost = waiting.last.unwrap().ended_unix_ms;
    let status = looking.status(id).await.unwrap();
    let Some(JobStatus::Scheduled { due_unix_ms, attempts: 1 }) = status else {
        panic!("{status:?}")
    };
    assert_eq!(Duration::from_millis(due_unix_ms - lost), hour);
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions::new(folder.path().join("jobs.db"));
    let conn = store::open(&options).unwrap();
    conn.pragma_update(None, "max_page_count", 60).unwrap();
    let backend = FileBackend::with(conn, options, Random::seeded(1), Clock::system()).unwrap();
    let queue = backend.open(name(), QueueOptions::default());
    let mut stored = 0;
    let refused = loop {
        match queue.enqueue(vec![job(stored, vec![1; 4000])]).await.remove(0) {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
        assert!(stored < 1000, "the disk is never full");
    };
    let EnqueueError::Unavailable { message } = refused else { panic!("{refused:?}") };
    assert!(message.contains("disk is full"), "{message}");
    assert_eq!(queue.depth().await.unwrap().ready as u64, stored);
    // What is deleted makes room.
    assert_eq!(queue.purge(Section::Ready, 4).await, Ok(4));
    queue.enqueue(vec![job(stored, vec![1; 4000])]).await.remove(0).unwrap();
}

#[tokio::test]
async fn one_bad_operation_does_not_take_others_along() {
    let folder = tempfile::tempdir().unwrap();
    let backend = open(&folder.path().join("jobs.db"));
    let queue = backend.open(name(), QueueOptions::default());
    let wrong = backend.shared.ask(|batch| batch.conn.execute_batch("nonsense"));
    let (wrong, stored) = tokio::join!(wrong, queue.enqueue(vec![job(1, vec![])]));
    assert!(wrong.is_err_and(|failure| !failure.is_unknown));
    assert!(stored[0].is_ok(), "{stored:?}");
}

/// Nobody waits in vain because of what somebody else cannot read.
#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let backend = open(&path);
    let queue = backend.open(name(), QueueOptions::default());
    let other = QueueName::balanced("thumbnailer".parse().unwrap(), "crop".parse().unwrap());
    let other = backend.open(other, QueueOptions::default());
    for number in 0..6 {
        queue.enqueue(vec![job(number, vec![1; 2 * INLINE_BYTES_MAX])]).await.remove(0).unwrap();
    }
    let conn = Connection::open(&path).unwrap();
    for (set, place) in [
        ("history = 'no json'", 1),
        ("caller = 'no name!'", 2),
        ("codec = 77", 3),
        ("attempt = -1", 4),
        ("id = x'00'", 5),
    ] {
        conn.execute(&format!("UPDATE jobs SET {set} WHERE place = {place}"), []).unwrap();
    }
    let lease = queue.lease("pod-2#7", 1).await.remove(0);
    assert_eq!(lease.id, job(5, vec![]).id, "the only one that can be read");
    assert_eq!(queue.status(job(0, vec![]).id).await, Ok(None));
    queue.finish(lease.token(), JobEnd::Done { reply: None }).await.unwrap();
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead, depth.dead_dropped, depth.done), (0, 0, 5, 1));
    compare(&path);

    // The end of a job, while somebody waits for it.
    conn.execute("UPDATE jobs SET reply = x'00', reply_codec = 77 WHERE state = 4", []).unwrap();
    assert_eq!(queue.wait(lease.id).await, Ok(None));

    // Nothing of a queue can be read: others are served though somebody waits in it.
    queue.enqueue(vec![job(7, vec![])]).await.remove(0).unwrap();
    conn.execute("UPDATE queues SET retried = -1 WHERE command = 'resize'", []).unwrap();
    let (waits, mine) = (queue.clone(), other.clone());
    let waiting = tokio::spawn(async move { waits.lease("pod-2#7", 1).await });
    assert!(queue.depth().await.is_err());
    let served = tokio::spawn(async move { mine.lease("pod-2#7", 1).await.len() });
    other.enqueue(vec![job(8, vec![])]).await.remove(0).unwrap();
    assert_eq!(served.await.unwrap(), 1);
    assert!(!waiting.is_finished());
    assert_eq!(backend.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_address_may_bound_the_queues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let url = format!("file:{}?jobs_max=2&dead_letters_max=1", path.display());
    let backend = FileBackend::open(url.parse().unwrap(), Random::seeded(1), Clock::system());
    let queue = backend.unwrap().open(name(), QueueOptions::default());
    let jobs = (0..3).map(|number| job(number, vec![])).collect();
    let stored = queue.enqueue(jobs).await;
    assert!(stored[1].is_ok());
    assert!(matches!(stored[2], Err(EnqueueError::Full { jobs_max: 2, .. })), "{stored:?}");
    assert_eq!(queue.bury("the end", 10).await, Ok(2));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.dead_dropped), (1, 1));
}

/// Every counter is what counting the rows says, whatever was done.
#[tokio::test]
async fn the_counters_agree_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let limits = QueueLimits { jobs_max: 30, bytes_max: 60_000, dead_letters_max: 4 };
    let options = QueueOptions {
        attempts: 2,
        limits,
        lease: Duration::from_millis(20),
        done_kept: Duration::from_millis(30),
        ..QueueOptions::default()
    };
    let queue = open(&path).open(name(), options);
    let random = Random::seeded(3);
    let mut tokens = Vec::new();
    for number in 0..800 {
        step(&*queue, &random, number, &mut tokens).await;
    }
    compare(&path);
    for section in [Section::Ready, Section::Scheduled, Section::Dead] {
        queue.purge(section, 1000).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(queue.depth().await.unwrap().running, 0);
    queue.bury("the end", 1000).await.unwrap();
    queue.purge(Section::Dead, 1000).await.unwrap();
    compare(&path);
    let conn = Connection::open(&path).unwrap();
    let count = |table: &str| -> i64 {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("bodies"), queue.depth().await.unwrap().live()), (0, 0));
}

#[tokio::test]
async fn what_is_used_again_before_it_was_forgotten_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let kept = Duration::from_millis(50);
    let options = QueueOptions { done_kept: kept, ..QueueOptions::default() };
    let queue = open(&path).open(name(), options);
    let keyed = |number: u64| {
        let dedupe = Some(Dedupe { key: format!("{number:04}"), window: kept });
        NewJob { dedupe, ..job(number, vec![1; 2 * INLINE_BYTES_MAX]) }
    };
    queue.enqueue((0..600).map(keyed).collect()).await;
    let leases = queue.lease("pod-2#7", 600).await;
    let ends = leases.iter().map(|lease| queue.finish(lease.token(), JobEnd::Done { reply: None }));
    assert!(futures_util::future::join_all(ends).await.iter().all(Result::is_ok));
    tokio::time::sleep(2 * kept).await;
    // One transaction forgets less than there is to forget.
    let again = queue.enqueue((580..600).map(keyed).collect()).await;
    assert!(again.iter().all(|stored| stored.as_ref().is_ok_and(|stored| !stored.is_duplicate)));
    compare(&path);
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.done), (20, 600));
}

async fn step(queue: &dyn Queue, random: &Random, number: u64, tokens: &mut Vec<LeaseToken>) {
    let token = tokens.get(random.below(tokens.len() as u64) as usize).copied();
    let body = vec![1; random.below(3 * INLINE_BYTES_MAX as u64) as usize];
    match (random.below(10), token) {
        (0..4, _) => {
            let mut sent = job(number, body);
            if random.below(3) == 0 {
                let key = random.below(5).to_string();
                sent.dedupe = Some(Dedupe { key, window: Duration::from_millis(10) });
            }
            if random.below(3) == 0 {
                sent.start = Start::After(Duration::from_millis(random.below(20)));
            }
            let _ = queue.enqueue(vec![sent]).await;
        }
        (4 | 5, _) if queue.depth().await.unwrap().ready > 0 => {
            let leases = queue.lease("pod-2#7", 3);
            let leases = tokio::time::timeout(Duration::from_millis(50), leases).await;
            tokens.extend(leases.unwrap_or_default().iter().map(|lease| lease.token()));
        }
        (6 | 7, Some(token)) => {
            let reply = Some(Reply { codec: Codec::Raw, body: body.into() });
            let end = match random.below(3) {
                0 => JobEnd::Done { reply },
                1 => JobEnd::Retry { error: "busy".to_owned(), after: Some(Duration::ZERO) },
                _ => JobEnd::Fail { error: "x".repeat(number as usize) },
            };
            let finished = queue.finish(token, end).await;
            assert!(!matches!(finished, Err(FinishError::Unavailable { .. })), "{finished:?}");
        }
        (8, Some(token)) => {
            queue.release(&[token]).await;
            queue.cancel(token.id).await.unwrap();
        }
        (9, _) => {
            queue.retry_dead(None, 2).await.unwrap();
            queue.purge(Section::Dead, 1).await.unwrap();
        }
        _ => {}
    }
}

/// Counts rows and sums up bytes, and compares that with the counters.
fn compare(path: &Path) {
    let conn = Connection::open(path).unwrap();
    let number = |sql: &str| -> i64 { conn.query_row(sql, [], |row| row.get(0)).unwrap() };
    for (state, column) in ["ready", "scheduled", "running", "dead", "ended"].iter().enumerate() {
        let rows = number(&format!("SELECT count(*) FROM jobs WHERE state = {state}"));
        assert_eq!(number(&format!("SELECT {column} FROM queues")), rows, "{column}");
    }
    for (states, column) in [("0, 1, 2", "live_bytes"), ("3", "dead_bytes"), ("4", "ended_bytes")] {
        let sql = format!("SELECT ifnull(sum(bytes), 0) FROM jobs WHERE state IN ({states})");
        assert_eq!(number(&format!("SELECT {column} FROM queues")), number(&sql), "{column}");
    }
    assert_eq!(number("SELECT keys FROM queues"), number("SELECT count(*) FROM dedupe"));
    let key_bytes =
        format!("SELECT ifnull(sum(2 * length(key) + {DEDUPE_OVERHEAD_BYTES}), 0) FROM dedupe");
    assert_eq!(number("SELECT key_bytes FROM queues"), number(&key_bytes));
    let large =
        format!("SELECT count(*) FROM jobs WHERE state != 4 AND body_bytes > {INLINE_BYTES_MAX}");
    assert_eq!(number("SELECT count(*) FROM bodies"), number(&large));
}

#[test]
fn a_dropped_backend_ends_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let backend = open(&folder.path().join("jobs.db"));
    let shared = Arc::downgrade(&backend.shared);
    drop(backend);
    assert!(shared.upgrade().is_none());
    // The last connection that is closed takes its log along.
    let log = store::beside(&folder.path().join("jobs.db"), "-wal");
    for _ in 0..1000 {
        if !log.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the file is still open");
}
