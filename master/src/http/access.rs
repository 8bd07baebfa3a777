//! Who may ask what, and how large a request may be. Everything that is not named open needs the
//! token.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, ORIGIN};
use actix_web::http::header::{HeaderValue, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use meshwork_shared::config::SecretText;

use super::{Facts, routes};

/// Bytes of a body that is passed over. No request has one, so more is refused.
const BODY_BYTES_MAX: u64 = 4096;

/// Bytes of all headers together.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// Requests that anybody may make.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/v1/master"];

/// What the requests that are not open need.
pub(crate) enum Access {
    /// Nothing. Only on a loopback address, and not for browsers, which others can steer.
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
    let refusal = if bytes > HEADERS_BYTES_MAX {
        Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"))
    } else if headers.contains_key(TRANSFER_ENCODING)
        || body.is_some_and(|length| length.is_ok_and(|length| length > BODY_BYTES_MAX))
    {
        Some((StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"))
    } else {
        None
    };
    match refusal {
        None => Ok(next.call(request).await?.map_into_boxed_body()),
        Some((status, word)) => {
            let message = "no request of this server is so large, and none has a body";
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
    let refusal = match (OPEN.contains(&request.path()), request.app_data::<web::Data<Facts>>()) {
        (true, _) => None,
        (false, Some(facts)) => facts.access.refuse(&request),
        (false, None) => Some(HttpResponse::InternalServerError().finish()),
    };
    match refusal {
        None => Ok(next.call(request).await?.map_into_boxed_body()),
        Some(refusal) => Ok(request.into_response(refusal)),
    }
}

impl Access {
    fn refuse(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        match self {
            Self::Open if is_local(request) => None,
            Self::Open => {
                let message = "without a token only programs of this machine are answered, at a \
                               loopback address, and no browser";
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
    is_loopback && !request.headers().contains_key(ORIGIN)
}
