//! The requests, one function each.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Route, web};
use meshwork_shared::metrics::CONTENT_TYPE;
use meshwork_shared::protocol::MemberKey;

use super::dto::{
    CounterList, Health, MasterInfo, MemberList, MemberName, MemberRow, Problem, QueueRoots,
    Readiness, Revoked,
};
use super::{Facts, dead_letters, events, mesh, schema};
use crate::master::Members;
use crate::queue_roots::{QueueRootStatus, RotateError};
use crate::registry::actor::{
    Counters, CountersNow, ForgetQueueRoots, MembersNow, RegistryActor, RevokeTickets,
    RotateQueueRoot, SchemaNow,
};
use crate::registry::{MemberInfo, RevokeError, RevokeTarget};
use crate::schema_change::SchemaStatus;

/// How long the registry may take to answer.
const WITHIN: Duration = Duration::from_secs(3);

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let resource = |path: &str, route: Route| {
        web::resource(path.to_owned()).route(route).default_service(web::to(not_that_method))
    };
    app.service(resource("/healthz", web::get().to(healthz)).route(web::head().to(healthz)))
        .service(resource("/readyz", web::get().to(readyz)).route(web::head().to(readyz)))
        .service(resource("/metrics", web::get().to(metrics)))
        .service(resource("/v1/master", web::get().to(master)))
        .service(resource("/v1/members", web::get().to(members)))
        .service(
            resource("/v1/schema", web::get().to(schema::show)).route(web::put().to(schema::apply)),
        )
        .service(resource("/v1/counters", web::get().to(counters)))
        .service(resource("/v1/mesh", web::get().to(mesh::mesh)))
        .service(resource("/v1/queues/{queue}/dead", web::get().to(dead_letters::dead)))
        .service(resource("/v1/queues/{queue}/dead/retry", web::post().to(dead_letters::retry_all)))
        .service(resource(
            "/v1/queues/{queue}/dead/{job}/retry",
            web::post().to(dead_letters::retry_one),
        ))
        .service(resource(events::PATH, web::get().to(events::events)))
        .service(resource("/v1/events/ticket", web::post().to(events::ticket)))
        .service(resource("/v1/members/{worker}/{variant}/revoke", web::post().to(revoke)))
        .service(resource("/v1/queue-root/rotate", web::post().to(rotate_queue_root)))
        .service(resource("/v1/queue-root/forget", web::post().to(forget_queue_roots)));
}

/// What the registry answers, or the answer for when it does not.
pub(super) async fn ask<M>(facts: &Facts, message: M) -> Result<M::Result, HttpResponse>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    RegistryActor: actix::Handler<M>,
{
    match tokio::time::timeout(WITHIN, facts.registry.send(message)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => {
            let message = "the registry does not answer: the master is stopping, or overloaded";
            Err(problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message))
        }
    }
}

async fn healthz(facts: web::Data<Facts>) -> HttpResponse {
    match ask(&facts, CountersNow).await {
        Ok(_) => HttpResponse::Ok().json(Health { status: "ok".to_owned() }),
        Err(unavailable) => unavailable,
    }
}

async fn readyz(facts: web::Data<Facts>) -> HttpResponse {
    let Counters { stopping, settled, .. } = match ask(&facts, CountersNow).await {
        Ok(counters) => counters,
        Err(unavailable) => return unavailable,
    };
    let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    HttpResponse::build(status).json(Readiness { ready: !stopping, settled })
}

async fn master(facts: web::Data<Facts>) -> HttpResponse {
    let (mesh_port, authority) = (facts.mesh_port, facts.authority.to_string());
    let mesh_addresses = facts.advertise.iter().map(ToString::to_string).collect();
    HttpResponse::Ok().json(MasterInfo { mesh_port, mesh_addresses, authority })
}

async fn members(facts: web::Data<Facts>) -> HttpResponse {
    match ask(&facts, MembersNow).await {
        Ok(Members { epoch, settled, members }) => {
            let members = members.iter().map(row).collect();
            HttpResponse::Ok().json(MemberList { epoch, settled, members })
        }
        Err(unavailable) => unavailable,
    }
}

