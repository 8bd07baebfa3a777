//! Noise that is the same every time: a hash of the place, smoothed.

/// A number from 0 to 1 that belongs to a cell and looks random.
pub(crate) fn cell(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32)
        .wrapping_mul(0x85eb_ca6b)
        .wrapping_add((y as u32).wrapping_mul(0xc2b2_ae35))
        .wrapping_add(seed.wrapping_mul(0x27d4_eb2f));
    for _ in 0..2 {
        h ^= h >> 15;
        h = h.wrapping_mul(0x2c1b_3c6d);
        h ^= h >> 12;
        h = h.wrapping_mul(0x297a_2d39);
    }
    (h >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise from 0 to 1, with a hill or a valley about every unit.
pub(crate) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let ease = |part: f32| part * part * (3.0 - 2.0 * part);
    let (right_part, low_part) = (ease(x - left), ease(y - top));
    let corner = |dx, dy| cell(left as i32 + dx, top as i32 + dy, seed);
    let upper = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * right_part;
    let lower = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * right_part;
    upper + (lower - upper) * low_part
}

/// Noise with detail at every scale, 0 to 1: each octave twice as fine and half as strong.
pub(crate) fn fractal(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut strength, mut scale, mut total) = (0.0, 1.0, 1.0, 0.0);
    for octave in 0..octaves {
        sum += strength * value(x * scale, y * scale, seed + octave);
        total += strength;
        strength *= 0.5;
        scale *= 2.0;
    }
    sum / total
}
