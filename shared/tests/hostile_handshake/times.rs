//! Those who take their time. The clock is tokio's and paused: it moves only when nothing else can.

use std::time::Duration;

use meshwork_shared::limits::Limits;
use tokio::time::{Instant, sleep};

use super::listener::start;
use super::stranger::{Halfway, Stranger, opening};

/// The tick of tokio's timer, and the moments between connecting and being accepted.
const SLACK_MS: u128 = 20;

fn assert_about(elapsed: Duration, ms: u128) {
    let elapsed = elapsed.as_millis();
    assert!((ms..ms + SLACK_MS).contains(&elapsed), "after {elapsed} ms instead of {ms}");
}

#[tokio::test(start_paused = true)]
async fn row_1_who_says_nothing_is_closed_after_two_seconds() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let before = Instant::now();
    let mut silent = Stranger::connect(end.address).await;
    assert_eq!(silent.heard().await, b"");
    assert_about(before.elapsed(), 2000);
    assert_eq!(end.counters().of("silent"), 1);
    assert!(live.works().await);
}

#[tokio::test(start_paused = true)]
async fn row_2_a_byte_a_second_is_closed_after_two_seconds() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let before = Instant::now();
    let stranger = Stranger::connect(end.address).await;
    let (mut read, mut write) = stranger.stream.into_split();
    let drip = tokio::spawn(async move {
        for byte in opening() {
            sleep(Duration::from_secs(1)).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut write, &[byte]).await;
        }
    });
    let mut heard = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut heard).await;
    drip.abort();
    assert_eq!(heard, b"");
    assert_about(before.elapsed(), 2000);
    assert_eq!(end.counters().of("silent"), 1);
    assert!(live.works().await);
}

#[tokio::test(start_paused = true)]
async fn row_2_a_third_message_of_a_byte_a_second_is_closed_after_five() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let before = Instant::now();
    let (stranger, third, _) = Halfway::connect(end.address).await.third().await;
    let (mut read, mut write) = stranger.stream.into_split();
    let drip = tokio::spawn(async move {
        for byte in third {
            sleep(Duration::from_secs(1)).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut write, &[byte]).await;
        }
    });
    let mut heard = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut heard).await;
    drip.abort();
    assert_eq!(heard, b"");
    assert_about(before.elapsed(), 5000);
    assert_eq!(end.counters().of("slow"), 1);
    assert!(live.works().await);
}

/// A recorded first message is answered, for it is valid; whoever plays it back gets no further,
/// and can hold no more connections than the gate has room for.
#[tokio::test(start_paused = true)]
async fn row_10_a_replayed_first_message_leads_nowhere_and_is_bounded() {
    let mut limits = Limits::default();
    limits.handshake.half_open_max = 40;
    limits.handshake.half_open_per_prefix_max = 8;
    let mut end = start(limits).await;
    let live = end.live_link().await;
    let recorded = opening();
    let mut replays = Vec::new();
    for _ in 0..120 {
        let mut stranger = Stranger::connect(end.address).await;
        stranger.say(&recorded).await;
        let mut answer = [0; 2];
        let _ = tokio::io::AsyncReadExt::read_exact(&mut stranger.stream, &mut answer).await;
        assert_ne!(answer, [0, 0], "a valid first message is answered");
        replays.push(stranger);
    }
    for mut replay in replays {
        replay.heard().await;
    }
    let (slow, evicted) = (end.counters().of("slow"), end.counters().of("evicted"));
    assert_eq!(slow + evicted, 120, "{:?}", end.counters().by_cause());
    assert!(evicted >= 120 - 40, "{evicted}");
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
}
