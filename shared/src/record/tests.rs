use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn any_record() -> impl Strategy<Value = Record> {
    let kinds = prop::sample::select(vec![
        RecordType::Call,
        RecordType::Reply,
        RecordType::Error,
        RecordType::Cast,
        RecordType::Cancel,
        RecordType::Chunk,
        RecordType::End,
        RecordType::Ping,
        RecordType::Pong,
        RecordType::Ticket,
        RecordType::Revoke,
        RecordType::Drain,
        RecordType::Window,
        RecordType::Close,
    ]);
    let codecs =
        prop::sample::select(vec![Codec::None, Codec::Json, Codec::MessagePack, Codec::Raw]);
    let trace = any::<([u8; 16], [u8; 8], u8)>()
        .prop_map(|(trace_id, span_id, flags)| TraceContext { trace_id, span_id, flags });
    let extension = (
        any::<Option<u32>>(),
        prop::option::of(trace),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..=64)),
        any::<Option<u32>>(),
        any::<Option<u32>>(),
    )
        .prop_map(|(deadline_ms, trace, name, attempt, total_bytes)| Extension {
            deadline_ms,
            trace,
            command_name: name.map(Bytes::from),
            attempt,
            total_bytes,
        });
    let body = prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    (kinds, codecs, any::<u16>(), any::<u64>(), extension, body).prop_map(
        |(kind, codec, command, id, extension, body)| Record {
            kind,
            codec,
            command,
            call_id: CallId(id),
            extension,
            body,
        },
    )
}

fn decode_all(mut frame: Bytes) -> Result<Vec<Record>, RecordError> {
    let mut records = Vec::new();
    while let Some(record) = decode(&mut frame)? {
        records.push(record);
    }
    Ok(records)
}

proptest! {
    #[test]
    fn records_read_back_what_was_written(
        records in prop::collection::vec(any_record(), 0..20),
    ) {
        let mut frame = Vec::new();
        for record in &records {
            let before = frame.len();
            encode(record, &mut frame);
            prop_assert_eq!(frame.len() - before, encoded_len(record));
        }
        prop_assert_eq!(decode_all(frame.into()).unwrap(), records);
    }

    #[test]
    fn a_cut_record_is_refused(record in any_record(), cut in any::<prop::sample::Index>()) {
        let mut frame = Vec::new();
        encode(&record, &mut frame);
        frame.truncate(cut.index(frame.len()).max(1));
        if frame.len() < encoded_len(&record) {
            prop_assert!(decode_all(frame.into()).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_all(bytes.into());
    }
}

#[test]
fn the_layout_is_frozen() {
    let mut record = Record::bare(RecordType::Call, CallId(0x0102_0304_0506_0708));
    record.codec = Codec::Json;
    record.command = 0x0a0b;
    record.extension.deadline_ms = Some(10_000);
    record.body = Bytes::from_static(b"{}");
    let mut frame = Vec::new();
    encode(&record, &mut frame);
    let expected = [
        0x81, 1, 0x0a, 0x0b, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 6, 1, 4, 0, 0, 0x27, 0x10,
        b'{', b'}',
    ];
    assert_eq!(frame, expected);
}

fn decode_fields(fields: &[u8]) -> Result<Extension, RecordError> {
    Extension::decode(&Bytes::copy_from_slice(fields), 0..fields.len())
}

#[test]
fn repeated_and_misplaced_extensions_are_refused() {
    let twice = [1, 4, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1];
    let backwards = [4, 4, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1];
    let unknown = [1, 4, 0, 0, 0, 1, 99, 1, 0];
    assert!(decode_fields(&twice).is_err());
    assert!(decode_fields(&backwards).is_err());
    assert!(decode_fields(&unknown).is_ok());
}

#[test]
fn a_trace_comes_back_from_its_binary_form() {
    let trace = TraceContext { trace_id: [1; 16], span_id: [2; 8], flags: 1 };
    assert_eq!(TraceContext::from_bytes(&trace.to_bytes()), Some(trace));
    for bytes in [&b"short"[..], &[0; 24], &[0; 26]] {
        assert_eq!(TraceContext::from_bytes(bytes), None);
    }
}
