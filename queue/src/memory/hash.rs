//! How job ids are hashed: a queue does that half a dozen times for each job.

use std::hash::{BuildHasher, Hasher};

use meshwork_shared::random::Random;

/// A multiplication that depends on a random key. Callers choose their ids; without the key they
/// cannot choose ones that collide.
#[derive(Clone, Debug)]
pub(super) struct IdHash {
    key: u64,
}

impl IdHash {
    pub(super) fn new(random: &Random) -> Self {
        Self { key: random.next_u64() }
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.key)
    }
}

/// The hash so far.
#[derive(Debug)]
pub(super) struct IdHasher(u64);

/// The fraction of the golden ratio: an odd number without a pattern.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let product = u128::from(self.0 ^ u64::from_le_bytes(word)) * u128::from(MULTIPLIER);
            // Both halves, so that each bit of the id reaches each bit of the hash.
            self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23);
        }
    }

    /// The length of an array, which is the same for all ids.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use meshwork_shared::ids::JobId;

    use super::*;

    #[test]
    fn ids_that_differ_a_little_spread_over_a_table() {
        let hash = IdHash::new(&Random::seeded(1));
        for shift in [0, 8, 60, 64, 120] {
            let buckets: BTreeSet<u64> = (0u128..256)
                .map(|number| JobId((number << shift).to_be_bytes()))
                .map(|id| hash.hash_one(id) % 1024)
                .collect();
            // 256 balls in 1024 urns fill 226 of them on the average.
            assert!(buckets.len() > 180, "{shift}: {}", buckets.len());
            let tops: BTreeSet<u64> = (0u128..256)
                .map(|number| hash.hash_one(JobId((number << shift).to_be_bytes())) >> 57)
                .collect();
            assert!(tops.len() > 64, "{shift}: {}", tops.len());
        }
        let other = IdHash::new(&Random::seeded(2));
        assert_ne!(hash.hash_one(JobId([7; 16])), other.hash_one(JobId([7; 16])));
    }
}
