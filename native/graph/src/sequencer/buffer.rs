//! A transaction's writes before it commits, with undo for savepoints, and as they were when a statement began.

use super::delta::Delta;
use crate::step::Step;
use hyperdb_lsm::{Family, KeyRange};
use std::collections::btree_map::Range;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// What will be done to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// Added or replaced.
    Put(Box<[u8]>),
    /// Added, and known to be absent before.
    Insert(Box<[u8]>),
    /// Removed, with the note kept beside it.
    Remove(Box<[u8]>),
    /// Added to.
    Add(Delta),
}

/// Sorted entries of one family between two bounds.
pub(super) type Entries<'b, V> = Range<'b, Arc<[u8]>, V>;

/// One sorted map a family.
pub(super) struct Families<V>([BTreeMap<Arc<[u8]>, V>; Family::COUNT]);

impl<V> Default for Families<V> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| BTreeMap::new()))
    }
}

impl<V> Families<V> {
    pub(super) fn get(&self, family: Family, key: &[u8]) -> Option<&V> {
        self.0[usize::from(family.0)].get(key)
    }

    pub(super) fn set(&mut self, family: Family, key: Arc<[u8]>, value: Option<V>) -> Option<V> {
        let map = &mut self.0[usize::from(family.0)];
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(BTreeMap::clear);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeMap::is_empty)
    }

    /// The entries of `range`, which is not backwards.
    pub(super) fn range(&self, family: Family, range: &KeyRange) -> Entries<'_, V> {
        let start = range.start.as_ref().map(Vec::as_slice);
        let end = range.end.as_ref().map(Vec::as_slice);
        self.0[usize::from(family.0)].range::<[u8], _>((start, end))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Family, &Arc<[u8]>, &V)> {
        self.0.iter().zip(0u8..).flat_map(|(map, family)| {
            map.iter()
                .map(move |(key, value)| (Family(family), key, value))
        })
    }
}

