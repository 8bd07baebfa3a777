//! `meshwork top`: the mesh in a terminal, live.
//!
//! * `state.rs`: what is shown, and what keys do to it; pure
//! * `tab.rs`, `rows.rs`, `format.rs`: tables of what the master says
//! * `draw.rs`: the state as a picture, on any backend
//! * `feed.rs`: asks the master each second
//! * `screen.rs`: the terminal itself

mod draw;
mod feed;
mod format;
mod rows;
mod screen;
mod state;
mod tab;

use std::io::{self, IsTerminal};

use clap::Args;
use meshwork_master::http::dto::Mesh;
use serde::Serialize;

use self::feed::Feed;
use self::state::{State, Update};
use crate::admin::AdminAccess;
use crate::events::seen::Seen;
use crate::exit::{CommandError, Exit, Outcome};
use crate::picture;
use crate::terminal::{say, say_json};

/// Columns of a frame that is printed as text.
const ONCE_COLUMNS: u16 = 100;

/// Show the mesh live in the terminal: members, commands, queues, events
///
/// Asks the master each second, as `meshwork members` does. `q` ends it, `?` shows all keys. It
/// stays while the master is away, says so, and goes on when it is back.
///
/// With --once, or where there is no terminal, it prints all tables once and ends; with --json one
/// line of JSON. Both look twice within seconds, so that rates are those of now.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork top
  meshwork top --once
  meshwork top --json | jq '.mesh.commands[] | {command, p99_us}'

Columns: `running` of a member are its handlers and jobs; of a command, calls that run or wait for
a slot. p50 and p99 are of the last minute or so. `refused` calls were not executed.

Exit codes: 0 ended by q or Ctrl-C, or shown, 1 the terminal cannot be drawn on, 64 wrong usage,
66 the token cannot be read, 69 no master answers at the start, 77 the master refuses the token."
)]
pub(crate) struct Top {
    /// Print all tables once, as text
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    access: AdminAccess,
    /// Print one line of JSON instead: the picture and the last events (docs/HTTP.md)
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Frame<'a> {
    mesh: &'a Mesh,
    events: &'a [Seen],
}

impl Top {
    pub(crate) fn run(self) -> Outcome {
        let http = self.access.http()?;
        let is_live = io::stdout().is_terminal() && io::stdin().is_terminal();
        let mut feed = Feed::new(http.clone());
        if is_live && !self.once && !self.json {
            let mut state = State::new(http.place());
            // A wrong token or address is said before the screen is taken.
            state.take(feed.look()?);
            screen::run(state, feed)?;
            return Ok(Exit::Ok);
        }
        let mesh = picture::fresh(&http)?;
        let events = feed.events()?;
        if self.json {
            say_json(&Frame { mesh: &mesh, events: &events });
            return Ok(Exit::Ok);
        }
        let mut state = State::new(http.place());
        state.take(Update::Seen { mesh: Box::new(mesh), events, is_new_master: false });
        let text = draw::text(&state, ONCE_COLUMNS).map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot draw a frame: {error}"))
        })?;
        say(&text);
        Ok(Exit::Ok)
    }
}
