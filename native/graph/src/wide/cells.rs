//! A row as cells with their times, and what a write does to it.
//!
//! **Theory.** Cassandra keeps every write and merges when it reads; this store is one node and merges when it writes: the row is read, the
//! write is weighed cell by cell, and what has lost is not stored. What remains is what Cassandra's merge would have given, in
//! whatever order the writes came, as long as deletions are remembered for the table's grace. **Invariant.** [`Cells::write`]
//! commutes, with itself and with [`Cells::shade`]: the state follows from the set of writes (lists apart, whose places are
//! those at the time of the write).

use super::many::{since, Many, Shape};
use super::stamp::{has_ended, later, later_marker, tombstone, Deletion, UNSTAMPED};
use crate::codec::order::value::UserTypes;
use crate::codec::row::{Cell, Row, Stamp};
use crate::codec::types::{Plain, Type};
use crate::codec::wire::to_wire;
use std::cmp::Ordering;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// One cell: its stored value, `None` where it was removed.
    One(Option<Vec<u8>>, Stamp),
    /// Many cells.
    Many(Many),
}

/// A row's cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// That the row was inserted: it is there also without values.
    pub marker: Option<Stamp>,
    /// By id, ascending.
    pub columns: Vec<(u32, Column)>,
}

/// What a write does to a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The column is this value, stored; `None` removes it. Of a collection: the elements, as a stored value.
    Set(Option<Vec<u8>>),
    /// The column is removed. A collection that becomes null by `Set` instead keeps elements of the write's own time, as one that
    /// becomes another value does.
    Clear,
    /// Elements of a set (without values), of a map or of a user type are there, or are not.
    Put(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    /// Values behind those of a list.
    Append(Vec<Vec<u8>>),
    /// Values before those of a list, in this order.
    Prepend(Vec<Vec<u8>>),
    /// The value at a place of a list; `None` removes it.
    SetAt(usize, Option<Vec<u8>>),
    /// All values of a list that are one of these go.
    RemoveValues(Vec<Vec<u8>>),
    /// A counter is so much more.
    Add(i64),
}

/// A write of one row.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// Its time, in microseconds since 1970, or what the client chose.
    pub timestamp: i64,
    /// Seconds after which its values end; 0: never.
    pub ttl: u32,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Whether it says that the row is there, as INSERT does and UPDATE does not.
    pub inserts: bool,
    /// By column.
    pub changes: Vec<(u32, Change)>,
}

/// Why a write is refused; nothing is changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A list has no element at this place; so many it has.
    NoElement(usize, usize),
    /// A column of no such kind, or a value that is none of its type.
    Malformed(u32),
}

/// The columns of a table, as far as a row asks for them.
pub trait Columns {
    /// The type of column `id`; `None` if it is gone.
    fn kind(&self, id: u32) -> Option<&Type>;
    /// What user types stand for.
    fn types(&self) -> &dyn UserTypes;
    /// Whether rows are there no longer than their marker, whatever their cells say.
    fn lives_by_marker(&self) -> bool {
        false
    }
}

impl Cells {
    /// From a packed row. Columns that the table has no more are left out. `None` if malformed.
    pub fn decode(columns: &dyn Columns, packed: &[u8]) -> Option<Cells> {
        let row = Row::decode(packed)?;
        let mut cells = Cells {
            marker: row.stamp,
            columns: Vec::with_capacity(row.cells.len()),
        };
        for cell in &row.cells {
            let Some(kind) = columns.kind(cell.id) else {
                continue;
            };
            let column = match (Shape::of(kind), cell.value) {
                (Some(shape), Some(value)) => {
                    Column::Many(Many::decode(shape, columns.types(), value, cell.stamp)?)
                }
                (Some(_), None) => Column::Many(Many::default()),
                (None, None) if cell.stamp.is_none() => continue,
                (None, value) => {
                    Column::One(value.map(<[u8]>::to_vec), cell.stamp.unwrap_or(UNSTAMPED))
                }
            };
            cells.columns.push((cell.id, column));
        }
        Some(cells)
    }

    /// The packed row; `None` if a value does not fit its column.
    pub fn encode(&self, columns: &dyn Columns) -> Option<Vec<u8>> {
        self.encode_with(columns, Vec::new())
    }

