//! What a transaction has loaded into tables beside its buffer ([`crate::relation::Bulk`]).
//!
//! **Theory.** Loaded entries join at the commit, and nobody reads them before, the transaction neither. A transaction that goes on
//! to do anything else has them poured into its buffer first, where its reads find them; that takes the memory which loading
//! saved, and is seldom: most loads are followed by their commit. Invariant: the tables that are loaded into are locked against
//! other writers, so what is poured needs no locks of its own.

use super::transaction::Transaction;
use crate::step::Step;
use hyperdb_lsm::{Db, Family, Loaded};

impl Transaction {
    pub(crate) fn db(&self) -> &Db {
        &self.sequencer.db
    }

    /// Whether something is loaded that only the commit shows.
    pub fn has_loaded(&self) -> bool {
        !self.loaded.is_empty()
    }

    pub(crate) fn attach(&mut self, loaded: Vec<Loaded>) {
        self.loaded.extend(loaded);
    }

    /// Makes what is loaded part of what the transaction sees.
    ///
    /// # Errors
    /// What reading it fails with.
    pub fn pour(&mut self) -> Step<()> {
        for loaded in std::mem::take(&mut self.loaded) {
            let mut walk = loaded.walk();
            while walk.advance()? {
                self.buffer
                    .insert(Family::DATA, walk.key().into(), walk.value());
            }
        }
        Ok(())
    }
}
