//! What a caller may choose, and what it is told.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_worker::{
    CallError, Canceled, JobError, JobId, JobStatus, NotExecuted, Priority, Receipt, UnknownCause,
};
use tokio::time::Instant;

use super::support::{PATIENCE, eventually, soon};
use super::*;

#[tokio::test]
async fn a_queued_call_answers_through_its_receipt() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let receipt = shop.enqueue(answer("hello")).await.unwrap();
        assert_eq!(receipt.queue.to_string(), "press.print");
        assert_eq!(receipt.instance.is_some(), kind == Kind::Memory, "{kind:?}");
        // It may be asked for again, and by a copy that was kept elsewhere.
        let text = serde_json::to_string(&receipt).unwrap();
        let receipt: Receipt = serde_json::from_str(&text).unwrap();
        let answer = soon("the answer", shop.job::<Print>(&receipt).into_future()).await;
        assert_eq!(answer.unwrap(), "hello for shop/till", "{kind:?}");
        let by_id = shop.job::<Print>(receipt.job).wait().await.unwrap();
        assert_eq!(by_id, "hello for shop/till");
        let json = shop.job_json("press", "print", &receipt).wait().await.unwrap();
        assert_eq!(json, "hello for shop/till");
        let status = shop.job::<Print>(&receipt).status().await.unwrap();
        assert!(matches!(status, Some(JobStatus::Done { reply: Some(_) })), "{status:?}");
        let other = shop.job::<Many>(&receipt).status().await.unwrap_err();
        assert!(matches!(other, JobError::NotAsked(_)), "a receipt of another command: {other}");
        let unknown = shop.job::<Print>(JobId([7; 16]));
        assert_eq!(unknown.status().await.unwrap(), None);
        assert_eq!(unknown.wait().await, Err(JobError::NotFound));
    }
}

#[tokio::test]
async fn a_job_waits_for_its_time() {
    join_all(every_kind().into_iter().map(one_waits_for_its_time)).await;
}

async fn one_waits_for_its_time(kind: Kind) {
    let delay = Duration::from_secs(3);
    let site = Site::start(kind).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let begun = Instant::now();
    let later = shop.enqueue(answer("later")).delay(delay).await.unwrap();
    let status = shop.job::<Print>(&later).status().await.unwrap();
    assert!(matches!(status, Some(JobStatus::Scheduled { .. })), "{kind:?}: {status:?}");
    let now = shop.enqueue(answer("now")).at(1000).await.unwrap();
    soon("the present", shop.job::<Print>(&now).into_future()).await.unwrap();
    soon("the future", shop.job::<Print>(&later).into_future()).await.unwrap();
    assert!(begun.elapsed() >= delay);
    let far = shop.enqueue(answer("far")).at(u64::MAX / 2).await.unwrap();
    assert_eq!(shop.job::<Print>(&far).cancel().await.unwrap(), Canceled::Yes);
    assert_eq!(shop.job::<Print>(&far).wait().await, Err(JobError::Canceled));
    assert_eq!(shop.job::<Print>(&far).cancel().await.unwrap(), Canceled::Over);
}

#[tokio::test]
async fn the_higher_priority_goes_first() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let shop = site.shop().await;
        let order =
            [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];
        let mut receipts = Vec::new();
        for (text, priority) in order {
            receipts.push(shop.enqueue(answer(text)).priority(priority).await.unwrap());
        }
        let log = Log::default();
        // Nobody was there when they were enqueued.
        let _press = site.press("one", &log).start().await.unwrap();
        for receipt in receipts {
            soon("each", shop.job::<Print>(receipt).into_future()).await.unwrap();
        }
        let ran = log.lines();
        assert!(ran[0].contains("high") && ran[1].contains("normal"), "{kind:?}: {ran:?}");
    }
}

