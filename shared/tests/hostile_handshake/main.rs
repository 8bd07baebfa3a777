//! From a socket to a link: both ends on real sockets, and what strangers throw at them. Names
//! with a row are those of the hostile cases in `docs/SECURITY.md`. Everywhere: no byte before the
//! pre-shared key is proven, counted by its cause, and a live link beside it goes on.
#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod acceptor;
mod connect_accept;
mod crowd;
mod dialer;
mod listener;
mod rotation;
mod stranger;
mod third;
mod times;
