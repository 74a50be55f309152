//! Steps as records hold them, six bits each: what lies behind a slot, kept packed until somebody walks it.
//!
//! **Theory.** A changed branch carries the steps of up to 63 slots that did not change. Packed, and for all but long keys without an
//! allocation, they cost a copy.
//!
//! **Invariant.** One encoding for each path: the bits behind the last step are zero.

use super::place::MAX_STEPS;
use super::wire::{put_varint, Reader};

/// Bytes that are held without an allocation: 40 steps.
const INLINE: usize = 30;

/// Steps, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    Short { count: u8, packed: [u8; INLINE] },
    Long { count: u8, packed: Box<[u8]> },
}

impl Steps {
    /// At most 225 steps, as all that come out of a key; of a longer path its beginning.
    pub(crate) fn pack(steps: &[u8]) -> Steps {
        let steps = &steps[..steps.len().min(MAX_STEPS)];
        let mut packed = [0; (MAX_STEPS * 6).div_ceil(8)];
        let (mut held, mut bits) = (0u32, 0);
        let mut to = packed.iter_mut();
        let mut put = |byte: u32| {
            if let Some(to) = to.next() {
                *to = byte as u8;
            }
        };
        for step in steps {
            held = held << 6 | u32::from(*step);
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                put(held >> bits);
                held &= (1 << bits) - 1;
            }
        }
        if bits > 0 {
            put(held << (8 - bits));
        }
        Self::of(steps.len(), &packed[..size(steps.len())])
    }

    fn of(count: usize, bytes: &[u8]) -> Steps {
        let count = count as u8;
        let mut packed = [0; INLINE];
        match packed.get_mut(..bytes.len()) {
            Some(short) => {
                short.copy_from_slice(bytes);
                Steps::Short { count, packed }
            }
            None => Steps::Long {
                count,
                packed: bytes.into(),
            },
        }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Steps::Short { count, .. } | Steps::Long { count, .. } => usize::from(*count),
        }
    }

    fn packed(&self) -> &[u8] {
        match self {
            Steps::Short { count, packed } => &packed[..size(usize::from(*count))],
            Steps::Long { packed, .. } => packed,
        }
    }

    /// `path`, `slot` and these steps.
    pub(crate) fn behind(&self, path: &[u8], slot: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(path.len() + 1 + self.len());
        out.extend_from_slice(path);
        out.push(slot);
        let (mut held, mut bits, end) = (0u32, 0, out.len() + self.len());
        for byte in self.packed() {
            held = held << 8 | u32::from(*byte);
            bits += 8;
            while bits >= 6 && out.len() < end {
                bits -= 6;
                out.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        out
    }

    /// Number of steps, then 6 bits a step, the last byte filled with zeros.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        out.extend_from_slice(self.packed());
    }

    /// The inverse of [`Steps::encode`].
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Steps> {
        let count = usize::try_from(reader.varint()?).ok()?;
        if count > MAX_STEPS {
            return None;
        }
        let packed = reader.take(size(count))?;
        let spare = packed.len() * 8 - count * 6;
        let filled = packed
            .last()
            .is_none_or(|last| last.trailing_zeros() as usize >= spare);
        filled.then(|| Self::of(count, packed))
    }
}

/// Bytes of so many steps.
fn size(count: usize) -> usize {
    (count * 6).div_ceil(8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn steps_come_back_from_any_length() {
        for count in 0..=MAX_STEPS {
            let path: Vec<u8> = (0..count).map(|n| (n * 37 % 64) as u8).collect();
            let steps = Steps::pack(&path);
            assert_eq!(steps.len(), count);
            assert_eq!(steps.behind(&[1, 2], 3), [&[1, 2, 3][..], &path].concat());
            let mut bytes = Vec::new();
            steps.encode(&mut bytes);
            let mut reader = Reader(&bytes);
            assert_eq!(Steps::decode(&mut reader), Some(steps));
            assert!(reader.0.is_empty());
            // Bits behind the last step would be a second encoding.
            if count % 4 != 0 {
                *bytes.last_mut().unwrap() |= 1;
                assert_eq!(Steps::decode(&mut Reader(&bytes)), None);
            }
        }
    }
}
