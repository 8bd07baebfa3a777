//! The requests, one function each.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Route, web};

use meshwork_shared::metrics::CONTENT_TYPE;

use super::Facts;
use super::dto::{Health, NodeInfo, PeerList, PeerRow, Problem, Readiness, SchemaRow, State};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let resource = |path: &str, route: Route| {
        web::resource(path.to_owned()).route(route).default_service(web::to(not_that_method))
    };
    app.service(resource("/healthz", web::get().to(healthz)).route(web::head().to(healthz)))
        .service(resource("/readyz", web::get().to(readyz)).route(web::head().to(readyz)))
        .service(resource("/metrics", web::get().to(metrics)))
        .service(resource("/v1/node", web::get().to(node)))
        .service(resource("/v1/peers", web::get().to(peers)));
}

/// Asks nobody: a process that is busy lives.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok".to_owned() })
}

async fn readyz(facts: web::Data<Facts>) -> HttpResponse {
    match facts.prober.probe().await {
        Ok(()) => HttpResponse::Ok().json(Readiness { ready: true, reason: None }),
        Err(reason) => {
            let readiness = Readiness { ready: false, reason: Some(reason) };
            HttpResponse::ServiceUnavailable().json(readiness)
        }
    }
}

async fn metrics(facts: web::Data<Facts>) -> HttpResponse {
    let text = facts.worker.metrics().await.to_string();
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(text)
}

async fn node(facts: web::Data<Facts>) -> HttpResponse {
    let (worker, inner) = (&facts.worker, facts.worker.inner());
    let me = worker.identity();
    let schema = facts.prober.trust.schema().map(|active| SchemaRow {
        number: active.known.number,
        fingerprint: active.known.fingerprint,
    });
    HttpResponse::Ok().json(NodeInfo {
        worker: me.worker,
        variant: me.variant,
        incarnation: me.incarnation,
        node: me.node,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        state: match (inner.is_stopping(), inner.is_joined()) {
            (true, _) => State::Draining,
            (false, true) => State::Ready,
            (false, false) => State::Joining,
        },
        has_master: inner.has_master(),
        listen: worker.listen_addr(),
        uptime_s: facts.started.elapsed().as_secs(),
        grace_ms: u64::try_from(inner.grace().as_millis()).unwrap_or(u64::MAX),
        running: worker.running(),
    })
}

async fn peers(facts: web::Data<Facts>) -> HttpResponse {
    let routes = facts.worker.inner().routes.load();
    let mut peers: Vec<PeerRow> = routes
        .all()
        .map(|instance| {
            let link = instance.link.as_ref().filter(|link| link.is_open());
            PeerRow {
                worker: instance.key.worker.clone(),
                variant: instance.key.variant.clone(),
                incarnation: instance.incarnation,
                status: instance.member.as_ref().map(|member| member.status),
                linked: link.is_some(),
                draining: instance.draining || link.is_some_and(|link| link.is_peer_draining()),
                in_flight: link.map_or(0, |link| link.in_flight()),
                round_trip_us: link
                    .and_then(|link| link.round_trip())
                    .map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            }
        })
        .collect();
    peers.sort_by(|a, b| (&a.worker, &a.variant).cmp(&(&b.worker, &b.variant)));
    HttpResponse::Ok().json(PeerList { peers })
}

pub(super) async fn not_found() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "not_found", "there is no such thing here; see docs/HTTP.md")
}

async fn not_that_method() -> HttpResponse {
    let message = "this cannot be asked with that method; see docs/HTTP.md";
    problem(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

/// An error as an answer.
pub(super) fn problem(status: StatusCode, error: &str, message: &str) -> HttpResponse {
    let (error, message) = (error.to_owned(), message.to_owned());
    HttpResponse::build(status).json(Problem { error, message })
}
