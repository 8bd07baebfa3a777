//! Pictures that could be photographs: JPEG, with detail at every scale.

use image::DynamicImage;

use crate::canvas::{Color, gradient, hex, mix, paint, smooth};
use crate::noise::{self, fractal};

/// A crater on a grey moon: the picture without colour.
pub(crate) fn crater() -> DynamicImage {
    let height = |x: f32, y: f32| {
        let mut height = fractal(x / 90.0, y / 90.0, 6, 40) * 60.0;
        let craters = [(300.0, 310.0, 150.0), (500.0, 130.0, 70.0), (120.0, 520.0, 80.0)];
        for (at_x, at_y, radius) in craters {
            let distance: f32 = f32::hypot(x - at_x, y - at_y) / radius;
            let bowl = (distance * distance - 1.0).min(0.0) * radius * 0.35;
            let rim = (-(distance - 1.0).powi(2) * 18.0).exp() * radius * 0.17;
            height += bowl + rim;
        }
        height
    };
    let color = paint(640, 640, |x, y| {
        let slope =
            height(x + 1.0, y) - height(x - 1.0, y) + height(x, y + 1.0) - height(x, y - 1.0);
        let light = 0.5 + slope * 0.11;
        [light; 3]
    });
    DynamicImage::ImageLuma8(color.into_luma8())
}

/// A band of stars and dust: the tall picture.
pub(crate) fn galaxy() -> DynamicImage {
    paint(800, 1200, |x, y| {
        let band = (x - 400.0) * 0.82 + (y - 600.0) * 0.57;
        let cloud = fractal(x / 170.0, y / 170.0, 6, 60);
        let glow = (-(band / 190.0).powi(2)).exp() * (0.35 + cloud);
        let dust =
            (-(band / 60.0).powi(2)).exp() * smooth(0.45, 0.7, fractal(x / 80.0, y / 80.0, 5, 70));
        let night = gradient(&[0x02030a, 0x0a1030, 0x2a2358, 0xb56a86, 0xffe2c2], glow * 0.8);
        let sky = mix(night, hex(0x1a0b12), dust * 0.75);
        let stars: f32 = [(5.0, 0.985), (11.0, 0.98), (31.0, 0.955)]
            .into_iter()
            .enumerate()
            .map(|(kind, (grid, rare))| star(x, y, grid, rare, 80 + kind as u32))
            .sum();
        sky.map(|channel| channel + stars)
    })
}

/// How bright a star of a grid of cells is here; few cells have one.
fn star(x: f32, y: f32, grid: f32, rare: f32, seed: u32) -> f32 {
    let (column, row) = ((x / grid).floor() as i32, (y / grid).floor() as i32);
    let bright = noise::cell(column, row, seed);
    if bright < rare {
        return 0.0;
    }
    let distance = (x / grid - column as f32 - 0.5).hypot(y / grid - row as f32 - 0.5) * grid;
    let radius = 0.7 + grid / 22.0;
    (-(distance / radius).powi(2)).exp() * (0.5 + noise::cell(column, row, seed + 9))
}

/// Islands from above: sea, beach, wood and snow by height.
pub(crate) fn islands() -> DynamicImage {
    let height = |x: f32, y: f32| {
        let bend = fractal(x / 260.0, y / 260.0, 3, 90) * 90.0;
        fractal((x + bend) / 230.0, (y - bend) / 230.0, 7, 91)
    };
    paint(1280, 960, |x, y| {
        let here = height(x, y);
        let slope = (here - height(x - 1.5, y - 1.5)) * 26.0;
        if here < 0.5 {
            let deep = gradient(&[0x0b2545, 0x13507a, 0x2f8fa8, 0x8fd3c8], here * 2.6 - 0.35);
            return deep.map(|channel| channel + slope * 0.05);
        }
        let land = gradient(
            &[0xe6d5a5, 0x8aa653, 0x4d7c3a, 0x3f6135, 0x7d7361, 0xf3f3f3],
            (here - 0.5) * 3.6,
        );
        land.map(|channel| channel * (1.0 + slope * 0.45))
    })
}

