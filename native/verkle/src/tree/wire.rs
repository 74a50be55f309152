//! Numbers as records hold them.
//!
//! **Invariant.** Every number has exactly one encoding; a reader takes no other (`docs/file-format.md`,
//! ordered varint).

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
}
