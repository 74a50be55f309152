//! Statements whose parts come one by one, and what they may rely on.
//!
//! **Theory.** A statement is whole or not at all. Who runs all of it in one call uses [`Transaction::statement`]; who
//! interprets it step by step opens it here, and at [`Conflict::RowChanged`] takes it back and opens it again: rows that it
//! met stay locked, so that ends.

use super::buffer::{Families, Pending};
use super::conflict::Conflict;
use super::transaction::Transaction;
use crate::hyperedge::Halt;
use crate::step::{Step, Stop};
use hyperdb_lsm::{Family, KeyRange};

/// What a statement may end with.
pub trait StatementError {
    /// Whether it is [`Conflict::RowChanged`]: the statement begins again.
    fn is_row_changed(&self) -> bool;
}

impl StatementError for Stop {
    fn is_row_changed(&self) -> bool {
        matches!(self, Stop::Conflict(Conflict::RowChanged))
    }
}

impl StatementError for Halt {
    fn is_row_changed(&self) -> bool {
        matches!(self, Halt::Stop(stop) if stop.is_row_changed())
    }
}

/// Where a statement began.
#[derive(Clone, Copy, Debug)]
pub struct OpenStatement {
    pub(super) undo: usize,
    pub(super) savepoints: usize,
    pub(super) relied_on: usize,
    pub(super) loaded: usize,
}

impl Transaction {
    /// What the transaction sees of `range` becomes the newest of it, or the statement begins again: for who decides on
    /// what is *not* there and holds a lock that keeps others from adding it.
    ///
    /// # Errors
    /// [`Conflict::RowChanged`], above READ COMMITTED [`Conflict::Serialization`], if something in it is newer.
    pub fn settle_range(&mut self, family: Family, range: &KeyRange) -> Step<()> {
        let since = self.snapshot().commit();
        let newer = self
            .sequencer()
            .with_writer(|writer| Ok(writer.range_changed_since(family, range, since)?))?;
        if newer {
            // So that the statement sees it when it begins again.
            self.until_durable(self.sequencer().db.latest())?;
            return Err(self.row_changed("another transaction added what must not be there twice"));
        }
        Ok(())
    }

    /// Runs `body`, whose reads see what there was when the statement began: not what it has written itself since.
    pub fn as_of<T>(
        &mut self,
        statement: &OpenStatement,
        body: impl FnOnce(&mut Self) -> Step<T>,
    ) -> Step<T> {
        self.buffer.look_back(statement.undo);
        self.looks_back = !self.buffer.former().is_empty();
        let found = body(self);
        self.looks_back = false;
        found
    }

    /// What the transaction does to `key`, as its reads see it at this moment.
    pub(super) fn pending(&self, family: Family, key: &[u8]) -> Option<&Pending> {
        if self.looks_back {
            if let Some(before) = self.buffer.former().get(family, key) {
                return before.as_ref();
            }
        }
        self.buffer.entries().get(family, key)
    }

    /// What its reads see in place of own writes, while they look past some.
    pub(super) fn former(&self) -> Option<&Families<Option<Pending>>> {
        self.looks_back.then(|| self.buffer.former())
    }
}
