//! Real work for a mesh: a gateway hands the pictures of a folder to thumbnailers, which shrink
//! them. `cargo xtask demo` runs all of it; the programs are in
//! [`programs`].
//!
//! # Layout
//! * [`commands`]: what the gateway may ask a thumbnailer, as types; `mesh.toml` is the schema
//! * [`limits`]: how large a picture may be, and the settings that follow from it
//! * [`picture`]: bytes to pixels and back, smaller
//! * [`workshop`]: the thumbnailer's side: handlers, counters, and a [`shelf`] of what it has made
//! * [`gateway`]: the gateway's side: the folder, the calls, the outcomes, the report
//! * [`load`]: a steady load of calls and jobs, and what became of each
//! * [`programs`]: the command lines
//! * [`check`]: is a thumbnail one of its picture?
//! * [`sheet`]: the contact sheet; [`font`] for its labels

pub mod check;
pub mod commands;
pub mod font;
pub mod gateway;
pub mod limits;
pub mod load;
pub mod picture;
pub mod programs;
pub mod sheet;
pub mod shelf;
pub mod workshop;
