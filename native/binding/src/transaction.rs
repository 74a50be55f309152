//! Transactions: a handle on the sequencer's, one statement a call.
//!
//! **Theory.** Every writing call is a statement of its own: it happens whole or not at all, and at READ COMMITTED
//! it sees what is committed by now. A call may wait for a row lock, so the interpreter's lock is given away first,
//! then the handle is taken: whoever waits for the handle holds neither.
//!
//! **Invariant.** A handle that was committed or rolled back answers nothing more.

use crate::engine::{direction, family, range, values};
use crate::errors::{failed, raise, stopped};
use crate::fork::Born;
use hyperdb_graph::sequencer::{Canceller, Savepoint};
use hyperdb_graph::{
    Access, AppId, Db, Isolation, Kind, LockMode, Locked, Record, Step, Store, Target,
    Transaction as Inner, TransactionOptions, Wait,
};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::sync::Arc;
use std::time::Duration;

const ISOLATIONS: &[(&str, Isolation)] = &[
    ("read committed", Isolation::ReadCommitted),
    ("repeatable read", Isolation::RepeatableRead),
    ("serializable", Isolation::Serializable),
];

pub(crate) const MODES: &[(&str, LockMode)] = &[
    ("key share", LockMode::KeyShare),
    ("share", LockMode::Share),
    ("no key update", LockMode::NoKeyUpdate),
    ("update", LockMode::Update),
];

pub(crate) const WAITS: &[(&str, Wait)] = &[
    ("block", Wait::Block),
    ("nowait", Wait::NoWait),
    ("skip", Wait::SkipLocked),
];

/// What `word` stands for.
pub(crate) fn choose<T: Copy>(what: &str, table: &[(&str, T)], word: &str) -> PyResult<T> {
    let found = table.iter().find(|(name, _)| *name == word);
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| format!("'{name}'")).collect();
        let text = format!("{what} is one of {}, not '{word}'", names.join(", "));
        raise("InvalidError", &text)
    })
}

/// A time in seconds that a transaction waits for one lock; `None` for ever.
fn lock_timeout(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    match seconds.map(Duration::try_from_secs_f64) {
        None => Ok(None),
        Some(Ok(timeout)) => Ok(Some(timeout)),
        Some(Err(error)) => {
            let text = format!("the lock timeout is no time in seconds: {error}");
            Err(raise("InvalidError", &text))
        }
    }
}

/// How to begin, from Python's words. `lock_timeout` in seconds, `None` for ever.
pub(crate) fn options(
    isolation: &str,
    read_only: bool,
    lock_timeout: Option<f64>,
    now_ms: i64,
) -> PyResult<TransactionOptions> {
    let lock_timeout = self::lock_timeout(lock_timeout)?;
    Ok(TransactionOptions {
        isolation: choose("isolation", ISOLATIONS, isolation)?,
        access: if read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        },
        lock_timeout,
        now_ms,
    })
}

/// The transaction while it is open, and its savepoints by number.
pub(crate) struct Open {
    pub(crate) inner: Inner,
    pub(crate) savepoints: Vec<Savepoint>,
}

/// The open transaction; `None` after its end. Walks over it hold it too.
pub(crate) type Shared = Arc<Mutex<Option<Open>>>;

/// A transaction.
#[pyclass(frozen)]
pub(crate) struct Transaction {
    born: Born,
    db: Db,
    /// Only of transactions over the hypergraph.
    graph: Option<Arc<Store>>,
    canceller: Canceller,
    open: Shared,
}

impl Transaction {
    pub(crate) fn of(inner: Inner, db: Db, graph: Option<Arc<Store>>) -> Transaction {
        Transaction {
            born: Born::here(),
            db,
            graph,
            canceller: inner.canceller(),
            open: Arc::new(Mutex::new(Some(Open {
                inner,
                savepoints: Vec::new(),
            }))),
        }
    }

