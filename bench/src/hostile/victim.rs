//! The process that is attacked: the listener of workers and masters with its gate, and links that
//! echo behind it. It believes whoever holds the key, since tickets come after the handshake.

use std::sync::Arc;

use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::handshake::{Introduction, Preamble};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::{Accepted, Accepting, Doorman, listen_loop};
use meshwork_shared::link::lanes::Lanes;
use meshwork_shared::net::Listener;
use meshwork_shared::random::Random;
use meshwork_shared::secret::Psk;
use tokio::sync::mpsc;

use super::psk;
use crate::{Outcome, link};

/// Accepted connections that may wait to become links.
const ACCEPTED_LEN: usize = 64;

struct OneKey(Psk);

impl Doorman for OneKey {
    fn psk(&self, preamble: &Preamble) -> Option<Psk> {
        (preamble.psk_id == self.0.id).then(|| self.0.clone())
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        Introduction::default()
    }
}

/// Lets in who holds the key; never ends by itself. With `trusting`, loopback addresses may knock
/// as often as they like.
///
/// # Errors
/// Only if the program names a range of addresses that is none.
pub(crate) async fn victim(listener: Listener, trusting: bool) -> Outcome {
    let random = Random::system();
    let mut limits = Limits::default();
    if trusting {
        limits.handshake.exempt = vec!["127.0.0.0/8".parse()?];
    }
    let accepting = Accepting {
        doorman: Arc::new(OneKey(psk())),
        node_key: NodeKey::generate(&random),
        random,
        limits,
        counters: Arc::new(HandshakeCounters::default()),
    };
    let (sender, mut accepted) = mpsc::channel::<Accepted>(ACCEPTED_LEN);
    let lanes = Lanes::start(0)?;
    let linking = async {
        while let Some(link) = accepted.recv().await {
            link::start(link.established, &lanes)?;
        }
        Ok(())
    };
    tokio::select! {
        linked = linking => linked,
        () = listen_loop(listener, Arc::new(accepting), sender) => Ok(()),
    }
}
