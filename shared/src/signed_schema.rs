//! The schema as it travels and is cached: canonical JSON, numbered and signed by the authority, so
//! that workers can use it while the master is away and nobody else can change it.
//!
//! ```text
//! "MSC1" | authority id 8 | mesh id 16 | number 8 | fingerprint 32 | length 4 + canonical JSON
//! | Ed25519 signature 64 over "mesh/schema/v1\0" and all before it
//! ```

use std::fmt;

use bytes::Bytes;
use meshwork_schema::Fingerprint;
use thiserror::Error;

use crate::identity::{AuthorityId, AuthorityKey, AuthorityPublic};
use crate::ids::MeshId;

/// Longest schema, in bytes of canonical JSON.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Longest signed schema, in bytes.
pub const SIGNED_SCHEMA_BYTES_MAX: usize = HEADER + SCHEMA_BYTES_MAX + SIGNATURE;

const MAGIC: &[u8; 4] = b"MSC1";
const DOMAIN: &[u8] = b"mesh/schema/v1\0";
const HEADER: usize = 4 + 8 + 16 + 8 + 32 + 4;
const SIGNATURE: usize = 64;

/// The bytes of a signed schema as they travel; [`SignedSchema::verify`] checks them. Clones share
/// the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedSchema(Bytes);

/// What the authority signed. The JSON is not parsed yet; once it is, its fingerprint must be this.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedSchema<'a> {
    /// Number of the schema; a higher one replaces a lower one, never the other way round.
    pub number: u64,
    /// Fingerprint of the schema.
    pub fingerprint: Fingerprint,
    /// Canonical JSON, to be read with `Schema::from_json`.
    pub json: &'a [u8],
}

/// Why a signed schema is refused or not made. The sender's fault; the last good one stays in use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignedSchemaError {
    /// Longer than [`SCHEMA_BYTES_MAX`]. Split the mesh.
    #[error("a schema of {bytes} bytes; at most {SCHEMA_BYTES_MAX} are allowed")]
    TooLarge {
        /// Bytes of its JSON.
        bytes: usize,
    },
    /// Not the form of a signed schema: cut, or of another version.
    #[error("not a signed schema of this version")]
    Malformed,
    /// Signed by another authority than the one asked for.
    #[error("the schema is signed by authority {0}, which is not trusted here")]
    UnknownAuthority(AuthorityId),
    /// The authority did not sign these bytes: forged or damaged.
    #[error("the signature of the schema does not match")]
    Signature,
    /// The schema of another mesh under the same authority.
    #[error("the schema is for mesh {0}, this is another")]
    Mesh(MeshId),
}

impl SignedSchema {
    /// Signs `json`, the canonical form of the schema with that `fingerprint`, as number `number`
    /// of `mesh`.
    ///
    /// ```
    /// use meshwork_schema::Fingerprint;
    /// use meshwork_shared::identity::AuthorityKey;
    /// use meshwork_shared::ids::MeshId;
    /// use meshwork_shared::random::Random;
    /// use meshwork_shared::signed_schema::SignedSchema;
    ///
    /// let (key, mesh) = (AuthorityKey::generate(&Random::system()), MeshId([1; 16]));
    /// let signed = SignedSchema::sign(3, b"{}", Fingerprint([0; 32]), &mesh, &key)?;
    /// let verified = SignedSchema::verify(signed.as_bytes(), &key.public(), &mesh)?;
    /// assert_eq!((verified.number, verified.json), (3, &b"{}"[..]));
    /// # Ok::<(), meshwork_shared::signed_schema::SignedSchemaError>(())
    /// ```
    ///
    /// # Errors
    /// [`SignedSchemaError::TooLarge`].
    pub fn sign(
        number: u64,
        json: &[u8],
        fingerprint: Fingerprint,
        mesh: &MeshId,
        authority: &AuthorityKey,
    ) -> Result<Self, SignedSchemaError> {
        if json.len() > SCHEMA_BYTES_MAX {
            return Err(SignedSchemaError::TooLarge { bytes: json.len() });
        }
        let mut bytes = Vec::with_capacity(HEADER + json.len() + SIGNATURE);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&authority.id().0);
        bytes.extend_from_slice(&mesh.0);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&fingerprint.0);
        bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
        bytes.extend_from_slice(json);
        let signature = authority.sign(DOMAIN, &bytes);
        bytes.extend_from_slice(&signature);
        Ok(Self(bytes.into()))
    }

    /// Takes bytes that arrived or were cached.
    ///
    /// # Errors
    /// [`SignedSchemaError::TooLarge`]; nothing else is checked.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, SignedSchemaError> {
        if bytes.len() > SIGNED_SCHEMA_BYTES_MAX {
            return Err(SignedSchemaError::TooLarge { bytes: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The bytes to send or to cache.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Checks that `authority` signed `bytes` for `mesh`. Whether the number is newer than the one
    /// in use, and whether the JSON is a schema with that fingerprint, is for the caller to check.
    ///
    /// # Errors
    /// The first to fail: length, form, authority, signature, mesh.
    pub fn verify<'a>(
        bytes: &'a [u8],
        authority: &AuthorityPublic,
        mesh: &MeshId,
    ) -> Result<VerifiedSchema<'a>, SignedSchemaError> {
        if bytes.len() > SIGNED_SCHEMA_BYTES_MAX {
            return Err(SignedSchemaError::TooLarge { bytes: bytes.len() });
        }
        let malformed = SignedSchemaError::Malformed;
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(malformed.clone())?;
        let fields = Fields::split(signed).ok_or(malformed)?;
        if fields.authority != authority.id() {
            return Err(SignedSchemaError::UnknownAuthority(fields.authority));
        }
        if !authority.verify(DOMAIN, signed, signature) {
            return Err(SignedSchemaError::Signature);
        }
        if fields.mesh != *mesh {
            return Err(SignedSchemaError::Mesh(fields.mesh));
        }
        Ok(fields.schema)
    }
}

/// The parts of what is signed.
struct Fields<'a> {
    authority: AuthorityId,
    mesh: MeshId,
    schema: VerifiedSchema<'a>,
}

impl<'a> Fields<'a> {
    fn split(signed: &'a [u8]) -> Option<Self> {
        let rest = signed.strip_prefix(MAGIC)?;
        let (authority, rest) = rest.split_first_chunk()?;
        let (mesh, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (fingerprint, rest) = rest.split_first_chunk()?;
        let (length, json) = rest.split_first_chunk()?;
        if json.len() != u32::from_be_bytes(*length) as usize {
            return None;
        }
        let number = u64::from_be_bytes(*number);
        let schema = VerifiedSchema { number, fingerprint: Fingerprint(*fingerprint), json };
        Some(Self { authority: AuthorityId(*authority), mesh: MeshId(*mesh), schema })
    }
}

impl fmt::Debug for SignedSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedSchema({} bytes)", self.0.len())
    }
}

impl fmt::Debug for VerifiedSchema<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedSchema(number {}, {} bytes)", self.number, self.json.len())
    }
}

#[cfg(test)]
mod tests;
