//! The scripts that read and change queues.

use std::sync::LazyLock;

/// One script.
pub(super) struct Script {
    pub(super) source: &'static str,
    /// What the server calls it.
    pub(super) hash: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }
}

macro_rules! scripts {
    ($($(#[$docs:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$docs])*
            pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(concat!(include_str!("scripts/base.lua"), include_str!($file)))
            });
        )*

        /// All of them, with the names of their files.
        #[cfg(test)]
        pub(super) static ALL: &[(&str, &LazyLock<Script>)] = &[$(($file, &$name)),*];
    };
}

scripts! {
    ENQUEUE = "scripts/enqueue.lua";
    LEASE = "scripts/lease.lua";
    FINISH = "scripts/finish.lua";
    /// Renews and releases.
    HOLD = "scripts/hold.lua";
    STATUS = "scripts/status.lua";
    CANCEL = "scripts/cancel.lua";
    DEPTH = "scripts/depth.lua";
    PEEK = "scripts/peek.lua";
    LETTER = "scripts/letter.lua";
    /// Retries, buries and purges.
    REPAIR = "scripts/repair.lua";
    PAUSE = "scripts/pause.lua";
    DUE = "scripts/due.lua";
    FORGET = "scripts/forget.lua";
}
