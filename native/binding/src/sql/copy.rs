//! COPY's lines to rows of a table, in a statement that is open.

use super::catalog::TableLayout;
use super::plan::{all, Typed};
use hyperdb_graph::relation::{Bulk, Layout, Opened};
use hyperdb_graph::{Step, Transaction};
use hyperdb_sql::copy::{Form, Format, Rest};
use hyperdb_sql::{Kind, Moment};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;

/// Rows that are added at once.
const BATCH: usize = 1_024;

/// How lines become rows of a table.
#[pyclass(frozen)]
pub(crate) struct CopyForm {
    layout: Arc<Layout>,
    form: Form,
}

/// The bodies of the CopyData messages at the front of `data`, one behind the other, and how many bytes the messages were. It stops
/// before one that is not whole, longer than `most`, or of another kind.
#[pyfunction]
pub(crate) fn merge_copy_data<'py>(
    py: Python<'py>,
    data: &[u8],
    most: usize,
) -> (Bound<'py, PyBytes>, usize) {
    let mut bodies = Vec::with_capacity(data.len());
    let mut at = 0;
    while let Some((b'd', rest)) = data.get(at..).and_then(<[u8]>::split_first) {
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let length = u32::from_be_bytes(*length) as usize;
        let body = length.checked_sub(4).filter(|_| length <= most);
        let Some(body) = body.and_then(|body| rest.get(..body)) else {
            break;
        };
        bodies.extend_from_slice(body);
        at += 1 + length;
    }
    (PyBytes::new(py, &bodies), at)
}

struct Fixed<'w> {
    now: i64,
    world: &'w dyn hyperdb_sql::World,
}

impl Moment for Fixed<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn row_key(&self) -> [u8; 16] {
        self.world.row_key()
    }
}

/// What came of bytes: rows added, bytes taken, whether the next record is left to the ordinary way, and the row's place and the
/// index's number where one was in the way.
pub(super) type Loaded = (usize, usize, bool, Option<(usize, u64)>);

/// How a format is named: its word, then delimiter, null, quote and escape.
pub(super) type Named = (String, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

fn format((word, delimiter, null, quote, escape): Named) -> Option<Format> {
    let one = |bytes: &[u8]| match bytes {
        [byte] => Some(*byte),
        _ => None,
    };
    Some(match word.as_str() {
        "text" => Format::Text {
            delimiter: one(&delimiter)?,
            null,
        },
        "csv" => Format::Csv {
            delimiter: one(&delimiter)?,
            null,
            quote: one(&quote)?,
            escape: one(&escape)?,
        },
        "binary" => Format::Binary,
        _ => return None,
    })
}

impl CopyForm {
    /// The form; `None` inside for a type that the short way does not know.
    pub(super) fn of(
        layout: &TableLayout,
        fields: Vec<(usize, Typed)>,
        others: Vec<(usize, Bound<'_, PyAny>)>,
        required: Vec<usize>,
        named: Named,
    ) -> PyResult<Option<CopyForm>> {
        let layout = layout.0.clone();
        let (slots, values): (Vec<usize>, Vec<_>) = others.into_iter().unzip();
        let Some(values) = all(&values)? else {
            return Ok(None);
        };
        let field = |(slot, (oid, modifier)): (usize, Typed)| {
            let kind = Kind::of(oid, modifier)?;
            let is_stored = layout
                .kind(slot)
                .is_some_and(|column| kind.is_stored_as(column));
            is_stored.then_some((slot, kind))
        };
        let Some(fields) = fields.into_iter().map(field).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let Some(format) = format(named) else {
            return Ok(None);
        };
        let form = Form {
            width: layout.slots(),
            fields,
            others: slots.into_iter().zip(values).collect(),
            required,
            format,
        };
        Ok(Some(CopyForm { layout, form }))
    }

    /// Adds the rows of whole records from the front of `data`, until one is left to the ordinary way.
    pub(super) fn load(
        &self,
        transaction: &mut Transaction,
        mut bulk: Option<&mut Bulk>,
        data: &[u8],
        now: i64,
        world: &dyn hyperdb_sql::World,
    ) -> Step<Loaded> {
        let moment = Fixed { now, world };
        let mut opened: Opened = self.layout.open(transaction)?;
        let (mut count, mut at) = (0, 0);
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let (rows, taken, end) = self.form.rows(rest, BATCH, &moment);
            match &mut bulk {
                Some(bulk) => rows.iter().try_for_each(|row| bulk.add(row))?,
                None => {
                    let added = self.layout.insert_all(transaction, &mut opened, &rows)?;
                    if let Err((place, violation)) = added {
                        return Ok((count, at, false, Some((place, violation.index))));
                    }
                }
            }
            count += rows.len();
            at += taken;
            if end != Rest::More {
                return Ok((count, at, end == Rest::Left, None));
            }
        }
    }
}
