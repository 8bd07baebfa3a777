//! What travels over a link about jobs, where the queue lives in the process at the other end: a
//! CALL by a name that no command can have, with a head in JSON and bytes behind it.
//!
//! ```text
//! body = head length u32 | head, JSON | bytes
//! ```
//!
//! Fields of a head that a peer does not know are passed over.

use std::time::Duration;

use bytes::{BufMut, Bytes};
use meshwork_queue::{Canceled, Dedupe, JobStatus, Priority, Queue, Reply, Start, Unavailable};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::NotExecuted;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::options::JobOptions;

/// What the names below begin with; no command's name does.
pub(crate) const PREFIX: u8 = b'~';

/// Stores a job: [`EnqueueHead`] and its arguments. The answer is a receipt.
pub(crate) const ENQUEUE: &str = "~enqueue";

/// Asks about a job: [`Question`]. The answer is an [`AnswerHead`] and the job's reply.
pub(crate) const JOB: &str = "~job";

/// What is said of a job that is to be stored.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EnqueueHead {
    pub(crate) command: String,
    pub(crate) codec: Codec,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_unix_ms: Option<u64>,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedupe: Option<DedupeHead>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_timeout_ms: Option<u64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DedupeHead {
    key: String,
    window_ms: u64,
}

impl EnqueueHead {
    /// Says the options of a job of `command`.
    pub(crate) fn new(command: &str, codec: Codec, options: &JobOptions) -> Self {
        let (delay_ms, at_unix_ms) = match options.start {
            Start::Now => (None, None),
            Start::After(wait) => (Some(ms(wait)), None),
            Start::At(unix_ms) => (None, Some(unix_ms)),
        };
        let dedupe = options
            .dedupe
            .as_ref()
            .map(|dedupe| DedupeHead { key: dedupe.key.clone(), window_ms: ms(dedupe.window) });
        Self {
            command: command.to_owned(),
            codec,
            id: options.id,
            delay_ms,
            at_unix_ms,
            priority: options.priority,
            dedupe,
            attempts: options.attempts,
            run_timeout_ms: options.run_timeout.map(ms),
        }
    }

    /// The options that were said.
    pub(crate) fn options(&self) -> JobOptions {
        let start = match (self.delay_ms, self.at_unix_ms) {
            (Some(wait), _) => Start::After(Duration::from_millis(wait)),
            (None, Some(unix_ms)) => Start::At(unix_ms),
            (None, None) => Start::Now,
        };
        let dedupe = self.dedupe.as_ref().map(|dedupe| Dedupe {
            key: dedupe.key.clone(),
            window: Duration::from_millis(dedupe.window_ms),
        });
        JobOptions {
            id: self.id,
            start,
            priority: self.priority,
            dedupe,
            attempts: self.attempts,
            run_timeout: self.run_timeout_ms.map(Duration::from_millis),
        }
    }
}

/// What is asked about a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) command: String,
    pub(crate) job: JobId,
    pub(crate) ask: Ask,
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Say what became of it.
    Status,
    /// Say what became of it once nothing more happens to it.
    Wait,
    /// Take it away.
    Cancel,
}

impl Ask {
    /// Asks the queue that holds the job.
    pub(crate) async fn put_to(self, queue: &dyn Queue, job: JobId) -> Result<Told, Unavailable> {
        match self {
            Self::Status => queue.status(job).await.map(Told::Status),
            Self::Wait => queue.wait(job).await.map(Told::Status),
            Self::Cancel => queue.cancel(job).await.map(Told::Canceled),
        }
    }
}

/// What is answered about a job.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub(crate) enum AnswerHead {
    Unknown,
    Waiting,
    Scheduled {
        due_unix_ms: u64,
        attempts: u32,
    },
    Running {
        consumer: String,
        attempt: u32,
        since_unix_ms: u64,
    },
    /// The bytes behind the head are the reply, if there is a codec.
    Done {
        codec: Option<Codec>,
    },
    Dead {
        error: String,
    },
    Canceled,
    /// The answers to [`Ask::Cancel`].
    Cancel {
        canceled: Canceled,
    },
}

/// What came of a question.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Status(Option<JobStatus>),
    Canceled(Canceled),
}

/// The answer to a question about a job.
pub(crate) fn answer(told: Told) -> Result<Body, NotExecuted> {
    let mut bytes = Bytes::new();
    let head = match told {
        Told::Status(None) => AnswerHead::Unknown,
        Told::Status(Some(JobStatus::Waiting)) => AnswerHead::Waiting,
        Told::Status(Some(JobStatus::Scheduled { due_unix_ms, attempts })) => {
            AnswerHead::Scheduled { due_unix_ms, attempts }
        }
        Told::Status(Some(JobStatus::Running { consumer, attempt, since_unix_ms })) => {
            AnswerHead::Running { consumer, attempt, since_unix_ms }
        }
        Told::Status(Some(JobStatus::Done { reply })) => {
            let codec = reply.as_ref().map(|reply| reply.codec);
            bytes = reply.map(|reply| reply.body).unwrap_or_default();
            AnswerHead::Done { codec }
        }
        Told::Status(Some(JobStatus::Dead { error })) => AnswerHead::Dead { error },
        Told::Status(Some(JobStatus::Canceled)) => AnswerHead::Canceled,
        Told::Canceled(canceled) => AnswerHead::Cancel { canceled },
    };
    write(&head, &bytes)
}

