//! Queued calls: the answer is a receipt, given only when the job is stored.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use meshwork_shared::ids::JobId;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::MemberKey;
use serde::{Deserialize, Serialize};

use super::attempts::Attempts;
use super::options::CallOptions;
use super::{Asking, Outgoing, decode};
use crate::worker::Worker;

/// Proof that a job is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The job.
    pub job: JobId,
    /// The instance whose queue holds it (memory backend: the queue lives there).
    pub instance: MemberKey,
}

/// A queued call that is being put together; `.await` makes it.
#[must_use = "nothing is enqueued until it is awaited"]
pub struct Enqueue<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) callee: &'a str,
    pub(crate) command: &'a str,
    pub(crate) body: Result<Body, NotExecuted>,
    pub(crate) options: CallOptions,
}

impl Enqueue<'_> {
    /// Waits for the receipt at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    async fn run(self) -> Result<Receipt, CallError> {
        let Self { worker, callee, command, body, options } = self;
        let asking = Asking::Enqueue;
        let outgoing = |body| Outgoing { worker, callee, command, asking, body, options };
        decode(&Attempts::new(body, outgoing).await?)
    }
}

impl<'a> IntoFuture for Enqueue<'a> {
    type Output = Result<Receipt, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
