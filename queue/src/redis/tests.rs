//! What can be checked without a server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use proptest::prelude::*;

use super::bell::Bell;
use super::check::{about_config, together};
use super::codec::{decode, encode};
use super::record::{Record, reply_bytes};
use super::site::whole_ms;
use super::url::{Kind, RedisUrl};
use crate::bounds::QueueBounds;
use crate::job::{Dedupe, NewJob, Priority, Start};
use crate::status::{JobStatus, Reply};

fn url(text: &str) -> RedisUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn addresses_are_read() {
    let plain = url("redis://queue");
    assert_eq!((plain.kind, plain.hosts), (Kind::Single, vec![("queue".to_owned(), 6379)]));
    let full = url("rediss://me:p%40ss%2F@queue:1/3?prefix=shop&ca=/etc/ca.pem");
    assert_eq!((full.user.as_deref(), full.password.as_deref()), (Some("me"), Some("p@ss/")));
    assert_eq!((full.db, full.prefix.as_str(), full.tls.is_some()), (3, "shop", true));
    let cluster = url("redis+cluster://a,b:7000,[::1]:7001");
    assert_eq!(cluster.kind, Kind::Cluster);
    assert_eq!(cluster.hosts[2], ("::1".to_owned(), 7001));
    let sentinel = url("valkeys+sentinel://:pw@a,b/main/2?sentinel_auth=same");
    assert_eq!(sentinel.kind, Kind::Sentinel("main".to_owned()));
    assert_eq!((sentinel.hosts[0].1, sentinel.db, sentinel.user), (26379, 2, None));
}

#[test]
fn an_address_may_bound_its_queues() {
    assert_eq!(url("redis://queue").bounds, QueueBounds::default());
    let told = url("redis://queue?jobs_max=2000000&prefix=shop&dead_letters_max=9").bounds;
    assert_eq!(
        (told.jobs_max, told.bytes_max, told.dead_letters_max),
        (Some(2_000_000), None, Some(9))
    );
    assert!("redis://queue?bytes_max=4GiB".parse::<RedisUrl>().is_err());
}

