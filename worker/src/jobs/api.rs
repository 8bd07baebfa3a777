//! What user code does with queues: store jobs, ask about them, see how full they are.

use bytes::Bytes;

use super::figures::JobFigures;
use super::handle::{JobHandle, JobRef};
use crate::call::enqueue::{Enqueue, Storing, raw};
use crate::call::enqueue_all::EnqueueAll;
use crate::call::enqueue_broadcast::EnqueueBroadcast;
use crate::call::{encode, json_body};
use crate::command::Command;
use crate::worker::Worker;

impl Worker {
    /// Stores a call of a queued command; the answer is a receipt. `.await` it as it is, or choose
    /// options first: `worker.enqueue(command).delay(..).await`.
    pub fn enqueue<C: Command>(&self, command: C) -> Enqueue<'_> {
        let storing = Storing::new(self, C::WORKER, C::NAME);
        Enqueue { storing, body: encode(&command) }
    }

    /// Stores a call of a queued command without types; the answer is a receipt.
    pub fn enqueue_json<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        arguments: &serde_json::Value,
    ) -> Enqueue<'a> {
        let storing = Storing::new(self, worker, command);
        Enqueue { storing, body: Ok(json_body(arguments)) }
    }

    /// Stores a call of a queued command with bytes as they are; its handler must be one of raw
    /// bytes.
    pub fn enqueue_raw<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        bytes: impl Into<Bytes>,
    ) -> Enqueue<'a> {
        Enqueue { storing: Storing::new(self, worker, command), body: raw(bytes) }
    }

    /// Stores many calls of a queued command; one receipt or error each, in their order. With ids
    /// of your own it is safe to ask again for those of which the outcome is unknown:
    ///
    /// ```no_run
    /// use meshwork_worker::{Command, JobId, Worker};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Serialize, Deserialize)]
    /// # struct Render { page: u32 }
    /// # impl Command for Render {
    /// #     const WORKER: &'static str = "press";
    /// #     const NAME: &'static str = "render";
    /// #     type Reply = ();
    /// # }
    /// # async fn render(worker: &Worker, book: u64, pages: Vec<Render>) {
    /// // The same page of the same book is the same job, whenever it is asked for.
    /// let id = |page: &Render| {
    ///     JobId((u128::from(book) << 64 | u128::from(page.page)).to_be_bytes())
    /// };
    /// for _ in 0..3 {
    ///     let ids: Vec<JobId> = pages.iter().map(id).collect();
    ///     let stored = worker.enqueue_all(pages.clone()).ids(ids).await;
    ///     if stored.iter().all(Result::is_ok) {
    ///         break;
    ///     }
    /// }
    /// # }
    /// ```
    pub fn enqueue_all<C: Command>(&self, commands: impl IntoIterator<Item = C>) -> EnqueueAll<'_> {
        let bodies = commands.into_iter().map(|command| encode(&command)).collect();
        EnqueueAll::new(Storing::new(self, C::WORKER, C::NAME), bodies)
    }

    /// Stores many calls of a queued command without types.
    pub fn enqueue_all_json<'a, 'b>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        arguments: impl IntoIterator<Item = &'b serde_json::Value>,
    ) -> EnqueueAll<'a> {
        let bodies = arguments.into_iter().map(|arguments| Ok(json_body(arguments))).collect();
        EnqueueAll::new(Storing::new(self, worker, command), bodies)
    }

    /// Stores one job for every instance of a queued broadcast command; one receipt each.
    pub fn enqueue_broadcast<C: Command>(&self, command: C) -> EnqueueBroadcast<'_> {
        EnqueueBroadcast::new(Storing::new(self, C::WORKER, C::NAME), encode(&command))
    }

    /// Stores one job for every instance of a queued broadcast command without types; one receipt
    /// each.
    pub fn enqueue_broadcast_json<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        arguments: &serde_json::Value,
    ) -> EnqueueBroadcast<'a> {
        let storing = Storing::new(self, worker, command);
        EnqueueBroadcast::new(storing, Ok(json_body(arguments)))
    }

    /// A job of the command `C`, by its receipt or its id: what became of it, what it answered.
    pub fn job<C: Command>(&self, job: impl Into<JobRef>) -> JobHandle<C::Reply> {
        JobHandle::new(self, C::WORKER, C::NAME, job.into())
    }

    /// A job without types, by its receipt or its id.
    pub fn job_json(
        &self,
        worker: &str,
        command: &str,
        job: impl Into<JobRef>,
    ) -> JobHandle<serde_json::Value> {
        JobHandle::new(self, worker, command, job.into())
    }

    /// The queues that this instance serves: how full they are, and what it has run of them.
    pub async fn job_figures(&self) -> Vec<JobFigures> {
        self.inner().jobs.figures(self).await
    }
}
