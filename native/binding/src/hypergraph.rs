//! The hypergraph of an app for Python: operations as turns of their own, reads of one moment.
//!
//! **Theory.** A walk hands over pages: a crossing into Python costs more than finding the next record. Pages begin small, so
//! that a walk that is left early has read little. All walks give rows of one shape, two byte strings and a number;
//! what they mean is written in `hyperdb/graph`.

use crate::command::now_ms;
use crate::engine::Snapshot;
use crate::errors::{failed, halted, raise};
use crate::fork::Born;
use crate::store::Store;
use hyperdb_graph::hyperedge::{self, Act, Incidence, Member, MemberRange, Reference, View};
use hyperdb_graph::{AppId, Class, Direction, Kind, Record, Set, Stop, Turn};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::ops::Bound as Edge;

/// Order key, kind (1 vertex, 2 hyperedge, 3 bare value), id or value.
pub(crate) type PyMember<'py> = (Bound<'py, PyBytes>, u8, Bound<'py, PyBytes>);

/// A row of a walk: members are (order key, id or value, kind), memberships (hyperedge, order key, kind), elements and
/// changes (id, nothing, version).
pub(crate) type Row = (Vec<u8>, Vec<u8>, u64);

const VALUE: u8 = 3;

fn member((order_key, kind, bytes): PyMember<'_>) -> PyResult<(Vec<u8>, Member)> {
    let bytes = bytes.as_bytes().to_vec();
    let member = match kind {
        1 => Member::to(Reference::Vertex, bytes),
        2 => Member::to(Reference::Hyperedge, bytes),
        VALUE => Member::Value(bytes),
        other => {
            return Err(raise(
                "InvalidError",
                &format!("no member has kind {other}"),
            ))
        }
    };
    Ok((order_key.as_bytes().to_vec(), member))
}

pub(crate) fn members(given: Vec<PyMember<'_>>) -> PyResult<Vec<(Vec<u8>, Member)>> {
    given.into_iter().map(member).collect()
}

/// An element: the name of its kind, a vertex's value, and of a hyperedge how many members of how many bytes.
pub(crate) type Element = (&'static str, Vec<u8>, u64, u64);

/// The element `id` of `app`, if it is there.
pub(crate) fn element<V: View>(view: &V, app: AppId, id: &[u8]) -> Act<Option<Element>> {
    let Some(stored) = hyperedge::record(view, app, id)? else {
        return Ok(None);
    };
    Ok(Some(match stored.record()? {
        Record::Vertex { value, .. } => (kind_name(Kind::Vertex), value.to_vec(), 0, 0),
        Record::Edge(header) => {
            let name = kind_name(header.kind);
            (name, Vec::new(), header.count, header.bytes)
        }
    }))
}

/// The kind and the bytes of a member.
pub(crate) fn parts(member: Member) -> (u8, Vec<u8>) {
    match member {
        Member::Vertex(id) => (Reference::Vertex as u8, id),
        Member::Hyperedge(id) => (Reference::Hyperedge as u8, id),
        Member::Value(value) => (VALUE, value),
    }
}

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Vertex => "vertex",
        Kind::Edge => "hyperedge",
        Kind::Hash => "hash",
        Kind::Set => "set",
        Kind::List => "list",
        Kind::SortedSet => "sorted_set",
        Kind::Stream => "stream",
        Kind::Table => "table",
        Kind::Index => "index",
        Kind::Partition => "partition",
    }
}

pub(crate) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Vertex => "vertex",
        Class::Edge => "hyperedge",
        Class::Hash => "hash",
        Class::Set => "set",
        Class::List => "list",
        Class::SortedSet => "sorted_set",
        Class::Stream => "stream",
        Class::Table => "table",
    }
}

/// Writing to one app, by name.
#[pyclass(frozen)]
pub(crate) struct Hypergraph {
    store: Py<Store>,
    app: Vec<u8>,
}

