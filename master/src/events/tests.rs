//! What a reader of events may rely on: no event twice, none missed without being told.

use std::sync::Arc;
use std::time::Duration;

use meshwork_shared::clock::Clock;
use meshwork_shared::protocol::MemberKey;
use proptest::prelude::*;

use super::{EventKind, EventLog, History};

fn ready(variant: u64) -> EventKind {
    let (worker, variant) = ("w".parse().unwrap(), format!("v{variant}").parse().unwrap());
    EventKind::Ready { member: MemberKey { worker, variant } }
}

proptest! {
    /// Whoever resumes where the page before ended sees every event once, or is told how many
    /// were lost.
    #[test]
    fn a_reader_accounts_for_every_event(
        max in 1usize..20,
        steps in proptest::collection::vec((0u64..30, 1usize..12), 1..40),
    ) {
        let mut history = History::new(7, max);
        let (mut after, mut seen) = (0, 0);
        for (pushes, limit) in steps {
            for _ in 0..pushes {
                history.push(ready(history.last()), 1);
            }
            let page = history.page(Some(7), after, limit);
            prop_assert!(!page.epoch_changed && page.events.len() <= limit);
            let numbers: Vec<_> = page.events.iter().map(|event| event.number).collect();
            let first = after + page.lost + 1;
            let expected: Vec<_> = (first..first + numbers.len() as u64).collect();
            prop_assert_eq!(numbers, expected, "in order, without gaps");
            seen += page.lost + page.events.len() as u64;
            after = page.next;
            prop_assert_eq!(after, seen);
            prop_assert_eq!(page.last, history.last());
        }
        loop {
            let page = history.page(None, after, 500);
            seen += page.lost + page.events.len() as u64;
            after = page.next;
            if page.events.is_empty() { break; }
        }
        prop_assert_eq!(seen, history.last(), "all in the end");
    }
}

#[test]
fn another_life_of_the_master_is_told_and_read_from_its_start() {
    let mut history = History::new(7, 10);
    for n in 0..3 {
        history.push(ready(n), 1);
    }
    for (epoch, after) in [(Some(6), 2), (None, 9), (Some(6), 900)] {
        let page = history.page(epoch, after, 10);
        assert!(page.epoch_changed && page.epoch == 7);
        assert_eq!((page.events.len(), page.lost, page.next), (3, 0, 3));
    }
    assert!(!history.page(Some(7), 3, 10).epoch_changed, "all seen is no change");
}

#[test]
fn an_event_reads_back_as_it_was_written() {
    let mut history = History::new(7, 10);
    history.push(ready(1), 5);
    let page = history.page(None, 0, 10);
    let text = serde_json::to_string(&page).unwrap();
    assert!(text.contains(r#""kind":"ready","member":{"worker":"w","variant":"v1"}"#), "{text}");
    assert_eq!(serde_json::from_str::<super::EventPage>(&text).unwrap(), page);
}

#[tokio::test(start_paused = true)]
async fn an_empty_page_waits_for_an_event_and_no_longer_than_asked() {
    let log = Arc::new(EventLog::new(7, Clock::fixed(0)));
    let empty = log.page_within(None, 0, 10, Duration::from_secs(30)).await;
    assert!(empty.events.is_empty());
    let waits = tokio::spawn({
        let log = log.clone();
        async move { log.page_within(None, 0, 10, Duration::from_secs(30)).await }
    });
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    log.push(ready(1));
    assert_eq!(waits.await.unwrap().next, 1);
}
