//! The gateway's side: from a folder of pictures to thumbnails, a contact sheet and a report.
//!
//! * [`folder`]: which files are pictures
//! * [`peers`]: waiting for thumbnailers, and the two broadcasts
//! * [`run`]: all pictures, several under way at a time
//! * [`order`]: one picture: read, have it shrunk by a call or a job, check, write
//! * [`progress`]: the bar
//! * [`report`]: who did how many, for people and for programs; the contact sheet
//! * [`watch`]: which pictures are new, for a gateway that stays
//! * [`signals`]: being asked to stop

pub mod folder;
pub mod order;
pub mod peers;
pub mod progress;
pub mod report;
pub mod run;
pub mod signals;
pub mod watch;

/// The pictures that come with the example.
pub const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pictures");
