//! Which versions of a key may be forgotten.
//!
//! **Theory.** Let `r` run over the retained commits; the largest is the newest commit anybody may see now, and later
//! readers see later ones. A version `v` whose key has a next newer version `n` is seen by readers at commits in
//! `v..n`. None of them is there, nor will be, if no `r` lies in that interval and `n` is not beyond the
//! largest `r`. A remove says no more than absence to readers at or above it once nothing older can follow it.
//!
//! **Invariant.** For every retained commit, and for every commit from the largest retained one on, the
//! newest entry at or below it is the same before and after, a remove counting as nothing.

use crate::types::{Commit, Family, Op};

/// Drops entries that no reader can reach for reasons the store does not know of.
pub trait CompactionFilter: Send + Sync {
    /// Whether this entry may go, at whatever level, though readers of the store could see it. Nobody reads, now or
    /// later, at a commit below `horizon`.
    fn discard(&self, family: Family, key: &[u8], version: Commit, horizon: Commit) -> bool;

    /// Whether [`CompactionFilter::discard`] holds for every key from `smallest` to `largest` in every version, also
    /// such as will be written later.
    fn discards_between(
        &self,
        family: Family,
        smallest: &[u8],
        largest: &[u8],
        horizon: Commit,
    ) -> bool {
        let _unknown = (family, smallest, largest, horizon);
        false
    }
}

/// Decides entry by entry, over the versions of one key after the other, newest first.
pub(crate) struct Garbage<'a> {
    retained: &'a [Commit],
    newer: Option<Commit>,
}

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Somebody may read it.
    Keep,
    /// Nobody can.
    Drop,
    /// A remove that every reader from the horizon on sees as the oldest: it may go if nothing deeper has its key.
    DropIfDeepest,
}

impl<'a> Garbage<'a> {
    /// Judges by `retained`, which ascends and ends with the newest commit that anybody may see.
    pub(crate) fn new(retained: &'a [Commit]) -> Self {
        Self {
            retained,
            newer: None,
        }
    }

    /// The next entries belong to another key.
    pub(crate) fn next_key(&mut self) {
        self.newer = None;
    }

    /// The verdict on the next older version of the present key.
    pub(crate) fn judge(&mut self, version: Commit, op: Op) -> Verdict {
        let newer = self.newer.replace(version);
        if newer.is_some_and(|newer| !self.seen(version, newer)) {
            return Verdict::Drop;
        }
        let horizon = self.retained.first().copied().unwrap_or(0);
        if op == Op::Remove && version <= horizon {
            Verdict::DropIfDeepest
        } else {
            Verdict::Keep
        }
    }

    /// Whether a reader may stand in `version..newer`.
    fn seen(&self, version: Commit, newer: Commit) -> bool {
        match self
            .retained
            .get(self.retained.partition_point(|&r| r < version))
        {
            Some(&next) => next < newer,
            // Beyond every retained commit: readers to come may stand anywhere.
            None => true,
        }
        .max(self.retained.last().is_none_or(|&last| newer > last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visible(entries: &[(Commit, Op)], at: Commit) -> Option<Commit> {
        entries
            .iter()
            .find(|(version, _)| *version <= at)
            .filter(|(_, op)| *op == Op::Add)
            .map(|(version, _)| *version)
    }

    proptest! {
        #[test]
        fn no_retained_or_later_reader_sees_a_difference(
            versions in proptest::collection::btree_map(1u64..40, any::<bool>(), 1..15),
            retained in proptest::collection::btree_set(1u64..45, 1..6),
            deepest in any::<bool>(),
        ) {
            let entries: Vec<(Commit, Op)> = versions.into_iter().rev().map(|(v, add)| (v, if add { Op::Add } else { Op::Remove })).collect();
            let retained: Vec<Commit> = retained.into_iter().collect();
            let mut garbage = Garbage::new(&retained);
            let mut kept = Vec::new();
            let mut tail_dropped = false;
            for &(version, op) in &entries {
                match garbage.judge(version, op) {
                    Verdict::Keep => kept.push((version, op)),
                    Verdict::DropIfDeepest if !deepest => kept.push((version, op)),
                    Verdict::DropIfDeepest => tail_dropped = true,
                    Verdict::Drop => {}
                }
                prop_assert!(!tail_dropped || kept.iter().all(|(v, _)| *v > version) );
            }
            let last = *retained.last().unwrap_or(&0);
            for at in retained.iter().copied().chain(last..60) {
                prop_assert_eq!(visible(&entries, at), visible(&kept, at), "at {}", at);
            }
            // Nothing is kept in vain: every entry but the newest is seen by somebody.
            for (i, &(version, _)) in kept.iter().enumerate().skip(1) {
                let newer = kept[i - 1].0;
                prop_assert!(newer > last || retained.iter().any(|&r| version <= r && r < newer));
            }
        }
    }

    #[test]
    fn with_nothing_retained_everything_stays() {
        let mut garbage = Garbage::new(&[]);
        assert_eq!(garbage.judge(9, Op::Add), Verdict::Keep);
        assert_eq!(garbage.judge(8, Op::Remove), Verdict::Keep);
    }
}
