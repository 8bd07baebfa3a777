//! The dead letters that are kept: a bounded row, oldest first.

use std::collections::VecDeque;

use super::entry::dead_letter_bytes;
use crate::job::DeadLetter;

/// Dead letters, oldest first. They had their attempts, so that the oldest may give way.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
    dropped: u64,
}

impl DeadLetters {
    /// Keeps one more; beyond `letters_max` the oldest is dropped.
    pub(super) fn push(&mut self, letter: DeadLetter, letters_max: usize) {
        self.bytes += dead_letter_bytes(&letter);
        self.letters.push_back(letter);
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.iter()
    }

    fn drop_oldest(&mut self) {
        if let Some(letter) = self.letters.pop_front() {
            self.bytes -= dead_letter_bytes(&letter);
            self.dropped += 1;
        }
    }
}