    /// The packed row with cells of other columns, those of its key.
    pub(super) fn encode_with(
        &self,
        columns: &dyn Columns,
        others: Vec<Cell<'_>>,
    ) -> Option<Vec<u8>> {
        let mut many = Vec::new();
        for (id, column) in &self.columns {
            if let Column::Many(of) = column {
                let shape = Shape::of(columns.kind(*id)?)?;
                many.push(of.encode(shape, columns.types())?);
            }
        }
        let mut many = many.iter();
        let mut cells = others;
        for (id, column) in &self.columns {
            let (value, stamp) = match column {
                Column::One(value, stamp) => {
                    let stamp = Some(*stamp).filter(|stamp| *stamp != UNSTAMPED);
                    (value.as_deref(), stamp)
                }
                Column::Many(_) => {
                    let (value, stamp) = many.next()?;
                    (value.as_deref(), *stamp)
                }
            };
            if value.is_some() || stamp.is_some() {
                cells.push(Cell {
                    id: *id,
                    width: columns.kind(*id)?.width().holding(value),
                    value,
                    stamp,
                });
            }
        }
        cells.sort_unstable_by_key(|cell| cell.id);
        Row {
            stamp: self.marker,
            cells,
        }
        .encode()
    }

    /// Does what `write` says, cell by cell where it is later than what is there.
    ///
    /// # Errors
    /// See [`Refused`]; changes before the one that is refused are done, so that the row is of no use then.
    pub fn write(&mut self, columns: &dyn Columns, write: &Write) -> Result<(), Refused> {
        let stamp = Stamp {
            timestamp: write.timestamp,
            ttl: (write.ttl > 0)
                .then(|| (write.ttl, write.now.saturating_add(i64::from(write.ttl)))),
        };
        for (id, change) in &write.changes {
            let kind = columns.kind(*id).ok_or(Refused::Malformed(*id))?;
            let removal = Deletion {
                timestamp: write.timestamp,
                local: write.now,
            };
            let place = self.columns.binary_search_by_key(id, |(id, _)| *id);
            let old = place.ok().and_then(|at| self.columns.get(at));
            let old = old.map(|(_, column)| column);
            let new = match Shape::of(kind) {
                Some(shape) => {
                    let mut many = match old {
                        Some(Column::Many(many)) => many.clone(),
                        _ => Many::default(),
                    };
                    change_many(&mut many, shape, columns, change, stamp, removal)
                        .map_err(|refused| refused.unwrap_or(Refused::Malformed(*id)))?;
                    Some(Column::Many(many))
                }
                None => change_one(old, kind, columns, change, stamp, removal)
                    .ok_or(Refused::Malformed(*id))?,
            };
            match (place, new) {
                (_, None) => {}
                (Ok(at), Some(new)) => self.columns[at].1 = new,
                (Err(at), Some(new)) => self.columns.insert(at, (*id, new)),
            }
        }
        if write.inserts
            && self
                .marker
                .is_none_or(|old| later_marker(stamp, old).is_gt())
        {
            self.marker = Some(stamp);
        }
        Ok(())
    }

    /// Takes away what a deletion of the row, of rows around it or of its partition takes.
    pub fn shade(&mut self, deletion: Deletion) {
        self.marker = self.marker.filter(|stamp| !deletion.takes(stamp.timestamp));
        self.columns.retain_mut(|(_, column)| match column {
            Column::One(_, stamp) => !deletion.takes(stamp.timestamp),
            Column::Many(many) => {
                many.shade(deletion);
                !many.elements.is_empty() || many.deletion.is_some()
            }
        });
    }

    /// What is left at `now`: values whose time has ended become tombstones, tombstones older than `grace` seconds are forgotten.
    pub fn settle(&mut self, columns: &dyn Columns, now: i64, grace: i64) {
        self.marker = self.marker.filter(|stamp| !has_ended(*stamp, now));
        let oldest = now.saturating_sub(grace);
        self.columns.retain_mut(|(id, column)| match column {
            Column::One(value, stamp) => {
                if value.is_some() && has_ended(*stamp, now) {
                    *value = None;
                    *stamp = tombstone(*stamp);
                }
                value.is_some() || Deletion::of(*stamp).is_some_and(|it| it.local >= oldest)
            }
            Column::Many(many) => match columns.kind(*id).and_then(Shape::of) {
                Some(shape) => {
                    many.settle(shape, now, grace);
                    !many.elements.is_empty() || many.deletion.is_some()
                }
                None => false,
            },
        });
    }

    /// Whether a packed row is there for a reader at `now`; `None` if malformed. Most rows have nothing that ends, and are not taken
    /// apart for this.
    pub fn lives(columns: &dyn Columns, packed: &[u8], now: i64) -> Option<bool> {
        Cells::row_lives(columns, &Row::decode(packed)?, packed, now)
    }

    /// As [`Cells::lives`], for a row that was taken apart.
    pub fn row_lives(
        columns: &dyn Columns,
        row: &Row<'_>,
        packed: &[u8],
        now: i64,
    ) -> Option<bool> {
        let ends = row.stamp.is_some_and(|stamp| has_ended(stamp, now));
        if row.stamp.is_some() && !ends {
            return Some(true);
        }
        if columns.lives_by_marker() {
            return Some(false);
        }
        Some(Cells::decode(columns, packed)?.is_live(now))
    }

