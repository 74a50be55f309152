//! The catalog as records, and layouts compiled from it.

use super::rows::{limits, parts, tuples, End};
use crate::errors::{raise, stopped};
use hyperdb_graph::catalog::{Image, Object, Refusal};
use hyperdb_graph::codec::types::Type;
use hyperdb_graph::relation::{Layout, Page};
use hyperdb_graph::KeyRange;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyList};
use std::ops::Bound as Edge;
use std::sync::Arc;

/// A change of the catalog that was not made, as an exception.
pub(crate) fn refused(refusal: &Refusal) -> PyErr {
    let made = Python::attach(|py| {
        let class = py.import("hyperdb.errors")?.getattr("SqlError")?;
        Ok::<_, PyErr>(PyErr::from_value(
            class.call1((refusal.sqlstate(), refusal.to_string()))?,
        ))
    });
    made.unwrap_or_else(|error| error)
}

/// The number of an object, and its record if it is there.
type Change<'py> = (u64, Option<Bound<'py, PyBytes>>);

/// The catalog at one commit, or as a transaction has changed it.
#[pyclass(frozen)]
pub(crate) struct CatalogImage(pub(crate) Arc<Image>);

#[pymethods]
impl CatalogImage {
    /// A catalog of these records alone.
    #[staticmethod]
    fn of(objects: Vec<(u64, Vec<u8>)>) -> PyResult<CatalogImage> {
        let decoded = objects
            .iter()
            .map(|(number, record)| Some((*number, Object::decode(record)?)));
        let decoded: Option<Vec<_>> = decoded.collect();
        let objects = decoded.ok_or_else(|| raise("InvalidError", "no record of the catalog"))?;
        Ok(CatalogImage(Arc::new(Image::of(0, objects))))
    }

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

    /// As `objects`, of those alone that an earlier image does not have so; `None` for those that only that one has.
    fn changes<'py>(&self, py: Python<'py>, earlier: &CatalogImage) -> Vec<Change<'py>> {
        let found = self.0.changes(&earlier.0).into_iter();
        let encoded = found.filter_map(|(number, object)| match object {
            None => Some((number, None)),
            Some(object) => Some((number, Some(PyBytes::new(py, &object.encode()?)))),
        });
        encoded.collect()
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

    /// From which member key on and below which one a range of the key (`index` None) or of an index lies, None: without an end.
    /// The first is not below the second where the range is empty.
    #[allow(clippy::type_complexity)]
    fn span<'py>(
        &self,
        py: Python<'py>,
        index: Option<usize>,
        low: End<'py>,
        high: End<'py>,
    ) -> PyResult<(Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>)> {
        let limits = limits(self.0.image(), parts(&self.0, index)?, low, high)?;
        let KeyRange { start, end } = self.0.span(index, &limits).map_err(stopped)?;
        let edge = |edge: Edge<Vec<u8>>, included: bool| match edge {
            Edge::Unbounded => None,
            Edge::Included(key) if !included => Some([&key[..], &[0]].concat()),
            Edge::Excluded(key) if included => Some([&key[..], &[0]].concat()),
            Edge::Included(key) | Edge::Excluded(key) => Some(key),
        };
        let bytes = |key: Vec<u8>| PyBytes::new(py, &key);
        Ok((edge(start, true).map(bytes), edge(end, false).map(bytes)))
    }

    /// The key of the row behind an entry of the index at a place.
    fn row_behind<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        entry: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let key = self.0.row_behind(index, entry);
        let key = key.ok_or_else(|| raise("CorruptError", "an entry that cannot be read"))?;
        Ok(PyBytes::new(py, key))
    }

    /// Whether rows lie by the token of their partition: the table was made in CQL.
    fn is_by_token(&self) -> bool {
        self.0.is_by_token()
    }

    /// Packed rows as tuples of the columns.
    fn tuples<'py>(&self, py: Python<'py>, packed: Vec<Vec<u8>>) -> PyResult<Bound<'py, PyList>> {
        let page = Page {
            rows: packed,
            after: None,
        };
        tuples(py, &self.0, &page)
    }

    /// Numbers of the indexes in their order.
    fn indexes(&self) -> Vec<u64> {
        self.0.indexes.iter().map(|index| index.number).collect()
    }
}
