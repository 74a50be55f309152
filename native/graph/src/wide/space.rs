//! Who writes rows of tables by token: a transaction, or a turn.
//!
//! **Theory.** A transaction works on a snapshot beside others: it locks the rows that it writes until it ends, and looks whether they are
//! newer than what it sees. A turn has the writer, so what it reads is the newest, and nobody else writes until it has committed; it
//! only has to stop where a transaction's lock is in its way. That spares it snapshot, locks and buffer: most of what a small
//! write costs. **Invariant.** Neither writes a row that somebody else has locked against it.

use crate::catalog::{pin, rows_id};
use crate::hyperedge::Space;
use crate::keys::{self, AppId};
use crate::relation;
use crate::sequencer::{LockMode, Scope, Target, Transaction, Wait};
use crate::step::Step;
use crate::turn::Turn;
use hyperdb_lsm::{Family, KeyRange};

const DATA: Family = Family::DATA;

/// See the module's head.
pub trait RowSpace: Space {
    /// Declares that rows of table `number` are written: see [`super::layout::WideLayout::claim`].
    fn claim_rows(&mut self, app: AppId, number: u64) -> Step<()>;
    /// If object `number` of the catalog is another one by the commit, that fails. A turn looks at the newest catalog.
    fn rely_on_object(&mut self, number: u64);
    /// Keeps others from what `mode` excludes until the commit; what is read of the row from now on is the newest.
    fn hold_row(&mut self, key: &[u8], mode: LockMode) -> Step<()>;
    /// What is read of the keys that begin so is the newest.
    fn settle_rows(&mut self, prefix: &[u8]) -> Step<()>;
    /// Adds or replaces a row.
    fn put_row(&mut self, key: &[u8], value: &[u8]) -> Step<()>;
    /// Removes a row.
    fn remove_row(&mut self, key: &[u8]) -> Step<()>;
}

impl RowSpace for Transaction {
    fn claim_rows(&mut self, app: AppId, number: u64) -> Step<()> {
        relation::claim(self, app, number)
    }

    fn rely_on_object(&mut self, number: u64) {
        pin(self, number);
    }

    fn hold_row(&mut self, key: &[u8], mode: LockMode) -> Step<()> {
        self.lock(Target::row(DATA, key), mode, Wait::Block)?;
        Ok(())
    }

    fn settle_rows(&mut self, prefix: &[u8]) -> Step<()> {
        self.settle_range(DATA, &KeyRange::prefix(prefix))
    }

    fn put_row(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        self.put(DATA, key, value)
    }

    fn remove_row(&mut self, key: &[u8]) -> Step<()> {
        self.remove(DATA, key, &[])
    }
}

impl RowSpace for Turn<'_> {
    fn claim_rows(&mut self, app: AppId, number: u64) -> Step<()> {
        let id = rows_id(number);
        let key = keys::element(app, self.hash64(&id), &id);
        self.stop_for(Scope::Table, &key, LockMode::RowExclusive)
    }

    fn rely_on_object(&mut self, _number: u64) {}

    fn hold_row(&mut self, key: &[u8], mode: LockMode) -> Step<()> {
        self.stop_for(Scope::Row, key, mode)
    }

    fn settle_rows(&mut self, _prefix: &[u8]) -> Step<()> {
        Ok(())
    }

    fn put_row(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        self.note_row(key);
        self.put(DATA, key, value)
    }

    fn remove_row(&mut self, key: &[u8]) -> Step<()> {
        self.note_row(key);
        self.remove(DATA, key, &[])
    }
}
