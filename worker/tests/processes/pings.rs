//! A peer that asks without end whether we live.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use meshwork_shared::codec::Codec;
use meshwork_shared::frame::{HEADER_BYTES, Opener, Sealer};
use meshwork_shared::ids::CallId;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::task::Established;
use meshwork_shared::record::{COMMAND_BY_NAME, Extension, Record, RecordType, decode, encode};

use crate::people::{Asker, SCHEMA, echo};
use crate::support::raw::RawWorker;
use crate::support::{Mesh, soon};

const FRAMES: usize = 50;
const PINGS_PER_FRAME: usize = 1_000;

/// Far more than the 20 a second that are answered, however slow this machine is, and far fewer
/// than were asked.
const ANSWERED_MAX: usize = 2_000;

/// One end of a link, by hand.
struct Bare {
    established: Established,
    sealer: Sealer,
    opener: Opener,
}

impl Bare {
    fn new(established: Established) -> Self {
        let sealer = Sealer::new(&established.send_key);
        let opener = Opener::new(&established.receive_key, Limits::default().frame_bytes_max);
        Self { established, sealer, opener }
    }

    /// Writes the records as frames, and counts the PONGs until the answer of a call.
    async fn pongs_before_the_answer(self, frames: Vec<Vec<Record>>) -> (usize, Record) {
        let Self { established, mut sealer, mut opener } = self;
        let (mut read, mut write) = established.stream.into_split();
        let writing = async {
            for records in frames {
                let mut frame = vec![0; HEADER_BYTES];
                records.iter().for_each(|record| encode(record, &mut frame));
                sealer.seal(&mut frame, 0).unwrap();
                let mut rest = &frame[..];
                while !rest.is_empty() {
                    let len = poll_fn(|cx| write.poll_write(cx, rest)).await.unwrap();
                    rest = &rest[len..];
                }
            }
            std::future::pending::<()>().await;
        };
        let reading = async {
            let (mut buffer, mut pongs) = (established.leftover, 0);
            loop {
                while let Some(mut frame) = take(&mut opener, &mut buffer) {
                    while let Some(record) = decode(&mut frame).unwrap() {
                        match record.kind {
                            RecordType::Pong => pongs += 1,
                            RecordType::Reply | RecordType::Error => return (pongs, record),
                            _ => {}
                        }
                    }
                }
                buffer.reserve(4096);
                let len = poll_fn(|cx| read.poll_read(cx, &mut buffer)).await.unwrap();
                assert!(len > 0, "the link is kept");
            }
        };
        tokio::select! {
            biased;
            answered = reading => answered,
            () = writing => unreachable!("it waits for the answer"),
        }
    }
}

fn take(opener: &mut Opener, buffer: &mut BytesMut) -> Option<Bytes> {
    opener.next_frame(buffer).unwrap().map(BytesMut::freeze)
}

#[tokio::test]
async fn row_42_of_a_flood_of_pings_few_are_answered() {
    let mesh = Mesh::start(SCHEMA).await;
    let echo = echo(&mesh, "e1").start().await.unwrap();
    let honest = Asker::quick(&mesh, "a1").await;
    let raw = RawWorker::join(&mesh, "asker", "raw").await.unwrap();
    let ticket = raw.welcome.ticket.0.to_vec();
    let connected = raw.shake_hands(echo.listen_addr().unwrap(), ticket, None).await;

    let ping = |number| Record::bare(RecordType::Ping, CallId(number));
    let mut frames = vec![(0..PINGS_PER_FRAME as u64).map(ping).collect::<Vec<_>>(); FRAMES];
    let command_name = Some(Bytes::from_static(b"say"));
    frames.push(vec![Record {
        codec: Codec::Raw,
        command: COMMAND_BY_NAME,
        extension: Extension { command_name, ..Extension::default() },
        ..Record::bare(RecordType::Call, CallId(1))
    }]);
    let answered = Bare::new(connected.established).pongs_before_the_answer(frames);
    let (pongs, answer) = soon("the answer behind the flood", answered).await;
    assert_eq!((answer.kind, &answer.body[..]), (RecordType::Reply, b"echo/e1".as_slice()));
    assert!((1..=ANSWERED_MAX).contains(&pongs), "{pongs} answers");
    assert_eq!(honest.say_raw().await.unwrap(), "echo/e1");
    assert!(honest.lost().is_empty());
}
