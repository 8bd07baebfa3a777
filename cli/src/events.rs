//! `meshwork events`: what happened in the mesh, and what happens.
//!
//! * `seen.rs`: an event as the master tells it, and the line that people read
//! * `reader.rs`: where one is in the stream: what was missed, what comes next; pure

mod reader;
pub(crate) mod seen;

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use self::reader::{Gap, Reader};
use self::seen::{KINDS, Page, Seen};
use crate::admin::AdminAccess;
use crate::exit::{CommandError, Exit, Outcome};
use crate::http::{Http, Method};
use crate::terminal::{Paint, Style, note, say, say_json};
use crate::when::date_and_time;

/// How long the master is to wait for an event while somebody follows.
const WAIT: Duration = Duration::from_secs(25);

/// Time between two attempts while the master does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Show what happened in the mesh
///
/// Asks the master, as `meshwork members` does: members that came and went, links, schemas, refused
/// admissions, dead letters. It keeps the last 4096 in memory, numbered from 1 in each life of it.
///
/// With --follow it goes on with what happens, until Ctrl-C, and stays while the master is away.
/// Events that are forgotten before they were read are told by their number; so is a master that
/// was started anew, which begins at 1 again.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork events
  meshwork events --follow --kind lost,left,dead_letter
  meshwork events --after 41 --epoch 1800000000000 --json     all behind what was seen

With --json each event is a line, as in GET /v1/events (docs/HTTP.md), with the `epoch` that
numbers it: the last `number` and `epoch` are what to go on with. What was missed is a line too:
{\"kind\":\"events_lost\",\"lost\":12} or {\"kind\":\"epoch_changed\",...}.

Exit codes: 0 shown, or ended by Ctrl-C, 64 wrong usage, 66 the token cannot be read, 69 no master
answers at the start, 77 the master refuses the token."
)]
pub(crate) struct Events {
    /// Go on with what happens, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only events behind this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// The life of the master that gave this number [default: the present one]
    #[arg(long, value_name = "E")]
    epoch: Option<u64>,
    /// Only events of these kinds
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(KINDS)
    )]
    kind: Vec<String>,
    #[command(flatten)]
    access: AdminAccess,
    /// Print one line of JSON for each event instead
    #[arg(long)]
    json: bool,
}

/// An event for programs.
#[derive(Serialize)]
struct Line<'a> {
    epoch: u64,
    #[serde(flatten)]
    event: &'a Seen,
}

impl Events {
    pub(crate) fn run(self) -> Outcome {
        let http = self.access.http()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot start a runtime: {error}"))
        })?;
        let outcome = runtime.block_on(self.read(http));
        // A question that the master still thinks about is not waited for.
        runtime.shutdown_background();
        outcome
    }

    async fn read(&self, http: Http) -> Outcome {
        let mut stop = Stop::new()?;
        let mut reader = Reader::new(self.epoch, self.after);
        let (mut has_answered, mut is_away) = (false, false);
        loop {
            // What there is comes at once; only behind its end there is something to wait for.
            let wait = if self.follow && reader.is_at_end() { WAIT } else { Duration::ZERO };
            let path = reader.path(wait);
            let asking = http.clone();
            let ask = spawn_blocking(move || {
                asking.ask_within::<Page>(Method::Get, &path, wait + Duration::from_secs(5))
            });
            let answer = tokio::select! {
                biased;
                () = stop.requested() => return Ok(Exit::Ok),
                answer = ask => answer.map_err(|_| {
                    CommandError::new(Exit::Failed, "asking ended by a bug of this program")
                })?,
            };
            match answer {
                Ok(page) => {
                    if is_away {
                        note("the master answers again");
                    }
                    (has_answered, is_away) = (true, false);
                    self.show(&mut reader, &page);
                    if reader.is_at_end() && !self.follow {
                        return Ok(Exit::Ok);
                    }
                }
                Err(error) if !has_answered || error.exit == Exit::Refused => return Err(error),
                Err(error) => {
                    if !is_away {
                        note(&format!("{}; asking again each second", error.what));
                    }
                    is_away = true;
                    tokio::select! {
                        biased;
                        () = stop.requested() => return Ok(Exit::Ok),
                        () = sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    fn show(&self, reader: &mut Reader, page: &Page) {
        for gap in reader.take(page) {
            match (self.json, &gap) {
                (true, gap) => say_json(gap),
                (false, Gap::EpochChanged { .. }) => note(
                    "this is another life of the master: numbers begin at 1 again, and what \
                     happened in between is not known",
                ),
                (false, Gap::EventsLost { lost }) => {
                    note(&format!("{lost} events behind the last one that was seen are forgotten"));
                }
            }
        }
        let paint = Paint::stdout();
        let wanted = |event: &&Seen| self.kind.is_empty() || self.kind.contains(&event.kind);
        for event in page.events.iter().filter(wanted) {
            if self.json {
                say_json(&Line { epoch: page.epoch, event });
            } else {
                let head = format!("{:>5}  {}", event.number, date_and_time(event.at_unix_ms));
                let style = if event.is_bad() { Style::Bad } else { Style::Heading };
                let kind = paint.paint(style, &format!("{:17}", screen(&event.kind)));
                say(&format!("{}  {kind}  {}\n", paint.paint(Style::Faint, &head), event.text()));
            }
        }
    }
}

fn screen(text: &str) -> String {
    crate::terminal::screen_safe(text)
}

/// What ends it.
struct Stop {
    interrupted: Signal,
    terminated: Signal,
}

impl Stop {
    fn new() -> Result<Self, CommandError> {
        let catch = |kind| {
            signal(kind).map_err(|error| {
                CommandError::new(Exit::Failed, format!("cannot mind signals: {error}"))
            })
        };
        let interrupted = catch(SignalKind::interrupt())?;
        Ok(Self { interrupted, terminated: catch(SignalKind::terminate())? })
    }

    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}