#[tokio::test]
async fn the_same_key_and_the_same_id_are_the_same_job() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let window = Duration::from_secs(60);
        let first = shop.enqueue(answer("once")).dedupe("key", window).await.unwrap();
        let second = shop.enqueue(answer("once")).dedupe("key", window).await.unwrap();
        assert_eq!((second.job, second.is_duplicate), (first.job, true), "{kind:?}");
        soon("the first", shop.job::<Print>(&first).into_future()).await.unwrap();
        let id = JobId([9; 16]);
        let named = shop.enqueue(answer("named")).id(id).await.unwrap();
        assert_eq!((named.job, named.is_duplicate), (id, false));
        soon("the named one", shop.job::<Print>(&named).into_future()).await.unwrap();
        let again = shop.enqueue(answer("named")).id(id).await.unwrap();
        assert_eq!((again.job, again.is_duplicate), (id, true), "also when it is done");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
    }
}

#[tokio::test]
async fn many_are_stored_at_once_and_each_has_its_receipt() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let many = shop.enqueue_all((0..600).map(|number| Many(number, 0)));
        let receipts = many.deadline(PATIENCE).await;
        assert_eq!(receipts.len(), 600);
        let ids: std::collections::BTreeSet<_> =
            receipts.into_iter().map(|receipt| receipt.unwrap().job).collect();
        assert_eq!(ids.len(), 600);
        eventually("all ran", || ends(&log).len() == 600).await;
        assert!(ends(&log).values().all(|count| *count == 1), "{kind:?}: {:?}", ends(&log));
        let values = [serde_json::json!([600, 0]), serde_json::json!([601, 0])];
        let receipts = shop.enqueue_all_json("press", "many", &values).await;
        assert!(receipts.iter().all(Result::is_ok));
        let refused = shop.enqueue_all_json("press", "nothing", &values).await;
        assert_eq!(refused.len(), 2);
        assert!(refused.iter().all(Result::is_err));
    }
}

/// How often each of many has ended.
fn ends(log: &Log) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for line in log.lines().into_iter().filter(|line| line.starts_with("end ")) {
        *ends.entry(line).or_default() += 1;
    }
    ends
}

#[tokio::test]
async fn a_batch_that_is_asked_for_again_is_stored_once() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let id = |number: u64| JobId(u128::from(number + 1).to_be_bytes());
        let store = async |numbers: std::ops::Range<u64>| {
            let many = shop.enqueue_all(numbers.clone().map(|number| Many(number, 0)));
            let receipts = many.ids(numbers.map(id)).deadline(PATIENCE).await;
            receipts.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        };
        let first = store(0..300).await;
        assert!(first.iter().all(|receipt| !receipt.is_duplicate), "{kind:?}");
        let again = store(100..500).await;
        let known = again.iter().filter(|receipt| receipt.is_duplicate).map(|receipt| receipt.job);
        assert!(known.eq((100..300).map(id)), "{kind:?}");
        eventually("all ran", || ends(&log).len() == 500).await;
        assert!(store(0..500).await.iter().all(|receipt| receipt.is_duplicate), "all are done");
        assert!(ends(&log).values().all(|count| *count == 1), "{kind:?}: {:?}", ends(&log));
    }
}

#[tokio::test]
async fn each_job_of_a_batch_may_have_options_of_its_own() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let prints = ["later", "refused", "now"].map(answer);
        let receipts = shop.enqueue_all(prints.clone()).delay(Duration::from_secs(3600)).each(
            |number, options| match number {
                0 => options.id = Some(JobId([5; 16])),
                1 => options.attempts = Some(0),
                _ => options.start = meshwork_queue::Start::Now,
            },
        );
        let receipts = receipts.await;
        let later = receipts[0].as_ref().unwrap();
        assert_eq!(later.job, JobId([5; 16]));
        let scheduled = shop.job::<Print>(later).status().await.unwrap();
        assert!(matches!(scheduled, Some(JobStatus::Scheduled { .. })), "{scheduled:?}");
        let refused = receipts[1].as_ref().unwrap_err();
        assert!(refused.to_string().contains("at least one attempt"), "{refused}");
        let now = receipts[2].as_ref().unwrap();
        soon("the one of now", shop.job::<Print>(now).into_future()).await.unwrap();

        let few = shop.enqueue_all(prints).ids([JobId([6; 16])]).await;
        let told = few[2].as_ref().unwrap_err().to_string();
        assert!(few.len() == 3 && told.contains("1 ids for 3 calls"), "{few:?}");
        drop(press);
    }
}

