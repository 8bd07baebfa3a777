//! HKDF (RFC 5869) over HMAC-BLAKE2s: the one way in which keys are made from other keys. Every use
//! has a salt of its own that names its purpose, so that no two purposes share a key.

use blake2::Blake2s256;
use hmac::{KeyInit, Mac, SimpleHmac};
use zeroize::Zeroizing;

/// Bytes of one BLAKE2s output.
const BLOCK: usize = 32;

/// Derives `N` bytes (at most 8160) from `secret`. `salt` names the purpose; the parts of `info`
/// are joined as they are, so at most one of them may vary in length.
///
/// ```
/// use meshwork_shared::hkdf;
/// let a = hkdf::derive::<32>(b"example/a", b"the secret", &[b"one"]);
/// let b = hkdf::derive::<32>(b"example/b", b"the secret", &[b"one"]);
/// assert_ne!(a, b);
/// ```
pub fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * BLOCK, "HKDF gives at most 255 blocks") };
    let extracted = hmac(salt, &[secret]);
    let mut out = Zeroizing::new([0; N]);
    let mut previous = Zeroizing::new([0; BLOCK]);
    for (index, chunk) in out.chunks_mut(BLOCK).enumerate() {
        let before: &[u8] = if index == 0 { &[] } else { previous.as_slice() };
        let counter = [index as u8 + 1];
        let parts: Vec<&[u8]> =
            [before].into_iter().chain(info.iter().copied()).chain([counter.as_slice()]).collect();
        let block = hmac(extracted.as_slice(), &parts);
        chunk.copy_from_slice(&block[..chunk.len()]);
        previous = block;
    }
    out
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; BLOCK]> {
    let mut mac = <SimpleHmac<Blake2s256> as KeyInit>::new_from_slice(key)
        .expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_output_starts_with_the_shorter_one() {
        let short = derive::<16>(b"salt", b"secret", &[b"info"]);
        let long = derive::<70>(b"salt", b"secret", &[b"info"]);
        assert_eq!(short[..], long[..16]);
        assert_ne!(long[..32], long[32..64]);
    }

    #[test]
    fn salt_secret_and_info_all_count() {
        let base = derive::<32>(b"salt", b"secret", &[b"info"]);
        assert_ne!(base, derive::<32>(b"salT", b"secret", &[b"info"]));
        assert_ne!(base, derive::<32>(b"salt", b"secreT", &[b"info"]));
        assert_ne!(base, derive::<32>(b"salt", b"secret", &[b"infO"]));
        assert_eq!(base, derive::<32>(b"salt", b"secret", &[b"in", b"fo"]));
    }
}
