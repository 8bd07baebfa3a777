//! The worker's own HTTP, off unless `http_listen` names an address: for health checks, for
//! Prometheus and for people. It says what a worker is and how it does, it changes nothing, and no
//! secret is in any answer; no token is asked for.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | [`dto::Health`]; 200 for as long as the process runs |
//! | `GET /readyz` | [`dto::Readiness`]; 503 unless a call gets through to this worker |
//! | `GET /metrics` | [`Metrics`](crate::Metrics) as text for Prometheus |
//! | `GET /v1/node` | [`dto::NodeInfo`] |
//! | `GET /v1/peers` | [`dto::PeerList`] |
//!
//! Every error is a [`dto::Problem`]. No request has a body.
//!
//! It runs on a thread of its own, which the worker's control ends: a handler that computes, a lane
//! that is held up or a runtime that is starved does not keep it from answering.
//!
//! * `routes.rs`: the requests above
//! * `access.rs`: who is answered, and the bounds of a request
//! * `probe.rs`: the call that a worker makes to itself
//! * `dto.rs`: the shapes of the answers

mod access;
pub mod dto;
mod probe;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use probe::Prober;

use crate::builder::StartError;
use crate::worker::Worker;

/// Connections at a time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 64;

/// How long the head of a request may take; then 408.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// How long an idle connection stays.
const IDLE: Duration = Duration::from_secs(15);

/// How long requests under way may take when the worker stops, in seconds.
const LAST_REQUESTS_S: u64 = 1;

/// What the requests are answered from.
pub(crate) struct Facts {
    pub(crate) worker: Worker,
    pub(crate) prober: Prober,
    pub(crate) started: Instant,
    /// Others than this machine can ask.
    is_reachable: bool,
}

impl Facts {
    pub(crate) fn new(worker: Worker, prober: Prober) -> Self {
        Self { worker, prober, started: Instant::now(), is_reachable: false }
    }
}

/// HTTP that is being served; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// Listens at `address` and serves on a thread of its own.
///
/// # Errors
/// [`StartError::HttpListen`], [`StartError::Thread`]; nothing is left running.
pub(crate) async fn start(address: SocketAddr, facts: Facts) -> Result<Serving, StartError> {
    let (opened, is_open) = oneshot::channel();
    let (stop, stopping) = oneshot::channel();
    let facts = Facts { is_reachable: !address.ip().is_loopback(), ..facts };
    let run = move || {
        actix_rt::System::new().block_on(async move {
            match open(address, facts) {
                Ok((server, handle, bound)) => {
                    // Whoever started it may have given up: then `stopping` resolves at once.
                    let _ = opened.send(Ok(bound));
                    serve(server, handle, stopping).await;
                }
                Err(cause) => drop(opened.send(Err(cause))),
            }
        });
    };
    let thread = std::thread::Builder::new().name("meshwork-http".to_owned());
    thread.spawn(run).map_err(StartError::Thread)?;
    match is_open.await {
        Ok(Ok(address)) => Ok(Serving { address, _stop: stop }),
        Ok(Err(cause)) => Err(StartError::HttpListen { address, cause }),
        Err(_) => Err(StartError::Stopped),
    }
}

async fn serve(server: Server, handle: ServerHandle, stopping: oneshot::Receiver<()>) {
    let mut server = actix_rt::spawn(server);
    tokio::select! {
        biased;
        ended = &mut server => {
            if let Ok(Err(error)) = ended {
                log::error!("HTTP is not served any more: {error}");
            }
        }
        // An error means that the sender was dropped, which is the signal.
        _ = stopping => handle.stop(true).await,
    }
}

fn open(address: SocketAddr, facts: Facts) -> io::Result<(Server, ServerHandle, SocketAddr)> {
    let facts = web::Data::new(facts);
    let app = move || {
        App::new()
            .app_data(facts.clone())
            .wrap(from_fn(access::admit))
            .wrap(DefaultHeaders::new().add(("cache-control", "no-store")))
            .configure(routes::configure)
            .default_service(web::to(routes::not_found))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(CONNECTIONS_MAX)
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(IDLE)
        .shutdown_timeout(LAST_REQUESTS_S)
        .disable_signals()
        .bind(address)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    Ok((server, handle, bound))
}
