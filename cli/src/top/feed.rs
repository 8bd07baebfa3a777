//! Asks the master each second: the picture, and the events since the look before.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::state::{EVENTS_MAX, Update};
use crate::events::seen::{Page, Seen};
use crate::exit::CommandError;
use crate::http::{Http, Method};
use crate::picture;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks that wait to be shown; one that asks waits meanwhile.
const WAITING_MAX: usize = 2;

/// Pages of events that are read at a look, at most; the rest comes with the next one.
const PAGES_MAX: usize = 10;

/// Where one is.
#[derive(Debug)]
pub(super) struct Feed {
    http: Http,
    epoch: Option<u64>,
    after: u64,
    is_new_master: bool,
}

impl Feed {
    pub(super) fn new(http: Http) -> Self {
        Self { http, epoch: None, after: 0, is_new_master: false }
    }

    /// Looks once.
    ///
    /// # Errors
    /// The master does not answer, or refuses.
    pub(super) fn look(&mut self) -> Result<Update, CommandError> {
        let mesh = Box::new(picture::look(&self.http)?);
        let events = self.events()?;
        let is_new_master = std::mem::take(&mut self.is_new_master);
        Ok(Update::Seen { mesh, events, is_new_master })
    }

    /// The events since the last time, at most as many as are shown.
    ///
    /// # Errors
    /// The master does not answer, or refuses.
    pub(super) fn events(&mut self) -> Result<Vec<Seen>, CommandError> {
        let mut events = Vec::new();
        for _ in 0..PAGES_MAX {
            let epoch = self.epoch.map_or_else(String::new, |epoch| format!("&epoch={epoch}"));
            let path = format!("/v1/events?after={}{epoch}", self.after);
            let page: Page = self.http.ask(Method::Get, &path)?;
            if page.epoch_changed {
                self.is_new_master = true;
                events.clear();
            }
            (self.epoch, self.after) = (Some(page.epoch), page.next);
            events.extend(page.events);
            let surplus = events.len().saturating_sub(EVENTS_MAX);
            events.drain(..surplus);
            if page.next >= page.last {
                break;
            }
        }
        Ok(events)
    }

    /// Looks each second from now on, on a thread of its own, until nobody takes what is seen.
    pub(super) fn start(mut self) -> Receiver<Update> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        thread::spawn(move || {
            let mut silent_since = None;
            loop {
                thread::sleep(EVERY);
                let update = match self.look() {
                    Ok(update) => {
                        silent_since = None;
                        update
                    }
                    Err(error) => {
                        let since = *silent_since.get_or_insert_with(Instant::now);
                        Update::Silent { what: error.what, seconds: since.elapsed().as_secs() }
                    }
                };
                if sender.send(update).is_err() {
                    return;
                }
            }
        });
        receiver
    }
}
