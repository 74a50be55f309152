//! Transactions that must not wait: they keep their place in line, and somebody is told when it is their turn.
//!
//! **Theory.** An event loop cannot sleep. A transaction with a *bell* asks for a lock as any other does, and if that is not
//! free its place in the line stays its own while the loop goes on; the bell rings when the lock has been granted, and the
//! statement begins again. The same holds for a version that is locked but not durable yet, and so must not be shown: the
//! caller is told which commit to wait for.
//!
//! **Invariant.** A lock that is held without having been compared with the newest version ("doubts") is compared when it is
//! asked for again, so nothing is decided on a version that was superseded while the transaction stood in line.

use super::conflict::Conflict;
use super::locks::{LockMode, Target, Wake};
use super::transaction::{Fresh, Transaction};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Commit, Family};

/// How a transaction waits.
#[derive(Default)]
pub(super) struct Patience {
    /// Rung in place of waiting; none: it waits.
    pub(super) bell: Option<Wake>,
    /// The lock that it stands in line for.
    place: Option<(Target, LockMode)>,
    /// It may hold locks that were not compared with the newest version.
    pub(super) doubts: bool,
}

impl Transaction {
    /// From now on it does not wait: [`Conflict::WouldWait`] says what for, and `bell` is rung (from any thread) when a lock
    /// is its own. It may ring in vain.
    pub fn set_bell(&mut self, bell: std::sync::Arc<dyn Fn() + Send + Sync>) {
        self.patience.bell = Some(bell);
    }

    /// From now on it waits.
    pub fn set_patient(&mut self) {
        self.leave_place();
        self.patience.bell = None;
    }

    /// It has got a place in line.
    pub(super) fn park(&mut self, target: Target, mode: LockMode) -> Stop {
        self.patience.place = Some((target, mode));
        self.would_wait(None)
    }

    fn would_wait(&mut self, commit: Option<Commit>) -> Stop {
        self.patience.doubts = true;
        Conflict::WouldWait(commit).into()
    }

    /// Before a lock is asked for: a place in the same line is kept if it is not its turn yet, any other is given up.
    pub(super) fn settle_place(&mut self, target: &Target, mode: LockMode) -> Step<()> {
        let Some((at, wanted)) = &self.patience.place else {
            return Ok(());
        };
        if at == target && *wanted == mode && self.sequencer.locks.is_parked(self.owner) {
            return Err(self.would_wait(None));
        }
        self.leave_place();
        Ok(())
    }

    /// Leaves the line; a lock that was granted meanwhile is held.
    pub(super) fn leave_place(&mut self) {
        if let Some(place) = self.patience.place.take() {
            if self.sequencer.locks.unpark(self.owner) {
                self.locks.push(place);
            }
        }
    }

    /// The newest version and value of `key`, if newer than `since`; it is durable.
    pub(super) fn newest(
        &mut self,
        family: Family,
        key: &[u8],
        since: Commit,
    ) -> Step<Option<(Commit, Fresh)>> {
        let newest = self.sequencer.newest(family, key, since)?;
        if let Some((version, _)) = newest {
            self.until_durable(version)?;
        }
        Ok(newest)
    }

    /// What may be seen only when it is durable is.
    pub(super) fn until_durable(&mut self, commit: Commit) -> Step<()> {
        let db = &self.sequencer.db;
        match self.patience.bell.is_some() && db.durable() < commit {
            true => Err(self.would_wait(Some(commit))),
            false => Ok(db.wait_durable(commit)?),
        }
    }
}
