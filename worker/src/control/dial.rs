//! Dials of the control: each address of a member, each key of the epoch, until one answers.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::{AsyncContext, Context};
use meshwork_shared::handshake::{Introduction, Peer, Target};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::connect::{ConnectError, Connected, Dialing, connect};
use meshwork_shared::net::Network;
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::LinkKind;

use super::{Control, Dialled};
use crate::trust::{Met, Trust, Verified};

/// Whom to dial.
pub(super) struct Dial {
    pub(super) key: MemberKey,
    pub(super) incarnation: Incarnation,
    /// The process that must answer.
    pub(super) node: NodeId,
    /// Best first.
    pub(super) addresses: Vec<SocketAddr>,
}

/// Why a dial came to nothing.
struct Failed {
    reason: String,
    /// Set when another process answered.
    code: Option<CloseCode>,
}

/// What a dial needs of the control.
struct Dialler {
    trust: Arc<Trust>,
    network: Network,
    node_key: Arc<NodeKey>,
    random: Random,
    limits: Limits,
}

impl Control {
    pub(super) fn start_dial(&mut self, dial: Dial, ctx: &mut Context<Self>) {
        if self.ready.is_some() {
            self.first_dials += 1;
        }
        let dialler = Dialler {
            trust: self.trust.clone(),
            network: self.network,
            node_key: self.node_key.clone(),
            random: self.random.clone(),
            limits: self.limits.clone(),
        };
        let control = ctx.address();
        actix_rt::spawn(async move {
            let dialled = dialler.dial(&dial).await;
            let code = dialled.as_ref().err().and_then(|failed| failed.code);
            let result = dialled.map_err(|failed| failed.reason);
            let Dial { key, incarnation, .. } = dial;
            // A control that is gone wants no more links.
            let _ = control.send(Dialled { key, incarnation, code, result }).await;
        });
    }
}

impl Dialler {
    async fn dial(&self, dial: &Dial) -> Result<(Connected, Verified), Failed> {
        let reason = "no address, or no key yet".to_owned();
        let mut last = Failed { reason, code: None };
        for address in &dial.addresses {
            for psk in self.trust.dial_keys() {
                let mut verified = None;
                let judge = |peer: &Peer| self.judge(peer, dial, &mut verified);
                let dialing = Dialing {
                    kind: LinkKind::Data,
                    psk: &psk,
                    node_key: &self.node_key,
                    random: &self.random,
                    limits: &self.limits,
                };
                match connect(self.network, &address.to_string(), dialing, judge).await {
                    Ok(connected) => {
                        if let Some(verified) = verified {
                            return Ok((connected, verified));
                        }
                    }
                    Err(error) => {
                        let wrong = matches!(error, ConnectError::Refused { .. });
                        let code = wrong.then_some(CloseCode::WrongTarget);
                        last = Failed { reason: error.to_string(), code };
                    }
                }
            }
        }
        Err(last)
    }

    /// Is this whom we dialled? If so, what we tell of ourselves.
    fn judge(
        &self,
        peer: &Peer,
        dial: &Dial,
        verified: &mut Option<Verified>,
    ) -> Result<Introduction, String> {
        let shown = self.trust.verify(peer, Met::Dialled).map_err(|away| away.to_string())?;
        let same_name =
            shown.caller.worker == dial.key.worker && shown.caller.variant == dial.key.variant;
        if !same_name || peer.node != dial.node {
            return Err(format!("it is {}", shown.caller));
        }
        let target =
            Target { worker: dial.key.worker.clone(), variant: Some(dial.key.variant.clone()) };
        let mut introduction = self.trust.introduction_for(Some(target));
        // It may have changed since: what is announced is what this link is numbered by.
        introduction.parameters.schema = Some(shown.announced.known);
        *verified = Some(shown);
        Ok(introduction)
    }
}
