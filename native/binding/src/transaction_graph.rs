//! The hypergraph of an app inside a transaction: the calls of `Hypergraph` and of `Reader`, on the transaction.
//!
//! **Theory.** The same operations run on a turn, a snapshot and a transaction. Here each call, and each page of a walk,
//! is a statement of the transaction: it sees the own writes, and at READ COMMITTED what is committed by then.
//! A walk holds the transaction without keeping it open: after its end the next page is refused.

use crate::errors::halted;
use crate::hypergraph::{class_name, element, members, parts, Pages, PyMember, Row};
use crate::transaction::{ended, Open, Shared, Transaction};
use hyperdb_graph::hyperedge::{self, Act, Incidence, MemberRange};
use hyperdb_graph::{AppId, Class, Direction, Kind, Set, Transaction as Inner};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ops::Bound as Edge;

/// Bytes of the hash in front of an id.
const HASH: usize = 8;

/// An app of a transaction.
#[pyclass(frozen)]
pub(crate) struct TransactionGraph {
    transaction: Py<Transaction>,
    /// `None`: there is no such app, and the transaction only reads.
    app: Option<AppId>,
}

/// One statement that reads.
fn reading<T>(open: &mut Open, read: impl FnOnce(&Inner) -> Act<T>) -> Act<T> {
    open.inner.begin_statement();
    read(&open.inner)
}

/// One reading statement of whoever holds the transaction.
fn read_shared<T>(shared: &Shared, read: impl FnOnce(&Inner) -> Act<T>) -> PyResult<T> {
    let mut guard = shared.lock();
    let open = guard.as_mut().ok_or_else(ended)?;
    reading(open, read).map_err(halted)
}

impl TransactionGraph {
    fn write<T: Send>(
        &self,
        py: Python<'_>,
        body: impl Fn(&mut Inner, AppId) -> Act<T> + Send + Sync,
    ) -> PyResult<T> {
        let shared = self.transaction.get().shared()?;
        // Without an app the transaction only reads: the write is refused, whatever its app.
        let app = self.app.unwrap_or(AppId::SYSTEM);
        let outcome = py.detach(|| {
            let mut guard = shared.lock();
            let open = guard.as_mut()?;
            Some(open.inner.statement(|inner| body(inner, app)))
        });
        outcome.ok_or_else(ended)?.map_err(halted)
    }

    fn read<T: Default + Send>(
        &self,
        py: Python<'_>,
        read: impl Fn(&Inner, AppId) -> Act<T> + Send + Sync,
    ) -> PyResult<T> {
        let shared = self.transaction.get().shared()?;
        py.detach(|| {
            read_shared(&shared, |inner| {
                self.app
                    .map_or_else(|| Ok(T::default()), |app| read(inner, app))
            })
        })
    }

    /// A walk of which `fetch` reads a page.
    fn pages(
        &self,
        mut fetch: impl FnMut(&Inner, AppId, usize) -> Act<Vec<Row>> + Send + 'static,
    ) -> PyResult<Pages> {
        let shared = self.transaction.get().shared()?;
        let app = self.app;
        Ok(Pages::of(move |limit| {
            read_shared(&shared, |inner| {
                app.map_or_else(|| Ok(Vec::new()), |app| fetch(inner, app, limit))
            })
        }))
    }
}

#[pymethods]
impl TransactionGraph {
    #[new]
    fn new(transaction: Py<Transaction>, app: Option<u32>) -> TransactionGraph {
        let app = app.map(AppId);
        TransactionGraph { transaction, app }
    }

    fn add_vertex(&self, py: Python<'_>, id: &[u8], value: &[u8]) -> PyResult<bool> {
        self.write(py, |inner, app| {
            hyperedge::add_vertex(inner, app, id, value)
        })
    }

    fn remove_vertex(&self, py: Python<'_>, id: &[u8], detach: bool) -> PyResult<bool> {
        self.write(py, |inner, app| {
            hyperedge::remove_vertex(inner, app, id, detach)
        })
    }

    fn add_hyperedge(
        &self,
        py: Python<'_>,
        id: &[u8],
        members: Vec<PyMember<'_>>,
    ) -> PyResult<bool> {
        let members = self::members(members)?;
        self.write(py, |inner, app| {
            hyperedge::add_hyperedge(inner, app, id, &members)
        })
    }

    fn remove_hyperedge(&self, py: Python<'_>, id: &[u8], detach: bool) -> PyResult<bool> {
        self.write(py, |inner, app| {
            hyperedge::remove_hyperedge(inner, app, id, detach)
        })
    }

    fn add_members(&self, py: Python<'_>, id: &[u8], members: Vec<PyMember<'_>>) -> PyResult<u64> {
        let members = self::members(members)?;
        self.write(py, |inner, app| {
            hyperedge::add_members(inner, app, id, &members)
        })
    }

    fn remove_members(&self, py: Python<'_>, id: &[u8], order_keys: Vec<Vec<u8>>) -> PyResult<u64> {
        self.write(py, |inner, app| {
            hyperedge::remove_members(inner, app, id, &order_keys)
        })
    }

