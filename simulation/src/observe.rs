//! What is seen of a run from its thread: panics that nobody planned, and the log.
//!
//! Panics inside of a simulated process are caught by its runtime, as in a real one; a run in which
//! one happened is broken all the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::journal::Journal;
use crate::mesh::PLANNED_PANIC;

thread_local! {
    static WATCHED: RefCell<Option<Watched>> = const { RefCell::new(None) };
}

/// What is known of the run on this thread.
struct Watched {
    panics: Vec<String>,
    /// Where log lines go; none if nobody wants to read them.
    log: Option<Journal>,
    /// Numbers of the runtimes, in order of appearance: which host a line is from.
    runtimes: BTreeMap<String, usize>,
}

/// Watches this thread until [`finish`]. With a journal, the log is part of its trace.
pub(crate) fn begin(log: Option<Journal>) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !note_panic(info) {
                before(info);
            }
        }));
    });
    if log.is_some() && log::set_logger(&LineLogger).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    let watched = Watched { panics: Vec::new(), log, runtimes: BTreeMap::new() };
    WATCHED.with(|slot| *slot.borrow_mut() = Some(watched));
}

/// Ends the watch; gives the panics that nobody planned.
pub(crate) fn finish() -> Vec<String> {
    WATCHED.with(|slot| slot.borrow_mut().take()).map_or_else(Vec::new, |watched| watched.panics)
}

/// True if the panic belongs to a run that is watched.
fn note_panic(info: &PanicHookInfo<'_>) -> bool {
    WATCHED.with(|slot| {
        let Ok(mut slot) = slot.try_borrow_mut() else { return false };
        let Some(watched) = slot.as_mut() else { return false };
        let words = info.payload_as_str().unwrap_or("a panic without words");
        if words != PLANNED_PANIC {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            watched.panics.push(format!("a panic at {place}: {words}"));
        }
        true
    })
}

/// Adds log lines to the trace of the run on the thread.
struct LineLogger;

impl Log for LineLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("meshwork")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        WATCHED.with(|slot| {
            let Ok(mut slot) = slot.try_borrow_mut() else { return };
            let Some(watched) = slot.as_mut() else { return };
            let number = watched.runtime();
            if let Some(log) = &watched.log {
                log.say(&format!("  [{number}] {} {}", record.level(), record.args()));
            }
        });
    }

    fn flush(&self) {}
}

impl Watched {
    /// Each process of a run has a runtime of its own, whose number in the system is not
    /// repeatable.
    fn runtime(&mut self) -> usize {
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return 0 };
        let next = self.runtimes.len() + 1;
        *self.runtimes.entry(handle.id().to_string()).or_insert(next)
    }
}