impl Hypergraph {
    /// Runs `body` as one commit and waits until it is durable. What only removes makes no app: then `body` is not run
    /// where there is none, and `T::default()` is the answer.
    fn run<T: Default + Send>(
        &self,
        py: Python<'_>,
        makes_app: bool,
        body: impl Fn(&mut Turn<'_>, AppId) -> Act<T> + Send + Sync,
    ) -> PyResult<T> {
        let graph = self.store.get().graph()?;
        py.detach(|| {
            let (value, commit) = hyperedge::run(&graph, now_ms(), |turn| {
                let app = if makes_app {
                    Some(turn.app(&self.app)?)
                } else {
                    turn.find_app(&self.app)?
                };
                app.map_or_else(|| Ok(T::default()), |app| body(turn, app))
            })?;
            graph.db().wait_durable(commit)?;
            Ok(value)
        })
        .map_err(halted)
    }
}

#[pymethods]
impl Hypergraph {
    #[new]
    fn new(store: Py<Store>, app: &[u8]) -> Hypergraph {
        let app = app.to_vec();
        Hypergraph { store, app }
    }

    fn add_vertex(&self, py: Python<'_>, id: &[u8], value: &[u8]) -> PyResult<bool> {
        self.run(py, true, |turn, app| {
            hyperedge::add_vertex(turn, app, id, value)
        })
    }

    fn remove_vertex(&self, py: Python<'_>, id: &[u8], detach: bool) -> PyResult<bool> {
        self.run(py, false, |turn, app| {
            hyperedge::remove_vertex(turn, app, id, detach)
        })
    }

    fn add_hyperedge(
        &self,
        py: Python<'_>,
        id: &[u8],
        members: Vec<PyMember<'_>>,
    ) -> PyResult<bool> {
        let members = self::members(members)?;
        self.run(py, true, |turn, app| {
            hyperedge::add_hyperedge(turn, app, id, &members)
        })
    }

    fn remove_hyperedge(&self, py: Python<'_>, id: &[u8], detach: bool) -> PyResult<bool> {
        self.run(py, false, |turn, app| {
            hyperedge::remove_hyperedge(turn, app, id, detach)
        })
    }

    fn add_members(&self, py: Python<'_>, id: &[u8], members: Vec<PyMember<'_>>) -> PyResult<u64> {
        let members = self::members(members)?;
        self.run(py, true, |turn, app| {
            hyperedge::add_members(turn, app, id, &members)
        })
    }

    fn remove_members(&self, py: Python<'_>, id: &[u8], order_keys: Vec<Vec<u8>>) -> PyResult<u64> {
        self.run(py, false, |turn, app| {
            hyperedge::remove_members(turn, app, id, &order_keys)
        })
    }

    /// The app at a snapshot; `past`: what had expired and was not removed by then is shown.
    fn reader(
        &self,
        py: Python<'_>,
        snapshot: &Snapshot,
        horizon: u64,
        past: bool,
    ) -> PyResult<Reader> {
        let graph = self.store.get().graph()?;
        let snapshot = snapshot.inner()?;
        let now = (!past).then(now_ms);
        let reader = py
            .detach(|| graph.reader(snapshot, &self.app, now, horizon))
            .map_err(failed)?;
        Ok(Reader {
            born: Born::here(),
            inner: Mutex::new(Some(reader)),
        })
    }
}

/// One app at one commit.
#[pyclass(frozen)]
pub(crate) struct Reader {
    born: Born,
    inner: Mutex<Option<hyperdb_graph::Reader>>,
}

impl Reader {
    fn inner(&self) -> PyResult<hyperdb_graph::Reader> {
        self.born.check()?;
        let guard = self.inner.lock();
        guard
            .clone()
            .ok_or_else(|| failed(hyperdb_lsm::Error::Closed))
    }

