//! The gate of one listener, shared by its loop and its handshakes: carries out what the pure
//! [`Gate`] decides.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::admission::{Admission, Arrival, Ended, Gate, KnockId};
use crate::limits::HandshakeLimits;

/// The gate with the seats it has given.
pub(super) struct Entrance {
    state: Mutex<State>,
    /// Wakes the loop while it waits for room.
    changed: Notify,
}

struct State {
    gate: Gate,
    /// Tells the holder of a seat to give it up.
    evictions: BTreeMap<KnockId, oneshot::Sender<()>>,
}

/// The right of one connection to shake hands; given back when dropped.
pub(super) struct Seat {
    entrance: Arc<Entrance>,
    pub(super) admission: Admission,
    ended: Ended,
}

impl Entrance {
    pub(super) fn new(limits: &HandshakeLimits) -> Self {
        let state = State { gate: Gate::new(limits), evictions: BTreeMap::new() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// A seat for a connection from `address`, once there is room, and what resolves when another
    /// needs it more.
    pub(super) async fn seat(self: &Arc<Self>, address: IpAddr) -> (Seat, oneshot::Receiver<()>) {
        loop {
            let until = match self.arrive(address) {
                Ok(seated) => return seated,
                Err(until) => until,
            };
            // Both outcomes mean: ask again.
            let _ = timeout_at(until, self.changed.notified()).await;
        }
    }

    fn arrive(self: &Arc<Self>, address: IpAddr) -> Result<(Seat, oneshot::Receiver<()>), Instant> {
        let mut state = self.lock();
        let admission = match state.gate.arrive(address, Instant::now()) {
            Arrival::Admitted(admission) => admission,
            Arrival::Wait { until } => return Err(until),
        };
        state.evict(admission.evict);
        let (sender, evicted) = oneshot::channel();
        state.evictions.insert(admission.id, sender);
        let seat = Seat { entrance: self.clone(), admission, ended: Ended::Abandoned };
        Ok((seat, evicted))
    }

    /// The state holds after a panic: every change to it is one call of the gate.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn evict(&mut self, id: Option<KnockId>) {
        if let Some(eviction) = id.and_then(|id| self.evictions.remove(&id)) {
            // A holder that is gone needs no telling.
            let _ = eviction.send(());
        }
    }
}

impl Seat {
    /// The connection has shown a valid first message: returns when it may go on.
    pub(super) async fn proven(&self) {
        let proven = {
            let mut state = self.entrance.lock();
            let proven = state.gate.proven(self.admission.id, Instant::now());
            state.evict(proven.and_then(|proven| proven.evict));
            proven
        };
        self.entrance.changed.notify_one();
        match proven {
            Some(proven) => sleep_until(proven.at).await,
            // Evicted: the holder is about to learn it.
            None => std::future::pending().await,
        }
    }

    /// Gives the seat back, with how it ended.
    pub(super) fn leave(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        {
            let mut state = self.entrance.lock();
            state.evictions.remove(&self.admission.id);
            state.gate.ended(self.admission.id, self.ended, Instant::now());
        }
        self.entrance.changed.notify_one();
    }
}
