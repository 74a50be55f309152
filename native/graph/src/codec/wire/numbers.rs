//! Numbers of any length on CQL's wire: varint, decimal, duration, and the lengths of vectors' elements.
//!
//! Sources: CQL binary protocol v5, sections 3 (`[vint]`, `[unsigned vint]`) and 6. **Invariant.** Numbers are written in the
//! fewest bytes.

use crate::codec::decimal::Decimal;
use crate::codec::Reader;

/// Bytes of a number without a point that are read at most: turning them into digits takes time that grows by the square.
const DIGITS_MOST: usize = 16 << 10;

/// A number in two's complement without bytes that say nothing.
pub(super) fn shortest(wire: &[u8]) -> Option<&[u8]> {
    let mut rest = wire;
    while let [first, next, ..] = rest {
        let says_nothing =
            (*first == 0 && next & 0x80 == 0) || (*first == 0xff && next & 0x80 != 0);
        if !says_nothing {
            break;
        }
        rest = rest.get(1..)?;
    }
    (!rest.is_empty()).then_some(rest)
}

pub(super) fn decimal_stored(wire: &[u8]) -> Option<Vec<u8>> {
    let (scale, number) = wire.split_first_chunk()?;
    let number = shortest(number).filter(|number| number.len() <= DIGITS_MOST)?;
    let negative = number.first()? & 0x80 != 0;
    let decimal = Decimal::new(
        negative,
        i32::from_be_bytes(*scale),
        &digits(&magnitude(number)),
    )?;
    let mut out = Vec::new();
    decimal.encode(&mut out);
    Some(out)
}

pub(super) fn decimal_wire(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = Decimal::decode(stored)?
    else {
        return None;
    };
    if digits.len() > 3 * DIGITS_MOST {
        return None;
    }
    out.extend_from_slice(&scale.to_be_bytes());
    // Base 256, the lowest byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for chunk in digits.chunks(9) {
        let shift = 10u64.pow(u32::try_from(chunk.len()).ok()?);
        let mut carry = chunk
            .iter()
            .fold(0u64, |sum, digit| sum * 10 + u64::from(*digit));
        for byte in &mut bytes {
            carry += u64::from(*byte) * shift;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    bytes.push(0);
    bytes.reverse();
    if negative {
        bytes = negated(&bytes);
    }
    out.extend_from_slice(shortest(&bytes)?);
    Some(())
}

/// The number with the other sign, in as many bytes.
fn negated(number: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = number.iter().map(|byte| !byte).collect();
    for byte in out.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            break;
        }
    }
    out
}

/// How large a number in two's complement is, as bytes BE.
fn magnitude(number: &[u8]) -> Vec<u8> {
    match number.first() {
        Some(first) if first & 0x80 != 0 => {
            // The smallest number of its length has a positive twin that is a byte longer, whose bytes, unsigned, are these.
            negated(number)
        }
        _ => number.to_vec(),
    }
}

/// Decimal digits of a number in base 256, the highest first.
fn digits(bytes: &[u8]) -> Vec<u8> {
    const CHUNK: u64 = 1_000_000_000;
    // Words of 32 bits, the highest first.
    let lead = (4 - bytes.len() % 4) % 4;
    let padded: Vec<u8> = std::iter::repeat_n(0, lead)
        .chain(bytes.iter().copied())
        .collect();
    let mut words: Vec<u32> = padded
        .chunks_exact(4)
        .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        .collect();
    let mut out = Vec::new();
    while words.iter().any(|word| *word != 0) {
        let mut rest = 0u64;
        for word in &mut words {
            let sum = rest << 32 | u64::from(*word);
            *word = u32::try_from(sum / CHUNK).unwrap_or(0);
            rest = sum % CHUNK;
        }
        for _ in 0..9 {
            out.push(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
        }
    }
    out.reverse();
    out
}

pub(super) fn duration_stored(wire: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(wire);
    let months = i32::try_from(vint(&mut reader)?).ok()?;
    let days = i32::try_from(vint(&mut reader)?).ok()?;
    let nanos = vint(&mut reader)?;
    let all = [i64::from(months), i64::from(days), nanos];
    let one_sign = all.iter().all(|part| *part >= 0) || all.iter().all(|part| *part <= 0);
    let mut out = Vec::with_capacity(16);
    out.extend_from_slice(&months.to_le_bytes());
    out.extend_from_slice(&days.to_le_bytes());
    out.extend_from_slice(&nanos.to_le_bytes());
    reader.end(one_sign.then_some(out)?)
}

pub(super) fn duration_wire(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader(stored);
    push_vint(i64::from(i32::from_le_bytes(reader.array()?)), out);
    push_vint(i64::from(i32::from_le_bytes(reader.array()?)), out);
    push_vint(i64::from_le_bytes(reader.array()?), out);
    reader.end(())
}

/// A signed number of variable length: zigzag, then as [`unsigned_vint`].
pub(super) fn vint(reader: &mut Reader<'_>) -> Option<i64> {
    let coded = unsigned_vint(reader)?;
    Some((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
}

pub(super) fn push_vint(value: i64, out: &mut Vec<u8>) {
    push_unsigned_vint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

/// The leading ones of the first byte say how many bytes follow (protocol v5, section 3, `[unsigned vint]`).
pub(super) fn unsigned_vint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.byte()?;
    let more = first.leading_ones() as usize;
    let head = if more >= 7 {
        0
    } else {
        u64::from(first & (0x7f >> more))
    };
    let rest = reader.bytes(more)?;
    Some(
        rest.iter()
            .fold(head, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

pub(super) fn push_unsigned_vint(value: u64, out: &mut Vec<u8>) {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    // Each byte behind the first costs that one a bit.
    let more = if bits > 56 { 8 } else { (bits - 1) / 7 };
    let bytes = value.to_be_bytes();
    let ones = u8::try_from(0xff00u16 >> more & 0xff).unwrap_or(0xff);
    if more == 8 {
        out.push(0xff);
        out.extend_from_slice(&bytes);
    } else {
        let start = 7 - more;
        out.push(ones | bytes[start]);
        out.extend_from_slice(&bytes[start + 1..]);
    }
}
