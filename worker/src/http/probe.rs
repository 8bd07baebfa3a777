//! The call that a worker makes to itself, so that "ready" means that calls get through: it dials
//! the port that it listens on, both ends show and check its ticket, and it asks for an answer. The
//! way of a peer's call is the same: listener, gate, handshake, control, lane, link.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::handshake::{Introduction, Peer, Target};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::connect::{Dialing, connect};
use meshwork_shared::link::task::link;
use meshwork_shared::net::Network;
use meshwork_shared::random::Random;
use meshwork_shared::secret::LinkKind;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::own_link::{self, OwnService};
use crate::session::control_request;
use crate::trust::Trust;
use crate::worker::Worker;

/// How long the call may take, from the dial to its answer.
const WITHIN: Duration = Duration::from_secs(1);

/// How long an outcome stands: however often somebody asks, there is one call in this time.
const STANDS: Duration = Duration::from_secs(3);

/// Makes the call, and remembers how it went.
pub(crate) struct Prober {
    pub(crate) worker: Worker,
    pub(crate) trust: Arc<Trust>,
    pub(crate) network: Network,
    /// A key for these calls alone: no process links to its own.
    pub(crate) key: NodeKey,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    /// Held while a call is under way, so that whoever asks meanwhile gets its outcome.
    pub(crate) last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Prober {
    /// Whether calls get through to this worker now, or what keeps them from it.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let inner = self.worker.inner();
        if inner.is_stopping() {
            return Err("it drains, and takes no new calls".to_owned());
        }
        if !inner.is_joined() {
            let cause = inner.join_failure().map_or_else(String::new, |cause| format!(": {cause}"));
            return Err(format!("it is not a member of the mesh yet{cause}"));
        }
        let mut last = self.last.lock().await;
        if let Some((at, outcome)) = &*last
            && at.elapsed() < STANDS
        {
            return outcome.clone();
        }
        let called = timeout(WITHIN, self.call()).await;
        let outcome = called.unwrap_or_else(|_| {
            Err(format!("a call to itself got no answer within {} ms", WITHIN.as_millis()))
        });
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn call(&self) -> Result<(), String> {
        let address = self.worker.listen_addr().ok_or("it does not listen yet")?;
        let keys = self.trust.dial_keys();
        let dialing = Dialing {
            kind: LinkKind::Data,
            psk: keys.first().ok_or("the master has sent no link secret yet")?,
            node_key: &self.key,
            random: &self.random,
            limits: &self.limits,
        };
        let address = reachable(address).to_string();
        let connected = connect(self.network, &address, dialing, |peer| self.judge(peer)).await;
        let connected = connected.map_err(|error| error.to_string())?;
        let service = Arc::new(OwnService);
        let (own, task) = link(connected.established, service, &self.limits, None);
        actix_rt::spawn(task);
        let request = control_request(own_link::ANSWER, Bytes::new(), true, WITHIN);
        let reply = match own.call(request) {
            Ok(reply) => reply.await.map(drop).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.to_string()),
        };
        own.close(CloseCode::Leaving, "");
        reply
    }

    /// Is this our own process?
    fn judge(&self, peer: &Peer) -> Result<Introduction, String> {
        let me = self.worker.identity();
        if peer.node != me.node {
            return Err("another process answers at the port of this one".to_owned());
        }
        self.trust.check_own_ticket(peer)?;
        let target = Target { worker: me.worker, variant: Some(me.variant) };
        Ok(self.trust.introduction_for(Some(target)))
    }
}

/// Where this process itself reaches a port that it listens on.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_on_all_addresses_is_reached_on_loopback() {
        for (listens, dialled) in [
            ("0.0.0.0:7000", "127.0.0.1:7000"),
            ("[::]:7000", "[::1]:7000"),
            ("10.0.0.7:7000", "10.0.0.7:7000"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), dialled);
        }
    }
}
