//! `GET /v1/mesh`: the whole picture, put together at most once in a while however many look.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use meshwork_schema::{CommandSchema, Delivery, Schema, WorkerSchema};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::dto::{
    CallRates, CommandAccess, CommandRow, MasterRow, Mesh, MeshLink, MeshMember, ProcessRow,
    TrafficRow, WorkerRow,
};
use super::{Facts, queues, routes};
use crate::figures::{ProcessFigures, Rates};
use crate::registry::MemberInfo;
use crate::registry::actor::{MeshNow, MeshStatus};

/// A picture younger than this is shown again.
const FRESH: Duration = Duration::from_millis(800);

/// The last picture, as JSON.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    last: Mutex<Option<(Instant, web::Bytes)>>,
}

/// A message of the live stream: the picture with the word that says so.
#[derive(Serialize)]
struct Tagged<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    mesh: &'a Mesh,
}

pub(super) async fn mesh(facts: web::Data<Facts>) -> HttpResponse {
    match picture(&facts).await {
        Ok(json) => HttpResponse::Ok().content_type("application/json").body(json),
        Err(unavailable) => unavailable,
    }
}

/// The picture as JSON; its `type` is `mesh`.
pub(super) async fn picture(facts: &web::Data<Facts>) -> Result<web::Bytes, HttpResponse> {
    // Held on purpose while one is made: whoever comes meanwhile gets that one.
    let mut last = facts.watch.pictures.last.lock().await;
    if let Some((at, json)) = &*last
        && at.elapsed() < FRESH
    {
        return Ok(json.clone());
    }
    let status = routes::ask(facts, MeshNow).await?;
    let mesh = shown(facts, &status);
    let tagged = Tagged { r#type: "mesh", mesh: &mesh };
    let json = serde_json::to_vec(&tagged).map(web::Bytes::from).map_err(|error| {
        log::error!("the picture of the mesh is no JSON: {error}");
        HttpResponse::InternalServerError().finish()
    })?;
    *last = Some((Instant::now(), json.clone()));
    Ok(json)
}

fn shown(facts: &web::Data<Facts>, status: &MeshStatus) -> Mesh {
    let MeshStatus { schema, members, links, commands, traffic, queues, .. } = status;
    let (queues, queues_left_out, queue_store) = queues::shown(facts, queues);
    let commands = commands.iter().map(|row| CommandRow {
        worker: row.worker.clone(),
        command: row.command.clone(),
        instances: row.instances,
        per_second: rates(row.rates),
        running: row.running,
        p50_us: row.p50_us,
        p99_us: row.p99_us,
    });
    let traffic = traffic.iter().map(|row| TrafficRow {
        from: row.from.clone(),
        to: row.to.clone(),
        command: row.command.clone(),
        per_second: rates(row.rates),
    });
    Mesh {
        at_unix_ms: facts.clock.unix_ms(),
        master: MasterRow {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: ms(status.uptime),
            epoch: status.epoch,
            settled: status.settled,
            schema: status.number,
            fingerprint: status.fingerprint,
            last_event: *facts.events.newest().borrow(),
        },
        workers: schema.workers().iter().map(|row| worker(row, schema)).collect(),
        members: members.iter().map(member).collect(),
        links: links.iter().map(|(a, b)| MeshLink { a: *a, b: *b }).collect(),
        commands: commands.collect(),
        traffic: traffic.collect(),
        queues,
        queues_left_out,
        queue_store,
    }
}

fn worker(worker: &WorkerSchema, schema: &Schema) -> WorkerRow {
    let name = worker.name.as_str();
    let others = || schema.workers().iter().map(|other| &other.name);
    let access = |command: &CommandSchema| CommandAccess {
        command: command.name.clone(),
        broadcast: command.delivery == Delivery::Broadcast,
        queued: command.queued,
        callers: others()
            .filter(|caller| schema.may_call(caller.as_str(), name, command.name.as_str()))
            .cloned()
            .collect(),
    };
    WorkerRow {
        worker: worker.name.clone(),
        dials: others().filter(|other| schema.dials(name, other.as_str())).cloned().collect(),
        commands: worker.commands.iter().map(access).collect(),
    }
}

fn member((info, process): &(MemberInfo, Option<(ProcessFigures, Duration)>)) -> MeshMember {
    let member = &info.member;
    MeshMember {
        worker: member.key.worker.clone(),
        variant: member.key.variant.clone(),
        incarnation: member.incarnation,
        status: member.status,
        node: member.node,
        addresses: member.addresses.clone(),
        schema: member.schema,
        since_unix_ms: info.since_unix_ms,
        process: process.as_ref().map(|(process, age)| ProcessRow {
            version: process.version.clone(),
            uptime_ms: process.uptime_ms.saturating_add(ms(*age)),
            running: process.running,
            schema: (process.schema > 0).then_some(process.schema),
            age_ms: ms(*age),
        }),
    }
}

/// To a thousandth: more digits cost bytes and say nothing.
fn rates(rates: Rates) -> CallRates {
    let short = |rate: f64| (rate * 1000.0).round() / 1000.0;
    CallRates {
        ok: short(rates.ok),
        failed: short(rates.failed),
        not_executed: short(rates.not_executed),
        overloaded: short(rates.overloaded),
        unknown: short(rates.unknown),
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
