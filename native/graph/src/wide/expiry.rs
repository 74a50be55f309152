//! Rows whose cells end: found when their time has come, and stored anew without what has ended.
//!
//! ```text
//! META 07   second i64 BE, sign inverted | table u64 BE | member key: empty, for the first cell of a stored row that ends
//! ```
//! **Theory.** Readers pass over what has ended, so nobody waits for this; what it serves are counts, sizes, index entries, views, and
//! frames, which are to hold what lives. An entry may outlive its row (TRUNCATE, DROP): then there is nothing to do but to remove it.
//! **Invariant.** For each stored row with a cell that ends there is an entry at that cell's time.

use super::cells::{Cells, Column, Columns};
use super::layout::WideLayout;
use super::many::Shape;
use super::partition::{Moment, Place, WideOpened};
use super::shadow::RECORD;
use super::space::RowSpace;
use crate::codec::row::{Row, Stamp};
use crate::keys::{self, meta};
use crate::sequencer::{Conflict, LockMode, Target, Transaction, TransactionOptions, Wait};
use crate::step::{Step, Stop};
use crate::store::Store;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange, Result};
use std::collections::HashMap;
use std::ops::Bound;
use std::time::Duration;

/// How long a row is waited for; one that is busy is looked at another time.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often a row is tried again that changed meanwhile.
const MOST_RESTARTS: usize = 10;

/// The key of an entry.
fn entry(ends: i64, table: u64, member: &[u8]) -> Vec<u8> {
    let tag = [meta::CELLS];
    [
        &tag[..],
        &keys::order_i64(ends),
        &table.to_be_bytes(),
        member,
    ]
    .concat()
}

/// Back from [`entry`]: table and member key; `None` if malformed.
fn parse(key: &[u8]) -> Option<(u64, &[u8])> {
    let rest = key.strip_prefix(&[meta::CELLS])?.get(8..)?;
    let (table, member) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*table), member))
}

/// When the first of a row's cells ends.
fn first_end(cells: &Cells) -> Option<i64> {
    let end = |stamp: Stamp| match stamp.ttl {
        Some((ttl, expires)) if ttl > 0 => Some(expires),
        _ => None,
    };
    let columns = cells.columns.iter().filter_map(|(_, column)| match column {
        Column::One(value, stamp) => value.as_ref().and(end(*stamp)),
        Column::Many(many) => {
            let live = many
                .elements
                .iter()
                .filter(|element| element.value.is_some());
            live.filter_map(|element| end(element.stamp)).min()
        }
    });
    columns.chain(cells.marker.and_then(end)).min()
}

impl WideLayout {
    /// Whether anything in a packed row may end: not in most, which are not taken apart for it.
    fn may_end(&self, packed: &[u8]) -> Step<bool> {
        let row = Row::decode(packed).ok_or_else(|| malformed("row"))?;
        let ends = |stamp: Option<Stamp>| stamp.is_some_and(|stamp| stamp.ttl.is_some());
        let is_many = |id: u32| self.kind(id).is_some_and(|kind| Shape::of(kind).is_some());
        let mut cells = row.cells.iter();
        Ok(ends(row.stamp) || cells.any(|cell| ends(cell.stamp) || is_many(cell.id)))
    }

    /// Moves a row in the order in which cells end: from what it was to what it is.
    pub(super) fn note_end<S: RowSpace>(
        &self,
        space: &mut S,
        member: &[u8],
        before: Option<&[u8]>,
        after: Option<&Cells>,
    ) -> Step<()> {
        let old = match before {
            Some(packed) if self.may_end(packed)? => {
                first_end(&Cells::decode(self, packed).ok_or_else(|| malformed("row"))?)
            }
            _ => None,
        };
        let new = after.and_then(first_end);
        if old == new {
            return Ok(());
        }
        if let Some(ends) = old {
            space.remove(Family::META, &entry(ends, self.number, member))?;
        }
        if let Some(ends) = new {
            space.put(Family::META, &entry(ends, self.number, member), &[])?;
        }
        Ok(())
    }

