//! The schema that runs are made under, and its commands.
//!
//! All commands take a [`Token`] and an [`Act`], and those that answer do so with [`Done`]: the
//! token names one call in the journal, the act is what the handler is asked to do.

use bytes::Bytes;
use meshwork_worker::{Codec, Command, Failure};
use serde::{Deserialize, Serialize};

use crate::plan::Rules;

/// Two kinds of workers: fronts link to stores, stores link to each other from both ends.
pub(crate) const SCHEMA: &str = r#"
[front]
_allow = []
_connect = ["store"]

[front._commands._balanced]
back = { timeout = "2s" }

[store]
_allow = ["front", "store"]
_connect = ["store"]

[store._commands._balanced]
work   = { timeout = "2s" }
safe   = { timeout = "2s", idempotent = true }
crunch = { timeout = "2s" }
count  = { timeout = "2s" }
narrow = { timeout = "1s", concurrency = 1, backlog = 1 }
relay  = { timeout = "2s" }
inner  = { timeout = "2s", allow = ["store"] }
note   = { responds = false }

[store._commands._broadcast]
all  = { responds = true, timeout = "1s" }
hush = {}
"#;

/// The schema under these rules.
pub(crate) fn schema(rules: Rules) -> String {
    match rules {
        Rules::Usual => SCHEMA.to_owned(),
        Rules::Tuned => {
            let more = "_balanced]\naaa = {}\nwork   = { timeout = \"2s\", concurrency = 500 }";
            SCHEMA.replace("_balanced]\nwork   = { timeout = \"2s\" }", more)
        }
        Rules::Narrowed => {
            SCHEMA.replace("_allow = [\"front\", \"store\"]", "_allow = [\"store\"]")
        }
    }
}

/// One call, unique in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(pub u64);

/// What a handler is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Answer at once.
    Answer,
    /// Answer after so many milliseconds.
    Wait(u64),
    /// Say no.
    Fail,
    /// Panic.
    Panic,
}

/// What a handler answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The call as the handler read it.
    pub token: Token,
    /// The process that ran it.
    pub process: u32,
}

/// What a command answers: [`Done`], or nothing.
pub(crate) trait Answer {
    fn of(done: Done) -> Self;
    fn done(&self) -> Option<Done>;
}

impl Answer for Done {
    fn of(done: Done) -> Self {
        done
    }

    fn done(&self) -> Option<Done> {
        Some(*self)
    }
}

impl Answer for () {
    fn of(_: Done) -> Self {}

    fn done(&self) -> Option<Done> {
        None
    }
}

/// A command of [`SCHEMA`].
pub(crate) trait Task: Command<Reply: Answer + Send> + Send + Sync {
    /// Whether the schema lets it run more than once.
    const IDEMPOTENT: bool;

    /// `ballast` bytes make the message longer, for nothing.
    fn new(token: Token, act: Act, ballast: usize) -> Self;
    fn token(&self) -> Token;
    fn act(&self) -> Act;
}

macro_rules! tasks {
    ($(
        $task:ident = $worker:literal . $name:literal $codec:ident $($idempotent:ident)? =>
        $reply:ty;
    )*) => {$(
        #[doc = concat!("`", $worker, ".", $name, "`.")]
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub(crate) struct $task {
            token: Token,
            act: Act,
            #[serde(default, skip_serializing_if = "Bytes::is_empty")]
            ballast: Bytes,
        }

        impl Command for $task {
            const WORKER: &'static str = $worker;
            const NAME: &'static str = $name;
            const CODEC: Codec = Codec::$codec;
            type Reply = $reply;
        }

        impl Task for $task {
            const IDEMPOTENT: bool = false $(|| stringify!($idempotent).len() > 0)?;

            fn new(token: Token, act: Act, ballast: usize) -> Self {
                Self { token, act, ballast: vec![0x2d; ballast].into() }
            }

            fn token(&self) -> Token {
                self.token
            }

            fn act(&self) -> Act {
                self.act
            }
        }
    )*};
}

tasks! {
    Back   = "front"."back" Json => Done;
    Work   = "store"."work" MessagePack => Done;
    Safe   = "store"."safe" Json idempotent => Done;
    Crunch = "store"."crunch" Json => Done;
    Count  = "store"."count" Json => Done;
    Narrow = "store"."narrow" Json => Done;
    Relay  = "store"."relay" Json => Done;
    Inner  = "store"."inner" Json => Done;
    Note   = "store"."note" Json => ();
    All    = "store"."all" Json => Done;
    Hush   = "store"."hush" Json => ();
}

impl actix::Message for Count {
    type Result = Result<Done, Failure>;
}
