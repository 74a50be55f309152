//! The LSM as a key-value engine: what `hyperdb/storage/native.py` puts behind the engine protocol.

use crate::errors::{failed, raise};
use crate::fork::Born;
use crate::scan::Chunks;
use hyperdb_lsm::{Batch, Db, Direction, Family, KeyRange, Options, SyncMode};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::ops::{Bound as Edge, Deref};
use std::path::{Path, PathBuf};

/// A family by its number.
pub(crate) fn family(number: u8) -> PyResult<Family> {
    if usize::from(number) < Family::COUNT {
        return Ok(Family(number));
    }
    Err(raise(
        "InvalidError",
        &format!("there is no column family {number}"),
    ))
}

/// A range as Python gives it: `start` included, `end` excluded, `None` for no bound.
pub(crate) fn range(start: Option<&[u8]>, end: Option<&[u8]>) -> KeyRange {
    KeyRange {
        start: start.map_or(Edge::Unbounded, |key| Edge::Included(key.to_vec())),
        end: end.map_or(Edge::Unbounded, |key| Edge::Excluded(key.to_vec())),
    }
}

pub(crate) fn direction(reverse: bool) -> Direction {
    if reverse {
        Direction::Reverse
    } else {
        Direction::Forward
    }
}

/// How to open, from Python's words.
pub(crate) fn options(sync: &str, memory: usize, create: bool) -> PyResult<Options> {
    let sync = match sync {
        "always" => SyncMode::Always,
        "everysec" => SyncMode::EverySec,
        other => {
            let text = format!("sync is 'always' or 'everysec', not '{other}'");
            return Err(raise("InvalidError", &text));
        }
    };
    Ok(Options {
        sync,
        memory,
        create,
    })
}

pub(crate) fn values<'py>(
    py: Python<'py>,
    found: &[Option<impl Deref<Target = [u8]>>],
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(
        py,
        found
            .iter()
            .map(|value| value.as_deref().map(|bytes| PyBytes::new(py, bytes))),
    )
}

fn closed() -> PyErr {
    failed(hyperdb_lsm::Error::Closed)
}

/// An open LSM store.
#[pyclass(frozen)]
pub(crate) struct Engine {
    born: Born,
    db: Mutex<Option<Db>>,
}

impl Engine {
    pub(crate) fn on(db: Db) -> Engine {
        Engine {
            born: Born::here(),
            db: Mutex::new(Some(db)),
        }
    }

    pub(crate) fn db(&self) -> PyResult<Db> {
        self.born.check()?;
        let guard = self.db.lock();
        guard.clone().ok_or_else(closed)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (path, *, sync="always", memory=512 << 20, create=true))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        sync: &str,
        memory: usize,
        create: bool,
    ) -> PyResult<Self> {
        let options = options(sync, memory, create)?;
        py.detach(|| Db::open(&path, options))
            .map(Engine::on)
            .map_err(failed)
    }

    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        family: u8,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.born.check()?;
        let family = self::family(family)?;
        {
            // What is in memory is read at once: giving the interpreter's lock away and back costs as much again.
            let guard = self.db.lock();
            let db = guard.as_ref().ok_or_else(closed)?;
            let read = |value: Option<&[u8]>| value.map(|value| PyBytes::new(py, value));
            if let Some(value) = db.peek(family, key, read).map_err(failed)? {
                return Ok(value);
            }
        }
        let db = self.db()?;
        let found = py
            .detach(|| db.snapshot().get(family, key))
            .map_err(failed)?;
        Ok(found.map(|value| PyBytes::new(py, &value)))
    }

    fn multi_get<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<Bound<'py, PyBytes>>,
        family: u8,
    ) -> PyResult<Bound<'py, PyList>> {
        Snapshot::of(self.db()?.snapshot()).multi_get(py, keys, family)
    }

    /// Writes `(key, value)` pairs, or removes where the value is `None`, as one commit; waits until it is durable.
    fn write(&self, py: Python<'_>, changes: &Bound<'_, PyAny>, family: u8) -> PyResult<u64> {
        let (db, family) = (self.db()?, self::family(family)?);
        let mut batch = Batch::new();
        for change in changes.try_iter()? {
            let change = change?;
            let pair = change.downcast::<PyTuple>()?;
            let key = pair.get_borrowed_item(0)?;
            let value = pair.get_borrowed_item(1)?;
            let key = key.downcast::<PyBytes>()?.as_bytes();
            if value.is_none() {
                batch.remove(family, key, &[]);
            } else {
                batch.put(family, key, value.downcast::<PyBytes>()?.as_bytes());
            }
        }
        py.detach(|| db.write_durable(&batch)).map_err(failed)
    }

    #[pyo3(signature = (at=None))]
    fn snapshot(&self, py: Python<'_>, at: Option<u64>) -> PyResult<Snapshot> {
        let db = self.db()?;
        py.detach(|| match at {
            Some(commit) => db.snapshot_at(commit),
            None => Ok(db.snapshot()),
        })
        .map(Snapshot::of)
        .map_err(failed)
    }

    fn retain(&self, py: Python<'_>) -> PyResult<u64> {
        let db = self.db()?;
        py.detach(|| db.retain()).map_err(failed)
    }

    fn release(&self, py: Python<'_>, commit: u64) -> PyResult<()> {
        let db = self.db()?;
        py.detach(|| db.release(commit)).map_err(failed)
    }

    fn horizon(&self) -> PyResult<u64> {
        Ok(self.db()?.horizon())
    }

    fn latest(&self) -> PyResult<u64> {
        Ok(self.db()?.latest())
    }

    fn durable(&self) -> PyResult<u64> {
        Ok(self.db()?.durable())
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let db = self.db()?;
        py.detach(|| db.sync()).map_err(failed)
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let db = self.db()?;
        py.detach(|| db.flush()).map_err(failed)
    }

    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        let db = self.db()?;
        py.detach(|| db.compact()).map_err(failed)
    }

    fn checkpoint(&self, py: Python<'_>, dest: PathBuf) -> PyResult<u64> {
        let db = self.db()?;
        py.detach(|| db.checkpoint(Path::new(&dest)))
            .map_err(failed)
    }

    /// Verifies every file; calls `progress(done, total)` in bytes; what was found, as texts.
    fn check(&self, py: Python<'_>, progress: Py<PyAny>) -> PyResult<Vec<String>> {
        let db = self.db()?;
        let mut raised = None;
        let found = py.detach(|| {
            db.check(&mut |done, total| {
                if raised.is_none() {
                    raised = Python::attach(|py| progress.call1(py, (done, total)).err());
                }
            })
        });
        match raised {
            Some(error) => Err(error),
            None => Ok(found
                .map_err(failed)?
                .iter()
                .map(ToString::to_string)
                .collect()),
        }
    }

    fn stats(&self) -> PyResult<Vec<(&'static str, u64)>> {
        Ok(self.db()?.stats().rows)
    }

    fn store_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.db()?.store_id()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.born.is_here() {
            return Ok(());
        }
        let taken = self.db.lock().take();
        match taken {
            Some(db) => py.detach(|| db.close()).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.born.is_here() {
            // Its threads are not in this child: joining them would wait for ever.
            std::mem::forget(self.db.get_mut().take());
        }
    }
}

