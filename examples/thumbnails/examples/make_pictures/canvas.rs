//! A picture as a function from a place to a colour.

use image::{DynamicImage, Rgb, RgbImage};

/// Red, green and blue, 0 to 1.
pub(crate) type Color = [f32; 3];

/// Looks each pixel up at four places in it, so that edges are smooth. `color` gets the place in
/// pixels.
pub(crate) fn paint(width: u32, height: u32, color: impl Fn(f32, f32) -> Color) -> DynamicImage {
    let places = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let mut sum = [0.0; 3];
        for (dx, dy) in places {
            let sample = color(x as f32 + dx, y as f32 + dy);
            sum = [0, 1, 2].map(|channel| sum[channel] + sample[channel].clamp(0.0, 1.0));
        }
        Rgb(sum.map(byte_of_four))
    });
    DynamicImage::ImageRgb8(picture)
}

/// `0xRRGGBB` as a colour.
pub(crate) fn hex(rgb: u32) -> Color {
    [rgb >> 16, rgb >> 8, rgb].map(|channel| (channel & 255) as f32 / 255.0)
}

/// From `a` at 0 to `b` at 1.
pub(crate) fn mix(a: Color, b: Color, part: f32) -> Color {
    let part = part.clamp(0.0, 1.0);
    [0, 1, 2].map(|channel| a[channel] + (b[channel] - a[channel]) * part)
}

/// The colour of a place between 0 and 1 on a scale of evenly spaced colours.
pub(crate) fn gradient(scale: &[u32], at: f32) -> Color {
    let at = at.clamp(0.0, 1.0) * (scale.len() - 1) as f32;
    let step = (at as usize).min(scale.len() - 2);
    mix(hex(scale[step]), hex(scale[step + 1]), at - step as f32)
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(crate) fn smooth(from: f32, to: f32, at: f32) -> f32 {
    let part = ((at - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

fn byte_of_four(sum: f32) -> u8 {
    (sum / 4.0 * 255.0).round() as u8
}