/// `range`, or an empty one if its end lies before its start (on which `BTreeMap::range` would panic).
pub(super) fn forward_only(range: KeyRange) -> KeyRange {
    use Bound::{Excluded, Included};
    let backwards = match (&range.start, &range.end) {
        (Excluded(start), Excluded(end)) => start >= end,
        (Included(start) | Excluded(start), Included(end) | Excluded(end)) => start > end,
        _ => false,
    };
    if backwards {
        return KeyRange::between(&[], &[]);
    }
    range
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Buffer {
    entries: Families<Pending>,
    /// What to put back, newest last; only kept while a mark may ask for it.
    undo: Vec<(Family, Arc<[u8]>, Option<Pending>)>,
    marks: usize,
    former: Former,
}

/// What keys that were written since a mark held there: the first entry of each in the undo from that mark on.
#[derive(Default)]
struct Former {
    entries: Families<Option<Pending>>,
    /// The mark, and how much of the undo is in `entries`; `None`: nothing that could be gone on with.
    reached: Option<(usize, usize)>,
}

impl Buffer {
    pub(super) fn entries(&self) -> &Families<Pending> {
        &self.entries
    }

    pub(super) fn put(&mut self, family: Family, key: Arc<[u8]>, value: &[u8]) {
        let pending = match self.entries.get(family, &key) {
            Some(Pending::Insert(_)) => Pending::Insert(value.into()),
            _ => Pending::Put(value.into()),
        };
        self.set(family, key, Some(pending));
    }

    pub(super) fn insert(&mut self, family: Family, key: Arc<[u8]>, value: &[u8]) {
        let pending = match self.entries.get(family, &key) {
            // The store still has the removed entry: to it, this is a replacement.
            Some(Pending::Put(_) | Pending::Remove(_)) => Pending::Put(value.into()),
            _ => Pending::Insert(value.into()),
        };
        self.set(family, key, Some(pending));
    }

    pub(super) fn remove(&mut self, family: Family, key: Arc<[u8]>, note: &[u8]) {
        let pending = match self.entries.get(family, &key) {
            Some(Pending::Insert(_)) => None,
            _ => Some(Pending::Remove(note.into())),
        };
        self.set(family, key, pending);
    }

    pub(super) fn add(&mut self, family: Family, key: Arc<[u8]>, delta: Delta) -> Step<()> {
        let pending = match self.entries.get(family, &key) {
            None => Pending::Add(delta),
            Some(Pending::Add(before)) => Pending::Add(before.and(&delta)?),
            Some(Pending::Put(value)) => Pending::Put(delta.apply(Some(value))?.into()),
            Some(Pending::Insert(value)) => Pending::Insert(delta.apply(Some(value))?.into()),
            Some(Pending::Remove(_)) => Pending::Put(delta.apply(None)?.into()),
        };
        self.set(family, key, Some(pending));
        Ok(())
    }

    /// A state to come back to with [`Buffer::rewind`]; every mark ends with [`Buffer::unmark`].
    pub(super) fn mark(&mut self) -> usize {
        self.marks += 1;
        self.former.reached = None;
        self.undo.len()
    }

    pub(super) fn unmark(&mut self) {
        self.marks = self.marks.saturating_sub(1);
        if self.marks == 0 {
            self.undo.clear();
        }
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.former.reached = None;
        for (family, key, before) in self.undo.drain(mark..).rev() {
            self.entries.set(family, key, before);
        }
    }

    /// What the keys that were written since `mark` held then; the others are as in [`Buffer::entries`].
    pub(super) fn former(&self) -> &Families<Option<Pending>> {
        &self.former.entries
    }

    /// Brings [`Buffer::former`] up to what was written since `mark`. The work is that of the writes since it was last asked.
    pub(super) fn look_back(&mut self, mark: usize) {
        let from = match self.former.reached {
            Some((at, reached)) if at == mark => reached,
            _ => {
                self.former.entries.clear();
                mark
            }
        };
        for (family, key, before) in self.undo.get(from..).unwrap_or_default() {
            if self.former.entries.get(*family, key).is_none() {
                self.former
                    .entries
                    .set(*family, key.clone(), Some(before.clone()));
            }
        }
        self.former.reached = Some((mark, self.undo.len()));
    }

    fn set(&mut self, family: Family, key: Arc<[u8]>, pending: Option<Pending>) {
        let before = self.entries.set(family, key.clone(), pending);
        if self.marks > 0 {
            self.undo.push((family, key, before));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DATA: Family = Family::DATA;

    fn key(name: &str) -> Arc<[u8]> {
        name.as_bytes().into()
    }

    #[test]
    fn an_insert_that_is_removed_leaves_nothing() {
        let mut buffer = Buffer::default();
        buffer.insert(DATA, key("a"), b"1");
        buffer.put(DATA, key("a"), b"2");
        assert_eq!(
            buffer.entries.get(DATA, b"a"),
            Some(&Pending::Insert((*b"2").into()))
        );
        buffer.remove(DATA, key("a"), b"");
        assert!(buffer.entries.is_empty());
        buffer.remove(DATA, key("b"), b"");
        buffer.insert(DATA, key("b"), b"3");
        assert_eq!(
            buffer.entries.get(DATA, b"b"),
            Some(&Pending::Put((*b"3").into()))
        );
    }

    #[test]
    fn rewinding_brings_back_every_kind_of_entry() {
        let mut buffer = Buffer::default();
        buffer.put(DATA, key("a"), b"1");
        buffer.add(DATA, key("n"), Delta::Count(1)).unwrap();
        let outer = buffer.mark();
        buffer.remove(DATA, key("a"), b"");
        let inner = buffer.mark();
        buffer.put(DATA, key("a"), b"2");
        buffer.add(DATA, key("n"), Delta::Count(5)).unwrap();
        buffer.insert(DATA, key("c"), b"3");
        buffer.rewind(inner);
        buffer.unmark();
        assert_eq!(
            buffer.entries.get(DATA, b"a"),
            Some(&Pending::Remove((*b"").into()))
        );
        assert_eq!(
            buffer.entries.get(DATA, b"n"),
            Some(&Pending::Add(Delta::Count(1)))
        );
        assert_eq!(buffer.entries.get(DATA, b"c"), None);
        buffer.rewind(outer);
        buffer.unmark();
        assert_eq!(
            buffer.entries.get(DATA, b"a"),
            Some(&Pending::Put((*b"1").into()))
        );
        assert!(buffer.undo.is_empty());
    }

    #[test]
    fn looking_back_shows_what_there_was_at_the_mark() {
        let mut buffer = Buffer::default();
        buffer.put(DATA, key("a"), b"1");
        let mark = buffer.mark();
        buffer.look_back(mark);
        assert!(buffer.former().is_empty());
        buffer.put(DATA, key("a"), b"2");
        buffer.insert(DATA, key("b"), b"3");
        buffer.look_back(mark);
        buffer.remove(DATA, key("a"), b"");
        buffer.remove(DATA, key("b"), b"");
        buffer.look_back(mark);
        assert_eq!(
            buffer.former().get(DATA, b"a"),
            Some(&Some(Pending::Put((*b"1").into())))
        );
        assert_eq!(buffer.former().get(DATA, b"b"), Some(&None));
        assert_eq!(buffer.former().iter().count(), 2);
        buffer.rewind(mark);
        buffer.look_back(mark);
        assert!(buffer.former().is_empty());
        buffer.put(DATA, key("c"), b"4");
        buffer.unmark();
        let next = buffer.mark();
        buffer.look_back(next);
        assert!(buffer.former().is_empty());
    }

    #[test]
    fn a_backward_range_is_empty() {
        let mut buffer = Buffer::default();
        buffer.put(DATA, key("m"), b"1");
        let range = forward_only(KeyRange::between(b"z", b"a"));
        assert_eq!(buffer.entries.range(DATA, &range).count(), 0);
        let point = forward_only(KeyRange {
            start: Bound::Excluded(b"m".to_vec()),
            end: Bound::Excluded(b"m".to_vec()),
        });
        assert_eq!(buffer.entries.range(DATA, &point).count(), 0);
    }
}
