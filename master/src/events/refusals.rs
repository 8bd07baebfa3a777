//! Handshakes that were refused, as events. Anybody who reaches the port can cause them, as many as
//! he likes: they are counted, and told of so seldom that they push nothing else out of the
//! history. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::EventKind;

/// One cause is told of at most this often; the first time at once.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The causes that are told of. Connections that only end, or stay silent, are health checks and
/// scanners: they are counted (`meshwork_handshakes_total`) and no events.
const TOLD: [&str; 14] = [
    "flags",
    "full",
    "introduction",
    "kind",
    "length",
    "low_order",
    "magic",
    "oneself",
    "out_of_order",
    "retired_key",
    "unknown_psk",
    "unproven",
    "version",
    "wrong_psk",
];

/// Refusals that were not told of yet, by cause.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    rows: BTreeMap<&'static str, Row>,
}

#[derive(Debug)]
struct Row {
    told_at: Option<Instant>,
    untold: u64,
    /// Where the last one came from.
    from: IpAddr,
}

impl Refusals {
    /// A handshake was refused.
    pub(crate) fn note(&mut self, cause: &str, from: IpAddr) {
        let Some(cause) = TOLD.into_iter().find(|told| *told == cause) else { return };
        let row = self.rows.entry(cause).or_insert(Row { told_at: None, untold: 0, from });
        row.untold = row.untold.saturating_add(1);
        row.from = from;
    }

    /// What is to be told now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<EventKind> {
        let due = self.rows.iter_mut().filter(|(_, row)| {
            row.untold > 0 && row.told_at.is_none_or(|at| now >= at + TOLD_EVERY)
        });
        due.map(|(cause, row)| {
            row.told_at = Some(now);
            let times = std::mem::take(&mut row.untold);
            EventKind::HandshakeRefused { cause: (*cause).to_owned(), from: row.from, times }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::events::{HISTORY_EVENTS_MAX, History};

    fn from(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn refused(cause: &str, last: u8, times: u64) -> EventKind {
        EventKind::HandshakeRefused { cause: cause.to_owned(), from: from(last), times }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_told_once_a_minute_and_all_of_them_in_the_end() {
        let mut refusals = Refusals::default();
        refusals.note("wrong_psk", from(1));
        refusals.note("closed", from(9));
        assert_eq!(refusals.due(Instant::now()), [refused("wrong_psk", 1, 1)]);
        for n in 0..1000_u32 {
            refusals.note("wrong_psk", from((n % 7) as u8));
        }
        refusals.note("version", from(8));
        assert_eq!(refusals.due(Instant::now()), [refused("version", 8, 1)]);
        tokio::time::advance(TOLD_EVERY).await;
        assert_eq!(refusals.due(Instant::now()), [refused("wrong_psk", 5, 1000)]);
        tokio::time::advance(TOLD_EVERY).await;
        assert_eq!(refusals.due(Instant::now()), [], "nothing has come since");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_every_cause_for_hours_drowns_nothing() {
        let mut refusals = Refusals::default();
        let mut history = History::new(1, HISTORY_EVENTS_MAX);
        history.push(EventKind::SchemaChanged { schema: 7 }, 0);
        for _ in 0..4 * 3600 {
            for cause in TOLD {
                (0..10).for_each(|n| refusals.note(cause, from(n)));
            }
            for event in refusals.due(Instant::now()) {
                history.push(event, 0);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(history.page(None, 0, 1).lost, 0, "the first event is still there");
    }
}
