//! A transaction as SQL uses it: statements of several steps, the catalog, rows.
//!
//! **Theory.** A statement is opened, interpreted step by step from Python, and closed: kept or taken back. `RowChangedError`
//! asks for it to be taken back and begun again. Steps between see one snapshot.

use super::catalog::{refused, CatalogImage, TableLayout};
use super::columnar::{self, ColumnScan};
use super::output::{self, RowForm, WrittenPage};
use super::rows::{all_slots, key_values, limits, parts, tuples, way, End};
use super::values;
use crate::errors::{raise, stopped};
use crate::transaction::{choose, ended, Transaction, MODES, WAITS};
use hyperdb_graph::catalog::{Catalog, Halt, Object};
use hyperdb_graph::columnar::Scan;
use hyperdb_graph::relation::{Bulk, Layout, Opened, Rewrite, Twice};
use hyperdb_graph::sequencer::OpenStatement;
use hyperdb_graph::{Conflict, LockMode, Step, Stop, Store, Transaction as Inner};
use hyperdb_sql::output::stored;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::sync::Arc;

const TABLE_MODES: &[(&str, LockMode)] = &[
    ("access share", LockMode::AccessShare),
    ("row exclusive", LockMode::RowExclusive),
    ("share", LockMode::TableShare),
    ("access exclusive", LockMode::AccessExclusive),
];

/// A transaction over the store's tables.
#[pyclass(frozen)]
pub(crate) struct SqlTransaction {
    transaction: Py<Transaction>,
    store: Arc<Store>,
    statement: Mutex<Option<OpenStatement>>,
    /// Rows that the statement loads.
    bulk: Mutex<Option<Bulk>>,
}

/// The rows of a table before it got another key.
#[pyclass(frozen)]
pub(crate) struct TableRewrite(pub(super) Rewrite);

/// An index's number (0: the primary key) and the values that are in it twice.
pub(super) type Doubled<'py> = Option<(u64, Bound<'py, PyTuple>)>;

/// Bytes that a load may gather before it writes them, of a store opened with so many.
pub(super) fn load_memory(store: &Store) -> usize {
    (store.db().memory() / 16).clamp(1 << 20, 64 << 20)
}

/// What is there twice, as Python's values.
pub(super) fn doubled<'py>(
    py: Python<'py>,
    layout: &Layout,
    twice: Option<Twice>,
) -> PyResult<Doubled<'py>> {
    let Some(twice) = twice else {
        return Ok(None);
    };
    let index = layout
        .indexes
        .iter()
        .find(|index| index.number == twice.index);
    let parts = index.map_or(&layout.key, |index| &index.parts);
    let kinds: Vec<_> = parts.iter().map(|part| &part.kind).collect();
    let found: Vec<Option<&[u8]>> = twice.values.iter().map(Option::as_deref).collect();
    let shown = values::tuple(py, layout.image(), &kinds, &found)?;
    Ok(Some((twice.index, shown)))
}

/// Which row of a call, and the number of the index that forbids it (0: the primary key).
type Violated = Option<(usize, u64)>;

fn stop_error(stop: Stop) -> PyErr {
    match stop {
        Stop::Conflict(Conflict::RowChanged) => {
            raise("RowChangedError", &Conflict::RowChanged.to_string())
        }
        other => stopped(other),
    }
}

fn halt_error(halt: Halt) -> PyErr {
    match halt {
        Halt::Refused(refusal) => refused(&refusal),
        Halt::Stop(stop) => stop_error(stop),
    }
}

impl SqlTransaction {
    pub(crate) fn with<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut Inner) -> Result<T, Halt> + Send,
    ) -> PyResult<T> {
        let shared = self.transaction.get().shared()?;
        let outcome = py.detach(|| shared.lock().as_mut().map(|open| body(&mut open.inner)));
        outcome.ok_or_else(ended)?.map_err(halt_error)
    }

    /// What the open statement loads.
    pub(super) fn bulk(&self) -> &Mutex<Option<Bulk>> {
        &self.bulk
    }

    fn rows<T: Send>(
        &self,
        py: Python<'_>,
        layout: &Layout,
        body: impl FnOnce(&mut Inner, &mut Opened) -> Step<T> + Send,
    ) -> PyResult<T> {
        self.with(py, |inner| {
            let mut opened = layout.open(inner)?;
            Ok(body(inner, &mut opened)?)
        })
    }

    fn catalog<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut Catalog<'_>) -> Result<T, Halt> + Send,
    ) -> PyResult<T> {
        self.with(py, |inner| body(&mut Catalog::new(&self.store, inner)))
    }
}

fn object(record: &[u8]) -> PyResult<Object> {
    Object::decode(record).ok_or_else(|| raise("InvalidError", "no record of the catalog"))
}