    /// Stores a row anew without what has ended.
    fn settle_row(
        &self,
        transaction: &mut Transaction,
        opened: &mut WideOpened,
        member: &[u8],
        now: i64,
    ) -> Step<()> {
        let key = keys::member(self.app, opened.rows.cid, member);
        let Some(packed) = transaction
            .get(Family::DATA, &key)?
            .map(|value| value.to_vec())
        else {
            return Ok(());
        };
        let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
        let partition = self.partition_of(&row).ok_or_else(|| malformed("row"))?;
        let record = self.beside(opened, &partition, RECORD, &[]);
        self.share(transaction, opened, &partition, &record)?;
        transaction.lock(
            Target::row(Family::DATA, &key),
            LockMode::Update,
            Wait::Block,
        )?;
        let Some(packed) = transaction
            .get(Family::DATA, &key)?
            .map(|value| value.to_vec())
        else {
            return Ok(());
        };
        let form = member
            .get(partition.prefix.len()..)
            .unwrap_or_default()
            .to_vec();
        let shadow = self.shadow(transaction, opened, &partition, &record, &form)?;
        let cells = self.decode(Some(&packed))?;
        let place = Place {
            columns: self.key_columns(&partition, &packed)?,
            before: Some(packed),
            key: key.to_vec(),
            form,
        };
        let moment = Moment {
            now,
            grace: self.grace,
        };
        self.keep(
            transaction,
            opened,
            &partition,
            place,
            cells,
            &shadow,
            moment,
        )
    }
}

impl Store {
    /// Works off up to `limit` rows with cells that have ended by `now`, seconds since 1970, soonest first; how many entries went.
    /// Rows that somebody else has locked are left for another time.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn end_cells(&self, now: i64, limit: usize) -> Result<usize> {
        let mut range = KeyRange::prefix(&[meta::CELLS]);
        let behind = keys::order_i64(now.saturating_add(1));
        range.end = Bound::Excluded([&[meta::CELLS][..], &behind].concat());
        let snapshot = self.db.snapshot();
        let due = snapshot.iter(Family::META, range, Direction::Forward);
        let due = due.take(limit).map(|found| Ok(found?.0.to_vec()));
        let due = due.collect::<Result<Vec<Vec<u8>>>>()?;
        if due.is_empty() {
            return Ok(0);
        }
        let image = self.image(snapshot).map_err(Stop::into_error)?;
        let mut layouts: HashMap<u64, Option<WideLayout>> = HashMap::new();
        let mut gone = 0;
        let mut last = None;
        for key in &due {
            let Some((table, member)) = parse(key) else {
                continue;
            };
            let layout = layouts.entry(table);
            let layout = layout.or_insert_with(|| WideLayout::of(&image, table).ok());
            match self.end_row(layout.as_ref(), key, member, now) {
                Ok(commit) => {
                    gone += 1;
                    last = Some(commit);
                }
                Err(Stop::Failed(error)) => return Err(error),
                Err(_) => {}
            }
        }
        if let Some(commit) = last {
            self.db.wait_durable(commit)?;
        }
        Ok(gone)
    }

    fn end_row(
        &self,
        layout: Option<&WideLayout>,
        entry: &[u8],
        member: &[u8],
        now: i64,
    ) -> Step<hyperdb_lsm::Commit> {
        let mut transaction = self.begin(TransactionOptions {
            lock_timeout: Some(PATIENCE),
            now_ms: now.saturating_mul(1000),
            ..TransactionOptions::default()
        });
        for _ in 0..MOST_RESTARTS {
            let statement = transaction.open_statement();
            let done = match layout {
                None => Ok(()),
                Some(layout) => layout.claim(&mut transaction).and_then(|()| {
                    let mut opened = layout.open(&transaction)?;
                    layout.settle_row(&mut transaction, &mut opened, member, now)
                }),
            };
            let done = done.and_then(|()| transaction.remove(Family::META, entry, &[]));
            transaction.close_statement(statement, done.is_ok());
            match done {
                Ok(()) => return transaction.commit(),
                Err(Stop::Conflict(Conflict::RowChanged)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Err(Conflict::RowChanged.into())
    }
}
