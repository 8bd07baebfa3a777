//! One call and its entry in the journal.

use std::future::IntoFuture;
use std::time::Duration;

use meshwork_shared::outcome::CallError;
use meshwork_worker::{CallOptions, Worker};
use tokio::time::{Instant, timeout};

use crate::journal::{Aim, CallEnd, CallRecord, Journal, Outcome, ProcessId};
use crate::tasks::{Act, Answer, Task, Token};

/// The schema's `timeout` of balanced commands; of `narrow` and of broadcasts.
const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_SHORT: Duration = Duration::from_secs(1);
/// Of commands for which the schema says nothing.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How a call is to be made.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) options: CallOptions,
    /// The caller drops the call after this.
    pub(super) patience: Option<Duration>,
    /// Bytes that make the message longer.
    pub(super) ballast: usize,
    /// What is left of the call being served.
    pub(super) most: Option<Duration>,
}

/// Makes calls for a process.
pub(super) struct Caller {
    pub(super) worker: Worker,
    pub(super) journal: Journal,
    pub(super) process: ProcessId,
}

impl Caller {
    /// Calls one instance; `None` if the caller lost its patience.
    pub(super) async fn balanced<C: Task>(&self, act: Act, wish: Wish) -> Option<Outcome> {
        let noted = self.note::<C>(act, Aim::Balanced, &wish);
        let call = self.worker.call(C::new(noted.token, act, wish.ballast)).options(wish.options);
        let outcome = outcome(patiently(wish.patience, call).await?);
        noted.over(vec![(None, outcome.clone())]);
        Some(outcome)
    }

    /// Calls one variant.
    pub(super) async fn direct<C: Task>(&self, variant: &str, act: Act, wish: Wish) {
        let noted = self.note::<C>(act, Aim::Direct(variant.to_owned()), &wish);
        let called = async {
            let mut peer = self.worker.peer(C::WORKER, variant)?;
            if let Some(deadline) = wish.options.deadline {
                peer = peer.deadline(deadline);
            }
            peer.call(C::new(noted.token, act, wish.ballast)).await
        };
        if let Some(result) = patiently(wish.patience, called).await {
            noted.over(vec![(None, outcome(result))]);
        }
    }

    /// Calls every instance.
    pub(super) async fn broadcast<C: Task>(&self, act: Act, wish: Wish) {
        let noted = self.note::<C>(act, Aim::Broadcast, &wish);
        let mut broadcast = self.worker.broadcast(C::new(noted.token, act, wish.ballast));
        if let Some(deadline) = wish.options.deadline {
            broadcast = broadcast.deadline(deadline);
        }
        if let Some(outcomes) = patiently(wish.patience, broadcast).await {
            let outcome = |one: meshwork_worker::InstanceOutcome<C::Reply>| {
                (Some(one.instance.variant.to_string()), outcome(one.result))
            };
            noted.over(outcomes.into_iter().map(outcome).collect());
        }
    }

    fn note<C: Task>(&self, act: Act, aim: Aim, wish: &Wish) -> Noted<'_> {
        let own = wish.options.deadline.unwrap_or_else(|| schema_timeout(C::NAME));
        let token = self.journal.made(CallRecord {
            by: self.process,
            worker: C::WORKER,
            command: C::NAME,
            act,
            aim,
            idempotent: C::IDEMPOTENT,
            answers: schema_answers(C::NAME),
            made: self.journal.now(),
            deadline: wish.most.map_or(own, |most| own.min(most)),
            end: CallEnd::Open,
        });
        Noted { journal: &self.journal, token, began: Instant::now(), over: false }
    }
}

fn schema_timeout(command: &str) -> Duration {
    match command {
        "narrow" | "all" => TIMEOUT_SHORT,
        "note" | "hush" => TIMEOUT_DEFAULT,
        _ => TIMEOUT,
    }
}

fn schema_answers(command: &str) -> bool {
    !matches!(command, "note" | "hush")
}

/// `None` if it took longer than the caller wanted to wait.
async fn patiently<F: IntoFuture>(patience: Option<Duration>, call: F) -> Option<F::Output> {
    match patience {
        Some(patience) => timeout(patience, call.into_future()).await.ok(),
        None => Some(call.into_future().await),
    }
}

fn outcome<R: Answer>(result: Result<R, CallError>) -> Outcome {
    result.map_or_else(Outcome::from, |reply| Outcome::Answered(reply.done()))
}

/// A call that is in the journal; abandoned if dropped before it is over.
struct Noted<'a> {
    journal: &'a Journal,
    token: Token,
    began: Instant,
    over: bool,
}

impl Noted<'_> {
    fn over(mut self, outcomes: Vec<(Option<String>, Outcome)>) {
        self.over = true;
        self.journal.over(self.token, self.began.elapsed(), outcomes);
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.journal.abandoned(self.token);
        }
    }
}
