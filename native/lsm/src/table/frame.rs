//! The envelope of every part of a table file: checksum, codec and lengths.
//!
//! ```text
//! stored bytes | codec u8 | raw length u32 LE | CRC32C u32 LE of all before it
//! ```
//!
//! **Invariant.** Bytes leave [`open`] only if the checksum held and the length is the one promised; memory
//! taken for them is bounded by what LZ4 can expand, whatever the length field says.

/// Longest payload; the length field has 32 bits and half of it is kept as a margin.
pub(crate) const MAX_RAW: usize = i32::MAX as usize;

const RAW: u8 = 0;
const LZ4: u8 = 1;

/// LZ4 must save at least one part in this many, else reading raw bytes is the better bargain.
const WORTH: usize = 16;

/// LZ4 cannot expand a byte to more than this many (its length codes add 255 a byte).
const LZ4_EXPANSION: usize = 255;

/// Appends `payload` in its envelope to `out`; returns how many bytes that took.
pub(crate) fn seal(
    payload: &[u8],
    compress: bool,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> usize {
    let start = out.len();
    let mut codec = RAW;
    if compress && payload.len() > 32 {
        scratch.resize(lz4_flex::block::get_maximum_output_size(payload.len()), 0);
        if let Ok(len) = lz4_flex::block::compress_into(payload, scratch) {
            if len + payload.len() / WORTH < payload.len() {
                codec = LZ4;
                out.extend_from_slice(&scratch[..len]);
            }
        }
    }
    if codec == RAW {
        out.extend_from_slice(payload);
    }
    out.push(codec);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    out.len() - start
}

/// What [`open`] found inside.
pub(crate) enum Opened<'a> {
    /// Stored as it is.
    Raw(&'a [u8]),
    /// Was compressed.
    Inflated(Vec<u8>),
}

impl Opened<'_> {
    /// The payload.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Opened::Raw(bytes) => bytes,
            Opened::Inflated(bytes) => bytes,
        }
    }
}

/// Checks an envelope and returns its payload; the error says what is wrong with it.
pub(crate) fn open(sealed: &[u8]) -> Result<Opened<'_>, &'static str> {
    let Some((body, crc)) = sealed.split_last_chunk::<4>() else {
        return Err("too short for a checksum");
    };
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err("checksum does not match");
    }
    let Some((rest, raw_len)) = body.split_last_chunk::<4>() else {
        return Err("too short for a length");
    };
    let raw_len = u32::from_le_bytes(*raw_len) as usize;
    match rest.split_last() {
        Some((&RAW, stored)) if stored.len() == raw_len => Ok(Opened::Raw(stored)),
        Some((&RAW, _)) => Err("raw length is wrong"),
        Some((&LZ4, stored)) => {
            if raw_len > stored.len().saturating_mul(LZ4_EXPANSION) {
                return Err("promises more than LZ4 can hold");
            }
            match lz4_flex::block::decompress(stored, raw_len) {
                Ok(raw) if raw.len() == raw_len => Ok(Opened::Inflated(raw)),
                _ => Err("compressed bytes are damaged"),
            }
        }
        Some(_) => Err("unknown codec"),
        None => Err("too short for a codec"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Bytes that an envelope adds.
    const OVERHEAD: usize = 9;

    fn sealed(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let len = seal(payload, true, &mut Vec::new(), &mut out);
        assert_eq!(len, out.len());
        out
    }

    #[test]
    fn incompressible_bytes_are_stored_raw_and_others_shrink() {
        let noise: Vec<u8> = (0u64..512)
            .flat_map(|n| crate::hash::key_hash(&n.to_le_bytes()).to_le_bytes())
            .collect();
        assert_eq!(sealed(&noise).len(), noise.len() + OVERHEAD);
        assert!(sealed(&[7; 4096]).len() < 100);
    }

    #[test]
    fn a_promise_of_gigabytes_is_refused_before_memory_is_taken() {
        let mut bytes = vec![0, LZ4];
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        assert!(open(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn opens_what_it_sealed(payload in proptest::collection::vec(0u8..4, 0..2000)) {
            let bytes = sealed(&payload);
            let opened = open(&bytes).unwrap();
            prop_assert_eq!(opened.bytes(), &payload[..]);
        }

        #[test]
        fn any_flipped_bit_is_detected(payload in proptest::collection::vec(0u8..4, 0..200), bit in any::<proptest::sample::Index>()) {
            let mut bytes = sealed(&payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&bytes).is_err());
        }

        #[test]
        fn damaged_bodies_with_a_good_checksum_never_panic(mut body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let crc = crc32c::crc32c(&body);
            body.extend_from_slice(&crc.to_le_bytes());
            if let Ok(opened) = open(&body) {
                prop_assert!(opened.bytes().len() <= body.len() * LZ4_EXPANSION);
            }
        }
    }
}
