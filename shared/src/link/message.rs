//! What goes in and out of a link: requests, bodies, calls of the peer.

use bytes::Bytes;
use tokio::time::Instant;

use crate::codec::Codec;
use crate::ids::CallId;
use crate::outcome::ErrorBody;
use crate::record::TraceContext;

/// Encoded arguments or an encoded reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// How `bytes` are encoded.
    pub codec: Codec,
    /// The encoded value.
    pub bytes: Bytes,
}

impl Body {
    /// No value at all.
    pub fn empty() -> Self {
        Self { codec: Codec::None, bytes: Bytes::new() }
    }

    /// Bytes as they are.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { codec: Codec::Raw, bytes: bytes.into() }
    }
}

/// Which command a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRef {
    /// The callee's own number of it, in the schema that the callee announced.
    Number(u16),
    /// Its name; for control messages and for callees whose schema differs from ours.
    Name(Bytes),
}

/// One request to be sent over a link.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked for.
    pub command: CommandRef,
    /// The arguments.
    pub body: Body,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// The trace that the call is part of.
    pub trace: Option<TraceContext>,
    /// Which attempt of a job this is, from 1.
    pub attempt: Option<u32>,
    /// True for a CALL, false for a CAST.
    pub wants_reply: bool,
}

/// A request of the peer, complete and within all bounds of the link.
#[derive(Clone, Debug)]
pub struct InboundCall {
    /// Its number, chosen by the peer.
    pub id: CallId,
    /// What is asked for.
    pub command: CommandRef,
    /// The arguments.
    pub body: Body,
    /// When the caller stops waiting, by our clock.
    pub deadline: Instant,
    /// The trace that the call is part of.
    pub trace: Option<TraceContext>,
    /// Which attempt of a job this is, from 1.
    pub attempt: Option<u32>,
    /// False for a CAST: whatever is answered goes nowhere.
    pub wants_reply: bool,
}

/// What a callee answers.
pub type Answer = Result<Body, ErrorBody>;
