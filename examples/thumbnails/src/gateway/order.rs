//! One picture: read, have it shrunk by a thumbnailer, check what comes back, write it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use meshwork_worker::{CallError, JobError, NotExecuted, Worker};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::check::{self, Mismatch};
use crate::commands::{Preview, Resize, Resized};
use crate::limits::{PICTURE_BYTES_MAX, UNDER_WAY_BYTES_MAX};
use crate::picture::Size;

/// How long the same picture is known as the same job, if it is stored again because it is unknown
/// whether it is.
const SAME_WITHIN: Duration = Duration::from_secs(60);

/// Pauses before a call that was not executed is made again: 50 ms, doubled seven times, 13 s in
/// all. A thumbnailer that is busy, or is just being replaced, is back by then.
const PAUSES: u32 = 8;
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Pause before a store that did not say what became of a job is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The unit in which bytes under way are counted.
const PERMIT_BYTES: u64 = 1024;

/// What is wanted of every picture.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Thumbnails fit into this.
    pub within: Size,
    /// Where thumbnails go; the folder exists.
    pub thumbnails: PathBuf,
    /// How they are asked for.
    pub by: Means,
}

/// How a thumbnail is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By a balanced call, of which the answer is waited for.
    Call,
    /// By a job, which is stored in a queue first.
    Job,
}

/// Room for the bytes of pictures under way; whoever finds none waits.
#[derive(Debug)]
pub struct Room(Semaphore);

/// A thumbnail that was made, checked and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Which thumbnailer made it.
    pub variant: String,
    /// How long it computed, in milliseconds.
    pub milliseconds: u64,
    /// Size of the picture.
    pub picture_size: Size,
    /// Where it is.
    pub path: PathBuf,
}

/// What became of one picture.
#[derive(Debug)]
pub struct Outcome {
    /// Name of the picture's file.
    pub name: String,
    /// Its thumbnail, or why there is none.
    pub result: Result<Thumbnail, OrderError>,
}

/// Why there is no thumbnail of a picture. The other pictures go on.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The file is larger than a message may be, and was not sent.
    #[error(
        "{} is over the limit of {} for a picture, so it was not sent",
        mebibytes(*.bytes),
        mebibytes(PICTURE_BYTES_MAX)
    )]
    TooLarge {
        /// Size of the file, bytes.
        bytes: u64,
    },
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// No thumbnailer made one. The reason says whether it was tried.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is a job for it, and nothing good to be said of that.
    #[error(transparent)]
    Job(#[from] JobError),
    /// What came back is no thumbnail of this picture.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The thumbnail cannot be written.
    #[error("its thumbnail cannot be written: {0}")]
    Write(io::Error),
    /// A thread that worked on it ended: a mistake in this program.
    #[error("the work on it broke off: {0}")]
    BrokeOff(String),
}

impl Default for Room {
    fn default() -> Self {
        Self(Semaphore::new((UNDER_WAY_BYTES_MAX as u64 / PERMIT_BYTES) as usize))
    }
}

/// Does everything for one picture.
pub async fn carry_out(worker: &Worker, plan: &Plan, room: &Room, path: &Path) -> Outcome {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let result = thumbnail(worker, plan, room, path, &name).await;
    Outcome { name, result }
}

async fn thumbnail(
    worker: &Worker,
    plan: &Plan,
    room: &Room,
    path: &Path,
    name: &str,
) -> Result<Thumbnail, OrderError> {
    let bytes = std::fs::metadata(path).map_err(OrderError::Read)?.len();
    if bytes > PICTURE_BYTES_MAX {
        return Err(OrderError::TooLarge { bytes });
    }
    let permits = bytes.div_ceil(PERMIT_BYTES) as u32;
    let permits = room.0.acquire_many(permits).await;
    let _permits = permits.map_err(|error| OrderError::BrokeOff(error.to_string()))?;

    let from = path.to_owned();
    let picture = aside(move || read(&from)).await??;
    let order = Resize { name: name.to_owned(), picture: picture.clone(), within: plan.within };
    let made = match plan.by {
        Means::Call => call(worker, order).await?,
        Means::Job => job(worker, order).await?,
    };

    let to = plan.thumbnails.join(thumbnail_name(path));
    let within = plan.within;
    aside(move || check_and_write(&picture, made, within, &to)).await?
}

/// Reads a file of which the size was checked; it may have grown since.
fn read(path: &Path) -> Result<Bytes, OrderError> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(OrderError::Read)?;
    file.take(PICTURE_BYTES_MAX + 1).read_to_end(&mut content).map_err(OrderError::Read)?;
    let bytes = content.len() as u64;
    if bytes > PICTURE_BYTES_MAX {
        return Err(OrderError::TooLarge { bytes });
    }
    Ok(Bytes::from(content))
}

