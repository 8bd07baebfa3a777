//! The parameters of an introduction: type u8, length u16, value; ascending by type. Those of an
//! unknown type are passed over, so that later versions may add some.

use meshwork_schema::{Fingerprint, Variant, WorkerName};

use super::introduction::IntroductionError;
use super::reader::Reader;
use crate::limits::FRAME_BYTES_FLOOR;

const FRAME_BYTES: u8 = 1;
const FEATURES: u8 = 2;
const SCHEMA: u8 = 3;
const UNIX_MS: u8 = 4;
const TARGET: u8 = 5;
const CODECS: u8 = 6;
const JOINING: u8 = 7;
const AUTHORITY: u8 = 8;

/// What an end tells of itself beside its ticket. The addresses and commands of a joining worker
/// are not here, since they may not fit a message of the handshake: its first control call tells
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Largest plaintext of a frame that the sender takes, bytes; at least
    /// [`FRAME_BYTES_FLOOR`]. `None`: the default of this version, 256 KiB.
    pub frame_bytes_max: Option<u32>,
    /// Features of the protocol that the sender knows, one bit each; version 1 has none.
    pub features: u64,
    /// The schema by which the sender numbers its commands, or that it knows.
    pub schema: Option<SchemaKnown>,
    /// The sender's clock, milliseconds since the unix epoch; only to tell a skew.
    pub unix_ms: Option<u64>,
    /// Whom the dialer means to reach.
    pub target: Option<Target>,
    /// Codecs of bodies that the sender reads, a bit by codec number.
    pub codecs: u32,
    /// As whom a worker asks the master to admit it.
    pub joining: Option<Joining>,
    /// A master's authority public key (Ed25519).
    pub authority: Option<[u8; 32]>,
}

/// A schema that somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaKnown {
    /// Its number, given by the master.
    pub number: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// Whom a dialer means to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The worker.
    pub worker: WorkerName,
    /// The one instance, or any.
    pub variant: Option<Variant>,
}

/// As whom a worker asks to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The worker.
    pub worker: WorkerName,
    /// The instance.
    pub variant: Variant,
}

impl Parameters {
    pub(super) fn encode(&self) -> Result<Vec<u8>, IntroductionError> {
        let mut out = Writer(Vec::new());
        if let Some(bytes) = self.frame_bytes_max {
            if (bytes as usize) < FRAME_BYTES_FLOOR {
                return Err(IntroductionError::Value { parameter: FRAME_BYTES });
            }
            out.parameter(FRAME_BYTES, &[&bytes.to_be_bytes()]);
        }
        if self.features != 0 {
            out.parameter(FEATURES, &[&self.features.to_be_bytes()]);
        }
        if let Some(schema) = &self.schema {
            out.parameter(SCHEMA, &[&schema.number.to_be_bytes(), &schema.fingerprint.0]);
        }
        if let Some(unix_ms) = self.unix_ms {
            out.parameter(UNIX_MS, &[&unix_ms.to_be_bytes()]);
        }
        if let Some(Target { worker, variant }) = &self.target {
            out.names(TARGET, worker.as_ref(), variant.as_ref().map_or("", Variant::as_ref));
        }
        if self.codecs != 0 {
            out.parameter(CODECS, &[&self.codecs.to_be_bytes()]);
        }
        if let Some(Joining { worker, variant }) = &self.joining {
            out.names(JOINING, worker.as_ref(), variant.as_ref());
        }
        if let Some(authority) = &self.authority {
            out.parameter(AUTHORITY, &[authority]);
        }
        Ok(out.0)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, IntroductionError> {
        let mut reader = Reader(bytes);
        let mut parameters = Self::default();
        let mut last = None;
        while !reader.is_empty() {
            let (number, value) = next(&mut reader).ok_or(IntroductionError::Truncated)?;
            if last >= Some(number) {
                return Err(IntroductionError::Order);
            }
            last = Some(number);
            let mut value = Reader(value);
            parameters
                .set(number, &mut value)
                .filter(|()| value.is_empty())
                .ok_or(IntroductionError::Value { parameter: number })?;
        }
        Ok(parameters)
    }

    /// Reads one value; `None` if it is impossible. All of it must be used.
    fn set(&mut self, number: u8, value: &mut Reader<'_>) -> Option<()> {
        match number {
            FRAME_BYTES => {
                let bytes = value.u32().filter(|bytes| *bytes as usize >= FRAME_BYTES_FLOOR)?;
                self.frame_bytes_max = Some(bytes);
            }
            FEATURES => self.features = value.u64()?,
            SCHEMA => {
                let (number, fingerprint) = (value.u64()?, Fingerprint(value.array()?));
                self.schema = Some(SchemaKnown { number, fingerprint });
            }
            UNIX_MS => self.unix_ms = Some(value.u64()?),
            TARGET => {
                let worker = value.text()?.parse().ok()?;
                let variant = match value.text()? {
                    "" => None,
                    text => Some(text.parse().ok()?),
                };
                self.target = Some(Target { worker, variant });
            }
            CODECS => self.codecs = value.u32()?,
            JOINING => {
                let worker = value.text()?.parse().ok()?;
                self.joining = Some(Joining { worker, variant: value.text()?.parse().ok()? });
            }
            AUTHORITY => self.authority = Some(value.array()?),
            _ => value.0 = &[],
        }
        Some(())
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let number = reader.u8()?;
    let length = reader.u16()?;
    Some((number, reader.take(length.into())?))
}

struct Writer(Vec<u8>);

impl Writer {
    /// Every value is bounded far below the 64 KiB that the length can say.
    fn parameter(&mut self, number: u8, value: &[&[u8]]) {
        let length: usize = value.iter().map(|part| part.len()).sum();
        self.0.push(number);
        self.0.extend_from_slice(&(length as u16).to_be_bytes());
        value.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    /// Two names, each after its length; valid names are below 256 bytes.
    fn names(&mut self, number: u8, first: &str, second: &str) {
        let [one, two] = [first, second].map(|name| [name.len() as u8]);
        self.parameter(number, &[&one, first.as_bytes(), &two, second.as_bytes()]);
    }
}
