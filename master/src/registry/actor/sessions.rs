//! The links of the master and who waits for an answer on them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::NodeId;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, Request};
use meshwork_shared::protocol::Message;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::registry::{AdmissionKey, SessionId};

/// How long a message to a worker may wait to be written: as long as it takes, for none may be lost
/// while the link lives. What waits is bounded in bytes, and a link that writes nothing ends.
const CAST_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// Links that may stay without having joined; one more closes the oldest of the key that has most
/// of them, so that who holds the key of one worker does not keep the others out.
const UNJOINED_MAX: usize = 500;

/// One link.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) node: NodeId,
    pub(super) key: AdmissionKey,
    /// Its `join` waits for an answer.
    pub(super) join_reply: Option<oneshot::Sender<Body>>,
    /// Its `leave` waits for an answer.
    pub(super) leave_reply: Option<oneshot::Sender<Body>>,
    /// When it must have joined; `None` once it has.
    pub(super) join_by: Option<Instant>,
    /// It has sent a report, so that it knows what a pace is.
    pub(super) reports: bool,
}

impl Session {
    pub(super) fn new(link: Link, node: NodeId, key: AdmissionKey, join_by: Instant) -> Self {
        let join_by = Some(join_by);
        let (join_reply, leave_reply) = (None, None);
        Self { link, node, key, join_reply, leave_reply, join_by, reports: false }
    }

    /// Whether no join has come yet.
    fn is_unjoined(&self) -> bool {
        self.join_by.is_some() && self.join_reply.is_none()
    }
}

/// All links, at most `max`.
pub(super) struct Sessions {
    open: BTreeMap<SessionId, Session>,
    next: u64,
    max: usize,
}

impl Sessions {
    pub(super) fn new(max: usize) -> Self {
        Self { open: BTreeMap::new(), next: 0, max }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.max
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next_id(&mut self) -> SessionId {
        let id = SessionId(self.next);
        self.next += 1;
        id
    }

    pub(super) fn add(&mut self, id: SessionId, session: Session) {
        self.open.insert(id, session);
    }

    pub(super) fn remove(&mut self, id: SessionId) {
        self.open.remove(&id);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.open.iter().map(|(id, session)| (*id, session))
    }

    pub(super) fn find(&self, id: SessionId) -> Option<&Session> {
        self.open.get(&id)
    }

    pub(super) fn find_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.open.get_mut(&id)
    }

    pub(super) fn close(&self, id: SessionId, code: CloseCode, text: &str) {
        if let Some(session) = self.open.get(&id) {
            session.link.close(code, text);
        }
    }

    pub(super) fn close_all(&self, code: CloseCode, text: &str) {
        self.open.values().for_each(|session| session.link.close(code, text));
    }

    /// Closes a link that has not joined, if there are as many of those as there may be.
    pub(super) fn make_room(&mut self) {
        let mut by_key: BTreeMap<&AdmissionKey, usize> = BTreeMap::new();
        let unjoined = self.open.values().filter(|session| session.is_unjoined());
        unjoined.for_each(|session| *by_key.entry(&session.key).or_default() += 1);
        if by_key.values().sum::<usize>() < UNJOINED_MAX {
            return;
        }
        let most = by_key.into_iter().max_by_key(|(_, links)| *links);
        let Some(key) = most.map(|(key, _)| key.clone()) else { return };
        // Ids grow: the first is the oldest.
        let mut of_key = self.open.values_mut().filter(|session| session.key == key);
        if let Some(oldest) = of_key.find(|session| session.is_unjoined()) {
            oldest.join_by = None;
            oldest.link.close(CloseCode::NotReady, "too many links wait to join");
        }
    }

    /// Closes the links that have not joined in time.
    pub(super) fn close_idle(&mut self, now: Instant) {
        for session in self.open.values_mut().filter(|session| session.is_unjoined()) {
            if session.join_by.is_some_and(|by| by <= now) {
                session.join_by = None;
                session.link.close(CloseCode::NotReady, "no join came");
            }
        }
    }

    /// Sends a message; a worker that does not keep up with reading is closed, and joins again.
    pub(super) fn cast<M: Message>(&self, id: SessionId, message: &M) {
        let Some(session) = self.open.get(&id) else { return };
        let body = Body { codec: Codec::Json, bytes: message.encode() };
        let request = control_request(M::NAME, body, CAST_WITHIN, false);
        if let Err(reason) = session.link.cast(request)
            && session.link.is_open()
        {
            log::warn!("session {} is closed, it does not keep up: {reason}", id.0);
            session.link.close(CloseCode::Stalled, "too many control messages wait");
        }
    }
}

/// A control message as a request.
pub(super) fn control_request(
    name: &'static str,
    body: Body,
    within: Duration,
    wants_reply: bool,
) -> Request {
    Request {
        command: CommandRef::Name(Bytes::from_static(name.as_bytes())),
        body,
        deadline: Instant::now() + within,
        trace: None,
        attempt: None,
        wants_reply,
    }
}