/// Calls a thumbnailer, any. What was not executed is tried again; what failed is not, and what may
/// have run is not either: the schema says `idempotent`, so the mesh has done that already.
async fn call(worker: &Worker, order: Resize) -> Result<Resized, CallError> {
    let mut pauses = (0..PAUSES).map(|nth| PAUSE_MIN * 2_u32.pow(nth));
    loop {
        let error = match worker.call(order.clone()).wait_for_ready().await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        match pauses.next() {
            Some(pause) if may_pass(&error) => tokio::time::sleep(pause).await,
            _ => return Err(error),
        }
    }
}

/// Stores a job and waits for its end, however long that takes: whoever has a receipt gets an
/// answer. A store that is away for a moment is asked again.
async fn job(worker: &Worker, order: Resize) -> Result<Resized, OrderError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let key = format!("{}-{number}", worker.identity().incarnation);
    let mut pauses = (0..PAUSES).map(|nth| PAUSE_MIN * 2_u32.pow(nth));
    let receipt = loop {
        let storing = worker.enqueue(Preview(order.clone())).dedupe(&key, SAME_WITHIN);
        match (storing.await, pauses.next()) {
            (Ok(receipt), _) => break receipt,
            // Under its key it is stored once, whether or not it was already.
            (Err(error), Some(pause)) if may_pass(&error) || may_be_stored(&error) => {
                tokio::time::sleep(pause).await;
            }
            (Err(error), _) => return Err(error.into()),
        }
    };
    loop {
        match worker.job::<Preview>(&receipt).wait().await {
            Err(JobError::Unavailable(_)) => tokio::time::sleep(PAUSE_MAX).await,
            result => return Ok(result?),
        }
    }
}

fn may_be_stored(error: &CallError) -> bool {
    match error {
        CallError::NotExecuted { reason } => matches!(reason, NotExecuted::QueueUnavailable { .. }),
        CallError::Unknown { .. } => true,
        CallError::Failed { .. } => false,
    }
}

/// Whether it is both safe to call again and of use.
pub fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::NotExecuted { reason: NotExecuted::NoInstance } => true,
        CallError::NotExecuted { reason } => reason.may_succeed_elsewhere(),
        CallError::Failed { .. } | CallError::Unknown { .. } => false,
    }
}

fn check_and_write(
    picture: &[u8],
    made: Resized,
    within: Size,
    path: &Path,
) -> Result<Thumbnail, OrderError> {
    check::verify(picture, &made.thumbnail, within)?;
    std::fs::write(path, &made.thumbnail).map_err(OrderError::Write)?;
    let Resized { variant, milliseconds, picture_size, .. } = made;
    Ok(Thumbnail { variant, milliseconds, picture_size, path: path.to_owned() })
}

/// `a.jpg` to `a.jpg.png`, so that it is not the thumbnail of `a.png`.
fn thumbnail_name(picture: &Path) -> PathBuf {
    let mut name = picture.file_name().unwrap_or_default().to_owned();
    name.push(".png");
    PathBuf::from(name)
}

/// Runs what computes or waits for a disk on a thread of its own.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OrderError> {
    spawn_blocking(work).await.map_err(|error| OrderError::BrokeOff(error.to_string()))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.png");
        // A hole: it takes no room on the disk.
        std::fs::File::create(&path).unwrap().set_len(PICTURE_BYTES_MAX + (1 << 30)).unwrap();
        let error = read(&path).unwrap_err();
        let bytes = PICTURE_BYTES_MAX + 1;
        assert!(matches!(error, OrderError::TooLarge { bytes: found } if found == bytes));
        assert_eq!(
            error.to_string(),
            "64.0 MiB is over the limit of 64.0 MiB for a picture, so it was not sent"
        );
    }

    #[test]
    fn only_what_surely_did_not_run_is_called_again() {
        let not_executed = |reason| CallError::NotExecuted { reason };
        assert!(may_pass(&not_executed(NotExecuted::overloaded("x"))));
        assert!(may_pass(&not_executed(NotExecuted::NoInstance)));
        assert!(!may_pass(&not_executed(NotExecuted::NotAllowed)));
        assert!(!may_pass(&not_executed(NotExecuted::TooLarge { bytes: 2, limit: 1 })));
        let failed = CallError::Failed { code: "a".into(), message: "b".into(), details: None };
        assert!(!may_pass(&failed));
    }

    #[test]
    fn pictures_of_one_name_have_two_thumbnails() {
        assert_eq!(thumbnail_name(Path::new("x/a.jpg")), Path::new("a.jpg.png"));
        assert_eq!(thumbnail_name(Path::new("x/a.png")), Path::new("a.png.png"));
    }
}
