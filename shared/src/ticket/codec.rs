//! The bytes of a ticket (integers big-endian):
//!
//! ```text
//! "MTK1" | authority id 8 | mesh id 16 | subject 32 | role 1 | flags 1 | schema version 8 | serial
//! 8
//! | incarnation 8 | not_before 8 | not_after 8 | length 1 + worker | length 1 + variant
//! | Ed25519 signature 64 over "mesh/ticket/v1\0" and all before it
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::{Bearer, Claims, Role, TicketError, Validity};
use crate::identity::{AuthorityId, AuthorityKey, AuthorityPublic, is_sound};
use crate::ids::{Incarnation, MeshId, NodeId};
use crate::limits::TICKET_BYTES_MAX;

/// Shortest ticket, in bytes: no names, as the master's. The longest has
/// [`TICKET_BYTES_MAX`](crate::limits::TICKET_BYTES_MAX): both names 64 bytes long.
pub const TICKET_BYTES_MIN: usize = 168;

const MAGIC: &[u8; 4] = b"MTK1";
const DOMAIN: &[u8] = b"mesh/ticket/v1\0";
const SIGNATURE: usize = 64;

/// A ticket whose signature and form were checked: what the authority said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Who signed it.
    pub authority: AuthorityId,
    /// What it says.
    pub claims: Claims,
}

/// The bytes of a ticket as they travel. Not checked: that is what
/// [`TicketPolicy::check`](super::TicketPolicy::check) does. Not secret: without the private key of
/// its subject it is worth nothing. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedTicket(Arc<[u8]>);

/// Why the master does not sign a ticket. The asker's fault (its key) or the master's (the window);
/// nothing was signed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignError {
    /// The subject's public key is a low-order point or not written in the canonical way: anybody
    /// could take part in its name.
    #[error("{0} is not a public key that can prove anything (low-order or not canonical)")]
    UnsoundSubject(NodeId),
    /// The ticket would end before it starts.
    #[error("the ticket would end at unix {not_after} s, before it starts at {not_before} s")]
    EmptyWindow {
        /// First second.
        not_before: u64,
        /// Last second.
        not_after: u64,
    },
}

impl Ticket {
    /// Signs `claims`.
    ///
    /// ```
    /// use meshwork_shared::identity::{AuthorityKey, NodeKey};
    /// use meshwork_shared::ids::{Incarnation, MeshId};
    /// use meshwork_shared::random::Random;
    /// use meshwork_shared::ticket::{Bearer, Claims, Role, Ticket, TicketPolicy, Validity};
    ///
    /// let (random, now, mesh) = (Random::system(), 1_800_000_000, MeshId([7; 16]));
    /// let authority = AuthorityKey::generate(&random);
    /// let node = NodeKey::generate(&random).node_id();
    /// let claims = Claims {
    ///     mesh,
    ///     subject: node,
    ///     bearer: Bearer::Worker { worker: "gateway".parse()?, variant: "pod-1".parse()? },
    ///     schema_version: 1,
    ///     serial: 42,
    ///     incarnation: Incarnation(9),
    ///     validity: Validity::starting(now),
    /// };
    /// let signed = Ticket::sign(claims.clone(), &authority)?;
    ///
    /// let mut policy = TicketPolicy::new(mesh);
    /// policy.trust(authority.public())?;
    /// let ticket = policy.check(signed.as_bytes(), &node, Role::Worker, now)?;
    /// assert_eq!(ticket.claims, claims);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SignError`]: a subject that proves nothing, or a window that is empty.
    pub fn sign(claims: Claims, authority: &AuthorityKey) -> Result<SignedTicket, SignError> {
        let Validity { not_before, not_after } = claims.validity;
        if not_after < not_before {
            return Err(SignError::EmptyWindow { not_before, not_after });
        }
        if !is_sound(&claims.subject) {
            return Err(SignError::UnsoundSubject(claims.subject));
        }
        let mut bytes = Self { authority: authority.id(), claims }.encode();
        let signature = authority.sign(DOMAIN, &bytes);
        bytes.extend_from_slice(&signature);
        Ok(SignedTicket(bytes.into()))
    }

    /// What `authority` signed for `mesh`, whenever it counts and whoever shows it: for the master,
    /// to whom tickets come back. Peers use [`TicketPolicy::check`](super::TicketPolicy::check).
    ///
    /// # Errors
    /// The first of these to fail: length, authority, signature, form, mesh.
    pub fn verify(
        bytes: &[u8],
        authority: &AuthorityPublic,
        mesh: &MeshId,
    ) -> Result<Self, TicketError> {
        let ticket = Self::open(bytes, |id| (*id == authority.id()).then_some(*authority))?;
        match ticket.claims.mesh == *mesh {
            true => Ok(ticket),
            false => Err(TicketError::Mesh { found: ticket.claims.mesh }),
        }
    }

