use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use meshwork_schema::Schema;
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::MeshId;
use meshwork_shared::protocol::{CalleeGrants, CommandGrant, SecretBinary};
use meshwork_shared::secret::QueueRoot;

use super::*;
use crate::job::{Dedupe, JobEnd, Lease, NewJob, Priority, Start};
use crate::status::Reply;
use crate::{MemoryBackend, QueueBackend, QueueName, QueueOptions};
use meshwork_schema::WorkerName;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;

const MESH: MeshId = MeshId([3; 16]);

const SCHEMA: &str = r#"
    [thumbnailer]
    _allow = ["gateway", "rival"]
    [thumbnailer._commands._balanced]
    resize = { queued = true }
    erase = { queued = true, allow = ["rival"] }
    [thumbnailer._commands._broadcast]
    flush = { queued = true }
    [gateway]
    _connect = ["thumbnailer"]
    [rival]
    _connect = ["thumbnailer"]
"#;

fn schema() -> Schema {
    Schema::from_toml(SCHEMA).unwrap()
}

fn worker(name: &str) -> WorkerName {
    name.parse().unwrap()
}

fn queue(command: &str) -> QueueName {
    QueueName::balanced(worker("thumbnailer"), command.parse().unwrap())
}

fn random() -> Random {
    Random::seeded(53)
}

fn root(epoch: u64) -> QueueRoot {
    QueueRoot::generate(epoch, &Random::seeded(epoch))
}

/// What the master sends of one epoch; `commands` of the thumbnailer are granted.
fn sent(to: &str, epoch: u64, kept: &[u64], commands: &[&str]) -> QueueKeys {
    let callee = root(epoch).callee_key(&MESH, &worker("thumbnailer"));
    let grant = |command: &&str| {
        let command = command.parse().unwrap();
        let key = callee.pair_key(&worker(to), &command);
        CommandGrant { command, key: SecretBinary::new(*key.expose_bytes()) }
    };
    let commands = commands.iter().map(grant).collect();
    let own = (to == "thumbnailer").then(|| SecretBinary::new(*callee.expose_bytes()));
    let callees = vec![CalleeGrants { worker: worker("thumbnailer"), commands }];
    QueueKeys { kept: kept.to_vec(), epoch, own, callees }
}

fn callee() -> JobKeys {
    JobKeys::none(worker("thumbnailer")).with(&sent("thumbnailer", 1, &[1], &[]))
}

fn caller(name: &str, commands: &[&str]) -> JobKeys {
    JobKeys::none(worker(name)).with(&sent(name, 1, &[1], commands))
}

fn job(caller: &str) -> NewJob {
    NewJob {
        trace: Some(Bytes::from_static(&[1; 25])),
        start: Start::At(5),
        dedupe: Some(Dedupe { key: "page-1".to_owned(), window: Duration::from_secs(60) }),
        attempts: Some(3),
        run_timeout: Some(Duration::from_secs(9)),
        ..NewJob::new(
            JobId([7; 16]),
            worker(caller),
            "pod-1".parse().unwrap(),
            Codec::Json,
            b"{\"page\":1}".as_slice(),
        )
    }
}

fn lease(job: NewJob) -> Lease {
    Lease {
        id: job.id,
        attempt: 1,
        is_last: false,
        enqueued_unix_ms: 1,
        run_timeout: Duration::from_secs(9),
        job,
    }
}

#[test]
fn a_job_opens_at_its_callee_and_its_reply_at_its_caller() {
    let (gateway, thumbnailer, queue) = (caller("gateway", &["resize"]), callee(), queue("resize"));
    let sealed = gateway.seal(&queue, job("gateway"), &random()).unwrap();
    assert_eq!(sealed.key.as_deref(), Some("1:gateway>thumbnailer.resize"));
    assert!(!sealed.body.windows(4).any(|part| part == b"page"));
    // The time at which it runs is the store's to keep.
    let leased = lease(NewJob { start: Start::Now, ..sealed });
    assert_eq!(thumbnailer.open(&queue, &leased, &schema()).unwrap(), job("gateway").body);

    let reply = Reply { codec: Codec::Json, body: Bytes::from_static(b"42") };
    let kept = thumbnailer.seal_reply(&queue, &leased, reply.clone(), &random()).unwrap();
    assert_ne!(kept.body, reply.body);
    let me = worker("gateway");
    assert_eq!(gateway.open_reply(&queue, leased.id, &me, kept.clone()).unwrap(), reply);
    assert_eq!(thumbnailer.open_reply(&queue, leased.id, &me, kept.clone()).unwrap(), reply);

    let rival = caller("rival", &["resize"]);
    let opened = rival.open_reply(&queue, leased.id, &worker("rival"), kept.clone());
    assert_eq!(opened, Err(OpenError::Broken));
    let opened = rival.open_reply(&queue, leased.id, &me, kept.clone());
    assert_eq!(opened, Err(OpenError::NotOurs));
    let opened = gateway.open_reply(&queue, JobId([8; 16]), &me, kept);
    assert_eq!(opened, Err(OpenError::Broken));
}

