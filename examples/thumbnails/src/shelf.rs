//! Thumbnails that were made lately, so that the same picture need not be shrunk twice.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::commands::{Resize, Resized};

/// Bytes of thumbnails on the shelf, at most; the oldest make room for the newest.
pub const SHELF_BYTES_MAX: usize = 32 << 20;

/// Thumbnails on the shelf, at most; the oldest make room for the newest.
pub const SHELF_LEN_MAX: usize = 1024;

/// What tells one order from another: the picture's hash and length, and the size asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    hash: u64,
    length: usize,
    within: (u32, u32),
}

impl Key {
    /// The key of an order. The hash stands no attack; the schema lets only the gateway order.
    pub fn of(order: &Resize) -> Self {
        let mut hasher = DefaultHasher::new();
        order.picture.hash(&mut hasher);
        let within = (order.within.width, order.within.height);
        Self { hash: hasher.finish(), length: order.picture.len(), within }
    }
}

/// The shelf.
#[derive(Debug, Default)]
pub struct Shelf {
    thumbnails: BTreeMap<Key, Resized>,
    oldest_first: VecDeque<Key>,
    bytes: usize,
}

impl Shelf {
    /// What was made of the same order, if it is still here.
    pub fn find(&self, key: &Key) -> Option<&Resized> {
        self.thumbnails.get(key)
    }

    /// Puts a thumbnail up; one that alone is over the bound is not kept.
    pub fn put(&mut self, key: Key, made: Resized) {
        if made.thumbnail.len() > SHELF_BYTES_MAX || self.thumbnails.contains_key(&key) {
            return;
        }
        self.bytes += made.thumbnail.len();
        self.thumbnails.insert(key, made);
        self.oldest_first.push_back(key);
        while self.bytes > SHELF_BYTES_MAX || self.thumbnails.len() > SHELF_LEN_MAX {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            if let Some(gone) = self.thumbnails.remove(&oldest) {
                self.bytes -= gone.thumbnail.len();
            }
        }
    }

    /// How many thumbnails are here.
    pub fn len(&self) -> usize {
        self.thumbnails.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.thumbnails.is_empty()
    }

    /// Throws all of them away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Size;
    use bytes::Bytes;

    fn order(picture: &'static [u8]) -> Resize {
        let within = Size { width: 8, height: 8 };
        Resize { name: "a".into(), picture: Bytes::from_static(picture), within }
    }

    fn made(length: usize) -> Resized {
        let size = Size { width: 1, height: 1 };
        Resized {
            thumbnail: Bytes::from(vec![0; length]),
            picture_size: size,
            thumbnail_size: size,
            mean: [0; 3],
            variant: "v".into(),
            milliseconds: 1,
        }
    }

    #[test]
    fn the_same_order_is_found_and_another_is_not() {
        let mut shelf = Shelf::default();
        shelf.put(Key::of(&order(b"one")), made(3));
        assert_eq!(shelf.find(&Key::of(&order(b"one"))), Some(&made(3)));
        assert_eq!(shelf.find(&Key::of(&order(b"two"))), None);
        let smaller = Resize { within: Size { width: 4, height: 8 }, ..order(b"one") };
        assert_eq!(shelf.find(&Key::of(&smaller)), None);
        shelf.clear();
        assert!(shelf.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut shelf = Shelf::default();
        let keys = [&b"a"[..], b"b", b"c"].map(|picture| Key::of(&order(picture)));
        for key in keys {
            shelf.put(key, made(SHELF_BYTES_MAX / 2));
        }
        let there = keys.map(|key| shelf.find(&key).is_some());
        assert_eq!((there, shelf.len()), ([false, true, true], 2));
        shelf.put(Key::of(&order(b"d")), made(SHELF_BYTES_MAX + 1));
        assert_eq!(shelf.len(), 2, "what never fits throws nothing out");
    }
}
