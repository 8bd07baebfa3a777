//! How much is asked for, and with which pictures.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::commands::Resize;
use crate::gateway::folder;
use crate::picture::Size;

/// Edges of the thumbnails asked for, pixels: many, so that few are on a shelf already.
const EDGES: std::ops::Range<u32> = 64..320;

/// How much of what.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Calls of `resize` a second.
    pub resize: u32,
    /// Calls of `print` a second.
    pub print: u32,
    /// Jobs of `preview` a second.
    pub preview: u32,
}

/// Bounds of the load.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Calls under way at a time; beyond that, one is held back and counted.
    pub calls_max: usize,
    /// Jobs of which the end is waited for at a time; beyond that, one is held back and counted.
    pub jobs_max: usize,
    /// How long what is under way may still take when the load ends.
    pub settle: Duration,
}

/// The pictures of a folder, in memory, as orders that hardly repeat.
#[derive(Clone, Debug)]
pub struct Orders {
    pictures: Vec<(String, Bytes)>,
}

impl Orders {
    /// Reads the pictures of a folder, the smallest first and at most `max` of them.
    ///
    /// # Errors
    /// The folder or a picture cannot be read, or there is none.
    pub fn read(folder: &Path, max: usize) -> io::Result<Self> {
        let mut pictures = Vec::new();
        for path in folder::list(folder)?.pictures {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            pictures.push((name, Bytes::from(std::fs::read(&path)?)));
        }
        pictures.sort_by_key(|(_, picture)| picture.len());
        pictures.truncate(max.max(1));
        if pictures.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no picture in it"));
        }
        Ok(Self { pictures })
    }

    /// The order with this number.
    pub fn nth(&self, number: u64) -> Resize {
        let (name, picture) = &self.pictures[(number % self.pictures.len() as u64) as usize];
        let edges = u64::from(EDGES.end - EDGES.start);
        let edge = EDGES.start + (number / self.pictures.len() as u64 % edges) as u32;
        let within = Size { width: edge, height: edge };
        Resize { name: name.clone(), picture: picture.clone(), within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_go_through_the_pictures_and_then_through_the_sizes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Orders::read(folder.path(), 2).is_err());
        for (name, bytes) in [("a.png", 3), ("b.png", 1), ("c.jpg", 2)] {
            std::fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
        }
        let orders = Orders::read(folder.path(), 2).unwrap();
        let named = |number| (orders.nth(number).name, orders.nth(number).within.width);
        assert_eq!(named(0), ("b.png".into(), 64));
        assert_eq!(named(1), ("c.jpg".into(), 64));
        assert_eq!(named(2), ("b.png".into(), 65));
        assert_eq!(named(2 * 256), ("b.png".into(), 64));
    }
}
