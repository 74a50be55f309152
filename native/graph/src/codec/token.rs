//! The token of a CQL partition key: MurmurHash3 x64 128, first half, as Cassandra computes it.
//!
//! Cassandra's variant (`org.apache.cassandra.utils.MurmurHash`, and every driver) differs from Appleby's in the
//! tail: bytes are signed there, so that those above 0x7f extend their sign over the word.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The token of a serialised partition key.
///
/// The smallest `i64` stands for "before every token" and is never one: it becomes the largest, and is the token
/// of the empty key only.
pub fn token(key: &[u8]) -> i64 {
    if key.is_empty() {
        return i64::MIN;
    }
    match murmur3(key) as i64 {
        i64::MIN => i64::MAX,
        token => token,
    }
}

/// A token as the head of a partition's key.
pub fn order_token(token: i64) -> [u8; 8] {
    crate::keys::order_i64(token)
}

/// The partition key of several columns: each with its length (u16 BE) before and a zero byte behind.
///
/// `None` if a column is longer than 65,535 bytes. A key of one column is its bytes alone.
pub fn compose(columns: &[&[u8]]) -> Option<Vec<u8>> {
    if let [only] = columns {
        return (only.len() <= usize::from(u16::MAX)).then(|| only.to_vec());
    }
    let mut key = Vec::new();
    for column in columns {
        let len = u16::try_from(column.len()).ok()?;
        key.extend_from_slice(&len.to_be_bytes());
        key.extend_from_slice(column);
        key.push(0);
    }
    Some(key)
}

fn murmur3(key: &[u8]) -> u64 {
    let (mut h1, mut h2) = (0u64, 0u64);
    let mut blocks = key.chunks_exact(16);
    for block in &mut blocks {
        let (first, second) = block.split_at(8);
        h1 ^= mix1(word(first));
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(second));
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (mut k1, mut k2) = (0u64, 0u64);
    for (i, byte) in blocks.remainder().iter().enumerate() {
        let signed = i64::from(*byte as i8) as u64;
        if i < 8 {
            k1 ^= signed << (8 * i);
        } else {
            k2 ^= signed << (8 * (i - 8));
        }
    }
    h1 ^= mix1(k1);
    h2 ^= mix2(k2);
    h1 ^= key.len() as u64;
    h2 ^= key.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2))
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_what_drivers_compute() {
        // The values that the Python driver's own tests pin.
        assert_eq!(token(b"123"), -7_468_325_962_851_647_638);
        assert_eq!(
            token(&b"\x00\xff\x10\xfa\x99".repeat(10)),
            5_837_342_703_291_459_765
        );
        assert_eq!(token(&[0xfe; 8]), -8_927_430_733_708_461_935);
        assert_eq!(token(&[0x10; 8]), 1_446_172_840_243_228_796);
        assert_eq!(token(b"9223372036854775807"), 7_162_290_910_810_015_547);
        assert_eq!(token(b""), i64::MIN);
    }

    #[test]
    fn composite_keys() {
        assert_eq!(compose(&[b"ab"]).as_deref(), Some(&b"ab"[..]));
        assert_eq!(
            compose(&[b"ab", b""]).as_deref(),
            Some(&b"\0\x02ab\0\0\0\0"[..])
        );
        assert_eq!(compose(&[&[0; 65_536]]), None);
    }
}
