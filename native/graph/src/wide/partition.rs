//! Writing and reading the rows of a partition.
//!
//! **Theory.** A writer of a row locks it, and shares the partition's lock with other writers of rows; whoever removes a range or all of it
//! has that lock alone, so that nothing is written behind a deletion that has not seen it. What was removed is remembered in
//! the companion; the partition's record there says in one get whether there is anything to weigh a write against.
//! **Invariant.** A row lies in the collection exactly if it lives; what its cells left behind, if it does not, lies in the
//! companion. The collection's count is that of live rows and static rows.

use super::cells::{Cells, Refused, Write};
use super::layout::{Partition, Slice, Unkeyable, WideLayout};
use super::read::between;
use super::stamp::Deletion;
use crate::codec::order::{decode_bytes, encode_bytes};
use crate::codec::row::{Cell, Row};
use crate::codec::Reader;
use crate::header::Header;
use crate::keys;
use crate::relation;
use crate::sequencer::{LockMode, Target, Transaction, Wait};
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};
use std::ops::Bound;

const DATA: Family = Family::DATA;
const RECORD: u8 = 0;
const RANGE: u8 = 1;
const REST: u8 = 2;

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// The key is none.
    Key(Unkeyable),
    /// The write is none.
    Write(Refused),
}

/// When a write happens, and how long what it removes is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds since 1970.
    pub now: i64,
    /// The table's `gc_grace_seconds`.
    pub grace: i64,
}

/// What was removed around a row.
#[derive(Debug, Default)]
struct Shadow {
    /// Whether the partition has a record.
    is_kept: bool,
    /// Of the partition and of ranges.
    around: Option<Deletion>,
    /// Of the row.
    own: Option<Deletion>,
    /// What its cells left behind.
    rest: Option<Vec<u8>>,
}

