//! Rows of results as messages, written while other threads of the interpreter run.
//!
//! **Theory.** A batch of Arrow comes through the capsules of `__arrow_c_array__`, whose structs are moved out of them. What
//! is not written here is told, and Python takes the same rows as values.

use crate::errors::raise;
use hyperdb_graph::columnar::export::{ArrowArray, ArrowSchema};
use hyperdb_graph::columnar::import::{Batch, Unread};
use hyperdb_sql::output::columns::Columns;
use hyperdb_sql::output::{Column, Form, Shown};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};

/// Of a column: its oid and modifier; the places of its digits, of what divides it, and of the digits of that.
type Asked = (u32, i32, Option<usize>, Option<usize>, Option<usize>);

/// How rows are written.
#[pyclass(frozen)]
pub(crate) struct RowForm(pub(super) Form);

#[pymethods]
impl RowForm {
    /// DataRow messages; whether values are binary: none of them, one for all, or one each.
    #[staticmethod]
    fn rows(formats: Vec<bool>) -> RowForm {
        RowForm(Form::Rows(formats))
    }

    /// CopyData of COPY's text.
    #[staticmethod]
    fn text(delimiter: u8, null: Vec<u8>) -> RowForm {
        RowForm(Form::text(delimiter, null))
    }

    /// CopyData of CSV; `forced`: whether a column is always quoted.
    #[staticmethod]
    fn csv(delimiter: u8, quote: u8, escape: u8, null: Vec<u8>, forced: Vec<bool>) -> RowForm {
        RowForm(Form::Csv {
            delimiter,
            quote,
            escape,
            null,
            forced,
        })
    }

    /// CopyData of COPY's binary format, without its header and trailer.
    #[staticmethod]
    fn binary() -> RowForm {
        RowForm(Form::Binary)
    }
}

/// The struct in a capsule.
fn content<T>(capsule: &Bound<'_, PyAny>, name: &std::ffi::CStr) -> PyResult<*mut T> {
    let capsule = capsule.cast::<PyCapsule>()?;
    if capsule.name()? != Some(name) {
        return Err(raise("InvalidError", "no capsule of Arrow"));
    }
    Ok(capsule.pointer().cast())
}

#[allow(unsafe_code)]
fn taken(batch: &Bound<'_, PyAny>) -> PyResult<Batch> {
    let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        batch.call_method0("__arrow_c_array__")?.extract()?;
    let schema: *mut ArrowSchema = content(&schema, c"arrow_schema")?;
    let array: *mut ArrowArray = content(&array, c"arrow_array")?;
    // SAFETY: the capsules were made for this call and have the names that the PyCapsule interface of Arrow gives to live structs
    // of one batch; nobody else has them.
    let batch = unsafe { Batch::take(schema, array) };
    batch.map_err(|unread| match unread {
        Unread::Format(format) => raise("NotColumnarError", &format!("values of format {format}")),
        Unread::Malformed => raise("InvalidError", "no batch of Arrow"),
    })
}

/// A batch of a result in columns.
#[pyclass(frozen)]
pub(crate) struct ColumnRows(Columns);

#[pymethods]
impl ColumnRows {
    /// Of what has `__arrow_c_array__`; the first columns of it are those of the result.
    #[new]
    fn new(batch: &Bound<'_, PyAny>, columns: Vec<Asked>) -> PyResult<ColumnRows> {
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(oid, modifier, digits, divisor, beside)| Column {
                oid,
                modifier,
                digits,
                divisor: divisor.map(|divisor| (divisor, beside)),
            })
            .collect();
        let found = Columns::new(taken(batch)?, &columns);
        let found = found.ok_or_else(|| raise("NotColumnarError", "values of another type"))?;
        Ok(ColumnRows(found))
    }

    fn __len__(&self) -> usize {
        self.0.rows()
    }

    /// Whether a column depends on the session's time zone.
    fn has_zone(&self) -> bool {
        self.0.has_zone()
    }

    /// At most `most` rows from `first` on, until there are `size` bytes: the messages, how many, and whether the next one has
    /// to be written elsewhere.
    fn write<'py>(
        &self,
        py: Python<'py>,
        form: &RowForm,
        first: usize,
        most: usize,
        size: usize,
    ) -> (Bound<'py, PyBytes>, usize, bool) {
        let (out, written) = py.detach(|| {
            let mut out = Vec::with_capacity(size.min(1 << 20));
            let written = self.0.write(first, most, size, &form.0, &mut out);
            (out, written)
        });
        (PyBytes::new(py, &out), written.rows, written.refused)
    }
}

/// Messages of a table's rows, how many, and behind which key to go on.
pub(super) type WrittenPage<'py> = (Bound<'py, PyBytes>, usize, Option<Bound<'py, PyBytes>>);

/// How the slots of a table are written; None: one is not.
pub(super) fn shown(columns: &[(usize, u32, i32)]) -> Option<Vec<(usize, Shown)>> {
    let columns = columns.iter();
    columns
        .map(|(slot, oid, modifier)| Some((*slot, Shown::of(*oid, *modifier)?)))
        .collect()
}
