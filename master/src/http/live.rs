//! Live over a WebSocket: events as they happen, and the picture of the mesh every second. An actor
//! for each viewer, owned by its connection; it stops with it. The only file that may name
//! actix-web-actors (`docs/decisions/0002-websockets-in-one-file.md`).
//!
//! A viewer has no queue of its own: it has a place in the history, and is moved on only when its
//! connection takes more. What it is too slow for is forgotten by the history, and the next page
//! says how many events that were. Pictures are never queued: a slow viewer gets fewer. One that is
//! silent for too long ends, and so does one that takes nothing (`stalled.rs`).

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler, WrapFuture};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::events::{self, Wanted};
use super::stalled::{self, Cable, Pulse, STALLED_MAX};
use super::{Facts, mesh};
use crate::events::{EventPage, PAGE_EVENTS_MAX};

/// The protocol of this stream, as a client names it.
const PROTOCOL: &str = "meshwork.v1";

/// What stands before a ticket that is shown as a protocol.
const TICKET: &str = "ticket.";

/// Bytes of a message of a viewer, which has nothing to say but PONG and CLOSE.
const FRAME_BYTES_MAX: usize = 1024;

/// How often a picture is sent.
const PICTURE_EVERY: Duration = Duration::from_secs(1);

/// How often a viewer is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long one may stay silent.
const SILENT_MAX: Duration = Duration::from_secs(45);

/// Events that come together are told together.
const GATHER: Duration = Duration::from_millis(50);

/// One who looks on.
struct Viewer {
    facts: web::Data<Facts>,
    epoch: Option<u64>,
    /// The newest event that it was sent.
    after: u64,
    wants_mesh: bool,
    heard: Instant,
    pulse: Arc<Pulse>,
    _place: OwnedSemaphorePermit,
}

/// A message with events.
#[derive(Serialize)]
struct Events {
    r#type: &'static str,
    #[serde(flatten)]
    page: EventPage,
}

/// Whether that is where the live stream is.
pub(super) fn is_path_of(method: &Method, path: &str) -> bool {
    method == Method::GET && path == events::PATH
}

/// Whether that request is to become a WebSocket.
pub(super) fn is_asked_for(request: &HttpRequest) -> bool {
    request.headers().contains_key(UPGRADE)
}

/// The ticket that a browser shows as one of its protocols.
pub(super) fn ticket(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let shown = shown.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    shown.filter_map(|one| one.trim().strip_prefix(TICKET)).next()
}

/// Turns the request into a live stream.
pub(super) fn start(
    facts: &web::Data<Facts>,
    wanted: Wanted,
    place: OwnedSemaphorePermit,
    request: &HttpRequest,
    stream: web::Payload,
) -> HttpResponse {
    let viewer = Viewer {
        facts: facts.clone(),
        epoch: wanted.epoch,
        after: wanted.after.unwrap_or(0),
        wants_mesh: wanted.mesh,
        heard: Instant::now(),
        pulse: Pulse::new(),
        _place: place,
    };
    if let Some(cable) = request.conn_data::<Cable>().cloned() {
        let pulse = Arc::downgrade(&viewer.pulse);
        actix_web::rt::spawn(stalled::watch(pulse, move || {
            log::warn!("a viewer is cut off: it has taken nothing for {STALLED_MAX:?}");
            cable.cut();
        }));
    }
    let protocols = [PROTOCOL];
    let started = ws::WsResponseBuilder::new(viewer, request, stream)
        .protocols(&protocols)
        .frame_size(FRAME_BYTES_MAX)
        .start();
    started.unwrap_or_else(|error| error.error_response())
}

impl Viewer {
    /// Sends what it has not seen, a page at a time.
    fn send_events(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let page = self.facts.events.page(self.epoch, self.after, PAGE_EVENTS_MAX);
        if page.events.is_empty() && !page.epoch_changed {
            return;
        }
        (self.epoch, self.after) = (Some(page.epoch), page.next);
        match serde_json::to_string(&Events { r#type: "events", page }) {
            Ok(text) => ctx.text(text),
            Err(error) => log::error!("events are no JSON: {error}"),
        }
    }

    /// Waits for the next event, then sends.
    fn follow(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let mut newest = self.facts.events.newest();
        let after = self.after;
        let came = async move {
            let came = newest.wait_for(|last| *last > after).await.is_ok();
            tokio::time::sleep(GATHER).await;
            came
        };
        ctx.spawn(came.into_actor(self).map(|came, viewer, ctx| {
            if !came {
                // The master stops.
                return close(ctx);
            }
            viewer.send_events(ctx);
            viewer.follow(ctx);
        }));
    }

    /// Sends a picture, and the next one a while after this one is done.
    fn send_picture(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let facts = self.facts.clone();
        let made = async move { mesh::picture(&facts).await };
        ctx.spawn(made.into_actor(self).map(|picture, _, ctx| {
            // Without one, the next may be better.
            let text = picture.ok().and_then(|json| json.try_into().ok());
            if let Some::<bytestring::ByteString>(text) = text {
                ctx.text(text);
            }
            ctx.run_later(PICTURE_EVERY, Self::send_picture);
        }));
    }
}

impl Actor for Viewer {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.send_events(ctx);
        self.follow(ctx);
        if self.wants_mesh {
            self.send_picture(ctx);
        }
        ctx.run_interval(PING_EVERY, |viewer, ctx| {
            viewer.pulse.beat();
            if viewer.heard.elapsed() > SILENT_MAX {
                return ctx.stop();
            }
            ctx.ping(b"");
        });
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Viewer {
    fn handle(&mut self, item: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Instant::now();
        match item {
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            // It has nothing to say, and ends or errs.
            Ok(
                ws::Message::Close(_)
                | ws::Message::Text(_)
                | ws::Message::Binary(_)
                | ws::Message::Continuation(_),
            )
            | Err(_) => close(ctx),
        }
    }
}

fn close(ctx: &mut ws::WebsocketContext<Viewer>) {
    ctx.close(None);
    ctx.stop();
}
