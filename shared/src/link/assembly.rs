//! Large messages on their way in: memory is reserved before a byte is granted, so a peer can never
//! make this process hold more than the link's reassembly bound.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::large::LargeKey;
use crate::limits::{Limits, WINDOW_BYTES_MAX};
use crate::record::Record;

/// A message without a piece for this long is given up and its memory freed.
const IDLE_MAX: Duration = Duration::from_secs(60);

struct Partial {
    opening: Record,
    total: usize,
    bytes: Vec<u8>,
    /// Bytes granted so far; 0 while the message waits for memory.
    granted: usize,
    /// Its place among those that wait for memory.
    turn: u64,
    /// When the last piece came; from the first look at it after its grant, when none has come.
    heard: Option<Instant>,
}

impl Partial {
    /// Takes in a piece of what is announced. The memory grows as bytes come, never beyond that.
    fn take(&mut self, piece: &[u8]) {
        let (received, capacity) = (self.bytes.len() + piece.len(), self.bytes.capacity());
        if received > capacity {
            let room = (2 * capacity).min(self.total).max(received);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
    }
}

/// A grant to be written as WINDOW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) key: LargeKey,
    pub(crate) bytes: u32,
}

/// Why an opening record was not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum OpenRefused {
    /// Larger than a message may be.
    TooLarge { bytes: u64, limit: u64 },
    /// The peer opens what is open already, announces nothing, or sends a body along.
    Violation,
}

/// A piece that breaks the rules; the link closes.
#[derive(Debug, PartialEq)]
pub(crate) struct PieceViolation;

/// All large messages of a link that are being received.
pub(crate) struct Assembly {
    partial: BTreeMap<LargeKey, Partial>,
    /// Who waits for memory, by turn. Whoever is withdrawn leaves no trace.
    waiting: BTreeMap<u64, LargeKey>,
    turns: u64,
    reserved: usize,
    message_bytes_max: usize,
    reassembly_bytes_max: usize,
}

