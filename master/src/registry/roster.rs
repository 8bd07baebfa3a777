//! The members, found by name, by link and by key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::WorkerName;
use meshwork_shared::ids::NodeId;
use meshwork_shared::protocol::{Member, MemberKey, ProcessId};
use meshwork_shared::ticket::Claims;

use super::SessionId;

/// Tickets of one member that are remembered beside its present one. One is made every 12 h and
/// lives for 24 h, so that two would do; the oldest is forgotten.
const OLDER_TICKETS_MAX: usize = 8;

/// All that the registry knows of a member.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// What others may know of it.
    pub(super) member: Arc<Member>,
    /// Which start of the process.
    pub(super) process: ProcessId,
    /// Its link, if it has one.
    pub(super) session: Option<SessionId>,
    /// When it was lost, if it has no link.
    pub(super) lost_at: Option<Duration>,
    /// When it was first admitted in this incarnation, unix milliseconds.
    pub(super) since_unix_ms: u64,
    /// Whether this master gave it its incarnation, rather than found it in a ticket.
    pub(super) numbered_here: bool,
    /// What its present ticket says.
    pub(super) claims: Claims,
    /// Serials before, with the unix second at which each ticket ends.
    pub(super) older: Vec<(u64, u64)>,
    /// Number of the view that it was last sent.
    pub(super) view_number: u64,
    /// The first change that its view does not have yet.
    pub(super) next_change: u64,
}

impl Record {
    /// Whether that process is this one.
    pub(super) fn is_process(&self, node: NodeId, process: ProcessId) -> bool {
        self.member.node == node && self.process == process
    }

    /// Takes new claims, remembering the serial before.
    pub(super) fn set_claims(&mut self, claims: Claims) {
        if claims.serial == self.claims.serial {
            return;
        }
        if self.older.len() == OLDER_TICKETS_MAX {
            self.older.remove(0);
        }
        self.older.push((self.claims.serial, self.claims.validity.not_after));
        self.claims = claims;
    }

    /// All its serials, with the unix second at which each ticket ends.
    pub(super) fn serials(&self) -> impl Iterator<Item = (u64, u64)> {
        let present = (self.claims.serial, self.claims.validity.not_after);
        self.older.iter().copied().chain([present])
    }
}

/// The members. Every change of who they are goes through here, so that the indices agree.
#[derive(Debug, Default)]
pub(super) struct Roster {
    records: BTreeMap<MemberKey, Record>,
    by_session: BTreeMap<SessionId, MemberKey>,
    by_node: BTreeMap<NodeId, MemberKey>,
    by_worker: BTreeMap<WorkerName, usize>,
}

impl Roster {
    pub(super) fn record(&self, key: &MemberKey) -> Option<&Record> {
        self.records.get(key)
    }

    /// For changes of anything but key, node and session.
    pub(super) fn record_mut(&mut self, key: &MemberKey) -> Option<&mut Record> {
        self.records.get_mut(key)
    }

    pub(super) fn key_of_session(&self, session: SessionId) -> Option<&MemberKey> {
        self.by_session.get(&session)
    }

    pub(super) fn key_of_node(&self, node: NodeId) -> Option<&MemberKey> {
        self.by_node.get(&node)
    }

    /// All members, by worker and variant.
    pub(super) fn records(&self) -> impl Iterator<Item = (&MemberKey, &Record)> {
        self.records.iter()
    }

    /// All members, for changes of anything but key, node and session.
    pub(super) fn records_mut(&mut self) -> impl Iterator<Item = (&MemberKey, &mut Record)> {
        self.records.iter_mut()
    }

    /// The links of all members, by worker and variant.
    pub(super) fn sessions(&self) -> Vec<(MemberKey, SessionId)> {
        let live = |(key, record): (&MemberKey, &Record)| Some((key.clone(), record.session?));
        self.records.iter().filter_map(live).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn worker_len(&self, worker: &WorkerName) -> usize {
        self.by_worker.get(worker).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, record: Record) {
        let key = record.member.key.clone();
        self.remove(&key);
        if let Some(session) = record.session {
            self.by_session.insert(session, key.clone());
        }
        self.by_node.insert(record.member.node, key.clone());
        *self.by_worker.entry(key.worker.clone()).or_default() += 1;
        self.records.insert(key, record);
    }

    pub(super) fn remove(&mut self, key: &MemberKey) -> Option<Record> {
        let record = self.records.remove(key)?;
        if let Some(session) = record.session {
            self.by_session.remove(&session);
        }
        if self.by_node.get(&record.member.node) == Some(key) {
            self.by_node.remove(&record.member.node);
        }
        if let Some(count) = self.by_worker.get_mut(&key.worker) {
            *count -= 1;
            if *count == 0 {
                self.by_worker.remove(&key.worker);
            }
        }
        Some(record)
    }

    /// Takes the link away from whoever has it.
    pub(super) fn detach(&mut self, session: SessionId, now: Duration) -> Option<&mut Record> {
        let key = self.by_session.remove(&session)?;
        let record = self.records.get_mut(&key)?;
        record.session = None;
        record.lost_at = Some(now);
        Some(record)
    }
}
