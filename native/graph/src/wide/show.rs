//! What a row shows of a column: its value on the wire, when it was written, how long it still holds.

use super::cells::Columns;
use super::fields;
use super::layout::WideLayout;
use super::many::{push_live, Element, Many, Shape};
use super::stamp::has_ended;
use crate::codec::row::{Cell, Row, Stamp};
use crate::codec::types::Type;
use crate::codec::wire::to_wire;
use crate::codec::Builder;

/// What is asked of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Its value.
    Value,
    /// Its `WRITETIME` in microseconds; of many cells one each.
    WriteTime,
    /// Its `TTL`: seconds that are left; of many cells one each.
    Ttl,
    /// Its `MAXWRITETIME`: that of the newest of its cells.
    MaxWriteTime,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Null.
    Nothing,
    /// A value of the protocol.
    Wire(Vec<u8>),
    /// A time, or seconds.
    Number(i64),
    /// The same by element, in the order of the value; of a user type by field.
    Numbers(Vec<Option<i64>>),
}

/// See [`WideLayout::asked`].
#[derive(Clone, Copy, Debug)]
pub struct AskedColumn<'l> {
    id: u32,
    kind: &'l Type,
    cells: Cells,
}

/// What a column holds of a row.
#[derive(Clone, Copy, Debug)]
enum Cells {
    /// A value of the key, which never ends.
    Lasting,
    /// One cell.
    One,
    /// A cell for each element.
    Many,
}

impl WideLayout {
    /// What a row shows of column `id` at `now`, in seconds since 1970; `None` if it is malformed.
    pub fn show(&self, row: &Row<'_>, id: u32, ask: Ask, now: i64) -> Option<Shown> {
        let Some(cell) = row.cell(id) else {
            return Some(Shown::Nothing);
        };
        let mut parts = self.partition.iter().chain(&self.clustering);
        if let Some(part) = parts.find(|part| part.id == id) {
            return match (ask, cell.value) {
                (Ask::Value, Some(value)) => self.wire(&part.kind, value),
                _ => Some(Shown::Nothing),
            };
        }
        let kind = self.kind(id)?;
        match Shape::of(kind) {
            Some(shape) => self.show_many(kind, shape, cell, ask, now),
            None => match cell.value {
                Some(value) if cell.stamp.is_none_or(|stamp| !has_ended(stamp, now)) => match ask {
                    Ask::Value => self.wire(kind, value),
                    _ => {
                        let number = cell.stamp.and_then(|stamp| about(stamp, ask, now));
                        Some(number.map_or(Shown::Nothing, Shown::Number))
                    }
                },
                _ => Some(Shown::Nothing),
            },
        }
    }

    /// A column to be shown of row after row; `None` if there is no such column.
    pub fn asked(&self, id: u32) -> Option<AskedColumn<'_>> {
        let mut parts = self.partition.iter().chain(&self.clustering);
        if let Some(part) = parts.find(|part| part.id == id) {
            return Some(AskedColumn {
                id,
                kind: &part.kind,
                cells: Cells::Lasting,
            });
        }
        let kind = self.kind(id)?;
        let cells = match Shape::of(kind) {
            Some(_) => Cells::Many,
            None => Cells::One,
        };
        Some(AskedColumn { id, kind, cells })
    }

    /// Appends the wire's form of the value of a column as it is at `now`, in seconds since 1970: whether there is one. `None` if the
    /// row is malformed.
    pub fn show_value(
        &self,
        row: &Row<'_>,
        column: &AskedColumn<'_>,
        now: i64,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        let Some(Cell {
            value: Some(value),
            stamp,
            ..
        }) = row.cell(column.id)
        else {
            return Some(false);
        };
        match column.cells {
            Cells::One if stamp.is_some_and(|stamp| has_ended(stamp, now)) => return Some(false),
            Cells::One | Cells::Lasting => {}
            Cells::Many => {
                return match self.show(row, column.id, Ask::Value, now)? {
                    Shown::Wire(wire) => {
                        out.extend_from_slice(&wire);
                        Some(true)
                    }
                    _ => Some(false),
                }
            }
        }
        // An empty value is one of its own for every type that has no other use for it.
        if !value.is_empty() {
            to_wire(column.kind, self.types(), value, out)?;
        }
        Some(true)
    }

    fn show_many(
        &self,
        kind: &Type,
        shape: Shape<'_>,
        cell: &Cell<'_>,
        ask: Ask,
        now: i64,
    ) -> Option<Shown> {
        let Some(value) = cell.value else {
            return Some(Shown::Nothing);
        };
        let many = Many::decode(shape, self.types(), value, cell.stamp)?;
        let live: Vec<&Element> = many.live(now).collect();
        if live.is_empty() {
            return Some(Shown::Nothing);
        }
        let number = |element: &Element| about(element.stamp, ask, now);
        match (ask, shape) {
            (Ask::Value, Shape::Fields(id)) => {
                let value = fields::live_value(id, self.types(), &live)?;
                self.wire(kind, &value)
            }
            (Ask::Value, _) => {
                let mut items = Builder::default();
                push_live(shape, &live, &mut items);
                self.wire(kind, &items.0)
            }
            (Ask::MaxWriteTime, _) => {
                let newest = live.iter().map(|element| element.stamp.timestamp).max();
                Some(newest.map_or(Shown::Nothing, Shown::Number))
            }
            (_, Shape::Fields(id)) => {
                let known = self.types().fields(id)?;
                let of = |field: u32| {
                    let key = fields::field_key(field);
                    live.iter().find(|element| element.key == key)
                };
                let numbers = known
                    .iter()
                    .map(|(field, _)| of(*field).and_then(|e| number(e)));
                Some(Shown::Numbers(numbers.collect()))
            }
            _ => Some(Shown::Numbers(live.into_iter().map(number).collect())),
        }
    }

    fn wire(&self, kind: &Type, stored: &[u8]) -> Option<Shown> {
        let mut out = Vec::with_capacity(stored.len());
        // An empty value is one of its own for every type that has no other use for it.
        if !stored.is_empty() {
            to_wire(kind, self.types(), stored, &mut out)?;
        }
        Some(Shown::Wire(out))
    }
}

fn about(stamp: Stamp, ask: Ask, now: i64) -> Option<i64> {
    match ask {
        Ask::WriteTime | Ask::MaxWriteTime => Some(stamp.timestamp),
        Ask::Ttl => stamp.ttl.map(|(_, expires)| expires.saturating_sub(now)),
        Ask::Value => None,
    }
}
