//! Where queues are kept.

use std::fmt;

/// Schemes that name a store, in the order in which they are documented.
const SCHEMES: [&str; 13] = [
    "redis://",
    "rediss://",
    "redis+cluster://",
    "rediss+cluster://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "valkey://",
    "valkeys://",
    "valkey+cluster://",
    "valkeys+cluster://",
    "valkey+sentinel://",
    "valkeys+sentinel://",
    "file:",
];

/// What stands for the queues of the process itself.
const MEMORY: &str = "memory";

/// Where queues are kept: `memory`, or the address of a store. An address may hold a password;
/// Debug and Display leave out whatever could be one.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueAddress(String);

impl QueueAddress {
    /// An address as written; `None` if it names no kind of queue. Whether it is a good address of
    /// its kind is for the store to say.
    pub fn new(text: &str) -> Option<Self> {
        let is_known = text == MEMORY
            || SCHEMES.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        is_known.then(|| Self(text.to_owned()))
    }

    /// Whether queues live in the process that receives their jobs.
    pub fn is_memory(&self) -> bool {
        self.0 == MEMORY
    }

    /// The address with all that is in it, to connect with.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Default for QueueAddress {
    /// `memory`.
    fn default() -> Self {
        Self(MEMORY.to_owned())
    }
}

impl fmt::Display for QueueAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands before the last @ is name and password.
        match self.0.split_once("://").zip(self.0.rsplit_once('@')) {
            Some(((scheme, _), (_, rest))) => write!(f, "{scheme}://...@{rest}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for QueueAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_known_kinds_are_taken_and_show_no_password() {
        assert!(QueueAddress::default().is_memory());
        let file = QueueAddress::new("file:/var/lib/jobs.db").unwrap();
        assert_eq!(file.to_string(), "file:/var/lib/jobs.db");
        let redis = QueueAddress::new("redis://me:hunter2@queue:6379/1?prefix=a").unwrap();
        assert_eq!(redis.expose(), "redis://me:hunter2@queue:6379/1?prefix=a");
        assert!(!format!("{redis} {redis:?}").contains("hunter2"));
        for base in ["redis", "rediss", "valkey", "valkeys"] {
            for kind in ["", "+cluster", "+sentinel"] {
                assert!(QueueAddress::new(&format!("{base}{kind}://queue")).is_some(), "{kind}");
            }
        }
        for wrong in ["", "memory ", "redis", "file:", "reds://me:hunter2@queue", "http://queue"] {
            assert_eq!(QueueAddress::new(wrong), None, "{wrong}");
        }
    }
}