#[tokio::test]
async fn attempts_and_run_timeout_of_a_job_win_over_the_schemas() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let once = shop.enqueue(Print(Act::Fail)).attempts(1).await.unwrap();
        let dead = soon("its death", shop.job::<Print>(&once).into_future()).await;
        assert_eq!(dead, Err(JobError::Dead { error: "it was asked to fail (no)".to_owned() }));
        assert_eq!(log.lines(), ["Fail #1"]);
        let slow = Print(Act::Wait(10_000, "slow".to_owned()));
        let slow = shop.enqueue(slow).attempts(1).run_timeout(Duration::from_millis(50));
        let slow = slow.await.unwrap();
        let dead = soon("its death", shop.job::<Print>(&slow).into_future()).await;
        let Err(JobError::Dead { error }) = dead else { panic!("{kind:?}: {dead:?}") };
        assert!(error.contains("run_timeout of 50ms"), "{error}");
        assert_eq!(log.count("slow over"), 0);
    }
}

#[tokio::test]
async fn options_that_cannot_be_are_refused() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let new = || shop.enqueue(answer("never"));
        let refused = [
            new().dedupe("k".repeat(300), Duration::from_secs(1)).await,
            new().attempts(0).await,
            new().run_timeout(Duration::ZERO).await,
            new().delay(Duration::MAX).await,
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            let reason = NotExecuted::ArgumentRefused { message: String::new() };
            let CallError::NotExecuted { reason: found } = &error else { panic!("{error}") };
            assert_eq!(std::mem::discriminant(found), std::mem::discriminant(&reason));
        }
    }
}

#[tokio::test]
async fn who_may_not_call_may_not_enqueue() {
    for kind in every_kind() {
        let site = Site::start(kind).await;
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let shop = site.shop().await;
        let not_allowed = CallError::NotExecuted { reason: NotExecuted::NotAllowed };
        assert_eq!(shop.enqueue(Secret).await, Err(not_allowed), "{kind:?}");
        let asked = shop.job::<Secret>(JobId([1; 16])).status().await;
        let not_asked = CallError::not_executed(NotExecuted::NotAllowed);
        assert_eq!(asked, Err(JobError::NotAsked(not_asked)));
        let error = shop.call(answer("no")).await.unwrap_err();
        assert!(error.to_string().contains("use enqueue"), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_told_honestly() {
    let site = Site::start(Kind::Store).await;
    let shop = site.shop().await;
    site.store.set_away(true);
    let error = shop.enqueue(answer("no")).await.unwrap_err();
    let CallError::NotExecuted { reason: NotExecuted::QueueUnavailable { .. } } = &error else {
        panic!("{error}")
    };
    site.store.set_away(false);
    site.store.fall_silent(1);
    let id = JobId([3; 16]);
    let new = || shop.enqueue(answer("perhaps")).id(id);
    let error = new().deadline(Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { cause: UnknownCause::Deadline, .. }), "{error}");
    // It may be stored: with the same id it is safe to try again.
    let receipt = new().deadline(PATIENCE).await.unwrap();
    assert_eq!((receipt.job, receipt.is_duplicate), (id, true));
    assert_eq!(site.store.queue("print").depth().await.unwrap().live(), 1);
}

#[tokio::test]
async fn no_instance_is_needed_where_queues_are_shared() {
    for kind in shared_kinds() {
        let site = Site::start(kind).await;
        let shop = site.shop().await;
        let receipt = shop.enqueue(answer("early")).await.unwrap();
        let status = shop.job::<Print>(&receipt).status().await.unwrap();
        assert_eq!(status, Some(JobStatus::Waiting));
        let log = Log::default();
        let _press = site.press("one", &log).start().await.unwrap();
        let answer = soon("the answer", shop.job::<Print>(&receipt).into_future()).await;
        assert_eq!(answer.unwrap(), "early for shop/till");
    }
    let site = Site::start(Kind::Memory).await;
    let shop = site.shop().await;
    let none = CallError::NotExecuted { reason: NotExecuted::NoInstance };
    assert_eq!(shop.enqueue(answer("early")).await, Err(none));
}
