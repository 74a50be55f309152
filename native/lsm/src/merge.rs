//! Merging sorted runs into what a reader sees.
//!
//! **Theory.** Each source is already reduced to one entry a key: the newest at or below the reader's commit. What
//! is left is a merge by key in which the earlier, that is newer, source wins a tie, and removes hide.
//! Most entries lie in one large run, so the present winner is compared with the runner-up alone, and all
//! sources are looked at only when it loses.
//!
//! **Invariant.** Sources are ordered newest first: for any key, every version in an earlier source is newer than
//! every version in a later one.

use crate::types::{Commit, Direction, Op, Value};
use crate::writer::Step;

/// One sorted run seen at a fixed commit, in one direction: at most one entry per key, adds and removes.
pub trait Source {
    /// Moves to the first, then to the next entry; false at the end, and then for ever.
    ///
    /// # Errors
    /// A source that stopped on a miss is not moved and may be asked again.
    fn advance(&mut self) -> Step<bool>;
    /// The present key.
    fn key(&self) -> &[u8];
    /// The commit that made the present entry.
    fn version(&self) -> Commit;
    /// Added or removed.
    fn op(&self) -> Op;
    /// The value, or a remove's note.
    fn value(&self) -> Value<'_>;
}

/// A source that can move between threads.
pub type BoxSource<'a> = Box<dyn Source + Send + 'a>;

/// The live entries of several sources, in order.
pub struct Merge<'a> {
    direction: Direction,
    /// Sources that have an entry; those that ended are dropped.
    sources: Vec<BoxSource<'a>>,
    started: bool,
    /// Index of the source with the present entry.
    winner: usize,
    /// Index of the source with the next key among the others.
    runner_up: Option<usize>,
}

impl<'a> Merge<'a> {
    /// Merges `sources`, which come newest first.
    pub fn new(sources: Vec<BoxSource<'a>>, direction: Direction) -> Self {
        Self {
            direction,
            sources,
            started: false,
            winner: 0,
            runner_up: None,
        }
    }

    /// Moves to the first, then to the next live entry; false at the end.
    ///
    /// # Errors
    /// After a [`crate::Stop`] the merge has to be dropped: it may have moved in part.
    pub fn advance(&mut self) -> Step<bool> {
        loop {
            if !self.advance_any()? {
                return Ok(false);
            }
            if self.sources[self.winner].op() == Op::Add {
                return Ok(true);
            }
        }
    }

    fn advance_any(&mut self) -> Step<bool> {
        if !self.started {
            self.started = true;
            let mut i = 0;
            while i < self.sources.len() {
                if self.sources[i].advance()? {
                    i += 1;
                } else {
                    drop(self.sources.remove(i));
                }
            }
            return self.elect();
        }
        let Some(winner) = self.sources.get_mut(self.winner) else {
            return Ok(false);
        };
        if !winner.advance()? {
            drop(self.sources.remove(self.winner));
            return self.elect();
        }
        match self.runner_up {
            None => Ok(true),
            Some(other) if self.before(self.winner, other) => Ok(true),
            Some(_) => self.elect(),
        }
    }

    /// Finds winner and runner-up among all sources, and moves those past the winner's key that it hides.
    fn elect(&mut self) -> Step<bool> {
        if self.sources.is_empty() {
            return Ok(false);
        }
        let mut winner = 0;
        for i in 1..self.sources.len() {
            if self.before(i, winner) {
                winner = i;
            }
        }
        let mut i = winner + 1;
        while i < self.sources.len() {
            if self.sources[i].key() == self.sources[winner].key() && !self.sources[i].advance()? {
                drop(self.sources.remove(i));
            } else {
                i += 1;
            }
        }
        let mut runner_up = None;
        for i in (0..self.sources.len()).filter(|&i| i != winner) {
            if runner_up.is_none_or(|best| self.before(i, best)) {
                runner_up = Some(i);
            }
        }
        self.winner = winner;
        self.runner_up = runner_up;
        Ok(true)
    }

    /// Whether source `a` has a strictly earlier key than `b`, in the direction of the walk.
    #[inline]
    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.sources[a].key(), self.sources[b].key());
        match self.direction {
            Direction::Forward => a < b,
            Direction::Reverse => a > b,
        }
    }

    /// The present key; empty before the first [`Merge::advance`] and after the end.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.sources
            .get(self.winner)
            .map_or(&[], |source| source.key())
    }

    /// The present value.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        self.sources
            .get(self.winner)
            .map_or(Value::Borrowed(&[]), |source| source.value())
    }

    /// The commit that made the present entry.
    #[inline]
    pub fn version(&self) -> Commit {
        self.sources
            .get(self.winner)
            .map_or(0, |source| source.version())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct List {
        entries: Vec<(Vec<u8>, Commit, Op)>,
        at: Option<usize>,
    }

    impl Source for List {
        fn advance(&mut self) -> Step<bool> {
            self.at = Some(self.at.map_or(0, |at| at + 1));
            Ok(self.at.unwrap() < self.entries.len())
        }
        fn key(&self) -> &[u8] {
            &self.entries[self.at.unwrap()].0
        }
        fn version(&self) -> Commit {
            self.entries[self.at.unwrap()].1
        }
        fn op(&self) -> Op {
            self.entries[self.at.unwrap()].2
        }
        fn value(&self) -> Value<'_> {
            Value::Borrowed(self.key())
        }
    }

    proptest! {
        #[test]
        fn newest_source_wins_and_removes_hide(
            runs in proptest::collection::vec(proptest::collection::btree_map(proptest::collection::vec(0u8..4, 0..3), any::<bool>(), 0..20), 0..6),
            reverse in any::<bool>(),
        ) {
            let direction = if reverse { Direction::Reverse } else { Direction::Forward };
            let mut model = BTreeMap::new();
            for (age, run) in runs.iter().enumerate().rev() {
                for (key, add) in run {
                    model.insert(key.clone(), (100 - age as u64, *add));
                }
            }
            let mut expected: Vec<_> = model.into_iter().filter(|(_, (_, add))| *add).map(|(key, (version, _))| (key, version)).collect();
            let sources = runs.into_iter().enumerate().map(|(age, run)| {
                let mut entries: Vec<_> = run.into_iter().map(|(key, add)| (key, 100 - age as u64, if add { Op::Add } else { Op::Remove })).collect();
                if reverse { entries.reverse(); }
                Box::new(List { entries, at: None }) as BoxSource<'static>
            }).collect();
            if reverse { expected.reverse(); }
            let mut merge = Merge::new(sources, direction);
            let mut got = Vec::new();
            while merge.advance().unwrap() {
                prop_assert_eq!(&*merge.value(), merge.key());
                got.push((merge.key().to_vec(), merge.version()));
            }
            prop_assert_eq!(got, expected);
            prop_assert!(!merge.advance().unwrap());
        }
    }
}
