//! Rows in the order of their key or of an index, a page at a time.

use super::key::under;
use super::{Layout, Limits, Opened};
use crate::header::Record;
use crate::keys;
use crate::sequencer::{LockMode, Locked, Target, Transaction, Wait};
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;

/// Which rows, in which order.
#[derive(Clone, Debug)]
pub struct Way {
    /// By this index of the layout; `None`: by the row's key.
    pub index: Option<usize>,
    /// From where to where.
    pub limits: Limits,
    /// From the last.
    pub direction: Direction,
    /// Nothing in the range may be newer than the statement: for who decides on rows that are not there.
    pub settled: bool,
}

/// Packed rows, and the member key behind which to go on; `None` at the end.
#[derive(Debug, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Vec<u8>>,
    /// Where to go on.
    pub after: Option<Vec<u8>>,
}

impl Layout {
    /// How many rows there are, as far as the transaction can know; never part of its read set.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn estimate(&self, transaction: &Transaction) -> Step<u64> {
        let id = self.rows_id();
        let key = keys::element(self.app, transaction.hash64(&id), &id);
        let raw = transaction.get_untracked(DATA, &key)?;
        Ok(match raw.as_deref().and_then(Record::decode) {
            Some(Record::Edge(header)) => header.count,
            _ => 0,
        })
    }

    /// How many entries of an index (`None`: the key) lie within `limits`, counted to `most`: for plans, never an answer, so
    /// what the transaction has written itself is not looked at.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn expected(
        &self,
        transaction: &Transaction,
        opened: &Opened,
        index: Option<usize>,
        limits: &Limits,
        most: usize,
    ) -> Step<usize> {
        if self.wide.is_some() {
            let rows = usize::try_from(opened.rows.count).unwrap_or(usize::MAX);
            return Ok(rows.min(most));
        }
        let (_, range) = self.range_of(opened, index, limits)?;
        let mut walk = transaction.snapshot().iter(DATA, range, Direction::Forward);
        let mut count = 0;
        while count < most && walk.step()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The prefix of an index's entries (`None`: of rows), and the keys of those within `limits`.
    fn range_of(
        &self,
        opened: &Opened,
        index: Option<usize>,
        limits: &Limits,
    ) -> Step<(Vec<u8>, KeyRange)> {
        let (header, parts) = match index {
            None => (Some(&opened.rows), &self.key),
            Some(at) => {
                let index = self.indexes.get(at).ok_or_else(|| malformed("index"))?;
                (opened.entries.get(at), &index.parts)
            }
        };
        let header = header.ok_or_else(|| malformed("index"))?;
        let prefix = keys::member_prefix(self.app, header.cid);
        let range = under(&prefix, self.range(parts, limits)?);
        Ok((prefix.to_vec(), range))
    }

    /// Up to `limit` packed rows on the `way`, behind the place `after`.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn page(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        way: &Way,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Step<Page> {
        if let Some(wide) = &self.wide {
            return self.token_page(wide, transaction, way, after, limit);
        }
        let (prefix, mut range) = self.range_of(opened, way.index, &way.limits)?;
        if let Some(after) = after {
            let after = Bound::Excluded([&prefix[..], after].concat());
            match way.direction {
                Direction::Forward => range.start = after,
                Direction::Reverse => range.end = after,
            }
        }
        if way.settled {
            transaction.settle_range(DATA, &range)?;
        }
        let mut page = Page::default();
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut walk = transaction.scan(DATA, range, way.direction)?;
        let mut count = 0;
        while let Some((key, value)) = walk.next()? {
            let member = key.get(prefix.len()..).unwrap_or_default();
            match way.index.and_then(|at| self.indexes.get(at)) {
                None => page.rows.push(value.to_vec()),
                Some(index) => {
                    let row = self
                        .row_of_entry(index, member)
                        .ok_or_else(|| malformed("index"))?;
                    entries.push(keys::member(self.app, opened.rows.cid, row).to_vec());
                }
            }
            count += 1;
            if count == limit {
                page.after = Some(member.to_vec());
                break;
            }
        }
        drop(walk);
        if !entries.is_empty() {
            let keys: Vec<&[u8]> = entries.iter().map(|key| &key[..]).collect();
            for row in transaction.multi_get(DATA, &keys)? {
                page.rows
                    .push(row.ok_or_else(|| malformed("index"))?.to_vec());
            }
        }
        Ok(page)
    }

    /// Locks a row that the statement has seen; whether it is locked.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; [`crate::Conflict::RowChanged`] if it is newer than the statement.
    pub fn lock_row(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        slots: &[Option<Vec<u8>>],
        mode: LockMode,
        wait: Wait,
    ) -> Step<bool> {
        let row_key = self.row_key(slots)?;
        let key = keys::member(self.app, opened.rows.cid, &row_key);
        match transaction.lock(Target::row(DATA, &key), mode, wait)? {
            Locked::Skipped => Ok(false),
            Locked::Unchanged => Ok(true),
            Locked::Changed => Err(crate::sequencer::Conflict::RowChanged.into()),
        }
    }
}
