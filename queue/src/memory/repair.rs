//! What people and masters do to a queue in memory beside running it.

use meshwork_shared::ids::JobId;

use super::ended::End;
use super::entry::{Entry, State};
use super::queue::{MemoryQueue, Now, Place};
use crate::job::AttemptError;
use crate::status::{Canceled, Section};

impl MemoryQueue {
    /// Takes a job away that does not run.
    pub fn cancel(&mut self, id: JobId, now: Now) -> Canceled {
        self.advance(now);
        let Some(entry) = self.live.entry(id) else { return Canceled::Over };
        if matches!(entry.state, State::Running { .. }) {
            return Canceled::Running;
        }
        let place = entry.place;
        self.live.remove(place);
        self.remember(id, End::Canceled, now);
        Canceled::Yes
    }

    /// Makes dead letters jobs again, as far as there is room; answers how many.
    pub fn retry_dead(&mut self, id: Option<JobId>, limit: usize, now: Now) -> usize {
        self.advance(now);
        let room = self.options.limits.jobs_max.saturating_sub(self.live.len());
        let limit = if id.is_some() { limit.min(1) } else { limit }.min(room);
        for moved in 0..limit {
            let dead = match id {
                Some(id) => self.dead.take(id),
                None => self.dead.take_oldest(),
            };
            let Some(dead) = dead else { return moved };
            let place = self.next_place();
            self.live.insert(dead.into_entry(place, now));
        }
        limit
    }

    /// Makes dead letters of jobs that wait, oldest first; answers how many.
    pub fn bury(&mut self, note: &str, limit: usize, now: Now) -> usize {
        self.advance(now);
        let mut places: Vec<Place> =
            self.live.ready().chain(self.live.scheduled()).map(|entry| entry.place).collect();
        places.sort_unstable();
        places.truncate(limit);
        for place in &places {
            self.live.note(*place, AttemptError::Buried { note: note.to_owned() }, now);
            self.give_up(*place, now);
        }
        places.len()
    }

    /// Deletes the first jobs of a section; answers how many.
    pub fn purge(&mut self, section: Section, limit: usize, now: Now) -> usize {
        self.advance(now);
        let first = |entries: &mut dyn Iterator<Item = &Entry>| -> Vec<Place> {
            entries.take(limit).map(|entry| entry.place).collect()
        };
        let places = match section {
            Section::Ready => first(&mut self.live.ready()),
            Section::Scheduled => first(&mut self.live.scheduled()),
            Section::Running => Vec::new(),
            Section::Dead => {
                return (0..limit).map_while(|_| self.dead.take_oldest()).count();
            }
        };
        places.iter().for_each(|place| self.forget(*place));
        places.len()
    }

    /// Stops or lets go on the leasing of jobs.
    pub fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }
}
