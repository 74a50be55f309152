//! Packed rows into columns.
//!
//! **Theory.** Rows of one table were mostly written under one definition, so their heads (flags, count, descriptors) are
//! the same bytes: what they say is worked out once and used while heads are equal. A head says itself where it ends, so
//! bytes that begin with a known head have that head. A row with stamps of CQL goes the general way.
//!
//! **Invariant.** What is read is what [`crate::relation::Layout::unpack`] reads.

use super::column::Column;
use super::scan::Fault;
use crate::codec::row::{Row, Width};
use crate::codec::Reader;

/// A column that is wanted: its id, and what rows from before it have.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) id: u32,
    pub(super) missing: Option<Vec<u8>>,
}

/// A cell of rows with a known head: its width, and which column wants it.
#[derive(Clone, Copy)]
struct Place {
    width: Option<usize>,
    target: Option<usize>,
}

/// What a head says.
struct Shape {
    head: Vec<u8>,
    places: Vec<Place>,
    /// Columns that rows with this head do not have.
    absent: Vec<usize>,
}

/// Decodes rows into the columns that are wanted.
pub(super) struct Decoder {
    wanted: Vec<Wanted>,
    shape: Option<Shape>,
    lengths: Vec<(Option<usize>, usize)>,
}

impl Decoder {
    pub(super) fn new(wanted: Vec<Wanted>) -> Decoder {
        Decoder {
            wanted,
            shape: None,
            lengths: Vec::new(),
        }
    }

    /// Appends one row; `columns` are the wanted ones in their order. After an error they are of no use.
    pub(super) fn push(&mut self, packed: &[u8], columns: &mut [Column]) -> Result<(), Fault> {
        if packed.first() != Some(&0) {
            return self.push_slowly(packed, columns);
        }
        let known = self.shape.as_ref();
        if !known.is_some_and(|shape| packed.starts_with(&shape.head)) {
            self.shape = Some(self.shape_of(packed).ok_or(Fault::Malformed)?);
        }
        let Some(shape) = &self.shape else {
            return Err(Fault::Malformed);
        };
        for at in &shape.absent {
            columns[*at].push(self.wanted[*at].missing.as_deref())?;
        }
        let mut reader = Reader(packed.get(shape.head.len()..).ok_or(Fault::Malformed)?);
        let count = shape.places.len();
        let nulls = reader.bytes(count.div_ceil(8)).ok_or(Fault::Malformed)?;
        if count % 8 != 0 && nulls.last().is_some_and(|byte| byte >> (count % 8) != 0) {
            return Err(Fault::Malformed);
        }
        self.lengths.clear();
        let mut variable = 0;
        for (at, place) in shape.places.iter().enumerate() {
            if nulls[at / 8] >> (at % 8) & 1 == 1 {
                if let Some(target) = place.target {
                    columns[target].push(None)?;
                }
                continue;
            }
            match place.width {
                None => {
                    self.lengths.push((place.target, 0));
                    variable += 1;
                }
                Some(width) => {
                    let value = reader.bytes(width).ok_or(Fault::Malformed)?;
                    if let Some(target) = place.target {
                        columns[target].push(Some(value))?;
                    }
                }
            }
        }
        for (_, len) in &mut self.lengths[..variable] {
            let read = reader.varint().ok_or(Fault::Malformed)?;
            *len = usize::try_from(read).map_err(|_| Fault::Malformed)?;
        }
        for (target, len) in &self.lengths {
            let value = reader.bytes(*len).ok_or(Fault::Malformed)?;
            if let Some(target) = target {
                columns[*target].push(Some(value))?;
            }
        }
        reader.end(()).ok_or(Fault::Malformed)
    }

    fn push_slowly(&self, packed: &[u8], columns: &mut [Column]) -> Result<(), Fault> {
        let row = Row::decode(packed).ok_or(Fault::Malformed)?;
        for (wanted, column) in self.wanted.iter().zip(columns) {
            match row.cell(wanted.id) {
                Some(cell) => column.push(cell.value)?,
                None => column.push(wanted.missing.as_deref())?,
            }
        }
        Ok(())
    }

    fn shape_of(&self, packed: &[u8]) -> Option<Shape> {
        let mut reader = Reader(packed);
        reader.byte()?;
        let count = reader.count()?;
        let mut places = Vec::with_capacity(count);
        let mut absent: Vec<usize> = (0..self.wanted.len()).collect();
        let mut id = 0u32;
        for _ in 0..count {
            let descriptor = reader.varint()?;
            let step = u32::try_from(descriptor / 8).ok();
            id = id.checked_add(step.filter(|step| *step > 0)?)?;
            let target = self.wanted.iter().position(|wanted| wanted.id == id);
            absent.retain(|at| Some(*at) != target);
            places.push(Place {
                width: Width::from_code(descriptor % 8)?.bytes(),
                target,
            });
        }
        let head = packed.get(..packed.len() - reader.0.len())?.to_vec();
        Some(Shape {
            head,
            places,
            absent,
        })
    }
}
