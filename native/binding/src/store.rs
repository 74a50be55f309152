//! The hypergraph store: one per directory, shared by the Python API and the servers of this process.

use crate::command;
use crate::engine::{options, Engine};
use crate::errors::{failed, raise};
use crate::fork::Born;
use crate::frames::failure;
use crate::transaction::{self, Transaction};
use hyperdb_frames::{Retention, Schedule, Sealer, SealerOptions};
use hyperdb_graph::{Caretaker, Store as Graph};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a little of what drops left is worked off.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// The machine's time, by which cells of tables made in CQL end.
fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// An open database.
#[pyclass(frozen)]
pub(crate) struct Store {
    born: Born,
    graph: Mutex<Option<Arc<Graph>>>,
    caretaker: Mutex<Option<Caretaker>>,
    sealer: Mutex<Option<Arc<Sealer>>>,
}

fn begin_sealing(graph: &Arc<Graph>, schedule: Schedule, memory: usize) -> PyResult<Sealer> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let options = SealerOptions {
        workers: SealerOptions::workers_of(processors),
        schedule,
        retention: Retention::default(),
        memory,
    };
    Sealer::open(graph.clone(), options).map_err(failure)
}

impl Store {
    /// Who seals frames.
    pub(crate) fn sealer(&self) -> PyResult<Arc<Sealer>> {
        self.born.check()?;
        let guard = self.sealer.lock();
        guard
            .clone()
            .ok_or_else(|| failed(hyperdb_lsm::Error::Closed))
    }

    pub(crate) fn graph(&self) -> PyResult<Arc<Graph>> {
        self.born.check()?;
        let guard = self.graph.lock();
        guard
            .clone()
            .ok_or_else(|| failed(hyperdb_lsm::Error::Closed))
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path, *, sync="always", memory=512 << 20, create=true, frames=Some(1.0), frames_count=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        sync: &str,
        memory: usize,
        create: bool,
        frames: Option<f64>,
        frames_count: Option<u64>,
    ) -> PyResult<Self> {
        let seconds = |seconds| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| raise("InvalidError", "seconds from frame to frame are positive"))
        };
        let schedule = Schedule {
            interval: frames.map(seconds).transpose()?,
            commits: frames_count,
        };
        let sealing = SealerOptions::share_of(memory);
        let options = options(sync, memory.saturating_sub(sealing), create)?;
        let graph = py.detach(|| Graph::open(&path, options)).map_err(failed)?;
        let graph = Arc::new(graph);
        let caretaker = Caretaker::start(&graph, TEND_EVERY, unix_seconds)?;
        let sealer = py.detach(|| begin_sealing(&graph, schedule, sealing))?;
        Ok(Store {
            born: Born::here(),
            graph: Mutex::new(Some(graph)),
            caretaker: Mutex::new(Some(caretaker)),
            sealer: Mutex::new(Some(Arc::new(sealer))),
        })
    }

    /// The engine below, sharing this store.
    fn engine(&self) -> PyResult<Engine> {
        Ok(Engine::on(self.graph()?.db().clone()))
    }

    /// Runs one RESP command on the app of that name (as database `db`, where commands ask); the reply's bytes.
    #[pyo3(signature = (app, db, args, resp3=true))]
    fn command<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        db: u32,
        args: Vec<Bound<'py, PyBytes>>,
        resp3: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let graph = self.graph()?;
        let name = app.to_vec();
        let words: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        let reply = py
            .detach(|| command::run(&graph, &name, db, &words, resp3))
            .map_err(failed)?;
        Ok(PyBytes::new(py, &reply))
    }

    /// Runs a RESP data command if each condition's command answers so (RESP2), all in one turn; `None` if one does not.
    fn command_if<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        db: u32,
        conditions: Vec<(Vec<Bound<'py, PyBytes>>, Bound<'py, PyBytes>)>,
        args: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let graph = self.graph()?;
        let name = app.to_vec();
        let owned = |words: &[Bound<'py, PyBytes>]| -> Vec<Vec<u8>> {
            words.iter().map(|word| word.as_bytes().to_vec()).collect()
        };
        let words = owned(&args);
        let conditions: Vec<command::Condition> = conditions
            .iter()
            .map(|(words, wanted)| (owned(words), wanted.as_bytes().to_vec()))
            .collect();
        let reply = py
            .detach(|| command::run_if(&graph, &name, db, &conditions, &words, false))
            .map_err(failed)?;
        Ok(reply.map(|reply| PyBytes::new(py, &reply)))
    }

    /// Begins a transaction at `now_ms` (Unix milliseconds).
    fn begin(
        &self,
        py: Python<'_>,
        isolation: &str,
        read_only: bool,
        lock_timeout: Option<f64>,
        now_ms: i64,
    ) -> PyResult<Transaction> {
        let options = transaction::options(isolation, read_only, lock_timeout, now_ms)?;
        let graph = self.graph()?;
        let inner = py.detach(|| graph.begin(options));
        Ok(Transaction::of(inner, graph.db().clone(), Some(graph)))
    }

    /// Begins a transaction that only reads what there was at a past commit that is still kept.
    fn begin_at(&self, py: Python<'_>, commit: u64) -> PyResult<Transaction> {
        let graph = self.graph()?;
        let inner = py.detach(|| graph.begin_at(commit)).map_err(failed)?;
        Ok(Transaction::of(inner, graph.db().clone(), Some(graph)))
    }

    /// Reads anew which tables answer Redis's clients.
    fn refresh_prefixes(&self, py: Python<'_>) -> PyResult<()> {
        let graph = self.graph()?;
        py.detach(|| graph.refresh_prefixes()).map_err(failed)
    }

    /// Row locks held, and who waits for one.
    fn lock_gauges(&self) -> PyResult<Vec<(&'static str, u64)>> {
        Ok(self.graph()?.lock_gauges().to_vec())
    }

    /// What is kept in columns: bytes, tables, ranges that were found kept, ranges that were read.
    fn column_gauges(&self) -> PyResult<Vec<(&'static str, u64)>> {
        Ok(self.graph()?.ranges().gauges().to_vec())
    }

    /// What copies of orders in memory hold.
    fn order_gauges(&self) -> PyResult<Vec<(&'static str, u64)>> {
        let bytes = self.graph()?.order_cache_bytes();
        Ok(vec![("order_cache_bytes", bytes as u64)])
    }

    /// Sets how many bytes of columns may be kept.
    fn keep_columns(&self, bytes: usize) -> PyResult<()> {
        self.graph()?.ranges().set_budget(bytes);
        Ok(())
    }

    /// Takes bytes of the store's memory out of its block cache, for what this process keeps of its data elsewhere; 0 gives them
    /// back.
    fn reserve(&self, bytes: usize) -> PyResult<()> {
        self.graph()?.db().reserve(bytes);
        Ok(())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.born.is_here() {
            return Ok(());
        }
        let (taken, caretaker) = (self.graph.lock().take(), self.caretaker.lock().take());
        let sealer = self.sealer.lock().take();
        py.detach(|| {
            // Another thread may wait for a frame: it is told that none comes.
            if let Some(sealer) = sealer {
                sealer.stop();
            }
            drop(caretaker);
        });
        match taken {
            Some(graph) => py.detach(|| graph.db().close()).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if !self.born.is_here() {
            std::mem::forget(self.graph.get_mut().take());
            std::mem::forget(self.caretaker.get_mut().take());
            std::mem::forget(self.sealer.get_mut().take());
        }
    }
}
