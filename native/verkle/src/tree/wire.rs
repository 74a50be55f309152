//! Numbers and steps as records hold them.
//!
//! **Invariant.** Every number and every path has exactly one encoding; a reader takes no other (`docs/file-format.md`,
//! ordered varint).

use super::place::MAX_STEPS;

/// Largest number of one byte; larger ones are `247 + n` and n bytes.
const SHORT: u8 = 247;

pub(crate) fn put_varint(out: &mut Vec<u8>, number: u64) {
    if number <= u64::from(SHORT) {
        return out.push(number as u8);
    }
    let bytes = number.to_be_bytes();
    let skip = number.leading_zeros() as usize / 8;
    out.push(SHORT + (8 - skip) as u8);
    out.extend_from_slice(&bytes[skip..]);
}

/// The number at the beginning, and how many bytes it took.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let (&first, rest) = bytes.split_first()?;
    if first <= SHORT {
        return Some((u64::from(first), 1));
    }
    let size = usize::from(first - SHORT);
    let number = rest
        .get(..size)?
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let shortest = number > u64::from(SHORT) && number.leading_zeros() as usize / 8 == 8 - size;
    shortest.then_some((number, 1 + size))
}

/// Number of steps, then 6 bits a step, the last byte filled with zeros.
pub(crate) fn put_steps(out: &mut Vec<u8>, steps: &[u8]) {
    put_varint(out, steps.len() as u64);
    let (mut held, mut bits) = (0u32, 0);
    for step in steps {
        held = held << 6 | u32::from(*step);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        out.push((held << (8 - bits)) as u8);
    }
}

/// Takes a record apart from its beginning.
pub(crate) struct Reader<'r>(pub(crate) &'r [u8]);

impl<'r> Reader<'r> {
    pub(crate) fn take(&mut self, size: usize) -> Option<&'r [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let (number, size) = varint(self.0)?;
        self.0 = &self.0[size..];
        Some(number)
    }

    pub(crate) fn steps(&mut self) -> Option<Box<[u8]>> {
        let count = usize::try_from(self.varint()?).ok()?;
        if count > MAX_STEPS {
            return None;
        }
        let packed = self.take((count * 6).div_ceil(8))?;
        let (mut held, mut bits) = (0u32, 0);
        let mut out = Vec::with_capacity(count);
        for byte in packed {
            held = held << 8 | u32::from(*byte);
            bits += 8;
            while bits >= 6 && out.len() < count {
                bits -= 6;
                out.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        (held == 0).then(|| out.into())
    }
}
