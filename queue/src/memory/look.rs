//! What can be asked about a queue in memory.

use meshwork_shared::ids::JobId;

use super::entry::{Dead, Entry, State};
use super::queue::{MemoryQueue, Now};
use crate::job::DeadLetter;
use crate::status::{JobStatus, JobSummary, QueueDepth, Section};

impl MemoryQueue {
    /// What became of a job.
    pub fn status(&mut self, id: JobId, now: Now) -> Option<JobStatus> {
        self.advance(now);
        let live = self.live.entry(id).map(Entry::status);
        live.or_else(|| self.ended.status(id)).or_else(|| self.dead.get(id).map(Dead::status))
    }

    /// How much of what is stored.
    pub fn depth(&mut self, now: Now) -> QueueDepth {
        self.advance(now);
        let oldest = self.live.oldest_ready_unix_ms();
        QueueDepth {
            ready: self.live.ready_len(),
            scheduled: self.live.scheduled_len(),
            running: self.live.running_len(),
            dead: self.dead.len(),
            dead_dropped: self.dead.dropped(),
            retried: self.counted.retried,
            done: self.counted.done,
            oldest_ready_ms: oldest.map(|since| now.unix_ms.saturating_sub(since)),
            bytes: self.bytes(),
            is_paused: self.is_paused,
        }
    }

    /// Jobs of a section in their order, from behind `after`.
    pub fn peek(
        &mut self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
        now: Now,
    ) -> Vec<JobSummary> {
        self.advance(now);
        let live = &self.live;
        let entry = |id: JobId| live.entry(id).filter(|entry| section_of(entry) == section);
        match (section, after) {
            (Section::Dead, None) => self.dead.iter().take(limit).map(Dead::summary).collect(),
            (Section::Dead, Some(id)) => {
                self.dead.behind(id).take(limit).map(Dead::summary).collect()
            }
            (Section::Ready, None) => page(live.ready(), limit),
            (Section::Ready, Some(id)) => {
                page(entry(id).into_iter().flat_map(|last| live.ready_behind(last)), limit)
            }
            (Section::Scheduled, None) => page(live.scheduled(), limit),
            (Section::Scheduled, Some(id)) => {
                page(entry(id).into_iter().flat_map(|last| live.scheduled_behind(last)), limit)
            }
            (Section::Running, None) => page(live.running(), limit),
            (Section::Running, Some(id)) => {
                let last = entry(id).map_or(u64::MAX, |entry| entry.place);
                page(live.running().filter(|entry| entry.place > last), limit)
            }
        }
    }

    /// A dead letter with its history.
    pub fn dead_letter(&mut self, id: JobId, now: Now) -> Option<DeadLetter> {
        self.advance(now);
        self.dead.get(id).map(|dead| dead.letter.clone())
    }
}

fn section_of(entry: &Entry) -> Section {
    match entry.state {
        State::Ready => Section::Ready,
        State::Scheduled { .. } => Section::Scheduled,
        State::Running { .. } => Section::Running,
    }
}

fn page<'a>(entries: impl Iterator<Item = &'a Entry>, limit: usize) -> Vec<JobSummary> {
    entries.take(limit).map(Entry::summary).collect()
}