/// What somebody does to a stored job.
type Change = fn(&mut NewJob);

#[test]
fn row_53_a_tampered_entry_does_not_open() {
    let (queue, thumbnailer) = (queue("resize"), callee());
    let sealed = caller("gateway", &["resize"]).seal(&queue, job("gateway"), &random()).unwrap();
    let changes: [(&str, Change); 12] = [
        ("id", |job| job.id = JobId([8; 16])),
        ("variant", |job| job.caller_variant = "pod-2".parse().unwrap()),
        ("codec", |job| job.codec = Codec::Raw),
        ("priority", |job| job.priority = Priority::High),
        ("attempts", |job| job.attempts = Some(1_000_000)),
        ("no attempts", |job| job.attempts = None),
        ("run_timeout", |job| job.run_timeout = None),
        ("dedupe", |job| job.dedupe = None),
        ("trace", |job| job.trace = None),
        ("body", |job| job.body = [&job.body[..job.body.len() - 1], b"x"].concat().into()),
        ("cut", |job| job.body = job.body.slice(..job.body.len() - 1)),
        ("longer", |job| job.body = [&job.body[..], b"x"].concat().into()),
    ];
    for (what, change) in changes {
        let mut changed = sealed.clone();
        change(&mut changed);
        let opened = thumbnailer.open(&queue, &lease(changed), &schema());
        assert_eq!(opened, Err(OpenError::Broken), "{what}");
    }
    let not_sealed: [(&str, Change); 3] = [
        ("no key", |job| job.key = None),
        ("plain body", |job| job.body = Bytes::from_static(b"{\"page\":1}")),
        ("no body", |job| job.body = Bytes::new()),
    ];
    for (what, change) in not_sealed {
        let mut changed = sealed.clone();
        change(&mut changed);
        let opened = thumbnailer.open(&queue, &lease(changed), &schema());
        assert_eq!(opened, Err(OpenError::NotSealed), "{what}");
    }
    let moved = Lease { id: JobId([8; 16]), ..lease(sealed) };
    assert_eq!(thumbnailer.open(&queue, &moved, &schema()), Err(OpenError::Broken));
}

#[test]
fn row_53_an_entry_of_a_foreign_queue_does_not_open() {
    let (gateway, thumbnailer) = (caller("gateway", &["resize", "flush"]), callee());
    let sealed = gateway.seal(&queue("resize"), job("gateway"), &random()).unwrap();
    // Copied as it is, and with the name of the key made to fit.
    let opened = thumbnailer.open(&queue("flush"), &lease(sealed.clone()), &schema());
    assert_eq!(opened, Err(OpenError::OtherKey));
    let key = Some("1:gateway>thumbnailer.flush".into());
    let renamed = lease(NewJob { key, ..sealed.clone() });
    let opened = thumbnailer.open(&queue("flush"), &renamed, &schema());
    assert_eq!(opened, Err(OpenError::Broken));
    // From one instance of a broadcast command to another, where the key is the same.
    let of = |variant: &str| {
        let variant = variant.parse().unwrap();
        QueueName::of_instance(worker("thumbnailer"), "flush".parse().unwrap(), variant)
    };
    let flush = gateway.seal(&of("pod-1"), job("gateway"), &random()).unwrap();
    let opened = thumbnailer.open(&of("pod-2"), &lease(flush.clone()), &schema());
    assert_eq!(opened, Err(OpenError::Broken));
    assert!(thumbnailer.open(&of("pod-1"), &lease(flush), &schema()).is_ok());
    // Another worker has no key for what is not its own.
    let rival = caller("rival", &["resize"]);
    let opened = rival.open(&queue("resize"), &lease(sealed), &schema());
    assert_eq!(opened, Err(OpenError::NotOurs));
}