    /// What `read` says of the app, or the default where there is no app.
    fn read<T: Default + Send>(
        &self,
        py: Python<'_>,
        read: impl Fn(&hyperdb_graph::Reader, AppId) -> Act<T> + Send + Sync,
    ) -> PyResult<T> {
        let reader = self.inner()?;
        let Some(app) = reader.app() else {
            return Ok(T::default());
        };
        py.detach(|| read(&reader, app)).map_err(halted)
    }
}

#[pymethods]
impl Reader {
    /// Kind, value of a vertex, and of a hyperedge how many members of how many bytes; None if it is not there.
    #[allow(clippy::type_complexity)]
    fn element<'py>(
        &self,
        py: Python<'py>,
        id: &[u8],
    ) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>, u64, u64)>> {
        let found = self.read(py, |reader, app| element(reader, app, id))?;
        Ok(found.map(|(kind, value, count, bytes)| (kind, PyBytes::new(py, &value), count, bytes)))
    }

    /// The commit that added or removed the element last.
    fn version(&self, py: Python<'_>, id: &[u8]) -> PyResult<Option<u64>> {
        self.read(py, |reader, _| Ok(reader.version(id)?))
    }

    fn member<'py>(
        &self,
        py: Python<'py>,
        id: &[u8],
        order_key: &[u8],
    ) -> PyResult<Option<(u8, Bound<'py, PyBytes>)>> {
        let found = self.read(py, |reader, app| {
            let Some(header) = hyperedge::header(reader, app, id)? else {
                return Ok(None);
            };
            Ok(hyperedge::member(reader, app, header.cid, order_key)?.map(parts))
        })?;
        Ok(found.map(|(kind, bytes)| (kind, PyBytes::new(py, &bytes))))
    }

    /// Pages of members between order keys, `start` included, `stop` excluded; none if the hyperedge is not there.
    fn members(
        &self,
        py: Python<'_>,
        id: &[u8],
        start: Option<Vec<u8>>,
        stop: Option<Vec<u8>>,
        reverse: bool,
    ) -> PyResult<Pages> {
        let cid = self.read(py, |reader, app| {
            Ok(hyperedge::header(reader, app, id)?.map(|header| header.cid))
        })?;
        let reader = self.inner()?;
        let mut range = MemberRange {
            start: start.map_or(Edge::Unbounded, Edge::Included),
            end: stop.map_or(Edge::Unbounded, Edge::Excluded),
            direction: if reverse {
                Direction::Reverse
            } else {
                Direction::Forward
            },
        };
        Ok(Pages::new(move |limit| {
            let (Some(app), Some(cid)) = (reader.app(), cid) else {
                return Ok(Vec::new());
            };
            let page = hyperedge::members(&reader, app, cid, &range, limit)?;
            if let Some((last, _)) = page.last() {
                range.go_on(last.clone());
            }
            let row = |(order_key, member)| {
                let (kind, bytes) = parts(member);
                (order_key, bytes, u64::from(kind))
            };
            Ok(page.into_iter().map(row).collect())
        }))
    }

    /// Pages of memberships.
    fn incident(&self, id: Vec<u8>) -> PyResult<Pages> {
        let reader = self.inner()?;
        let mut last: Option<Incidence> = None;
        Ok(Pages::new(move |limit| {
            let Some(app) = reader.app() else {
                return Ok(Vec::new());
            };
            let page = hyperedge::incident(&reader, app, &id, last.as_ref(), limit)?;
            last = page.last().cloned();
            let row = |found: Incidence| (found.edge, found.order_key, found.kind as u64);
            Ok(page.into_iter().map(row).collect())
        }))
    }

    fn within(&self, py: Python<'_>, inner: &[u8], outer: &[u8]) -> PyResult<bool> {
        self.read(py, |reader, app| {
            hyperedge::within(reader, app, inner, outer)
        })
    }

    /// Pages of vertices, or of hyperedges of every kind.
    fn elements(&self, vertices: bool) -> PyResult<Pages> {
        let mut walk =
            self.inner()?
                .elements()
                .filter_map(move |found| match found {
                    Ok((id, kind, version)) => ((kind == Kind::Vertex) == vertices)
                        .then_some(Ok((id, Vec::new(), version))),
                    Err(error) => Some(Err(error)),
                });
        Ok(Pages::new(move |limit| Ok(take(&mut walk, limit)?)))
    }

    /// Pages of one of the four sets: of vertices or hyperedges, adds or removes.
    fn changes(&self, vertices: bool, adds: bool) -> PyResult<Pages> {
        let set = Set::of(vertices, adds);
        let mut walk = self
            .inner()?
            .changes(set)
            .map(|found| found.map(|(id, version)| (id, Vec::new(), version)));
        Ok(Pages::new(move |limit| Ok(take(&mut walk, limit)?)))
    }

    /// Elements and bytes of each kind.
    fn counts(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, u64, u64)>> {
        let reader = self.inner()?;
        let stats = py.detach(|| reader.stats()).map_err(failed)?;
        let count = |class: &Class| (class_name(*class), stats.count(*class), stats.bytes(*class));
        Ok(Class::ALL.iter().map(count).collect())
    }

    /// How many elements have an expiry.
    fn expiring(&self, py: Python<'_>) -> PyResult<u64> {
        let reader = self.inner()?;
        let stats = py.detach(|| reader.stats()).map_err(failed)?;
        Ok(stats.expiring())
    }

    fn close(&self) {
        if self.born.is_here() {
            self.inner.lock().take();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.born.is_here() {
            // Locks of the parent may be held for ever in this child.
            std::mem::forget(self.inner.get_mut().take());
        }
    }
}

