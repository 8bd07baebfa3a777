//! What the tests of other crates have already.

#[allow(dead_code)] // Nothing here breaks its server, or needs several.
#[path = "../../../queue/tests/redis/server.rs"]
pub(crate) mod server;