/// A fixed view of a store.
#[pyclass(frozen)]
pub(crate) struct Snapshot {
    born: Born,
    inner: Mutex<Option<hyperdb_lsm::Snapshot>>,
}

impl Snapshot {
    pub(crate) fn of(inner: hyperdb_lsm::Snapshot) -> Snapshot {
        Snapshot {
            born: Born::here(),
            inner: Mutex::new(Some(inner)),
        }
    }

    pub(crate) fn inner(&self) -> PyResult<hyperdb_lsm::Snapshot> {
        self.born.check()?;
        let guard = self.inner.lock();
        guard
            .clone()
            .ok_or_else(|| failed(hyperdb_lsm::Error::Closed))
    }
}

#[pymethods]
impl Snapshot {
    fn commit(&self) -> PyResult<u64> {
        Ok(self.inner()?.commit())
    }

    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        family: u8,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (snapshot, family) = (self.inner()?, self::family(family)?);
        let found = py.detach(|| snapshot.get(family, key)).map_err(failed)?;
        Ok(found.map(|value| PyBytes::new(py, &value)))
    }

    fn version(&self, py: Python<'_>, key: &[u8], family: u8) -> PyResult<Option<u64>> {
        let (snapshot, family) = (self.inner()?, self::family(family)?);
        py.detach(|| snapshot.version(family, key)).map_err(failed)
    }

    fn multi_get<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<Bound<'py, PyBytes>>,
        family: u8,
    ) -> PyResult<Bound<'py, PyList>> {
        let (snapshot, family) = (self.inner()?, self::family(family)?);
        // Bytes objects do not move, and `keys` holds them while the lock is away.
        let slices: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let found = py
            .detach(|| snapshot.multi_get(family, &slices))
            .map_err(failed)?;
        values(py, &found)
    }

    #[pyo3(signature = (start, end, reverse, family, strip=0, versions=false))]
    #[allow(clippy::too_many_arguments)]
    fn scan(
        &self,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        reverse: bool,
        family: u8,
        strip: usize,
        versions: bool,
    ) -> PyResult<Chunks> {
        let iter = self
            .inner()?
            .iter(self::family(family)?, range(start, end), direction(reverse));
        Ok(Chunks::new(iter, strip, versions))
    }

    fn close(&self) {
        if self.born.is_here() {
            self.inner.lock().take();
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if !self.born.is_here() {
            std::mem::forget(self.inner.get_mut().take());
        }
    }
}
