//! The dead letters that are kept: bounded, oldest first.

use std::collections::{BTreeMap, HashMap};

use meshwork_shared::ids::JobId;

use super::entry::Dead;

/// Dead letters, oldest first. They had their attempts, so that the oldest may give way.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    /// By the order of their deaths.
    letters: BTreeMap<u64, Dead>,
    numbers: HashMap<JobId, u64>,
    next_number: u64,
    bytes: usize,
    dropped: u64,
}

impl DeadLetters {
    /// Keeps one more; beyond `letters_max` the oldest is dropped.
    pub(super) fn push(&mut self, dead: Dead, letters_max: usize) {
        let number = self.next_number;
        self.next_number += 1;
        self.bytes += dead.bytes();
        self.numbers.insert(dead.letter.id, number);
        self.letters.insert(number, dead);
        while self.letters.len() > letters_max {
            self.drop_oldest();
        }
    }

    /// Drops letters, oldest first, until at most `bytes_max` are left.
    pub(super) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            self.drop_oldest();
        }
    }

    pub(super) fn get(&self, id: JobId) -> Option<&Dead> {
        self.letters.get(self.numbers.get(&id)?)
    }

    pub(super) fn take(&mut self, id: JobId) -> Option<Dead> {
        let dead = self.letters.remove(&self.numbers.remove(&id)?)?;
        self.bytes -= dead.bytes();
        Some(dead)
    }

    pub(super) fn take_oldest(&mut self) -> Option<Dead> {
        let id = self.iter().next()?.letter.id;
        self.take(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Dead> {
        self.letters.values()
    }

    /// Those that died after the one named; none if it is not there.
    pub(super) fn behind(&self, id: JobId) -> impl Iterator<Item = &Dead> {
        let behind = self.numbers.get(&id).map(|number| self.letters.range(number + 1..));
        behind.into_iter().flatten().map(|(_, dead)| dead)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// How many were dropped since the queue began.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn drop_oldest(&mut self) {
        if self.take_oldest().is_some() {
            self.dropped += 1;
        }
    }
}
