//! Merging sorted runs into what a reader sees.
//!
//! **Theory.** Each source is already reduced to one entry a key: the newest at or below the reader's commit. What
//! is left is a merge by key in which the earlier, that is newer, source wins a tie, and removes hide.
//! Sources are kept in the order of their keys. Most entries lie in one large run, so the first source, advanced,
//! mostly stays the first, which one comparison shows.
//!
//! **Invariant.** Sources are ordered newest first: for any key, every version in an earlier source is newer than
//! every version in a later one.

use crate::types::{Commit, Direction, Op, Value};
use crate::writer::Step;
use std::cmp::Ordering;

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

/// The entries of several sources, in order: one a key, removes only if asked for.
pub struct Merge<'a> {
    direction: Direction,
    /// Whether removes hide their key or are shown themselves.
    shows_removes: bool,
    /// Sources that have an entry, by key; no two stand on the same key. Those that ended are dropped.
    sources: Vec<Aged<'a>>,
    started: bool,
}

struct Aged<'a> {
    /// Place in the list of sources: smaller is newer.
    age: usize,
    source: BoxSource<'a>,
}

impl<'a> Merge<'a> {
    /// Merges `sources`, which come newest first.
    pub fn new(sources: Vec<BoxSource<'a>>, direction: Direction) -> Self {
        let sources = sources
            .into_iter()
            .enumerate()
            .map(|(age, source)| Aged { age, source })
            .collect();
        Self {
            direction,
            shows_removes: false,
            sources,
            started: false,
        }
    }

    /// Shows removes as entries too.
    #[must_use]
    pub fn with_removes(mut self) -> Self {
        self.shows_removes = true;
        self
    }

    /// Moves to the first, then to the next entry that is shown; false at the end.
    ///
    /// # Errors
    /// After a [`crate::Stop`] the merge has to be dropped: it may have moved in part.
    pub fn advance(&mut self) -> Step<bool> {
        loop {
            if self.started {
                if self.sources.is_empty() {
                    return Ok(false);
                }
                self.step(0)?;
            } else {
                self.started = true;
                for i in (0..self.sources.len()).rev() {
                    self.step(i)?;
                }
            }
            match self.sources.first() {
                None => return Ok(false),
                Some(first) if self.shows_removes || first.source.op() == Op::Add => {
                    return Ok(true);
                }
                Some(_) => {}
            }
        }
    }

    /// Advances source `i` and puts it where its new key belongs among those behind it, which are in order.
    fn step(&mut self, mut i: usize) -> Step<()> {
        if !self.sources[i].source.advance()? {
            self.sources.remove(i);
            return Ok(());
        }
        while i + 1 < self.sources.len() {
            match self.order(i, i + 1) {
                Ordering::Less => break,
                Ordering::Greater => {
                    // Past all that come before it at once, up to the first that does not.
                    let (mut low, mut high) = (i + 2, self.sources.len());
                    while low < high {
                        let middle = (low + high) / 2;
                        if self.order(i, middle).is_gt() {
                            low = middle + 1;
                        } else {
                            high = middle;
                        }
                    }
                    self.sources[i..low].rotate_left(1);
                    i = low - 1;
                }
                // Of two entries of one key the newer source's counts; the other is passed over.
                Ordering::Equal if self.sources[i].age < self.sources[i + 1].age => {
                    self.step(i + 1)?;
                }
                Ordering::Equal => {
                    if !self.sources[i].source.advance()? {
                        self.sources.remove(i);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// How the keys of two sources compare, in the direction of the walk.
    #[inline]
    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.sources[a].source.key(), self.sources[b].source.key());
        match self.direction {
            Direction::Forward => a.cmp(b),
            Direction::Reverse => b.cmp(a),
        }
    }

    /// The present key; empty before the first [`Merge::advance`] and after the end.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.sources.first().map_or(&[], |first| first.source.key())
    }

    /// The present value.
    #[inline]
    pub fn value(&self) -> Value<'_> {
        self.sources
            .first()
            .map_or(Value::Borrowed(&[]), |first| first.source.value())
    }

    /// The commit that made the present entry.
    #[inline]
    pub fn version(&self) -> Commit {
        self.sources
            .first()
            .map_or(0, |first| first.source.version())
    }

    /// What the present entry does to its key.
    #[inline]
    pub fn op(&self) -> Op {
        self.sources
            .first()
            .map_or(Op::Remove, |first| first.source.op())
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
        fn newest_source_wins_and_removes_hide_or_show(
            runs in proptest::collection::vec(proptest::collection::btree_map(proptest::collection::vec(0u8..4, 0..3), any::<bool>(), 0..20), 0..6),
            reverse in any::<bool>(),
            removes in any::<bool>(),
        ) {
            let direction = if reverse { Direction::Reverse } else { Direction::Forward };
            let mut model = BTreeMap::new();
            for (age, run) in runs.iter().enumerate().rev() {
                for (key, add) in run {
                    model.insert(key.clone(), (100 - age as u64, *add));
                }
            }
            let mut expected: Vec<_> = model.into_iter().filter(|(_, (_, add))| *add || removes).map(|(key, (version, add))| (key, version, add)).collect();
            let sources = runs.into_iter().enumerate().map(|(age, run)| {
                let mut entries: Vec<_> = run.into_iter().map(|(key, add)| (key, 100 - age as u64, if add { Op::Add } else { Op::Remove })).collect();
                if reverse { entries.reverse(); }
                Box::new(List { entries, at: None }) as BoxSource<'static>
            }).collect();
            if reverse { expected.reverse(); }
            let mut merge = Merge::new(sources, direction);
            if removes { merge = merge.with_removes(); }
            let mut got = Vec::new();
            while merge.advance().unwrap() {
                prop_assert_eq!(&*merge.value(), merge.key());
                got.push((merge.key().to_vec(), merge.version(), merge.op() == Op::Add));
            }
            prop_assert_eq!(got, expected);
            prop_assert!(!merge.advance().unwrap());
        }
    }
}
