//! The thumbnailer's side: what its handlers do, and what it remembers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshwork_worker::Failure;
use tokio::time::Instant;

use crate::commands::{Done, Printed, Resize, Resized};
use crate::font;
use crate::limits::THUMBNAIL_MAX;
use crate::picture::{self, decode, encode, mean, shrink, size_of};
use crate::shelf::{Key, Shelf};

/// Makes thumbnails and keeps count. Its handlers run on several threads at once.
#[derive(Debug, Default)]
pub struct Workshop {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: Done,
    shelf: Shelf,
}

impl Workshop {
    /// Makes the thumbnail of `order` in the name of `variant`, or finds it on the shelf.
    ///
    /// # Errors
    /// A failure for the caller: `bad_size` for a size that makes no sense, `no_picture` for bytes
    /// that are none.
    pub fn resize(&self, variant: &str, order: &Resize) -> Result<Resized, Failure> {
        let sizes = [order.within.width, order.within.height];
        if sizes.contains(&0) || sizes[0] > THUMBNAIL_MAX.width || sizes[1] > THUMBNAIL_MAX.height {
            let message = format!("a thumbnail has 1 x 1 to {THUMBNAIL_MAX} pixels");
            return Err(Failure::new("bad_size", message));
        }
        let key = Key::of(order);
        if let Some(found) = self.find(&key) {
            return Ok(found);
        }
        // The lock is free while the work is done: other threads work too.
        let started = Instant::now();
        let made = make(variant, order);
        let milliseconds = started.elapsed().as_millis() as u64;
        let mut state = self.state();
        match made {
            Ok(made) => {
                let made = Resized { milliseconds, ..made };
                state.done.made += 1;
                state.done.milliseconds += milliseconds;
                state.shelf.put(key, made.clone());
                Ok(made)
            }
            Err(failure) => {
                state.done.refused += 1;
                Err(failure)
            }
        }
    }

    /// Makes a thumbnail with the next number on it. A number that was drawn is used up, also if
    /// nothing comes of it.
    ///
    /// # Errors
    /// As [`Self::resize`].
    pub fn print(&self, variant: &str, order: &Resize) -> Result<Printed, Failure> {
        let mut made = self.resize(variant, order)?;
        let number = {
            let mut state = self.state();
            state.done.printed += 1;
            state.done.printed
        };
        made.thumbnail = numbered(&made.thumbnail, number)?;
        Ok(Printed { made, number })
    }

    /// What was done so far.
    pub fn stats(&self) -> Done {
        let state = self.state();
        Done { on_shelf: state.shelf.len() as u64, ..state.done.clone() }
    }

    /// Clears the shelf; the counters stay.
    pub fn flush(&self) {
        self.state().shelf.clear();
    }

    fn find(&self, key: &Key) -> Option<Resized> {
        let mut state = self.state();
        let found =
            state.shelf.find(key).map(|made| Resized { milliseconds: 0, ..made.clone() })?;
        state.done.from_shelf += 1;
        Some(found)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked under the lock left numbers that are still numbers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(variant: &str, order: &Resize) -> Result<Resized, Failure> {
    let no_picture = |error: picture::PictureError| Failure::new("no_picture", error.to_string());
    let picture = decode(&order.picture).map_err(no_picture)?;
    let (picture_size, mean) = (size_of(&picture), mean(&picture));
    let thumbnail_size = picture_size.fitted(order.within);
    let thumbnail = encode(&shrink(picture, thumbnail_size))
        .map_err(|message| Failure::new("not_encodable", message))?;
    log::debug!("{}: {picture_size} to {thumbnail_size}", order.name);
    Ok(Resized {
        thumbnail: Bytes::from(thumbnail),
        picture_size,
        thumbnail_size,
        mean,
        variant: variant.to_owned(),
        milliseconds: 0,
    })
}

/// The thumbnail with a number in its upper left corner.
fn numbered(thumbnail: &[u8], number: u64) -> Result<Bytes, Failure> {
    const INK: image::Rgb<u8> = image::Rgb([0xff, 0xff, 0xff]);
    const SHADE: image::Rgb<u8> = image::Rgb([0, 0, 0]);
    let unreadable = |error: picture::PictureError| Failure::new("not_numbered", error.to_string());
    let mut picture = decode(thumbnail).map_err(unreadable)?;
    let text = format!("No. {number}");
    font::write(&mut picture, &text, 5, 5, 1, SHADE);
    font::write(&mut picture, &text, 4, 4, 1, INK);
    let file = encode(&picture).map_err(|message| Failure::new("not_encodable", message))?;
    Ok(Bytes::from(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Size;
    use image::RgbImage;

    fn order() -> Resize {
        let red = RgbImage::from_pixel(64, 32, image::Rgb([200, 10, 20]));
        let picture = Bytes::from(encode(&red).unwrap());
        Resize { name: "red.png".into(), picture, within: Size { width: 16, height: 16 } }
    }

    #[test]
    fn a_picture_asked_for_twice_is_made_once_until_the_shelf_is_cleared() {
        let workshop = Workshop::default();
        let first = workshop.resize("a", &order()).unwrap();
        assert_eq!(first.thumbnail_size, Size { width: 16, height: 8 });
        assert_eq!(first.mean, [200, 10, 20]);
        assert_eq!(workshop.resize("a", &order()).unwrap().thumbnail, first.thumbnail);
        let done = workshop.stats();
        assert_eq!((done.made, done.from_shelf, done.on_shelf), (1, 1, 1));
        workshop.flush();
        assert_eq!(workshop.stats().on_shelf, 0);
        workshop.resize("a", &order()).unwrap();
        assert_eq!(workshop.stats().made, 2);
    }

    #[test]
    fn no_two_prints_have_one_number() {
        let workshop = Workshop::default();
        let first = workshop.print("a", &order()).unwrap();
        let second = workshop.print("a", &order()).unwrap();
        assert_eq!((first.number, second.number, workshop.stats().printed), (1, 2, 2));
        let plain = workshop.resize("a", &order()).unwrap();
        assert_ne!(first.made.thumbnail, plain.thumbnail, "the number is on it");
        assert_eq!(first.made.thumbnail_size, plain.thumbnail_size);
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_a_word_for_it() {
        let workshop = Workshop::default();
        let text = Resize { picture: Bytes::from_static(b"text"), ..order() };
        assert_eq!(workshop.resize("a", &text).unwrap_err().code, "no_picture");
        for within in [Size { width: 0, height: 9 }, Size { width: 9, height: 4096 }] {
            let odd = Resize { within, ..order() };
            assert_eq!(workshop.resize("a", &odd).unwrap_err().code, "bad_size");
        }
        assert_eq!(workshop.stats().refused, 1);
    }
}
