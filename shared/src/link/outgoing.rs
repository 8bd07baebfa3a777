//! Large messages on their way out: cut into pieces that travel between other records, each message
//! in its turn, never more of one than its receiver has granted.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::large::{LargeKey, Role};

/// Bytes of a piece, at most: what a small record may have to wait for inside a frame.
pub(crate) const PIECE_BYTES_MAX: usize = 64 * 1024;

struct LargeMessage {
    rest: Bytes,
    granted: usize,
    /// Stands in `ready`.
    queued: bool,
}

/// A piece to be written as CHUNK, or as END when it is the last.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) key: LargeKey,
    pub(crate) bytes: Bytes,
    pub(crate) last: bool,
}

/// All large messages of a link that are being sent. Whoever lets requests in, on either side,
/// looks at how many bytes are here: what the peer does not grant stays.
#[derive(Default)]
pub(crate) struct Outgoing {
    messages: BTreeMap<LargeKey, LargeMessage>,
    ready: VecDeque<LargeKey>,
    request_bytes: usize,
    response_bytes: usize,
}

impl Outgoing {
    /// The opening record of `body` was written; pieces follow once the receiver grants them.
    pub(crate) fn open(&mut self, key: LargeKey, body: Bytes) {
        *self.bytes_mut(key.role) += body.len();
        self.messages.insert(key, LargeMessage { rest: body, granted: 0, queued: false });
    }

    /// The receiver takes `bytes` more. A message that is gone by now is no mistake of the peer.
    pub(crate) fn grant(&mut self, key: LargeKey, bytes: usize) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.granted = message.granted.saturating_add(bytes);
            if !message.queued && message.granted > 0 {
                message.queued = true;
                self.ready.push_back(key);
            }
        }
    }

    /// Forgets a message that nobody wants any more; true when some of it was still here.
    pub(crate) fn withdraw(&mut self, key: LargeKey) -> bool {
        let Some(message) = self.messages.remove(&key) else { return false };
        *self.bytes_mut(key.role) -= message.rest.len();
        true
    }

    /// Bytes of messages of this kind that are not written yet; none when there are no messages.
    pub(crate) fn bytes(&self, role: Role) -> usize {
        match role {
            Role::Request => self.request_bytes,
            Role::Response => self.response_bytes,
        }
    }

    fn bytes_mut(&mut self, role: Role) -> &mut usize {
        match role {
            Role::Request => &mut self.request_bytes,
            Role::Response => &mut self.response_bytes,
        }
    }

    /// The next piece of at most `bytes_max`, from each message in its turn.
    pub(crate) fn next_piece(&mut self, bytes_max: usize) -> Option<Piece> {
        loop {
            let key = self.ready.pop_front()?;
            // A withdrawn message leaves its key behind.
            let Some(message) = self.messages.get_mut(&key) else { continue };
            let len = message.rest.len().min(message.granted).min(bytes_max);
            let bytes = message.rest.split_to(len);
            message.granted -= len;
            message.queued = message.granted > 0 && !message.rest.is_empty();
            let last = message.rest.is_empty();
            if message.queued {
                self.ready.push_back(key);
            }
            if last {
                self.messages.remove(&key);
            }
            *self.bytes_mut(key.role) -= len;
            return Some(Piece { key, bytes, last });
        }
    }

    /// Messages of which some is still here.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// True when a piece could be written now.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::large::Role;
    use super::*;
    use crate::ids::CallId;

    fn key(id: u64) -> LargeKey {
        LargeKey { role: Role::Request, id: CallId(id) }
    }

    #[test]
    fn messages_take_turns_within_their_grants() {
        let mut outgoing = Outgoing::default();
        outgoing.open(key(1), Bytes::from(vec![1; 3 * PIECE_BYTES_MAX]));
        outgoing.open(key(2), Bytes::from(vec![2; 2 * PIECE_BYTES_MAX]));
        assert_eq!(outgoing.next_piece(PIECE_BYTES_MAX), None, "nothing goes without a grant");
        outgoing.grant(key(1), 2 * PIECE_BYTES_MAX);
        outgoing.grant(key(2), 2 * PIECE_BYTES_MAX);
        let order: Vec<_> = std::iter::from_fn(|| outgoing.next_piece(PIECE_BYTES_MAX))
            .map(|piece| (piece.key.id.0, piece.last))
            .collect();
        assert_eq!(order, [(1, false), (2, false), (1, false), (2, true)]);
        assert_eq!(outgoing.bytes(Role::Request), PIECE_BYTES_MAX, "the rest of the first");
        outgoing.grant(key(1), 10 * PIECE_BYTES_MAX);
        assert_eq!(outgoing.next_piece(PIECE_BYTES_MAX).map(|piece| piece.last), Some(true));
        assert!(!outgoing.withdraw(key(1)));
    }

    #[test]
    fn a_withdrawn_message_sends_no_more() {
        let mut outgoing = Outgoing::default();
        outgoing.open(key(1), Bytes::from(vec![1; 100]));
        outgoing.grant(key(1), 100);
        assert_eq!((outgoing.bytes(Role::Request), outgoing.bytes(Role::Response)), (100, 0));
        assert!(outgoing.withdraw(key(1)));
        assert_eq!(outgoing.bytes(Role::Request), 0);
        assert_eq!(outgoing.next_piece(PIECE_BYTES_MAX), None);
        assert!(!outgoing.is_ready());
    }
}
