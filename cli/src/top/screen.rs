//! The terminal itself: taken at the start, given back at every end, and keys in between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::draw::draw;
use super::feed::Feed;
use super::state::{Effect, State, Update};
use crate::exit::{CommandError, Exit};

/// Longest wait for a key before the news from the master are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Gives the terminal back, however it ends. A panic does so as well before it is told: that is a
/// hook which `try_init` sets.
struct Taken;

impl Drop for Taken {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows the state until somebody has seen enough.
///
/// # Errors
/// The terminal cannot be taken, drawn on or read from (1).
pub(super) fn run(mut state: State, feed: Feed) -> Result<(), CommandError> {
    let failed = |error: io::Error| {
        CommandError::new(Exit::Failed, format!("the terminal cannot be drawn on: {error}"))
            .with_help("`meshwork top --once` prints text")
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
    }
    let taken = Taken;
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let ended = show(&mut terminal, &mut state, &feed.start(), &stop);
    drop(taken);
    ended.map_err(failed)
}

fn show(
    terminal: &mut DefaultTerminal,
    state: &mut State,
    updates: &Receiver<Update>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut is_new = true;
    while !stop.load(Ordering::Relaxed) {
        if is_new {
            terminal.draw(|frame| draw(frame, state))?;
        }
        is_new = false;
        if event::poll(TICK)? {
            let effect = match event::read()? {
                Event::Key(key) => state.key(key),
                Event::Resize(..) => Effect::Redraw,
                _ => Effect::Nothing,
            };
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Redraw => is_new = true,
                Effect::Nothing => {}
            }
        }
        match updates.try_recv() {
            Ok(update) => {
                state.take(update);
                is_new = true;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(io::Error::other("the thread that asks the master has ended by a bug"));
            }
        }
    }
    Ok(())
}
