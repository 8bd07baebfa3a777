//! Any plaintext of a frame as records: each is read or the frame is refused, never a panic; what
//! was read says the same again when it is written, and nothing is read twice or invented.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meshwork_shared::record::{decode, encode, encoded_len};

fuzz_target!(|plaintext: &[u8]| {
    let mut frame = Bytes::copy_from_slice(plaintext);
    loop {
        let before = frame.len();
        let Ok(Some(record)) = decode(&mut frame) else { break };
        let used = before - frame.len();

        let mut written = Vec::new();
        encode(&record, &mut written);
        assert_eq!(written.len(), encoded_len(&record));
        // Unknown extensions are passed over, so that the peer's bytes may be more, never less.
        assert!(written.len() <= used, "{} bytes out of {used}", written.len());

        let mut again = Bytes::from(written);
        assert_eq!(decode(&mut again), Ok(Some(record)));
        assert_eq!(decode(&mut again), Ok(None));
    }
});
