//! A leaf of the order: prefixes and entry numbers in two arrays, and how entries compare.
//!
//! **Invariant.** Prefix number `i` is that of the key of entry number `i`; both arrays are in the order of the keys.

use super::Keys;
use std::cmp::Ordering;

/// The most entries of a leaf.
pub(super) const LEAF: usize = 256;

#[derive(Default)]
pub(super) struct Leaf {
    pub(super) prefixes: Vec<u128>,
    pub(super) ids: Vec<u32>,
}

impl Leaf {
    /// An empty one that can grow to the size at which it is cut.
    pub(super) fn roomy() -> Leaf {
        Leaf {
            prefixes: Vec::with_capacity(LEAF + 1),
            ids: Vec::with_capacity(LEAF + 1),
        }
    }

    /// Drops the entries whose bit is set.
    pub(super) fn take_out(&mut self, gone: &[u64]) {
        let mut kept = 0;
        for i in 0..self.ids.len() {
            let id = self.ids[i];
            // Without a branch: which ones go is not to be foreseen.
            self.ids[kept] = id;
            self.prefixes[kept] = self.prefixes[i];
            kept += usize::from(!bit(gone, id));
        }
        self.ids.truncate(kept);
        self.prefixes.truncate(kept);
    }

    /// Puts in entries that are in order, from the last to the first: what lies behind each is moved once.
    pub(super) fn take_in(&mut self, batch: &[(u128, u32)], keys: &impl Keys) {
        let mut end = self.ids.len();
        self.prefixes.resize(end + batch.len(), 0);
        self.ids.resize(end + batch.len(), 0);
        for (more, (prefix, id)) in batch.iter().enumerate().rev() {
            let (before, key) = (&self.prefixes[..end], keys.key(*id));
            let at = place(before, |i| self.ids[i], *prefix, key, false, keys);
            self.prefixes.copy_within(at..end, at + more + 1);
            self.ids.copy_within(at..end, at + more + 1);
            self.prefixes[at + more] = *prefix;
            self.ids[at + more] = *id;
            end = at;
        }
    }
}

pub(super) fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let n = key.len().min(16);
    bytes[..n].copy_from_slice(&key[..n]);
    u128::from_be_bytes(bytes)
}

pub(super) fn bit(bits: &[u64], id: u32) -> bool {
    bits.get(id as usize / 64)
        .is_some_and(|word| word >> (id % 64) & 1 == 1)
}

pub(super) fn set_bit(bits: &mut Vec<u64>, id: u32, on: bool) {
    let at = id as usize / 64;
    if bits.len() <= at {
        bits.resize(at + 1, 0);
    }
    if on {
        bits[at] |= 1 << (id % 64);
    } else {
        bits[at] &= !(1 << (id % 64));
    }
}

/// How many entries of a sorted array lie before `key` (or at it, if `after`).
pub(super) fn place(
    prefixes: &[u128],
    id_of: impl Fn(usize) -> u32,
    prefix: u128,
    key: &[u8],
    after: bool,
    keys: &impl Keys,
) -> usize {
    let mut low = prefixes.partition_point(|p| *p < prefix);
    let mut high = low + prefixes[low..].partition_point(|p| *p == prefix);
    while low < high {
        let middle = (low + high) / 2;
        let before = match keys.key(id_of(middle)).cmp(key) {
            Ordering::Less => true,
            Ordering::Equal => after,
            Ordering::Greater => false,
        };
        if before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Compares an entry (its prefix and number) with a key (its prefix and bytes).
#[inline]
pub(super) fn compare(
    entry_prefix: u128,
    entry: u32,
    key_prefix: u128,
    key: &[u8],
    keys: &impl Keys,
) -> Ordering {
    entry_prefix
        .cmp(&key_prefix)
        .then_with(|| keys.key(entry).cmp(key))
}

/// Compares two entries. Their keys lie far away, and are looked at only where the prefixes do not tell.
#[inline]
pub(super) fn compare_entries(a: (u128, u32), b: (u128, u32), keys: &impl Keys) -> Ordering {
    a.0.cmp(&b.0).then_with(|| keys.key(a.1).cmp(keys.key(b.1)))
}
