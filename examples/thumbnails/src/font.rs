//! Letters for the contact sheet: the usual five by seven matrix of character displays. A label of
//! a few words is no reason for a font engine.

use image::{Rgb, RgbImage};

/// From one letter to the next, in dots.
const ADVANCE: u32 = 6;

/// Blank, then the printable ASCII characters up to `~`: five columns each, from the left, the
/// lowest bit on top. The eighth row is for the tails of letters like `g`.
const GLYPHS: [u64; 95] = [
    0x0000000000,
    0x00005f0000,
    0x0007000700,
    0x147f147f14,
    0x242a7f2a12,
    0x2313086462,
    0x3649562050,
    0x0008070300,
    0x001c224100,
    0x0041221c00,
    0x2a1c7f1c2a,
    0x08083e0808,
    0x0080703000,
    0x0808080808,
    0x0000606000,
    0x2010080402,
    0x3e5149453e,
    0x00427f4000,
    0x7249494946,
    0x2141494d33,
    0x1814127f10,
    0x2745454539,
    0x3c4a494931,
    0x4121110907,
    0x3649494936,
    0x464949291e,
    0x0000140000,
    0x0040340000,
    0x0008142241,
    0x1414141414,
    0x0041221408,
    0x0201590906,
    0x3e415d594e,
    0x7c1211127c,
    0x7f49494936,
    0x3e41414122,
    0x7f4141413e,
    0x7f49494941,
    0x7f09090901,
    0x3e41415173,
    0x7f0808087f,
    0x00417f4100,
    0x2040413f01,
    0x7f08142241,
    0x7f40404040,
    0x7f021c027f,
    0x7f0408107f,
    0x3e4141413e,
    0x7f09090906,
    0x3e4151215e,
    0x7f09192946,
    0x2649494932,
    0x03017f0103,
    0x3f4040403f,
    0x1f2040201f,
    0x3f4038403f,
    0x6314081463,
    0x0304780403,
    0x6159494d43,
    0x007f414141,
    0x0204081020,
    0x004141417f,
    0x0402010204,
    0x4040404040,
    0x0003070800,
    0x2054547840,
    0x7f28444438,
    0x3844444428,
    0x384444287f,
    0x3854545418,
    0x00087e0902,
    0x18a4a49c78,
    0x7f08040478,
    0x00447d4000,
    0x2040403d00,
    0x7f10284400,
    0x00417f4000,
    0x7c04780478,
    0x7c08040478,
    0x3844444438,
    0xfc18242418,
    0x18242418fc,
    0x7c08040408,
    0x4854545424,
    0x04043f4424,
    0x3c4040207c,
    0x1c2040201c,
    0x3c4030403c,
    0x4428102844,
    0x4c9090907c,
    0x4464544c44,
    0x0008364100,
    0x0000770000,
    0x0041360800,
    0x0201020402,
];

/// How wide a text is, in pixels, with dots of `scale` pixels.
pub fn width(text: &str, scale: u32) -> u32 {
    text.chars().count() as u32 * ADVANCE * scale
}

/// As much of a text as fits into `width_max` pixels; `..` at its end where something is missing.
pub fn shortened(text: &str, scale: u32, width_max: u32) -> String {
    if width(text, scale) <= width_max {
        return text.to_owned();
    }
    let room = (width_max / (ADVANCE * scale)).saturating_sub(2) as usize;
    text.chars().take(room).chain("..".chars()).collect()
}

/// Writes a text with its upper left corner at `x`, `y`. What is outside of the sheet is left out;
/// a letter that the font does not have becomes a question mark.
pub fn write(sheet: &mut RgbImage, text: &str, x: u32, y: u32, scale: u32, color: Rgb<u8>) {
    for (nth, letter) in text.chars().enumerate() {
        let left = x + nth as u32 * ADVANCE * scale;
        for (column, row) in dots(letter) {
            for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                let place = (left + column * scale + dx, y + row * scale + dy);
                if let Some(pixel) = sheet.get_pixel_mut_checked(place.0, place.1) {
                    *pixel = color;
                }
            }
        }
    }
}

/// The dots of a letter, as columns and rows.
fn dots(letter: char) -> impl Iterator<Item = (u32, u32)> {
    let index = |letter: char| (letter as usize).checked_sub(' ' as usize);
    let glyph = index(letter).and_then(|index| GLYPHS.get(index)).copied();
    let glyph = glyph.or(index('?').map(|index| GLYPHS[index])).unwrap_or(0);
    let all = (0..5_u32).flat_map(|column| (0..8_u32).map(move |row| (column, row)));
    all.filter(move |(column, row)| glyph >> (8 * (4 - column) + row) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_dots() {
        // A minus sign is one row of five, a capital I has its stem in the middle.
        assert_eq!(dots('-').collect::<Vec<_>>(), (0..5).map(|x| (x, 3)).collect::<Vec<_>>());
        assert!((0..7).all(|row| dots('I').any(|dot| dot == (2, row))));
        assert_eq!(dots('\u{e9}').collect::<Vec<_>>(), dots('?').collect::<Vec<_>>());
        assert_eq!(dots('\n').count(), dots('?').count());
        assert_eq!(dots(' ').count(), 0);
    }

    #[test]
    fn a_long_text_is_shortened_to_fit() {
        assert_eq!(shortened("abc", 1, 18), "abc");
        assert_eq!(shortened("abcdef", 1, 30), "abc..");
        assert_eq!(shortened("abcdef", 2, 5), "..");
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_sheet() {
        let mut sheet = RgbImage::new(4, 4);
        write(&mut sheet, "WWW", 2, 2, 3, Rgb([255; 3]));
        assert!(sheet.pixels().any(|pixel| pixel.0 == [255; 3]));
    }
}
