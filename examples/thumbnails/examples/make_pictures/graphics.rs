//! Pictures that are geometry: most of them PNG, with flat colours.

use std::f32::consts::TAU;

use image::{DynamicImage, Rgba, RgbaImage};

use crate::canvas::{Color, gradient, hex, mix, paint, smooth};
use crate::noise;

/// Overlapping discs of coloured glass on nothing: the picture with transparent parts.
pub(crate) fn discs() -> DynamicImage {
    const DISCS: [(f32, f32, f32, u32); 5] = [
        (250.0, 200.0, 150.0, 0xf94144),
        (450.0, 200.0, 150.0, 0x277da1),
        (350.0, 350.0, 150.0, 0xf9c74f),
        (170.0, 370.0, 90.0, 0x90be6d),
        (540.0, 370.0, 90.0, 0x9b5de5),
    ];
    let picture = RgbaImage::from_fn(700, 520, |x, y| {
        let (mut color, mut alpha) = ([0.0; 3], 0.0_f32);
        for (at_x, at_y, radius, glass) in DISCS {
            let distance = (x as f32 + 0.5 - at_x).hypot(y as f32 + 0.5 - at_y);
            let cover = 0.72 * (1.0 - smooth(radius - 1.0, radius + 1.0, distance));
            let sum = cover + alpha * (1.0 - cover);
            if sum > 0.0 {
                color = mix(color, hex(glass), cover / sum);
            }
            alpha = sum;
        }
        let [r, g, b] = color.map(|channel| (channel * 255.0).round() as u8);
        Rgba([r, g, b, (alpha * 255.0).round() as u8])
    });
    DynamicImage::ImageRgba8(picture)
}

/// The Julia set of -0.79 + 0.15i.
pub(crate) fn julia() -> DynamicImage {
    const SCALE: [u32; 6] = [0x050a1a, 0x10356b, 0x1f8fb3, 0xf4e9cd, 0xf2a541, 0x3b0d11];
    paint(1200, 840, |x, y| {
        let (mut re, mut im) = ((x - 600.0) / 370.0, (y - 420.0) / 370.0);
        for step in 0..220 {
            let (re_2, im_2) = (re * re, im * im);
            if re_2 + im_2 > 64.0 {
                let fine = step as f32 + 1.0 - (re_2 + im_2).ln().log2() / 2.0;
                return gradient(&SCALE, (fine / 90.0).max(0.0).powf(0.55));
            }
            (re, im) = (re_2 - im_2 - 0.79, 2.0 * re * im + 0.15);
        }
        hex(0x0a0306)
    })
}

/// Sums of sines as colours.
pub(crate) fn plasma() -> DynamicImage {
    const SCALE: [u32; 6] = [0x2b0a3d, 0x8a1c7c, 0xe84a5f, 0xffb26b, 0xfff3b0, 0x3dccc7];
    paint(960, 960, |x, y| {
        let (x, y) = (x / 140.0, y / 140.0);
        let sum = (x * 1.3 + (y * 0.9).sin()).sin()
            + (y * 1.1 - (x * 0.7).cos() * 1.6).sin()
            + ((x - 3.4).hypot(y - 2.9) * 1.7).sin();
        gradient(&SCALE, (sum + 3.0) / 6.0)
    })
}

/// Waves of two stones in a pond, in bands.
pub(crate) fn ripples() -> DynamicImage {
    const BANDS: [u32; 6] = [0x0b3954, 0x087e8b, 0x3ba99c, 0xbfd7ea, 0xffb997, 0xf67e7d];
    paint(800, 600, |x, y| {
        let wave = |at_x: f32, at_y: f32| ((x - at_x).hypot(y - at_y) / 21.0).cos();
        let sum = (wave(270.0, 230.0) + wave(560.0, 400.0) + 2.0) / 4.0;
        hex(BANDS[((sum * BANDS.len() as f32) as usize).min(BANDS.len() - 1)])
    })
}

/// Cells around scattered points, with lead between them.
pub(crate) fn stained_glass() -> DynamicImage {
    const GLASS: [u32; 8] =
        [0xd62828, 0xf77f00, 0xfcbf49, 0xeae2b7, 0x2a9d8f, 0x264653, 0x1d3557, 0x6d597a];
    paint(900, 1200, |x, y| {
        let (x, y) = (x / 105.0, y / 105.0);
        let (mut nearest, mut second, mut chosen) = (f32::MAX, f32::MAX, 0.0);
        for (dx, dy) in (-2..=2).flat_map(|dx| (-2..=2).map(move |dy| (dx, dy))) {
            let (cell_x, cell_y) = (x.floor() as i32 + dx, y.floor() as i32 + dy);
            let point_x = cell_x as f32 + noise::cell(cell_x, cell_y, 11);
            let point_y = cell_y as f32 + noise::cell(cell_x, cell_y, 12);
            let distance = (x - point_x).hypot(y - point_y);
            if distance < nearest {
                (second, nearest) = (nearest, distance);
                chosen = noise::cell(cell_x, cell_y, 13);
            } else {
                second = second.min(distance);
            }
        }
        if second - nearest < 0.07 {
            return hex(0x14110f);
        }
        hex(GLASS[((chosen * GLASS.len() as f32) as usize).min(GLASS.len() - 1)])
    })
}

/// Quarter circles that meet at the edges of their tiles, each tile turned at random.
pub(crate) fn truchet() -> DynamicImage {
    const TILE: f32 = 80.0;
    paint(960, 720, |x, y| {
        let (column, row) = ((x / TILE).floor(), (y / TILE).floor());
        let (mut in_x, in_y) = (x / TILE - column, y / TILE - row);
        let turned = noise::cell(column as i32, row as i32, 5) < 0.5;
        if turned {
            in_x = 1.0 - in_x;
        }
        let near = in_x.hypot(in_y);
        let far = (1.0 - in_x).hypot(1.0 - in_y);
        let is_arc = (near - 0.5).abs() < 0.13 || (far - 0.5).abs() < 0.13;
        let corner = near < 0.5 || far < 0.5;
        let even = (column as i32 + row as i32) % 2 == 0;
        match (is_arc, corner != (even != turned)) {
            (true, _) => hex(0xfefae0),
            (false, true) => hex(0x283618),
            (false, false) => hex(0x606c38),
        }
    })
}

/// Paper waves, one behind the other: the wide picture.
pub(crate) fn waves() -> DynamicImage {
    const PAPER: [u32; 8] =
        [0xfff1e6, 0xffd6ba, 0xfec89a, 0xf4978e, 0xd16b86, 0x8d5a97, 0x51508a, 0x22335c];
    paint(1600, 480, |x, y| {
        let mut color: Color = hex(PAPER[0]);
        for (row, paper) in PAPER.iter().enumerate().skip(1) {
            let row = row as f32;
            let crest = row * 62.0 - 26.0
                + 26.0 * (x / (170.0 + 14.0 * row) * TAU / 2.0 + row * 2.1).sin()
                + 10.0 * (x / 77.0 + row).sin();
            if y > crest {
                color = hex(*paper);
            }
        }
        color
    })
}
