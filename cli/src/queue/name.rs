//! What names a queue and a job on the command line.

use meshwork_queue::{QueueName, QueueNameError};
use meshwork_shared::ids::JobId;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

/// A queue as typed: `worker.command`, or `worker.command@variant`.
///
/// # Errors
/// What to type instead.
pub(super) fn parse_queue(text: &str) -> Result<QueueName, String> {
    text.parse().map_err(|error: QueueNameError| error.to_string())
}

/// The id of a job as it is printed.
///
/// # Errors
/// What to type instead.
pub(super) fn parse_job(text: &str) -> Result<JobId, String> {
    let id: Result<JobId, ValueError> = JobId::deserialize(text.into_deserializer());
    id.map_err(|_| "write the id of a job, 32 hexadecimal digits, as it is listed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_reads_back_what_it_prints() {
        for text in ["thumbnailer.resize", "thumbnailer.resize@pod-3", "a.b@v1.2"] {
            assert_eq!(parse_queue(text).unwrap().to_string(), text);
        }
        for wrong in ["thumbnailer", "thumbnailer.", ".resize", "a.b@", "a/b.c", "a@b.c"] {
            assert!(parse_queue(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_job_reads_back_what_it_prints() {
        let id = JobId(*b"0123456789abcdef");
        assert_eq!(parse_job(&id.to_string()), Ok(id));
        for wrong in ["", "00", "zz23456789abcdef0123456789abcdef"] {
            assert!(parse_job(wrong).is_err(), "{wrong}");
        }
    }
}