#[test]
fn wrong_addresses_are_refused_and_show_no_password() {
    for wrong in [
        "queue",
        "http://queue",
        "redis://",
        "redis://a,b",
        "redis://a:0",
        "redis://a:b",
        "redis://a/x",
        "redis+cluster://a/1",
        "redis+sentinel://a",
        "redis://hunter2@a?x=hunter2",
        "redis://a?ca=x",
        "redis://a?prefix=",
        "redis://a?prefix={x}",
        "redis://:hunter2%zz@a",
        "redis+other://a",
    ] {
        let error = wrong.parse::<RedisUrl>().expect_err(wrong);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let good = url("redis://me:hunter2@a");
    assert!(!format!("{good} {good:?}").contains("hunter2"));
}

/// Milliseconds, up to the hundred years that are kept of a time.
fn times() -> impl Strategy<Value = u64> {
    0..=whole_ms(Duration::MAX)
}

fn job() -> impl Strategy<Value = NewJob> {
    let start = prop_oneof![
        Just(Start::Now),
        times().prop_map(|ms| Start::After(Duration::from_millis(ms))),
        any::<u64>().prop_map(Start::At),
    ];
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    let dedupe = (".{0,40}", times())
        .prop_map(|(key, ms)| Dedupe { key, window: Duration::from_millis(ms) });
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    let run_timeout = times().prop_map(Duration::from_millis);
    (
        (any::<[u8; 16]>(), "[a-z][a-z0-9-]{0,20}", "[a-z0-9][a-z0-9.]{0,20}", bytes()),
        (start, priority, proptest::option::of(dedupe), proptest::option::of(any::<u32>())),
        (proptest::option::of(run_timeout), proptest::option::of(bytes())),
        proptest::option::of(".{0,40}".prop_map(Into::into)),
    )
        .prop_map(
            |(basics, (start, priority, dedupe, attempts), (run_timeout, trace), key)| {
                let (id, caller, variant, body) = basics;
                let (caller, variant) = (caller.parse().unwrap(), variant.parse().unwrap());
                let job = NewJob::new(JobId(id), caller, variant, Codec::MessagePack, body);
                NewJob { start, priority, dedupe, attempts, run_timeout, trace, key, ..job }
            },
        )
}

proptest! {
    #[test]
    fn a_job_comes_back_as_it_was_stored(job in job()) {
        let stored = encode(&job);
        prop_assert_eq!(decode(&stored), Some(job.clone()));
        let head = u32::from_be_bytes(stored[17..21].try_into().unwrap()) as usize;
        let summary = decode(&stored.slice(..head)).map(|job| (job.id, job.body.len()));
        prop_assert_eq!(summary, Some((job.id, 0)), "the head alone is readable");
    }

    #[test]
    fn what_nobody_stored_is_refused_without_panic(
        bytes: Vec<u8>, job in job(), at: prop::sample::Index, byte: u8,
    ) {
        let _ = decode(&bytes.clone().into());
        let _ = Record::parse(&bytes.into());
        let mut stored = encode(&job).to_vec();
        let at = at.index(stored.len());
        stored[at] = byte;
        let _ = decode(&Bytes::from(stored.clone()));
        stored.truncate(at);
        let _ = decode(&stored.into());
    }

    #[test]
    fn a_reply_comes_back_as_it_was_kept(body: Vec<u8>, attempt: u32) {
        let reply = Reply { codec: Codec::Json, body: body.into() };
        let mut record = format!("d{attempt} 1700000000000 ").into_bytes();
        let none = Record::parse(&record.clone().into()).map(|record| record.status(&[]));
        prop_assert_eq!(none, Some(JobStatus::Done { reply: None }));
        record.extend(reply_bytes(&reply));
        let some = Record::parse(&record.into()).map(|record| record.status(&[]));
        prop_assert_eq!(some, Some(JobStatus::Done { reply: Some(reply) }));
    }
}

#[test]
fn settings_that_lose_jobs_are_told() {
    let config = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let safe =
        [("maxmemory-policy", "noeviction"), ("appendonly", "yes"), ("appendfsync", "always")];
    assert!(about_config(&config(&safe)).is_empty());
    for (name, value, word) in [
        ("appendfsync", "everysec", "second"),
        ("appendfsync", "no", "30 s"),
        ("appendonly", "no", "restart"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ] {
        let mut config = config(&safe);
        config.insert(name.to_owned(), value.to_owned());
        let sentences = about_config(&config);
        assert!(sentences.len() == 1 && sentences[0].contains(word), "{sentences:?}");
    }
}

#[test]
fn what_not_all_servers_say_is_said_with_who_does() {
    let said = |of: [&[&str]; 3]| {
        let texts = of.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        ["a:1", "b:1", "c:1"].map(str::to_owned).into_iter().zip(texts).collect()
    };
    assert!(together(&said([&[], &[], &[]])).is_empty());
    let sentences = together(&said([&["all", "one"], &["all", "two"], &["all", "two"]]));
    assert_eq!(sentences, ["all", "a:1: one", "b:1, c:1: two"]);
    let alone: BTreeMap<_, _> = [(String::new(), vec!["all".to_owned()])].into();
    assert_eq!(together(&alone), ["all"]);
}

#[test]
fn scripts_have_names_of_their_own() {
    let hashes: std::collections::BTreeSet<&str> =
        super::script::ALL.iter().map(|(_, script)| script.hash.as_str()).collect();
    assert_eq!(hashes.len(), super::script::ALL.len());
}

#[test]
fn who_waits_no_more_leaves_nothing_behind() {
    let ring = Bell::default().ring("bell");
    let (one, other) = (ring.ended(JobId([1; 16])), ring.ended(JobId([1; 16])));
    let third = ring.ended(JobId([2; 16]));
    assert_eq!(ring.awaited(), 2);
    drop((one, third));
    assert_eq!(ring.awaited(), 1, "the other one still waits");
    drop(other);
    assert_eq!(ring.awaited(), 0);
}

#[test]
fn what_nobody_holds_is_not_listened_to() {
    let bell = Bell::default();
    let (one, again, other) = (bell.ring("one"), bell.ring("one"), bell.ring("other"));
    assert_eq!(bell.channels(), 2);
    drop((one, other));
    assert_eq!(bell.channels(), 1, "one is held twice");
    drop(again);
    assert_eq!(bell.channels(), 0);
}

#[test]
fn waiters_of_one_job_that_go_together_leave_nothing() {
    const TIMES: u32 = 20_000;
    let ring = Bell::default().ring("mesh:queue");
    let arrived = AtomicU32::new(0);
    let wait = || {
        for number in 0..TIMES {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let ended = ring.ended(JobId(id));
            arrived.fetch_add(1, Ordering::SeqCst);
            // No sleep: both are to go at the same moment.
            for spins in 1_u32.. {
                match arrived.load(Ordering::SeqCst) < 2 * (number + 1) {
                    true if spins.is_multiple_of(10_000) => std::thread::yield_now(),
                    true => std::hint::spin_loop(),
                    false => break,
                }
            }
            drop(ended);
        }
    };
    std::thread::scope(|threads| {
        threads.spawn(wait);
        threads.spawn(wait);
    });
    assert_eq!(ring.awaited(), 0);
}
