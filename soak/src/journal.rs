//! The files that hold records. What a process has written stays when it is killed: the system
//! keeps it, and nothing but a power loss takes it away.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::path::Path;
use std::str::FromStr;

/// A journal that is written to, by any number of processes at once.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    /// Opens a journal, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Adds a record: one write, at the end, whoever else writes.
    pub(crate) fn add(&self, record: &impl ToString) -> io::Result<()> {
        let mut line = record.to_string();
        line.push('\n');
        (&self.0).write_all(line.as_bytes())
    }
}

/// Reads the records of a journal while it grows.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    file: File,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    record: PhantomData<R>,
}

impl<R: FromStr> Reader<R> {
    /// From the beginning of a journal, which is begun if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Journal::open(path)?;
        Ok(Self { file: File::open(path)?, rest: Vec::new(), record: PhantomData })
    }

    /// The records that came since the last look, and how many lines were none.
    pub(crate) fn read(&mut self) -> io::Result<(Vec<R>, usize)> {
        self.file.read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok((Vec::new(), 0));
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let text = String::from_utf8_lossy(&whole);
        let lines: Vec<_> = text.lines().map(str::parse).collect();
        let count = lines.len();
        let records: Vec<R> = lines.into_iter().filter_map(Result::ok).collect();
        let malformed = count - records.len();
        Ok((records, malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_once_and_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut reader = Reader::<u32>::open(&path).unwrap();
        assert_eq!(reader.read().unwrap(), (vec![], 0));
        let (one, two) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        one.add(&1).unwrap();
        two.add(&2).unwrap();
        one.0.try_clone().unwrap().write_all(b"3").unwrap();
        assert_eq!(reader.read().unwrap(), (vec![1, 2], 0));
        one.add(&4).unwrap();
        one.add(&"x").unwrap();
        assert_eq!(reader.read().unwrap(), (vec![34], 1));
    }
}