#[pymethods]
impl SqlTransaction {
    #[new]
    fn new(transaction: Py<Transaction>) -> PyResult<SqlTransaction> {
        let store = transaction.get().store()?;
        Ok(SqlTransaction {
            transaction,
            store,
            statement: Mutex::new(None),
            bulk: Mutex::new(None),
        })
    }

    /// Opens a statement; the version of the catalog that it sees, None if this transaction has changed the catalog. A cancel
    /// that came before counts no more: who opens looks whether there was one. What was loaded before is seen by it, unless it `loads` into a table itself and looks at nothing else.
    #[pyo3(signature = (loads = false))]
    fn open(&self, py: Python<'_>, loads: bool) -> PyResult<Option<i64>> {
        self.with(py, |inner| {
            inner.forget_cancel();
            if !loads {
                inner.pour()?;
            }
            let mut statement = self.statement.lock();
            if let Some(left) = statement.take() {
                inner.close_statement(left, false);
            }
            *statement = Some(inner.open_statement());
            Ok(Catalog::new(&self.store, inner).version()?)
        })
    }

    /// Closes the statement: what it did stays, or is taken back.
    fn close(&self, py: Python<'_>, keep: bool) -> PyResult<()> {
        self.bulk.lock().take();
        self.with(py, |inner| {
            if let Some(statement) = self.statement.lock().take() {
                inner.close_statement(statement, keep);
            }
            Ok(())
        })
    }

    /// The catalog as the statement sees it.
    fn image(&self, py: Python<'_>) -> PyResult<CatalogImage> {
        let image = self.catalog(py, |catalog| Ok(catalog.image()?))?;
        Ok(CatalogImage(image))
    }

    /// A number for an object or constraint to come.
    fn reserve(&self, py: Python<'_>) -> PyResult<u64> {
        self.catalog(py, |catalog| Ok(catalog.reserve()?))
    }

    /// Makes the object of that record under a reserved number.
    fn create(&self, py: Python<'_>, number: u64, record: &[u8]) -> PyResult<()> {
        let object = object(record)?;
        self.catalog(py, |catalog| catalog.create_as(number, object))
    }

    /// Changes an object's record.
    fn alter(&self, py: Python<'_>, number: u64, record: &[u8]) -> PyResult<()> {
        let object = object(record)?;
        self.catalog(py, |catalog| catalog.replace(number, object))
    }

