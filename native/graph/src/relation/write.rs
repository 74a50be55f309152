//! Inserting, replacing and removing rows with their index entries.

use super::key::under;
use super::{IndexLayout, Layout, Slots};
use crate::catalog::{pin, rows_id};
use crate::header::{Header, Record};
use crate::hyperedge::View;
use crate::keys::{self, AppId};
use crate::sequencer::{LockMode, Locked, Target, Transaction, Wait};
use crate::step::{Step, Stop};
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Error, Family, KeyRange};

const DATA: Family = Family::DATA;

/// The collections that hold the rows and entries of a table, as a transaction sees them.
#[derive(Clone, Debug)]
pub struct Opened {
    pub(super) rows: Header,
    pub(super) entries: Vec<Header>,
}

/// A row with these values is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Number of the index that forbids it; 0: the primary key.
    pub index: u64,
}

/// What came of a change.
pub type Changed = Result<(), Violation>;

type Row = [Option<Vec<u8>>];

/// The collection of a table's rows or an index's entries.
pub(crate) fn header<V: View>(view: &V, app: AppId, number: u64) -> Step<Header> {
    let id = rows_id(number);
    let key = keys::element(app, view.hash64(&id), &id);
    let raw = view.get(DATA, &key)?;
    match raw.as_deref().and_then(Record::decode) {
        Some(Record::Edge(header)) if view.is_live(header.expiry) => Ok(header),
        _ => Err(malformed("table")),
    }
}

/// Declares that the transaction writes rows of a table: DDL waits for its end, and if the definition is another one by the
/// commit, that fails.
pub(crate) fn claim(transaction: &mut Transaction, app: AppId, number: u64) -> Step<()> {
    let id = rows_id(number);
    let key = keys::element(app, transaction.hash64(&id), &id);
    let target = Target::table(DATA, &key);
    transaction.lock(target, LockMode::RowExclusive, Wait::Block)?;
    pin(transaction, number);
    Ok(())
}

