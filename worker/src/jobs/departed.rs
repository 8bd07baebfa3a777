//! Queues of instances that have left for good: their jobs are buried with a note, where the schema
//! says so, and a queue that holds nothing any more is deleted.
//!
//! Every worker that the master tells of such instances looks after them, for none is sure to be
//! there. An instance has left for good when no member has its variant for long: a restart takes
//! less. While the master is away nobody is taken for gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_queue::QueueName;
use meshwork_schema::{CommandSchema, Delivery, OnLeave, Schema};
use tokio::time::{Instant, sleep};

use super::Jobs;
use super::limits::{BURY_JOBS_MAX, SWEEP_EVERY_MAX};
use crate::worker::{Identity, Worker};

/// What a dead letter says of it.
const NOTE: &str = "its instance left the mesh and did not come back";

/// Since when queues have nobody.
#[derive(Debug, Default)]
struct Absences(BTreeMap<QueueName, Instant>);

/// The queues of instances that are not there now.
#[derive(Debug, Default)]
struct Absent {
    /// With jobs to bury.
    full: Vec<QueueName>,
    /// With nothing in them.
    empty: BTreeSet<QueueName>,
}

impl Absences {
    /// Takes in who is absent now; says whose absence has lasted for `after`.
    fn look(&mut self, absent: Vec<QueueName>, after: Duration, now: Instant) -> Vec<QueueName> {
        let since: BTreeMap<QueueName, Instant> = absent
            .into_iter()
            .map(|queue| {
                let since = self.0.get(&queue).copied().unwrap_or(now);
                (queue, since)
            })
            .collect();
        self.0 = since;
        let gone = self.0.iter().filter(|(_, since)| now.duration_since(**since) >= after);
        gone.map(|(queue, _)| queue.clone()).collect()
    }
}

impl Jobs {
    /// Looks after the queues of instances that are gone, for as long as the worker lives.
    pub(crate) async fn bury_departed(&self, worker: &Worker) {
        if self.is_in_process() {
            // Their queues went with them.
            return;
        }
        let inner = worker.inner();
        let every = (self.leave_after / 4).min(SWEEP_EVERY_MAX);
        let mut absences = Absences::default();
        loop {
            // Workers that were started together need not ask together.
            let half = every.as_millis() as u64 / 2;
            let pause = every / 2 + Duration::from_millis(self.random.below(half.max(1) * 2));
            tokio::select! {
                biased;
                () = inner.stopping.stopped() => return,
                () = sleep(pause) => {}
            }
            match self.absent(worker).await {
                Some(Absent { full, empty }) => {
                    let absent = full.iter().chain(&empty).cloned().collect();
                    for queue in absences.look(absent, self.leave_after, Instant::now()) {
                        match empty.contains(&queue) {
                            true => self.forget(&queue).await,
                            false => self.bury(worker, &queue).await,
                        }
                    }
                }
                None => absences = Absences::default(),
            }
        }
    }

    /// The queues of instances that are no members; `None` when that cannot be told.
    async fn absent(&self, worker: &Worker) -> Option<Absent> {
        let inner = worker.inner();
        let schema = inner.schema().filter(|_| inner.has_master())?;
        if !schema.workers().iter().any(|worker| worker.commands.iter().any(has_own_queues)) {
            return Some(Absent::default());
        }
        let full = self.backend.list().await.ok()?;
        let empty = self.backend.list_empty().await.ok()?;
        let routes = inner.routes.load();
        let Identity { worker: me, variant: my_variant, .. } = worker.identity();
        let is_absent = |queue: &QueueName| {
            let Some(variant) = &queue.variant else { return false };
            let callee = queue.worker.as_str();
            // Only of those does the master tell this worker.
            let is_told = schema.linked(me.as_str(), callee);
            let is_me = queue.worker == me && *variant == my_variant;
            let mut instances = routes.instances(callee).iter();
            is_told && !is_me && !instances.any(|instance| instance.key.variant == *variant)
        };
        let full = full.into_iter().filter(|queue| is_absent(queue) && buries(&schema, queue));
        let empty = empty.into_iter().filter(is_absent);
        Some(Absent { full: full.collect(), empty: empty.collect() })
    }

    /// Deletes a queue that is empty.
    async fn forget(&self, name: &QueueName) {
        self.close(name);
        match self.backend.forget(name).await {
            Ok(true) => log::info!("the queue {name} is deleted: {NOTE}"),
            // It is in use again.
            Ok(false) => {}
            // The next look finds it again.
            Err(error) => log::debug!("{name} is not deleted: {error}"),
        }
    }

    async fn bury(&self, worker: &Worker, name: &QueueName) {
        let Some(schema) = worker.schema() else { return };
        let Some(command) = schema.command(name.worker.as_str(), name.command.as_str()) else {
            return;
        };
        let queue = self.open(name, command);
        loop {
            match queue.bury(NOTE, BURY_JOBS_MAX).await {
                Ok(0) => return,
                Ok(buried) => log::warn!("{buried} jobs of {name} are dead: {NOTE}"),
                // The next look finds it again.
                Err(error) => return log::debug!("{name} is not buried: {error}"),
            }
        }
    }
}

fn buries(schema: &Schema, queue: &QueueName) -> bool {
    schema.command(queue.worker.as_str(), queue.command.as_str()).is_some_and(is_buried)
}

fn is_buried(command: &CommandSchema) -> bool {
    has_own_queues(command) && command.on_leave == OnLeave::Bury
}

/// Whether each instance has a queue of its own for it.
fn has_own_queues(command: &CommandSchema) -> bool {
    command.queued && command.delivery == Delivery::Broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(variant: &str) -> QueueName {
        let (worker, command) = ("press".parse().unwrap(), "clean".parse().unwrap());
        QueueName::of_instance(worker, command, variant.parse().unwrap())
    }

    #[test]
    fn only_a_long_absence_is_for_good() {
        let mut absences = Absences::default();
        let (now, after) = (Instant::now(), Duration::from_secs(60));
        assert_eq!(absences.look(vec![queue("a"), queue("b")], after, now), []);
        // b is back for a moment.
        let later = now + Duration::from_secs(30);
        assert_eq!(absences.look(vec![queue("a")], after, later), []);
        assert_eq!(absences.look(vec![queue("a"), queue("b")], after, later), []);
        let gone = absences.look(vec![queue("a"), queue("b")], after, now + after);
        assert_eq!(gone, [queue("a")]);
        let gone = absences.look(vec![queue("a"), queue("b")], after, later + after);
        assert_eq!(gone, [queue("a"), queue("b")]);
    }
}
