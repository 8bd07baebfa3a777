//! How large a picture may be. Gateway and thumbnailers must agree: the smaller limit of the two
//! ends of a link is the one that holds.

use meshwork_worker::Builder;

use crate::picture::Size;

/// Largest message, bytes: pictures of a camera have 20 MiB, and by default a message has 8.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Largest picture file, bytes: a message is the file, its name and a few words around them. A
/// larger file is not sent and fails alone.
pub const PICTURE_BYTES_MAX: u64 = (MESSAGE_BYTES_MAX - (16 << 10)) as u64;

/// Pictures that the gateway has under way at a time, bytes. Links are set up to hold as much, so
/// that a large picture is never refused because others are on their way to the same thumbnailer.
pub const UNDER_WAY_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// Largest thumbnail that may be asked for, pixels.
pub const THUMBNAIL_MAX: Size = Size { width: 2048, height: 2048 };

/// Pixels of a picture, bytes once decoded; more is refused before it is decoded, however small
/// the file. It is about 140 megapixels.
pub const DECODED_BYTES_MAX: u64 = 400 << 20;

/// Raises the limits of a worker to those above.
pub fn raise(builder: Builder) -> Builder {
    builder.settings(|settings| {
        let limits = &mut settings.limits;
        limits.message_bytes_max = Some(MESSAGE_BYTES_MAX);
        limits.reassembly_bytes_max = Some(UNDER_WAY_BYTES_MAX + MESSAGE_BYTES_MAX);
        limits.queued_bytes_max = Some(UNDER_WAY_BYTES_MAX + MESSAGE_BYTES_MAX);
    })
}