    /// Runs `body` on the open transaction, without the interpreter's lock.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut Open) -> Step<T> + Send,
    ) -> PyResult<T> {
        self.born.check()?;
        let outcome = py.detach(|| self.open.lock().as_mut().map(body));
        match outcome {
            Some(outcome) => outcome.map_err(stopped),
            None => Err(ended()),
        }
    }

    /// The transaction, for what works on it beside this handle.
    pub(crate) fn shared(&self) -> PyResult<Shared> {
        self.born.check()?;
        Ok(self.open.clone())
    }

    /// The store that it is a transaction of.
    pub(crate) fn store(&self) -> PyResult<Arc<Store>> {
        let none = || raise("InvalidError", "a plain engine has no tables");
        self.graph.clone().ok_or_else(none)
    }

    /// Where removes begin to be known.
    pub(crate) fn horizon(&self) -> u64 {
        self.db.horizon()
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&Inner) -> Step<T> + Send,
    ) -> PyResult<T> {
        self.with(py, |open| {
            open.inner.begin_statement();
            body(&open.inner)
        })
    }

    fn write<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnMut(&mut Inner) -> Step<T> + Send,
    ) -> PyResult<T> {
        self.with(py, |open| open.inner.statement(body))
    }

    fn take(&self) -> PyResult<Inner> {
        self.born.check()?;
        let taken = self.open.lock().take();
        taken.map(|open| open.inner).ok_or_else(ended)
    }
}

pub(crate) fn ended() -> PyErr {
    raise("TransactionStateError", "the transaction has ended")
}

fn no_savepoint() -> PyErr {
    raise("TransactionStateError", "there is no such savepoint")
}

#[pymethods]
impl Transaction {
    /// The number of the app `name`, made if it is new; `None` if there is none and the transaction only reads.
    fn app(&self, py: Python<'_>, name: &[u8]) -> PyResult<Option<u32>> {
        let Some(graph) = self.graph.clone() else {
            return Err(raise("InvalidError", "a plain engine has no apps"));
        };
        let found = self.with(py, |open| {
            open.inner.begin_statement();
            open.inner.app(&graph, name)
        })?;
        Ok(found.map(|app| app.0))
    }

