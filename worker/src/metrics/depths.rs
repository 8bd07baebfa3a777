//! How full the queues are that this instance serves. Their store is asked at most once in a while,
//! however often somebody looks.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::jobs::figures::JobFigures;
use crate::worker::Worker;

/// How long an answer of the stores stands.
const STANDS: Duration = Duration::from_secs(5);

/// The last answer. Held while the stores are asked: whoever looks meanwhile gets the same.
#[derive(Debug, Default)]
pub(crate) struct Depths(Mutex<Option<(Instant, Vec<JobFigures>)>>);

impl Depths {
    /// The figures of all served queues, a few seconds old at most.
    pub(crate) async fn figures(&self, worker: &Worker) -> Vec<JobFigures> {
        let mut last = self.0.lock().await;
        if let Some((at, figures)) = &*last
            && at.elapsed() < STANDS
        {
            return figures.clone();
        }
        let figures = worker.inner().jobs.figures(worker).await;
        *last = Some((Instant::now(), figures.clone()));
        figures
    }
}
