//! Dispatch: what the core of a link does with a frame of calls and with their answers. Protects
//! processor time per call at 64 B x 64 and x 1024, server's side.

use criterion::{BatchSize, Criterion, Throughput};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::core::{Event, LinkCore};
use tokio::time::Instant;

use crate::BATCH;
use crate::record::calls;

/// A frame of calls comes in, and each is answered with what it carried.
pub(crate) fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(BATCH as u64));
    let limits = Limits::default();
    let now = Instant::now();
    let frame = bytes::Bytes::from(calls());
    let setup = || (LinkCore::<()>::new(&limits, limits.frame_bytes_max, now), frame.clone());
    group.bench_function("calls and answers", |bencher| {
        bencher.iter_batched(
            setup,
            |(mut core, mut frame)| {
                while let Some(event) = core.next_event(&mut frame, now).expect("a good frame") {
                    if let Event::Call(call) = event {
                        core.answer(call.id, Ok(call.body));
                    }
                }
                core
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
