//! Known answers of the keys of queued jobs and of sealed jobs, frozen: a difference is a change of
//! the protocol, and jobs that wait in a store could not be opened any more. They come from a
//! second implementation, `vectors/queue.py`.

#![allow(clippy::unwrap_used)] // a test's helpers may panic as its body does

use std::time::Duration;

use meshwork_schema::{CommandName, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::sealed_job::{self, JobFacts, KeyName, NONCE_BYTES, ReplyFacts, SealBroken};
use meshwork_shared::secret::{PairKey, QueueRoot};
use serde_json::Value;

const EPOCH: u64 = 1_800_000_000_000;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/queue.json")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn counting<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|at| from + at as u8)
}

fn names() -> (WorkerName, WorkerName, CommandName) {
    ("gateway".parse().unwrap(), "thumbnailer".parse().unwrap(), "resize".parse().unwrap())
}

fn pair_key() -> PairKey {
    let root = QueueRoot::parse(vectors()["root"]["text"].as_str().unwrap()).unwrap();
    let (caller, callee, command) = names();
    root.callee_key(&MeshId(counting(0)), &callee).pair_key(&caller, &command)
}

fn plain_facts() -> JobFacts<'static> {
    JobFacts {
        queue: &["thumbnailer", ".", "resize"],
        id: JobId(counting(200)),
        caller: ("gateway", "pod-3"),
        codec: Codec::Json,
        priority: 1,
        attempts: None,
        run_timeout: None,
        dedupe: None,
        trace: None,
    }
}

const TRACE: [u8; 25] = {
    let mut trace = [0; 25];
    let mut at = 0;
    while at < 25 {
        trace[at] = at as u8;
        at += 1;
    }
    trace
};

fn full_facts() -> JobFacts<'static> {
    JobFacts {
        queue: &["thumbnailer.resize@pod-7"],
        codec: Codec::MessagePack,
        priority: 0,
        attempts: Some(3),
        run_timeout: Some(Duration::from_millis(90_500)),
        dedupe: Some(("page-1", Duration::from_secs(60))),
        trace: Some(&TRACE),
        ..plain_facts()
    }
}

fn reply_facts() -> ReplyFacts<'static> {
    let JobFacts { queue, id, codec, .. } = plain_facts();
    ReplyFacts { queue, id, caller: "gateway", codec }
}

#[test]
fn keys_of_jobs_are_the_known_ones() {
    let vectors = vectors();
    let text = vectors["root"]["text"].as_str().unwrap();
    let root = QueueRoot::parse(text).unwrap();
    assert_eq!((root.epoch(), root.expose_text().as_str()), (EPOCH, text));
    let (caller, callee, command) = names();
    let key = root.callee_key(&MeshId(counting(0)), &callee);
    assert_eq!(hex(key.expose_bytes()), vectors["callee_key"]);
    assert_eq!(hex(pair_key().expose_bytes()), vectors["pair_key"]);
    let name = KeyName { epoch: EPOCH, caller: &caller, callee: &callee, command: &command };
    assert_eq!(name.to_string(), vectors["key_name"]);
}

#[test]
fn sealed_jobs_and_replies_are_the_known_bytes_and_read_back() {
    let (vectors, key) = (vectors(), pair_key());
    let cases = [
        ("plain", plain_facts().associated(EPOCH), br#"{"page":1}"#.as_slice()),
        ("full", full_facts().associated(EPOCH), b""),
        ("reply", reply_facts().associated(EPOCH), b"42"),
    ];
    for (name, facts, body) in cases {
        assert_eq!(hex(facts.facts()), vectors[name]["facts"], "{name}");
        let sealed = sealed_job::seal(&key, &facts, body, counting::<NONCE_BYTES>(100));
        assert_eq!(hex(&sealed), vectors[name]["sealed"], "{name}");
        assert_eq!(sealed_job::epoch_of(&sealed), Some(EPOCH));
        assert_eq!(sealed_job::open(&key, &facts, &sealed).unwrap(), body);
    }
}

#[test]
fn every_flipped_bit_and_cut_of_a_sealed_job_is_refused() {
    let (key, facts) = (pair_key(), plain_facts().associated(EPOCH));
    let sealed = sealed_job::seal(&key, &facts, b"body", counting(100));
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(sealed_job::open(&key, &facts, &changed), Err(SealBroken), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(sealed_job::open(&key, &facts, &sealed[..length]), Err(SealBroken));
    }
    assert_eq!(sealed_job::open(&key, &facts, &[&sealed[..], &[0]].concat()), Err(SealBroken));
}

#[test]
fn every_fact_counts() {
    let (key, facts) = (pair_key(), full_facts());
    let sealed = sealed_job::seal(&key, &facts.associated(EPOCH), b"body", counting(100));
    let other = [
        JobFacts { queue: &["thumbnailer.resize@pod-8"], ..full_facts() },
        JobFacts { id: JobId([1; 16]), ..full_facts() },
        JobFacts { caller: ("gatewayp", "od-3"), ..full_facts() },
        JobFacts { caller: ("gateway", "pod-4"), ..full_facts() },
        JobFacts { codec: Codec::Json, ..full_facts() },
        JobFacts { priority: 1, ..full_facts() },
        JobFacts { attempts: None, ..full_facts() },
        JobFacts { attempts: Some(1_000_000), ..full_facts() },
        JobFacts { run_timeout: None, ..full_facts() },
        JobFacts { run_timeout: Some(Duration::MAX), ..full_facts() },
        JobFacts { dedupe: None, ..full_facts() },
        JobFacts { dedupe: Some(("page-1", Duration::ZERO)), ..full_facts() },
        JobFacts { trace: None, ..full_facts() },
        JobFacts { trace: Some(&[]), ..full_facts() },
    ];
    for changed in other {
        let opened = sealed_job::open(&key, &changed.associated(EPOCH), &sealed);
        assert_eq!(opened, Err(SealBroken), "{changed:?}");
    }
    // A job is not taken for a reply, nor a reply for a job.
    assert!(sealed_job::open(&key, &reply_facts().associated(EPOCH), &sealed).is_err());
    // Nor is it one of another epoch.
    assert!(sealed_job::open(&key, &facts.associated(EPOCH + 1), &sealed).is_err());
    assert_eq!(sealed_job::open(&key, &facts.associated(EPOCH), &sealed).unwrap(), b"body");
}

#[test]
fn callers_commands_callees_and_roots_have_keys_of_their_own() {
    let (caller, callee, command) = names();
    let root = QueueRoot::parse(vectors()["root"]["text"].as_str().unwrap()).unwrap();
    let mesh = MeshId(counting(0));
    let key = root.callee_key(&mesh, &callee);
    let other = QueueRoot::generate(EPOCH, &meshwork_shared::random::Random::seeded(1));
    // The same letters in other places.
    let (gate, wayresize) = ("gate".parse().unwrap(), "wayresize".parse().unwrap());
    let keys = [
        key.pair_key(&caller, &command),
        key.pair_key(&callee, &command),
        key.pair_key(&caller, &"crop".parse().unwrap()),
        key.pair_key(&gate, &wayresize),
        root.callee_key(&mesh, &caller).pair_key(&caller, &command),
        root.callee_key(&MeshId([9; 16]), &callee).pair_key(&caller, &command),
        other.callee_key(&mesh, &callee).pair_key(&caller, &command),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(keys[at + 1..].iter().all(|other| one != other));
    }
}
