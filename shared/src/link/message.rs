//! What goes in and out of a link: requests, bodies, calls of the peer.

use bytes::Bytes;
use tokio::time::Instant;

use crate::codec::Codec;
use crate::ids::CallId;
use crate::limits::CHUNKED_ABOVE_BYTES;
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

    /// What an ERROR record says.
    pub(crate) fn error(error: &ErrorBody) -> Self {
        Self { codec: Codec::Json, bytes: Codec::Json.encode(error).unwrap_or_default() }
    }

    /// The same in memory of its own, for a request that is going to wait: what came in a frame
    /// with others is a view of it, and would keep all of it. A large one came in pieces, and is
    /// by itself already.
    #[must_use]
    pub fn detached(mut self) -> Self {
        if self.bytes.len() <= CHUNKED_ABOVE_BYTES {
            self.bytes = Bytes::copy_from_slice(&self.bytes);
        }
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detached_body_keeps_no_frame() {
        let frame = Bytes::from(vec![7; 256 << 10]);
        let body = Body::raw(frame.slice(..10)).detached();
        assert!(frame.try_into_mut().is_ok(), "the frame is free");
        assert_eq!(body, Body::raw(vec![7; 10]));
        let large = Bytes::from(vec![7; 1 << 20]);
        assert_eq!(Body::raw(large.clone()).detached().bytes.as_ptr(), large.as_ptr());
    }
}
