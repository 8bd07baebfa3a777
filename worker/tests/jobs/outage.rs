//! The store goes away and comes back: nothing that was acknowledged is lost, no handler runs
//! because of a word that was not heard, and workers go on by themselves.

use std::future::IntoFuture;
use std::time::Duration;

use meshwork_worker::{CallError, JobStatus, NotExecuted};

use super::support::{eventually, soon};
use super::*;

/// A lease that ends while the store is away for [`LONGER`].
const LEASE: &str = "1s";
const LONGER: Duration = Duration::from_millis(1300);

/// Opens the master's HTTP side.
const TOKEN: &str = "a-token-of-at-least-24-characters";

#[tokio::test]
async fn a_run_outlives_an_outage_and_its_end_is_told_afterwards() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let receipt = shop.enqueue(Print(Act::Wait(300, "long".to_owned()))).await.unwrap();
    eventually("it runs", || log.has_event("Started")).await;
    site.store.set_away(true);
    eventually("the handler is over", || log.count("long over") == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!log.has_event("Done"));
    site.store.set_away(false);
    let answer = soon("the answer", shop.job::<Print>(&receipt).into_future()).await;
    assert_eq!(answer.unwrap(), "long");
    let next = shop.enqueue(answer_text()).await.unwrap();
    assert!(soon("the next", shop.job::<Print>(&next).into_future()).await.is_ok());
    assert_eq!(log.count("long over"), 1);
}

fn answer_text() -> Print {
    answer("next")
}

#[tokio::test]
async fn an_acknowledgement_that_was_not_heard_runs_nothing_again() {
    let site = Site::start(Kind::Store).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    site.store.lose_answers(1);
    let receipt = shop.enqueue(answer("once")).await.unwrap();
    assert!(soon("the answer", shop.job::<Print>(&receipt).into_future()).await.is_ok());
    eventually("the hook heard that it is done", || log.has_event("Done")).await;
    assert!(!log.has_event("LeaseLost"), "{:?}", log.events());
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test]
async fn a_run_whose_lease_is_lost_is_ended() {
    let site = Site::with(Kind::Store, &schema_with_lease(LEASE)).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let long = Print(Act::Wait(60_000, "long".to_owned()));
    let receipt = shop.enqueue(long).attempts(1).await.unwrap();
    eventually("it runs", || log.has_event("Started")).await;
    // Longer than its lease; it was its only attempt.
    site.store.set_away(true);
    tokio::time::sleep(LONGER).await;
    site.store.set_away(false);
    eventually("the run is ended", || log.has_event("LeaseLost")).await;
    let status = shop.job::<Print>(&receipt).status().await.unwrap();
    assert!(matches!(status, Some(JobStatus::Dead { .. })), "{status:?}");
    assert_eq!(log.count("long over"), 0);
}

#[tokio::test]
async fn a_job_that_died_with_its_process_is_told_by_whoever_serves_its_queue_next() {
    let mut site = Site::start(Kind::Store).await;
    let schema = schema_with_lease(LEASE);
    site.mesh = Mesh::start_with(&schema, |config| config.admin_token = Some(TOKEN.into())).await;
    let log = Log::default();
    let shop = site.shop().await;
    let press = site.press("one", &log).start().await.unwrap();
    let long = Print(Act::Wait(60_000, "long".to_owned()));
    let receipt = shop.enqueue(long).attempts(1).await.unwrap();
    eventually("it runs", || log.has_event("Started")).await;
    // As if the process were gone: nobody renews its lease, or says how the run ended.
    site.store.set_away(true);
    tokio::time::sleep(LONGER).await;
    drop(press);
    site.store.set_away(false);
    let url = format!("http://{}/v1/events?after=0", site.mesh.master().http_addr().unwrap());
    let others: Vec<_> = ["two", "three"].map(|variant| site.press(variant, &log)).into();
    let mut started = Vec::new();
    for press in others {
        started.push(press.start().await.unwrap());
    }
    let is_death = |event: &serde_json::Value| event["kind"] == "dead_letter";
    let mut deaths = Vec::new();
    for _ in 0..100 {
        deaths = events(url.clone()).await;
        deaths.retain(is_death);
        if !deaths.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let death = &deaths[0];
    assert_eq!(death["member"]["variant"], "one", "{death}");
    assert_eq!(death["job"], receipt.job.to_string());
    assert!(death["error"].as_str().unwrap().contains("lost"), "{death}");
}

async fn events(url: String) -> Vec<serde_json::Value> {
    let asked = tokio::task::spawn_blocking(move || {
        let request = ureq::get(&url).header("authorization", format!("Bearer {TOKEN}"));
        request.call().unwrap().body_mut().read_to_string().unwrap()
    });
    let page: serde_json::Value = serde_json::from_str(&asked.await.unwrap()).unwrap();
    page["events"].as_array().unwrap().clone()
}

/// Three seconds are less than the queue tries to reach the server.
#[tokio::test]
async fn a_server_that_is_gone_is_told_from_one_that_did_not_answer() {
    if !super::support::server::is_installed() {
        return;
    }
    let mut site = Site::start(Kind::Redis).await;
    let shop = site.shop().await;
    shop.enqueue(answer("before")).await.unwrap();
    site.redis.as_mut().unwrap().kill();
    // Until the end of the connection is heard.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let little = Duration::from_secs(3);
    let one = async { shop.enqueue(answer("one")).deadline(little).await };
    let all = async { shop.enqueue_all(["two", "three"].map(answer)).deadline(little).await };
    let (one, all) = tokio::join!(one, all);
    for error in all.into_iter().chain([one]).map(Result::unwrap_err) {
        let CallError::NotExecuted { reason: NotExecuted::QueueUnavailable { .. } } = &error else {
            panic!("{error}")
        };
    }
    site.redis.as_mut().unwrap().restart().await;
    shop.enqueue(answer("after")).await.unwrap();
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    eventually("the one after ran", || log.lines().len() == 2).await;
    let ran = log.lines();
    assert!(ran[0].contains("before") && ran[1].contains("after"), "{ran:?}");
}

#[tokio::test]
async fn workers_outlive_a_restart_of_the_server() {
    if !super::support::server::is_installed() {
        return;
    }
    let mut site = Site::start(Kind::Redis).await;
    let log = Log::default();
    let _press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    let running = shop.enqueue(Print(Act::Wait(500, "long".to_owned()))).await.unwrap();
    let waiting = shop.enqueue(answer("waiting")).await.unwrap();
    eventually("it runs", || log.has_event("Started")).await;
    let server = site.redis.as_mut().unwrap();
    server.kill();
    let error = shop.enqueue(answer("no")).deadline(Duration::from_millis(500)).await.unwrap_err();
    eventually("the handler is over", || log.count("long over") == 1).await;
    server.restart().await;
    for receipt in [running, waiting] {
        let mut told = shop.job::<Print>(&receipt).wait().await;
        // Who asked at the wrong moment asks again.
        for _ in 0..50 {
            if told.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            told = shop.job::<Print>(&receipt).wait().await;
        }
        assert!(told.is_ok(), "{told:?}; while it was away: {error}");
    }
    let ran = log.lines();
    assert_eq!(log.count("long over"), 1, "it ran once: {ran:?}");
    // What was said to be unknown may have been stored; what was said not to be was not.
    let no = ran.iter().filter(|line| line.contains("\"no\"")).count();
    assert!(no <= usize::from(!error.is_safe_to_retry()), "{error}, but: {ran:?}");
}
