//! What user code declares once per command: its arguments, its answer, and whose it is.

use meshwork_shared::codec::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A command with typed arguments and a typed reply. The type itself is the arguments.
///
/// ```
/// use meshwork_worker::Command;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Add {
///     a: u64,
///     b: u64,
/// }
///
/// impl Command for Add {
///     const WORKER: &'static str = "calculator";
///     const NAME: &'static str = "add";
///     type Reply = u64;
/// }
/// ```
pub trait Command: Serialize + DeserializeOwned + Send + 'static {
    /// The worker that runs it, as named in the schema.
    const WORKER: &'static str;
    /// Its name in the schema.
    const NAME: &'static str;
    /// How arguments and reply travel. [`Codec::MessagePack`] suits arguments with many bytes;
    /// [`Codec::None`] and [`Codec::Raw`] carry no typed values.
    const CODEC: Codec = Codec::Json;
    /// What the handler answers; `()` for commands without an answer.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
}
