//! How runs end: retries, dead letters, timeouts, panics, hooks and figures.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_worker::{Failure, JobError, JobEventKind};
use tokio::time::Instant;

use super::support::{eventually, soon};
use super::*;

#[tokio::test]
async fn a_failed_run_is_repeated_up_to_the_attempts() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let third = shop.enqueue(Print(Act::FailUntil(3))).await.unwrap();
        let answer = soon("the third run", shop.job::<Print>(&third).into_future()).await;
        assert_eq!(answer.unwrap(), "3", "{kind:?}");
        let never = shop.enqueue(Print(Act::Fail)).await.unwrap();
        let dead = soon("its death", shop.job::<Print>(&never).into_future()).await;
        assert_eq!(dead, Err(JobError::Dead { error: "it was asked to fail (no)".to_owned() }));
        assert_eq!(log.lines()[3..], ["Fail #1", "Fail #2", "Fail #3"]);
        eventually("the hook heard of it", || log.has_event("Dead")).await;
        let of_it = log.events().into_iter().filter(|event| event.job == never.job);
        let kinds: Vec<_> = of_it.map(|event| (event.attempt, event.what)).collect();
        assert_eq!(kinds.len(), 6, "{kinds:?}");
        assert!(matches!(kinds[1], (1, JobEventKind::Retried { .. })), "{kinds:?}");
        assert!(matches!(&kinds[5], (3, JobEventKind::Dead { error }) if error.contains("(no)")));
        let figures = press.job_figures().await;
        let print = figures.iter().find(|one| one.queue.command.as_str() == "print").unwrap();
        let counts = (print.started, print.done, print.retried, print.dead, print.lost);
        assert_eq!(counts, (6, 1, 4, 1, 0));
        let depth = print.depth.unwrap();
        assert_eq!((depth.live(), depth.dead), (0, 1));
        press.shutdown().await;
    }
}

#[tokio::test]
async fn a_handler_says_when_and_whether_it_is_run_again() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let begun = Instant::now();
    let later = shop.enqueue(Print(Act::LaterOnce(300))).await.unwrap();
    let answer = soon("the second run", shop.job::<Print>(&later).into_future()).await;
    assert_eq!(answer.unwrap(), "later");
    assert!(begun.elapsed() >= Duration::from_millis(300), "not after the backoff of 10 ms");
    let never = shop.enqueue(Print(Act::Never)).await.unwrap();
    let dead = soon("its death", shop.job::<Print>(&never).into_future()).await;
    assert!(matches!(dead, Err(JobError::Dead { .. })), "{dead:?}");
    assert_eq!(log.count("Never #1"), 1);
    assert_eq!(log.count("Never #2"), 0);
}

#[tokio::test]
async fn a_panic_is_a_failed_run_and_no_more() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let panics = shop.enqueue(Print(Act::Panic)).await.unwrap();
    let dead = soon("its death", shop.job::<Print>(&panics).into_future()).await;
    let Err(JobError::Dead { error }) = dead else { panic!("{dead:?}") };
    assert!(error.contains("a planned panic"), "{error}");
    assert_eq!(log.count("Panic #3"), 1);
    let next = shop.enqueue(answer("next")).await.unwrap();
    assert!(soon("the next", shop.job::<Print>(&next).into_future()).await.is_ok());
}

#[tokio::test]
async fn arguments_that_do_not_decode_are_not_tried_again() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let wrong = shop.enqueue_json("press", "print", &serde_json::json!({"no": "such"}));
    let wrong = wrong.await.unwrap();
    let dead = soon("its death", shop.job::<Print>(&wrong).into_future()).await;
    let Err(JobError::Dead { error }) = dead else { panic!("{dead:?}") };
    assert!(error.contains("argument refused"), "{error}");
    let attempts = log.events().iter().map(|event| event.attempt).max();
    assert_eq!(attempts, Some(1));
}

#[tokio::test]
async fn a_blocking_handler_is_told_that_its_time_is_over() {
    let site = Site::start(Kind::Store).await;
    let told = Arc::new(AtomicBool::new(false));
    let heard = told.clone();
    let _press = site
        .worker("press")
        .handle_blocking(move |context: Context, _: Grind| {
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            heard.store(true, Ordering::SeqCst);
            // Its answer may be taken before anybody looks at the clock: a good one would count.
            Err(Failure::new("late", "its time is over"))
        })
        .start()
        .await
        .unwrap();
    let shop = site.shop().await;
    let receipt = shop.enqueue(Grind).await.unwrap();
    let dead = soon("its end", shop.job::<Grind>(&receipt).into_future()).await;
    assert!(matches!(dead, Err(JobError::Dead { .. })), "{dead:?}");
    eventually("the thread is told", || told.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_handler_runs() {
    join_all(shared_kinds().into_iter().map(a_lease_is_renewed)).await;
}

async fn a_lease_is_renewed(kind: Kind) {
    let site = Site::with(kind, &schema_with_lease("5s")).await;
    let log = Log::default();
    let _one = site.press("one", &log).start().await.unwrap();
    let _two = site.press("two", &log).start().await.unwrap();
    let shop = site.shop().await;
    // Longer than two leases.
    let long = Print(Act::Wait(12_000, "long".to_owned()));
    let receipt = shop.enqueue(long).await.unwrap();
    let answer = soon("the long run", shop.job::<Print>(&receipt).into_future()).await;
    assert_eq!(answer.unwrap(), "long");
    assert_eq!(log.lines().len(), 2, "{kind:?}, it ran once: {:?}", log.lines());
    assert!(!log.has_event("LeaseLost"));
}