impl WideLayout {
    /// Finds the collection of the rows.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn open(&self, transaction: &Transaction) -> Step<Header> {
        relation::header(transaction, self.app, self.number)
    }

    /// Declares that the transaction writes rows of the table: DDL waits for its end, and if the definition is another one by the
    /// commit, that fails.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn claim(&self, transaction: &mut Transaction) -> Step<()> {
        relation::claim(transaction, self.app, self.number)
    }

    fn member(&self, rows: &Header, partition: &Partition, clustering: &[u8]) -> Vec<u8> {
        let key = keys::member(self.app, rows.cid, &partition.prefix);
        [&key[..], clustering].concat()
    }

    fn beside(&self, rows: &Header, partition: &Partition, tag: u8, rest: &[u8]) -> Vec<u8> {
        let key = keys::member(self.app, rows.cid + 1, &partition.prefix);
        [&key[..], &[tag], rest].concat()
    }

    /// Writes a row of a partition; without clustering values its static row, in tables that have clustering columns.
    ///
    /// # Errors
    /// What the store fails with; [`Unwritten`] with nothing changed.
    pub fn write(
        &self,
        transaction: &mut Transaction,
        rows: &mut Header,
        partition: &Partition,
        clustering: &[Vec<u8>],
        write: &Write,
        moment: Moment,
    ) -> Step<Result<(), Unwritten>> {
        let (place, shadow) = match self.touch(transaction, rows, partition, clustering)? {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(Unwritten::Key(unkeyable))),
        };
        let covering = shadow.around.max(shadow.own);
        if covering.is_some_and(|deletion| deletion.takes(write.timestamp)) {
            return Ok(Ok(()));
        }
        let mut cells = self.decode(place.before.as_deref().or(shadow.rest.as_deref()))?;
        if let Err(refused) = cells.write(self, write) {
            return Ok(Err(Unwritten::Write(refused)));
        }
        if let Some(deletion) = covering {
            cells.shade(deletion);
        }
        self.keep(transaction, rows, partition, place, cells, &shadow, moment)?;
        Ok(Ok(()))
    }

    /// Removes a row, or the static row.
    ///
    /// # Errors
    /// As [`WideLayout::write`].
    pub fn remove(
        &self,
        transaction: &mut Transaction,
        rows: &mut Header,
        partition: &Partition,
        clustering: &[Vec<u8>],
        deletion: Deletion,
        moment: Moment,
    ) -> Step<Result<(), Unwritten>> {
        let (place, mut shadow) = match self.touch(transaction, rows, partition, clustering)? {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(Unwritten::Key(unkeyable))),
        };
        if shadow.around.max(shadow.own) >= Some(deletion) {
            return Ok(Ok(()));
        }
        let mut cells = self.decode(place.before.as_deref().or(shadow.rest.as_deref()))?;
        cells.shade(deletion);
        shadow.own = Some(deletion);
        self.keep(transaction, rows, partition, place, cells, &shadow, moment)?;
        Ok(Ok(()))
    }

    /// Removes the rows of a slice; without one all of the partition, the static row too.
    ///
    /// # Errors
    /// As [`WideLayout::write`].
    pub fn remove_slice(
        &self,
        transaction: &mut Transaction,
        rows: &mut Header,
        partition: &Partition,
        slice: Option<&Slice>,
        deletion: Deletion,
        moment: Moment,
    ) -> Step<Result<(), Unwritten>> {
        let (low, high) = match slice.map(|slice| self.interval(slice)) {
            None => (Vec::new(), None),
            Some(Ok(found)) => found,
            Some(Err(unkeyable)) => return Ok(Err(Unwritten::Key(unkeyable))),
        };
        if high.as_ref().is_some_and(|high| *high <= low) {
            return Ok(Ok(()));
        }
        let record = self.beside(rows, partition, RECORD, &[]);
        transaction.lock(Target::row(DATA, &record), LockMode::Update, Wait::Block)?;
        for cid in [rows.cid, rows.cid + 1] {
            let of_partition = keys::member(self.app, cid, &partition.prefix);
            transaction.settle_range(DATA, &KeyRange::prefix(&of_partition))?;
        }
        let all = self.record(transaction, &record)?;
        if all.flatten().is_some_and(|all| all >= deletion) {
            return Ok(Ok(()));
        }
        self.remember(
            transaction,
            &record,
            partition,
            rows,
            slice.is_none(),
            (&low, high.as_deref()),
            deletion,
            all,
        )?;
        let base = self.member(rows, partition, &[]);
        let range = between(&base, &low, high.as_deref());
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while let Some((key, value)) = walk.next()? {
            found.push((key.to_vec(), value.to_vec()));
        }
        drop(walk);
        for (key, packed) in found {
            let mut cells = self.decode(Some(&packed))?;
            cells.shade(deletion);
            let form = key.get(base.len()..).unwrap_or_default().to_vec();
            let shadow = self.shadow(transaction, rows, partition, &form)?;
            let place = Place {
                columns: self.key_columns(partition, &packed)?,
                before: Some(packed),
                key,
                form,
            };
            self.keep(transaction, rows, partition, place, cells, &shadow, moment)?;
        }
        Ok(Ok(()))
    }

    /// Locks a row for writing: where it lies, what lies there, and what was removed around it.
    fn touch(
        &self,
        transaction: &mut Transaction,
        rows: &Header,
        partition: &Partition,
        clustering: &[Vec<u8>],
    ) -> Step<Result<(Place, Shadow), Unkeyable>> {
        let (form, columns) = match self.cluster(clustering) {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        let key = self.member(rows, partition, &form);
        self.share(transaction, rows, partition)?;
        transaction.lock(Target::row(DATA, &key), LockMode::Update, Wait::Block)?;
        let before = transaction.get(DATA, &key)?.map(|value| value.to_vec());
        let shadow = self.shadow(transaction, rows, partition, &form)?;
        let place = Place {
            key,
            form,
            columns,
            before,
        };
        Ok(Ok((place, shadow)))
    }

    /// Shares the partition with other writers of rows. What was removed since the statement began makes it begin again.
    fn share(
        &self,
        transaction: &mut Transaction,
        rows: &Header,
        partition: &Partition,
    ) -> Step<()> {
        let record = self.beside(rows, partition, RECORD, &[]);
        transaction.lock(Target::row(DATA, &record), LockMode::KeyShare, Wait::Block)?;
        let beside = keys::member(self.app, rows.cid + 1, &partition.prefix);
        transaction.settle_range(DATA, &KeyRange::prefix(&beside))
    }

    /// The partition's record: `None` if there is none, else its deletion.
    #[allow(clippy::option_option)]
    fn record(&self, transaction: &Transaction, key: &[u8]) -> Step<Option<Option<Deletion>>> {
        let Some(value) = transaction.get(DATA, key)? else {
            return Ok(None);
        };
        let mut reader = Reader(&value);
        let read = |reader: &mut Reader<'_>| match reader.byte()? {
            0 => reader.end(None),
            1 => {
                let deletion = Deletion {
                    timestamp: i64::from_le_bytes(reader.array()?),
                    local: i64::from_le_bytes(reader.array()?),
                };
                reader.end(Some(deletion))
            }
            _ => None,
        };
        let deletion = read(&mut reader).ok_or_else(|| malformed("partition"))?;
        Ok(Some(deletion))
    }

    #[allow(clippy::too_many_arguments)]
    fn remember(
        &self,
        transaction: &mut Transaction,
        record: &[u8],
        partition: &Partition,
        rows: &Header,
        is_all: bool,
        interval: (&[u8], Option<&[u8]>),
        deletion: Deletion,
        known: Option<Option<Deletion>>,
    ) -> Step<()> {
        if is_all {
            let mut value = vec![1];
            value.extend_from_slice(&deletion.timestamp.to_le_bytes());
            value.extend_from_slice(&deletion.local.to_le_bytes());
            return transaction.put(DATA, record, &value);
        }
        if known.is_none() {
            transaction.put(DATA, record, &[0])?;
        }
        let mut rest = Vec::new();
        encode_bytes(interval.0, &mut rest);
        rest.extend_from_slice(&keys::order_i64(deletion.timestamp));
        let key = self.beside(rows, partition, RANGE, &rest);
        let mut value = deletion.local.to_le_bytes().to_vec();
        let high = interval.1.map(<[u8]>::to_vec);
        // Of two ranges with one beginning and one time the longer holds the other.
        let longer = match transaction.get(DATA, &key)? {
            None => high,
            Some(old) => match old.get(8..) {
                None | Some([]) => None,
                Some(end) => high.map(|high| high.max(end.to_vec())),
            },
        };
        value.extend_from_slice(longer.as_deref().unwrap_or_default());
        transaction.put(DATA, &key, &value)
    }

    /// What was removed around the row with this clustering form.
    fn shadow(
        &self,
        transaction: &Transaction,
        rows: &Header,
        partition: &Partition,
        form: &[u8],
    ) -> Step<Shadow> {
        let record = self.beside(rows, partition, RECORD, &[]);
        let Some(all) = self.record(transaction, &record)? else {
            return Ok(Shadow::default());
        };
        let mut shadow = Shadow {
            is_kept: true,
            around: all,
            ..Shadow::default()
        };
        let prefix = self.beside(rows, partition, RANGE, &[]);
        // Ranges that begin at the form or before it.
        let mut last = prefix.clone();
        encode_bytes(form, &mut last);
        let mut range = KeyRange::prefix(&prefix);
        range.end = match KeyRange::prefix(&last).end {
            Bound::Unbounded => range.end,
            end => end,
        };
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while let Some((key, value)) = walk.next()? {
            let (deletion, high) =
                range_deletion(key.get(prefix.len()..).unwrap_or_default(), &value)
                    .ok_or_else(|| malformed("deletion"))?;
            if high.is_none_or(|high| form < high) {
                shadow.around = shadow.around.max(Some(deletion));
            }
        }
        drop(walk);
        let rest = self.beside(rows, partition, REST, form);
        if let Some(packed) = transaction.get(DATA, &rest)? {
            let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
            shadow.own = row.stamp.and_then(Deletion::of);
            shadow.rest = Some(packed.to_vec());
        }
        Ok(shadow)
    }

    fn decode(&self, packed: Option<&[u8]>) -> Step<Cells> {
        let Some(packed) = packed else {
            return Ok(Cells::default());
        };
        let mut cells = Cells::decode(self, packed).ok_or_else(|| malformed("row"))?;
        // What is left of a row has its deletion where a row has its marker.
        cells.marker = cells.marker.filter(|stamp| Deletion::of(*stamp).is_none());
        Ok(cells)
    }

    /// The clustering columns of a stored row.
    fn key_columns(&self, partition: &Partition, packed: &[u8]) -> Step<Vec<(u32, Vec<u8>)>> {
        let row = Row::decode(packed).ok_or_else(|| malformed("row"))?;
        let is_own = |id: u32| !partition.columns.iter().any(|(column, _)| *column == id);
        let clustering = self.clustering.iter().filter(|part| is_own(part.id));
        let value = |id: u32| row.cell(id).and_then(|cell| cell.value).map(<[u8]>::to_vec);
        Ok(clustering
            .filter_map(|part| Some((part.id, value(part.id)?)))
            .collect())
    }

    /// Stores what has come of a row.
    #[allow(clippy::too_many_arguments)]
    fn keep(
        &self,
        transaction: &mut Transaction,
        rows: &mut Header,
        partition: &Partition,
        place: Place,
        mut cells: Cells,
        shadow: &Shadow,
        moment: Moment,
    ) -> Step<()> {
        cells.settle(self, moment.now, moment.grace);
        let oldest = moment.now.saturating_sub(moment.grace);
        let own = shadow
            .own
            .filter(|own| own.local >= oldest && shadow.around < Some(*own));
        let lives = cells.is_live(moment.now);
        let rest = match lives {
            true => Cells::default(),
            false => cells.clone(),
        };
        let old = signed(place.before.as_ref().map_or(0, |row| {
            row.len() + partition.prefix.len() + place.form.len()
        }));
        let had = i64::from(place.before.is_some());
        let id = self.rows_id();
        if lives {
            let packed = self.pack(partition, &place.columns, &cells)?;
            let bytes = signed(packed.len() + partition.prefix.len() + place.form.len());
            transaction.put(DATA, &place.key, &packed)?;
            transaction.adjust(self.app, &id, rows, 1 - had, bytes - old)?;
        } else if place.before.is_some() {
            transaction.remove(DATA, &place.key, &[])?;
            transaction.adjust(self.app, &id, rows, -1, -old)?;
        }
        let key = self.beside(rows, partition, REST, &place.form);
        if rest.columns.is_empty() && own.is_none() {
            if shadow.rest.is_some() {
                transaction.remove(DATA, &key, &[])?;
            }
            return Ok(());
        }
        let rest = Cells {
            marker: own.map(Deletion::stamp),
            ..rest
        };
        let packed = rest.encode(self).ok_or_else(|| malformed("row"))?;
        if shadow.rest.as_ref() != Some(&packed) {
            transaction.put(DATA, &key, &packed)?;
        }
        if !shadow.is_kept {
            // Others may be about to write the same; it says the same.
            let record = self.beside(rows, partition, RECORD, &[]);
            transaction.put(DATA, &record, &[0])?;
        }
        Ok(())
    }

    /// A row with its key's columns.
    fn pack(
        &self,
        partition: &Partition,
        clustering: &[(u32, Vec<u8>)],
        cells: &Cells,
    ) -> Step<Vec<u8>> {
        let packed = cells.encode(self).ok_or_else(|| malformed("row"))?;
        let row = Row::decode(&packed).ok_or_else(|| malformed("row"))?;
        let parts = self.partition.iter().chain(&self.clustering);
        let values = partition.columns.iter().chain(clustering);
        let key = parts.zip(values).map(|(part, (id, value))| Cell {
            id: *id,
            width: part.kind.width(),
            value: Some(value),
            stamp: None,
        });
        let mut all: Vec<Cell<'_>> = key.chain(row.cells.iter().copied()).collect();
        all.sort_by_key(|cell| cell.id);
        for cell in &mut all {
            cell.width = cell.width.holding(cell.value);
        }
        let row = Row {
            stamp: row.stamp,
            cells: all,
        };
        row.encode().ok_or_else(|| malformed("row"))
    }
}

/// Where a row lies, and what lay there.
struct Place {
    key: Vec<u8>,
    form: Vec<u8>,
    columns: Vec<(u32, Vec<u8>)>,
    before: Option<Vec<u8>>,
}

/// A deletion, and where its range ends: `None` at the end of the partition.
fn range_deletion<'v>(key: &[u8], value: &'v [u8]) -> Option<(Deletion, Option<&'v [u8]>)> {
    let (_, used) = decode_bytes(key)?;
    let timestamp = u64::from_be_bytes(key.get(used..)?.try_into().ok()?) ^ (1 << 63);
    let (local, high) = value.split_first_chunk()?;
    let deletion = Deletion {
        timestamp: timestamp.cast_signed(),
        local: i64::from_le_bytes(*local),
    };
    Some((deletion, Some(high).filter(|high| !high.is_empty())))
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