    /// Locks an object as a table until the end; its record as it is from then on.
    fn lock_object<'py>(
        &self,
        py: Python<'py>,
        number: u64,
        mode: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mode = choose("mode", TABLE_MODES, mode)?;
        let object = self.catalog(py, |catalog| catalog.lock(number, mode))?;
        Ok(PyBytes::new(py, &object.encode().unwrap_or_default()))
    }

    /// Drops an object with its parts and rows.
    fn drop(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        self.catalog(py, |catalog| catalog.drop(number))
    }

    /// Empties a table and its indexes.
    fn truncate(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        self.catalog(py, |catalog| catalog.truncate(number))
    }

    /// Takes up to `count` values of a sequence: the first and the last. They stay taken whatever becomes of the transaction.
    fn take_values(
        &self,
        py: Python<'_>,
        number: u64,
        record: &[u8],
        count: u64,
    ) -> PyResult<(i64, i64)> {
        let Object::Sequence(sequence) = object(record)? else {
            return Err(raise("InvalidError", "no sequence"));
        };
        let taken = self.with(py, |inner| {
            let options = inner.options();
            let run = self
                .store
                .run(options.now_ms, options.lock_timeout, |turn| {
                    turn.take_values(number, &sequence, count)
                });
            Ok(run?.0?)
        })?;
        Ok((taken.first, taken.last))
    }

    /// Where a sequence stands: the last value, and whether it was given out. None: at its start.
    fn position(&self, py: Python<'_>, number: u64) -> PyResult<Option<(i64, bool)>> {
        let found = self.with(py, |_| {
            Ok(hyperdb_graph::catalog::sequence::position(
                &self.store,
                number,
            )?)
        })?;
        Ok(found.map(|position| (position.last, position.called)))
    }

    /// Sets where a sequence stands, at once and for everybody.
    fn set_position(&self, py: Python<'_>, number: u64, last: i64, called: bool) -> PyResult<()> {
        self.with(py, |inner| {
            let options = inner.options();
            let position = hyperdb_graph::catalog::sequence::Position { last, called };
            let run = self
                .store
                .run(options.now_ms, options.lock_timeout, |turn| {
                    turn.set_position(number, position)
                });
            Ok(run.map(|_| ())?)
        })
    }

    /// Declares that the transaction writes rows by this layout.
    fn claim(&self, py: Python<'_>, layout: &TableLayout) -> PyResult<()> {
        let layout = layout.0.clone();
        self.with(py, |inner| Ok(layout.claim(inner)?))
    }

    /// Adds rows; what stands in the way, if anything does.
    fn insert(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        rows: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Violated> {
        let layout = layout.0.clone();
        let rows = all_slots(&layout, &rows)?;
        let mut bulk = self.bulk.lock();
        if let Some(bulk) = bulk
            .as_mut()
            .filter(|bulk| bulk.layout().number == layout.number)
        {
            return self.with(py, |_| {
                rows.iter().try_for_each(|row| bulk.add(row))?;
                Ok(None)
            });
        }
        drop(bulk);
        self.rows(py, &layout, |inner, opened| {
            for (at, row) in rows.iter().enumerate() {
                if let Err(violation) = layout.insert(inner, opened, row)? {
                    return Ok(Some((at, violation.index)));
                }
            }
            Ok(None)
        })
    }

    /// Rows that the statement adds to this table are loaded in bulk from now on, if that may be: nobody else writes it, this
    /// transaction has not, and its level is READ COMMITTED.
    fn begin_load(&self, py: Python<'_>, layout: &TableLayout) -> PyResult<bool> {
        let layout = layout.0.clone();
        let memory = load_memory(&self.store);
        self.with(py, |inner| {
            let begun = Bulk::begin(inner, &layout, memory)?;
            let is_begun = begun.is_some();
            *self.bulk.lock() = begun;
            Ok(is_begun)
        })
    }

    /// Ends what `begin_load` began: the rows are the transaction's, or some value is there twice.
    fn finish_load<'py>(&self, py: Python<'py>) -> PyResult<Doubled<'py>> {
        let Some(bulk) = self.bulk.lock().take() else {
            return Ok(None);
        };
        let layout = bulk.layout().clone();
        let done = self.with(py, |inner| Ok(bulk.finish(inner)?))?;
        doubled(py, &layout, done.err())
    }

    /// Whether something was loaded that only the commit shows.
    fn has_loaded(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |inner| Ok(inner.has_loaded()))
    }

    /// Gives a table the record, with another key, and empties it; its rows, for `SqlLanes.rewrite` under the new layout.
    fn rekey(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        number: u64,
        record: &[u8],
    ) -> PyResult<TableRewrite> {
        let (layout, object) = (layout.0.clone(), object(record)?);
        let rewrite = self.with(py, |inner| {
            Catalog::new(&self.store, inner).lock(number, LockMode::AccessExclusive)?;
            let rewrite = Rewrite::of(inner, &layout)?;
            Catalog::new(&self.store, inner).rekey(number, object)?;
            Ok(rewrite)
        })?;
        Ok(TableRewrite(rewrite))
    }

    /// Removes rows that the statement has seen.
    fn remove(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        rows: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let layout = layout.0.clone();
        let rows = all_slots(&layout, &rows)?;
        self.rows(py, &layout, |inner, opened| {
            rows.iter()
                .try_for_each(|row| layout.remove(inner, opened, row))
        })
    }

    /// Replaces rows that the statement has seen; what stands in the way, if anything does.
    fn replace(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        old: Vec<Bound<'_, PyAny>>,
        new: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Violated> {
        let layout = layout.0.clone();
        let (old, new) = (all_slots(&layout, &old)?, all_slots(&layout, &new)?);
        self.rows(py, &layout, |inner, opened| {
            for (at, (old, new)) in old.iter().zip(&new).enumerate() {
                if let Err(violation) = layout.replace(inner, opened, old, new)? {
                    return Ok(Some((at, violation.index)));
                }
            }
            Ok(None)
        })
    }

    /// Adds the entries of rows that are there to the index at place `at`.
    fn fill_index(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        at: usize,
        rows: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let layout = layout.0.clone();
        let rows = all_slots(&layout, &rows)?;
        self.rows(py, &layout, |inner, opened| {
            for row in &rows {
                let key = layout.key_of(row)?;
                if layout.insert_entry(inner, opened, at, row, &key)?.is_err() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Up to `limit` rows by the index at a place (None: the key) between two ends, behind `after`; and where to go on. With
    /// `before` as they were when the statement began, without what it has written itself.
    #[pyo3(signature = (layout, index, low, high, reverse, settled, after, limit, before = false))]
    #[allow(clippy::too_many_arguments)]
    fn page<'py>(
        &self,
        py: Python<'py>,
        layout: &TableLayout,
        index: Option<usize>,
        low: End<'py>,
        high: End<'py>,
        reverse: bool,
        settled: bool,
        after: Option<&[u8]>,
        limit: usize,
        before: bool,
    ) -> PyResult<(Bound<'py, PyList>, Option<Bound<'py, PyBytes>>)> {
        let layout = layout.0.clone();
        let way = way(&layout, index, low, high, reverse, settled)?;
        let statement = before.then(|| *self.statement.lock()).flatten();
        let page = self.with(py, |inner| {
            let body = |inner: &mut Inner| {
                let opened = layout.open(inner)?;
                layout.page(inner, &opened, &way, after, limit)
            };
            Ok(match statement {
                Some(statement) => inner.as_of(&statement, body)?,
                None => body(inner)?,
            })
        })?;
        let rows = tuples(py, &layout, &page)?;
        Ok((rows, page.after.map(|after| PyBytes::new(py, &after))))
    }

    /// As `page`, as messages: columns by slot with their oids and modifiers. How many rows, and where to go on; None: one of the
    /// rows, or a column, is not written natively.
    #[allow(clippy::too_many_arguments)]
    fn write_page<'py>(
        &self,
        py: Python<'py>,
        layout: &TableLayout,
        index: Option<usize>,
        low: End<'py>,
        high: End<'py>,
        reverse: bool,
        after: Option<&[u8]>,
        limit: usize,
        columns: Vec<(usize, u32, i32)>,
        form: &RowForm,
    ) -> PyResult<Option<WrittenPage<'py>>> {
        let Some(columns) = output::shown(&columns) else {
            return Ok(None);
        };
        let layout = layout.0.clone();
        let way = way(&layout, index, low, high, reverse, false)?;
        let (page, out, written) = self.rows(py, &layout, |inner, opened| {
            let page = layout.page(inner, opened, &way, after, limit)?;
            let mut out = Vec::new();
            let written = stored::write(&layout, &page.rows, &columns, &form.0, &mut out);
            Ok((page, out, written))
        })?;
        let after = page.after.map(|after| PyBytes::new(py, &after));
        Ok((!written.refused).then(|| (PyBytes::new(py, &out), written.rows, after)))
    }

    /// Columns of the rows between two ends of the key, as the transaction sees them now; rows outside may come too.
    fn columns<'py>(
        &self,
        py: Python<'py>,
        layout: &TableLayout,
        columns: Vec<(u32, String)>,
        low: End<'py>,
        high: End<'py>,
    ) -> PyResult<ColumnScan> {
        let fields = columnar::fields(layout, &columns)?;
        let layout = layout.0.clone();
        let limits = limits(layout.image(), &layout.key, low, high)?;
        let scan = self.with(py, |inner| {
            Ok(Scan::new(&self.store, inner, &layout, fields, &limits)?)
        })?;
        let names = columns.into_iter().map(|(_, name)| name);
        let scan = scan.map_err(columnar::fault)?;
        Ok(ColumnScan::of(scan, names.collect()))
    }

    /// Locks rows that the statement has seen; which of them are locked.
    fn lock_rows(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        rows: Vec<Bound<'_, PyAny>>,
        mode: &str,
        wait: &str,
    ) -> PyResult<Vec<bool>> {
        let (mode, wait) = (choose("mode", MODES, mode)?, choose("wait", WAITS, wait)?);
        let layout = layout.0.clone();
        let rows = all_slots(&layout, &rows)?;
        self.rows(py, &layout, |inner, opened| {
            rows.iter()
                .map(|row| layout.lock_row(inner, opened, row, mode, wait))
                .collect()
        })
    }

    /// Locks the row that a foreign key names; whether it is there.
    fn hold_parent(
        &self,
        py: Python<'_>,
        layout: &TableLayout,
        index: Option<usize>,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let layout = layout.0.clone();
        let values = key_values(layout.image(), parts(&layout, index)?, values)?;
        self.rows(py, &layout, |inner, opened| {
            layout.hold_parent(inner, opened, index, &values)
        })
    }

    /// How many entries an index at a place (None: the key) has between two ends, counted to `most`: for plans, never an answer.
    #[allow(clippy::too_many_arguments)]
    fn expected<'py>(
        &self,
        py: Python<'py>,
        layout: &TableLayout,
        index: Option<usize>,
        low: End<'py>,
        high: End<'py>,
        most: usize,
    ) -> PyResult<usize> {
        let layout = layout.0.clone();
        let limits = limits(layout.image(), parts(&layout, index)?, low, high)?;
        self.rows(py, &layout, |inner, opened| {
            layout.expected(inner, opened, index, &limits, most)
        })
    }

    /// How many rows a table has, as far as this transaction can know: for plans, never an answer.
    fn estimate(&self, py: Python<'_>, layout: &TableLayout) -> PyResult<u64> {
        let layout = layout.0.clone();
        self.with(py, |inner| Ok(layout.estimate(inner)?))
    }
}
