//! Packed rows: columns by their stable ids, self-describing, so that a row outlives every ALTER TABLE.
//!
//! ```text
//! flags u8              1 = stamps follow; others are refused
//! n varint              columns, ascending by id
//! n x varint            (id - previous id) * 8 + width code; the first id counts from 0
//! ceil(n / 8) bytes     null bitmap, bit i % 8 of byte i / 8 for column i
//! fixed part            values of columns with a fixed width, by id, nulls left out
//! variable part         a varint length each, by id, nulls left out; then the values
//! stamps, if flagged    m varint, then m x (place varint: 0 = the row, i + 1 = column i; kind u8; timestamp i64 LE us;
//!                       kind 1: ttl u32 LE s, expires i64 LE s)
//! ```
//! **Theory.** A reader that does not know an id (dropped, or added later) skips it; one that misses an id takes
//! the column's default. A null column with a stamp is a cell tombstone.

use super::{Builder, Reader};

/// Bytes of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Width {
    /// 1 byte.
    One = 0,
    /// 2 bytes.
    Two = 1,
    /// 4 bytes.
    Four = 2,
    /// 8 bytes.
    Eight = 3,
    /// 16 bytes.
    Sixteen = 4,
    /// Any number of bytes.
    Variable = 5,
}

impl Width {
    pub(crate) fn from_code(code: u64) -> Option<Width> {
        [
            Width::One,
            Width::Two,
            Width::Four,
            Width::Eight,
            Width::Sixteen,
            Width::Variable,
        ]
        .into_iter()
        .find(|width| *width as u64 == code)
    }

    /// The width of a value in a column of this one: one without bytes is variable, where it is a value at all.
    pub(crate) fn holding(self, value: Option<&[u8]>) -> Width {
        match value {
            Some([]) => Width::Variable,
            _ => self,
        }
    }

    /// How many bytes, if that is fixed.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Width::Variable => None,
            fixed => Some(1 << fixed as usize),
        }
    }
}

/// When a cell was written, and until when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970, or what the client chose.
    pub timestamp: i64,
    /// Time to live in seconds, and the second since 1970 at which it ends.
    pub ttl: Option<(u32, i64)>,
}

/// One column of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Stable id of the column, from 1.
    pub id: u32,
    /// Bytes of its values.
    pub width: Width,
    /// The stored form of the value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// Only where CQL wrote one.
    pub stamp: Option<Stamp>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// The row's own stamp (CQL's row marker).
    pub stamp: Option<Stamp>,
    /// Its columns, ascending by id.
    pub cells: Vec<Cell<'a>>,
}

const STAMPED: u8 = 1;

