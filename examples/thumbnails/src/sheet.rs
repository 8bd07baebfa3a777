//! The contact sheet: all thumbnails on one picture, each with its name, its picture's size and
//! who made it.

use image::{Rgb, RgbImage, imageops};

use crate::font;
use crate::picture::{self, Size, shrink};

/// Thumbnails on a sheet, at most; beyond that they are too many to look at.
pub const TILES_MAX: usize = 240;

/// A thumbnail fits into this on the sheet, in pixels.
pub const TILE_WITHIN: Size = Size { width: 264, height: 198 };

/// Pixels between things.
const GAP: u32 = 20;
/// Height of the two lines below a thumbnail, pixels.
const LABEL: u32 = 48;
/// Height of the heading, pixels.
const HEADING: u32 = 108;

const BACKGROUND: Rgb<u8> = Rgb([0x17, 0x19, 0x1f]);
const CARD: Rgb<u8> = Rgb([0x22, 0x25, 0x2e]);
const BRIGHT: Rgb<u8> = Rgb([0xf2, 0xf2, 0xee]);
const FAINT: Rgb<u8> = Rgb([0x9a, 0xa1, 0xb0]);

/// One colour for each thumbnailer, in turn.
const INKS: [Rgb<u8>; 8] = [
    Rgb([0xff, 0xb3, 0x47]),
    Rgb([0x5b, 0xc0, 0xeb]),
    Rgb([0x9b, 0xc5, 0x3d]),
    Rgb([0xe5, 0x5f, 0x93]),
    Rgb([0xb3, 0x8c, 0xf4]),
    Rgb([0xf6, 0xe0, 0x5e]),
    Rgb([0x4f, 0xd1, 0xb5]),
    Rgb([0xf2, 0x7d, 0x52]),
];

/// A thumbnail with what is written below it.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The thumbnail.
    pub thumbnail: RgbImage,
    /// What its picture is called.
    pub name: String,
    /// Size of its picture.
    pub picture_size: Size,
    /// Who made it: an index into the legend.
    pub maker: usize,
}

/// Lays out a sheet: a heading with a legend of who made how many, and a grid of `tiles` (the
/// first [`TILES_MAX`]).
pub fn compose(title: &str, legend: &[(String, u64)], tiles: &[Tile]) -> RgbImage {
    let tiles = &tiles[..tiles.len().min(TILES_MAX)];
    // As many columns as make the sheet a little wider than high.
    let columns = ((tiles.len() as f64 * 4.0 / 3.0).sqrt().ceil() as u32).clamp(2, 18);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let (step_x, step_y) = (TILE_WITHIN.width + 2 * GAP, TILE_WITHIN.height + LABEL + 2 * GAP);
    let (width, height) = (GAP + columns * step_x, HEADING + rows * step_y + GAP);
    let mut sheet = RgbImage::from_pixel(width, height, BACKGROUND);
    heading(&mut sheet, title, legend);
    for (nth, tile) in tiles.iter().enumerate() {
        let (column, row) = (nth as u32 % columns, nth as u32 / columns);
        draw(&mut sheet, tile, GAP + column * step_x, HEADING + row * step_y);
    }
    sheet
}

fn heading(sheet: &mut RgbImage, title: &str, legend: &[(String, u64)]) {
    let room = sheet.width() - 2 * GAP;
    font::write(sheet, &font::shortened(title, 3, room), GAP, GAP + 4, 3, BRIGHT);
    let mut x = GAP;
    for (nth, (variant, count)) in legend.iter().enumerate() {
        let text = format!("{variant}: {count}");
        if x + 24 + font::width(&text, 2) > sheet.width() - GAP {
            font::write(sheet, "..", x, 62, 2, FAINT);
            break;
        }
        square(sheet, x, 62, 14, ink(nth));
        font::write(sheet, &text, x + 24, 62, 2, FAINT);
        x += 24 + font::width(&text, 2) + 2 * GAP;
    }
}

/// Draws one tile with the upper left corner of its card at `x`, `y`.
fn draw(sheet: &mut RgbImage, tile: &Tile, x: u32, y: u32) {
    let (width, height) = (TILE_WITHIN.width + GAP, TILE_WITHIN.height + LABEL + GAP);
    fill(sheet, x, y, width, height, CARD);
    let size = picture::size_of(&tile.thumbnail).fitted(TILE_WITHIN);
    let thumbnail = shrink(tile.thumbnail.clone(), size);
    let left = x + GAP / 2 + (TILE_WITHIN.width - size.width) / 2;
    let top = y + GAP / 2 + (TILE_WITHIN.height - size.height) / 2;
    imageops::replace(sheet, &thumbnail, i64::from(left), i64::from(top));

    let (left, below) = (x + GAP / 2, y + TILE_WITHIN.height + GAP);
    let name = font::shortened(&tile.name, 2, TILE_WITHIN.width);
    font::write(sheet, &name, left, below, 2, BRIGHT);
    square(sheet, left, below + 23, 14, ink(tile.maker));
    font::write(sheet, &tile.picture_size.to_string(), left + 24, below + 23, 2, FAINT);
}

fn square(sheet: &mut RgbImage, x: u32, y: u32, side: u32, color: Rgb<u8>) {
    fill(sheet, x, y, side, side, color);
}

fn fill(sheet: &mut RgbImage, x: u32, y: u32, width: u32, height: u32, color: Rgb<u8>) {
    for (x, y) in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
        if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
            *pixel = color;
        }
    }
}

fn ink(nth: usize) -> Rgb<u8> {
    INKS[nth % INKS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(width: u32, height: u32) -> Tile {
        Tile {
            thumbnail: RgbImage::from_pixel(width, height, Rgb([1, 2, 3])),
            name: "a name that is far too long to stand below a thumbnail.png".into(),
            picture_size: Size { width, height },
            maker: 9,
        }
    }

    #[test]
    fn every_tile_is_on_the_sheet_whatever_its_shape() {
        let tiles = [tile(264, 198), tile(1, 500), tile(500, 1), tile(1, 1), tile(900, 900)];
        for count in 0..=tiles.len() {
            let sheet = compose("title", &[("a".into(), 3)], &tiles[..count]);
            let inked = sheet.pixels().filter(|pixel| pixel.0 == [1, 2, 3]).count() as u32;
            let expected = tiles[..count].iter().map(|tile| {
                let size = tile.picture_size.fitted(TILE_WITHIN);
                size.width * size.height
            });
            assert_eq!(inked, expected.sum::<u32>(), "of {count} tiles");
        }
    }

    #[test]
    fn a_sheet_has_an_end() {
        let tiles = vec![tile(2, 2); TILES_MAX + 50];
        let many = vec![("a".repeat(64), 3); 500];
        let sheet = compose(&"title ".repeat(900), &many, &tiles);
        assert_eq!(compose("", &[], &tiles[..TILES_MAX]).dimensions(), sheet.dimensions());
        assert!(sheet.width() < 8000 && sheet.height() < 8000, "{:?}", sheet.dimensions());
    }
}
