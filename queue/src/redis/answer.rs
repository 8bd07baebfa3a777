//! Reading what a script answered.

use bytes::Bytes;
use meshwork_shared::ids::JobId;
use redis::Value;

use super::store::CallError;

/// The items of an answer, one after the other. What does not fit is an error: somebody else
/// answers, or a script does not fit to this program.
pub(super) struct Answer(std::vec::IntoIter<Value>);

impl Answer {
    pub(super) fn new(value: Value) -> Result<Self, CallError> {
        match value {
            Value::Array(items) => Ok(Self(items.into_iter())),
            _ => Err(strange()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn next_value(&mut self) -> Result<Value, CallError> {
        self.0.next().ok_or_else(strange)
    }

    pub(super) fn next_int(&mut self) -> Result<i64, CallError> {
        match self.next_value()? {
            Value::Int(number) => Ok(number),
            _ => Err(strange()),
        }
    }

    /// A count or a time, which is never below zero.
    pub(super) fn next_count(&mut self) -> Result<u64, CallError> {
        u64::try_from(self.next_int()?).map_err(|_| strange())
    }

    pub(super) fn next_size(&mut self) -> Result<usize, CallError> {
        usize::try_from(self.next_int()?).map_err(|_| strange())
    }

    pub(super) fn next_bytes(&mut self) -> Result<Bytes, CallError> {
        match self.next_value()? {
            Value::BulkString(bytes) => Ok(bytes.into()),
            Value::SimpleString(text) => Ok(text.into_bytes().into()),
            _ => Err(strange()),
        }
    }
}

/// A number alone.
pub(super) fn number(value: Value) -> Result<i64, CallError> {
    match value {
        Value::Int(number) => Ok(number),
        _ => Err(strange()),
    }
}

/// The id of a job.
pub(super) fn job_id(bytes: &[u8]) -> Result<JobId, CallError> {
    bytes.try_into().map(JobId).map_err(|_| strange())
}

/// The error for an answer that no script gives.
pub(super) fn strange() -> CallError {
    CallError { is_refused: false, message: "an answer that no script of ours gives".to_owned() }
}
