//! What a client keeps in flight: the closed loop that all peers share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_bench_harness::Outcome;
use meshwork_bench_harness::measurement::Measurement;
use meshwork_bench_harness::tally::Tally;

use crate::arguments::DriveArguments;

/// How long a client waits for its server, at start.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);

/// Between two looks whether the server is there.
pub(crate) const READY_POLL: Duration = Duration::from_millis(10);

/// The calls of a point.
pub(crate) struct Load {
    pub(crate) body: Bytes,
    pub(crate) in_flight: usize,
    pub(crate) tally: Arc<Tally>,
    window: Duration,
    servers: Vec<u32>,
}

impl Load {
    pub(crate) fn new(arguments: &DriveArguments) -> Outcome<Self> {
        Ok(Self {
            body: Bytes::from(vec![0x5a; arguments.payload]),
            in_flight: arguments.in_flight,
            tally: Arc::new(Tally::new(arguments.in_flight)?),
            window: Duration::try_from_secs_f64(arguments.seconds)?,
            servers: arguments.server.clone(),
        })
    }

    /// A task per caller: each makes its call again when the answer is here. `call` tells whether
    /// it was a good one.
    ///
    /// # Errors
    /// A server is gone.
    pub(crate) async fn calls<C, F>(&self, call: C) -> Outcome<Measurement>
    where
        C: Fn(Bytes) -> F + Clone + Send + 'static,
        F: Future<Output = bool> + Send,
    {
        for caller in 0..self.in_flight {
            let (call, tally, body) = (call.clone(), self.tally.clone(), self.body.clone());
            tokio::spawn(async move {
                loop {
                    let started = tally.start(caller);
                    let well = call(body.clone()).await;
                    tally.came_back(started, well).await;
                }
            });
        }
        self.measure().await
    }

    /// Measures what is in flight already.
    ///
    /// # Errors
    /// A server is gone.
    pub(crate) async fn measure(&self) -> Outcome<Measurement> {
        self.tally.measure(self.window, &self.servers).await
    }
}
