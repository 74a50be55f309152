//! Private retrieval for Python: matrices, hints and queries of `hyperdb-pir`.
//!
//! **Theory.** Queries, answers and hints cross as bytes, numbers u32 LE. What is secret of a query stays on this side.
//!
//! **Invariant.** A prepared query is asked once: asked again it raises, since a second query from the same secret would show both
//! columns. The interpreter's lock is not held while anything is computed.

use crate::errors::raise;
use hyperdb_pir::answer::answer_bytes;
use hyperdb_pir::client::{prepare, Mask, Prepared};
use hyperdb_pir::hint::{Change, Hint};
use hyperdb_pir::kernel::Kernel;
use hyperdb_pir::matrix::Matrix;
use hyperdb_pir::parameters::DIMENSION;
use hyperdb_pir::public::PublicMatrix;
use hyperdb_pir::{Error, Seed};
use parking_lot::{Mutex, RwLock};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

fn refused(error: Error) -> PyErr {
    raise("InvalidError", &error.to_string())
}

fn array(what: &str, bytes: &[u8]) -> PyResult<[u8; 32]> {
    let wrong = |_| {
        raise(
            "InvalidError",
            &format!("{what} has 32 bytes, not {}", bytes.len()),
        )
    };
    bytes.try_into().map_err(wrong)
}

fn public(app: &[u8], number: u8) -> PyResult<PublicMatrix> {
    Ok(PublicMatrix::new(&array("an app's address", app)?, number))
}

fn all_bytes<'py>(py: Python<'py>, found: &[Vec<u8>]) -> Vec<Bound<'py, PyBytes>> {
    found.iter().map(|bytes| PyBytes::new(py, bytes)).collect()
}

/// Names of the kernels that are used on this processor, from the slowest.
#[pyfunction]
pub(crate) fn pir_kernels(py: Python<'_>) -> Vec<&'static str> {
    py.detach(|| Kernel::available().map(Kernel::name).collect())
}

/// Columns of bytes, answered to queries.
#[pyclass(frozen, module = "hyperdb._core")]
pub(crate) struct PirMatrix(RwLock<Matrix>);

impl PirMatrix {
    pub(crate) fn of(matrix: Matrix) -> Self {
        PirMatrix(RwLock::new(matrix))
    }
}

#[pymethods]
impl PirMatrix {
    #[new]
    fn new(rows: usize, columns: usize) -> PyResult<Self> {
        Ok(PirMatrix(RwLock::new(
            Matrix::new(rows, columns).map_err(refused)?,
        )))
    }

    #[getter]
    fn rows(&self) -> usize {
        self.0.read().rows()
    }

    #[getter]
    fn columns(&self) -> usize {
        self.0.read().columns()
    }

    fn grow(&self, py: Python<'_>, columns: usize) -> PyResult<()> {
        py.detach(|| self.0.write().grow(columns)).map_err(refused)
    }

    fn set(&self, py: Python<'_>, column: usize, data: &[u8]) -> PyResult<()> {
        py.detach(|| self.0.write().set(column, data))
            .map_err(refused)
    }

    fn column<'py>(&self, py: Python<'py>, column: usize) -> PyResult<Bound<'py, PyBytes>> {
        let found = py
            .detach(|| self.0.read().column(column))
            .map_err(refused)?;
        Ok(PyBytes::new(py, &found))
    }

    fn copy(&self, py: Python<'_>) -> Self {
        PirMatrix::of(py.detach(|| self.0.read().clone()))
    }

    /// Columns that are not the same in an earlier matrix.
    fn changed_from(&self, py: Python<'_>, earlier: &PirMatrix) -> PyResult<Vec<usize>> {
        py.detach(|| self.0.read().changed_from(&earlier.0.read()))
            .map_err(refused)
    }

    /// The framed hash of a tag and all columns, each going on in the matrices `below`.
    #[pyo3(signature = (tag, below))]
    fn digest<'py>(
        &self,
        py: Python<'py>,
        tag: &str,
        below: Vec<PyRef<'py, PirMatrix>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let below: Vec<&PirMatrix> = below.iter().map(|matrix| &**matrix).collect();
        let found = py.detach(|| {
            let below: Vec<_> = below.iter().map(|matrix| matrix.0.read()).collect();
            let own = self.0.read();
            let mut parts: Vec<&Matrix> = vec![&own];
            parts.extend(below.iter().map(|matrix| &**matrix));
            Matrix::digest(tag, &parts)
        });
        Ok(PyBytes::new(py, &found.map_err(refused)?))
    }

    fn answer<'py>(
        &self,
        py: Python<'py>,
        queries: Vec<PyBackedBytes>,
        threads: usize,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let queries: Vec<&[u8]> = queries.iter().map(|query| -> &[u8] { query }).collect();
        let answers = py
            .detach(|| answer_bytes(&self.0.read(), &queries, threads))
            .map_err(refused)?;
        Ok(all_bytes(py, &answers))
    }

    fn hint(&self, py: Python<'_>, app: &[u8], number: u8, threads: usize) -> PyResult<PirHint> {
        let public = public(app, number)?;
        let built =
            py.detach(|| Hint::build(&self.0.read(), &public, Kernel::fastest(DIMENSION), threads));
        Ok(PirHint(RwLock::new(built.map_err(refused)?)))
    }
}

