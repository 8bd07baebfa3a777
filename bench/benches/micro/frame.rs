//! Frames. Sealing and opening a frame of 64 small calls protects calls per second at 64 B x 64;
//! those of 64 KiB protect the points with 64 KiB, where the cipher is most of what a call costs.
//! Both are done once by each side for each frame.

use criterion::{BatchSize, Criterion, Throughput};
use meshwork_shared::aead::AeadKey;
use meshwork_shared::frame::{HEADER_BYTES, OVERHEAD_BYTES, Opener, Sealer};

use crate::record::calls;

/// Seal and open a frame of a batch of small calls, and one of 64 KiB.
pub(crate) fn benchmark(criterion: &mut Criterion) {
    for (name, plain) in [("small", calls()), ("64KiB", vec![0x5a; 64 << 10])] {
        let mut group = criterion.benchmark_group(format!("frame/{name}"));
        group.throughput(Throughput::Bytes(plain.len() as u64));
        let mut written = vec![0; HEADER_BYTES];
        written.extend_from_slice(&plain);
        let mut sealer = Sealer::new(&key());
        group.bench_function("seal", |bencher| {
            bencher.iter(|| {
                written.truncate(HEADER_BYTES + plain.len());
                sealer.seal(&mut written, 0)
            });
        });
        group.bench_function("open", |bencher| {
            // A frame opens once: each batch is of the next ones that were sealed.
            let mut sealer = Sealer::new(&key());
            let mut opener = Opener::new(&key(), plain.len());
            let mut seal = || {
                let mut sealed = Vec::with_capacity(OVERHEAD_BYTES + plain.len());
                sealed.extend_from_slice(&[0; HEADER_BYTES]);
                sealed.extend_from_slice(&plain);
                sealer.seal(&mut sealed, 0).expect("counters are left");
                bytes::BytesMut::from(&sealed[..])
            };
            let mut open = |mut sealed| opener.next_frame(&mut sealed).expect("it was sealed");
            bencher.iter_batched(&mut seal, &mut open, BatchSize::SmallInput);
        });
        group.finish();
    }
}

fn key() -> AeadKey {
    AeadKey::new([7; 32])
}
