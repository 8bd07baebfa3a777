//! Queues that instances share: who takes which job, and when.

use std::future::IntoFuture;
use std::time::Duration;

use meshwork_worker::JobStatus;
use tokio::time::Instant;

use super::support::{eventually, soon};
use super::*;

#[tokio::test]
async fn while_one_handler_is_busy_the_others_wait_in_the_queue() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        shop.enqueue(Print(Act::Hold("busy".to_owned()))).await.unwrap();
        eventually("it is busy", || log.has_event("Started")).await;
        let receipts = shop.enqueue_all((0..63).map(|number| answer(&number.to_string()))).await;
        assert!(receipts.iter().all(Result::is_ok));
        let figures = press.job_figures().await;
        let print = figures.iter().find(|one| one.queue.command.as_str() == "print").unwrap();
        let depth = print.depth.unwrap();
        assert!(depth.ready > 0, "{kind:?}: {depth:?}");
        assert_eq!((depth.live(), print.running), (64, 1), "{kind:?}: {depth:?}");
        log.gate.notify_one();
        for receipt in receipts {
            let receipt = receipt.unwrap();
            soon("each", shop.job::<Print>(receipt).into_future()).await.unwrap();
        }
        let lines = log.lines();
        assert_eq!(lines[1], "busy over", "one at a time");
        assert!(lines[2].contains("\"0\"") && lines[64].contains("\"62\""), "in order: {lines:?}");
    }
}

#[tokio::test]
async fn one_long_job_does_not_hold_the_short_ones_back() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        shop.enqueue(Many(1000, 60_000)).await.unwrap();
        let receipts = shop.enqueue_all((0..40).map(|number| Many(number, 5))).await;
        assert!(receipts.iter().all(Result::is_ok));
        eventually("the short ones ran", || {
            (0..40).all(|number| log.count(&format!("end {number}")) == 1)
        })
        .await;
        assert_eq!(log.count("end 1000"), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn what_one_instance_cannot_start_another_takes() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _one = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        // Short runs, so that the first one begins to fetch ahead; then a long one.
        for _ in 0..20 {
            shop.enqueue(answer("short")).await.unwrap();
        }
        eventually("they ran", || log.lines().len() == 20).await;
        shop.enqueue(Print(Act::Wait(60_000, "long".to_owned()))).await.unwrap();
        let receipt = shop.enqueue(answer("waits")).await.unwrap();
        let _two = site.press("two", &log).start().await.unwrap();
        let begun = Instant::now();
        soon("the second one takes it", shop.job::<Print>(&receipt).into_future()).await.unwrap();
        assert_eq!(log.count("long over"), 0, "{kind:?}: after {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_paused_queue_gives_nothing() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    site.store.queue("print").set_paused(true).await.unwrap();
    let receipt = shop.enqueue(answer("paused")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(log.lines(), [""; 0]);
    site.store.queue("print").set_paused(false).await.unwrap();
    assert!(soon("it goes on", shop.job::<Print>(&receipt).into_future()).await.is_ok());
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_hands_the_rest_back() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let one = site.press("one", &log).grace(Duration::from_secs(60)).start().await.unwrap();
        let shop = site.shop().await;
        let running = shop.enqueue(Print(Act::Hold("running".to_owned()))).await.unwrap();
        eventually("it runs", || log.has_event("Started")).await;
        let waiting = shop.enqueue(answer("waiting")).await.unwrap();
        let leaving = tokio::spawn(async move { one.shutdown().await });
        let drains = async {
            while !site.mesh.statuses().await.contains(&"press/one Draining".to_owned()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon("the word that it drains", drains).await;
        log.gate.notify_one();
        soon("its end", leaving).await.unwrap();
        assert_eq!(log.count("running over"), 1, "{kind:?}");
        let status = shop.job::<Print>(&running).status().await.unwrap();
        assert!(matches!(status, Some(JobStatus::Done { .. })), "{kind:?}: {status:?}");
        let status = shop.job::<Print>(&waiting).status().await.unwrap();
        assert_eq!(status, Some(JobStatus::Waiting), "{kind:?}");
        let _two = site.press("two", &log).start().await.unwrap();
        assert!(soon("the other", shop.job::<Print>(&waiting).into_future()).await.is_ok());
    }
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_period_is_handed_back_and_not_counted() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let one = site.press("one", &log).grace(Duration::from_millis(100)).start().await.unwrap();
        let shop = site.shop().await;
        let long = Print(Act::Wait(60_000, "long".to_owned()));
        let receipt = shop.enqueue(long).attempts(1).await.unwrap();
        eventually("it runs", || log.has_event("Started")).await;
        soon("its end, long before that of the run", one.shutdown()).await;
        assert_eq!(log.count("long over"), 0, "{kind:?}");
        assert!(log.has_event("Released"), "{:?}", log.events());
        // At once, not when the lease is over; and it was its only attempt.
        let status = shop.job::<Print>(&receipt).status().await.unwrap();
        assert_eq!(status, Some(JobStatus::Waiting), "{kind:?}");
    }
}

#[tokio::test]
async fn a_drain_runs_what_waits_in_the_memory_of_its_process() {
    let site = Site::start(Kind::Memory).await;
    let log = Log::default();
    let press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    for number in 0..20 {
        shop.enqueue(Many(number, 30)).await.unwrap();
    }
    press.shutdown().await;
    assert_eq!((0..20).filter(|number| log.count(&format!("end {number}")) == 1).count(), 20);
}
