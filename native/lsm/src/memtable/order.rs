//! The memtable's keys in byte order.
//!
//! **Theory.** Point operations never need order, so a new key first waits in an unsorted buffer; the first range
//! read after it sorts the buffer and merges it. The sorted part is a list of leaves of at most [`LEAF`] entries,
//! each entry with the first 16 bytes of its key as a number: almost every comparison stays inside one array
//! and touches no key.
//!
//! **Invariant.** A waiting entry that is removed keeps its number until the buffer is merged; only then may the
//! number be used again ([`Order::take_freed`]).

use crate::types::Direction;
use std::cmp::Ordering;
use std::ops::Bound;

const LEAF: usize = 256;
/// The buffer is merged when it has this many entries, so that no range read has to sort many at once.
const MAX_WAITING: usize = 8192;

/// A walk through part of an order that has not changed since it was begun: where it is, and where it stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    at: (usize, usize),
    stop: (usize, usize),
}

/// Finds the key of an entry number.
pub(super) trait Keys {
    fn key(&self, id: u32) -> &[u8];
}

#[derive(Default)]
struct Leaf {
    prefixes: Vec<u128>,
    ids: Vec<u32>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Order {
    leaves: Vec<Leaf>,
    /// Prefix of the first entry of each leaf.
    firsts: Vec<u128>,
    waiting: Vec<u32>,
    /// Bit per entry number: it lies in a leaf.
    sorted: Vec<u64>,
    /// Bit per entry number: it waits but was removed.
    gone: Vec<u64>,
    gone_count: usize,
    freed: Vec<u32>,
}

fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let n = key.len().min(16);
    bytes[..n].copy_from_slice(&key[..n]);
    u128::from_be_bytes(bytes)
}

fn bit(bits: &[u64], id: u32) -> bool {
    bits.get(id as usize / 64)
        .is_some_and(|word| word >> (id % 64) & 1 == 1)
}

