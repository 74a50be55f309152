//! COPY's lines to rows of a table, in a statement that is open.

use super::catalog::TableLayout;
use super::plan::{all, Typed};
use hyperdb_graph::relation::{Layout, Opened};
use hyperdb_graph::{Step, Transaction};
use hyperdb_sql::copy::Form;
use hyperdb_sql::{Kind, Moment};
use pyo3::prelude::*;
use std::sync::Arc;

/// Rows that are added at once.
const BATCH: usize = 1_024;

/// How lines become rows of a table.
#[pyclass(frozen)]
pub(crate) struct CopyForm {
    layout: Arc<Layout>,
    form: Form,
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

/// What came of a text: rows added, bytes taken, and the row's place and the index's number where one was in the way.
pub(super) type Loaded = (usize, usize, Option<(usize, u64)>);

impl CopyForm {
    /// The form; `None` inside for a type that the short way does not know.
    pub(super) fn of(
        layout: &TableLayout,
        fields: Vec<(usize, Typed)>,
        others: Vec<(usize, Bound<'_, PyAny>)>,
        required: Vec<usize>,
        delimiter: u8,
        null: Vec<u8>,
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
        let form = Form {
            width: layout.slots(),
            fields,
            others: slots.into_iter().zip(values).collect(),
            required,
            delimiter,
            null,
        };
        Ok(Some(CopyForm { layout, form }))
    }

    /// Adds the rows of whole lines from the front of `data`, until one is left to the ordinary way.
    pub(super) fn load(
        &self,
        transaction: &mut Transaction,
        data: &[u8],
        now: i64,
        world: &dyn hyperdb_sql::World,
    ) -> Step<Loaded> {
        let moment = Fixed { now, world };
        let mut opened: Opened = self.layout.open(transaction)?;
        let (mut count, mut at) = (0, 0);
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let (rows, taken) = self.form.rows(rest, BATCH, &moment);
            if rows.is_empty() {
                return Ok((count, at, None));
            }
            let added = self.layout.insert_all(transaction, &mut opened, &rows)?;
            if let Err((place, violation)) = added {
                return Ok((count, at, Some((place, violation.index))));
            }
            count += rows.len();
            at += taken;
        }
    }
}
