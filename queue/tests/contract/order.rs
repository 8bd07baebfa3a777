//! Which jobs come when, and what arrives.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_queue::{Dedupe, NewJob, Priority};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

use super::{Store, bodies, done, job, lease, options};

pub(super) async fn stored_jobs_start_in_order(store: &Store) {
    let bench = store.open(options());
    let mut stored = Vec::new();
    for number in 0..20 {
        stored.push(bench.enqueue(&number.to_string()).await);
    }
    for (number, id) in stored.iter().enumerate() {
        let lease = bench.lease().await;
        assert_eq!((lease.id, &lease.job.body[..]), (*id, number.to_string().as_bytes()));
        if number % 2 == 0 {
            bench.end(&lease, done()).await;
        }
    }
    assert_eq!(bench.queue.depth().await.unwrap().running, 10);
}

pub(super) async fn higher_priorities_go_first(store: &Store) {
    let bench = store.open(options());
    let of = |priority, body| NewJob { priority, ..job(body) };
    let jobs = vec![
        of(Priority::Low, "low 1"),
        of(Priority::Normal, "normal 1"),
        of(Priority::High, "high 1"),
        of(Priority::Low, "low 2"),
        of(Priority::Normal, "normal 2"),
        of(Priority::High, "high 2"),
    ];
    for stored in bench.queue.enqueue(jobs).await {
        stored.unwrap();
    }
    let first = bench.queue.lease("pod-2#7", 3).await;
    assert_eq!(bodies(&first), ["high 1", "high 2", "normal 1"]);
    let second = bench.queue.lease("pod-2#7", 3).await;
    assert_eq!(bodies(&second), ["normal 2", "low 1", "low 2"]);
}

pub(super) async fn a_job_arrives_as_it_was_sent(store: &Store) {
    let bench = store.open(options());
    let sent = NewJob {
        codec: Codec::MessagePack,
        key: Some("k1.gateway.thumbnailer".into()),
        trace: Some(vec![0, 1, 255].into()),
        priority: Priority::High,
        dedupe: Some(Dedupe {
            key: "page 1\n\0\u{1f980}".to_owned(),
            window: Duration::from_millis(60_500),
        }),
        attempts: Some(9),
        run_timeout: Some(Duration::from_millis(1234)),
        ..job("")
    };
    let id = bench.store(sent.clone()).await;
    let lease = lease(&bench.other).await;
    assert_eq!((lease.id, lease.attempt, lease.is_last), (id, 1, false));
    assert_eq!(lease.run_timeout, Duration::from_millis(1234));
    assert_eq!(lease.job, sent);
}

pub(super) async fn bodies_of_any_content_arrive(store: &Store) {
    let bench = store.open(options());
    let long: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for body in [&b""[..], b"\0", b"\r\n*1\r\n", b"\xff\xfe{}", &long] {
        let sent = NewJob { codec: Codec::Raw, body: body.to_vec().into(), ..job("") };
        bench.store(sent.clone()).await;
        let lease = bench.lease().await;
        assert_eq!(lease.job, sent);
        assert_eq!(lease.run_timeout, options().run_timeout);
    }
}

pub(super) async fn a_lease_takes_at_most_what_it_asks_for(store: &Store) {
    let bench = store.open(options());
    for number in 0..5 {
        bench.enqueue(&number.to_string()).await;
    }
    let first = bench.queue.lease("pod-2#7", 3).await;
    assert_eq!(bodies(&first), ["0", "1", "2"]);
    let rest = bench.queue.lease("pod-2#7", 100).await;
    assert_eq!(bodies(&rest), ["3", "4"], "it does not wait until there are as many");
    assert!(bench.is_idle().await);
}

pub(super) async fn two_consumers_never_get_the_same_job(store: &Store) {
    const JOBS: usize = 60;
    let bench = store.open(options());
    let jobs = (0..JOBS).map(|number| job(&number.to_string())).collect();
    let ids: BTreeSet<JobId> =
        bench.queue.enqueue(jobs).await.into_iter().map(|stored| stored.unwrap().id).collect();
    assert_eq!(ids.len(), JOBS);
    let consumers = [bench.queue.clone(), bench.other.clone(), bench.queue.clone()];
    let consumers = consumers.map(|queue| {
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while taken.len() < JOBS / 3 {
                for lease in queue.lease("pod-2#7", 1).await {
                    tokio::task::yield_now().await;
                    queue.finish(lease.token(), done()).await.expect("the lease is held");
                    taken.push(lease.id);
                }
            }
            taken
        })
    });
    let mut taken = BTreeSet::new();
    for consumer in consumers {
        for id in consumer.await.unwrap() {
            assert!(taken.insert(id), "{id} ran twice");
        }
    }
    assert_eq!(taken, ids);
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead, depth.done), (0, 0, JOBS as u64));
}

pub(super) async fn who_waits_is_woken(store: &Store) {
    let bench = store.open(options());
    let (first, second, ids) = tokio::join!(lease(&bench.queue), lease(&bench.other), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        [bench.enqueue("1").await, bench.enqueue("2").await]
    });
    assert_eq!(BTreeSet::from([first.id, second.id]), BTreeSet::from(ids));
}

pub(super) async fn queues_are_apart(store: &Store) {
    let (one, two) = (store.open(options()), store.open(options()));
    let id = one.enqueue("1").await;
    assert!(two.is_idle().await);
    assert_eq!(two.status(id).await, None);
    assert_eq!(one.lease().await.id, id);
}
