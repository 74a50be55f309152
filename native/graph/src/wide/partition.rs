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
use super::shadow::{Shadow, RECORD, REST};
use super::space::RowSpace;
use super::stamp::Deletion;
use crate::codec::row::{Cell, Row};
use crate::codec::types::{Plain, Type};
use crate::header::Header;
use crate::hyperedge::View;
use crate::keys;
use crate::relation;
use crate::sequencer::{LockMode, Target, Transaction, Wait};
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Family, KeyRange};

const DATA: Family = Family::DATA;

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

/// The collections of a table, as a transaction sees them.
#[derive(Clone, Debug)]
pub struct WideOpened {
    /// Rows; what was removed lies beside them.
    pub rows: Header,
    /// Entries of the indexes.
    pub(super) entries: Vec<Header>,
    /// Rows of the views.
    pub(super) views: Vec<Header>,
}

impl WideLayout {
    /// Finds the collections of the rows and of the indexes' entries.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn open<V: View>(&self, view: &V) -> Step<WideOpened> {
        let entries = self.indexes.iter();
        let entries = entries.map(|index| relation::header(view, self.app, index.number));
        let views = self.views.iter();
        let views = views.map(|of| relation::header(view, self.app, of.layout.number));
        Ok(WideOpened {
            views: views.collect::<Step<_>>()?,
            rows: relation::header(view, self.app, self.number)?,
            entries: entries.collect::<Step<_>>()?,
        })
    }

    /// Declares that the transaction writes rows of the table: DDL waits for its end, and if the definition is another one by the
    /// commit, that fails.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn claim<S: RowSpace>(&self, space: &mut S) -> Step<()> {
        space.claim_rows(self.app, self.number)?;
        for index in &self.indexes {
            space.rely_on_object(index.number);
        }
        for view in &self.views {
            space.rely_on_object(view.layout.number);
        }
        Ok(())
    }

    fn member(&self, opened: &WideOpened, partition: &Partition, clustering: &[u8]) -> Vec<u8> {
        let key = keys::member(self.app, opened.rows.cid, &partition.prefix);
        [&key[..], clustering].concat()
    }

    /// Writes a row of a partition; without clustering values its static row, in tables that have clustering columns.
    ///
    /// # Errors
    /// What the store fails with; [`Unwritten`] with nothing changed.
    pub fn write<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
        partition: &Partition,
        clustering: &[Vec<u8>],
        write: &Write,
        moment: Moment,
    ) -> Step<Result<(), Unwritten>> {
        let (place, shadow) = match self.touch(space, opened, partition, clustering)? {
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
        self.keep(space, opened, partition, place, cells, &shadow, moment)?;
        Ok(Ok(()))
    }

    /// Removes a row, or the static row.
    ///
    /// # Errors
    /// As [`WideLayout::write`].
    pub fn remove<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
        partition: &Partition,
        clustering: &[Vec<u8>],
        deletion: Deletion,
        moment: Moment,
    ) -> Step<Result<(), Unwritten>> {
        let (place, mut shadow) = match self.touch(space, opened, partition, clustering)? {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(Unwritten::Key(unkeyable))),
        };
        if shadow.around.max(shadow.own) >= Some(deletion) {
            return Ok(Ok(()));
        }
        let mut cells = self.decode(place.before.as_deref().or(shadow.rest.as_deref()))?;
        cells.shade(deletion);
        shadow.own = Some(deletion);
        self.keep(space, opened, partition, place, cells, &shadow, moment)?;
        Ok(Ok(()))
    }

    /// Removes the rows of a slice; without one all of the partition, the static row too.
    ///
    /// # Errors
    /// As [`WideLayout::write`].
    pub fn remove_slice(
        &self,
        transaction: &mut Transaction,
        opened: &mut WideOpened,
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
        let record = self.beside(opened, partition, RECORD, &[]);
        transaction.lock(Target::row(DATA, &record), LockMode::Update, Wait::Block)?;
        for cid in [opened.rows.cid, opened.rows.cid + 1] {
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
            opened,
            slice.is_none(),
            (&low, high.as_deref()),
            deletion,
            all,
        )?;
        let base = self.member(opened, partition, &[]);
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
            let shadow = self.shadow(transaction, opened, partition, &record, &form)?;
            let place = Place {
                columns: self.key_columns(partition, &packed)?,
                before: Some(packed),
                key,
                form,
            };
            self.keep(
                transaction,
                opened,
                partition,
                place,
                cells,
                &shadow,
                moment,
            )?;
        }
        Ok(Ok(()))
    }

    /// Locks a row for writing: where it lies, what lies there, and what was removed around it.
    pub(super) fn touch<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &WideOpened,
        partition: &Partition,
        clustering: &[Vec<u8>],
    ) -> Step<Result<(Place, Shadow), Unkeyable>> {
        let (form, columns) = match self.cluster(clustering) {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        let key = self.member(opened, partition, &form);
        let record = self.beside(opened, partition, RECORD, &[]);
        self.share(space, opened, partition, &record)?;
        space.hold_row(&key, LockMode::Update)?;
        let before = space.get(DATA, &key)?.map(|value| value.to_vec());
        let shadow = self.shadow(space, opened, partition, &record, &form)?;
        let columns = match &before {
            // Values that sort alike may differ (1.0 and 1.00): a row keeps those that it was first written with.
            Some(packed) if self.keys_may_differ() => self.key_columns(partition, packed)?,
            _ => columns,
        };
        let place = Place {
            key,
            form,
            columns,
            before,
        };
        Ok(Ok((place, shadow)))
    }

    fn keys_may_differ(&self) -> bool {
        let mut kinds = self.clustering.iter().map(|part| &part.kind);
        kinds.any(|kind| match kind {
            Type::Plain(plain) => *plain == Plain::Decimal,
            Type::Sized(..) => false,
            _ => true,
        })
    }

    /// Shares the partition with other writers of rows. What was removed since the statement began makes it begin again.
    pub(super) fn share<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &WideOpened,
        partition: &Partition,
        record: &[u8],
    ) -> Step<()> {
        space.hold_row(record, LockMode::KeyShare)?;
        space.settle_rows(&keys::member(
            self.app,
            opened.rows.cid + 1,
            &partition.prefix,
        ))
    }

    pub(super) fn decode(&self, packed: Option<&[u8]>) -> Step<Cells> {
        let Some(packed) = packed else {
            return Ok(Cells::default());
        };
        let mut cells = Cells::decode(self, packed).ok_or_else(|| malformed("row"))?;
        // What is left of a row has its deletion where a row has its marker.
        cells.marker = cells.marker.filter(|stamp| Deletion::of(*stamp).is_none());
        Ok(cells)
    }

    /// The clustering columns of a stored row.
    pub(super) fn key_columns(
        &self,
        partition: &Partition,
        packed: &[u8],
    ) -> Step<Vec<(u32, Vec<u8>)>> {
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
    pub(super) fn keep<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
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
        let packed = match lives {
            true => Some(self.pack(partition, &place.columns, &cells)?),
            false => None,
        };
        let member = [&partition.prefix[..], &place.form].concat();
        self.note_end(
            space,
            &member,
            place.before.as_deref(),
            lives.then_some(&cells),
        )?;
        self.reindex(
            space,
            opened,
            &member,
            place.before.as_deref(),
            packed.as_deref(),
        )?;
        self.follow(space, opened, place.before.as_deref(), packed.as_deref())?;
        if let Some(packed) = packed {
            let bytes = signed(packed.len() + partition.prefix.len() + place.form.len());
            space.put_row(&place.key, &packed)?;
            space.adjust(self.app, &id, &mut opened.rows, 1 - had, bytes - old)?;
        } else if place.before.is_some() {
            space.remove_row(&place.key)?;
            space.adjust(self.app, &id, &mut opened.rows, -1, -old)?;
        }
        let key = self.beside(opened, partition, REST, &place.form);
        if rest.columns.is_empty() && own.is_none() {
            if shadow.rest.is_some() {
                space.remove_row(&key)?;
            }
            return Ok(());
        }
        let rest = Cells {
            marker: own.map(Deletion::stamp),
            ..rest
        };
        let packed = rest.encode(self).ok_or_else(|| malformed("row"))?;
        if shadow.rest.as_ref() != Some(&packed) {
            space.put_row(&key, &packed)?;
        }
        if !shadow.is_kept {
            // Others may be about to write the same; it says the same.
            let record = self.beside(opened, partition, RECORD, &[]);
            space.put_row(&record, &[0])?;
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
        let parts = self.partition.iter().chain(&self.clustering);
        let values = partition.columns.iter().chain(clustering);
        let key = parts.zip(values).map(|(part, (id, value))| Cell {
            id: *id,
            width: part.kind.width().holding(Some(value)),
            value: Some(value),
            stamp: None,
        });
        let packed = cells.encode_with(self, key.collect());
        packed.ok_or_else(|| malformed("row"))
    }
}

/// Where a row lies, and what lay there.
pub(super) struct Place {
    pub(super) key: Vec<u8>,
    pub(super) form: Vec<u8>,
    pub(super) columns: Vec<(u32, Vec<u8>)>,
    pub(super) before: Option<Vec<u8>>,
}
pub(super) fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A row, or one without columns.
pub(super) fn row_of(packed: Option<&[u8]>) -> Step<Row<'_>> {
    match packed {
        None => Ok(Row::default()),
        Some(packed) => Row::decode(packed).ok_or_else(|| malformed("row")),
    }
}

/// Stores what follows from a row that is locked: nobody else writes it, so what is there by now does not matter.
pub(super) fn overwrite<S: RowSpace>(space: &mut S, key: &[u8], value: &[u8]) -> Step<()> {
    space.hold_row(key, LockMode::Update)?;
    space.put_row(key, value)
}

/// Removes what followed from a row, as [`overwrite`] stores it.
pub(super) fn remove_followed<S: RowSpace>(space: &mut S, key: &[u8]) -> Step<()> {
    space.hold_row(key, LockMode::Update)?;
    space.remove_row(key)
}
