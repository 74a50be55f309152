//! The exclusive writer: reads the latest state, changes it in place, commits or takes back.
//!
//! **Theory.** One writer exists at a time, so what it reads cannot change under it. Changes are visible to
//! the writer at once and to others at [`Writer::commit`]. [`Writer::savepoint`] and [`Writer::rollback`]
//! take back one command of many that share the commit.

use crate::db::State;
use crate::error::{Error, Result};
use crate::types::{Commit, Direction, Family, KeyRange, Value};
use parking_lot::RwLockWriteGuard;

/// A block that must be read from disk before a command can go on; hand it to [`crate::Db::load`].
#[derive(Clone, Debug)]
pub struct Miss {
    pub(crate) table: u64,
    pub(crate) block: u32,
}

/// Why a step could not finish now.
#[derive(Clone, Debug)]
pub enum Stop {
    /// A block is not in memory: roll back, load it elsewhere, run again.
    Miss(Miss),
    /// It failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// Result of one storage step inside a command.
pub type Step<T> = std::result::Result<T, Stop>;

/// The exclusive writer of a [`crate::Db`].
pub struct Writer<'db> {
    pub(crate) state: RwLockWriteGuard<'db, State>,
    pub(crate) undo: Vec<(Family, Vec<u8>, Option<Vec<u8>>)>,
}

impl Writer<'_> {
    /// The newest value of `key`, or `None` if it was never added or is removed.
    pub fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Ok(self.state.families[family.0 as usize]
            .get(key)
            .map(|v| Value::Borrowed(v)))
    }

    /// The version (commit number) of the newest entry of `key`, added or removed.
    pub fn version(&self, _family: Family, _key: &[u8]) -> Step<Option<Commit>> {
        Ok(None)
    }

    /// Adds `key` with `value`, replacing what was there.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        let old = self.state.families[family.0 as usize].insert(key.to_vec(), value.to_vec());
        self.undo.push((family, key.to_vec(), old));
        Ok(())
    }

    /// Like [`Writer::put`], for a key that the caller has just read to be absent.
    ///
    /// If it is removed again before anything could see it, no trace of it need be kept.
    pub fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.put(family, key, value)
    }

    /// Removes `key`; `note` is kept with the remove (see [`crate::Op::Remove`]).
    pub fn remove(&mut self, family: Family, key: &[u8], _note: &[u8]) -> Step<()> {
        let old = self.state.families[family.0 as usize].remove(key);
        self.undo.push((family, key.to_vec(), old));
        Ok(())
    }

    /// Walks the newest live entries of `range`.
    pub fn scan(&self, family: Family, range: &KeyRange, direction: Direction) -> Scan<'_> {
        let map = &self.state.families[family.0 as usize];
        let range = map.range::<[u8], _>((
            range.start.as_ref().map(|v| v.as_slice()),
            range.end.as_ref().map(|v| v.as_slice()),
        ));
        match direction {
            Direction::Forward => Scan {
                inner: Box::new(range),
            },
            Direction::Reverse => Scan {
                inner: Box::new(range.rev()),
            },
        }
    }

    /// Marks the state to which [`Writer::rollback`] returns; forgets the previous mark.
    pub fn savepoint(&mut self) {
        self.undo.clear();
    }

    /// Takes back every change since the last [`Writer::savepoint`].
    pub fn rollback(&mut self) {
        for (family, key, old) in std::mem::take(&mut self.undo).into_iter().rev() {
            let map = &mut self.state.families[family.0 as usize];
            match old {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
    }

    /// Whether anything was changed since the last commit.
    pub fn is_dirty(&self) -> bool {
        true
    }

    /// Logs all changes since the last commit as one, and makes them the latest state.
    ///
    /// Under [`crate::SyncMode::EverySec`] the log was written (not synced) when this returns; under
    /// [`crate::SyncMode::Always`] it is queued: acknowledge only after [`crate::Db::durable`] has reached
    /// the returned commit. With nothing changed it returns the newest commit.
    ///
    /// # Errors
    /// [`Error::NoSpace`] and [`Error::Poisoned`]: the changes are taken back.
    pub fn commit(&mut self) -> Result<Commit> {
        self.undo.clear();
        self.state.latest += 1;
        Ok(self.state.latest)
    }

    /// The number that the next commit will have.
    pub fn next_commit(&self) -> Commit {
        self.state.latest + 1
    }
}

/// A walk over live entries, in one direction. Borrowing: an entry is valid until the next step.
pub struct Scan<'w> {
    inner: Box<dyn Iterator<Item = (&'w Vec<u8>, &'w Vec<u8>)> + 'w>,
}

impl Scan<'_> {
    /// The next live key and value, or `None` at the end of the range.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        Ok(self
            .inner
            .next()
            .map(|(k, v)| (k.as_slice(), Value::Borrowed(v.as_slice()))))
    }
}