    /// All bytes before the signature.
    fn encode(&self) -> Vec<u8> {
        let Claims { mesh, subject, bearer, validity, .. } = &self.claims;
        let mut out = Vec::with_capacity(TICKET_BYTES_MAX);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.authority.0);
        out.extend_from_slice(&mesh.0);
        out.extend_from_slice(&subject.0);
        out.extend_from_slice(&[bearer.role() as u8, 0]);
        let numbers = [
            self.claims.schema_version,
            self.claims.serial,
            self.claims.incarnation.0,
            validity.not_before,
            validity.not_after,
        ];
        out.extend(numbers.into_iter().flat_map(u64::to_be_bytes));
        let (worker, variant) = match bearer {
            Bearer::Worker { worker, variant } => (worker.as_ref(), variant.as_ref()),
            Bearer::Master => ("", ""),
        };
        for name in [worker, variant] {
            // The name types hold at most 64 bytes.
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
        out
    }

    /// Checks length and signature, then reads the fields with nothing left over. `authority` finds
    /// the public key of an authority that is known.
    pub(super) fn open(
        bytes: &[u8],
        authority: impl FnOnce(&AuthorityId) -> Option<AuthorityPublic>,
    ) -> Result<Self, TicketError> {
        let length = TicketError::Length { bytes: bytes.len() };
        if !(TICKET_BYTES_MIN..=TICKET_BYTES_MAX).contains(&bytes.len()) {
            return Err(length);
        }
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(length)?;
        let mut fields = Fields(signed);
        let magic: [u8; 4] = fields.take("magic")?;
        let id = AuthorityId(fields.take("authority id")?);
        let public = authority(&id).ok_or(TicketError::UnknownAuthority(id))?;
        let checks_signature = !cfg!(mutate = "ticket_signature");
        if checks_signature && !public.verify(DOMAIN, signed, signature) {
            return Err(TicketError::Signature);
        }
        if magic != *MAGIC {
            return Err(TicketError::Malformed("magic"));
        }
        Ok(Self { authority: id, claims: fields.claims()? })
    }
}

/// What is left to read of a ticket.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], TicketError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TicketError::Malformed(field))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self, field: &'static str) -> Result<u64, TicketError> {
        self.take(field).map(u64::from_be_bytes)
    }

    fn name(&mut self, field: &'static str) -> Result<&'a str, TicketError> {
        let [length] = self.take(field)?;
        let split = self.0.split_at_checked(usize::from(length));
        let (name, rest) = split.ok_or(TicketError::Malformed(field))?;
        self.0 = rest;
        std::str::from_utf8(name).map_err(|_| TicketError::Malformed(field))
    }

    fn claims(mut self) -> Result<Claims, TicketError> {
        let mesh = MeshId(self.take("mesh id")?);
        let subject = NodeId(self.take("subject")?);
        let [role, flags] = self.take("role and flags")?;
        if flags != 0 {
            return Err(TicketError::Malformed("flags"));
        }
        let schema_version = self.number("schema version")?;
        let serial = self.number("serial")?;
        let incarnation = Incarnation(self.number("incarnation")?);
        let not_before = self.number("not_before")?;
        let not_after = self.number("not_after")?;
        let (worker, variant) = (self.name("worker")?, self.name("variant")?);
        let bearer = bearer(role, worker, variant)?;
        if !self.0.is_empty() {
            return Err(TicketError::Malformed("end"));
        }
        if not_after < not_before {
            return Err(TicketError::Malformed("validity"));
        }
        let validity = Validity { not_before, not_after };
        Ok(Claims { mesh, subject, bearer, schema_version, serial, incarnation, validity })
    }
}

fn bearer(role: u8, worker: &str, variant: &str) -> Result<Bearer, TicketError> {
    if role == Role::Worker as u8 {
        let worker = parse(worker, "worker")?;
        Ok(Bearer::Worker { worker, variant: parse(variant, "variant")? })
    } else if role != Role::Master as u8 {
        Err(TicketError::Malformed("role"))
    } else if worker.is_empty() && variant.is_empty() {
        Ok(Bearer::Master)
    } else {
        Err(TicketError::Malformed("name of a master"))
    }
}

fn parse<T: FromStr>(name: &str, field: &'static str) -> Result<T, TicketError> {
    name.parse().map_err(|_| TicketError::Malformed(field))
}

impl SignedTicket {
    /// Takes bytes that arrived.
    ///
    /// # Errors
    /// [`TicketError::Length`] when no ticket has that length; nothing else is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TicketError> {
        if (TICKET_BYTES_MIN..=TICKET_BYTES_MAX).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(TicketError::Length { bytes: bytes.len() })
        }
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SignedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedTicket({} bytes)", self.0.len())
    }
}
