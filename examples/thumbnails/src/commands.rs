//! What the gateway may ask a thumbnailer. The schema (`mesh.toml`) names the same commands and
//! says who may call them.

use bytes::Bytes;
use meshwork_worker::{Codec, Command};
use serde::{Deserialize, Serialize};

use crate::picture::{Rgb, Size};

/// Make a thumbnail of a picture. Balanced: one thumbnailer does it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resize {
    /// What the picture is called, for logs and errors.
    pub name: String,
    /// The file as it is: JPEG or PNG.
    pub picture: Bytes,
    /// The thumbnail fits into this, in pixels. It keeps the picture's shape and is never larger
    /// than the picture.
    pub within: Size,
}

/// A thumbnail, and how it came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resized {
    /// The thumbnail as a PNG file.
    pub thumbnail: Bytes,
    /// Size of the picture, turned as it is to be seen.
    pub picture_size: Size,
    /// Size of the thumbnail.
    pub thumbnail_size: Size,
    /// Mean colour of the picture.
    pub mean: Rgb,
    /// Which thumbnailer did it.
    pub variant: String,
    /// How long it computed, in milliseconds; 0 when it was on the shelf.
    pub milliseconds: u64,
}

/// Make a thumbnail with a number on it. Balanced, and not idempotent: each number is used once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Print(pub Resize);

/// A numbered print. The thumbnailer's name and the number tell it from every other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// The thumbnail, with the number on it.
    pub made: Resized,
    /// Which print of this thumbnailer it is, from 1.
    pub number: u64,
}

/// Make a larger thumbnail. Queued: it is stored, and made by whichever thumbnailer has time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preview(pub Resize);

/// Say what you have done. Broadcast: every thumbnailer answers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stats;

/// What a thumbnailer has done since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Thumbnails made.
    pub made: u64,
    /// Thumbnails that were still on the shelf.
    pub from_shelf: u64,
    /// Numbers of prints that were used.
    #[serde(default)]
    pub printed: u64,
    /// Pictures that could not be read.
    pub refused: u64,
    /// Time spent on the thumbnails made, in milliseconds.
    pub milliseconds: u64,
    /// Thumbnails on the shelf now.
    pub on_shelf: u64,
}

/// Clear your shelf. Broadcast: every thumbnailer does, none answers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Flush;

impl Command for Resize {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "resize";
    // JSON would write each byte of the picture as a number.
    const CODEC: Codec = Codec::MessagePack;
    type Reply = Resized;
}

impl Command for Print {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "print";
    const CODEC: Codec = Codec::MessagePack;
    type Reply = Printed;
}

impl Command for Preview {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "preview";
    const CODEC: Codec = Codec::MessagePack;
    type Reply = Resized;
}

// The other two keep JSON, so that `meshwork call thumbnailer.stats` shows a readable answer.

impl Command for Stats {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "stats";
    type Reply = Done;
}

impl Command for Flush {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "flush";
    type Reply = ();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_without_arguments_can_be_called_without_any() {
        // What `meshwork call thumbnailer.stats` sends.
        assert!(serde_json::from_str::<Stats>("null").is_ok());
        assert!(serde_json::from_str::<Flush>("null").is_ok());
    }
}
