//! Bytes to pixels and back, smaller.

use std::fmt;
use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::DECODED_BYTES_MAX;

/// Longest edge of a picture, pixels; more is refused before it is decoded.
const EDGE_MAX: u32 = 60_000;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// Red, green and blue, 0 to 255.
pub type Rgb = [u8; 3];

/// Why bytes are no picture. The fault is in the file; a retry ends the same way.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PictureError {
    /// No format that this example reads.
    #[error("neither JPEG nor PNG")]
    Format,
    /// A JPEG or PNG that is damaged.
    #[error("damaged: {0}")]
    Damaged(String),
    /// More pixels than fit into memory.
    #[error("{size} pixels are too many to decode")]
    TooLarge {
        /// What the file says.
        size: Size,
    },
}

impl Size {
    /// The largest size of the same shape that fits into `within` and is not larger than `self`.
    ///
    /// ```
    /// use thumbnails::picture::Size;
    ///
    /// let camera = Size { width: 6000, height: 4000 };
    /// let fitted = camera.fitted(Size { width: 320, height: 320 });
    /// assert_eq!(fitted, Size { width: 320, height: 213 });
    /// ```
    #[must_use]
    pub fn fitted(self, within: Self) -> Self {
        let [width, height] = [self.width, self.height].map(u64::from);
        let [width_max, height_max] = [within.width, within.height].map(u64::from);
        if width <= width_max && height <= height_max {
            return self;
        }
        // A part of the original edge, rounded, and never nothing.
        let part = |edge: u64, of: u64, by: u64| ((edge * of + by / 2) / by.max(1)).max(1) as u32;
        if width * height_max >= height * width_max {
            Self { width: within.width, height: part(height, width_max, width) }
        } else {
            Self { width: part(width, height_max, height), height: within.height }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// Reads a JPEG or PNG file, turned as its camera says, on white where it is transparent.
///
/// # Errors
/// [`PictureError`]; nothing large is allocated for a file that only claims to be large.
pub fn decode(file: &[u8]) -> Result<RgbImage, PictureError> {
    let damaged = |error: ImageError| match error {
        ImageError::Unsupported(_) => PictureError::Format,
        error => PictureError::Damaged(error.to_string()),
    };
    let reader = ImageReader::new(Cursor::new(file)).with_guessed_format();
    let reader = reader.map_err(|error| PictureError::Damaged(error.to_string()))?;
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > DECODED_BYTES_MAX || width.max(height) > EDGE_MAX {
        return Err(PictureError::TooLarge { size: Size { width, height } });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    if picture.color().has_alpha() { Ok(on_white(picture)) } else { Ok(picture.into_rgb8()) }
}

/// The size of a decoded picture.
pub fn size_of(picture: &RgbImage) -> Size {
    Size { width: picture.width(), height: picture.height() }
}

/// Shrinks a picture to exactly `to`.
pub fn shrink(picture: RgbImage, to: Size) -> RgbImage {
    if size_of(&picture) == to {
        return picture;
    }
    // A triangle as wide as the pixels that become one: no jagged edges, no ringing, and the
    // mean colour stays.
    let shrunk =
        DynamicImage::ImageRgb8(picture).resize_exact(to.width, to.height, FilterType::Triangle);
    shrunk.into_rgb8()
}

/// Writes a picture as a PNG file.
///
/// # Errors
/// What the encoder says; only a picture without pixels makes it fail.
pub fn encode(picture: &RgbImage) -> Result<Vec<u8>, String> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(file.into_inner())
}

/// The mean of all pixels, each channel rounded.
pub fn mean(picture: &RgbImage) -> Rgb {
    let mut sums = [0_u64; 3];
    for pixel in picture.pixels() {
        for (sum, channel) in sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(channel);
        }
    }
    let count = (u64::from(picture.width()) * u64::from(picture.height())).max(1);
    sums.map(|sum| ((sum + count / 2) / count) as u8)
}

fn on_white(picture: DynamicImage) -> RgbImage {
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let laid = |channel: u32| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        image::Rgb([laid(red), laid(green), laid(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(picture: DynamicImage) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn sizes_keep_their_shape_and_never_grow() {
        let within = Size { width: 320, height: 240 };
        let fitted = |width, height| {
            let size = Size { width, height }.fitted(within);
            (size.width, size.height)
        };
        assert_eq!(fitted(640, 480), (320, 240));
        assert_eq!(fitted(1600, 480), (320, 96));
        assert_eq!(fitted(800, 1200), (160, 240));
        assert_eq!(fitted(100, 50), (100, 50));
        assert_eq!(fitted(60_000, 1), (320, 1));
        assert_eq!(fitted(u32::MAX, u32::MAX), (240, 240));
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let glass = image::RgbaImage::from_fn(2, 1, |x, _| {
            image::Rgba([255, 0, 0, if x == 0 { 0 } else { 128 }])
        });
        let picture = decode(&png(DynamicImage::ImageRgba8(glass))).unwrap();
        assert_eq!(picture.get_pixel(0, 0).0, [255, 255, 255]);
        assert_eq!(picture.get_pixel(1, 0).0, [255, 127, 127]);
    }

    #[test]
    fn the_mean_colour_survives_shrinking() {
        // One-pixel stripes are the hardest case for a filter.
        let stripes = RgbImage::from_fn(317, 211, |x, y| {
            image::Rgb([255 * (x % 2) as u8, 255 * (y % 2) as u8, (x % 256) as u8])
        });
        let before = mean(&stripes);
        for to in [Size { width: 160, height: 106 }, Size { width: 31, height: 21 }] {
            let after = mean(&shrink(stripes.clone(), to));
            for (before, after) in before.into_iter().zip(after) {
                assert!(before.abs_diff(after) <= 2, "{before} became {after} at {to}");
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_told_apart() {
        assert_eq!(decode(b"hello").unwrap_err(), PictureError::Format);
        assert_eq!(decode(b"").unwrap_err(), PictureError::Format);
        // A format that others would read.
        assert_eq!(decode(b"GIF89a\x01\x00\x01\x00").unwrap_err(), PictureError::Format);
        let whole = png(DynamicImage::ImageRgb8(RgbImage::new(64, 64)));
        let half = &whole[..whole.len() / 2];
        assert!(matches!(decode(half).unwrap_err(), PictureError::Damaged(_)));
    }

    #[test]
    fn a_small_file_of_a_huge_picture_is_refused_before_it_is_decoded() {
        let mut file = png(DynamicImage::ImageLuma8(image::GrayImage::new(1, 1)));
        // The header's width and height, and the checksum over it.
        file[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
        let checksum = crc32(&file[12..29]);
        file[29..33].copy_from_slice(&checksum.to_be_bytes());
        let size = Size { width: 60_000, height: 60_000 };
        assert_eq!(decode(&file).unwrap_err(), PictureError::TooLarge { size });
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
            })
        })
    }
}
