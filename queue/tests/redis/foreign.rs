//! What lies in a stream and was not stored by a mesh.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use meshwork_queue::{Finished, JobEnd, Queue, QueueOptions, Section};
use meshwork_shared::ids::JobId;

use super::bounds::{job, key, open};
use super::server::{Server, is_installed};

#[tokio::test]
async fn a_foreign_entry_is_a_dead_letter_and_stays_one() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url(), QueueOptions::default());
    let stream = key("wait2");
    server.cli(&["XADD", &stream, "*", "who", "a stranger with more than sixteen letters"]);
    let run = async |end: JobEnd| queue.finish(lease(&*queue).await, end).await.unwrap();
    assert!(queue.enqueue(vec![job(1)]).await[0].is_ok());
    assert_eq!(run(JobEnd::Fail { error: "no".to_owned() }).await, Finished::Dead);
    let before = queue.depth().await.unwrap();
    assert_eq!((before.live(), before.dead), (0, 2));

    // It is older than the job of ours, which is found behind it.
    let letters = queue.peek(Section::Dead, None, 9).await.unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!(queue.retry_dead(Some(letters[0].id), 1).await, Ok(0));
    assert_eq!(queue.retry_dead(None, 1).await, Ok(1));
    assert_eq!(queue.retry_dead(None, 9).await, Ok(0));
    assert_eq!(run(JobEnd::Done { reply: None }).await, Finished::Done);
    let after = queue.depth().await.unwrap();
    assert_eq!((after.live(), after.dead), (0, 1));
    assert!(after.bytes <= before.bytes, "{after:?}");

    assert_eq!(queue.purge(Section::Dead, 9).await, Ok(1));
    assert!(queue.enqueue(vec![job(2)]).await[0].is_ok());
    assert_eq!(queue.depth().await.unwrap().live(), 1);
}

#[tokio::test]
async fn many_foreign_entries_are_put_aside_in_many_steps() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url(), QueueOptions::default());
    let stream = key("wait2");
    let foreign = "for _ = 1, 5000 do redis.call('XADD', KEYS[1], '*', 'who', 'a stranger') end";
    server.cli(&["EVAL", foreign, "1", &stream]);
    assert!(queue.enqueue(vec![job(1)]).await[0].is_ok());
    assert!(server.cli(&["CONFIG", "RESETSTAT"]).contains("OK"));

    assert_eq!(lease(&*queue).await.id, JobId([1; 16]));
    let (calls, reads) = (server.calls("evalsha"), server.calls("xreadgroup"));
    assert!(calls >= 2 && reads > 0, "{calls} calls, {reads} reads");
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead), (1, 5000));
}

async fn lease(queue: &dyn Queue) -> meshwork_queue::LeaseToken {
    queue.lease("pod-2#7", 1).await.remove(0).token()
}
