//! Redis's keys and members inside a statement of SQL.
//!
//! **Theory.** Rows cross as tuples of bytes and numbers; what columns are made of them is Python's. Each call is a step of the
//! statement that is open.

use super::transaction::SqlTransaction;
use crate::errors::raise;
use crate::transaction::choose;
use hyperdb_graph::keyspace::{self, After, KeyRow, Part, Within};
use hyperdb_graph::roles::Role;
use hyperdb_graph::stream::Id;
use hyperdb_graph::{AppId, Kind};
use hyperdb_resp::acl::Reading;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

const KINDS: &[(&str, Kind)] = &[
    ("hash", Kind::Hash),
    ("set", Kind::Set),
    ("list", Kind::List),
    ("zset", Kind::SortedSet),
    ("stream", Kind::Stream),
];

/// Which members: by name, between two ids of 16 bytes, between two indexes, between two scores.
#[derive(FromPyObject)]
enum PyWithin<'py> {
    Named(Bound<'py, PyBytes>),
    Ids((Bound<'py, PyBytes>, Bound<'py, PyBytes>)),
    Indexes((i64, i64)),
    Scores((f64, f64)),
}

/// Which keys some roles may read, by their ACL rules.
#[pyclass(frozen)]
pub(crate) struct KeyReading {
    reading: Reading,
}

#[pymethods]
impl KeyReading {
    /// Of roles by their names and records.
    #[new]
    fn new(roles: Vec<(String, Vec<u8>)>) -> PyResult<KeyReading> {
        let malformed = || raise("CorruptError", "a role's record is malformed");
        let read = |(name, record): &(String, Vec<u8>)| Some((name.clone(), Role::decode(record)?));
        let roles: Option<Vec<(String, Role)>> = roles.iter().map(read).collect();
        let roles = roles.ok_or_else(malformed)?;
        let reading = Reading::of(roles.iter().map(|(name, role)| (&name[..], role)));
        Ok(KeyReading { reading })
    }
}

/// An app, as Redis's clients see it, in a transaction; only the keys that may be read, if not all.
#[pyclass(frozen)]
pub(crate) struct Keyspace {
    transaction: Py<SqlTransaction>,
    app: Option<AppId>,
    reading: Option<Py<KeyReading>>,
}

impl Keyspace {
    /// Calls `ask` with what tells which keys are there.
    fn seeing<T>(&self, ask: impl FnOnce(Option<keyspace::Sees<'_>>) -> T) -> T {
        let Some(reading) = &self.reading else {
            return ask(None);
        };
        let reading = &reading.get().reading;
        ask(Some(&|kind, key| reading.allows(kind, key)))
    }
}

fn stream_id(raw: &Bound<'_, PyBytes>) -> PyResult<Id> {
    Id::from_bytes(raw.as_bytes()).ok_or_else(|| raise("InvalidError", "an id has 16 bytes"))
}

/// The word of TYPE.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Vertex => "string",
        Kind::Hash => "hash",
        Kind::Set => "set",
        Kind::List => "list",
        Kind::SortedSet => "zset",
        Kind::Stream => "stream",
        Kind::Edge => "hyperedge",
        Kind::Table | Kind::Index | Kind::Partition => "table",
    }
}

/// Key, type, expiry in Unix milliseconds, members, bytes, value.
fn tuple<'py>(py: Python<'py>, row: &KeyRow) -> PyResult<Bound<'py, PyTuple>> {
    let value = row.value.as_deref().map(|value| PyBytes::new(py, value));
    (
        PyBytes::new(py, &row.id),
        word(row.kind),
        row.expiry,
        row.count,
        row.bytes,
        value,
    )
        .into_pyobject(py)
}

/// Key, and what the member is.
fn member<'py>(py: Python<'py>, id: &[u8], part: &Part) -> PyResult<Bound<'py, PyTuple>> {
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
    match part {
        Part::Field(field, value) => (bytes(id), bytes(field), bytes(value)).into_pyobject(py),
        Part::Member(member) => (bytes(id), bytes(member)).into_pyobject(py),
        Part::Item(index, item) => (bytes(id), *index, bytes(item)).into_pyobject(py),
        Part::Scored(member, score) => (bytes(id), bytes(member), *score).into_pyobject(py),
        Part::Entry(entry, words) => {
            let words = PyList::new(py, words.iter().map(|word| bytes(word)))?;
            (bytes(id), entry.ms, entry.seq, words).into_pyobject(py)
        }
    }
}

