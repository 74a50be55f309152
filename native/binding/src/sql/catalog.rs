//! The catalog as records, and layouts compiled from it.

use crate::errors::raise;
use hyperdb_graph::catalog::{Image, Refusal};
use hyperdb_graph::codec::types::Type;
use hyperdb_graph::relation::Layout;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use std::sync::Arc;

/// A change of the catalog that was not made, as an exception.
pub(super) fn refused(refusal: &Refusal) -> PyErr {
    let made = Python::attach(|py| {
        let class = py.import("hyperdb.errors")?.getattr("SqlError")?;
        Ok::<_, PyErr>(PyErr::from_value(
            class.call1((refusal.sqlstate(), refusal.to_string()))?,
        ))
    });
    made.unwrap_or_else(|error| error)
}

/// The catalog at one commit, or as a transaction has changed it.
#[pyclass(frozen)]
pub(crate) struct CatalogImage(pub(super) Arc<Image>);

#[pymethods]
impl CatalogImage {
    /// How many changes there were before.
    fn version(&self) -> i64 {
        self.0.version()
    }

    /// Numbers and records of all objects, by number; a record is its kind's code and its fields.
    fn objects<'py>(&self, py: Python<'py>) -> Vec<(u64, Bound<'py, PyBytes>)> {
        let objects = self.0.objects();
        let encoded = objects.filter_map(|(number, object)| Some((number, object.encode()?)));
        encoded
            .map(|(number, record)| (number, PyBytes::new(py, &record)))
            .collect()
    }

    /// Numbers of objects that a later version wrote, or that are damaged.
    fn unreadable(&self) -> Vec<u64> {
        self.0.unreadable().to_vec()
    }

    /// How rows of table `number` lie; `extras` are types as records have them.
    fn layout(&self, number: u64, extras: Vec<Vec<u8>>) -> PyResult<TableLayout> {
        let kinds: Option<Vec<Type>> = extras.iter().map(|bytes| Type::decode(bytes)).collect();
        let kinds = kinds.ok_or_else(|| raise("InvalidError", "no type"))?;
        let layout = Layout::of(&self.0, number, kinds).map_err(|refusal| refused(&refusal))?;
        Ok(TableLayout(Arc::new(layout)))
    }
}

/// How rows of one table lie.
#[pyclass(frozen)]
pub(crate) struct TableLayout(pub(super) Arc<Layout>);

#[pymethods]
impl TableLayout {
    /// Column ids in the order of the slots.
    fn columns(&self) -> Vec<u32> {
        self.0.columns.iter().map(|column| column.id).collect()
    }

    /// The schema that columns of these ids and names have in Arrow: a capsule, once to be read.
    fn schema<'py>(
        &self,
        py: Python<'py>,
        columns: Vec<(u32, String)>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        super::columnar::schema(py, self, columns)
    }

    /// Numbers of the indexes in their order.
    fn indexes(&self) -> Vec<u64> {
        self.0.indexes.iter().map(|index| index.number).collect()
    }
}