#[test]
fn only_callers_whose_jobs_open_have_their_keys_remembered() {
    let (gateway, thumbnailer) = (caller("gateway", &["resize"]), callee());
    let sealed = gateway.seal(&queue("resize"), job("gateway"), &random()).unwrap();
    for number in 0..10 {
        let name = format!("made-up-{number}");
        let key = Some(format!("1:{name}>thumbnailer.resize").into());
        let forged = NewJob { caller: worker(&name), key, ..sealed.clone() };
        let opened = thumbnailer.open(&queue("resize"), &lease(forged), &schema());
        assert_eq!(opened, Err(OpenError::Broken));
    }
    assert_eq!(thumbnailer.remembered(1), 0);
    for _ in 0..3 {
        let opened = thumbnailer.open(&queue("resize"), &lease(sealed.clone()), &schema());
        assert_eq!(opened, Ok(job("gateway").body));
        assert_eq!(thumbnailer.remembered(1), 1);
    }
    // With the key at hand it is looked at as closely.
    let renamed = NewJob { key: Some("1:rival>thumbnailer.resize".into()), ..sealed.clone() };
    let opened = thumbnailer.open(&queue("resize"), &lease(renamed), &schema());
    assert_eq!(opened, Err(OpenError::OtherKey));
    let moved = NewJob { id: JobId([8; 16]), ..sealed };
    let opened = thumbnailer.open(&queue("resize"), &lease(moved), &schema());
    assert_eq!(opened, Err(OpenError::Broken));
}

#[test]
fn row_53_who_may_not_call_cannot_enqueue() {
    let (gateway, thumbnailer, erase) = (caller("gateway", &["resize"]), callee(), queue("erase"));
    let refused = gateway.seal(&erase, job("gateway"), &random()).unwrap_err();
    assert!(matches!(refused, SealError::NotAllowed { .. }), "{refused}");
    let refused = gateway.seal(&queue("resize"), job("rival"), &random()).unwrap_err();
    assert_eq!(refused, SealError::NotOurs { caller: worker("rival") });
    // With access to the store: its own seal under another's name, in either field.
    let sealed = gateway.seal(&queue("resize"), job("gateway"), &random()).unwrap();
    let forged = NewJob { caller: worker("rival"), ..sealed.clone() };
    let opened = thumbnailer.open(&queue("resize"), &lease(forged), &schema());
    assert_eq!(opened, Err(OpenError::OtherKey));
    let key: Option<ByteString> = Some("1:rival>thumbnailer.resize".into());
    let forged = NewJob { caller: worker("rival"), key: key.clone(), ..sealed.clone() };
    let opened = thumbnailer.open(&queue("resize"), &lease(forged), &schema());
    assert_eq!(opened, Err(OpenError::Broken));
    let opened = thumbnailer.open(&queue("resize"), &lease(NewJob { key, ..sealed }), &schema());
    assert_eq!(opened, Err(OpenError::OtherKey));
}

