//! Rows of Python as slots, ranges of Python as limits, pages as tuples.

use super::values::{stored, tuple};
use crate::errors::raise;
use hyperdb_graph::catalog::Image;
use hyperdb_graph::relation::{Layout, Limits, Page, Part, Slots, Way};
use hyperdb_graph::Direction;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySequence};

/// One end of a range, as Python gives it: values of the key's first parts, and whether they belong to it.
pub(super) type End<'py> = Option<(Bound<'py, PyAny>, bool)>;

/// The slots of one row, extras included.
pub(super) fn slots(layout: &Layout, row: &Bound<'_, PyAny>) -> PyResult<Slots> {
    let row = row.cast::<PySequence>()?;
    if row.len()? != layout.slots() {
        let text = format!("a row of {} values, not {}", layout.slots(), row.len()?);
        return Err(raise("InvalidError", &text));
    }
    let slot = |at: usize| {
        let kind = layout
            .kind(at)
            .ok_or_else(|| raise("InvalidError", "no such slot"))?;
        stored(layout.image(), kind, &row.get_item(at)?)
    };
    (0..layout.slots()).map(slot).collect()
}

/// The slots of many rows.
pub(super) fn all_slots(layout: &Layout, rows: &[Bound<'_, PyAny>]) -> PyResult<Vec<Slots>> {
    rows.iter().map(|row| slots(layout, row)).collect()
}

/// The parts of a way.
pub(super) fn parts(layout: &Layout, index: Option<usize>) -> PyResult<&[Part]> {
    match index {
        None => Ok(&layout.key),
        Some(at) => match layout.indexes.get(at) {
            Some(index) => Ok(&index.parts),
            None => Err(raise("InvalidError", "no such index")),
        },
    }
}

/// Values of a key's first parts.
pub(super) fn key_values(
    image: &Image,
    parts: &[Part],
    values: &Bound<'_, PyAny>,
) -> PyResult<Slots> {
    let values = values.cast::<PySequence>()?;
    if values.len()? > parts.len() {
        return Err(raise("InvalidError", "more values than parts of the key"));
    }
    let part = |(at, part): (usize, &Part)| stored(image, &part.kind, &values.get_item(at)?);
    parts
        .iter()
        .take(values.len()?)
        .enumerate()
        .map(part)
        .collect()
}

/// A range.
pub(super) fn limits(
    image: &Image,
    parts: &[Part],
    low: End<'_>,
    high: End<'_>,
) -> PyResult<Limits> {
    let end = |end: End<'_>| match end {
        None => Ok(None),
        Some((values, included)) => {
            Ok::<_, PyErr>(Some((key_values(image, parts, &values)?, included)))
        }
    };
    Ok(Limits {
        low: end(low)?,
        high: end(high)?,
    })
}

/// A range with its direction.
pub(super) fn way(
    layout: &Layout,
    index: Option<usize>,
    low: End<'_>,
    high: End<'_>,
    reverse: bool,
    settled: bool,
) -> PyResult<Way> {
    let direction = match reverse {
        true => Direction::Reverse,
        false => Direction::Forward,
    };
    Ok(Way {
        index,
        limits: limits(layout.image(), parts(layout, index)?, low, high)?,
        direction,
        settled,
    })
}

/// A page's rows as tuples of the columns.
pub(super) fn tuples<'py>(
    py: Python<'py>,
    layout: &Layout,
    page: &Page,
) -> PyResult<Bound<'py, PyList>> {
    let kinds: Vec<_> = layout.columns.iter().map(|column| &column.kind).collect();
    let row = |packed: &Vec<u8>| {
        let values = layout.unpack(packed);
        let values = values.ok_or_else(|| raise("CorruptError", "a row that cannot be read"))?;
        tuple(py, layout.image(), &kinds, &values)
    };
    PyList::new(py, page.rows.iter().map(row).collect::<PyResult<Vec<_>>>()?)
}
