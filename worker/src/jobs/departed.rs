//! Jobs of instances that have left for good: they are buried with a note, where the schema says
//! so.
//!
//! Every worker that the master tells of such instances looks after them, for none is sure to be
//! there. An instance has left for good when no member has its variant for long: a restart takes
//! less. While the master is away nobody is taken for gone.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_queue::QueueName;
use meshwork_schema::{Delivery, OnLeave, Schema};
use tokio::time::{Instant, sleep};

use super::Jobs;
use super::limits::{BURY_JOBS_MAX, SWEEP_EVERY_MAX};
use crate::worker::Worker;

/// What a dead letter says of it.
const NOTE: &str = "its instance left the mesh and did not come back";

/// Since when queues have nobody.
#[derive(Debug, Default)]
struct Absences(BTreeMap<QueueName, Instant>);

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
                Some(absent) => {
                    for queue in absences.look(absent, self.leave_after, Instant::now()) {
                        self.bury(worker, &queue).await;
                    }
                }
                None => absences = Absences::default(),
            }
        }
    }

    /// The queues of instances that are no members; `None` when that cannot be told.
    async fn absent(&self, worker: &Worker) -> Option<Vec<QueueName>> {
        let inner = worker.inner();
        let schema = inner.schema().filter(|_| inner.has_master())?;
        let me = worker.identity().worker;
        let is_ours = |queue: &QueueName| {
            let callee = queue.worker.as_str();
            // Only of those does the master tell this worker.
            let is_told = schema.dials(me.as_str(), callee) || schema.dials(callee, me.as_str());
            is_told && buries(&schema, queue)
        };
        if !schema.workers().iter().any(|worker| worker.commands.iter().any(is_buried)) {
            return Some(Vec::new());
        }
        let queues = self.backend.list().await.ok()?;
        let routes = inner.routes.load();
        let my_variant = worker.identity().variant;
        let is_member = |queue: &QueueName| {
            if queue.worker == me && queue.variant.as_ref() == Some(&my_variant) {
                return true;
            }
            let mut instances = routes.instances(queue.worker.as_str()).iter();
            instances.any(|instance| Some(&instance.key.variant) == queue.variant.as_ref())
        };
        let absent = queues.into_iter().filter(|queue| queue.variant.is_some());
        let absent = absent.filter(|queue| is_ours(queue) && !is_member(queue));
        Some(absent.collect())
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

fn is_buried(command: &meshwork_schema::CommandSchema) -> bool {
    command.queued && command.delivery == Delivery::Broadcast && command.on_leave == OnLeave::Bury
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
