//! Asking a master over HTTP: where its mesh port is, who is a member, and the like.

use std::time::Duration;

use meshwork_master::http::dto::Problem;
use meshwork_shared::config::{HostPort, SecretText};
use serde::de::DeserializeOwned;

use crate::exit::{CommandError, Exit};
use crate::terminal::screen_safe;

/// Where a master is on a laptop: its HTTP side, as it listens by default.
pub(crate) const MASTER_DEFAULT: &str = "http://127.0.0.1:7071";

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes: ten thousand members with many commands.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// How much of a refusal is shown, in characters.
const REFUSAL_CHARS_MAX: usize = 300;

/// The HTTP side of a master.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    address: HostPort,
    token: Option<SecretText>,
}

/// How a request is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Method {
    /// Asks.
    Get,
    /// Asks for something to be done.
    Post,
}

/// Asks for `url` without a token: the status, and the start of what was answered.
///
/// # Errors
/// Nobody answers in time, or not in HTTP.
pub(crate) fn status(url: &str, within: Duration) -> Result<(u16, String), String> {
    let mut answer = agent(within).get(url).call().map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(REFUSAL_CHARS_MAX as u64);
    // The status counts; what is longer, or no text, is left out.
    Ok((status, body.read_to_string().unwrap_or_default()))
}

fn agent(within: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(within))
        .http_status_as_error(false)
        .build()
        .into()
}

/// Status and text of an answer.
fn read(
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    url: &str,
) -> Result<(u16, String), CommandError> {
    let silent = |error: ureq::Error| {
        CommandError::new(Exit::Unavailable, format!("no master answers at {url}: {error}"))
            .with_help("is it running (`meshwork master`)? --master http://HOST:PORT says where")
    };
    let mut answer = sent.map_err(silent)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    Ok((status, body.read_to_string().map_err(silent)?))
}

impl Http {
    pub(crate) fn new(address: HostPort, token: Option<SecretText>) -> Self {
        Self { address, token }
    }

    /// Asks for `path` and reads the JSON that is answered.
    ///
    /// # Errors
    /// Nobody answers there (69), the master wants another token (77), or it says no (1).
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, CommandError> {
        self.ask_within(method, path, WITHIN)
    }

    /// The same, where the answer may take so long.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn ask_within<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        within: Duration,
    ) -> Result<T, CommandError> {
        let url = format!("http://{}{path}", self.address);
        let (status, text) = self.exchange(method, &url, within)?;
        match status {
            200..=299 => serde_json::from_str(&text).map_err(|error| {
                let what = format!("{url} answers something that no master says: {error}");
                CommandError::new(Exit::Unavailable, what)
            }),
            401 | 403 => Err(self.refused(&url, status)),
            status => {
                let said = serde_json::from_str(&text).map(|problem: Problem| problem.message);
                let cut: String = said.unwrap_or(text).chars().take(REFUSAL_CHARS_MAX).collect();
                let what = format!("{url} answers {status}: {}", screen_safe(cut.trim()));
                Err(CommandError::new(Exit::Failed, what))
            }
        }
    }

    /// Hands JSON over; gives the status and the text of whatever is answered.
    ///
    /// # Errors
    /// Nobody answers there (69), or the master wants another token (77).
    pub(crate) fn put_json(&self, path: &str, json: &str) -> Result<(u16, String), CommandError> {
        let url = format!("http://{}{path}", self.address);
        let request = agent(WITHIN).put(&url).header("content-type", "application/json");
        let request = match self.bearer() {
            Some(bearer) => request.header("authorization", bearer),
            None => request,
        };
        match read(request.send(json), &url)? {
            (status @ (401 | 403), _) => Err(self.refused(&url, status)),
            answer => Ok(answer),
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        format!("http://{}", self.address)
    }

    fn bearer(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {}", token.expose()))
    }

    fn exchange(
        &self,
        method: Method,
        url: &str,
        within: Duration,
    ) -> Result<(u16, String), CommandError> {
        let agent = agent(within);
        let bearer = self.bearer();
        let sent = match method {
            Method::Get => {
                let request = agent.get(url);
                match &bearer {
                    Some(bearer) => request.header("authorization", bearer).call(),
                    None => request.call(),
                }
            }
            Method::Post => {
                let request = agent.post(url);
                match &bearer {
                    Some(bearer) => request.header("authorization", bearer).send_empty(),
                    None => request.send_empty(),
                }
            }
        };
        read(sent, url)
    }

    fn refused(&self, url: &str, status: u16) -> CommandError {
        let what = match self.token {
            Some(_) => format!("{url} refuses this token ({status})"),
            None => format!("{url} wants a token ({status})"),
        };
        CommandError::new(Exit::Refused, what).with_help(
            "the master prints at start where its token is kept; give it with --token-file FILE,\n\
             or set MESHWORK_ADMIN_TOKEN_FILE",
        )
    }
}
