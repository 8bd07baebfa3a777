//! Answers to the peer's calls, and the bounds of what a peer makes this end keep for it: requests
//! that are being worked off, and large answers that it does not take.

use super::super::large::{LargeKey, Role};
use super::super::message::{Answer, Body};
use super::LinkCore;
use crate::ids::CallId;
use crate::outcome::{ErrorBody, Failure, NotExecuted};
use crate::record::{Extension, RecordType};

impl<T> LinkCore<T> {
    /// Answers a call of the peer.
    pub fn answer(&mut self, id: CallId, answer: Answer) {
        self.unanswered = self.unanswered.saturating_sub(1);
        match answer {
            Ok(body) => match self.unsendable(body.bytes.len()) {
                Some(failure) => self.write_error(id, &failure.into()),
                None => self.write_answer(RecordType::Reply, id, &body),
            },
            Err(error) => self.answer_error(id, &error),
        }
    }

    /// The words of an error are of a handler, too: they may be long.
    fn answer_error(&mut self, id: CallId, error: &ErrorBody) {
        let body = Body::error(error);
        if !self.is_beyond_bound(body.bytes.len()) {
            return self.write_answer(RecordType::Error, id, &body);
        }
        let shorter = match error {
            // What did not run is not said to have failed.
            ErrorBody::NotExecuted(_) => not_taken().into(),
            ErrorBody::Failed(_) | ErrorBody::Unknown(_) => self.reply_not_taken().into(),
        };
        self.write_error(id, &shorter);
    }

    fn write_answer(&mut self, kind: RecordType, id: CallId, body: &Body) {
        self.write_message(kind, 0, id, Extension::default(), body);
    }

    /// What is said instead of a reply that cannot be sent. The handler has run.
    fn unsendable(&self, bytes: usize) -> Option<Failure> {
        let limit = self.limits.message_bytes_max;
        if bytes > limit {
            let text = format!("the reply has {bytes} bytes, over {limit}");
            return Some(Failure::new("reply_too_large", text));
        }
        self.is_beyond_bound(bytes).then(|| self.reply_not_taken())
    }

    fn reply_not_taken(&self) -> Failure {
        let waits = self.outgoing.bytes(Role::Response);
        let text = format!("{waits} bytes of large replies wait for the caller to take them");
        Failure::new("reply_not_taken", text)
    }

    /// Whether a large answer finds the room for those that the peer has not taken yet full.
    fn is_beyond_bound(&self, bytes: usize) -> bool {
        self.is_large(bytes)
            && self.outgoing.bytes(Role::Response) + bytes > self.limits.untaken_bytes_max()
    }

    /// True while the peer takes so few of the large answers that it asked for that its next calls
    /// are refused.
    pub(crate) fn owes_too_much(&self) -> bool {
        self.outgoing.bytes(Role::Response) > self.limits.write_bytes_max
    }

    /// A call of the peer ended without an answer: it was cancelled.
    pub fn forget(&mut self, id: CallId) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.outgoing.withdraw(LargeKey { role: Role::Response, id });
    }

    /// A request of so many bytes is worked off for longer than a moment: it counts until
    /// [`LinkCore::let_go`].
    pub(crate) fn keep(&mut self, bytes: usize) {
        self.kept_bytes += bytes;
    }

    /// The handler of a request that was kept is done.
    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
    }

    /// Whether a request of so many bytes finds the room for those being worked off full. One alone
    /// may be larger than the bound.
    pub(super) fn keeps_too_much(&self, bytes: usize) -> bool {
        self.kept_bytes > 0 && self.kept_bytes + bytes > self.limits.queued_bytes_max
    }

    /// Calls of the peer that wait for our answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Messages that would be cut off if the link ended now: calls of the peer that are coming in
    /// or wait for our answer, and the rest of large messages on their way out.
    pub fn unfinished(&self) -> usize {
        self.unanswered + self.assembly.len() + self.outgoing.len()
    }
}

/// Why a call is refused whose answer would not be taken.
pub(crate) fn not_taken() -> NotExecuted {
    NotExecuted::overloaded("answers that the caller does not read")
}
