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

/// A script that is called for each batch of jobs: what most jobs do not need is made only when it
/// is asked for, with `moves()`.
macro_rules! often {
    ($file:literal) => {
        concat!(
            include_str!("scripts/base.lua"),
            "local function load_moves()\n",
            include_str!("scripts/moves.lua"),
            include_str!("scripts/moves_end.lua"),
            "end\nlocal all_moves\nlocal function moves()\n",
            "all_moves = all_moves or load_moves()\nreturn all_moves\nend\n",
            include_str!($file),
        )
    };
}

/// Any other.
macro_rules! seldom {
    ($file:literal) => {
        concat!(
            include_str!("scripts/base.lua"),
            include_str!("scripts/moves.lua"),
            "treat_as_kept()\n",
            include_str!($file),
        )
    };
}

macro_rules! scripts {
    ($($(#[$docs:meta])* $name:ident = $kind:ident $file:literal;)*) => {
        $(
            $(#[$docs])*
            pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new($kind!($file))
            });
        )*

        /// All of them, with the names of their files.
        #[cfg(test)]
        pub(super) static ALL: &[(&str, &LazyLock<Script>)] = &[$(($file, &$name)),*];
    };
}

scripts! {
    ENQUEUE = often "scripts/enqueue.lua";
    LEASE = often "scripts/lease.lua";
    FINISH = often "scripts/finish.lua";
    /// Renews and releases.
    HOLD = seldom "scripts/hold.lua";
    STATUS = seldom "scripts/status.lua";
    CANCEL = seldom "scripts/cancel.lua";
    DEPTH = seldom "scripts/depth.lua";
    PEEK = seldom "scripts/peek.lua";
    LETTER = seldom "scripts/letter.lua";
    /// Retries, buries and purges.
    REPAIR = seldom "scripts/repair.lua";
    PAUSE = seldom "scripts/pause.lua";
    DUE = seldom "scripts/due.lua";
    FORGET = seldom "scripts/forget.lua";
}
