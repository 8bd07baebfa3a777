//! Who may ask what, and how large a request may be. Everything that is not named open needs the
//! token.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, ORIGIN};
use actix_web::http::header::{HeaderValue, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use meshwork_shared::config::SecretText;

use super::{Facts, dashboard, live, routes};

/// Bytes of a body that is passed over. Only one request has one, so more is refused.
const BODY_BYTES_MAX: u64 = 4096;

/// Bytes of a schema.
const SCHEMA_BYTES_MAX: u64 = meshwork_schema::limits::SCHEMA_BYTES_MAX as u64;

/// Bytes of all headers together.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// Requests that anybody may make.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/v1/master"];

/// What the requests that are not open need.
pub(crate) enum Access {
    /// Nothing. Only on a loopback address, and not for pages of elsewhere that steer a browser.
    Open,
    /// The token.
    Token {
        token: SecretText,
        /// Where an operator finds it, as a sentence.
        whereabouts: String,
    },
}

/// Refuses requests that are larger than any that is served.
pub(super) async fn bound(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let body = header(&request, CONTENT_LENGTH).map(|length| length.parse::<u64>());
    let is_schema = request.method() == Method::PUT && request.path() == "/v1/schema";
    let body_bytes_max = if is_schema { SCHEMA_BYTES_MAX } else { BODY_BYTES_MAX };
    let refusal = if bytes > HEADERS_BYTES_MAX {
        Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"))
    } else if headers.contains_key(TRANSFER_ENCODING)
        || body.is_some_and(|length| length.is_ok_and(|length| length > body_bytes_max))
    {
        Some((StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"))
    } else {
        None
    };
    match refusal {
        None => Ok(next.call(request).await?.map_into_boxed_body()),
        Some((status, word)) => {
            let message = "no request is so large; only a schema may have a body, of 1 MiB at most";
            let mut answer = routes::problem(status, word, message);
            // What follows is not read.
            answer.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
            Ok(request.into_response(answer))
        }
    }
}

/// Lets through what is open, and what comes with the token.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let path = request.path();
    let is_open = OPEN.contains(&path) || dashboard::has(path);
    let refusal = match (is_open, request.app_data::<web::Data<Facts>>()) {
        (true, _) => None,
        (false, Some(facts)) => facts.refuse(&request),
        (false, None) => Some(HttpResponse::InternalServerError().finish()),
    };
    match refusal {
        None => Ok(next.call(request).await?.map_into_boxed_body()),
        Some(refusal) => Ok(request.into_response(refusal)),
    }
}

impl Facts {
    /// A WebSocket comes from no page but ours. The live stream, and nothing else, may be opened
    /// with a ticket instead of the token.
    fn refuse(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        if headers.contains_key(UPGRADE) {
            if !is_same_origin(request) {
                let message = "a WebSocket is opened from a page of this server, or by a program";
                return Some(routes::problem(StatusCode::FORBIDDEN, "other_origin", message));
            }
            if live::is_path_of(request.method(), request.path())
                && live::ticket(headers).is_some_and(|ticket| self.watch.tickets.redeem(ticket))
            {
                return None;
            }
        }
        self.access.refuse(request)
    }
}

impl Access {
    fn refuse(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        match self {
            Self::Open if is_local(request) => None,
            Self::Open => {
                let message = "without a token only programs of this machine are answered, at a \
                               loopback address, and of pages only those of this server";
                Some(routes::problem(StatusCode::FORBIDDEN, "not_local", message))
            }
            Self::Token { token, whereabouts } => {
                let shown = header(request, AUTHORIZATION).and_then(bearer);
                if shown.is_some_and(|shown| token.equals(shown)) {
                    return None;
                }
                let message =
                    format!("send the header `Authorization: Bearer TOKEN`; {whereabouts}");
                let mut answer =
                    routes::problem(StatusCode::UNAUTHORIZED, "unauthorized", &message);
                let challenge = HeaderValue::from_static("Bearer");
                answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                Some(answer)
            }
        }
    }
}

fn header(request: &ServiceRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A page of elsewhere that steers a browser at this machine shows its origin, or a name of its own
/// for this host.
fn is_local(request: &ServiceRequest) -> bool {
    let host = header(request, HOST).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_loopback = name == "localhost" || address.is_ok_and(|address| address.is_loopback());
    is_loopback && is_same_origin(request)
}

/// Whether no page is behind the request, or one of this server: a browser tells the truth about
/// where a page came from.
fn is_same_origin(request: &ServiceRequest) -> bool {
    if !request.headers().contains_key(ORIGIN) {
        return true;
    }
    let origin = header(request, ORIGIN).and_then(|origin| origin.split_once("://"));
    let host = header(request, HOST);
    origin.is_some_and(|(_, origin)| host.is_some_and(|host| origin.eq_ignore_ascii_case(host)))
}
