//! `meshwork demo`: a small mesh in this process, at work for some seconds. Halfway an instance
//! leaves and another one joins, which no call is to notice.

mod board;
mod commands;
mod load;
mod mesh;
mod tally;

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use meshwork_shared::logging;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::board::{Board, summary, verdict};
use self::load::Load;
use self::mesh::Mesh;
use self::tally::{Reading, Tally};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{is_interactive, say_json};

/// Time between two looks at the counts where somebody watches, and elsewhere.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(1));

/// How long it may run, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=3600;

/// Watch a small mesh at work, with nothing to set up
///
/// Starts a master and six workers in this process, linked over encrypted loopback connections,
/// and has them call each other: a `shop` asks three instances of `pricing` in turn and all at
/// once, two of `stock` one by one, and enqueues jobs. On the way one instance leaves and another
/// one joins.
///
/// Needs no file, no key and no port of yours, and leaves nothing behind.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork demo
  meshwork demo --seconds 5
  meshwork demo --json --seconds 3 | jq .answered

Columns: calls/s, p50 and p99 are those of the last moment, and of the whole run at the end;
`failed` are calls that the handler refused (sold out, on purpose); `lost` are calls without an
answer.

Exit codes: 0 every command was answered and no call was lost, 1 otherwise, 64 wrong usage."
)]
pub(crate) struct Demo {
    /// How long it runs
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = seconds())]
    seconds: u64,
    /// Print one line of JSON at the end, and nothing else
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        logging::init(Some("error"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot start a runtime: {error}"))
        })?;
        runtime.block_on(Box::pin(self.watch()))
    }

    async fn watch(self) -> Outcome {
        let mut board = Board::new(self.json);
        let tally = Tally::default();
        board.tell("starting a master and 6 workers on 127.0.0.1, links encrypted");
        let mut mesh = Mesh::start(&tally).await?;
        let begun = Instant::now();
        let load = Load::start(&mesh.shop, &tally);
        let played = self.play(&mut mesh, &mut board, &tally, begun).await;
        let span = begun.elapsed();
        load.stop().await;
        mesh.shutdown().await;
        played?;

        let totals = tally.total();
        board.finish(&totals, span);
        board.tell(&format!("\n{}", verdict(&totals)));
        if self.json {
            say_json(&summary(&totals, span));
        }
        Ok(if is_sound(&totals) { Exit::Ok } else { Exit::Failed })
    }

    /// Shows the counts until the time is over or somebody has seen enough.
    async fn play(
        &self,
        mesh: &mut Mesh,
        board: &mut Board,
        tally: &Tally,
        begun: Instant,
    ) -> Result<(), CommandError> {
        let every = if is_interactive() { LOOK_EVERY.0 } else { LOOK_EVERY.1 };
        let whole = Duration::from_secs(self.seconds);
        let mut looks = interval_at(begun + every, every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut terminated = stop_signal(SignalKind::terminate())?;
        let mut interrupted = stop_signal(SignalKind::interrupt())?;
        let (mut left, mut joined) = (false, false);
        let mut last = begun;
        loop {
            tokio::select! {
                biased;
                _ = terminated.recv() => return Ok(()),
                _ = interrupted.recv() => return Ok(()),
                _ = looks.tick() => {}
            }
            let elapsed = begun.elapsed();
            board.show(&tally.look(), elapsed, last.elapsed());
            last = Instant::now();
            if elapsed >= whole {
                return Ok(());
            }
            if !left && elapsed >= whole / 3 {
                left = true;
                if let Some(name) = mesh.pricing_leaves().await {
                    board.tell(&format!("{name} has left: the others take its calls"));
                }
            } else if !joined && elapsed >= whole * 2 / 3 {
                joined = true;
                let name = mesh.pricing_joins("pricing-4").await?;
                board.tell(&format!("{name} has joined: it gets its share"));
            }
        }
    }
}

fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(SECONDS)
}

fn stop_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, CommandError> {
    signal(kind)
        .map_err(|error| CommandError::new(Exit::Failed, format!("cannot mind signals: {error}")))
}

/// Whether the mesh did what it promises: all commands answered, no call lost.
fn is_sound(totals: &[Reading]) -> bool {
    totals
        .iter()
        .all(|reading| reading.answered > 0 && reading.not_executed == 0 && reading.unknown == 0)
}
