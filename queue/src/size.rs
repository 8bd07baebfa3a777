//! What stored things are counted with, and how errors are cut: the same in every backend.

use crate::job::{Attempt, AttemptError, Dedupe, NewJob};
use crate::limits::{
    DEDUPE_OVERHEAD_BYTES, ENDED_OVERHEAD_BYTES, ERROR_BYTES_MAX, JOB_OVERHEAD_BYTES,
};
use crate::status::Reply;

/// Bytes that a job is counted with before its first failure.
pub(crate) fn job_bytes(job: &NewJob) -> usize {
    let trace = job.trace.as_ref().map_or(0, bytes::Bytes::len);
    let dedupe = job.dedupe.as_ref().map_or(0, |dedupe| dedupe.key.len());
    [job.body.len(), trace, dedupe]
        .into_iter()
        .fold(JOB_OVERHEAD_BYTES, |sum, more| sum.saturating_add(more))
}

/// Bytes that a history is counted with.
pub(crate) fn history_bytes<'a>(history: impl Iterator<Item = &'a Attempt>) -> usize {
    let words = |attempt: &Attempt| match &attempt.error {
        AttemptError::Failed { message } => message.len(),
        AttemptError::Buried { note } => note.len(),
        AttemptError::LeaseExpired => 0,
    };
    history.map(|attempt| size_of::<Attempt>() + attempt.consumer.len() + words(attempt)).sum()
}

/// Bytes that an open window is counted with.
pub(crate) fn key_bytes(dedupe: &Dedupe) -> usize {
    2 * dedupe.key.len() + DEDUPE_OVERHEAD_BYTES
}

/// Bytes that an ended job is counted with.
pub(crate) fn ended_bytes(reply: Option<&Reply>) -> usize {
    ENDED_OVERHEAD_BYTES + reply.map_or(0, |reply| reply.body.len())
}

/// The error with its words cut to [`ERROR_BYTES_MAX`].
pub(crate) fn cut(error: AttemptError) -> AttemptError {
    match error {
        AttemptError::Failed { message } => AttemptError::Failed { message: shorten(message) },
        AttemptError::Buried { note } => AttemptError::Buried { note: shorten(note) },
        AttemptError::LeaseExpired => AttemptError::LeaseExpired,
    }
}

fn shorten(mut text: String) -> String {
    text.truncate(cut_text(&text).len());
    text.shrink_to_fit();
    text
}

/// What is kept of the words of an error.
pub(crate) fn cut_text(text: &str) -> &str {
    &text[..text.floor_char_boundary(ERROR_BYTES_MAX)]
}