/// Ridges in the haze of the morning: the largest picture.
pub(crate) fn mountains() -> DynamicImage {
    const RIDGES: u32 = 6;
    paint(1600, 1066, |x, y| {
        let sun = (x - 1130.0).hypot(y - 330.0);
        let mut color: Color =
            gradient(&[0x31446b, 0x7f7aa0, 0xe7a27c, 0xffd9a0, 0xffe8c9], y / 620.0);
        color = mix(color, hex(0xfff6df), 1.0 - smooth(52.0, 56.0, sun));
        color = mix(color, hex(0xffe3ae), 0.55 * (-sun / 190.0).exp());
        for ridge in 0..RIDGES {
            let near = ridge as f32 / (RIDGES - 1) as f32;
            let wide = 330.0 - 120.0 * near;
            let crest = 380.0 + 480.0 * near
                - (fractal(x / wide + 17.0 * near, near * 9.0, 8, 20 + ridge) - 0.35)
                    * (430.0 - 160.0 * near);
            if y > crest {
                let haze = smooth(0.0, 330.0, y - crest) * (0.55 - 0.4 * near);
                let rock = gradient(&[0xc58f86, 0x8a6c86, 0x564f74, 0x2f3556, 0x161b30], near);
                let grain = (fractal(x / 22.0, y / 14.0, 4, 30) - 0.5) * 0.11 * near;
                color = mix(rock, hex(0xf3c39c), haze).map(|channel| channel + grain);
            }
        }
        color
    })
}

/// Three spheres on a chequered floor, by rays.
pub(crate) fn spheres() -> DynamicImage {
    paint(1200, 800, |x, y| {
        let ray = unit([(x - 600.0) / 800.0, (330.0 - y) / 800.0, 1.0]);
        trace([0.0, 1.2, -4.2], ray, 3)
    })
}

type Vector = [f32; 3];

const SPHERES: [(Vector, f32, u32); 3] = [
    ([-1.35, 0.8, 0.4], 0.8, 0xe4572e),
    ([0.35, 1.1, 1.3], 1.1, 0x2e86ab),
    ([1.45, 0.5, -0.6], 0.5, 0xf2c14e),
];

/// What a ray sees, after at most `bounces` mirrors.
fn trace(from: Vector, ray: Vector, bounces: u32) -> Color {
    let sun = unit([-0.6, 0.9, -0.5]);
    let sky = gradient(&[0xf6efe2, 0xb9d6ea, 0x5b8fc7], ray[1].max(0.0) * 1.6);
    let sphere = SPHERES
        .iter()
        .filter_map(|sphere| Some((hit(from, ray, sphere)?, sphere)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let (place, normal, paint, shine) = if let Some((distance, (center, _, paint))) = sphere {
        let place = along(from, ray, distance);
        (place, unit(minus(place, *center)), hex(*paint), 0.25)
    } else if ray[1] < -0.001 {
        let place = along(from, ray, -from[1] / ray[1]);
        let even = (place[0].floor() + place[2].floor()) as i32 % 2 == 0;
        let far = smooth(6.0, 40.0, place[2]);
        let tile = mix(hex(if even { 0xf4f1ea } else { 0x3a3f4b }), hex(0xd9dfe2), far);
        (place, [0.0, 1.0, 0.0], tile, 0.12)
    } else {
        return sky;
    };
    let above = along(place, normal, 0.001);
    let in_shade = SPHERES.iter().any(|sphere| hit(above, sun, sphere).is_some());
    let direct = if in_shade { 0.0 } else { dot(normal, sun).max(0.0) };
    let lit = paint.map(|channel| channel * (0.32 + 0.72 * direct));
    if bounces == 0 {
        return lit;
    }
    let mirror = along(ray, normal, -2.0 * dot(ray, normal));
    let glance = (1.0 + dot(ray, normal)).clamp(0.0, 1.0).powi(4) * 0.5;
    mix(lit, trace(above, mirror, bounces - 1), shine + glance)
}

/// How far away a ray meets a sphere.
fn hit(from: Vector, ray: Vector, (center, radius, _): &(Vector, f32, u32)) -> Option<f32> {
    let to_center = minus(from, *center);
    let half = dot(to_center, ray);
    let inside = half * half - dot(to_center, to_center) + radius * radius;
    let distance = -half - (inside >= 0.0).then(|| inside.sqrt())?;
    (distance > 0.0).then_some(distance)
}

fn along(from: Vector, way: Vector, distance: f32) -> Vector {
    [0, 1, 2].map(|axis| from[axis] + way[axis] * distance)
}

fn minus(a: Vector, b: Vector) -> Vector {
    along(a, b, -1.0)
}

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn unit(a: Vector) -> Vector {
    a.map(|part| part / dot(a, a).sqrt())
}
