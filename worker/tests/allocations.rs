//! How often a call asks for memory, counted on the thread of each side: the figure that the path
//! of a call is built for, and that must not grow unnoticed.
//!
//! In a file of its own, because the counting takes the place of the allocator. Callers and socket
//! of a side share one thread, so that its count is all of it.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::sync::mpsc;

use allocation_counter::measure;
use bytes::Bytes;
use futures_util::future::join_all;
use meshwork_worker::{CallOptions, Context, Worker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use support::{Mesh, soon};

const SCHEMA: &str = r#"
[echo]
_allow = ["caller"]
[echo._commands._balanced]
raw = {}

[caller]
_connect = ["echo"]
"#;

/// Calls that are counted.
const CALLS: usize = 8192;

/// Calls in flight, and allocations of a call at most: at the client, at the server. Alone on its
/// link a call takes a buffer for what is read; many share it. Four on each side are what the path
/// of a call was allowed; held here is what it needs, with some room for pings and growing buffers.
const BOUNDS: [(usize, f64, f64); 2] = [(1, 2.5, 1.5), (64, 0.5, 1.5)];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What the serving thread is asked to do: count until the sender is gone.
type Window = oneshot::Receiver<()>;

/// Serves, says how a caller joins, and counts what is allocated in each window.
fn serve(
    joins: &mpsc::Sender<meshwork_worker::Builder>,
    windows: &mpsc::Receiver<Window>,
    counts: &mpsc::Sender<u64>,
) {
    let runtime = runtime();
    let (mesh, _worker) = runtime.block_on(async {
        let mesh = Mesh::start(SCHEMA).await;
        let echo = |_: Context, bytes: Bytes| async move { Ok(bytes) };
        let worker = mesh.worker("echo").lanes(0).handle_raw("raw", echo).start();
        (mesh, soon("the server", worker).await.unwrap())
    });
    joins.send(mesh.worker("caller").lanes(0)).unwrap();
    // Only a runtime that is driven serves: between the windows nothing runs here.
    while let Ok(window) = windows.recv() {
        let counted = measure(|| drop(runtime.block_on(window)));
        counts.send(counted.count_total).unwrap();
    }
}

/// `CALLS` calls, so many at a time.
async fn call(worker: &Worker, in_flight: usize, calls: usize) {
    let body = Bytes::from(vec![7; 64]);
    let caller = || async {
        for _ in 0..calls / in_flight {
            let reply = worker.call_raw("echo", "raw", body.clone()).await.unwrap();
            assert_eq!(reply.len(), body.len());
        }
    };
    join_all((0..in_flight).map(|_| caller())).await;
}

#[test]
fn a_raw_call_asks_for_memory_as_rarely_as_it_did() {
    let (joins, join) = mpsc::channel();
    let (open, windows) = mpsc::channel();
    let (counted, counts) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || serve(&joins, &windows, &counted));
        let (join, runtime) = (join.recv().unwrap(), runtime());
        let (close, window) = oneshot::channel();
        open.send(window).unwrap();
        let worker = runtime.block_on(async {
            let worker = soon("the caller", join.start()).await.unwrap();
            let ready = CallOptions { wait_for_ready: true, ..CallOptions::default() };
            worker.call_raw("echo", "raw", "").options(ready).await.unwrap();
            worker
        });
        drop(close);
        counts.recv().unwrap();
        for (in_flight, client_max, server_max) in BOUNDS {
            // Buffers have their size when the counting begins.
            let mut per_call = [0.0; 2];
            for calls in [1024, CALLS] {
                let (close, window) = oneshot::channel();
                open.send(window).unwrap();
                let here = measure(|| runtime.block_on(call(&worker, in_flight, calls)));
                drop(close);
                let there = counts.recv().unwrap();
                per_call = [here.count_total, there].map(|count| count as f64 / calls as f64);
            }
            let [client, server] = per_call;
            println!("{in_flight} in flight: client {client:.2}, server {server:.2} a call");
            assert!(client <= client_max, "client, {in_flight} in flight: {client:.2} a call");
            assert!(server <= server_max, "server, {in_flight} in flight: {server:.2} a call");
        }
        // The serving thread ends with it.
        drop(open);
    });
}
