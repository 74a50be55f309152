//! A data block: a sorted run of entries that can be searched by fingerprint, by order, or walked both ways.
//!
//! ```text
//! base version u64 | count u32 | prefix length u16 | wide u8 | 0 u8
//! prefix | fingerprint u8 x count | offset (u16, or u32 if wide) x count | entries
//! entry: suffix length | value length * 2 + is remove | version - base   (LEB128 each) | suffix | value
//! ```
//!
//! **Theory.** Every key of a block begins with the block's prefix, which is stored once, and every entry can
//! be reached on its own through its offset: each entry is its own restart point, so nothing is decoded
//! on the way to it, in either direction. What longer shared prefixes would save, LZ4 saves. The fingerprint is the top byte of the key's hash:
//! a point lookup touches the header, the fingerprints and, all but once in 256 times, one entry.
//!
//! **Invariant.** Entries are sorted by (key ascending, version descending), strictly. [`Layout::check`] has
//! passed on every block that is handed out, so entries tile the bytes and no offset points outside.

use super::varint;
use crate::near;
use crate::types::{Commit, Op};
use std::cmp::Ordering;
use std::ops::Range;

/// A block is cut when its entries reach this many bytes: about one page, so that a cold read is one.
pub(crate) const TARGET: usize = 4096;

const HEADER: usize = 16;

/// Collects entries of one block.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    keys: Vec<u8>,
    values: Vec<u8>,
    entries: Vec<Pending>,
}

struct Pending {
    key: Range<usize>,
    value: Range<usize>,
    version: Commit,
    op: Op,
    fingerprint: u8,
}

impl BlockBuilder {
    /// Adds the next entry; the caller keeps the order.
    pub(crate) fn add(&mut self, key: &[u8], hash: u64, version: Commit, op: Op, value: &[u8]) {
        let (k, v) = (self.keys.len(), self.values.len());
        self.keys.extend_from_slice(key);
        self.values.extend_from_slice(value);
        self.entries.push(Pending {
            key: k..self.keys.len(),
            value: v..self.values.len(),
            version,
            op,
            fingerprint: fingerprint(hash),
        });
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes added so far, an upper bound of the entries' part.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.len() + self.values.len() + self.entries.len() * 8
    }

    /// The key added last.
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        self.entries
            .last()
            .map(|entry| &self.keys[entry.key.clone()])
    }

    /// Appends the encoded block to `out` and starts anew.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        let base = self
            .entries
            .iter()
            .map(|entry| entry.version)
            .min()
            .unwrap_or(0);
        let prefix = match (self.entries.first(), self.entries.last()) {
            (Some(first), Some(last)) => {
                let (first, last) = (&self.keys[first.key.clone()], &self.keys[last.key.clone()]);
                &first[..shared(first, last).min(u16::MAX as usize)]
            }
            _ => &[],
        };
        let mut body = Vec::with_capacity(self.bytes());
        let mut offsets = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            offsets.push(body.len() as u32);
            let suffix = &self.keys[entry.key.clone()][prefix.len()..];
            let value = &self.values[entry.value.clone()];
            varint::put(&mut body, suffix.len() as u64);
            varint::put(
                &mut body,
                (value.len() as u64) << 1 | u64::from(entry.op == Op::Remove),
            );
            varint::put(&mut body, entry.version - base);
            body.extend_from_slice(suffix);
            body.extend_from_slice(value);
        }
        let wide = body.len() > u16::MAX as usize;
        out.extend_from_slice(&base.to_le_bytes());
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        out.extend_from_slice(&(prefix.len() as u16).to_le_bytes());
        out.extend_from_slice(&[u8::from(wide), 0]);
        out.extend_from_slice(prefix);
        out.extend(self.entries.iter().map(|entry| entry.fingerprint));
        for offset in offsets {
            if wide {
                out.extend_from_slice(&offset.to_le_bytes());
            } else {
                out.extend_from_slice(&(offset as u16).to_le_bytes());
            }
        }
        out.extend_from_slice(&body);
        self.keys.clear();
        self.values.clear();
        self.entries.clear();
    }
}

/// Makes the entries of a block, which were written as of commit 0, those of `commit`.
pub(crate) fn adopt(block: &mut [u8], commit: Commit) {
    if let Some(base) = block.first_chunk_mut::<8>() {
        *base = u64::from_le_bytes(*base).wrapping_add(commit).to_le_bytes();
    }
}

/// How many leading bytes two keys share.
pub(crate) fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[inline]
fn fingerprint(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// Where the parts of a block lie; read once per block, then entries are found by arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    base: Commit,
    count: usize,
    prefix_len: usize,
    fingerprints: usize,
    offsets: usize,
    entries: usize,
    wide: bool,
}

/// One entry, as places inside its block.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) version: Commit,
    pub(crate) op: Op,
    pub(crate) suffix: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// What a point lookup found in one block.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// The newest entry of the key that is not newer than asked.
    Found(Entry),
    /// The key has no such entry here.
    Absent,
}