    /// As `Reader.element`.
    #[allow(clippy::type_complexity)]
    fn element<'py>(
        &self,
        py: Python<'py>,
        id: &[u8],
    ) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>, u64, u64)>> {
        let found = self.read(py, |inner, app| element(inner, app, id))?;
        Ok(found.map(|(kind, value, count, bytes)| (kind, PyBytes::new(py, &value), count, bytes)))
    }

    /// The commit that added or removed the element last; 0 if this transaction did.
    fn version(&self, py: Python<'_>, id: &[u8]) -> PyResult<Option<u64>> {
        self.read(py, |inner, app| {
            Ok(inner.version(app, id)?.map(|version| version.unwrap_or(0)))
        })
    }

    fn member<'py>(
        &self,
        py: Python<'py>,
        id: &[u8],
        order_key: &[u8],
    ) -> PyResult<Option<(u8, Bound<'py, PyBytes>)>> {
        let found = self.read(py, |inner, app| {
            let Some(header) = hyperedge::header(inner, app, id)? else {
                return Ok(None);
            };
            Ok(hyperedge::member(inner, app, header.cid, order_key)?.map(parts))
        })?;
        Ok(found.map(|(kind, bytes)| (kind, PyBytes::new(py, &bytes))))
    }

    /// As `Reader.members`.
    fn members(
        &self,
        id: Vec<u8>,
        start: Option<Vec<u8>>,
        stop: Option<Vec<u8>>,
        reverse: bool,
    ) -> PyResult<Pages> {
        let mut range = MemberRange {
            start: start.map_or(Edge::Unbounded, Edge::Included),
            end: stop.map_or(Edge::Unbounded, Edge::Excluded),
            direction: if reverse {
                Direction::Reverse
            } else {
                Direction::Forward
            },
        };
        self.pages(move |inner, app, limit| {
            let Some(header) = hyperedge::header(inner, app, &id)? else {
                return Ok(Vec::new());
            };
            let page = hyperedge::members(inner, app, header.cid, &range, limit)?;
            if let Some((last, _)) = page.last() {
                range.go_on(last.clone());
            }
            let row = |(order_key, member)| {
                let (kind, bytes) = parts(member);
                (order_key, bytes, u64::from(kind))
            };
            Ok(page.into_iter().map(row).collect())
        })
    }

    /// As `Reader.incident`.
    fn incident(&self, id: Vec<u8>) -> PyResult<Pages> {
        let mut last: Option<Incidence> = None;
        self.pages(move |inner, app, limit| {
            let page = hyperedge::incident(inner, app, &id, last.as_ref(), limit)?;
            last = page.last().cloned();
            let row = |found: Incidence| (found.edge, found.order_key, found.kind as u64);
            Ok(page.into_iter().map(row).collect())
        })
    }

    fn within(&self, py: Python<'_>, inner: &[u8], outer: &[u8]) -> PyResult<bool> {
        self.read(py, |transaction, app| {
            hyperedge::within(transaction, app, inner, outer)
        })
    }

    /// As `Reader.elements`; without versions.
    fn elements(&self, vertices: bool) -> PyResult<Pages> {
        let mut after: Option<Box<[u8]>> = None;
        self.pages(move |inner, app, limit| {
            let mut rows = Vec::new();
            while rows.len() < limit {
                let wanted = limit - rows.len();
                let page = inner.elements(app, after.as_deref(), wanted)?;
                let is_last = page.len() < wanted;
                after = page.last().map(|(place, _)| place.clone()).or(after.take());
                let right = page
                    .into_iter()
                    .filter(|(_, kind)| (*kind == Kind::Vertex) == vertices);
                rows.extend(right.map(|(place, _)| row(&place, 0)));
                if is_last {
                    break;
                }
            }
            Ok(rows)
        })
    }

    /// As `Reader.changes`; what this transaction wrote has version 0.
    fn changes(&self, vertices: bool, adds: bool) -> PyResult<Pages> {
        let set = Set::of(vertices, adds);
        let horizon = self.transaction.get().horizon();
        let mut after: Option<Box<[u8]>> = None;
        self.pages(move |inner, app, limit| {
            let page = inner.changes(app, set, horizon, after.as_deref(), limit)?;
            after = page.last().map(|(place, _)| place.clone()).or(after.take());
            let row =
                |(place, version): &(Box<[u8]>, Option<u64>)| row(place, version.unwrap_or(0));
            Ok(page.iter().map(row).collect())
        })
    }

    /// As `Reader.counts`.
    fn counts(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, u64, u64)>> {
        let stats = self.read(py, |inner, app| Ok(inner.app_stats(app)?))?;
        let count = |class: &Class| (class_name(*class), stats.count(*class), stats.bytes(*class));
        Ok(Class::ALL.iter().map(count).collect())
    }

    /// As `Reader.expiring`.
    fn expiring(&self, py: Python<'_>) -> PyResult<u64> {
        self.read(py, |inner, app| Ok(inner.app_stats(app)?.expiring()))
    }
}

fn row(place: &[u8], version: u64) -> Row {
    (place[HASH.min(place.len())..].to_vec(), Vec::new(), version)
}