    /// Whether the row is there for a reader at `now`.
    pub fn is_live(&self, now: i64) -> bool {
        let lives = |stamp: Stamp| !has_ended(stamp, now);
        self.marker.is_some_and(lives)
            || self.columns.iter().any(|(_, column)| match column {
                Column::One(value, stamp) => value.is_some() && lives(*stamp),
                Column::Many(many) => many.live(now).next().is_some(),
            })
    }
}

/// What a column of one cell becomes, if it does not stay as it is; `None`: the change is refused.
#[allow(clippy::option_option)]
fn change_one(
    old: Option<&Column>,
    kind: &Type,
    columns: &dyn Columns,
    change: &Change,
    stamp: Stamp,
    removal: Deletion,
) -> Option<Option<Column>> {
    let is_counter = *kind == Type::Plain(Plain::Counter);
    let (value, stamp) = match (change, old) {
        (Change::Set(Some(_)), _) if is_counter => return None,
        (Change::Set(Some(value)), _) => (Some(value.clone()), stamp),
        (Change::Set(None) | Change::Clear, _) => (None, removal.stamp()),
        (Change::Add(_), _) if !is_counter => return None,
        (Change::Add(more), old) => {
            let (count, since) = match old {
                Some(Column::One(Some(value), since)) => (
                    i64::from_le_bytes(value.as_slice().try_into().ok()?),
                    since.timestamp,
                ),
                // What was removed at this time or later stays so: additions count from the removal on.
                Some(Column::One(None, since)) if since.timestamp >= stamp.timestamp => {
                    return Some(None);
                }
                _ => (0, stamp.timestamp),
            };
            let sum = count.wrapping_add(*more).to_le_bytes().to_vec();
            let stamp = Stamp {
                timestamp: since.max(stamp.timestamp),
                ttl: None,
            };
            return Some(Some(Column::One(Some(sum), stamp)));
        }
        _ => return None,
    };
    if let Some(Column::One(was, since)) = old {
        let wire = |value: &Option<Vec<u8>>| {
            let mut out = Vec::new();
            if let Some(value) = value {
                // A stored value has a wire form; where it has none both are compared as empty, and the new one stays.
                let _ = to_wire(kind, columns.types(), value, &mut out);
            }
            out
        };
        if later(stamp, *since, || wire(&value).cmp(&wire(was))) == Ordering::Less {
            return Some(None);
        }
    }
    Some(Some(Column::One(value, stamp)))
}

fn change_many(
    many: &mut Many,
    shape: Shape<'_>,
    columns: &dyn Columns,
    change: &Change,
    stamp: Stamp,
    removal: Deletion,
) -> Result<(), Option<Refused>> {
    match change {
        Change::Clear => {
            many.remove_all(removal);
            Ok(())
        }
        Change::Set(None) => {
            if let Some(before) = since(stamp) {
                many.remove_all(before);
            }
            Ok(())
        }
        Change::Set(Some(value)) => {
            let whole = Many::decode(shape, columns.types(), value, Some(stamp)).ok_or(None)?;
            if let Some(before) = since(stamp) {
                many.remove_all(before);
            }
            match shape {
                Shape::List(_) => {
                    let values = whole
                        .elements
                        .into_iter()
                        .filter_map(|element| element.value);
                    many.extend(values.collect(), stamp, false);
                    Ok(())
                }
                _ => {
                    let puts = whole
                        .elements
                        .into_iter()
                        .map(|e| (e.key, e.value))
                        .collect();
                    many.put(shape, columns.types(), puts, stamp).ok_or(None)
                }
            }
        }
        Change::Put(puts) => {
            // What is removed has its own time; what is put may have a time to live.
            let (there, gone): (Vec<_>, Vec<_>) =
                puts.iter().cloned().partition(|(_, value)| value.is_some());
            many.put(shape, columns.types(), there, stamp).ok_or(None)?;
            many.put(shape, columns.types(), gone, removal.stamp())
                .ok_or(None)
        }
        Change::Append(_) | Change::Prepend(_) | Change::SetAt(..) | Change::RemoveValues(_)
            if !matches!(shape, Shape::List(_)) =>
        {
            Err(None)
        }
        Change::Append(values) => {
            many.extend(values.clone(), stamp, false);
            Ok(())
        }
        Change::Prepend(values) => {
            many.extend(values.clone(), stamp, true);
            Ok(())
        }
        Change::SetAt(at, value) => {
            let count = many.elements.len();
            let stamp = if value.is_some() {
                stamp
            } else {
                removal.stamp()
            };
            many.set_at(*at, value.clone(), stamp)
                .ok_or(Some(Refused::NoElement(*at, count)))
        }
        Change::RemoveValues(values) => {
            many.remove_values(values, removal.stamp());
            Ok(())
        }
        Change::Add(_) => Err(None),
    }
}

#[cfg(test)]
#[path = "cells_tests.rs"]
mod tests;
