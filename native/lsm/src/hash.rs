//! The hash of user keys: bloom filters and block fingerprints are made of it.
//!
//! **Purpose.** One fast 64-bit hash, computed once per lookup and used by every table on the way.
//!
//! **Theory.** Eight bytes at a time are folded into the state by a 64x64 -> 128 bit multiplication whose
//! halves are xored (the "mum" construction of wyhash). It is not keyed: whoever chooses keys to collide gets
//! slower reads of those keys and nothing else, since every hit is confirmed by comparing the key itself.
//!
//! **Invariant.** The value is part of the file format; a change of it is a change of the format number.

const LENGTH: u64 = 0x9e37_79b9_7f4a_7c15;
const CHUNK: u64 = 0xd6e8_feb8_6659_fd93;
const FINAL: u64 = 0xa5a3_564e_27f8_8627;

/// The stable hash of a user key.
#[inline]
pub fn key_hash(key: &[u8]) -> u64 {
    let mut state = (key.len() as u64 ^ FINAL).wrapping_mul(LENGTH);
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), CHUNK);
    }
    let rest = chunks.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    fold(state ^ u64::from_le_bytes(word), FINAL) ^ state.rotate_left(29)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn values_are_pinned() {
        assert_eq!(key_hash(b""), 0xb545_efcc_2021_fe64);
        assert_eq!(key_hash(b"hyperdb"), 0x22de_552b_17fa_6b48);
        assert_eq!(key_hash(b"0123456789abcdef"), 0x1866_754a_41ff_67ac);
    }

    #[test]
    fn top_byte_and_low_bits_are_spread_for_counters() {
        let hashes: Vec<u64> = (0u64..65_536).map(|n| key_hash(&n.to_be_bytes())).collect();
        let distinct: HashSet<u64> = hashes.iter().copied().collect();
        assert_eq!(distinct.len(), hashes.len());
        let mut tops = [0usize; 256];
        let mut lows = [0usize; 256];
        for hash in hashes {
            tops[(hash >> 56) as usize] += 1;
            lows[(hash & 255) as usize] += 1;
        }
        assert!(tops.iter().chain(&lows).all(|n| (150..380).contains(n)));
    }
}