/// Reads the answer to a question about a job.
pub(crate) fn read_answer(body: &Body) -> Result<Told, String> {
    let (head, bytes) = read::<AnswerHead>(body)?;
    Ok(Told::Status(match head {
        AnswerHead::Unknown => None,
        AnswerHead::Waiting => Some(JobStatus::Waiting),
        AnswerHead::Scheduled { due_unix_ms, attempts } => {
            Some(JobStatus::Scheduled { due_unix_ms, attempts })
        }
        AnswerHead::Running { consumer, attempt, since_unix_ms } => {
            Some(JobStatus::Running { consumer, attempt, since_unix_ms })
        }
        AnswerHead::Done { codec } => {
            let reply = codec.map(|codec| Reply { codec, body: bytes });
            Some(JobStatus::Done { reply })
        }
        AnswerHead::Dead { error } => Some(JobStatus::Dead { error }),
        AnswerHead::Canceled => Some(JobStatus::Canceled),
        AnswerHead::Cancel { canceled } => return Ok(Told::Canceled(canceled)),
    }))
}

/// A head and the bytes behind it.
pub(crate) fn write(head: &impl Serialize, bytes: &[u8]) -> Result<Body, NotExecuted> {
    let refused = |message: String| NotExecuted::ArgumentRefused { message };
    let head = serde_json::to_vec(head).map_err(|error| refused(error.to_string()))?;
    let length = u32::try_from(head.len()).map_err(|error| refused(error.to_string()))?;
    let mut body = Vec::with_capacity(4 + head.len() + bytes.len());
    body.put_u32(length);
    body.extend_from_slice(&head);
    body.extend_from_slice(bytes);
    Ok(Body::raw(body))
}

/// Reads a head; the bytes behind it are a slice of the body.
pub(crate) fn read<T: DeserializeOwned>(body: &Body) -> Result<(T, Bytes), String> {
    let cut = || "the head is cut off".to_owned();
    let (length, rest) = body.bytes.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = u32::from_be_bytes(*length) as usize;
    let head = rest.get(..length).ok_or_else(cut)?;
    let head = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    Ok((head, body.bytes.slice(4 + length..)))
}

/// Whole milliseconds, rounded up: a wait is never shorter than it was asked to be.
fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_arrive_as_they_were_chosen() {
        let all = JobOptions {
            id: Some(JobId([7; 16])),
            start: Start::At(1_700_000_000_000),
            priority: Priority::High,
            dedupe: Some(Dedupe { key: "k".to_owned(), window: Duration::from_secs(60) }),
            attempts: Some(3),
            run_timeout: Some(Duration::from_millis(1500)),
        };
        let later = JobOptions { start: Start::After(Duration::from_secs(5)), ..all.clone() };
        for options in [JobOptions::default(), all, later] {
            let head = EnqueueHead::new("render", Codec::MessagePack, &options);
            let body = write(&head, b"arguments").unwrap();
            let (read, bytes) = read::<EnqueueHead>(&body).unwrap();
            assert_eq!((&read, &bytes[..]), (&head, &b"arguments"[..]));
            assert_eq!(read.options(), options);
        }
    }

    #[test]
    fn what_a_newer_peer_says_more_is_passed_over() {
        let head = serde_json::json!({"command": "render", "colour": "red"});
        let (read, _) = read::<EnqueueHead>(&write(&head, b"").unwrap()).unwrap();
        assert_eq!(read.command, "render");
    }

    #[test]
    fn hostile_bytes_are_refused() {
        for bytes in [&b""[..], b"abc", &[0, 0, 0, 9, b'{'], &[255; 64], &[0, 0, 0, 2, b'{', b'x']]
        {
            assert!(read::<Question>(&Body::raw(Bytes::copy_from_slice(bytes))).is_err());
        }
    }

    #[test]
    fn answers_arrive_as_they_were_given() {
        let reply = Reply { codec: Codec::Json, body: Bytes::from_static(b"5") };
        let all = [
            Told::Status(None),
            Told::Status(Some(JobStatus::Waiting)),
            Told::Status(Some(JobStatus::Scheduled { due_unix_ms: 5, attempts: 2 })),
            Told::Status(Some(JobStatus::Done { reply: Some(reply) })),
            Told::Status(Some(JobStatus::Done { reply: None })),
            Told::Status(Some(JobStatus::Dead { error: "no".to_owned() })),
            Told::Status(Some(JobStatus::Canceled)),
            Told::Canceled(Canceled::Running),
            Told::Canceled(Canceled::Over),
        ];
        for told in all {
            let text = format!("{told:?}");
            assert_eq!(format!("{:?}", read_answer(&answer(told).unwrap()).unwrap()), text);
        }
    }
}
