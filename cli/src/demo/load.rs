//! The demo's load: callers that ask again as soon as they are answered, and some that take their
//! time. They stop when they are told to, each after its last answer.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meshwork_worker::{CallError, NotExecuted, Worker};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::commands::{Quote, Reserve, Restock, Sales};
use super::tally::{Asked, Tally};

/// Callers of `quote` that ask without a pause.
const QUOTERS: u64 = 8;

/// Callers of `reserve` that ask without a pause.
const RESERVERS: u64 = 2;

/// Pause between two broadcasts of `sales`.
const SALES_PAUSE: Duration = Duration::from_millis(100);

/// Pause between two jobs of `restock`.
const RESTOCK_PAUSE: Duration = Duration::from_millis(20);

/// Callers at work.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    pub(super) fn start(shop: &Worker, tally: &Tally) -> Self {
        let mut load = Self { stop: Arc::default(), callers: JoinSet::new() };
        for number in 0..QUOTERS {
            let (worker, asked) = (shop.clone(), tally.asked("pricing.quote"));
            load.repeat(number, asked, Duration::ZERO, move |item| {
                let worker = worker.clone();
                async move { worker.call(Quote { item, amount: 3 }).await.map(drop) }
            });
        }
        for number in 0..RESERVERS {
            let (worker, asked) = (shop.clone(), tally.asked("stock.reserve"));
            load.repeat(number, asked, Duration::ZERO, move |item| {
                let worker = worker.clone();
                async move { worker.call(Reserve { item }).await }
            });
        }
        let (worker, asked) = (shop.clone(), tally.asked("stock.restock"));
        load.repeat(0, asked, RESTOCK_PAUSE, move |item| {
            let worker = worker.clone();
            async move { worker.enqueue(Restock { item }).await.map(drop) }
        });
        load.ask_all(shop.clone(), tally.asked("pricing.sales"));
        load
    }

    /// Asks over and over, for one item after another.
    fn repeat<F>(
        &mut self,
        first: u64,
        asked: Asked,
        pause: Duration,
        ask: impl Fn(u64) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), CallError>> + Send,
    {
        let stop = self.stop.clone();
        self.callers.spawn(async move {
            let mut item = first;
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let outcome = ask(item).await;
                asked.count(begun.elapsed(), &outcome);
                if !pause.is_zero() || matches!(outcome, Err(CallError::NotExecuted { .. })) {
                    // Without a pause after a refusal nobody else would get a turn.
                    sleep(pause.max(Duration::from_millis(1))).await;
                }
                item += 1;
            }
        });
    }

    /// Broadcasts over and over; each instance's outcome counts as one.
    fn ask_all(&mut self, shop: Worker, asked: Asked) {
        let stop = self.stop.clone();
        self.callers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                for outcome in shop.broadcast(Sales).await {
                    if !has_left(&outcome.result) {
                        asked.count(begun.elapsed(), &outcome.result.map(drop));
                    }
                }
                sleep(SALES_PAUSE).await;
            }
        });
    }

    /// Waits for the last answers.
    pub(super) async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.callers.join_next().await.is_some() {}
    }
}

/// Whether the instance was about to leave when it was asked. It says so and runs nothing, which is
/// an outcome as good as an answer: only balanced calls have somewhere else to go.
fn has_left<R>(result: &Result<R, CallError>) -> bool {
    use NotExecuted::{Draining, LinkLost, NoInstance};
    matches!(result, Err(CallError::NotExecuted { reason: Draining | LinkLost | NoInstance }))
}
