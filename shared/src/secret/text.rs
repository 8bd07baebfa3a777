//! The text form of every key: `<prefix>_<base64url>_<4 hex digits of a checksum>`. The checksum
//! catches a mistyped or cut copy; the prefix tells one kind of key from another.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blake2::{Blake2s256, Digest};
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest text that is looked at, in bytes; every kind of key is shorter.
const TEXT_BYTES_MAX: usize = 512;

/// Which kind of key a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// `mesh1_...`: the mesh secret.
    MeshSecret,
    /// `join1_...`: a join key of one worker.
    JoinKey,
    /// `nodekey1_...`: the private key of a process, in its identity file.
    NodeKey,
    /// `authoritykey1_...`: the private key of the master, in its key file.
    AuthorityKey,
    /// `authority1_...`: the public key of the master; not secret.
    AuthorityPublic,
    /// `queueroot1_...`: a queue root of the master, in its key file.
    QueueRoot,
}

impl TextKind {
    const ALL: [Self; 6] = [
        Self::MeshSecret,
        Self::JoinKey,
        Self::NodeKey,
        Self::AuthorityKey,
        Self::AuthorityPublic,
        Self::QueueRoot,
    ];

    fn prefix(self) -> &'static str {
        match self {
            Self::MeshSecret => "mesh1_",
            Self::JoinKey => "join1_",
            Self::NodeKey => "nodekey1_",
            Self::AuthorityKey => "authoritykey1_",
            Self::AuthorityPublic => "authority1_",
            Self::QueueRoot => "queueroot1_",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::MeshSecret => "make one with `meshwork keygen`",
            Self::JoinKey => "make one with `meshwork keygen join WORKER`",
            Self::NodeKey => "move the file away and a new key is made at the next start",
            Self::AuthorityKey => "restore the master's key file from a backup",
            Self::AuthorityPublic => "the master logs it at start",
            Self::QueueRoot => "restore the master's file of queue roots from a backup",
        }
    }
}

impl fmt::Display for TextKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MeshSecret => "mesh secret",
            Self::JoinKey => "join key",
            Self::NodeKey => "node key",
            Self::AuthorityKey => "authority key",
            Self::AuthorityPublic => "authority public key",
            Self::QueueRoot => "queue root",
        })
    }
}

/// Why a text is not the key that it should be. The operator's fault; retrying does not help. The
/// text itself is never repeated, for it may be a secret all the same.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// No generated key at all: a passphrase, something too short, an empty value. Make one with
    /// the command that the message names.
    #[error(
        "this is not a {expected}: a passphrase or a short secret can be guessed offline and is \
         refused; {}", .expected.remedy()
    )]
    NotGenerated {
        /// What was needed.
        expected: TextKind,
    },
    /// A key of another kind, put in the wrong place.
    #[error("this is a {found}, but a {expected} is needed here; {}", .expected.remedy())]
    WrongKind {
        /// What was needed.
        expected: TextKind,
        /// What was given.
        found: TextKind,
    },
    /// The right kind, but a character is missing or changed. Copy it again.
    #[error("this {expected} is cut or mistyped; copy it again, or {}", .expected.remedy())]
    Damaged {
        /// What was needed.
        expected: TextKind,
    },
}

/// Writes `payload` as a checked text.
pub(crate) fn encode(kind: TextKind, payload: &[u8]) -> Zeroizing<String> {
    // Reserved at once: a string that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
    text.push_str(kind.prefix());
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    text.push('_');
    text.push_str(&checksum(kind, payload));
    text
}

/// Reads a checked text; blanks around it are ignored.
pub(crate) fn decode(kind: TextKind, text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let text = text.trim_ascii();
    let Some(rest) = text.strip_prefix(kind.prefix()) else {
        let found = TextKind::ALL.into_iter().find(|other| text.starts_with(other.prefix()));
        return Err(match found {
            Some(found) => SecretError::WrongKind { expected: kind, found },
            None => SecretError::NotGenerated { expected: kind },
        });
    };
    let damaged = SecretError::Damaged { expected: kind };
    let Some((encoded, check)) = rest.rsplit_once('_').filter(|_| rest.len() <= TEXT_BYTES_MAX)
    else {
        return Err(damaged);
    };
    let mut payload = Zeroizing::new(Vec::with_capacity(TEXT_BYTES_MAX));
    match URL_SAFE_NO_PAD.decode_vec(encoded, &mut payload) {
        Ok(()) if checksum(kind, &payload) == check => Ok(payload),
        _ => Err(damaged),
    }
}

fn checksum(kind: TextKind, payload: &[u8]) -> String {
    let hash = Blake2s256::new()
        .chain_update(b"mesh/checksum/v1")
        .chain_update(kind.prefix())
        .chain_update(payload)
        .finalize();
    format!("{:02x}{:02x}", hash[0], hash[1])
}