impl Layout {
    /// Finds the collections of the table.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn open(&self, transaction: &Transaction) -> Step<Opened> {
        let entries = self.indexes.iter();
        let entries = entries.map(|index| header(transaction, self.app, index.number));
        Ok(Opened {
            rows: header(transaction, self.app, self.number)?,
            entries: entries.collect::<Step<_>>()?,
        })
    }

    /// The collection that holds the rows.
    pub(crate) fn open_rows(&self, transaction: &Transaction) -> Step<Header> {
        header(transaction, self.app, self.number)
    }

    /// Declares that the transaction writes rows by this layout: DDL waits for its end, and if the definition is another
    /// one by the commit, that fails.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn claim(&self, transaction: &mut Transaction) -> Step<()> {
        if let Some(wide) = &self.wide {
            return wide.claim(transaction);
        }
        claim(transaction, self.app, self.number)?;
        for index in &self.indexes {
            pin(transaction, index.number);
        }
        Ok(())
    }

    fn member(&self, header: &Header, key: &[u8]) -> Vec<u8> {
        keys::member(self.app, header.cid, key).to_vec()
    }

    pub(super) fn packed(&self, slots: &Row) -> Step<Vec<u8>> {
        let wrong = || {
            Stop::Failed(Error::Invalid(
                "a value that does not fit its column".into(),
            ))
        };
        self.pack(slots).ok_or_else(wrong)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// As [`Transaction::put`]; a [`Violation`] leaves what was written before it: the caller takes the statement back.
    pub fn insert(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        slots: &Row,
    ) -> Step<Changed> {
        if let Some(wide) = &self.wide {
            return self.token_insert(wide, transaction, slots);
        }
        let (row_key, bytes) = match self.insert_row(transaction, opened, slots)? {
            Ok(stored) => stored,
            Err(violation) => return Ok(Err(violation)),
        };
        let id = self.rows_id();
        transaction.adjust(self.app, &id, &mut opened.rows, 1, signed(bytes))?;
        for at in 0..self.indexes.len() {
            if let Err(violation) = self.insert_entry(transaction, opened, at, slots, &row_key)? {
                return Ok(Err(violation));
            }
        }
        Ok(Ok(()))
    }

    /// Adds many rows; what stands in the way of one of them, with its place. Tables are counted once.
    ///
    /// # Errors
    /// As [`Layout::insert`].
    pub fn insert_all(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        rows: &[Slots],
    ) -> Step<Result<(), (usize, Violation)>> {
        if let Some(wide) = &self.wide {
            for (place, slots) in rows.iter().enumerate() {
                if let Err(violation) = self.token_insert(wide, transaction, slots)? {
                    return Ok(Err((place, violation)));
                }
            }
            return Ok(Ok(()));
        }
        let mut stored = 0;
        let mut entries = vec![(0i64, 0i64); self.indexes.len()];
        for (place, slots) in rows.iter().enumerate() {
            let (row_key, bytes) = match self.insert_row(transaction, opened, slots)? {
                Ok(found) => found,
                Err(violation) => return Ok(Err((place, violation))),
            };
            stored += signed(bytes);
            for (at, counted) in entries.iter_mut().enumerate() {
                match self.put_entry(transaction, opened, at, slots, &row_key)? {
                    Ok(None) => {}
                    Ok(Some(bytes)) => *counted = (counted.0 + 1, counted.1 + signed(bytes)),
                    Err(violation) => return Ok(Err((place, violation))),
                }
            }
        }
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let id = self.rows_id();
        transaction.adjust(self.app, &id, &mut opened.rows, count, stored)?;
        let headers = self.indexes.iter().zip(&mut opened.entries).zip(entries);
        for ((index, header), (count, bytes)) in headers {
            transaction.adjust(self.app, &rows_id(index.number), header, count, bytes)?;
        }
        Ok(Ok(()))
    }

    /// Stores a new row: its key and how many bytes it is.
    fn insert_row(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        slots: &Row,
    ) -> Step<Result<(Vec<u8>, usize), Violation>> {
        let row_key = self.row_key(slots)?;
        let key = self.member(&opened.rows, &row_key);
        transaction.lock(Target::row(DATA, &key), LockMode::Update, Wait::Block)?;
        if transaction.get(DATA, &key)?.is_some() {
            return Ok(Err(Violation { index: 0 }));
        }
        let packed = self.packed(slots)?;
        transaction.insert(DATA, &key, &packed)?;
        let bytes = row_key.len() + packed.len();
        Ok(Ok((row_key, bytes)))
    }

    /// Removes a row that the statement has seen.
    ///
    /// # Errors
    /// As [`Transaction::remove`].
    pub fn remove(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        slots: &Row,
    ) -> Step<()> {
        if let Some(wide) = &self.wide {
            return self.token_remove(wide, transaction, slots);
        }
        let row_key = self.row_key(slots)?;
        let key = self.member(&opened.rows, &row_key);
        let packed = self.packed(slots)?;
        transaction.remove(DATA, &key, &[])?;
        let bytes = row_key.len() + packed.len();
        let id = self.rows_id();
        transaction.adjust(self.app, &id, &mut opened.rows, -1, -signed(bytes))?;
        for at in 0..self.indexes.len() {
            self.remove_entry(transaction, opened, at, slots, &row_key)?;
        }
        Ok(())
    }

    /// Replaces `old`, which the statement has seen, by `new`.
    ///
    /// # Errors
    /// As [`Layout::insert`].
    pub fn replace(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        old: &Row,
        new: &Row,
    ) -> Step<Changed> {
        if let Some(wide) = &self.wide {
            return self.token_replace(wide, transaction, old, new);
        }
        let (old_key, new_key) = (self.row_key(old)?, self.row_key(new)?);
        if old_key != new_key {
            self.remove(transaction, opened, old)?;
            return self.insert(transaction, opened, new);
        }
        let key = self.member(&opened.rows, &old_key);
        if self.moves_unique(old, new)? {
            // Whoever refers to the row by these columns must see it change.
            let target = Target::row(DATA, &key);
            if transaction.lock(target, LockMode::Update, Wait::Block)? == Locked::Changed {
                return Err(crate::sequencer::Conflict::RowChanged.into());
            }
        }
        let (before, after) = (self.packed(old)?, self.packed(new)?);
        transaction.put(DATA, &key, &after)?;
        let bytes = signed(after.len()) - signed(before.len());
        let id = self.rows_id();
        transaction.adjust(self.app, &id, &mut opened.rows, 0, bytes)?;
        for (at, index) in self.indexes.iter().enumerate() {
            let was = self.entry_prefix(index, old)?;
            let becomes = self.entry_prefix(index, new)?;
            let included = index.included.iter();
            let same = included
                .clone()
                .all(|slot| old.get(*slot) == new.get(*slot));
            if same && was == becomes {
                continue;
            }
            self.remove_entry(transaction, opened, at, old, &old_key)?;
            if let Err(violation) = self.insert_entry(transaction, opened, at, new, &new_key)? {
                return Ok(Err(violation));
            }
        }
        Ok(Ok(()))
    }

    /// Whether a unique index has another entry for `new` than for `old`.
    fn moves_unique(&self, old: &Row, new: &Row) -> Step<bool> {
        for index in self.indexes.iter().filter(|index| index.unique) {
            if self.entry_prefix(index, old)? != self.entry_prefix(index, new)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn entry_value(&self, index: &IndexLayout, slots: &Row) -> Step<Vec<u8>> {
        if index.included.is_empty() {
            return Ok(Vec::new());
        }
        let mut included = index.included.clone();
        included.sort_unstable();
        let packed = self.pack_only(slots, included);
        packed.ok_or_else(|| malformed("index"))
    }

    /// Adds the entry of a row to index `at`: also what filling a new index does.
    ///
    /// # Errors
    /// As [`Layout::insert`].
    pub fn insert_entry(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        at: usize,
        slots: &Row,
        row_key: &[u8],
    ) -> Step<Changed> {
        let bytes = match self.put_entry(transaction, opened, at, slots, row_key)? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Ok(())),
            Err(violation) => return Ok(Err(violation)),
        };
        let (Some(index), Some(header)) = (self.indexes.get(at), opened.entries.get_mut(at)) else {
            return Err(malformed("index"));
        };
        let id = rows_id(index.number);
        transaction.adjust(self.app, &id, header, 1, signed(bytes))?;
        Ok(Ok(()))
    }

    /// Stores the entry of a row, if it has one: how many bytes it is.
    fn put_entry(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        at: usize,
        slots: &Row,
        row_key: &[u8],
    ) -> Step<Result<Option<usize>, Violation>> {
        let (Some(index), Some(header)) = (self.indexes.get(at), opened.entries.get(at)) else {
            return Err(malformed("index"));
        };
        let Some((prefix, unique)) = self.entry_prefix(index, slots)? else {
            return Ok(Ok(None));
        };
        if unique {
            let prefix = self.member(header, &prefix);
            transaction.lock(Target::row(DATA, &prefix), LockMode::Update, Wait::Block)?;
            let same = KeyRange::prefix(&prefix);
            transaction.settle_range(DATA, &same)?;
            let mut walk = transaction.scan(DATA, same, Direction::Forward)?;
            if walk.next()?.is_some() {
                return Ok(Err(Violation {
                    index: index.number,
                }));
            }
        }
        let key = [&prefix[..], row_key].concat();
        let value = self.entry_value(index, slots)?;
        transaction.insert(DATA, &self.member(header, &key), &value)?;
        Ok(Ok(Some(key.len() + value.len())))
    }

    fn remove_entry(
        &self,
        transaction: &mut Transaction,
        opened: &mut Opened,
        at: usize,
        slots: &Row,
        row_key: &[u8],
    ) -> Step<()> {
        let (Some(index), Some(header)) = (self.indexes.get(at), opened.entries.get_mut(at)) else {
            return Err(malformed("index"));
        };
        let Some((prefix, _)) = self.entry_prefix(index, slots)? else {
            return Ok(());
        };
        let key = [&prefix[..], row_key].concat();
        let value = self.entry_value(index, slots)?;
        transaction.remove(DATA, &self.member(header, &key), &[])?;
        let id = rows_id(index.number);
        transaction.adjust(self.app, &id, header, -1, -signed(key.len() + value.len()))
    }

    /// Locks the row that a foreign key names (FOR KEY SHARE), by the primary key or by the unique index at `index`; whether
    /// it is there. `values` are those of the key's first parts, which must be all of them.
    ///
    /// # Errors
    /// As [`Transaction::lock_parent`].
    pub fn hold_parent(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        index: Option<usize>,
        values: &Row,
    ) -> Step<bool> {
        let limits = super::Limits {
            low: Some((values.to_vec(), true)),
            high: Some((values.to_vec(), true)),
        };
        let Some(at) = index else {
            let range = self.range(&self.key, &limits)?;
            let std::ops::Bound::Included(key) = range.start else {
                return Ok(false);
            };
            return transaction.lock_parent(DATA, &self.member(&opened.rows, &key));
        };
        let (Some(index), Some(header)) = (self.indexes.get(at), opened.entries.get(at)) else {
            return Err(malformed("index"));
        };
        let prefix = keys::member_prefix(self.app, header.cid);
        let range = under(&prefix, self.range(&index.parts, &limits)?);
        transaction.settle_range(DATA, &range)?;
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        let Some((key, _)) = walk.next()? else {
            return Ok(false);
        };
        let entry = key.get(prefix.len()..).unwrap_or_default();
        let row = self
            .row_of_entry(index, entry)
            .ok_or_else(|| malformed("index"))?;
        let key = self.member(&opened.rows, row);
        drop(walk);
        transaction.lock_parent(DATA, &key)
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
