//! A set of changes that is written as one commit.

use crate::types::{Family, Op};

enum Kind {
    Put,
    Insert,
    Remove,
}

struct Change {
    family: Family,
    kind: Kind,
    key_end: usize,
    value_end: usize,
}

/// Changes in the order given; a later one of the same key wins.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    changes: Vec<Change>,
}

impl Batch {
    /// Without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `key` with `value`, replacing what was there.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> &mut Self {
        self.push(family, Kind::Put, key, value)
    }

    /// As [`crate::Writer::insert`]: the caller knows that the key is absent.
    pub fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> &mut Self {
        self.push(family, Kind::Insert, key, value)
    }

    /// Removes `key`; `note` is kept with the remove.
    pub fn remove(&mut self, family: Family, key: &[u8], note: &[u8]) -> &mut Self {
        self.push(family, Kind::Remove, key, note)
    }

    /// How many changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Forgets the changes; keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.changes.clear();
    }

    fn push(&mut self, family: Family, kind: Kind, key: &[u8], value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.changes.push(Change {
            family,
            kind,
            key_end,
            value_end: self.bytes.len(),
        });
        self
    }

    /// Family, op, whether an insert, key and value of each change.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Family, Op, bool, &[u8], &[u8])> {
        let mut start = 0;
        self.changes.iter().map(move |change| {
            let key = &self.bytes[start..change.key_end];
            let value = &self.bytes[change.key_end..change.value_end];
            start = change.value_end;
            let (op, insert) = match change.kind {
                Kind::Put => (Op::Add, false),
                Kind::Insert => (Op::Add, true),
                Kind::Remove => (Op::Remove, false),
            };
            (change.family, op, insert, key, value)
        })
    }
}
