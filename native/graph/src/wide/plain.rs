//! Rows for readers and writers who know no times: SQL.
//!
//! **Invariant.** What is shown here of a column is what CQL shows of it, as a stored value.

use super::cells::{Cells, Columns};
use super::fields;
use super::layout::{KeyPart, Partition, Unkeyable, WideLayout};
use super::many::{push_live, Element, Many, Shape};
use super::partition::WideOpened;
use super::stamp::has_ended;
use crate::codec::order::value::UserTypes;
use crate::codec::row::Row;
use crate::codec::wire::to_wire;
use crate::codec::Builder;
use crate::relation::newest_of;
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::turn::malformed;

impl KeyPart {
    /// From the largest down.
    pub fn descends(&self) -> bool {
        self.order.descending
    }
}

impl WideLayout {
    /// What user types stand for in this table.
    pub fn user_types(&self) -> &dyn UserTypes {
        self.types()
    }

    /// A row's member key.
    ///
    /// # Errors
    /// See [`Unkeyable`].
    pub fn member_key(
        &self,
        partition: &Partition,
        clustering: &[Vec<u8>],
    ) -> Result<Vec<u8>, Unkeyable> {
        let (form, _) = self.cluster(clustering)?;
        Ok([&partition.prefix[..], &form].concat())
    }

    /// Whether a packed row is one of the partition's rows, and not the static one.
    pub fn has_row_key(&self, row: &Row<'_>) -> bool {
        let last = self.clustering.last();
        last.is_none_or(|part| row.cell(part.id).is_some_and(|cell| cell.value.is_some()))
    }

    /// Whether partitions may have a static row.
    pub fn has_statics(&self) -> bool {
        self.values.iter().any(|value| value.is_static)
    }

    /// Whether a column is the partition's.
    pub fn is_static(&self, id: u32) -> bool {
        let mut values = self.values.iter();
        values.any(|value| value.id == id && value.is_static)
    }

    /// The partition that a packed row lies in; `None` if malformed.
    pub fn partition_of(&self, row: &Row<'_>) -> Option<Partition> {
        let mut wires = Vec::with_capacity(self.partition.len());
        for part in &self.partition {
            let mut wire = Vec::new();
            to_wire(
                &part.kind,
                self.types(),
                row.cell(part.id)?.value?,
                &mut wire,
            )?;
            wires.push(wire);
        }
        let wires: Vec<&[u8]> = wires.iter().map(Vec::as_slice).collect();
        self.find_partition(&wires).ok()
    }

    /// The stored value of a column that lives at `now`, in seconds since 1970; `None` if the row is malformed.
    #[allow(clippy::option_option)]
    pub fn live_value(&self, row: &Row<'_>, id: u32, now: i64) -> Option<Option<Vec<u8>>> {
        let Some(cell) = row.cell(id) else {
            return Some(None);
        };
        let Some(value) = cell.value else {
            return Some(None);
        };
        let Some(shape) = self.kind(id).and_then(Shape::of) else {
            let ended = cell.stamp.is_some_and(|stamp| has_ended(stamp, now));
            return Some((!ended).then(|| value.to_vec()));
        };
        let many = Many::decode(shape, self.types(), value, cell.stamp)?;
        let live: Vec<&Element> = many.live(now).collect();
        if live.is_empty() {
            return Some(None);
        }
        if let Shape::Fields(of) = shape {
            return fields::live_value(of, self.types(), &live).map(Some);
        }
        let mut items = Builder::default();
        push_live(shape, &live, &mut items);
        Some(Some(items.0))
    }

    /// Locks a row for writing: what lies there.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; [`Unkeyable`] if the values are no key.
    pub fn hold(
        &self,
        transaction: &mut Transaction,
        opened: &WideOpened,
        partition: &Partition,
        clustering: &[Vec<u8>],
    ) -> Step<Result<Option<Vec<u8>>, Unkeyable>> {
        let found = self.touch(transaction, opened, partition, clustering)?;
        Ok(found.map(|(place, _)| place.before))
    }

    /// Locks a row for writing: the newest time of what is there, or of what was removed around it.
    ///
    /// # Errors
    /// As [`WideLayout::hold`].
    pub fn newest(
        &self,
        transaction: &mut Transaction,
        opened: &WideOpened,
        partition: &Partition,
        clustering: &[Vec<u8>],
    ) -> Step<Result<Option<i64>, Unkeyable>> {
        let (place, shadow) = match self.touch(transaction, opened, partition, clustering)? {
            Ok(found) => found,
            Err(unkeyable) => return Ok(Err(unkeyable)),
        };
        let cells = match place.before.as_deref().or(shadow.rest.as_deref()) {
            None => Cells::default(),
            Some(packed) => Cells::decode(self, packed).ok_or_else(|| malformed("row"))?,
        };
        let removed = shadow
            .around
            .max(shadow.own)
            .map(|deletion| deletion.timestamp);
        Ok(Ok(newest_of(&cells).max(removed)))
    }
}
