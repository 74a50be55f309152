//! Columns of tables for readers of Arrow.
//!
//! **Theory.** A scan is settled under the transaction and then read without it, from whichever thread pulls; the stream that
//! Python hands on is read once.

use super::catalog::TableLayout;
use crate::errors::raise;
use hyperdb_graph::columnar::export::{ArrowArray, ArrowArrayStream, ArrowSchema, Code, Source};
use hyperdb_graph::columnar::{Batch, Fault, Form, Scan};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A failure in the words of Python's exceptions.
pub(super) fn fault(fault: Fault) -> PyErr {
    let text = fault.to_string();
    match fault {
        Fault::Value(_) => raise("NotColumnarError", &text),
        Fault::Malformed => raise("CorruptError", &text),
        Fault::Cancelled => raise("CancelledError", &text),
        Fault::Store(error) => crate::errors::failed(error),
    }
}

/// What became of a scan that failed while somebody else was reading it.
type Failed = Arc<Mutex<Option<Fault>>>;

/// Columns of a table, batch by batch.
#[pyclass(frozen)]
pub(crate) struct ColumnScan {
    columns: Vec<(String, Form)>,
    scan: Mutex<Option<Scan>>,
    version: Option<(u64, u64)>,
    cancelled: Arc<AtomicBool>,
    failed: Failed,
}

struct Reader {
    columns: Vec<(String, Form)>,
    scan: Scan,
    failed: Failed,
}

impl Source for Reader {
    fn columns(&self) -> Vec<(String, Form)> {
        self.columns.clone()
    }

    fn next(&mut self) -> Result<Option<Batch>, (Code, String)> {
        self.scan.next().map_err(|fault| {
            let code = match fault {
                Fault::Value(_) => Code::Invalid,
                Fault::Cancelled => Code::Cancelled,
                Fault::Malformed | Fault::Store(_) => Code::Failed,
            };
            let text = fault.to_string();
            *self.failed.lock() = Some(fault);
            (code, text)
        })
    }
}

impl ColumnScan {
    pub(super) fn of(scan: Scan, names: Vec<String>) -> ColumnScan {
        let forms = scan.fields().iter().map(|field| field.form.clone());
        ColumnScan {
            columns: names.into_iter().zip(forms).collect(),
            version: scan.version(),
            cancelled: scan.cancelled(),
            scan: Mutex::new(Some(scan)),
            failed: Failed::default(),
        }
    }
}

#[pymethods]
impl ColumnScan {
    /// The columns' types, for Arrow's readers.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = ArrowSchema::of(&self.columns);
        PyCapsule::new(py, schema, Some(c"arrow_schema".into()))
    }

    /// The rows, once. What schema is asked for is not looked at, as the protocol allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let scan = self.scan.lock().take();
        let scan = scan.ok_or_else(|| raise("InvalidError", "the scan has been read"))?;
        let stream = ArrowArrayStream::of(Box::new(Reader {
            columns: self.columns.clone(),
            scan,
            failed: self.failed.clone(),
        }));
        PyCapsule::new(py, stream, Some(c"arrow_array_stream".into()))
    }

    /// The next batch, None at the end: for who pulls them one by one, in place of the stream.
    fn next(&self, py: Python<'_>) -> PyResult<Option<ColumnBatch>> {
        let next = py.detach(|| self.scan.lock().as_mut().map(Scan::next));
        let next = next.ok_or_else(|| raise("InvalidError", "the scan has been read"))?;
        let batch = next.map_err(fault)?;
        Ok(batch.map(|batch| ColumnBatch {
            columns: self.columns.clone(),
            batch,
        }))
    }

    /// Which rows the whole table has in the scan's snapshot, as two numbers: equal versions, equal rows. None: rows that are
    /// nobody else's, or that have changed since.
    fn version(&self) -> Option<(u64, u64)> {
        self.version
    }

    /// Ends it: who reads gets an error.
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Raises what the stream failed with, in the exceptions of this package.
    fn check(&self) -> PyResult<()> {
        match self.failed.lock().take() {
            Some(failed) => Err(fault(failed)),
            None => Ok(()),
        }
    }
}

/// One batch of columns.
#[pyclass(frozen)]
pub(crate) struct ColumnBatch {
    columns: Vec<(String, Form)>,
    batch: Batch,
}

#[pymethods]
impl ColumnBatch {
    fn __len__(&self) -> usize {
        self.batch.rows
    }

    /// Schema and columns, for Arrow's readers.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        drop(requested_schema);
        let schema = ArrowSchema::of(&self.columns);
        let array = ArrowArray::of(&self.batch);
        let schema = PyCapsule::new(py, schema, Some(c"arrow_schema".into()))?;
        let array = PyCapsule::new(py, array, Some(c"arrow_array".into()))?;
        PyTuple::new(py, [schema, array])
    }
}

/// The schema of columns of a table.
pub(super) fn schema<'py>(
    py: Python<'py>,
    layout: &TableLayout,
    columns: Vec<(u32, String)>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let forms = fields(layout, &columns)?
        .into_iter()
        .map(|field| field.form);
    let named: Vec<(String, Form)> = columns
        .into_iter()
        .map(|(_, name)| name)
        .zip(forms)
        .collect();
    PyCapsule::new(py, ArrowSchema::of(&named), Some(c"arrow_schema".into()))
}

/// Ids of the columns, or which of them has no columnar form.
pub(super) fn fields(
    layout: &TableLayout,
    columns: &[(u32, String)],
) -> PyResult<Vec<hyperdb_graph::columnar::Field>> {
    let ids: Vec<u32> = columns.iter().map(|(id, _)| *id).collect();
    let fields = layout.0.fields(&ids);
    let fields = fields.map_err(|unmapped| raise("NotColumnarError", &unmapped.to_string()))?;
    if fields.len() != columns.len() {
        return Err(raise("InvalidError", "no such column"));
    }
    Ok(fields)
}
