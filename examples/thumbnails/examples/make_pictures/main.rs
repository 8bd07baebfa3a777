//! Makes the pictures that the thumbnails example works on by default, always the same ones:
//! `cargo run -p thumbnails --example make_pictures`. They are kept in `pictures/`, so that
//! nobody has to run this; it is here so that nobody has to ask where they come from.

mod canvas;
mod graphics;
mod noise;
mod scenes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageResult};

/// Quality of the JPEG files, of 100: the smallest at which none of them shows blocks.
const QUALITY: u8 = 82;

/// Make the example's pictures.
#[derive(Parser)]
struct Arguments {
    /// Where to write them
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/pictures"))]
    out: PathBuf,
}

/// A name with its ending, and what paints it.
type Picture = (&'static str, fn() -> DynamicImage);

const PICTURES: [Picture; 12] = [
    ("crater.jpg", scenes::crater),
    ("discs.png", graphics::discs),
    ("galaxy.jpg", scenes::galaxy),
    ("islands.jpg", scenes::islands),
    ("julia.jpg", graphics::julia),
    ("mountains.jpg", scenes::mountains),
    ("plasma.jpg", graphics::plasma),
    ("ripples.png", graphics::ripples),
    ("spheres.jpg", scenes::spheres),
    ("stained-glass.png", graphics::stained_glass),
    ("truchet.png", graphics::truchet),
    ("waves.png", graphics::waves),
];

fn main() -> ExitCode {
    let out = Arguments::parse().out;
    for (name, paint) in PICTURES {
        let path = out.join(name);
        match write(&path, &paint()) {
            Ok(()) => println!("{}", path.display()),
            Err(error) => {
                eprintln!("{} cannot be written: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn write(path: &Path, picture: &DynamicImage) -> ImageResult<()> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let (width, height) = (picture.width(), picture.height());
    let color: ExtendedColorType = picture.color().into();
    if path.extension().is_some_and(|ending| ending == "png") {
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive).write_image(
            picture.as_bytes(),
            width,
            height,
            color,
        )
    } else {
        image::codecs::jpeg::JpegEncoder::new_with_quality(file, QUALITY).write_image(
            picture.as_bytes(),
            width,
            height,
            color,
        )
    }
}