/// Up to `limit` rows of a walk.
fn take(
    walk: &mut impl Iterator<Item = hyperdb_lsm::Result<Row>>,
    limit: usize,
) -> Result<Vec<Row>, Stop> {
    Ok(walk.take(limit).collect::<hyperdb_lsm::Result<_>>()?)
}

const FIRST_PAGE: usize = 16;
const LARGEST_PAGE: usize = 1024;

type Fetch = Box<dyn FnMut(usize) -> PyResult<Vec<Row>> + Send>;

struct Walk {
    /// `None` after the end.
    fetch: Option<Fetch>,
    size: usize,
}

/// An iterator of lists of rows.
#[pyclass(frozen)]
pub(crate) struct Pages {
    born: Born,
    walk: Mutex<Walk>,
}

impl Pages {
    fn new(mut fetch: impl FnMut(usize) -> Act<Vec<Row>> + Send + 'static) -> Pages {
        Pages::of(move |limit| fetch(limit).map_err(halted))
    }

    /// A walk whose `fetch` gives pages of up to so many rows; a shorter one is the last.
    pub(crate) fn of(fetch: impl FnMut(usize) -> PyResult<Vec<Row>> + Send + 'static) -> Pages {
        Pages {
            born: Born::here(),
            walk: Mutex::new(Walk {
                fetch: Some(Box::new(fetch)),
                size: FIRST_PAGE,
            }),
        }
    }
}

impl Walk {
    fn next_page(&mut self) -> PyResult<Vec<Row>> {
        let Some(fetch) = self.fetch.as_mut() else {
            return Ok(Vec::new());
        };
        let page = fetch(self.size);
        if !matches!(&page, Ok(rows) if rows.len() == self.size) {
            self.fetch = None;
        }
        self.size = (self.size * 4).min(LARGEST_PAGE);
        page
    }
}

#[pymethods]
impl Pages {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.born.check()?;
        let page = py.detach(|| self.walk.lock().next_page())?;
        if page.is_empty() {
            return Ok(None);
        }
        let rows = page
            .iter()
            .map(|(one, other, number)| (PyBytes::new(py, one), PyBytes::new(py, other), *number));
        Ok(Some(PyList::new(py, rows.collect::<Vec<_>>())?))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if !self.born.is_here() {
            std::mem::forget(self.walk.get_mut().fetch.take());
        }
    }
}