#[pymethods]
impl Keyspace {
    #[new]
    #[pyo3(signature = (transaction, app, reading=None))]
    fn new(
        py: Python<'_>,
        transaction: Py<SqlTransaction>,
        app: &[u8],
        reading: Option<Py<KeyReading>>,
    ) -> PyResult<Keyspace> {
        let app = transaction
            .get()
            .with(py, |inner| Ok(inner.find_app(app)?))?;
        Ok(Keyspace {
            transaction,
            app,
            reading,
        })
    }

    /// Whether there is such an app.
    fn exists(&self) -> bool {
        self.app.is_some()
    }

    /// Up to `limit` keys behind a place, and where to go on.
    #[allow(clippy::type_complexity)]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyList>, Option<Bound<'py, PyBytes>>)> {
        let Some(app) = self.app else {
            return Ok((PyList::empty(py), None));
        };
        let (rows, after) = self.transaction.get().with(py, |inner| {
            self.seeing(|sees| Ok(keyspace::keys(&*inner, app, after, limit, sees)?))
        })?;
        let rows = rows.iter().map(|row| tuple(py, row));
        let rows = PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)?;
        Ok((rows, after.map(|after| PyBytes::new(py, &after))))
    }

    /// One key.
    fn key<'py>(&self, py: Python<'py>, id: &[u8]) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(app) = self.app else {
            return Ok(None);
        };
        let found = self.transaction.get().with(py, |inner| {
            self.seeing(|sees| Ok(keyspace::key(&*inner, app, id, sees)?))
        })?;
        found.map(|row| tuple(py, &row)).transpose()
    }

    /// Up to `limit` members of collections of a kind, or of the one under `id`, behind a place; and where to go on.
    #[allow(clippy::type_complexity)]
    fn members<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        id: Option<&[u8]>,
        within: Option<PyWithin<'py>>,
        after: Option<(Vec<u8>, Vec<u8>)>,
        limit: usize,
    ) -> PyResult<(
        Bound<'py, PyList>,
        Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
    )> {
        let kind = choose("kind", KINDS, kind)?;
        let Some(app) = self.app else {
            return Ok((PyList::empty(py), None));
        };
        if limit == 0 {
            return Err(raise("InvalidError", "a page has one row at least"));
        }
        let within = match within {
            None => Within::All,
            Some(PyWithin::Ids((low, high))) => Within::Ids(stream_id(&low)?, stream_id(&high)?),
            Some(PyWithin::Named(name)) => Within::Named(name.as_bytes().to_vec()),
            Some(PyWithin::Indexes((low, high))) => Within::Indexes(low, high),
            Some(PyWithin::Scores((low, high))) => Within::Scores(low, high),
        };
        let after = after.map(|(place, member)| After { place, member });
        let page = self.transaction.get().with(py, |inner| {
            self.seeing(|sees| {
                let asked = keyspace::Asked {
                    kind,
                    id,
                    within: &within,
                    after: after.as_ref(),
                    limit,
                    sees,
                };
                Ok(keyspace::members(&*inner, app, &asked)?)
            })
        })?;
        let rows = page.rows.iter().map(|(id, part)| member(py, id, part));
        let rows = PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)?;
        let after = page.after.map(|after| {
            (
                PyBytes::new(py, &after.place),
                PyBytes::new(py, &after.member),
            )
        });
        Ok((rows, after))
    }

    /// How many keys there are, if that is known without looking at them.
    fn count(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        if self.reading.is_some() {
            return Ok(None);
        }
        let Some(app) = self.app else {
            return Ok(Some(0));
        };
        self.transaction
            .get()
            .with(py, |inner| Ok(keyspace::count(&*inner, app)?))
    }
}
