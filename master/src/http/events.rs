//! `GET /v1/events`: what happened behind a number, now or as soon as there is something; and the
//! ticket with which a browser opens the same as a WebSocket (`live.rs`).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use meshwork_schema::duration;
use serde::{Deserialize, Serialize};

use super::tickets::TICKET_VALID;
use super::{Facts, live, routes};
use crate::events::PAGE_EVENTS_MAX;

/// Where they are asked for.
pub(super) const PATH: &str = "/v1/events";

/// The longest wait for an event.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What may stand behind the `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Which life of the master numbered what was seen.
    pub(super) epoch: Option<u64>,
    /// The newest number that was seen.
    pub(super) after: Option<u64>,
    /// How long to wait for the first event, as `30s`; at most a minute.
    wait: Option<String>,
    /// Events of the answer, at most.
    limit: Option<usize>,
    /// Also the picture of the mesh, every second; only of a WebSocket.
    #[serde(default)]
    pub(super) mesh: bool,
}

/// What a browser shows once when it opens the WebSocket.
#[derive(Serialize)]
struct Ticket<'a> {
    ticket: &'a str,
    valid_s: u64,
}

pub(super) async fn events(
    facts: web::Data<Facts>,
    request: HttpRequest,
    stream: web::Payload,
) -> HttpResponse {
    let wanted = match web::Query::<Wanted>::from_query(request.query_string()) {
        Ok(wanted) => wanted.into_inner(),
        Err(error) => return bad_query(&format!("{error}")),
    };
    let wait = match wanted.wait.as_deref().map_or(Ok(Duration::ZERO), duration::parse) {
        Ok(wait) => wait.min(WAIT_MAX),
        Err(_) => return bad_query("`wait` is a duration, as 30s"),
    };
    // Each of them holds a connection for long.
    let Ok(viewer) = facts.watch.places.clone().try_acquire_owned() else {
        let message = "as many look on as may; try again later";
        return routes::problem(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
    };
    if live::is_asked_for(&request) {
        return live::start(&facts, wanted, viewer, &request, stream);
    }
    let limit = wanted.limit.unwrap_or(PAGE_EVENTS_MAX);
    let after = wanted.after.unwrap_or(0);
    let page = facts.events.page_within(wanted.epoch, after, limit, wait).await;
    HttpResponse::Ok().json(page)
}

pub(super) async fn ticket(facts: web::Data<Facts>) -> HttpResponse {
    let ticket = facts.watch.tickets.make();
    HttpResponse::Ok().json(Ticket { ticket: ticket.expose(), valid_s: TICKET_VALID.as_secs() })
}

fn bad_query(what: &str) -> HttpResponse {
    let message = format!("{what}; write /v1/events?after=NUMBER&wait=30s (docs/HTTP.md)");
    routes::problem(StatusCode::BAD_REQUEST, "bad_query", &message)
}
