//! Walks: entries are fetched natively a chunk at a time and handed over as lists.
//!
//! **Theory.** Crossing into Python costs more than finding the next entry. A chunk costs one crossing; Python
//! chains the lists lazily. Chunks begin small, so that a walk that is left early has read little.

use crate::errors::failed;
use crate::fork::Born;
use hyperdb_lsm::Iter;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

const FIRST_ENTRIES: usize = 16;
const MOST_ENTRIES: usize = 1024;
const MOST_BYTES: usize = 1 << 20;

/// One fetched entry: where its key and its value end in the chunk's bytes, and its version.
struct Entry {
    key_end: usize,
    value_end: usize,
    version: u64,
}

/// Entries fetched together.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a walk is, and room for the next chunk.
struct Walk {
    iter: Option<Iter>,
    strip: usize,
    size: usize,
    spare: Chunk,
}

impl Walk {
    fn next_chunk(&mut self) -> hyperdb_lsm::Result<Chunk> {
        let mut chunk = std::mem::take(&mut self.spare);
        chunk.bytes.clear();
        chunk.entries.clear();
        let Some(iter) = self.iter.as_mut() else {
            return Ok(chunk);
        };
        while chunk.entries.len() < self.size && chunk.bytes.len() < MOST_BYTES {
            let Some((key, value, version)) = iter.step()? else {
                self.iter = None;
                break;
            };
            let key = key.get(self.strip..).unwrap_or_default();
            chunk.bytes.extend_from_slice(key);
            let key_end = chunk.bytes.len();
            chunk.bytes.extend_from_slice(&value);
            chunk.entries.push(Entry {
                key_end,
                value_end: chunk.bytes.len(),
                version,
            });
        }
        self.size = (self.size * 4).min(MOST_ENTRIES);
        Ok(chunk)
    }
}

/// An iterator of lists of entries.
#[pyclass(frozen)]
pub(crate) struct Chunks {
    born: Born,
    versions: bool,
    // Sources are not `Sync`: one thread at a time walks.
    walk: Mutex<Walk>,
}

impl Chunks {
    /// Over `iter`; keys come without their first `strip` bytes, tuples with the version if `versions`.
    pub(crate) fn new(iter: Iter, strip: usize, versions: bool) -> Chunks {
        let spare = Chunk::default();
        Chunks {
            born: Born::here(),
            versions,
            walk: Mutex::new(Walk {
                iter: Some(iter),
                strip,
                size: FIRST_ENTRIES,
                spare,
            }),
        }
    }
}

#[pymethods]
impl Chunks {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.born.check()?;
        let chunk = py
            .detach(|| self.walk.lock().next_chunk())
            .map_err(failed)?;
        if chunk.entries.is_empty() {
            return Ok(None);
        }
        let mut tuples = Vec::with_capacity(chunk.entries.len());
        let mut start = 0;
        for entry in &chunk.entries {
            let key = PyBytes::new(py, &chunk.bytes[start..entry.key_end]);
            let value = PyBytes::new(py, &chunk.bytes[entry.key_end..entry.value_end]);
            start = entry.value_end;
            tuples.push(if self.versions {
                (key, value, entry.version).into_pyobject(py)?
            } else {
                PyTuple::new(py, [key, value])?
            });
        }
        // Another thread that walks too may hold the lock and be reading; then the room is not kept.
        if let Some(mut walk) = self.walk.try_lock() {
            walk.spare = chunk;
        }
        Ok(Some(PyList::new(py, tuples)?))
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if !self.born.is_here() {
            // Locks of the parent may be held for ever in this child.
            std::mem::forget(self.walk.get_mut().iter.take());
        }
    }
}