impl Layout {
    /// Reads the header; `None` if the parts do not fit into the bytes.
    #[inline]
    pub(crate) fn of(block: &[u8]) -> Option<Layout> {
        let header = block.first_chunk::<HEADER>()?;
        let (base, rest) = header.split_first_chunk::<8>()?;
        let count = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let prefix_len = usize::from(u16::from_le_bytes([rest[4], rest[5]]));
        let wide = rest[6] == 1;
        let fingerprints = HEADER + prefix_len;
        let offsets = fingerprints + count;
        let entries = offsets + count * if wide { 4 } else { 2 };
        (entries <= block.len()).then_some(Layout {
            base: u64::from_le_bytes(*base),
            count,
            prefix_len,
            fingerprints,
            offsets,
            entries,
            wide,
        })
    }

    /// Checks that entries tile the block, so that reading one can neither fail nor leave it.
    pub(crate) fn check(block: &[u8]) -> Result<Layout, &'static str> {
        let layout = Layout::of(block).ok_or("block header does not fit the block")?;
        if block[14] > 1 || block[15] != 0 {
            return Err("block header has unknown flags");
        }
        if layout.count == 0 {
            return Err("block without entries");
        }
        let mut at = layout.entries;
        for i in 0..layout.count {
            if layout.offset(block, i) != at {
                return Err("entry offset is wrong");
            }
            let entry = layout.parse(block, at).ok_or("entry leaves its block")?;
            at = entry.value.end;
        }
        if at == block.len() {
            Ok(layout)
        } else {
            Err("bytes after the last entry")
        }
    }

    /// How many entries the block has.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// What every key of the block begins with.
    #[inline]
    pub(crate) fn prefix<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[HEADER..HEADER + self.prefix_len]
    }

    /// The stored fingerprint of entry `i`.
    pub(crate) fn fingerprint(&self, block: &[u8], i: usize) -> u8 {
        block[self.fingerprints + i]
    }

    #[inline]
    fn offset(&self, block: &[u8], i: usize) -> usize {
        let offset = if self.wide {
            let at = self.offsets + i * 4;
            u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]) as usize
        } else {
            let at = self.offsets + i * 2;
            usize::from(u16::from_le_bytes([block[at], block[at + 1]]))
        };
        self.entries + offset
    }

    #[inline]
    fn parse(&self, block: &[u8], mut at: usize) -> Option<Entry> {
        let suffix_len = varint::take(block, &mut at)? as usize;
        let value_op = varint::take(block, &mut at)?;
        let version = self.base.checked_add(varint::take(block, &mut at)?)?;
        let value_at = at.checked_add(suffix_len)?;
        let end = value_at.checked_add((value_op >> 1) as usize)?;
        (end <= block.len()).then_some(Entry {
            version,
            op: if value_op & 1 == 1 {
                Op::Remove
            } else {
                Op::Add
            },
            suffix: at..value_at,
            value: value_at..end,
        })
    }

    /// Entry `i` of a checked block.
    #[inline]
    pub(crate) fn entry(&self, block: &[u8], i: usize) -> Entry {
        // A checked block always parses; the empty remove stands where a panic would.
        self.parse(block, self.offset(block, i)).unwrap_or(Entry {
            version: 0,
            op: Op::Remove,
            suffix: 0..0,
            value: 0..0,
        })
    }

    /// Asks for the lines that [`Layout::find`] will read first: header, prefix, fingerprints, offsets.
    #[inline]
    pub(crate) fn ask_front(block: &[u8]) {
        // Of a block of small entries that is about all before the first of them.
        near::ask_bytes(block, 4);
    }

    /// Asks for the entry that [`Layout::find`] will look at first; the block's front should be near.
    #[inline]
    pub(crate) fn ask_entry(&self, block: &[u8], hash: u64) {
        let marks = &block[self.fingerprints..self.offsets];
        if let Some(i) = position(marks, fingerprint(hash), 0) {
            let from = self.offset(block, i);
            near::ask_bytes(block.get(from..).unwrap_or_default(), 2);
        }
    }

    /// Finds the newest entry of `key` not newer than `at`, by fingerprint.
    #[inline]
    pub(crate) fn find(&self, block: &[u8], key: &[u8], hash: u64, at: Commit) -> Lookup {
        let Some(suffix) = key.strip_prefix(self.prefix(block)) else {
            return Lookup::Absent;
        };
        let marks = &block[self.fingerprints..self.offsets];
        let mark = fingerprint(hash);
        let mut from = 0;
        while let Some(i) = position(marks, mark, from) {
            let entry = self.entry(block, i);
            if entry.version <= at && &block[entry.suffix.clone()] == suffix {
                return Lookup::Found(entry);
            }
            from = i + 1;
        }
        Lookup::Absent
    }

    /// Index of the first entry whose key is not less than `key` (`count` if all are less).
    pub(crate) fn lower_bound(&self, block: &[u8], key: &[u8]) -> usize {
        let prefix = self.prefix(block);
        let head = &key[..key.len().min(prefix.len())];
        match head.cmp(prefix) {
            Ordering::Less => return 0,
            Ordering::Greater => return self.count,
            Ordering::Equal => {}
        }
        let suffix = &key[prefix.len()..];
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if &block[self.entry(block, middle).suffix] < suffix {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// First place at or after `from` where `mark` stands; eight bytes are looked at together.
#[inline]
fn position(marks: &[u8], mark: u8, mut from: usize) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(eight) = marks.get(from..).and_then(|rest| rest.first_chunk::<8>()) {
        let differing = u64::from_le_bytes(*eight) ^ (LOW * u64::from(mark));
        let zeros = differing.wrapping_sub(LOW) & !differing & HIGH;
        if zeros != 0 {
            return Some(from + zeros.trailing_zeros() as usize / 8);
        }
        from += 8;
    }
    let rest = marks.get(from..)?;
    rest.iter().position(|&m| m == mark).map(|i| from + i)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hash::key_hash;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<(Vec<u8>, std::cmp::Reverse<u64>), (Op, Vec<u8>)>;

    fn build(model: &Model) -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        for ((key, version), (op, value)) in model {
            builder.add(key, key_hash(key), version.0, *op, value);
        }
        let mut out = Vec::new();
        builder.finish(&mut out);
        assert!(builder.is_empty());
        out
    }

    fn model() -> impl Strategy<Value = Model> {
        let key = proptest::collection::vec(0u8..3, 0..6).prop_map(|mut tail| {
            let mut key = b"common".to_vec();
            key.append(&mut tail);
            key
        });
        let entry = (
            key,
            1u64..2000,
            any::<bool>(),
            proptest::collection::vec(any::<u8>(), 0..30),
        );
        proptest::collection::vec(entry, 1..80).prop_map(|entries| {
            entries
                .into_iter()
                .map(|(k, v, add, value)| {
                    (
                        (k, std::cmp::Reverse(v)),
                        (if add { Op::Add } else { Op::Remove }, value),
                    )
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_entry_is_found_at_every_commit(model in model(), probe in proptest::collection::vec(0u8..3, 0..6)) {
            let block = build(&model);
            let layout = Layout::check(&block).unwrap();
            let probe = [b"common", &probe[..]].concat();
            let keys: Vec<&Vec<u8>> = model.keys().map(|(k, _)| k).chain([&probe]).collect();
            for key in keys {
                for at in [0, 1, 500, 1000, 1999, u64::MAX] {
                    let expected = model
                        .range((key.clone(), std::cmp::Reverse(at))..)
                        .next()
                        .filter(|((k, _), _)| k == key);
                    match layout.find(&block, key, key_hash(key), at) {
                        Lookup::Found(entry) => {
                            let ((_, version), (op, value)) = expected.unwrap();
                            prop_assert_eq!(entry.version, version.0);
                            prop_assert_eq!(entry.op, *op);
                            prop_assert_eq!(&block[entry.value], &value[..]);
                        }
                        Lookup::Absent => prop_assert!(expected.is_none()),
                    }
                }
                let below = model.keys().filter(|(k, _)| k < key).count();
                prop_assert_eq!(layout.lower_bound(&block, key), below);
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_readable(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0u8..8, prefix in 0u8..8) {
            if bytes.len() > HEADER {
                bytes[8..16].copy_from_slice(&[count, 0, 0, 0, prefix, 0, 0, 0]);
            }
            if let Ok(layout) = Layout::check(&bytes) {
                for i in 0..layout.count() {
                    let entry = layout.entry(&bytes, i);
                    prop_assert!(entry.value.end <= bytes.len());
                }
                layout.find(&bytes, b"key", 5, 9);
                layout.lower_bound(&bytes, b"key");
            }
        }

        #[test]
        fn position_agrees_with_a_plain_search(marks in proptest::collection::vec(0u8..4, 0..40), mark in 0u8..4, from in 0usize..45) {
            let plain = marks.iter().enumerate().skip(from).find(|(_, m)| **m == mark).map(|(i, _)| i);
            prop_assert_eq!(position(&marks, mark, from), plain);
        }
    }

    #[test]
    fn a_value_larger_than_64_kib_makes_a_wide_block() {
        let model: Model = (0..3u8)
            .map(|k| ((vec![k], std::cmp::Reverse(9)), (Op::Add, vec![k; 50_000])))
            .collect();
        let block = build(&model);
        let layout = Layout::check(&block).unwrap();
        let Lookup::Found(entry) = layout.find(&block, &[2], key_hash(&[2]), 9) else {
            unreachable!()
        };
        assert_eq!(&block[entry.value], &[2u8; 50_000][..]);
    }
}
