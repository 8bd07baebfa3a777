//! Who may knock at the mesh port, and how the master introduces itself. Shared by the actor, which
//! changes it, and by the handshakes under way, which ask it.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use meshwork_schema::Schema;
use meshwork_shared::clock::Clock;
use meshwork_shared::handshake::{Introduction, Parameters, Preamble, SchemaKnown};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::accept::Doorman;
use meshwork_shared::secret::{LinkKind, MeshSecret, Psk, PskId};
use meshwork_shared::ticket::{Bearer, Claims, Validity};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::events::{EventKind, Refusals};
use crate::registry::AdmissionKey;
use crate::signing::Signing;

/// Codecs of bodies that the master reads: JSON, and none at all.
const CODECS: u32 = 0b11;

/// Whose keys open the door.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) current: MeshSecret,
    /// The one before the last rotation.
    pub(crate) previous: Option<MeshSecret>,
    /// The mesh secret itself admits nobody.
    pub(crate) join_keys_only: bool,
}

#[derive(Debug)]
pub(crate) struct MasterDoorman {
    secrets: Secrets,
    signing: Signing,
    node: NodeId,
    clock: Clock,
    /// Number of the master's own ticket: one that no other ticket has.
    serial: u64,
    state: Mutex<State>,
    refusals: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<(Psk, AdmissionKey)>,
    schema: Option<SchemaKnown>,
    ticket: Option<(Validity, Vec<u8>)>,
}

impl MasterDoorman {
    pub(crate) fn new(
        secrets: Secrets,
        signing: Signing,
        node: NodeId,
        clock: Clock,
        serial: u64,
    ) -> Self {
        Self {
            secrets,
            signing,
            node,
            clock,
            serial,
            state: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Another schema is in force: its workers' join keys are the ones that open.
    pub(crate) fn set_schema(&self, schema: &Schema, known: SchemaKnown) {
        let keys = self.keys(schema);
        let mut state = self.lock();
        state.keys = keys;
        state.schema = Some(known);
        // The ticket names the schema's number.
        state.ticket = None;
    }

    /// What a key with that name admits, if it opens.
    pub(crate) fn admission(&self, id: &PskId) -> Option<AdmissionKey> {
        find(&self.lock().keys, id).map(|(_, admission)| admission.clone())
    }

    /// Refused handshakes that are to be told of now.
    pub(crate) fn refusals(&self, now: Instant) -> Vec<EventKind> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).due(now)
    }

    fn keys(&self, schema: &Schema) -> Vec<(Psk, AdmissionKey)> {
        let authority = self.signing.public().hash();
        let secrets = || std::iter::once(&self.secrets.current).chain(&self.secrets.previous);
        let mesh = secrets()
            .filter(|_| !self.secrets.join_keys_only)
            .map(|secret| (secret.psk(LinkKind::Control), AdmissionKey::Mesh));
        let join = secrets().flat_map(|secret| {
            schema.workers().iter().map(move |worker| {
                let psk = secret.join_key(&worker.name, authority).psk();
                (psk, AdmissionKey::Join(worker.name.clone()))
            })
        });
        mesh.chain(join).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The master's own ticket, signed anew when it is old.
    fn ticket(&self, state: &mut State) -> Vec<u8> {
        let now = self.clock.unix_seconds();
        if let Some((validity, bytes)) = &state.ticket
            && (validity.not_before..validity.renew_at()).contains(&now)
        {
            return bytes.clone();
        }
        let validity = Validity::starting(now);
        let claims = Claims {
            mesh: self.signing.mesh(),
            subject: self.node,
            bearer: Bearer::Master,
            schema_version: state.schema.map_or(0, |known| known.number),
            serial: self.serial,
            incarnation: Incarnation(0),
            validity,
        };
        match self.signing.ticket(claims) {
            Ok(signed) => {
                let bytes = signed.as_bytes().to_vec();
                state.ticket = Some((validity, bytes.clone()));
                bytes
            }
            Err(error) => {
                log::error!("the master's own ticket cannot be signed: {error}");
                Vec::new()
            }
        }
    }
}

impl Doorman for MasterDoorman {
    fn psk(&self, preamble: &Preamble) -> Option<Psk> {
        if preamble.kind != LinkKind::Control {
            return None;
        }
        find(&self.lock().keys, &preamble.psk_id).map(|(psk, _)| psk.clone())
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        let mut state = self.lock();
        Introduction {
            ticket: self.ticket(&mut state),
            parameters: Parameters {
                schema: state.schema,
                unix_ms: Some(self.clock.unix_ms()),
                codecs: CODECS,
                authority: Some(*self.signing.public().as_bytes()),
                ..Parameters::default()
            },
        }
    }

    fn refused(&self, cause: &'static str, from: SocketAddr) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).note(cause, from.ip());
    }
}

/// The key of that name. Every name is compared, in constant time, whichever matches.
fn find<'k>(keys: &'k [(Psk, AdmissionKey)], id: &PskId) -> Option<&'k (Psk, AdmissionKey)> {
    let mut found = None;
    for key in keys {
        if bool::from(key.0.id.ct_eq(id)) {
            found = Some(key);
        }
    }
    found
}
