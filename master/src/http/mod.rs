//! The HTTP side: for health checks, for workers that look for the mesh port, and for operators.
//! Served by actix-web on a thread of its own; started and stopped by the shell.
//!
//! | request | token | answer |
//! |---|---|---|
//! | `GET /healthz` | no | [`dto::Health`]; 503 if the registry does not answer |
//! | `GET /readyz` | no | [`dto::Readiness`]; 503 unless workers can join |
//! | `GET /` | no | the dashboard, which asks for all else with the token |
//! | `GET /v1/master` | no | [`dto::MasterInfo`] |
//! | `GET /v1/members` | yes | [`dto::MemberList`] |
//! | `GET /v1/schema` | yes | [`dto::SchemaInfo`] |
//! | `PUT /v1/schema` | yes | [`dto::SchemaApplied`], else [`dto::SchemaProblem`] |
//! | `GET /v1/counters` | yes | [`dto::CounterList`] |
//! | `GET /v1/mesh` | yes | [`dto::Mesh`] |
//! | `GET /v1/events` | yes | [`EventPage`](crate::events::EventPage), or a WebSocket |
//! | `POST /v1/events/ticket` | yes | what a browser opens that with |
//! | `GET /metrics` | yes | text for Prometheus |
//! | `GET /v1/queues/{queue}/dead` | yes | [`dto::DeadLetters`] |
//! | `POST /v1/queues/{queue}/dead/{job}/retry`, `.../dead/retry` | yes | [`dto::Retried`] |
//! | `POST /v1/members/{worker}/{variant}/revoke` | yes | [`dto::Revoked`] |
//! | `POST /v1/queue-root/rotate` | yes | [`dto::QueueRoots`] |
//! | `POST /v1/queue-root/forget` | yes | [`dto::QueueRoots`] |
//!
//! Every error is a [`dto::Problem`]. No request has a body but the one that brings a schema.
//!
//! * `routes.rs`: the requests above; `schema.rs`: those about the schema
//! * `access.rs`: the token, and the bounds of a request
//! * `dto.rs`: the shapes of the answers
//! * `dashboard.rs`: the page that shows it
//! * `mesh.rs`: the whole picture
//! * `events.rs`, `live.rs`: what happened, on request and live
//! * `queues.rs`: how full queues are
//! * `dead_letters.rs`: dead letters, and making jobs of them again
//! * `stalled.rs`: those who look on and take nothing any more
//! * `tickets.rs`: how a browser shows that it may look

mod access;
mod dashboard;
mod dead_letters;
pub mod dto;
mod events;
mod live;
mod mesh;
mod queues;
mod routes;
mod schema;
mod stalled;
mod tickets;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use meshwork_queue::QueueBackend;
use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::HostPort;
use meshwork_shared::identity::AuthorityId;
use meshwork_shared::random::Random;
use tokio::sync::Semaphore;

pub(crate) use access::Access;

use crate::events::EventLog;
use crate::registry::actor::RegistryActor;

/// Connections at a time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;

/// Those who wait for events or look on live, at a time; one more is told to come later.
const VIEWERS_MAX: usize = 64;

/// How long the head of a request may take; then 408.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// How long an idle connection stays.
const IDLE: Duration = Duration::from_secs(15);

/// How long requests under way may take when the master stops, in seconds.
const LAST_REQUESTS_S: u64 = 1;

/// What the requests are answered from.
pub(crate) struct Facts {
    pub(crate) registry: Addr<RegistryActor>,
    pub(crate) handshakes: Arc<HandshakeCounters>,
    pub(crate) mesh_port: u16,
    /// As configured.
    pub(crate) advertise: Vec<HostPort>,
    pub(crate) authority: AuthorityId,
    pub(crate) access: Access,
    pub(crate) events: Arc<EventLog>,
    pub(crate) clock: Clock,
    pub(crate) watch: Watch,
}

/// What serves those who look on.
pub(crate) struct Watch {
    tickets: tickets::Tickets,
    pictures: mesh::Pictures,
    queues: queues::Queues,
    places: Arc<Semaphore>,
}

impl Watch {
    pub(crate) fn new(random: Random, store: Option<Arc<dyn QueueBackend>>) -> Self {
        Self {
            tickets: tickets::Tickets::new(random),
            pictures: mesh::Pictures::default(),
            queues: queues::Queues::new(store),
            places: Arc::new(Semaphore::new(VIEWERS_MAX)),
        }
    }
}

/// Listens at `address` and serves.
pub(crate) fn serve(
    address: SocketAddr,
    facts: Facts,
) -> io::Result<(Server, ServerHandle, SocketAddr)> {
    let facts = web::Data::new(facts);
    let app = move || {
        App::new()
            .app_data(facts.clone())
            .wrap(from_fn(access::admit))
            .wrap(from_fn(access::bound))
            .wrap(DefaultHeaders::new().add(("cache-control", "no-store")))
            .configure(routes::configure)
            .configure(dashboard::configure)
            .default_service(web::to(routes::not_found))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(CONNECTIONS_MAX)
        .on_connect(stalled::Cable::keep)
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
