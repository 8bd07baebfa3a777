//! Who is sent, and who is told.

use std::sync::Mutex;

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::*;

/// A store that is reached when it is told to be, and answers at once with what it was sent.
#[derive(Default)]
struct Echo {
    reached: Notify,
    sent: Mutex<Vec<Vec<u32>>>,
}

impl Send1 for Echo {
    type Item = u32;
    type Answer = Option<u32>;

    fn bytes(_: &u32) -> usize {
        4
    }

    fn not_sent() -> Option<u32> {
        None
    }

    fn late() -> Option<u32> {
        None
    }

    fn failed(_: CallError) -> Option<u32> {
        None
    }

    async fn reach(&self, _: Instant) -> Result<(), CallError> {
        self.reached.notified().await;
        Ok(())
    }

    async fn send(&self, items: Vec<u32>, _: Instant) -> Vec<Option<u32>> {
        self.sent.lock().unwrap().push(items.clone());
        items.into_iter().map(Some).collect()
    }
}

fn open() -> (Inbox<Echo>, Arc<Echo>) {
    let store = Arc::new(Echo::default());
    let (inbox, emptying) = Inbox::new(store.clone());
    tokio::spawn(emptying);
    (inbox, store)
}

/// Lets everything else go on until nothing is left to do.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_never_polled_again_keeps_nobody_from_the_answer() {
    let (inbox, store) = open();
    let (first, second) = (inbox.send_one(1), inbox.send_one(2));
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    store.reached.notify_one();
    let answer = tokio::time::timeout(CALL_TIMEOUT, second).await;
    assert_eq!(answer, Ok(Some(2)), "though the first one lives and was not polled");
    assert_eq!(*store.sent.lock().unwrap(), [[1, 2]]);
    assert_eq!(first.await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_while_the_store_is_not_reached_is_not_sent() {
    let (inbox, store) = open();
    let mut callers: Vec<_> = (0..4)
        .map(|number| {
            let inbox = inbox.clone();
            Box::pin(async move { inbox.send(vec![number, 10 + number]).await })
        })
        .collect();
    for caller in &mut callers {
        assert!(caller.now_or_never().is_none());
    }
    settle().await;
    drop(callers.remove(1));
    store.reached.notify_one();
    settle().await;
    assert_eq!(*store.sent.lock().unwrap(), [[0, 10, 2, 12, 3, 13]]);
    for (caller, number) in callers.into_iter().zip([0, 2, 3]) {
        assert_eq!(caller.await, [Some(number), Some(10 + number)]);
    }
    // If nobody is left, nothing is sent at all.
    let mut last = Box::pin(inbox.send_one(9));
    assert!((&mut last).now_or_never().is_none());
    settle().await;
    drop(last);
    store.reached.notify_one();
    settle().await;
    assert_eq!(store.sent.lock().unwrap().len(), 1);
}
