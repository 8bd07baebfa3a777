//! A worker's process: joins, serves, calls; stopped by a crash, or shut down when asked to leave.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meshwork_shared::net::Network;
use meshwork_worker::{Builder, Sources, Worker};

use super::handlers::Site;
use super::host::{Ground, Host, Life};
use super::load::Load;
use super::master::MESH_PORT;
use crate::journal::ProcessId;
use crate::plan::{HostPlan, MASTER};

/// Where every worker listens: a new process is found where the one before it was.
const LISTEN: &str = "0.0.0.0:7000";

/// How long a worker that leaves lets handlers run.
const GRACE: Duration = Duration::from_secs(3);

pub(super) async fn run(
    ground: Arc<Ground>,
    host: Arc<Host>,
    plan: Arc<HostPlan>,
) -> turmoil::Result {
    let life = host.live(&ground);
    if life.number == 0 {
        tokio::time::sleep(plan.starts).await;
    }
    let journal = ground.journal.clone();
    let process = journal.started(&host.name, plan.kind.name(), &plan.variant);
    let site = Site::new(journal.clone(), process);
    match site.serve(builder(&ground, &plan, &life, process), plan.kind).start().await {
        Ok(worker) => {
            site.is_at(&worker);
            journal.ready(process, worker.identity().incarnation);
            Load { ground: ground.clone(), process, worker: worker.clone() }.start(&life.draw);
            host.leave.notified().await;
            journal.leaving(process);
            worker.shutdown().await;
            host.has_left.store(true, Ordering::Relaxed);
        }
        Err(error) => journal.broken(format!("process {} did not start: {error}", process.0)),
    }
    // Whoever stops the host ends this process; until then nothing of it may go.
    std::future::pending().await
}

fn builder(ground: &Ground, plan: &HostPlan, life: &Life, process: ProcessId) -> Builder {
    let (connected, disconnected) = (ground.journal.clone(), ground.journal.clone());
    Worker::builder(plan.kind.name())
        .sources(Sources::nothing())
        .in_place()
        .network(Network::Simulated)
        .clock(life.clock.clone())
        .random(life.random.clone())
        .master(format!("{MASTER}:{MESH_PORT}"))
        .secret(ground.secret.expose_text().as_str())
        .variant(&plan.variant)
        .listen(LISTEN)
        .grace(GRACE)
        .strict_handlers()
        .on_connection(move |peer| connected.link(process, peer.variant.as_str(), true))
        .on_disconnection(move |gone| {
            disconnected.link(process, gone.peer.variant.as_str(), false);
        })
}
