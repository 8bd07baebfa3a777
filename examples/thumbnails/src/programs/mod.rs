//! The programs of the example: each reads its command line and runs to its end. `src/bin/` has one
//! file for each, and `thumbnails`, which is all of them in one, for an image.
//!
//! * [`thumbnailer`]: shrinks pictures
//! * [`gateway`]: has the pictures of a folder shrunk
//! * [`load`]: keeps thumbnailers busy, and tells what becomes of every call and job

pub mod gateway;
pub mod load;
pub mod thumbnailer;
