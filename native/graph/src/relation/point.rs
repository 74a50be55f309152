//! One row by all of its key.
//!
//! **Theory.** A statement that names a whole key needs neither a page nor a walk: the key's form is made and asked for. Which
//! incarnation of the table it is under (TRUNCATE makes a new one) stands in the table's header, which is read with it.

use super::key::under;
use super::{Layout, Limits, Opened};
use crate::hash::HashKey;
use crate::header::{Header, Record};
use crate::keys::{self, KeyBuf};
use crate::sequencer::{Conflict, LockMode, Locked, Target, Transaction, Wait};
use crate::step::{Step, Stop};
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Error, Family, Glance};

const DATA: Family = Family::DATA;

fn header(raw: Option<&[u8]>) -> Step<Header> {
    match raw.and_then(Record::decode) {
        Some(Record::Edge(header)) => Ok(header),
        _ => Err(malformed("table")),
    }
}

impl Layout {
    /// Key of the table's header.
    pub fn header_key(&self, hash: HashKey) -> KeyBuf {
        let id = self.rows_id();
        keys::element(self.app, hash.hash64(&id), &id)
    }

    /// The key of the row that has these values in the columns of its key; `None` if one of them has no form there.
    ///
    /// # Errors
    /// If a value is none of its column's.
    fn point(&self, cid: u64, values: &[Option<Vec<u8>>]) -> Step<KeyBuf> {
        if values.len() != self.key.len() {
            return Err(Stop::Failed(Error::Invalid("not the whole key".into())));
        }
        let mut key = Vec::with_capacity(32);
        let parts = self.key.iter().zip(values.iter().map(Option::as_deref));
        super::key::encode_parts(&self.image, parts, &mut key)?;
        Ok(keys::member(self.app, cid, &key))
    }

    /// Hands the packed row of this key to `read`; `None` where that would take waiting.
    ///
    /// # Errors
    /// What the store fails with, and as [`Layout::find`].
    pub fn peek<T>(
        &self,
        glance: &Glance<'_>,
        header_key: &[u8],
        values: &[Option<Vec<u8>>],
        read: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Step<Option<T>> {
        let Some(header) = glance.get(DATA, header_key, header)? else {
            return Ok(None);
        };
        let key = self.point(header?.cid, values)?;
        Ok(glance.get(DATA, &key, read)?)
    }

    /// The packed row of this key, or of these values in the unique index at a place, as the transaction sees it; with `lock`
    /// locked for a change and the newest: at READ COMMITTED the statement goes on with that.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; [`Conflict::RowChanged`] if the newest has other values in the index.
    pub fn find(
        &self,
        transaction: &mut Transaction,
        opened: &Opened,
        index: Option<usize>,
        values: &[Option<Vec<u8>>],
        lock: Option<LockMode>,
    ) -> Step<Option<Vec<u8>>> {
        let key = match index {
            None => self.point(opened.rows.cid, values)?,
            Some(at) => match self.entry_of(transaction, opened, at, values)? {
                Some(key) => key,
                None => return Ok(None),
            },
        };
        let seen = transaction.get(DATA, &key)?.map(|value| value.to_vec());
        let (Some(mode), Some(row)) = (lock, &seen) else {
            return Ok(seen);
        };
        if transaction.lock(Target::row(DATA, &key), mode, Wait::Block)? != Locked::Changed {
            return Ok(seen);
        }
        let newest = transaction.get(DATA, &key)?.map(|value| value.to_vec());
        if let (Some(at), Some(newest)) = (index, &newest) {
            if self.index_values(at, row)? != self.index_values(at, newest)? {
                return Err(Conflict::RowChanged.into());
            }
        }
        Ok(newest)
    }

    /// The key of the row that has an entry with these values.
    fn entry_of(
        &self,
        transaction: &Transaction,
        opened: &Opened,
        at: usize,
        values: &[Option<Vec<u8>>],
    ) -> Step<Option<KeyBuf>> {
        let (Some(index), Some(header)) = (self.indexes.get(at), opened.entries.get(at)) else {
            return Err(malformed("index"));
        };
        let prefix = keys::member_prefix(self.app, header.cid);
        let end = || Some((values.to_vec(), true));
        let limits = Limits {
            low: end(),
            high: end(),
        };
        let range = under(&prefix, self.range(&index.parts, &limits)?);
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        let Some((key, _)) = walk.next()? else {
            return Ok(None);
        };
        let entry = key.get(prefix.len()..).unwrap_or_default();
        let row = self
            .row_of_entry(index, entry)
            .ok_or_else(|| malformed("index"))?;
        Ok(Some(keys::member(self.app, opened.rows.cid, row)))
    }

    /// What a packed row has in the columns of an index.
    fn index_values<'r>(&'r self, at: usize, packed: &'r [u8]) -> Step<Vec<Option<&'r [u8]>>> {
        let index = self.indexes.get(at).ok_or_else(|| malformed("index"))?;
        let row = self.unpack(packed).ok_or_else(|| malformed("row"))?;
        let parts = index.parts.iter();
        Ok(parts
            .map(|part| row.get(part.slot).copied().flatten())
            .collect())
    }
}
