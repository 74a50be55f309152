//! Savepoints of a transaction: states to come back to.
//!
//! **Theory.** What a transaction wrote is undone from its buffer's log; locks and loaded tables are lists that are cut where they
//! ended. **Invariant.** Marks ascend in every number of theirs, so to come back to one is to forget all that lies behind it.

use super::conflict::Conflict;
use super::transaction::Transaction;
use crate::step::Step;

/// A savepoint of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(u64);

/// What a transaction had when a savepoint was set.
pub(super) struct Mark {
    number: u64,
    undo: usize,
    pub(super) locks: usize,
    loaded: usize,
}

impl Transaction {
    /// Marks a state to come back to; savepoints nest.
    ///
    /// # Errors
    /// [`Conflict::InFailedTransaction`].
    pub fn savepoint(&mut self) -> Step<Savepoint> {
        self.check_alive()?;
        self.pour()?;
        self.next_savepoint += 1;
        let mark = Mark {
            number: self.next_savepoint,
            undo: self.buffer.mark(),
            locks: self.locks.len(),
            loaded: self.loaded.len(),
        };
        self.savepoints.push(mark);
        Ok(Savepoint(self.next_savepoint))
    }

    /// Takes back writes and locks since `savepoint`, which stays; later ones are gone. Heals a failed
    /// transaction. What was read stays read.
    ///
    /// # Errors
    /// [`Conflict::NoSavepoint`].
    pub fn rollback_to(&mut self, savepoint: Savepoint) -> Step<()> {
        self.drop_after(savepoint)?;
        if let Some(mark) = self.savepoints.last() {
            let (undo, locks, loaded) = (mark.undo, mark.locks, mark.loaded);
            self.buffer.rewind(undo);
            self.loaded.truncate(loaded);
            self.release_locks(locks);
        }
        self.failed = false;
        Ok(())
    }

    /// Forgets `savepoint` and later ones, keeping what was done since.
    ///
    /// # Errors
    /// [`Conflict::NoSavepoint`], [`Conflict::InFailedTransaction`].
    pub fn release(&mut self, savepoint: Savepoint) -> Step<()> {
        self.check_alive()?;
        self.drop_after(savepoint)?;
        self.savepoints.pop();
        self.buffer.unmark();
        Ok(())
    }

    /// Makes `savepoint` the innermost one.
    fn drop_after(&mut self, savepoint: Savepoint) -> Step<()> {
        let at = self
            .savepoints
            .iter()
            .position(|mark| mark.number == savepoint.0)
            .ok_or(Conflict::NoSavepoint)?;
        self.forget_savepoints(at + 1);
        Ok(())
    }

    pub(super) fn forget_savepoints(&mut self, keep: usize) {
        for _ in self.savepoints.drain(keep.min(self.savepoints.len())..) {
            self.buffer.unmark();
        }
    }
}
