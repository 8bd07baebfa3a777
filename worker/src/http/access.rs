//! Who is answered, and how large a request may be.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, HOST, HeaderName, ORIGIN, TRANSFER_ENCODING};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::{Facts, routes};

/// Bytes of a body that is passed over. No request has one, so more is refused.
const BODY_BYTES_MAX: u64 = 4096;

/// Bytes of all headers together.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// Why a request is not answered.
type Refusal = (StatusCode, &'static str, &'static str);

const HEADERS_TOO_LARGE: Refusal = (
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers_too_large",
    "no request of this server is so large",
);

const BODY_TOO_LARGE: Refusal =
    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "no request of this server has a body");

const NOT_LOCAL: Refusal = (
    StatusCode::FORBIDDEN,
    "not_local",
    "this worker answers programs of its own machine, at a loopback address, and no page of a \
     browser; set `http_listen` to another address to be asked from elsewhere",
);

/// Lets through what is small, and what no page of a browser on this machine was made to ask.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_reachable =
        request.app_data::<web::Data<Facts>>().is_some_and(|facts| facts.is_reachable);
    let Some((status, word, message)) = refusal(&request, is_reachable) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let mut answer = routes::problem(status, word, message);
    // What follows is not read.
    answer.head_mut().set_connection_type(ConnectionType::Close);
    Ok(request.into_response(answer))
}

fn refusal(request: &ServiceRequest, is_reachable: bool) -> Option<Refusal> {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let length = header(request, &CONTENT_LENGTH).map(|length| length.parse::<u64>());
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || length.is_some_and(|length| length.is_ok_and(|length| length > BODY_BYTES_MAX));
    if bytes > HEADERS_BYTES_MAX {
        return Some(HEADERS_TOO_LARGE);
    }
    if has_body {
        return Some(BODY_TOO_LARGE);
    }
    (headers.contains_key(ORIGIN) || !(is_reachable || is_local(request))).then_some(NOT_LOCAL)
}

fn header<'r>(request: &'r ServiceRequest, name: &HeaderName) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

/// A page of elsewhere that steers a browser at this machine shows a name of its own for this host.
fn is_local(request: &ServiceRequest) -> bool {
    let host = header(request, &HOST).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
