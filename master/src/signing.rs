//! Everything that the authority key is used for: signing tickets and the schema, checking what
//! workers bring back, and computing link secrets.

use meshwork_schema::{Fingerprint, Schema};
use meshwork_shared::identity::{AuthorityKey, AuthorityPublic};
use meshwork_shared::ids::MeshId;
use meshwork_shared::protocol::{EpochSecret, Join, LinkSecrets, SecretBinary};
use meshwork_shared::signed_schema::{SignedSchema, SignedSchemaError};
use meshwork_shared::ticket::{Claims, SignError, SignedTicket, Ticket};
use subtle::ConstantTimeEq;

use crate::registry::LinkEpochs;

/// The authority key and the mesh that it speaks for. Debug shows no key.
#[derive(Clone, Debug)]
pub(crate) struct Signing {
    key: AuthorityKey,
    mesh: MeshId,
}

/// The present schema, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct PresentSchema {
    pub(crate) number: u64,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) json: String,
    pub(crate) signed: SignedSchema,
}

impl Signing {
    pub(crate) fn new(key: AuthorityKey, mesh: MeshId) -> Self {
        Self { key, mesh }
    }

    pub(crate) fn public(&self) -> AuthorityPublic {
        self.key.public()
    }

    pub(crate) fn mesh(&self) -> MeshId {
        self.mesh
    }

    pub(crate) fn ticket(&self, claims: Claims) -> Result<SignedTicket, SignError> {
        Ticket::sign(claims, &self.key)
    }

    pub(crate) fn schema(
        &self,
        number: u64,
        schema: &Schema,
    ) -> Result<PresentSchema, SignedSchemaError> {
        let (json, fingerprint) = (schema.canonical_json(), schema.fingerprint());
        let signed =
            SignedSchema::sign(number, json.as_bytes(), fingerprint, &self.mesh, &self.key)?;
        Ok(PresentSchema { number, fingerprint, json, signed })
    }

    /// The secrets of worker links in these epochs.
    pub(crate) fn link_secrets(&self, epochs: LinkEpochs) -> LinkSecrets {
        let secret = |(epoch, from_unix_s)| {
            let secret = SecretBinary::new(*self.key.link_secret(epoch).expose_bytes());
            EpochSecret { epoch, from_unix_s, secret }
        };
        LinkSecrets { secrets: epochs.starts().map(secret).into() }
    }

    /// What a ticket says that a worker brought back, if this authority signed it for this mesh.
    pub(crate) fn claims(&self, ticket: Option<&[u8]>) -> Option<Claims> {
        let ticket = Ticket::verify(ticket?, &self.key.public(), &self.mesh);
        match ticket {
            Ok(ticket) => Some(ticket.claims),
            Err(error) => {
                log::debug!("a ticket that a worker brought does not count here: {error}");
                None
            }
        }
    }

    /// The number under which this authority signed exactly the present schema, if the worker
    /// brings the proof.
    pub(crate) fn proven_schema(&self, join: &Join, present: &PresentSchema) -> Option<u64> {
        let known = join.schema.as_ref()?;
        let shown = known.signature.as_ref().map(|signature| signature.0.clone())?;
        if known.fingerprint != present.fingerprint {
            return None;
        }
        // A key signs a text in one way only: signing it again is checking it.
        let signed = match known.number == present.number {
            true => present.signed.clone(),
            false => {
                let json = present.json.as_bytes();
                let fingerprint = present.fingerprint;
                SignedSchema::sign(known.number, json, fingerprint, &self.mesh, &self.key).ok()?
            }
        };
        let signature = signed.as_bytes().last_chunk::<64>()?;
        bool::from(signature.as_slice().ct_eq(&shown)).then_some(known.number)
    }
}