fn set_bit(bits: &mut Vec<u64>, id: u32, on: bool) {
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

impl Order {
    /// Adds a new entry; true when the buffer should be merged.
    #[inline]
    pub(super) fn add(&mut self, id: u32) -> bool {
        self.waiting.push(id);
        self.waiting.len() >= MAX_WAITING
    }

    /// Takes an entry out; its number comes back by [`Order::take_freed`].
    pub(super) fn remove(&mut self, id: u32, keys: &impl Keys) {
        if self.waiting.last() == Some(&id) {
            self.waiting.pop();
            self.freed.push(id);
        } else if bit(&self.sorted, id) {
            self.remove_sorted(id, keys);
            set_bit(&mut self.sorted, id, false);
            self.freed.push(id);
        } else {
            set_bit(&mut self.gone, id, true);
            self.gone_count += 1;
            if self.gone_count * 2 > self.waiting.len() + 64 {
                self.sweep();
            }
        }
    }

    /// An entry number that may be used again.
    #[inline]
    pub(super) fn take_freed(&mut self) -> Option<u32> {
        self.freed.pop()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.leaves.len() * LEAF * 20 + self.waiting.capacity() * 4 + self.sorted.len() * 16
    }

    /// Drops removed entries from the buffer.
    fn sweep(&mut self) {
        if self.gone_count == 0 {
            return;
        }
        let (gone, freed) = (&mut self.gone, &mut self.freed);
        self.waiting.retain(|id| {
            let dead = bit(gone, *id);
            if dead {
                set_bit(gone, *id, false);
                freed.push(*id);
            }
            !dead
        });
        self.gone_count = 0;
    }

    /// Brings waiting entries into order.
    pub(super) fn merge(&mut self, keys: &impl Keys) {
        if self.waiting.is_empty() {
            return;
        }
        self.sweep();
        let mut batch: Vec<(u128, u32)> = self
            .waiting
            .drain(..)
            .map(|id| (prefix(keys.key(id)), id))
            .collect();
        batch.sort_unstable_by(|a, b| compare(a.0, a.1, b.0, keys.key(b.1), keys));
        for (_, id) in &batch {
            set_bit(&mut self.sorted, *id, true);
        }
        if self.leaves.is_empty() || batch.len() > self.leaves.len() * (LEAF / 4) {
            self.rebuild(batch, keys);
        } else {
            let mut last = None;
            for (prefix, id) in batch {
                last = Some(self.insert(prefix, id, last, keys));
            }
        }
    }

    /// Merges a batch that touches most leaves by writing all of them anew.
    fn rebuild(&mut self, batch: Vec<(u128, u32)>, keys: &impl Keys) {
        let old = std::mem::take(&mut self.leaves);
        let mut old = old
            .into_iter()
            .flat_map(|leaf| leaf.prefixes.into_iter().zip(leaf.ids))
            .peekable();
        let mut new = batch.into_iter().peekable();
        self.firsts.clear();
        loop {
            let from_new = match (old.peek(), new.peek()) {
                (None, None) => break,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (Some(a), Some(b)) => compare(b.0, b.1, a.0, keys.key(a.1), keys) == Ordering::Less,
            };
            let Some((prefix, id)) = (if from_new { new.next() } else { old.next() }) else {
                break;
            };
            // Three quarters full: later inserts find room.
            if self
                .leaves
                .last()
                .is_none_or(|leaf| leaf.ids.len() >= LEAF / 4 * 3)
            {
                self.leaves.push(Leaf::default());
                self.firsts.push(prefix);
            }
            if let Some(leaf) = self.leaves.last_mut() {
                leaf.prefixes.push(prefix);
                leaf.ids.push(id);
            }
        }
    }

    /// Inserts an entry; where it is now. `last` is where the entry before it in the batch went: what is appended to, a list or a
    /// stream, has most entries side by side, and two comparisons show that.
    fn insert(
        &mut self,
        prefix: u128,
        id: u32,
        last: Option<(usize, usize)>,
        keys: &impl Keys,
    ) -> (usize, usize) {
        let key = keys.key(id);
        let beside = last.and_then(|(at, within)| {
            let leaf = self.leaves.get(at)?;
            let next = within + 1;
            let fits = match leaf.ids.get(next) {
                Some(other) => compare(leaf.prefixes[next], *other, prefix, key, keys).is_gt(),
                None => self.firsts.get(at + 1).is_none_or(|first| *first > prefix),
            };
            fits.then_some((at, next))
        });
        let (at, within) = beside.unwrap_or_else(|| self.seek(prefix, key, false, keys));
        // An entry before the first of a leaf goes behind the last of the leaf before.
        let (at, within) = match (at, within) {
            (0, _) | (_, 1..) => (at, within),
            (_, 0) => (at - 1, self.leaves[at - 1].ids.len()),
        };
        let leaf = &mut self.leaves[at];
        leaf.prefixes.insert(within, prefix);
        leaf.ids.insert(within, id);
        self.firsts[at] = leaf.prefixes[0];
        if leaf.ids.len() > LEAF {
            // Appending in order is common: leave the left part full then.
            let cut = if within + 1 == leaf.ids.len() {
                LEAF - LEAF / 8
            } else {
                LEAF / 2
            };
            let right = Leaf {
                prefixes: leaf.prefixes.split_off(cut),
                ids: leaf.ids.split_off(cut),
            };
            self.firsts.insert(at + 1, right.prefixes[0]);
            self.leaves.insert(at + 1, right);
            if within >= cut {
                return (at + 1, within - cut);
            }
        }
        (at, within)
    }

    fn remove_sorted(&mut self, id: u32, keys: &impl Keys) {
        let key = keys.key(id);
        let (at, within) = self.seek(prefix(key), key, false, keys);
        let Some(leaf) = self.leaves.get_mut(at) else {
            return;
        };
        if leaf.ids.get(within) == Some(&id) {
            leaf.ids.remove(within);
            leaf.prefixes.remove(within);
            if leaf.ids.is_empty() {
                self.leaves.remove(at);
                self.firsts.remove(at);
            } else {
                self.firsts[at] = leaf.prefixes[0];
            }
        }
    }

    /// Leaf and place in it of the first entry at or behind `key` (behind it, if `after`).
    fn seek(&self, prefix: u128, key: &[u8], after: bool, keys: &impl Keys) -> (usize, usize) {
        let at = place(
            &self.firsts,
            |i| self.leaves[i].ids[0],
            prefix,
            key,
            after,
            keys,
        );
        if at == 0 {
            return (0, 0);
        }
        let leaf = &self.leaves[at - 1];
        let within = place(&leaf.prefixes, |i| leaf.ids[i], prefix, key, after, keys);
        if within == leaf.ids.len() {
            (at, 0)
        } else {
            (at - 1, within)
        }
    }

    /// Begins a walk between the bounds. It holds as long as nothing is added, removed or merged.
    pub(super) fn walk(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        keys: &impl Keys,
    ) -> Walk {
        let first = match start {
            Bound::Unbounded => (0, 0),
            Bound::Included(key) => self.seek(prefix(key), key, false, keys),
            Bound::Excluded(key) => self.seek(prefix(key), key, true, keys),
        };
        let last = match end {
            Bound::Unbounded => (self.leaves.len(), 0),
            Bound::Included(key) => self.seek(prefix(key), key, true, keys),
            Bound::Excluded(key) => self.seek(prefix(key), key, false, keys),
        };
        match direction {
            Direction::Forward => Walk {
                at: first,
                stop: last,
            },
            Direction::Reverse => Walk {
                at: last,
                stop: first,
            },
        }
    }

    /// Appends the next entries of a walk to `out`, at most `limit`, in its direction.
    pub(super) fn next(
        &self,
        walk: &mut Walk,
        direction: Direction,
        limit: usize,
        out: &mut Vec<u32>,
    ) {
        match direction {
            Direction::Forward => self.ascend(walk, limit, out),
            Direction::Reverse => self.descend(walk, limit, out),
        }
    }

    fn ascend(&self, walk: &mut Walk, limit: usize, out: &mut Vec<u32>) {
        let Walk {
            at: (mut at, mut within),
            stop,
        } = *walk;
        let mut left = limit;
        while left > 0 && (at, within) < stop {
            let leaf = &self.leaves[at];
            let last = if at == stop.0 { stop.1 } else { leaf.ids.len() };
            let n = (last - within).min(left);
            out.extend_from_slice(&leaf.ids[within..within + n]);
            left -= n;
            within += n;
            if within == leaf.ids.len() {
                at += 1;
                within = 0;
            }
        }
        walk.at = (at, within);
    }

    fn descend(&self, walk: &mut Walk, limit: usize, out: &mut Vec<u32>) {
        let Walk {
            at: (mut at, mut within),
            stop,
        } = *walk;
        let mut left = limit;
        while left > 0 && (at, within) > stop {
            if within == 0 {
                at -= 1;
                within = self.leaves[at].ids.len();
            }
            let leaf = &self.leaves[at];
            let first = if at == stop.0 { stop.1 } else { 0 };
            let n = (within - first).min(left);
            out.extend(leaf.ids[within - n..within].iter().rev());
            left -= n;
            within -= n;
        }
        walk.at = (at, within);
    }
}

/// How many entries of a sorted array lie before `key` (or at it, if `after`).
fn place(
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
fn compare(
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Keys for Vec<Vec<u8>> {
        fn key(&self, id: u32) -> &[u8] {
            &self[id as usize]
        }
    }

    /// Keys that are appended to several runs in turn, as those of streams and their groups are, merged in batches of any size.
    #[test]
    fn runs_that_grow_at_their_ends_stay_in_order() {
        let mut order = Order::default();
        let (mut keys, mut ends): (Vec<Vec<u8>>, [u32; 3]) = (Vec::new(), [0; 3]);
        for round in 0..400u32 {
            for _ in 0..1 + round * 7 % 40 {
                let run = (round * 31 + keys.len() as u32) as usize % 3;
                ends[run] += 1;
                keys.push(
                    format!("the same sixteen bytes, run {run}: {:08}", ends[run]).into_bytes(),
                );
                order.add(keys.len() as u32 - 1);
            }
            order.merge(&keys);
        }
        let mut want: Vec<u32> = (0..keys.len() as u32).collect();
        want.sort_by_key(|id| &keys[*id as usize]);
        let mut got = Vec::new();
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let mut walk = order.walk(everything.0, everything.1, Direction::Forward, &keys);
        order.next(&mut walk, Direction::Forward, usize::MAX, &mut got);
        assert_eq!(got, want);
    }

    #[test]
    fn agrees_with_a_sorted_map() {
        let mut seed = 1u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        let mut keys: Vec<Vec<u8>> = Vec::new();
        let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut order = Order::default();
        for round in 0..20_000u32 {
            // Long common prefixes: ties on the first 16 bytes must fall back to the whole key.
            let key = format!("common-prefix-of-{:02}-{}", random() % 3, random() % 5000);
            let key = key.into_bytes();
            if let Some(id) = model.remove(&key) {
                order.remove(id, &keys);
            } else {
                let id = match order.take_freed() {
                    Some(id) => {
                        keys[id as usize].clone_from(&key);
                        id
                    }
                    None => {
                        keys.push(key.clone());
                        (keys.len() - 1) as u32
                    }
                };
                order.add(id);
                model.insert(key, id);
            }
            if round % 97 == 0 {
                order.merge(&keys);
                let (a, b) = (random() % 5000, random() % 5000);
                let low = format!("common-prefix-of-01-{}", a.min(b)).into_bytes();
                let high = format!("common-prefix-of-01-{}", a.max(b)).into_bytes();
                if low > high {
                    continue;
                }
                let want: Vec<u32> = model
                    .range(low.clone()..high.clone())
                    .map(|(_, id)| *id)
                    .collect();
                let (start, end) = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
                for direction in [Direction::Forward, Direction::Reverse] {
                    let mut walk = order.walk(start, end, direction, &keys);
                    let mut got = Vec::new();
                    // In parts of any size.
                    loop {
                        let before = got.len();
                        let limit = 1 + (random() % 300) as usize;
                        order.next(&mut walk, direction, limit, &mut got);
                        assert!(got.len() - before <= limit);
                        if got.len() == before {
                            break;
                        }
                    }
                    if direction == Direction::Reverse {
                        got.reverse();
                    }
                    assert_eq!(got, want);
                }
            }
        }
    }
}