/// A matrix times the public matrix.
#[pyclass(frozen, module = "hyperdb._core")]
pub(crate) struct PirHint(RwLock<Hint>);

#[pymethods]
impl PirHint {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, rows: usize, data: &[u8]) -> PyResult<Self> {
        let hint = py
            .detach(|| Hint::from_bytes(rows, data))
            .map_err(refused)?;
        Ok(PirHint(RwLock::new(hint)))
    }

    #[getter]
    fn rows(&self) -> usize {
        self.0.read().rows()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.0.read().to_bytes());
        PyBytes::new(py, &bytes)
    }

    fn copy(&self, py: Python<'_>) -> Self {
        PirHint(RwLock::new(py.detach(|| self.0.read().clone())))
    }

    fn apply(
        &self,
        py: Python<'_>,
        changes: Vec<(usize, PyBackedBytes, PyBackedBytes)>,
        app: &[u8],
        number: u8,
        threads: usize,
    ) -> PyResult<()> {
        let public = public(app, number)?;
        let changes: Vec<Change<'_>> = changes
            .iter()
            .map(|(column, old, new)| Change {
                column: *column,
                old,
                new,
            })
            .collect();
        let kernel = Kernel::fastest(DIMENSION);
        py.detach(|| self.0.write().apply(&changes, &public, kernel, threads))
            .map_err(refused)
    }
}

/// A query without its column, asked once.
#[pyclass(frozen, module = "hyperdb._core")]
pub(crate) struct PirQuery(Mutex<Option<(Prepared, Mask)>>);

/// What reads the answer of one query.
#[pyclass(frozen, module = "hyperdb._core")]
pub(crate) struct PirMask(Mask);

#[pymethods]
impl PirQuery {
    #[staticmethod]
    fn prepare(
        py: Python<'_>,
        app: &[u8],
        number: u8,
        columns: usize,
        hint: &PirHint,
        seeds: Vec<PyBackedBytes>,
        threads: usize,
    ) -> PyResult<Vec<PirQuery>> {
        let public = public(app, number)?;
        let seeds = seeds
            .iter()
            .map(|seed| Ok(Seed(array("a seed", seed)?)))
            .collect::<PyResult<Vec<_>>>()?;
        let made = py.detach(|| {
            let kernel = Kernel::fastest(1);
            let prepared = prepare(&public, columns, &seeds, kernel, threads)?;
            let masked = prepared.into_iter().map(|query| {
                let mask = query.mask(&hint.0.read(), kernel)?;
                Ok((query, mask))
            });
            masked.collect::<hyperdb_pir::Result<Vec<_>>>()
        });
        let made = made.map_err(refused)?;
        Ok(made
            .into_iter()
            .map(|query| PirQuery(Mutex::new(Some(query))))
            .collect())
    }

    fn read_with(&self, py: Python<'_>, hint: &PirHint) -> PyResult<()> {
        let renewed = py.detach(|| match self.0.lock().as_mut() {
            Some((query, mask)) => query
                .mask(&hint.0.read(), Kernel::fastest(1))
                .map(|renewed| *mask = renewed)
                .map(Some),
            None => Ok(None),
        });
        renewed.map_err(refused)?.ok_or_else(asked_before)
    }

    fn ask<'py>(&self, py: Python<'py>, column: usize) -> PyResult<(Bound<'py, PyBytes>, PirMask)> {
        let (query, mask) = self.0.lock().take().ok_or_else(asked_before)?;
        let (bytes, _) = py.detach(|| query.query(column)).map_err(refused)?;
        Ok((PyBytes::new(py, &bytes), PirMask(mask)))
    }
}

fn asked_before() -> PyErr {
    raise(
        "InvalidError",
        "a prepared query is asked once: a second one would show both columns",
    )
}

#[pymethods]
impl PirMask {
    fn recover<'py>(&self, py: Python<'py>, answer: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let column = py.detach(|| self.0.recover(answer)).map_err(refused)?;
        Ok(PyBytes::new(py, &column))
    }
}