    /// The value of vertex `id`.
    fn get_vertex<'py>(
        &self,
        py: Python<'py>,
        app: u32,
        element: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let found = self.read(py, |inner| {
            inner.element(AppId(app), element, |record| match record {
                Record::Vertex { value, .. } => Some(value.to_vec()),
                Record::Edge(_) => None,
            })
        })?;
        match found {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(PyBytes::new(py, &value))),
            Some(None) => Err(raise("WrongTypeError", "the element is a hyperedge")),
        }
    }

    /// The kind of element `id`, by its code, and when it expires.
    fn find_element(
        &self,
        py: Python<'_>,
        app: u32,
        element: &[u8],
    ) -> PyResult<Option<(u8, Option<i64>)>> {
        self.read(py, |inner| {
            inner.element(AppId(app), element, |record| {
                (record.kind() as u8, record.expiry())
            })
        })
    }

    #[pyo3(signature = (app, element, value, expiry=None))]
    fn put_vertex(
        &self,
        py: Python<'_>,
        app: u32,
        element: &[u8],
        value: &[u8],
        expiry: Option<i64>,
    ) -> PyResult<()> {
        self.write(py, |inner| {
            inner.put_vertex(AppId(app), element, value, expiry)
        })
    }

    fn remove_element(&self, py: Python<'_>, app: u32, element: &[u8]) -> PyResult<bool> {
        self.write(py, |inner| inner.remove_element(AppId(app), element))
    }

    /// Places (hash and element) and kinds of up to `limit` elements behind the place `after`.
    #[pyo3(signature = (app, after, limit))]
    fn elements<'py>(
        &self,
        py: Python<'py>,
        app: u32,
        after: Option<&[u8]>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let found = self.read(py, |inner| inner.elements(AppId(app), after, limit))?;
        let pairs = found
            .into_iter()
            .map(|(place, kind): (_, Kind)| (PyBytes::new(py, &place), kind as u8));
        PyList::new(py, pairs)
    }

    /// Elements and bytes that the app holds.
    fn app_stats(&self, py: Python<'_>, app: u32) -> PyResult<(u64, u64)> {
        let stats = self.read(py, |inner| inner.app_stats(AppId(app)))?;
        Ok((stats.elements(), stats.total_bytes()))
    }

    /// Locks an element's row; whether it is locked (it is not if `wait` says to skip it and another one has it).
    fn lock_element(
        &self,
        py: Python<'_>,
        app: u32,
        element: &[u8],
        mode: &str,
        wait: &str,
    ) -> PyResult<bool> {
        let (mode, wait) = (choose("mode", MODES, mode)?, choose("wait", WAITS, wait)?);
        let locked = self.write(py, |inner| {
            inner.lock_element(AppId(app), element, mode, wait)
        })?;
        Ok(locked != Locked::Skipped)
    }

    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        family: u8,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let family = self::family(family)?;
        let found = self.read(py, |inner| {
            Ok(inner.get(family, key)?.map(|value| value.to_vec()))
        })?;
        Ok(found.map(|value| PyBytes::new(py, &value)))
    }

    fn multi_get<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<Bound<'py, PyBytes>>,
        family: u8,
    ) -> PyResult<Bound<'py, PyList>> {
        let family = self::family(family)?;
        // Bytes objects do not move, and `keys` holds them while the lock is away.
        let slices: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let found = self.read(py, |inner| {
            let found = inner.multi_get(family, &slices)?;
            Ok(found
                .into_iter()
                .map(|value| value.map(|value| value.to_vec()))
                .collect::<Vec<_>>())
        })?;
        values(py, &found)
    }

    /// Up to `limit` entries from `start` (included) to `end` (excluded).
    fn scan(
        &self,
        py: Python<'_>,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        reverse: bool,
        family: u8,
        limit: usize,
    ) -> PyResult<Py<PyList>> {
        let family = self::family(family)?;
        let range = range(start, end);
        let found = self.read(py, |inner| {
            let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            let mut walk = inner.scan(family, range, direction(reverse))?;
            while found.len() < limit {
                let Some((key, value)) = walk.next()? else {
                    break;
                };
                found.push((key.to_vec(), value.to_vec()));
            }
            Ok(found)
        })?;
        let pairs = found
            .iter()
            .map(|(key, value)| (PyBytes::new(py, key), PyBytes::new(py, value)));
        Ok(PyList::new(py, pairs)?.unbind())
    }

    fn put(&self, py: Python<'_>, key: &[u8], value: &[u8], family: u8) -> PyResult<()> {
        let family = self::family(family)?;
        self.write(py, |inner| inner.put(family, key, value))
    }

    fn remove(&self, py: Python<'_>, key: &[u8], family: u8) -> PyResult<()> {
        let family = self::family(family)?;
        self.write(py, |inner| inner.remove(family, key, &[]))
    }

    /// Locks a row by its key; as `lock_element`.
    fn lock(
        &self,
        py: Python<'_>,
        key: &[u8],
        mode: &str,
        wait: &str,
        family: u8,
    ) -> PyResult<bool> {
        let (mode, wait) = (choose("mode", MODES, mode)?, choose("wait", WAITS, wait)?);
        let target = Target::row(self::family(family)?, key);
        let locked = self.write(py, |inner| inner.lock(target.clone(), mode, wait))?;
        Ok(locked != Locked::Skipped)
    }

    /// From now on it waits for one lock so many seconds, `None` for ever.
    fn set_lock_timeout(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let timeout = lock_timeout(seconds)?;
        self.with(py, |open| {
            open.inner.set_lock_timeout(timeout);
            Ok(())
        })
    }

    /// Marks a state to come back to; its number.
    fn savepoint(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |open| {
            let savepoint = open.inner.savepoint()?;
            open.savepoints.push(savepoint);
            Ok(open.savepoints.len() - 1)
        })
    }

    /// Takes back what came after the savepoint.
    fn rollback_to(&self, py: Python<'_>, savepoint: usize) -> PyResult<()> {
        let outcome = self.with(py, |open| {
            let Some(found) = open.savepoints.get(savepoint).copied() else {
                return Ok(false);
            };
            open.inner.rollback_to(found)?;
            Ok(true)
        })?;
        outcome.then_some(()).ok_or_else(no_savepoint)
    }

    /// Forgets the savepoint, keeping what came after it.
    fn release(&self, py: Python<'_>, savepoint: usize) -> PyResult<()> {
        let outcome = self.with(py, |open| {
            let Some(found) = open.savepoints.get(savepoint).copied() else {
                return Ok(false);
            };
            open.inner.release(found)?;
            Ok(true)
        })?;
        outcome.then_some(()).ok_or_else(no_savepoint)
    }

    /// Commits and waits until that is durable; the commit's number.
    fn commit(&self, py: Python<'_>) -> PyResult<u64> {
        let inner = self.take()?;
        let commit = py.detach(|| inner.commit()).map_err(stopped)?;
        py.detach(|| self.db.wait_durable(commit)).map_err(failed)?;
        Ok(commit)
    }

    /// Ends it without a trace. A second call does nothing.
    fn rollback(&self, py: Python<'_>) {
        if self.born.is_here() {
            py.detach(|| drop(self.open.lock().take()));
        }
    }

    /// Ends a wait of this transaction for a lock, from another thread.
    fn cancel(&self) -> PyResult<()> {
        self.born.check()?;
        self.canceller.cancel();
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.born.is_here() {
            // Locks of the parent may be held for ever in this child.
            std::mem::forget(self.open.clone());
        }
    }
}
