//! The schema over HTTP: which one is in force, and another one.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use meshwork_schema::limits::SCHEMA_BYTES_MAX;
use meshwork_schema::{Changes, Schema, SchemaFormat};
use serde::Deserialize;

use super::Facts;
use super::dto::{ReloadInfo, SchemaApplied, SchemaInfo, SchemaProblem};
use super::routes::{ask, problem};
use crate::registry::actor::{ApplySchema, SchemaNow, SchemaRefused};
use crate::schema_change::{Apply, LastReload, ReloadError, Reloaded, SchemaChange, SchemaStatus};

/// How long the body of a request may take; then 408.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What may stand behind the `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    force: bool,
    dry_run: bool,
}

pub(super) async fn show(facts: web::Data<Facts>) -> HttpResponse {
    let status = match ask(&facts, SchemaNow).await {
        Ok(status) => status,
        Err(unavailable) => return unavailable,
    };
    let SchemaStatus { schema, number, fingerprint, is_applied, last_reload, refused_file } =
        status;
    match serde_json::from_str(&schema.canonical_json()) {
        Ok(schema) => HttpResponse::Ok().json(SchemaInfo {
            number,
            fingerprint,
            applied: is_applied,
            last_reload: reload_info(last_reload),
            refused_file: refused_file.map(reload_info),
            schema,
        }),
        Err(error) => {
            log::error!("the canonical schema is no JSON: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

fn reload_info(last: LastReload) -> ReloadInfo {
    let LastReload { at_unix_ms, by, outcome } = last;
    let (outcome, report) = match outcome {
        Ok(done) => (word(done), None),
        Err(report) => ("refused", Some(report)),
    };
    ReloadInfo { at_unix_ms, by: by.as_str().to_owned(), outcome: outcome.to_owned(), report }
}

fn word(outcome: Reloaded) -> &'static str {
    match outcome {
        Reloaded::Started => "started",
        Reloaded::Unchanged => "unchanged",
        Reloaded::Changed { .. } => "changed",
        Reloaded::Checked => "checked",
    }
}

pub(super) async fn apply(
    facts: web::Data<Facts>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let Ok(options) = web::Query::<Options>::from_query(request.query_string()) else {
        let message = "only `force=true` and `dry_run=true` may stand behind the `?`";
        return problem(StatusCode::BAD_REQUEST, "bad_query", message);
    };
    let body =
        match tokio::time::timeout(BODY_WITHIN, payload.to_bytes_limited(SCHEMA_BYTES_MAX)).await {
            Ok(Ok(Ok(body))) => body,
            Ok(Ok(Err(_))) => {
                let message = "the connection ended inside the schema";
                return problem(StatusCode::BAD_REQUEST, "cut_off", message);
            }
            Ok(Err(_)) => {
                let message = "a schema has 1 MiB at most";
                return problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message);
            }
            Err(_) => {
                let message = "the schema did not come in time";
                return problem(StatusCode::REQUEST_TIMEOUT, "slow", message);
            }
        };
    let schema = match Schema::from_bytes(format_of(&request), &body) {
        Ok(schema) => schema,
        Err(errors) => {
            let report = errors.render("schema", &String::from_utf8_lossy(&body));
            if !options.dry_run
                && let Err(unavailable) = ask(&facts, SchemaRefused(report.clone())).await
            {
                return unavailable;
            }
            let message = "the schema has mistakes; the one before stays in force";
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "mistakes", message, Some(report));
        }
    };
    let apply = Apply { force: options.force, dry_run: options.dry_run };
    match ask(&facts, ApplySchema { schema: schema.into(), apply }).await {
        Ok(Ok(change)) => applied(&facts, change).await,
        Ok(Err(error)) => not_applied(error),
        Err(unavailable) => unavailable,
    }
}

fn format_of(request: &HttpRequest) -> SchemaFormat {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind {
        Some(kind) if kind.starts_with("application/json") => SchemaFormat::Json,
        Some(_) | None => SchemaFormat::Toml,
    }
}

async fn applied(facts: &Facts, change: SchemaChange) -> HttpResponse {
    let SchemaStatus { number, fingerprint, .. } = match ask(facts, SchemaNow).await {
        Ok(status) => status,
        Err(unavailable) => return unavailable,
    };
    let outcome = word(change.outcome).to_owned();
    HttpResponse::Ok().json(SchemaApplied { outcome, number, fingerprint, changes: change.changes })
}

fn not_applied(error: ReloadError) -> HttpResponse {
    let message = error.to_string();
    match error {
        ReloadError::Breaking { changes, .. } => breaking(StatusCode::CONFLICT, &message, *changes),
        ReloadError::TooLarge { .. } => {
            refusal(StatusCode::UNPROCESSABLE_ENTITY, "too_large", &message, None)
        }
        ReloadError::NotKept(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "not_kept", &message),
        ReloadError::Broken(_) | ReloadError::Stopped(_) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &message)
        }
    }
}

fn breaking(status: StatusCode, message: &str, changes: Changes) -> HttpResponse {
    HttpResponse::build(status).json(SchemaProblem {
        error: "breaking".to_owned(),
        message: message.to_owned(),
        report: None,
        changes: Some(changes),
    })
}

fn refusal(status: StatusCode, error: &str, message: &str, report: Option<String>) -> HttpResponse {
    let (error, message) = (error.to_owned(), message.to_owned());
    HttpResponse::build(status).json(SchemaProblem { error, message, report, changes: None })
}
