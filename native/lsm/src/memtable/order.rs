//! The memtable's keys in byte order.
//!
//! **Theory.** Point operations never need order, so a new key first waits in an unsorted buffer; the first range
//! read after it sorts the buffer and merges it. The sorted part is a list of leaves of at most [`LEAF`] entries,
//! each entry with the first 16 bytes of its key as a number: almost every comparison stays inside one array
//! and touches no key.
//!
//! What is removed from a leaf stays there, too, until the next range read or merge: many removes at once are dropped on one way through
//! the leaves, and none of them has to search for its place.
//!
//! **Invariant.** An entry that is removed keeps its number, and its key stays readable, until the order is merged; only then may the
//! number be used again ([`Order::take_freed`]). After a merge nothing removed lies in a leaf.

mod leaf;

use crate::types::Direction;
use leaf::{bit, compare, compare_entries, place, prefix, set_bit, Leaf, LEAF};
use std::ops::Bound;

/// The buffer is merged when it has this many entries, so that no range read has to sort many at once; so many removed entries lie in
/// leaves at most.
const MAX_WAITING: usize = 8192;
/// With so many changes for each leaf all leaves are written anew.
const MANY_CHANGES: usize = 4;

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

/// See the module's head.
#[derive(Default)]
pub(super) struct Order {
    leaves: Vec<Leaf>,
    /// Prefix of the first entry of each leaf.
    firsts: Vec<u128>,
    waiting: Vec<u32>,
    /// Bit per entry number: it lies in a leaf.
    sorted: Vec<u64>,
    /// Bit per entry number: it waits or lies in a leaf but was removed.
    gone: Vec<u64>,
    /// How many of those wait.
    gone_count: usize,
    /// Those in leaves.
    dead: Vec<u32>,
    freed: Vec<u32>,
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
            set_bit(&mut self.gone, id, true);
            self.dead.push(id);
            if self.dead.len() >= MAX_WAITING {
                self.merge(keys);
            }
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
        let numbers = self.waiting.capacity() + self.dead.capacity();
        self.leaves.len() * LEAF * 20 + numbers * 4 + self.sorted.len() * 16
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

    /// Brings waiting entries into order, and takes removed ones out of it.
    pub(super) fn merge(&mut self, keys: &impl Keys) {
        if self.waiting.is_empty() && self.dead.is_empty() {
            return;
        }
        self.sweep();
        let mut batch: Vec<(u128, u32)> = self
            .waiting
            .drain(..)
            .map(|id| (prefix(keys.key(id)), id))
            .collect();
        batch.sort_unstable_by(|a, b| compare_entries(*a, *b, keys));
        for (_, id) in &batch {
            set_bit(&mut self.sorted, *id, true);
        }
        if batch.len() + self.dead.len() > self.leaves.len() * MANY_CHANGES {
            self.rebuild(&batch, keys);
            return;
        }
        for id in std::mem::take(&mut self.dead) {
            self.remove_sorted(id, keys);
            self.free(id);
        }
        if self.leaves.is_empty() {
            self.rebuild(&batch, keys);
            return;
        }
        let mut last = None;
        for (prefix, id) in batch {
            last = Some(self.insert(prefix, id, last, keys));
        }
    }

    /// The number of an entry that lay in a leaf may be used again.
    fn free(&mut self, id: u32) {
        set_bit(&mut self.gone, id, false);
        set_bit(&mut self.sorted, id, false);
        self.freed.push(id);
    }

    /// Merges a batch that touches most leaves on one way through all of them, and leaves out what was removed.
    fn rebuild(&mut self, batch: &[(u128, u32)], keys: &impl Keys) {
        let mut old = std::mem::take(&mut self.leaves).into_iter().peekable();
        self.firsts.clear();
        let mut rest = batch;
        while let Some(mut leaf) = old.next() {
            let own = old.peek().map_or(rest.len(), |next| {
                let first = (next.prefixes[0], next.ids[0]);
                rest.partition_point(|entry| compare_entries(*entry, first, keys).is_lt())
            });
            let (own, others) = rest.split_at(own);
            rest = others;
            leaf.take_out(&self.gone);
            leaf.take_in(own, keys);
            self.append(leaf);
        }
        // There was no leaf.
        let (prefixes, ids) = rest.iter().copied().unzip();
        self.append(Leaf { prefixes, ids });
        for id in std::mem::take(&mut self.dead) {
            self.free(id);
        }
    }

    /// Puts a leaf of any size behind the last: in parts, or into the last one, where that is better.
    fn append(&mut self, leaf: Leaf) {
        // Three quarters full: later inserts find room.
        const ROOMY: usize = LEAF / 4 * 3;
        match self.leaves.last_mut() {
            _ if leaf.ids.is_empty() => {}
            Some(last) if last.ids.len() + leaf.ids.len() <= ROOMY => {
                last.prefixes.extend_from_slice(&leaf.prefixes);
                last.ids.extend_from_slice(&leaf.ids);
            }
            _ if leaf.ids.len() <= LEAF => {
                self.firsts.push(leaf.prefixes[0]);
                self.leaves.push(leaf);
            }
            _ => {
                for (prefixes, ids) in leaf.prefixes.chunks(ROOMY).zip(leaf.ids.chunks(ROOMY)) {
                    let mut part = Leaf::roomy();
                    part.prefixes.extend_from_slice(prefixes);
                    part.ids.extend_from_slice(ids);
                    self.firsts.push(prefixes[0]);
                    self.leaves.push(part);
                }
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
    fn one_that_was_emptied_takes_entries_again() {
        let keys: Vec<Vec<u8>> = (0..6u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut order = Order::default();
        for id in 0..3 {
            order.add(id);
        }
        order.merge(&keys);
        for id in 0..3 {
            order.remove(id, &keys);
        }
        assert_eq!(order.take_freed(), None);
        order.add(5);
        order.merge(&keys);
        order.add(4);
        order.merge(&keys);
        let mut walk = order.walk(
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Forward,
            &keys,
        );
        let mut got = Vec::new();
        order.next(&mut walk, Direction::Forward, usize::MAX, &mut got);
        assert_eq!(got, [4, 5]);
        let mut freed: Vec<u32> = std::iter::from_fn(|| order.take_freed()).collect();
        freed.sort_unstable();
        assert_eq!(freed, [0, 1, 2]);
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
            // Few changes and many: leaves are changed one by one, and all together.
            if round % 97 == 0 || round % 4000 > 3000 && round % 11 == 0 {
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
