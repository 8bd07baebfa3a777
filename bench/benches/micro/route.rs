//! Route: all that a caller does before the link's task takes over: find the command and whether it
//! may be called, choose one of eight instances, make the request, wait. Protects processor time
//! per call at 64 B x 64 and calls per second over eight processes, client's side.

use std::future::{Future, IntoFuture, poll_fn};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, Context as Call, Sources, Worker};
use tokio::time::Instant;

use crate::{BATCH, BODY};

const INSTANCES: usize = 8;

const SCHEMA: &str = r#"
[echo]
_allow = ["caller"]
[echo._commands._balanced]
raw = {}

[caller]
_connect = ["echo"]
"#;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A mesh in one process; dropped, it is over.
struct Mesh {
    _master: Master,
    _instances: Vec<Worker>,
    caller: Worker,
}

/// Calls up to their first wait, eight instances in turn. The rest of each call is not counted.
pub(crate) fn benchmark(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives an event queue");
    let mesh = runtime.block_on(mesh()).expect("a mesh starts on loopback");
    let mut group = criterion.benchmark_group("route");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one of eight", |bencher| {
        bencher.iter_custom(|count| {
            let mut took = Duration::ZERO;
            let mut left = count as usize;
            while left > 0 {
                let batch = left.min(BATCH);
                took += runtime.block_on(first_polls(&mesh.caller, batch));
                left -= batch;
            }
            took
        });
    });
    group.finish();
}

/// Makes so many calls; the time until all wait for their answers, which is then awaited.
async fn first_polls(caller: &Worker, count: usize) -> Duration {
    let mut calls = Vec::with_capacity(count);
    let mut cx = Context::from_waker(Waker::noop());
    let started = Instant::now();
    for _ in 0..count {
        // In a box, so that a whole batch can wait side by side.
        let call = caller.call_raw("echo", "raw", Bytes::from_static(&BODY));
        let mut call = Box::pin(call.into_future());
        assert!(call.as_mut().poll(&mut cx).is_pending(), "no answer is there yet");
        calls.push(call);
    }
    let took = started.elapsed();
    for mut call in calls {
        poll_fn(|cx| call.as_mut().poll(cx)).await.expect("an echo answers");
    }
    took
}

async fn mesh() -> Outcome<Mesh> {
    let random = Random::system();
    let secret = MeshSecret::generate(&random);
    let mut config = MasterConfig::new(secret.clone());
    config.mesh_listen = "127.0.0.1:0".parse()?;
    let builder = Master::builder(Schema::from_toml(SCHEMA)?, config);
    let state = State::memory(AuthorityKey::generate(&random));
    let master = builder.state(state).http(false).start().await?;
    let worker = |name: &str| -> Builder {
        Worker::builder(name)
            .sources(Sources::nothing())
            .master(master.mesh_addr().to_string())
            .secret(secret.expose_text().as_str())
            .listen("127.0.0.1:0")
            .lanes(0)
    };
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        let echo = |_: Call, bytes: Bytes| async move { Ok(bytes) };
        instances.push(worker("echo").handle_raw("raw", echo).start().await?);
    }
    let caller = worker("caller").start().await?;
    while caller.connected_peers().len() < INSTANCES {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Mesh { _master: master, _instances: instances, caller })
}