impl<'a> Row<'a> {
    /// The column `id`, if the row has it.
    pub fn cell(&self, id: u32) -> Option<&Cell<'a>> {
        let place = self.cells.binary_search_by_key(&id, |cell| cell.id).ok()?;
        self.cells.get(place)
    }

    /// The row's bytes; `None` if ids do not ascend from 1 or a value has another width than its column.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let stamped = self.stamp.is_some() || self.cells.iter().any(|cell| cell.stamp.is_some());
        let mut out = Builder(vec![if stamped { STAMPED } else { 0 }]);
        out.varint(self.cells.len() as u64);
        let mut last = 0;
        let mut nulls = vec![0u8; self.cells.len().div_ceil(8)];
        for (i, cell) in self.cells.iter().enumerate() {
            let step = cell.id.checked_sub(last).filter(|step| *step > 0)?;
            out.varint(u64::from(step) * 8 + cell.width as u64);
            last = cell.id;
            match (cell.value, cell.width.bytes()) {
                (None, _) => nulls[i / 8] |= 1 << (i % 8),
                (Some(value), Some(width)) if value.len() != width => return None,
                _ => {}
            }
        }
        out.bytes(&nulls);
        let values = |fixed: bool| {
            self.cells
                .iter()
                .filter(move |cell| cell.width.bytes().is_some() == fixed)
                .filter_map(|cell| cell.value)
        };
        for value in values(true) {
            out.bytes(value);
        }
        for value in values(false) {
            out.varint(value.len() as u64);
        }
        for value in values(false) {
            out.bytes(value);
        }
        if stamped {
            let cells = self.cells.iter().map(|cell| cell.stamp);
            let all: Vec<(usize, Stamp)> = std::iter::once(self.stamp)
                .chain(cells)
                .enumerate()
                .filter_map(|(place, stamp)| Some((place, stamp?)))
                .collect();
            out.varint(all.len() as u64);
            for (place, stamp) in all {
                out.varint(place as u64);
                out.bytes(&[u8::from(stamp.ttl.is_some())]);
                out.bytes(&stamp.timestamp.to_le_bytes());
                if let Some((ttl, expires)) = stamp.ttl {
                    out.bytes(&ttl.to_le_bytes()).bytes(&expires.to_le_bytes());
                }
            }
        }
        Some(out.0)
    }

    /// Back from [`Row::encode`]; `None` if malformed.
    pub fn decode(bytes: &'a [u8]) -> Option<Row<'a>> {
        Row::decode_in(bytes, Vec::new())
    }

    /// As [`Row::decode`], with the room of an earlier row's columns (see [`Row::emptied`]).
    pub fn decode_in(bytes: &'a [u8], mut cells: Vec<Cell<'a>>) -> Option<Row<'a>> {
        let mut reader = Reader(bytes);
        let flags = reader.byte()?;
        if flags > STAMPED {
            return None;
        }
        let count = reader.count()?;
        cells.clear();
        cells.reserve(count);
        let mut id = 0u32;
        for _ in 0..count {
            let descriptor = reader.varint()?;
            let step = u32::try_from(descriptor / 8)
                .ok()
                .filter(|step| *step > 0)?;
            id = id.checked_add(step)?;
            cells.push(Cell {
                id,
                width: Width::from_code(descriptor % 8)?,
                value: None,
                stamp: None,
            });
        }
        let nulls = reader.bytes(count.div_ceil(8))?;
        let is_null = |i: usize| nulls[i / 8] >> (i % 8) & 1 == 1;
        if (count..8 * nulls.len()).any(is_null) {
            return None;
        }
        let mut variable = 0;
        for (i, cell) in cells.iter_mut().enumerate() {
            match (cell.width.bytes(), is_null(i)) {
                (Some(width), false) => cell.value = Some(reader.bytes(width)?),
                (None, false) => variable += 1,
                (_, true) => {}
            }
        }
        // All lengths stand before the values.
        let mut lengths = Reader(reader.0);
        for _ in 0..variable {
            reader.varint()?;
        }
        for (i, cell) in cells.iter_mut().enumerate() {
            if cell.width == Width::Variable && !is_null(i) {
                let length = usize::try_from(lengths.varint()?).ok()?;
                cell.value = Some(reader.bytes(length)?);
            }
        }
        let mut row = Row { stamp: None, cells };
        if flags == STAMPED {
            row.decode_stamps(&mut reader)?;
        }
        reader.end(row)
    }

    /// The room of a row's columns, for another row.
    pub fn emptied<'b>(self) -> Vec<Cell<'b>> {
        let mut cells = self.cells;
        cells.clear();
        // Nothing is left that was borrowed; collecting keeps the room.
        let cells = cells.into_iter().map(|cell| Cell {
            id: cell.id,
            width: cell.width,
            value: None,
            stamp: cell.stamp,
        });
        cells.collect()
    }

    fn decode_stamps(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let stamps = reader.count().filter(|stamps| *stamps > 0)?;
        let mut last = None;
        for _ in 0..stamps {
            let place = usize::try_from(reader.varint()?).ok()?;
            if last.is_some_and(|last| last >= place) {
                return None;
            }
            last = Some(place);
            let kind = reader.byte()?;
            let timestamp = i64::from_le_bytes(reader.array()?);
            let ttl = match kind {
                0 => None,
                1 => Some((
                    u32::from_le_bytes(reader.array()?),
                    i64::from_le_bytes(reader.array()?),
                )),
                _ => return None,
            };
            let stamp = Some(Stamp { timestamp, ttl });
            match place.checked_sub(1) {
                None => self.stamp = stamp,
                Some(i) => self.cells.get_mut(i)?.stamp = stamp,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    type Owned = (u32, u8, Option<Vec<u8>>, Option<(i64, Option<(u32, i64)>)>);

    fn columns() -> impl Strategy<Value = Vec<Owned>> {
        let stamp = prop::option::weighted(
            0.3,
            (any::<i64>(), prop::option::of((any::<u32>(), any::<i64>()))),
        );
        let value = prop::option::of(proptest::collection::vec(any::<u8>(), 16..20));
        proptest::collection::vec((1u32..1000, 0u8..6, value, stamp), 0..20)
    }

    fn row(columns: &[Owned]) -> Row<'_> {
        let mut id = 0;
        let cells = columns.iter().map(|(step, code, value, stamp)| {
            id += step;
            let width = Width::from_code(u64::from(*code)).unwrap();
            Cell {
                id,
                width,
                value: value
                    .as_deref()
                    .map(|v| &v[..width.bytes().unwrap_or(v.len())]),
                stamp: stamp.map(|(timestamp, ttl)| Stamp { timestamp, ttl }),
            }
        });
        Row {
            stamp: None,
            cells: cells.collect(),
        }
    }

    proptest! {
        #[test]
        fn rows_come_back(columns in columns()) {
            let row = row(&columns);
            let bytes = row.encode().unwrap();
            prop_assert_eq!(Row::decode(&bytes), Some(row.clone()));
            for len in 0..bytes.len() {
                prop_assert_eq!(Row::decode(&bytes[..len]), None);
            }
        }

        #[test]
        fn noise_is_refused_or_is_the_one_encoding(bytes in proptest::collection::vec(0u8..32, 0..40)) {
            if let Some(row) = Row::decode(&bytes) {
                prop_assert_eq!(row.encode(), Some(bytes.clone()));
            }
        }
    }

    #[test]
    fn unknown_columns_are_passed_over() {
        let cell = |id, value| Cell {
            id,
            width: Width::Variable,
            value: Some(value),
            stamp: None,
        };
        let row = Row {
            stamp: None,
            cells: vec![cell(1, b"a"), cell(7, b"dropped"), cell(9, b"b")],
        };
        let bytes = row.encode().unwrap();
        let read = Row::decode(&bytes).unwrap();
        assert_eq!(read.cell(9).unwrap().value, Some(&b"b"[..]));
        assert_eq!(read.cell(8), None);
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let cell = |id, value| Cell {
            id,
            width: Width::Four,
            value: Some(value),
            stamp: None,
        };
        let row = |cells| Row { stamp: None, cells };
        assert_eq!(row(vec![cell(1, b"abc")]).encode(), None);
        assert_eq!(row(vec![cell(2, b"abcd"), cell(2, b"abcd")]).encode(), None);
        assert_eq!(row(vec![cell(0, b"abcd")]).encode(), None);
    }
}
