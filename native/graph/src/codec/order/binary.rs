//! Integers of any size and bit strings in keys.
//!
//! ```text
//! varint       0x01, length varint with its bytes inverted, the bytes: below zero
//!              0x02, length varint, the bytes: from zero on (two's complement BE, shortest, as stored)
//! bit strings  the bytes escaped as text is, then the number of bits u32 BE
//! ```
//! **Theory.** Of two shortest forms with one sign the longer is farther from zero; of equal length the bytes decide. Bit
//! strings compare byte by byte and then by their number of bits (PostgreSQL's bit_cmp): bits behind the end are 0.

use super::{decode_bytes, encode_bytes};
use crate::codec::{Builder, Reader};
use crate::keys::{read_varint, KeyBuf};

const NEGATIVE: u8 = 0x01;
const POSITIVE: u8 = 0x02;

/// Whether `bytes` is the shortest two's complement of its number.
fn is_shortest(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [0x00, next, ..] => *next >= 0x80,
        [0xff, next, ..] => *next < 0x80,
        _ => true,
    }
}

/// An integer of any size from its stored form; `None` if that is not the shortest.
pub fn encode_varint(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if !is_shortest(stored) {
        return None;
    }
    let mut len = KeyBuf::new();
    len.push_varint(stored.len() as u64);
    if *stored.first()? < 0x80 {
        out.push(POSITIVE);
        out.extend_from_slice(&len);
    } else {
        out.push(NEGATIVE);
        out.extend(len.iter().map(|byte| !byte));
    }
    out.extend_from_slice(stored);
    Some(())
}

/// Back from [`encode_varint`]: the stored form, with the bytes it took.
pub fn decode_varint(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (sign, rest) = key.split_first()?;
    let (len, used) = match *sign {
        POSITIVE => read_varint(rest)?,
        NEGATIVE => {
            let inverted: Vec<u8> = rest.iter().take(9).map(|byte| !byte).collect();
            read_varint(&inverted)?
        }
        _ => return None,
    };
    let stored = rest.get(used..)?.get(..usize::try_from(len).ok()?)?;
    let negative = *stored.first()? >= 0x80;
    let sound = is_shortest(stored) && negative == (*sign == NEGATIVE);
    sound.then_some((stored.to_vec(), 1 + used + stored.len()))
}

/// A bit string from its stored form; `None` if malformed.
pub fn encode_bits(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader(stored);
    let bits = u32::from_le_bytes(reader.array()?);
    let bytes = reader.0;
    let unused = 8 * bytes.len() as u64 - u64::from(bits).min(8 * bytes.len() as u64);
    let exact = bytes.len() as u64 == u64::from(bits).div_ceil(8);
    let clear = bytes
        .last()
        .is_none_or(|last| unused < 8 && u32::from(*last) & ((1 << unused) - 1) == 0);
    if !exact || !clear {
        return None;
    }
    encode_bytes(bytes, out);
    out.extend_from_slice(&bits.to_be_bytes());
    Some(())
}

/// Back from [`encode_bits`]: the stored form, with the bytes it took.
pub fn decode_bits(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (bytes, used) = decode_bytes(key)?;
    let bits = u32::from_be_bytes(*key.get(used..)?.first_chunk()?);
    let mut stored = Builder(bits.to_le_bytes().to_vec());
    stored.bytes(&bytes);
    encode_bits(&stored.0, &mut Vec::new())?;
    Some((stored.0, used + 4))
}
