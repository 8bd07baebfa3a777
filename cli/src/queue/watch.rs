//! `meshwork queue watch`: all queues, each second.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::row::{Row, Rows, table};
use super::store::{Store, StoreAccess};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{is_interactive, note, redraw, say, say_json};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Show all queues each second, until Ctrl-C
///
/// On a terminal the table is drawn over itself; with --json there is a line each second, of the
/// shape of `ls`. A store that stops to answer is told on standard error, and asked again.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue watch
  meshwork queue watch --json --count 60 > minute.jsonl

Exit codes: 0 ended by Ctrl-C or --count, 64 wrong usage, 66 a file cannot be read, 69 the store
does not answer at the start."
)]
pub(super) struct Watch {
    /// How many looks
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,
    #[command(flatten)]
    access: StoreAccess,
}

impl Watch {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| self.watch(&store, Screen::new(json)).await)
    }

    async fn watch(&self, store: &Store, mut screen: Screen) -> Outcome {
        let catch = |kind| {
            signal(kind).map_err(|error| {
                CommandError::new(Exit::Failed, format!("cannot mind signals: {error}"))
            })
        };
        let mut interrupted = catch(SignalKind::interrupt())?;
        let mut terminated = catch(SignalKind::terminate())?;
        let mut looks = interval(EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked: u64 = 0;
        while self.count.is_none_or(|count| looked < count.get()) {
            let look = async {
                looks.tick().await;
                store.rows().await
            };
            let rows = tokio::select! {
                biased;
                _ = interrupted.recv() => break,
                _ = terminated.recv() => break,
                rows = look => rows,
            };
            match rows {
                Ok(rows) => screen.show(rows),
                Err(error) if looked == 0 => return Err(error),
                Err(error) => screen.tell(&error.what),
            }
            looked += 1;
        }
        Ok(Exit::Ok)
    }
}

/// Where the looks are shown.
struct Screen {
    json: bool,
    /// Lines that the next look replaces.
    drawn: usize,
}

impl Screen {
    fn new(json: bool) -> Self {
        Self { json, drawn: 0 }
    }

    fn show(&mut self, queues: Vec<Row>) {
        if self.json {
            say_json(&Rows { queues });
        } else if is_interactive() {
            self.drawn = redraw(self.drawn, &table(&queues));
        } else {
            say(&format!("{}\n", table(&queues)));
        }
    }

    /// Says something that stays above the next table.
    fn tell(&mut self, what: &str) {
        note(what);
        self.drawn = 0;
    }
}
