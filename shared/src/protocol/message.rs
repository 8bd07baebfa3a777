//! What all control messages have in common, and the two closed lists of them.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Delta, Draining, Join, JoinReply, Leave, Left, LinkSecrets, Pace, QueueKeys, Ready, Renew,
    Report, Resync, Revoke, SchemaUpdate, TicketUpdate, View, limits,
};

/// A control message: its name on the wire and its JSON body.
pub trait Message: Serialize + DeserializeOwned {
    /// The name in the command-name extension; for a reply, the name of what it answers.
    const NAME: &'static str;
    /// Bytes of the longest body that is decoded.
    const BYTES_MAX: usize;

    /// The JSON body.
    fn encode(&self) -> Bytes {
        // Only maps with keys that are not text fail to serialise, and no message has one.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// [`MessageError::TooLong`] or [`MessageError::Malformed`].
    fn decode(body: &[u8]) -> Result<Self, MessageError> {
        if body.len() > Self::BYTES_MAX {
            return Err(MessageError::TooLong { name: Self::NAME, limit: Self::BYTES_MAX });
        }
        serde_json::from_slice(body).map_err(|error| MessageError::Malformed {
            name: Self::NAME,
            line: error.line(),
            column: error.column(),
        })
    }
}

/// Why the body of a control message was not understood. The peer is at fault; nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No message of that name goes in this direction: a newer peer, or not ours. Ignore a CAST,
    /// answer a CALL with `NoSuchCommand`.
    #[error("no control message has that name")]
    Unknown,
    /// The body is longer than any such message may be.
    #[error("the body of `{name}` is longer than {limit} bytes")]
    TooLong {
        /// Name of the message.
        name: &'static str,
        /// The longest body, in bytes.
        limit: usize,
    },
    /// The body is not the JSON of such a message, or a list in it is over its bound. What was
    /// found is left out: it may hold secrets.
    #[error("the body of `{name}` is malformed at line {line}, column {column}")]
    Malformed {
        /// Name of the message.
        name: &'static str,
        /// Line in the body, from 1.
        line: usize,
        /// Column in the body, from 1.
        column: usize,
    },
}

macro_rules! messages {
    ($max:expr => $($kind:ty: $name:literal),+ $(,)?) => {
        $(impl Message for $kind {
            const NAME: &'static str = $name;
            const BYTES_MAX: usize = $max;
        })+
    };
}

messages!(limits::TO_MASTER_BYTES_MAX =>
    Join: "join", Leave: "leave", Ready: "ready", Draining: "draining", Renew: "renew",
    Resync: "resync", Report: "report",
);
messages!(limits::TO_WORKER_BYTES_MAX =>
    JoinReply: "join", Left: "leave", View: "view", Delta: "delta", SchemaUpdate: "schema",
    TicketUpdate: "ticket", Revoke: "revoke", LinkSecrets: "link_secret",
    QueueKeys: "queue_keys", Pace: "pace",
);

/// A boxed message is the same on the wire.
impl<M: Message> Message for Box<M> {
    const NAME: &'static str = M::NAME;
    const BYTES_MAX: usize = M::BYTES_MAX;
}

macro_rules! direction {
    ($(#[$doc:meta])* $direction:ident { $($(#[$about:meta])* $kind:ident($body:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $direction {
            $($(#[$about])* $kind($body),)+
        }

        impl $direction {
            /// Reads the message called `name`.
            ///
            /// # Errors
            /// [`MessageError::Unknown`] for another name, else what is wrong with the body.
            pub fn decode(name: &str, body: &[u8]) -> Result<Self, MessageError> {
                match name {
                    $(<$body as Message>::NAME => Ok(Self::$kind(Message::decode(body)?)),)+
                    _ => Err(MessageError::Unknown),
                }
            }

            /// Its name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$body as Message>::NAME,)+
                }
            }

            /// Its JSON body.
            pub fn encode(&self) -> Bytes {
                match self {
                    $(Self::$kind(message) => message.encode(),)+
                }
            }
        }
    };
}

direction! {
    /// What a worker says to the master, replies apart.
    ToMaster {
        /// CALL: let me in.
        Join(Box<Join>),
        /// CALL: I go, for good.
        Leave(Leave),
        /// CAST: I take calls now.
        Ready(Ready),
        /// CAST: I take no new calls.
        Draining(Draining),
        /// CAST: send me a fresh ticket.
        Renew(Renew),
        /// CAST: I missed a delta, send me the whole view.
        Resync(Resync),
        /// CAST: how I am.
        Report(Box<Report>),
    }
}

direction! {
    /// What the master says to a worker, replies apart. All are CASTs.
    ToWorker {
        /// Whom you may know, all of it or a page of it.
        View(View),
        /// What changed since the last number.
        Delta(Delta),
        /// A new schema.
        Schema(SchemaUpdate),
        /// Your renewed ticket.
        Ticket(TicketUpdate),
        /// Tickets that are no longer good.
        Revoke(Revoke),
        /// The secrets of worker links.
        LinkSecrets(LinkSecrets),
        /// What queued jobs are sealed with.
        QueueKeys(Box<QueueKeys>),
        /// How often to send reports.
        Pace(Pace),
    }
}
