//! What a peer says of itself in a handshake, and its ticket: any bytes are read or refused, never
//! a panic, and what was read says the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshwork_shared::handshake::Introduction;

fuzz_target!(|bytes: &[u8]| {
    let Ok(introduction) = Introduction::decode(bytes) else { return };
    let written = introduction.encode().expect("what was read can be sent");
    assert!(written.len() <= bytes.len(), "unknown parameters are passed over, none invented");
    assert_eq!(Introduction::decode(&written).as_ref(), Ok(&introduction));
});
