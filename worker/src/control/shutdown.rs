//! How a worker leaves: no new calls, finish what runs, say goodbye.

use std::time::Duration;

use actix::Context;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::handle::Link;
use meshwork_shared::protocol::{Draining, Leave, Message};
use tokio::time::{sleep, timeout};

use super::Control;
use crate::peers::Event;
use crate::session::control_request;
use crate::worker::Worker;

/// How long the master may take to note that we leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// How long peers may take to answer that they know of the drain. Who has not by then may still
/// send a call that finds nobody here; it must not hold up the others for the whole grace period.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// How long links may take to say their last words.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How often it is looked whether links are as they are waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Control {
    /// DRAIN on every link and a notice to the master, at the same time: works without a master.
    pub(super) fn start_drain(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        self.worker.inner().stop_taking_work();
        self.links.values().for_each(|entry| entry.link.drain());
        self.cast(&Draining {});
        self.peer_event(Event::Drain, ctx);
    }
}

/// Waits for what runs, within the grace period, then leaves.
pub(super) async fn leave(worker: Worker, master: Option<Link>, links: Vec<Link>) {
    let inner = worker.inner();
    let quiet = async {
        // First every peer must know: a call that is still on its way must find us here.
        let unaware = || links.iter().filter(|link| link.is_open() && !link.is_drain_seen());
        if timeout(SEEN_WITHIN, until(|| unaware().next().is_none())).await.is_err() {
            log::warn!("{} peers do not answer that they know of the drain", unaware().count());
        }
        inner.activity.idle().await;
        inner.jobs.settled().await;
        until(|| links.iter().all(|link| !link.is_open() || link.is_idle())).await;
    };
    if timeout(inner.grace(), quiet).await.is_err() {
        log::warn!(
            "the grace period is over with {} handlers and jobs running",
            inner.activity.running()
        );
        inner.jobs.abandon().await;
    }
    if let Some(master) = &master {
        let request = control_request(Leave::NAME, Leave {}.encode(), true, LEAVE_WITHIN);
        if let Ok(reply) = master.call(request) {
            // The lease ends it if this did not get through.
            let _ = reply.await;
        }
        master.close(CloseCode::Leaving, "");
    }
    links.iter().for_each(|link| link.close(CloseCode::Leaving, ""));
    let closed = || !links.iter().any(Link::is_open);
    let _ = timeout(CLOSE_WITHIN, until(closed)).await;
}

/// Waits until links are as `is_so` wants them; they tell nobody when they are.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(LOOK_EVERY).await;
    }
}