#[test]
fn row_53_an_old_key_does_not_outlive_the_schema_that_gave_it() {
    // The caller keeps the key that it was given while it was allowed.
    let (gateway, queue) = (caller("gateway", &["erase"]), queue("erase"));
    let sealed = gateway.seal(&queue, job("gateway"), &random()).unwrap();
    let opened = callee().open(&queue, &lease(sealed.clone()), &schema());
    assert_eq!(opened, Err(OpenError::NotAllowed { caller: worker("gateway") }));
    let narrowed = SCHEMA.replace(r#"_allow = ["gateway", "rival"]"#, r#"_allow = ["rival"]"#);
    let narrowed = narrowed.replace(r#", allow = ["rival"]"#, "");
    let opened = callee().open(&queue, &lease(sealed), &Schema::from_toml(&narrowed).unwrap());
    assert_eq!(opened, Err(OpenError::NotAllowed { caller: worker("gateway") }));
    assert!(!opened.unwrap_err().is_retryable());
    // It gets no such key any more.
    let now = gateway.with(&sent("gateway", 1, &[1], &["resize"]));
    assert!(now.seal(&queue, job("gateway"), &random()).is_err());
}

#[tokio::test]
async fn row_53_a_replayed_job_is_not_run_again() {
    let (gateway, name) = (caller("gateway", &["resize"]), queue("resize"));
    let store = MemoryBackend::new(random(), Clock::system());
    let queue = store.open(name.clone(), QueueOptions::default());
    let new = NewJob { start: Start::Now, dedupe: None, ..job("gateway") };
    let sealed = gateway.seal(&name, new, &random()).unwrap();
    let stored = queue.enqueue(vec![sealed.clone()]).await.remove(0).unwrap();
    assert!(!stored.is_duplicate);
    let leased = queue.lease("pod-1#1", 8).await.remove(0);
    assert!(callee().open(&name, &leased, &schema()).is_ok());
    queue.finish(leased.token(), JobEnd::Done { reply: None }).await.unwrap();
    // The same bytes put back: known to be done.
    let replayed = queue.enqueue(vec![sealed.clone()]).await.remove(0).unwrap();
    assert!(replayed.is_duplicate && replayed.id == stored.id);
    assert_eq!(queue.depth().await.unwrap().live(), 0);
    // Under another id they do not open.
    queue.enqueue(vec![NewJob { id: JobId([9; 16]), ..sealed }]).await.remove(0).unwrap();
    let leased = queue.lease("pod-1#1", 8).await.remove(0);
    assert_eq!(callee().open(&name, &leased, &schema()), Err(OpenError::Broken));
}

#[test]
fn a_rotation_of_the_root_loses_no_job() {
    let queue = queue("resize");
    let gateway = caller("gateway", &["resize"]);
    let waiting = lease(gateway.seal(&queue, job("gateway"), &random()).unwrap());

    let gateway = gateway.with(&sent("gateway", 2, &[1, 2], &["resize"]));
    let new = lease(gateway.seal(&queue, job("gateway"), &random()).unwrap());
    assert_eq!(new.job.key.as_deref(), Some("2:gateway>thumbnailer.resize"));
    // A callee that the new keys have not reached yet waits for them.
    let before = callee();
    let opened = before.open(&queue, &new, &schema()).unwrap_err();
    assert!(opened == OpenError::NotYet { epoch: 2 } && opened.is_retryable());
    assert!(before.open(&queue, &waiting, &schema()).is_ok());
    let after = before.with(&sent("thumbnailer", 2, &[1, 2], &[]));
    assert!(after.open(&queue, &new, &schema()).is_ok());
    assert!(after.open(&queue, &waiting, &schema()).is_ok());
    // What the old job answers is sealed for what its caller has, whenever that asks.
    let reply = Reply { codec: Codec::None, body: Bytes::new() };
    let kept = after.seal_reply(&queue, &waiting, reply.clone(), &random()).unwrap();
    let old_caller = caller("gateway", &["resize"]);
    let me = worker("gateway");
    assert_eq!(old_caller.open_reply(&queue, waiting.id, &me, kept), Ok(reply));

    // One that starts now gets the newest first, and the others one by one.
    let fresh = JobKeys::none(worker("thumbnailer")).with(&sent("thumbnailer", 2, &[1, 2], &[]));
    let opened = fresh.open(&queue, &waiting, &schema());
    assert_eq!(opened, Err(OpenError::NotYet { epoch: 1 }));
    let fresh = fresh.with(&sent("thumbnailer", 1, &[1, 2], &[]));
    assert!(fresh.open(&queue, &waiting, &schema()).is_ok());
    assert_eq!(fresh.epochs().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_root_that_is_not_kept_opens_nothing() {
    let queue = queue("resize");
    let waiting = caller("gateway", &["resize"]).seal(&queue, job("gateway"), &random());
    let waiting = lease(waiting.unwrap());
    let after = callee().with(&sent("thumbnailer", 2, &[2], &[]));
    let opened = after.open(&queue, &waiting, &schema()).unwrap_err();
    assert!(opened == OpenError::UnknownEpoch { epoch: 1 } && !opened.is_retryable());
    assert_eq!(after.epochs().collect::<Vec<_>>(), [2]);
    // Keys that are not of a kept epoch are not taken.
    let after = after.with(&sent("thumbnailer", 1, &[2], &[]));
    assert_eq!(after.epochs().collect::<Vec<_>>(), [2]);
}

#[test]
fn before_the_first_keys_nothing_is_sealed_and_all_waits() {
    let (queue, none) = (queue("resize"), JobKeys::none(worker("gateway")));
    assert_eq!(none.seal(&queue, job("gateway"), &random()), Err(SealError::NoKeys));
    let sealed = caller("gateway", &["resize"]).seal(&queue, job("gateway"), &random()).unwrap();
    let opened = JobKeys::none(worker("thumbnailer")).open(&queue, &lease(sealed), &schema());
    assert_eq!(opened, Err(OpenError::NotYet { epoch: 1 }));
}

#[test]
fn a_worker_gives_itself_jobs_without_being_in_its_own_allow() {
    let (thumbnailer, queue) = (callee(), queue("erase"));
    let sealed = thumbnailer.seal(&queue, job("thumbnailer"), &random()).unwrap();
    assert!(thumbnailer.open(&queue, &lease(sealed), &schema()).is_ok());
}

#[test]
fn row_50_keys_of_jobs_are_not_printed() {
    let key = root(1).callee_key(&MESH, &worker("thumbnailer"));
    let printed = format!("{:?}", callee()) + &format!("{:#?}", caller("gateway", &["resize"]));
    for part in key.expose_bytes().chunks(4) {
        assert!(!printed.contains(&format!("{part:?}")));
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!printed.contains(&hex));
    }
}
