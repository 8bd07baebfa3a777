//! The trace of a run: a line per entry, hashed so that two runs of a seed can be compared, and
//! printed when somebody wants to read it.

use std::time::Duration;

/// Lines so far. See the module.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    prints: bool,
}

impl Trace {
    /// Starts empty; `prints` shows every line on stdout.
    pub fn new(prints: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, prints }
    }

    pub(crate) fn line(&mut self, at: Duration, line: &str) {
        let micros = at.as_micros() as u64;
        for byte in micros.to_le_bytes().into_iter().chain(line.bytes()) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.prints {
            println!("{:>9.3} {line}", at.as_secs_f64());
        }
    }

    /// FNV-1a over all lines and their times.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}
