//! `meshwork health`: is a process alive, or ready? For the health check of a container, which has
//! no other program to ask with.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use meshwork_shared::config::HostPort;
use serde::Serialize;

use crate::arguments::parse_duration;
use crate::exit::{CommandError, Exit, Outcome};
use crate::http::{self, MASTER_DEFAULT};
use crate::terminal::{say, say_json, screen_safe};

/// The variable that says where a process listens, and with it where it is asked.
const LISTEN: &str = "MESHWORK_HTTP_LISTEN";

/// Ask a process whether it is alive or ready
///
/// Asks the HTTP side of a master, or of a worker that has one: /healthz, or /readyz with --ready.
/// No token is needed. Where it is asked follows from MESHWORK_HTTP_LISTEN, so that a container
/// can ask itself without any argument.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork health
  meshwork health --ready http://10.0.0.1:7071
  HEALTHCHECK CMD [\"meshwork\", \"health\", \"--ready\"]      in a Dockerfile

Exit codes: 0 it is, 1 it is not or does not answer, 64 wrong usage."
)]
pub(crate) struct Health {
    /// Whom to ask, with or without a path [default: MESHWORK_HTTP_LISTEN on this machine,
    /// or http://127.0.0.1:7071]
    #[arg(value_name = "http://HOST:PORT")]
    url: Option<String>,
    /// Ask whether it is ready, not only alive
    #[arg(long)]
    ready: bool,
    /// How long the answer may take
    #[arg(long, value_name = "2s", default_value = "2s", value_parser = parse_duration)]
    timeout: Duration,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answered<'a> {
    url: &'a str,
    healthy: bool,
    /// Status of the answer; none if there was no answer.
    status: Option<u16>,
}

impl Health {
    pub(crate) fn run(self) -> Outcome {
        let environment = std::env::var(LISTEN).ok().filter(|value| !value.is_empty());
        let url = url(self.url.as_deref(), environment.as_deref(), self.ready)
            .map_err(CommandError::usage)?;
        let answer = http::status(&url, self.timeout);
        let status = answer.as_ref().ok().map(|(status, _)| *status);
        let healthy = status.is_some_and(|status| (200..300).contains(&status));
        if self.json {
            say_json(&Answered { url: &url, healthy, status });
            return Ok(if healthy { Exit::Ok } else { Exit::Failed });
        }
        match answer {
            Ok((status, said)) if healthy => {
                say(&format!("{url} answers {status}: {}\n", screen_safe(said.trim())));
                Ok(Exit::Ok)
            }
            Ok((status, said)) => {
                let what = format!("{url} answers {status}: {}", screen_safe(said.trim()));
                Err(CommandError::new(Exit::Failed, what))
            }
            Err(error) => {
                let what = format!("{url} does not answer: {error}");
                Err(CommandError::new(Exit::Failed, what))
            }
        }
    }
}

/// Whom to ask what: as typed, or the process that has these settings on this machine.
///
/// # Errors
/// What is wrong with the address.
fn url(typed: Option<&str>, listen: Option<&str>, ready: bool) -> Result<String, String> {
    let path = if ready { "/readyz" } else { "/healthz" };
    let base = match (typed, listen) {
        (Some(typed), _) => typed.to_owned(),
        (None, Some(listen)) => format!("http://{}", reachable(listen)?),
        (None, None) => MASTER_DEFAULT.to_owned(),
    };
    let Some(rest) = base.strip_prefix("http://") else {
        return Err(format!("`{}` is no address: write http://HOST:PORT", screen_safe(&base)));
    };
    let (address, given) = match rest.split_once('/') {
        Some((address, given)) if !given.is_empty() => (address, format!("/{given}")),
        Some((address, _)) => (address, path.to_owned()),
        None => (rest, path.to_owned()),
    };
    let address: HostPort =
        address.parse().map_err(|error| format!("{}: {error}", screen_safe(&base)))?;
    Ok(format!("http://{address}{given}"))
}

/// Where a process that listens on `listen` can be asked by its own machine.
fn reachable(listen: &str) -> Result<SocketAddr, String> {
    let mut address: SocketAddr = listen.parse().map_err(|_| {
        format!("{LISTEN} is `{}`: write an IP address and a port", screen_safe(listen))
    })?;
    if address.port() == 0 {
        return Err(format!(
            "{LISTEN} is `{listen}`: port 0 is any free one; say which as http://HOST:PORT"
        ));
    }
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_follows_from_what_was_typed_or_set() {
        let asked = |typed, listen| url(typed, listen, false).unwrap();
        assert_eq!(asked(None, None), "http://127.0.0.1:7071/healthz");
        assert_eq!(asked(None, Some("0.0.0.0:80")), "http://127.0.0.1:80/healthz");
        assert_eq!(asked(None, Some("[::]:80")), "http://[::1]:80/healthz");
        assert_eq!(asked(None, Some("10.0.0.1:80")), "http://10.0.0.1:80/healthz");
        assert_eq!(asked(Some("http://m:7071"), Some("0.0.0.0:80")), "http://m:7071/healthz");
        assert_eq!(asked(Some("http://m:7071/"), None), "http://m:7071/healthz");
        assert_eq!(asked(Some("http://m:7071/other"), None), "http://m:7071/other");
        assert_eq!(url(None, None, true).unwrap(), "http://127.0.0.1:7071/readyz");
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        for (typed, listen) in
            [(Some("m:7071"), None), (Some("http://m"), None), (None, Some("0.0.0.0:0"))]
        {
            assert!(url(typed, listen, false).is_err(), "{typed:?} {listen:?}");
        }
        assert!(url(None, Some("localhost:7071"), false).unwrap_err().contains(LISTEN));
    }
}
