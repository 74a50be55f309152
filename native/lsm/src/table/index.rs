//! Which block a key lies in: separators of all blocks, in memory, searched by eight bytes at a time.
//!
//! ```text
//! stored: count | (separator length | separator | block bytes) x count     (LEB128 integers)
//! ```
//!
//! **Theory.** Block `i` holds keys up to and including separator `i`, a shortest key between its last and
//! the next block's first. What all separators share is cut off once; the next eight bytes of each, big
//! endian in a `u64` (its *head*), compare as the keys do, so the binary search runs over plain integers
//! and looks at a separator only where heads are equal. Blocks lie one after the other from offset 0.
//!
//! **Invariant.** Separators ascend; they are equal only where one key's versions fill several blocks.

use super::block::shared;
use super::varint;

/// Collects separators while a table is written.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    count: u64,
    body: Vec<u8>,
}

impl IndexBuilder {
    /// Adds the next block.
    pub(crate) fn add(&mut self, separator: &[u8], block_bytes: usize) {
        varint::put(&mut self.body, separator.len() as u64);
        self.body.extend_from_slice(separator);
        varint::put(&mut self.body, block_bytes as u64);
        self.count += 1;
    }

    /// The stored form.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 8);
        varint::put(&mut out, self.count);
        out.extend_from_slice(&self.body);
        out
    }
}

/// A shortest key at or above `last` and below `next`; `last` itself if there is no shorter one.
pub(crate) fn separator<'k>(last: &'k [u8], next: &[u8], room: &'k mut Vec<u8>) -> &'k [u8] {
    let same = shared(last, next);
    if let (Some(&low), Some(&high)) = (last.get(same), next.get(same)) {
        if low + 1 < high || (low < high && next.len() > same + 1) {
            room.clear();
            room.extend_from_slice(&last[..same]);
            room.push(low + 1);
            if room.len() < last.len() {
                return room;
            }
        }
    }
    last
}

/// Where a block lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

/// The index of an open table.
pub(crate) struct Index {
    prefix: Vec<u8>,
    heads: Vec<u64>,
    /// End of each separator's remainder in `rests`.
    ends: Vec<u32>,
    rests: Vec<u8>,
    offsets: Vec<u64>,
}

impl Index {
    /// Reads [`IndexBuilder::finish`]'s bytes; the error says what is wrong.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const TORN: &str = "index ends early";
        let mut at = 0;
        let count = varint::take(bytes, &mut at).ok_or(TORN)? as usize;
        // Every block takes at least two bytes of index, so the claim bounds the memory taken for it.
        if count == 0 || count > bytes.len() {
            return Err("index has an impossible number of blocks");
        }
        let mut separators: Vec<&[u8]> = Vec::with_capacity(count);
        let mut offsets = Vec::with_capacity(count + 1);
        let mut offset = 0u64;
        for _ in 0..count {
            let len = varint::take(bytes, &mut at).ok_or(TORN)? as usize;
            let end = at.checked_add(len).ok_or(TORN)?;
            separators.push(bytes.get(at..end).ok_or(TORN)?);
            at = end;
            offsets.push(offset);
            let block = varint::take(bytes, &mut at).ok_or(TORN)?;
            offset = offset
                .checked_add(block)
                .filter(|_| block <= u64::from(u32::MAX))
                .ok_or("block is impossibly long")?;
        }
        offsets.push(offset);
        if at != bytes.len() {
            return Err("bytes after the index");
        }
        if separators.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err("index is out of order");
        }
        let (first, last) = (separators[0], separators[count - 1]);
        let prefix = first[..shared(first, last)].to_vec();
        let mut index = Self {
            heads: Vec::with_capacity(count),
            ends: Vec::with_capacity(count),
            rests: Vec::with_capacity(bytes.len()),
            offsets,
            prefix,
        };
        for separator in separators {
            let rest = &separator[index.prefix.len()..];
            index.heads.push(head(rest));
            index.rests.extend_from_slice(rest);
            index.ends.push(index.rests.len() as u32);
        }
        index.rests.shrink_to_fit();
        Ok(index)
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Bytes that all blocks take together.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.offsets[self.len()]
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.len() * 20 + self.rests.len()
    }

    /// Where block `i` lies.
    #[inline]
    pub(crate) fn place(&self, i: usize) -> Place {
        let offset = self.offsets[i];
        Place {
            offset,
            bytes: (self.offsets[i + 1] - offset) as usize,
        }
    }

    #[inline]
    fn rest(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.rests[start..self.ends[i] as usize]
    }

    /// The separator of block `i`.
    pub(crate) fn separator(&self, i: usize) -> Vec<u8> {
        [&self.prefix, self.rest(i)].concat()
    }

    /// Whether `key` is exactly the separator of block `i`: its versions may go on in the next.
    #[inline]
    pub(crate) fn ends_with(&self, i: usize, key: &[u8]) -> bool {
        key.strip_prefix(&self.prefix[..]) == Some(self.rest(i))
    }

    /// The first block that may hold `key` or what follows it; `len()` if all blocks end before it.
    #[inline]
    pub(crate) fn seek(&self, key: &[u8]) -> usize {
        let cut = key.len().min(self.prefix.len());
        match key[..cut].cmp(&self.prefix) {
            std::cmp::Ordering::Less => return 0,
            std::cmp::Ordering::Greater => return self.len(),
            std::cmp::Ordering::Equal => {}
        }
        let rest = &key[cut..];
        let wanted = head(rest);
        let mut low = self.heads.partition_point(|&head| head < wanted);
        if self.heads.get(low) != Some(&wanted) {
            return low;
        }
        let mut high = low + self.heads[low..].partition_point(|&head| head == wanted);
        while low < high {
            let middle = (low + high) / 2;
            if self.rest(middle) < rest {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The first eight bytes as a number that compares as they do (shorter keys are padded with zeros).
#[inline]
fn head(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*eight);
    }
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(eight)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        (proptest::collection::vec(0u8..3, 0..12), any::<bool>()).prop_map(|(tail, long)| {
            let mut key = if long {
                b"the same long beginning".to_vec()
            } else {
                Vec::new()
            };
            key.extend(tail);
            key
        })
    }

    proptest! {
        #[test]
        fn seek_agrees_with_a_linear_search(mut keys in proptest::collection::vec(key(), 1..60), probes in proptest::collection::vec(key(), 1..40)) {
            keys.sort();
            let mut builder = IndexBuilder::default();
            for (i, key) in keys.iter().enumerate() {
                builder.add(key, i + 1);
            }
            let index = Index::decode(&builder.finish()).unwrap();
            prop_assert_eq!(index.len(), keys.len());
            for probe in probes.iter().chain(&keys) {
                prop_assert_eq!(index.seek(probe), keys.iter().filter(|key| *key < probe).count());
            }
            for (i, key) in keys.iter().enumerate() {
                prop_assert_eq!(&index.separator(i), key);
                prop_assert!(index.ends_with(i, key));
                prop_assert_eq!(index.place(i), Place { offset: (i * (i + 1) / 2) as u64, bytes: i + 1 });
            }
        }

        #[test]
        fn separators_separate(a in key(), b in key()) {
            prop_assume!(a != b);
            let (last, next) = if a < b { (a, b) } else { (b, a) };
            let mut room = Vec::new();
            let separator = separator(&last, &next, &mut room);
            prop_assert!(separator >= &last[..] && separator < &next[..]);
            prop_assert!(separator.len() <= last.len());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), probe in key()) {
            if let Ok(index) = Index::decode(&bytes) {
                prop_assert!(index.seek(&probe) <= index.len());
            }
        }
    }
}
