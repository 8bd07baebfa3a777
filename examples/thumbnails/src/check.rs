//! Is a thumbnail one of its picture? The gateway decodes both again and compares, so that "done"
//! is never only what a thumbnailer says.

use thiserror::Error;

use crate::picture::{PictureError, Rgb, Size, decode, mean, size_of};

/// How far each channel of the mean colour may be off, of 255: rounding, and the edges of
/// patterns that are as fine as the pixels.
pub const MEAN_TOLERANCE: u8 = 8;

/// Why a thumbnail is none of its picture. The thumbnailer's fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    /// The gateway cannot read the picture, though the thumbnailer could.
    #[error("the picture cannot be read again: {0}")]
    Picture(PictureError),
    /// The thumbnail is no picture.
    #[error("the thumbnail cannot be read: {0}")]
    Thumbnail(PictureError),
    /// The thumbnail has another size than it must have.
    #[error("the thumbnail has {found} pixels instead of {expected}")]
    Size {
        /// What follows from the picture's size.
        expected: Size,
        /// What the thumbnail has.
        found: Size,
    },
    /// The thumbnail has other colours than its picture.
    #[error("the thumbnail's mean colour is {found:?}, its picture's {expected:?}")]
    Color {
        /// Mean colour of the picture.
        expected: Rgb,
        /// Mean colour of the thumbnail.
        found: Rgb,
    },
}

/// Compares a thumbnail with its picture, both as files, in size and mean colour.
///
/// # Errors
/// The first [`Mismatch`] found.
pub fn verify(picture: &[u8], thumbnail: &[u8], within: Size) -> Result<(), Mismatch> {
    let thumbnail = decode(thumbnail).map_err(Mismatch::Thumbnail)?;
    let picture = decode(picture).map_err(Mismatch::Picture)?;
    let (expected, found) = (size_of(&picture).fitted(within), size_of(&thumbnail));
    if expected != found {
        return Err(Mismatch::Size { expected, found });
    }
    let (expected, found) = (mean(&picture), mean(&thumbnail));
    let close = |(a, b): (u8, u8)| a.abs_diff(b) <= MEAN_TOLERANCE;
    if expected.into_iter().zip(found).all(close) {
        Ok(())
    } else {
        Err(Mismatch::Color { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::encode;
    use image::RgbImage;

    const WITHIN: Size = Size { width: 16, height: 16 };

    fn file(width: u32, height: u32, color: Rgb) -> Vec<u8> {
        encode(&RgbImage::from_pixel(width, height, image::Rgb(color))).unwrap()
    }

    #[test]
    fn only_a_thumbnail_of_the_picture_passes() {
        let picture = file(64, 32, [10, 100, 200]);
        let verdict = |thumbnail: &[u8]| verify(&picture, thumbnail, WITHIN);
        assert_eq!(verdict(&file(16, 8, [10, 100, 200])), Ok(()));
        assert_eq!(verdict(&file(16, 8, [12, 98, 205])), Ok(()));
        assert!(matches!(verdict(&file(16, 9, [10, 100, 200])), Err(Mismatch::Size { .. })));
        assert!(matches!(verdict(&file(16, 8, [10, 120, 200])), Err(Mismatch::Color { .. })));
        assert!(matches!(verdict(b"nothing"), Err(Mismatch::Thumbnail(_))));
        let thumbnail = file(16, 8, [10, 100, 200]);
        let unread = verify(b"nothing", &thumbnail, WITHIN);
        assert_eq!(unread, Err(Mismatch::Picture(PictureError::Format)));
    }
}
