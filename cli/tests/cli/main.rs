//! The real binary: what it prints, what it exits with, and what it does to a mesh.

// Not every function here is a test of its own.
#![allow(clippy::unwrap_used)]

mod binary;
#[cfg(feature = "file")]
mod dead_over_http;
mod demo;
mod events;
#[cfg(any(feature = "file", feature = "redis"))]
mod jobs;
mod keygen;
mod master;
mod mesh;
#[cfg(feature = "file")]
mod queue;
#[cfg(feature = "redis")]
mod queue_redis;
mod schema_apply;
mod schema_check;
#[cfg(feature = "redis")]
#[path = "../support/mod.rs"]
mod support;
mod top;
mod why;
