//! Reading one moment: point reads, multi-get and lazy iteration at a fixed commit.

use crate::error::Result;
use crate::types::{Commit, Direction, Family, KeyRange};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fixed view of the store. Cheap to clone; what it sees is kept until the last clone is dropped.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) commit: Commit,
    pub(crate) families: Arc<Vec<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Snapshot {
    /// The commit this snapshot sees.
    pub fn commit(&self) -> Commit {
        self.commit
    }

    /// The value of `key` at this commit.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.families[family.0 as usize].get(key).cloned())
    }

    /// The values of many keys, in the order asked; cheaper than asking one by one.
    pub fn multi_get(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter().map(|key| self.get(family, key)).collect()
    }

    /// Walks live entries of `range`; owns its snapshot, so it may outlive this value.
    pub fn iter(&self, family: Family, range: KeyRange, direction: Direction) -> Iter {
        let map = &self.families[family.0 as usize];
        let mut entries: Vec<_> = map
            .range::<[u8], _>((
                range.start.as_ref().map(|v| v.as_slice()),
                range.end.as_ref().map(|v| v.as_slice()),
            ))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if direction == Direction::Forward {
            entries.reverse();
        }
        Iter { entries }
    }
}

/// A lazy walk over a snapshot.
pub struct Iter {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Iterator for Iter {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.pop().map(Ok)
    }
}
