//! All rows of a table under another key.
//!
//! **Theory.** A table's rows lie in the order of its key, so another key means to write each of them again. The old ones are read
//! where they are, the new ones loaded in bulk into the table that has been emptied ([`crate::catalog::Catalog::rekey`]); both
//! happen in the transaction that changes the definition, which has the table for itself. Invariant: a column keeps its
//! values by its id; a hidden column that the old rows do not have is filled with keys in their order.

use super::{Bulk, Layout, Opened, Part, Slots, Twice};
use crate::keys;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::sync::Arc;

/// Why rows cannot lie by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Two of them have the same values in it, or in another index.
    Twice(Twice),
    /// One has a null in the column of this id.
    Null(u32),
}

/// The rows of a table as they lie before the table is emptied.
pub struct Rewrite {
    old: Arc<Layout>,
    opened: Opened,
}

impl Rewrite {
    /// Notes where the rows are. The table is locked against everybody.
    ///
    /// # Errors
    /// As [`Transaction::settle_range`]: what others added before it was locked must be seen.
    pub fn of(transaction: &mut Transaction, old: &Arc<Layout>) -> Step<Rewrite> {
        let opened = old.open(transaction)?;
        let rows = KeyRange::prefix(&keys::member_prefix(old.app, opened.rows.cid));
        transaction.settle_range(Family::DATA, &rows)?;
        Ok(Rewrite {
            opened,
            old: old.clone(),
        })
    }

    /// Writes them by another layout of the table, with so many bytes of memory. `row_key` gives ascending values of the hidden
    /// column.
    ///
    /// # Errors
    /// What the store fails with; inside, why they cannot.
    pub fn run(
        &self,
        transaction: &mut Transaction,
        new: &Arc<Layout>,
        memory: usize,
        row_key: &dyn Fn() -> [u8; 16],
    ) -> Step<Result<(), Unfit>> {
        let old = &self.old;
        let place = |id: u32| old.columns.iter().position(|column| column.id == id);
        let places: Vec<Option<usize>> =
            new.columns.iter().map(|column| place(column.id)).collect();
        let mut bulk = Bulk::over(transaction, new, memory)?;
        let prefix = keys::member_prefix(old.app, self.opened.rows.cid);
        let mut walk =
            transaction.scan(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward)?;
        while let Some((_, packed)) = walk.next()? {
            let values = old.unpack(&packed).ok_or_else(|| malformed("row"))?;
            let value = |place: &Option<usize>| match place {
                Some(place) => values.get(*place).copied().flatten().map(<[u8]>::to_vec),
                None => Some(row_key().to_vec()),
            };
            let row: Slots = places.iter().map(value).collect();
            let is_null = |part: &&Part| row.get(part.slot).is_none_or(Option::is_none);
            if let Some(part) = new.key.iter().find(is_null) {
                let column = new.columns.get(part.slot);
                return Ok(Err(Unfit::Null(column.map_or(0, |column| column.id))));
            }
            bulk.add(&row)?;
        }
        drop(walk);
        Ok(bulk.finish(transaction)?.map_err(Unfit::Twice))
    }
}
