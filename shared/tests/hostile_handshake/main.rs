//! From a socket to a link: both ends on real sockets, and what strangers throw at them.

mod common;
mod connect_accept;
