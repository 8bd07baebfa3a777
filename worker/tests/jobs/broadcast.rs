//! Queued broadcasts: each instance has a queue of its own, which waits for it.

use std::time::Duration;

use meshwork_queue::{FileBackend, FileOptions, QueueBackend};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use meshwork_worker::Variant;

use super::support::eventually;
use super::*;

#[tokio::test]
async fn each_member_has_its_job() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _one = site.press("one", &log).start().await.unwrap();
        let _two = site.press("two", &log).start().await.unwrap();
        let shop = site.shop().await;
        let outcomes = shop.enqueue_broadcast(Clean(1)).await;
        let receipts: Vec<_> = outcomes
            .answers()
            .map(|(key, receipt)| {
                assert_eq!(receipt.instance.as_ref(), Some(key));
                receipt.queue.to_string()
            })
            .collect();
        assert_eq!(receipts, ["press.clean@one", "press.clean@two"], "{kind:?}");
        eventually("both ran it", || {
            log.count("clean one 1") == 1 && log.count("clean two 1") == 1
        })
        .await;
        let only = [Variant::new("two").unwrap()];
        assert_eq!(shop.enqueue_broadcast(Clean(2)).only(only.clone()).await.len(), 1);
        assert_eq!(shop.enqueue_broadcast(Clean(3)).except(only).await.len(), 1);
        eventually("each ran its own", || {
            log.count("clean two 2") == 1 && log.count("clean one 3") == 1
        })
        .await;
        for (_, receipt) in outcomes.answers() {
            shop.job::<Clean>(receipt).wait().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_job_waits_while_its_instance_restarts() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let one = site.press("one", &log).start().await.unwrap();
        let two = site.press("two", &log).start().await.unwrap();
        let shop = site.shop().await;
        eventually("both are known", || shop.members("press").len() == 2).await;
        // It dies without a word: to the master it is a member still.
        let queue = shop.enqueue_broadcast(Clean(1)).delay(Duration::from_millis(300)).await;
        assert_eq!(queue.answers().count(), 2);
        two.shutdown().await;
        let again = site.press("two", &log).start().await.unwrap();
        eventually("both ran it", || {
            log.count("clean one 1") == 1 && log.count("clean two 1") == 1
        })
        .await;
        drop((one, again));
    }
}

#[tokio::test]
async fn the_jobs_of_one_that_left_for_good_are_buried() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _one = site.press("one", &log).start().await.unwrap();
    let two = site.press("two", &log).start().await.unwrap();
    let shop = site.worker("shop").variant("till");
    let shop = shop.settings(|settings| settings.leave_after = Some(Duration::from_secs(1)));
    let shop = shop.start().await.unwrap();
    let outcomes = shop.enqueue_broadcast(Clean(1)).delay(Duration::from_secs(600)).await;
    assert_eq!(outcomes.answers().count(), 2);
    two.shutdown().await;
    let queue = site.store.queue_of("clean", "two");
    let mut dead = 0;
    for _ in 0..200 {
        dead = queue.depth().await.unwrap().dead;
        if dead > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(dead, 1, "the job is a dead letter");
    let (_, receipt) = outcomes.answers().find(|(key, _)| key.variant.as_str() == "two").unwrap();
    let error = shop.job::<Clean>(receipt).wait().await.unwrap_err();
    assert!(error.to_string().contains("left the mesh"), "{error}");
    let here = site.store.queue_of("clean", "one").depth().await.unwrap();
    assert_eq!((here.scheduled, here.dead), (1, 0), "the others' wait");
}

#[tokio::test]
async fn nothing_is_left_of_the_empty_queue_of_one_that_left_for_good() {
    let site = Site::start(Kind::File).await;
    let log = Log::default();
    let _one = site.press("one", &log).start().await.unwrap();
    let two = site.press("two", &log).start().await.unwrap();
    let shop = site.worker("shop").variant("till");
    let shop = shop.settings(|settings| settings.leave_after = Some(Duration::from_secs(1)));
    let shop = shop.start().await.unwrap();
    eventually("both are known", || shop.members("press").len() == 2).await;
    let outcomes = shop.enqueue_broadcast(Clean(1)).await;
    assert_eq!(outcomes.answers().count(), 2);
    for (_, receipt) in outcomes.answers() {
        shop.job::<Clean>(receipt).await.unwrap();
    }
    let options = FileOptions::new(site.folder.path().join("jobs.db"));
    let store = FileBackend::open(options, Random::system(), Clock::system()).unwrap();
    let [here, gone] = ["one", "two"].map(|variant| store::name("clean", Some(variant)));
    let empty = store.list_empty().await.unwrap();
    assert!(empty.contains(&here) && empty.contains(&gone), "{empty:?}");
    two.shutdown().await;
    let mut left = empty;
    for _ in 0..400 {
        left = store.list_empty().await.unwrap();
        if !left.contains(&gone) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(left.contains(&here) && !left.contains(&gone), "{left:?}");
}
