//! What a row shows of a column: its value on the wire, when it was written, how long it still holds.

use super::cells::Columns;
use super::layout::WideLayout;
use super::many::{Many, Shape};
use super::stamp::has_ended;
use crate::codec::row::{Cell, Row, Stamp};
use crate::codec::types::Type;
use crate::codec::wire::{push_item, to_wire};
use crate::codec::Builder;

/// What is asked of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Its value.
    Value,
    /// Its `WRITETIME`: the time of the newest write that is still there, in microseconds.
    WriteTime,
    /// Its `TTL`: seconds that are left.
    Ttl,
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
                    _ => Some(about(cell.stamp, ask, now)),
                },
                _ => Some(Shown::Nothing),
            },
        }
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
        let mut items = Builder::default();
        let mut newest: Option<Stamp> = None;
        let live: Vec<_> = many.live(now).collect();
        if live.is_empty() {
            return Some(Shown::Nothing);
        }
        items.varint(
            live.len() as u64
                * if matches!(shape, Shape::Map(..)) {
                    2
                } else {
                    1
                },
        );
        for element in live {
            if !matches!(shape, Shape::List(_)) {
                push_item(&mut items, &element.key);
            }
            if !matches!(shape, Shape::Set(_)) {
                push_item(&mut items, element.value.as_deref().unwrap_or_default());
            }
            if newest.is_none_or(|stamp| stamp.timestamp < element.stamp.timestamp) {
                newest = Some(element.stamp);
            }
        }
        match ask {
            Ask::Value => self.wire(kind, &items.0),
            _ => Some(about(newest, ask, now)),
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

fn about(stamp: Option<Stamp>, ask: Ask, now: i64) -> Shown {
    let number = match (ask, stamp) {
        (Ask::WriteTime, Some(stamp)) => Some(stamp.timestamp),
        (Ask::Ttl, Some(stamp)) => stamp.ttl.map(|(_, expires)| expires.saturating_sub(now)),
        _ => None,
    };
    number.map_or(Shown::Nothing, Shown::Number)
}
