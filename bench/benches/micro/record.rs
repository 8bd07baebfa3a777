//! Records. Encoding protects calls per second at 64 B x 64 (one CALL and one REPLY of each call is
//! encoded); decoding protects processor time per call at 64 B x 1024, where system calls weigh
//! little and every record is still read one by one.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::CallId;
use meshwork_shared::record::{Extension, RecordType, decode, encode_header};

use crate::{BATCH, BODY};

/// Encode and decode a batch of CALLs with a deadline.
pub(crate) fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut written = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            written.clear();
            batch(black_box(&mut written));
        });
    });
    let frame = Bytes::from(calls());
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut rest = black_box(&frame).clone();
            while let Ok(Some(record)) = decode(&mut rest) {
                black_box(record);
            }
        });
    });
    group.finish();
}

/// The plaintext of a frame with a batch of CALLs.
pub(crate) fn calls() -> Vec<u8> {
    let mut frame = Vec::new();
    batch(&mut frame);
    frame
}

fn batch(out: &mut Vec<u8>) {
    for number in 0..BATCH as u64 {
        let extension = Extension { deadline_ms: Some(10_000), ..Extension::default() };
        let id = CallId(number << 20 | number);
        encode_header(out, RecordType::Call, Codec::Raw, 0, id, &extension, BODY.len());
        out.extend_from_slice(&BODY);
    }
}
