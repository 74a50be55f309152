//! What a SERIALIZABLE transaction has read: keys and ranges, present or absent alike.

use hashbrown::HashSet;
use hyperdb_lsm::{Family, KeyRange};
use std::ops::Bound;

/// How many single keys are kept before neighbours are joined to ranges (64 to one), which may only make the
/// transaction conflict more, never less.
const MOST_KEYS: usize = 1 << 16;
const JOINED: usize = 64;

/// See the module's head.
#[derive(Default)]
pub(super) struct ReadSet {
    keys: HashSet<(Family, Box<[u8]>)>,
    ranges: Vec<(Family, KeyRange)>,
}

impl ReadSet {
    pub(super) fn add_key(&mut self, family: Family, key: &[u8]) {
        self.keys.insert((family, key.into()));
        if self.keys.len() > MOST_KEYS {
            self.join_keys();
        }
    }

    pub(super) fn add_range(&mut self, family: Family, range: KeyRange) {
        self.ranges.push((family, range));
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (Family, &[u8])> {
        self.keys.iter().map(|(family, key)| (*family, &key[..]))
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = (Family, &KeyRange)> {
        self.ranges.iter().map(|(family, range)| (*family, range))
    }

    fn join_keys(&mut self) {
        let mut keys: Vec<_> = self.keys.drain().collect();
        keys.sort_unstable();
        for same_family in keys.chunk_by(|a, b| a.0 == b.0) {
            for chunk in same_family.chunks(JOINED) {
                if let [(family, first), .., (_, last)] | [(family, first @ last)] = chunk {
                    self.ranges.push((
                        *family,
                        KeyRange {
                            start: Bound::Included(first.to_vec()),
                            end: Bound::Included(last.to_vec()),
                        },
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_become_ranges_that_cover_them_all() {
        let mut reads = ReadSet::default();
        let all: Vec<[u8; 4]> = (0..=MOST_KEYS as u32)
            .map(|i| (i * 3).to_be_bytes())
            .collect();
        for key in &all {
            reads.add_key(Family::DATA, key);
        }
        assert_eq!(reads.keys().count(), 0);
        let ranges: Vec<_> = reads.ranges().collect();
        assert_eq!(ranges.len(), all.len().div_ceil(JOINED));
        for key in all.iter().step_by(997) {
            assert!(ranges.iter().any(|(_, range)| {
                matches!((&range.start, &range.end), (Bound::Included(first), Bound::Included(last))
                    if first[..] <= key[..] && key[..] <= last[..])
            }));
        }
    }
}