fn row(info: &MemberInfo) -> MemberRow {
    let member = &info.member;
    MemberRow {
        worker: member.key.worker.clone(),
        variant: member.key.variant.clone(),
        incarnation: member.incarnation,
        status: member.status,
        node: member.node,
        addresses: member.addresses.clone(),
        commands: member.commands.clone(),
        schema: member.schema,
        since_unix_ms: info.since_unix_ms,
        ticket_serial: info.serial,
        ticket_ends_unix_s: info.ticket_ends_unix_s,
    }
}

async fn counters(facts: web::Data<Facts>) -> HttpResponse {
    match ask(&facts, CountersNow).await {
        Ok(counters) => {
            let counters = counters.by_name(&facts.handshakes);
            HttpResponse::Ok().json(CounterList { counters })
        }
        Err(unavailable) => unavailable,
    }
}

async fn metrics(facts: web::Data<Facts>) -> HttpResponse {
    let read = async {
        let counters = ask(&facts, CountersNow).await?;
        let members = ask(&facts, MembersNow).await?;
        let schema = ask(&facts, SchemaNow).await?;
        Ok((counters, members, schema))
    };
    match read.await {
        Ok((counters, members, SchemaStatus { schema, number, .. })) => {
            let workers: Vec<_> =
                schema.workers().iter().map(|worker| worker.name.to_string()).collect();
            let handshakes = &facts.handshakes;
            let text = crate::metrics::text(&counters, &members, &workers, number, handshakes);
            HttpResponse::Ok().content_type(CONTENT_TYPE).body(text)
        }
        Err(unavailable) => unavailable,
    }
}

async fn revoke(facts: web::Data<Facts>, path: web::Path<(String, String)>) -> HttpResponse {
    let (Ok(worker), Ok(variant)) = (path.0.parse(), path.1.parse()) else {
        let message = "a member is WORKER/VARIANT, as `GET /v1/members` lists them";
        return problem(StatusCode::BAD_REQUEST, "bad_name", message);
    };
    let target = RevokeTarget::Member(MemberKey { worker, variant });
    match ask(&facts, RevokeTickets(target)).await {
        Ok(Ok(revoked)) => {
            let name = |key: MemberKey| MemberName { worker: key.worker, variant: key.variant };
            HttpResponse::Ok().json(Revoked { revoked: revoked.into_iter().map(name).collect() })
        }
        Ok(Err(error)) => {
            let (status, word) = match error {
                RevokeError::UnknownMember => (StatusCode::NOT_FOUND, "unknown_member"),
                RevokeError::Full => (StatusCode::CONFLICT, "full"),
            };
            problem(status, word, &error.to_string())
        }
        Err(unavailable) => unavailable,
    }
}

async fn rotate_queue_root(facts: web::Data<Facts>) -> HttpResponse {
    match ask(&facts, RotateQueueRoot).await {
        Ok(outcome) => queue_roots(outcome),
        Err(unavailable) => unavailable,
    }
}

async fn forget_queue_roots(facts: web::Data<Facts>) -> HttpResponse {
    match ask(&facts, ForgetQueueRoots).await {
        Ok(outcome) => queue_roots(outcome),
        Err(unavailable) => unavailable,
    }
}

fn queue_roots(outcome: Result<QueueRootStatus, RotateError>) -> HttpResponse {
    match outcome {
        Ok(QueueRootStatus { epoch, kept }) => HttpResponse::Ok().json(QueueRoots { epoch, kept }),
        Err(error) => {
            let (status, word) = match error {
                RotateError::Full { .. } => (StatusCode::CONFLICT, "full"),
                RotateError::State(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_kept"),
            };
            problem(status, word, &error.to_string())
        }
    }
}

pub(super) async fn not_found() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "not_found", "there is no such thing here; see docs/HTTP.md")
}

pub(super) async fn not_that_method() -> HttpResponse {
    let message = "this cannot be asked with that method; see docs/HTTP.md";
    problem(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

/// An error as an answer.
pub(super) fn problem(status: StatusCode, error: &str, message: &str) -> HttpResponse {
    let (error, message) = (error.to_owned(), message.to_owned());
    HttpResponse::build(status).json(Problem { error, message })
}
