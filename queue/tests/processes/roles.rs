//! What the processes do. Each tells its steps on its standard output, so that the test knows at
//! which of them it kills.

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{JobEnd, Lease, Queue, QueueBackend, Reply};
use meshwork_shared::codec::Codec;

use super::child::{LEASE_MS, MARK, NUMBER, QUEUE, ROLE, URL};
use super::{job, number_of, options, queue_name};

/// How long a role stands still that waits to be killed.
const STAND: Duration = Duration::from_secs(120);

/// Jobs that the roles take at once.
const BATCH: usize = 4;

/// Plays a role if the environment says so.
pub(crate) fn play(open: impl AsyncFn(&str) -> Arc<dyn QueueBackend>) {
    let Ok(role) = std::env::var(ROLE) else { return };
    let told = |name: &str| std::env::var(name).expect("it is told");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let backend = open(&told(URL)).await;
        let number = |name| told(name).parse().expect("a number");
        let lease = Duration::from_millis(number(LEASE_MS));
        let queue = backend.open(queue_name(&told(QUEUE)), options(lease));
        let number = number(NUMBER) as u32;
        match role.as_str() {
            "produce" => produce(&queue, number).await,
            "enqueue" => enqueue_once(&queue, number).await,
            "due" => due(&queue, number).await,
            "consume" => consume(&queue, number).await,
            "hold" => hold(&queue, number, lease).await,
            "crash" => crash(&queue, number).await,
            "sleep" => oversleep(&queue, number).await,
            "finish" => finish_once(&queue, number).await,
            _ => panic!("no role is named {role}"),
        }
    });
}

fn tell(step: impl std::fmt::Display) {
    println!("{MARK}{step}");
}

fn consumer(number: u32) -> String {
    format!("pod-{number}#{number}")
}

/// Enqueues jobs from `number` on, one after the other, and tells of each when it is stored.
async fn produce(queue: &Arc<dyn Queue>, number: u32) {
    for number in number.. {
        let stored = queue.enqueue(vec![job(number)]).await.remove(0);
        stored.expect("there is room");
        tell(number);
    }
}

/// Enqueues one job and dies.
async fn enqueue_once(queue: &Arc<dyn Queue>, number: u32) {
    queue.enqueue(vec![job(number)]).await.remove(0).expect("there is room");
    tell("stored");
    tokio::time::sleep(STAND).await;
}

/// Stores the jobs of the due times 1 to 20; each process has its own numbers for them.
async fn due(queue: &Arc<dyn Queue>, number: u32) {
    for due in 1..=20 {
        let stored = queue.enqueue_due(u64::from(due), job(number * 100 + due)).await;
        if stored.expect("there is room") {
            tell(due);
        }
    }
    tell("end");
}

/// Runs jobs for as long as it lives, and tells the number of each before it is finished. The reply
/// says which process it was.
async fn consume(queue: &Arc<dyn Queue>, number: u32) {
    let consumer = consumer(number);
    tell("ready");
    loop {
        for lease in queue.lease(&consumer, BATCH).await {
            tell(number_of(&lease.job));
            let body = number.to_string().into_bytes().into();
            let end = JobEnd::Done { reply: Some(Reply { codec: Codec::Json, body }) };
            // Where the machine is slow the lease may be lost: then it runs elsewhere too.
            let _ = queue.finish(lease.token(), end).await;
        }
    }
}

async fn take(queue: &Arc<dyn Queue>, number: u32) -> Lease {
    let lease = queue.lease(&consumer(number), 1).await.remove(0);
    tell(format_args!("leased {}", lease.attempt));
    lease
}

/// Takes a job and renews its lease for as long as it lives.
async fn hold(queue: &Arc<dyn Queue>, number: u32, lease: Duration) {
    let held = take(queue, number).await;
    loop {
        tokio::time::sleep(lease / 5).await;
        queue.renew(&[held.token()]).await.remove(0).expect("it is held");
    }
}

/// Takes a job that kills its process.
async fn crash(queue: &Arc<dyn Queue>, number: u32) {
    take(queue, number).await;
    std::process::abort();
}

/// Takes a job and finishes it when it is woken, however late.
async fn oversleep(queue: &Arc<dyn Queue>, number: u32) {
    let lease = take(queue, number).await;
    // The whole process stands still here, as one does that is swapped out or suspended.
    std::io::stdin().read_line(&mut String::new()).expect("it is told to go on");
    let finished = queue.finish(lease.token(), JobEnd::Done { reply: None }).await;
    let renewed = queue.renew(&[lease.token()]).await.remove(0);
    tell(match (finished, renewed) {
        (Err(_), Err(_)) => "refused",
        _ => "taken",
    });
}

/// Takes a job, finishes it and stands still.
async fn finish_once(queue: &Arc<dyn Queue>, number: u32) {
    let lease = take(queue, number).await;
    let finished = queue.finish(lease.token(), JobEnd::Done { reply: None }).await;
    finished.expect("it is held");
    tell("finished");
    tokio::time::sleep(STAND).await;
}