impl Assembly {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            partial: BTreeMap::new(),
            waiting: BTreeMap::new(),
            turns: 0,
            reserved: 0,
            message_bytes_max: limits.message_bytes_max,
            reassembly_bytes_max: limits.reassembly_bytes_max.max(limits.message_bytes_max),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.partial.len()
    }

    /// A record announced a message of `total` bytes. It waits when the memory is taken.
    pub(crate) fn open(
        &mut self,
        key: LargeKey,
        mut opening: Record,
        total: usize,
    ) -> Result<Option<Grant>, OpenRefused> {
        if total == 0 || !opening.body.is_empty() || self.partial.contains_key(&key) {
            return Err(OpenRefused::Violation);
        }
        if total > self.message_bytes_max {
            let (bytes, limit) = (total as u64, self.message_bytes_max as u64);
            return Err(OpenRefused::TooLarge { bytes, limit });
        }
        // However long it waits, the frame that it came in does not.
        opening.body = Bytes::new();
        let name = &mut opening.extension.command_name;
        *name = name.as_deref().map(Bytes::copy_from_slice);
        let (turn, bytes) = (self.turns, Vec::new());
        self.partial.insert(key, Partial { opening, total, bytes, granted: 0, turn, heard: None });
        self.waiting.insert(turn, key);
        self.turns += 1;
        Ok(self.reserve().into_iter().next())
    }

    /// Reserves memory for those who wait for it, in their order.
    fn reserve(&mut self) -> Vec<Grant> {
        let mut grants = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            let key = *first.get();
            if let Some(partial) = self.partial.get_mut(&key) {
                if self.reserved + partial.total > self.reassembly_bytes_max {
                    break;
                }
                self.reserved += partial.total;
                partial.granted = partial.total.min(WINDOW_BYTES_MAX);
                grants.push(Grant { key, bytes: partial.granted as u32 });
            }
            first.remove();
        }
        grants
    }

    /// A piece came: the whole message with the last one, else perhaps a further grant. A piece of
    /// a message that was given up is passed over: it was on its way.
    pub(crate) fn piece(
        &mut self,
        key: LargeKey,
        piece: &[u8],
        last: bool,
        now: Instant,
    ) -> Result<(Option<Record>, Vec<Grant>), PieceViolation> {
        let Some(partial) = self.partial.get_mut(&key) else { return Ok((None, Vec::new())) };
        let received = partial.bytes.len() + piece.len();
        if received > partial.granted || (last && received != partial.total) {
            return Err(PieceViolation);
        }
        partial.take(piece);
        partial.heard = Some(now);
        if last {
            return Ok(self.complete(key));
        }
        let ahead = partial.granted - received;
        let more =
            (WINDOW_BYTES_MAX - ahead.min(WINDOW_BYTES_MAX)).min(partial.total - partial.granted);
        if ahead > WINDOW_BYTES_MAX / 2 || more == 0 {
            return Ok((None, Vec::new()));
        }
        partial.granted += more;
        Ok((None, vec![Grant { key, bytes: more as u32 }]))
    }

    fn complete(&mut self, key: LargeKey) -> (Option<Record>, Vec<Grant>) {
        let record = self.partial.remove(&key).map(|partial| {
            self.reserved -= partial.total;
            let mut record = partial.opening;
            record.body = partial.bytes.into();
            record.extension.total_bytes = None;
            record
        });
        (record, self.reserve())
    }

    /// Forgets a message that is no longer wanted; says whether there was one, and who may go on.
    pub(crate) fn withdraw(&mut self, key: LargeKey) -> (bool, Vec<Grant>) {
        let Some(partial) = self.partial.remove(&key) else { return (false, Vec::new()) };
        if partial.granted > 0 {
            self.reserved -= partial.total;
        } else {
            self.waiting.remove(&partial.turn);
        }
        (true, self.reserve())
    }

    /// Messages whose sender has gone quiet. To be asked now and then: what was granted since the
    /// last time is quiet from now on.
    pub(crate) fn stale(&mut self, now: Instant) -> Vec<LargeKey> {
        let granted = self.partial.iter_mut().filter(|(_, partial)| partial.granted > 0);
        let stale = granted.filter_map(|(key, partial)| {
            let heard = *partial.heard.get_or_insert(now);
            (now.saturating_duration_since(heard) > IDLE_MAX).then_some(*key)
        });
        stale.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::large::Role;
    use super::*;
    use crate::ids::CallId;
    use crate::record::RecordType;

    const MIB: usize = 1 << 20;

    fn key(id: u64) -> LargeKey {
        LargeKey { role: Role::Request, id: CallId(id) }
    }

    fn open(assembly: &mut Assembly, id: u64, total: usize) -> Result<Option<Grant>, OpenRefused> {
        let opening = Record::bare(RecordType::Call, CallId(id));
        assembly.open(key(id), opening, total)
    }

    /// Sends what is granted until the message is whole; says how many grants it took.
    fn fill(assembly: &mut Assembly, id: u64, total: usize, first: Grant) -> (usize, Vec<Grant>) {
        let (mut left, mut granted, mut grants) = (total, first.bytes as usize, 1);
        loop {
            let len = granted.min(left).min(64 << 10);
            (left, granted) = (left - len, granted - len);
            let (done, more) =
                assembly.piece(key(id), &vec![9; len], left == 0, Instant::now()).unwrap();
            if let Some(record) = done {
                assert_eq!(record.body.len(), total);
                return (grants, more);
            }
            for grant in more {
                granted += grant.bytes as usize;
                grants += 1;
            }
        }
    }

    #[tokio::test]
    async fn memory_is_reserved_before_it_is_granted() {
        let mut assembly = Assembly::new(&Limits::default());
        let first = open(&mut assembly, 1, 8 * MIB).unwrap().unwrap();
        assert!(open(&mut assembly, 2, 8 * MIB).unwrap().is_some());
        assert_eq!(open(&mut assembly, 3, 8 * MIB), Ok(None), "the third waits");
        let (grants, next) = fill(&mut assembly, 1, 8 * MIB, first);
        assert!(grants > 16, "granted bit by bit");
        assert_eq!(next.len(), 1, "and the third goes on");
        assert_eq!(next[0].key, key(3));
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_refused() {
        let mut assembly = Assembly::new(&Limits::default());
        let refused = open(&mut assembly, 1, 8 * MIB + 1);
        assert!(matches!(refused, Err(OpenRefused::TooLarge { .. })));
        assert_eq!(open(&mut assembly, 1, 0), Err(OpenRefused::Violation));
        assert_eq!(assembly.len(), 0);
    }

    #[tokio::test]
    async fn more_than_granted_is_a_violation() {
        let mut assembly = Assembly::new(&Limits::default());
        open(&mut assembly, 1, MIB).unwrap();
        let over = vec![0; WINDOW_BYTES_MAX + 1];
        assert_eq!(assembly.piece(key(1), &over, false, Instant::now()), Err(PieceViolation));
        let short = assembly.piece(key(1), &[0; 10], true, Instant::now());
        assert_eq!(short, Err(PieceViolation), "END before the announced length");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_sender_frees_its_memory() {
        let mut assembly = Assembly::new(&Limits::default());
        open(&mut assembly, 1, 8 * MIB).unwrap();
        assert!(assembly.stale(Instant::now()).is_empty());
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        assert_eq!(assembly.stale(Instant::now()), [key(1)]);
        assert!(assembly.withdraw(key(1)).0);
        assert_eq!(assembly.reserved, 0);
    }

    /// True while others hold the same memory.
    fn is_shared(bytes: Bytes) -> bool {
        bytes.try_into_mut().is_err()
    }

    #[tokio::test]
    async fn a_message_takes_no_more_memory_than_it_announced() {
        let mut assembly = Assembly::new(&Limits::default());
        let total = 5 * MIB + 1;
        let mut granted = open(&mut assembly, 1, total).unwrap().unwrap().bytes as usize;
        let mut sent = 0;
        while sent + 1 < total {
            let len = (granted - sent).min(48 << 10).min(total - 1 - sent);
            let (_, more) = assembly.piece(key(1), &vec![9; len], false, Instant::now()).unwrap();
            sent += len;
            granted += more.iter().map(|grant| grant.bytes as usize).sum::<usize>();
            let room = assembly.partial[&key(1)].bytes.capacity();
            assert!(room <= total && room <= 2 * sent, "{room} bytes for {sent} of {total}");
        }
    }

    #[tokio::test]
    async fn what_waits_holds_no_frame() {
        let mut assembly = Assembly::new(&Limits::default());
        let frame = Bytes::from(vec![b'n'; 256 << 10]);
        let mut opening = Record::bare(RecordType::Call, CallId(1));
        opening.extension.command_name = Some(frame.slice(..10));
        opening.body = frame.slice(10..10);
        assembly.open(key(1), opening.clone(), MIB).unwrap();
        opening.body = frame.slice(10..11);
        opening.call_id = CallId(2);
        let refused = assembly.open(key(2), opening, MIB);
        assert_eq!(refused, Err(OpenRefused::Violation), "a body beside the announced length");
        assert!(!is_shared(frame), "the frame is free");
    }

    #[tokio::test]
    async fn a_message_that_is_withdrawn_while_it_waits_leaves_nothing_behind() {
        let mut assembly = Assembly::new(&Limits::default());
        open(&mut assembly, 1, 8 * MIB).unwrap();
        open(&mut assembly, 2, 8 * MIB).unwrap();
        open(&mut assembly, 3, 8 * MIB).unwrap();
        for id in 4..10_000 {
            // The same id again, too: a peer may do what it must not.
            for id in [id, 4] {
                assert_eq!(open(&mut assembly, id, MIB), Ok(None));
                assert_eq!(assembly.withdraw(key(id)), (true, Vec::new()));
            }
        }
        assert_eq!((assembly.len(), assembly.waiting.len()), (3, 1));
        let (_, grants) = assembly.withdraw(key(1));
        assert_eq!(grants.iter().map(|grant| grant.key).collect::<Vec<_>>(), [key(3)]);
        assert!(assembly.withdraw(key(2)).0 && assembly.withdraw(key(3)).0);
        assert_eq!((assembly.reserved, assembly.waiting.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_long_for_memory_has_its_time_from_then_on() {
        let mut assembly = Assembly::new(&Limits::default());
        for id in 1..=3 {
            open(&mut assembly, id, 8 * MIB).unwrap();
        }
        assert!(assembly.stale(Instant::now()).is_empty());
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        assert_eq!(assembly.stale(Instant::now()), [key(1), key(2)]);
        assembly.withdraw(key(1));
        assert_eq!(assembly.stale(Instant::now()), [key(2)], "the third was granted just now");
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        assert_eq!(assembly.stale(Instant::now()), [key(2), key(3)]);
    }
}
