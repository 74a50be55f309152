//! The short way of SQL's clients (native/sql), between the event loop and the sessions of Python.
//!
//! **Theory.** A lane belongs to one client and is used by one thread at a time, the loop's. What it waits for is told by a
//! callback: from the thread that releases a lock, or from the log's when a commit is durable. Callbacks only wake.

use super::catalog::TableLayout;
use super::copy::{CopyForm, Loaded, Named};
use super::plan::{self, Form, LaneStatement, Typed};
use super::transaction::{doubled, load_memory, SqlTransaction, TableRewrite};
use crate::errors::{failed, stopped};
use crate::fork::Born;
use crate::store::Store;
use crate::transaction::{ended, Open, Transaction};
use hyperdb_graph::hash::HashKey;
use hyperdb_graph::relation::Unfit;
use hyperdb_graph::sequencer::Savepoint;
use hyperdb_graph::{Commit, Db, Stop, Store as Graph};
use hyperdb_sql::{Block, End, Lane, Missed, Texts, World};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's time, or the one that a test gives; keys of rows from both and a seed.
struct Machine {
    clock: Option<Py<PyAny>>,
    seed: HashKey,
    last: AtomicU64,
}

impl World for Machine {
    fn now(&self) -> i64 {
        if let Some(clock) = &self.clock {
            let told = Python::attach(|py| clock.call0(py)?.extract(py));
            return told.unwrap_or(0);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }

    fn row_key(&self) -> [u8; 16] {
        let now = u64::try_from(self.now()).unwrap_or(0);
        let before = self.last.fetch_max(now, Ordering::Relaxed);
        let mine = match before < now {
            true => now,
            false => self.last.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let noise = self.seed.hash64(&mine.to_le_bytes());
        ((u128::from(mine) << 64) | u128::from(noise)).to_be_bytes()
    }
}

/// Who waits for which commit to be durable.
pub(crate) struct Watch {
    db: Db,
    waiters: Mutex<Vec<(Commit, Py<PyAny>)>>,
}

impl Watch {
    pub(crate) fn of(db: &Db) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            db: db.clone(),
            waiters: Mutex::new(Vec::new()),
        });
        let told = Arc::downgrade(&watch);
        db.on_durable(Arc::new(move || {
            if let Some(watch) = told.upgrade() {
                watch.moved();
            }
        }));
        watch
    }

    fn moved(&self) {
        let is_over = |commit: Commit| self.db.durable() >= commit || self.db.health().is_err();
        let due: Vec<(Commit, Py<PyAny>)> = {
            let mut waiters = self.waiters.lock();
            waiters
                .extract_if(.., |(commit, _)| is_over(*commit))
                .collect()
        };
        if !due.is_empty() {
            due.into_iter().for_each(|(_, callback)| wake(&callback));
        }
    }

    pub(crate) fn add(&self, commit: Commit, callback: Py<PyAny>) {
        self.waiters.lock().push((commit, callback));
        // It may have moved between the answer and this.
        self.moved();
    }
}

/// Calls a callback; what it raises has nobody to go to but the interpreter's hook.
fn wake(callback: &Py<PyAny>) {
    Python::attach(|py| {
        if let Err(error) = callback.call0(py) {
            error.write_unraisable(py, None);
        }
    });
}

/// Whether the lock has come, and whom to tell.
#[derive(Default)]
struct Ring {
    rung: bool,
    callback: Option<Py<PyAny>>,
}

fn ring(shared: &Mutex<Ring>) {
    let callback = {
        let mut ring = shared.lock();
        let callback = ring.callback.take();
        ring.rung = callback.is_none();
        callback
    };
    if let Some(callback) = callback {
        wake(&callback);
    }
}

/// What the lanes of one database share.
#[pyclass(frozen)]
pub(crate) struct SqlLanes {
    born: Born,
    graph: Arc<Graph>,
    texts: Arc<Texts>,
    world: Arc<Machine>,
    watch: Arc<Watch>,
    /// Clients that were lent before it moved are to be given back.
    recalls: AtomicU64,
}

#[pymethods]
impl SqlLanes {
    /// `clock` gives microseconds since 1970, None: the machine's; `seed` is 16 random bytes.
    #[new]
    #[pyo3(signature = (store, clock, seed))]
    fn new(store: &Store, clock: Option<Py<PyAny>>, seed: [u8; 16]) -> PyResult<SqlLanes> {
        let graph = store.graph()?;
        Ok(SqlLanes {
            born: Born::here(),
            watch: Watch::of(graph.db()),
            recalls: AtomicU64::new(0),
            texts: Arc::default(),
            world: Arc::new(Machine {
                clock,
                seed: HashKey::from_bytes(&seed),
                last: AtomicU64::new(0),
            }),
            graph,
        })
    }

    /// A text without literals is answered by that statement, or (None) left to the ordinary way.
    fn learn_text(
        &self,
        scope: u64,
        text: &[u8],
        types: Vec<u32>,
        statement: Option<&LaneStatement>,
        version: i64,
    ) {
        let statement = statement.map(|statement| statement.0.clone());
        self.texts.learn_as(scope, text, &types, statement, version);
    }

    /// A statement on rows of one table. `word` is get, range, insert, update or delete, `body` what that one wants: the values of
    /// the key; those of its first columns, both ends, whether from the last, and the limit; rows, and what becomes of those that
    /// are there; a key and slots with expressions. None if it has a type that the short way does not know.
    #[pyo3(signature = (word, layout, version, parameters, index, body, outputs, required, parents, description))]
    #[allow(clippy::too_many_arguments)]
    fn row<'py>(
        &self,
        word: &'py str,
        layout: &TableLayout,
        version: i64,
        parameters: Vec<u32>,
        index: Option<usize>,
        body: Bound<'py, PyTuple>,
        outputs: Option<Vec<(usize, Typed)>>,
        required: Vec<usize>,
        parents: Vec<(Py<TableLayout>, Option<usize>, Vec<usize>)>,
        description: Option<Vec<u8>>,
    ) -> PyResult<Option<LaneStatement>> {
        let form = Form {
            word,
            index,
            body,
            outputs,
            required,
            parents,
        };
        plan::row(&self.graph, layout, version, parameters, form, description)
    }

    /// How records of COPY's formats become rows of a table; None as for `row`. `others` are slots without a field; `format` is its
    /// word, then delimiter, null, quote and escape.
    fn copy_form(
        &self,
        layout: &TableLayout,
        fields: Vec<(usize, Typed)>,
        others: Vec<(usize, Bound<'_, PyAny>)>,
        required: Vec<usize>,
        format: Named,
    ) -> PyResult<Option<CopyForm>> {
        CopyForm::of(layout, fields, others, required, format)
    }

    /// Adds the rows of the records of `data` in the statement that is open, until one is left to the ordinary way: rows, bytes taken,
    /// whether one was, and as `SqlTransaction.insert` what was in the way of a row (counted from behind those).
    fn load(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
        form: &CopyForm,
        data: &[u8],
        now: i64,
    ) -> PyResult<Loaded> {
        let world = self.world.clone();
        let bulk = transaction.bulk();
        transaction.with(py, |inner| {
            Ok(form.load(inner, bulk.lock().as_mut(), data, now, &*world)?)
        })
    }

    /// Writes the rows of a table that has got another key, by its new layout; if one cannot be: an index's number and the values
    /// that are in it twice, or the id of a column with a null and None.
    fn rewrite<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        rewrite: &TableRewrite,
        layout: &TableLayout,
    ) -> PyResult<Option<(u64, Option<Bound<'py, PyTuple>>)>> {
        let (world, memory) = (self.world.clone(), load_memory(&self.graph));
        let new = layout.0.clone();
        let done = transaction.with(py, |inner| {
            Ok(rewrite.0.run(inner, &new, memory, &|| world.row_key())?)
        })?;
        match done {
            Ok(()) => Ok(None),
            Err(Unfit::Null(column)) => Ok(Some((u64::from(column), None))),
            Err(Unfit::Twice(twice)) => {
                let found = doubled(py, &new, Some(twice))?;
                Ok(found.map(|(index, values)| (index, Some(values))))
            }
        }
    }

    /// What clients may do has changed: each is given back at its next message.
    fn recall(&self) {
        self.recalls.fetch_add(1, Ordering::Release);
    }

    /// The catalog has a new version.
    fn forget_refused(&self, version: i64) {
        self.texts.forget_refused(version);
    }
}

/// What is waited for.
enum Pending {
    Durable(Commit),
    Lock,
}

/// See [`SqlLane::reclaim`].
type Reclaimed = (Option<i64>, Option<Py<Transaction>>, bool);

/// One client's lane.
#[pyclass(frozen)]
pub(crate) struct SqlLane {
    shared: Py<SqlLanes>,
    lane: Mutex<Lane>,
    ring: Arc<Mutex<Ring>>,
    /// The handle of the transaction that was lent, and its savepoints.
    lent: Mutex<Option<(Py<Transaction>, Vec<Savepoint>)>>,
    pending: Mutex<Option<Pending>>,
    failure: Mutex<Option<Stop>>,
    /// How many recalls there had been when the client was lent.
    recalls: AtomicU64,
}

#[pymethods]
impl SqlLane {
    #[new]
    fn new(shared: Py<SqlLanes>) -> SqlLane {
        let of = shared.get();
        let ringing = Arc::new(Mutex::new(Ring::default()));
        let rung = ringing.clone();
        let bell = Arc::new(move || ring(&rung));
        let lane = Lane::new(of.graph.clone(), of.world.clone(), of.texts.clone(), bell);
        SqlLane {
            lane: Mutex::new(lane),
            ring: ringing,
            lent: Mutex::new(None),
            pending: Mutex::new(None),
            failure: Mutex::new(None),
            recalls: AtomicU64::new(0),
            shared,
        }
    }

    /// Hands over the client. `transaction` is that of an open block, which began at `began`.
    #[pyo3(signature = (transaction, began, steers, scope))]
    fn lend(
        &self,
        transaction: Option<Py<Transaction>>,
        began: i64,
        steers: bool,
        scope: u64,
    ) -> PyResult<()> {
        self.shared.get().born.check()?;
        let recalls = self.shared.get().recalls.load(Ordering::Acquire);
        self.recalls.store(recalls, Ordering::Relaxed);
        let block = match transaction {
            None => Block::None,
            Some(handle) => {
                let open = handle.get().shared()?.lock().take().ok_or_else(ended)?;
                *self.lent.lock() = Some((handle, open.savepoints));
                Block::Open(Box::new(open.inner), began)
            }
        };
        self.lane.lock().lend(block, steers, scope);
        Ok(())
    }

    /// Gives the client back: when its block began (None: there is no block), its transaction if it has one (that is the
    /// handle that was lent if it is the same transaction), and whether a simple query was answered meanwhile.
    fn reclaim(&self, py: Python<'_>) -> PyResult<Reclaimed> {
        let (block, queried) = py.detach(|| self.lane.lock().reclaim());
        *self.pending.lock() = None;
        let lent = self.lent.lock().take();
        let (began, handle) = match (block, lent) {
            (Block::None, _) => (None, None),
            (Block::Begun(began), _) => (Some(began), None),
            (Block::Open(inner, began), Some((handle, savepoints))) => {
                let inner = *inner;
                *handle.get().shared()?.lock() = Some(Open { inner, savepoints });
                (Some(began), Some(handle))
            }
            (Block::Open(inner, began), None) => {
                let graph = self.shared.get().graph.clone();
                let handle = Transaction::of(*inner, graph.db().clone(), Some(graph));
                (Some(began), Some(Py::new(py, handle)?))
            }
        };
        Ok((began, handle, queried))
    }

    /// What statements used of sequences since it was last asked: of each the number and the last value, the latest at the end.
    fn numbers(&self) -> Vec<(u64, i64)> {
        self.lane.lock().numbers().take_current()
    }

    /// A value of a sequence that was taken for a statement which the session runs in the lane's place; None: there is none.
    fn spare(&self, number: u64) -> Option<i64> {
        self.lane.lock().numbers().take_spare(number)
    }

    /// The prepared statement of this name is answered here.
    fn learn(&self, name: &[u8], statement: &LaneStatement) {
        self.lane.lock().learn(name, statement.0.clone());
    }

    /// Forgets all prepared statements.
    fn forget(&self) {
        self.lane.lock().forget();
    }

    /// What was not known at the last stray: the name of a statement, or a text and the types of its literals.
    fn missed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        match self.lane.lock().take_missed() {
            None => Ok(None),
            Some(Missed::Name(name)) => (PyBytes::new(py, &name),).into_pyobject(py).map(Some),
            Some(Missed::Text(text, types)) => {
                let found = (PyBytes::new(py, &text), types).into_pyobject(py)?;
                Ok(Some(found))
            }
        }
    }

    /// The answer to all of `data`; or how many bytes of it were taken, why not more (`stray`, `full`, `wait`, `failed`), and
    /// the answer so far.
    fn answer<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let is_recalled = self.shared.get().recalls.load(Ordering::Acquire)
            != self.recalls.load(Ordering::Relaxed);
        if is_recalled {
            return Ok((0, "stray", PyBytes::new(py, b""))
                .into_pyobject(py)?
                .into_any());
        }
        let (taken, end, out) = py.detach(|| {
            self.ring.lock().rung = false;
            let mut lane = self.lane.lock();
            let (taken, end) = lane.answer(data);
            (taken, end, lane.take_output())
        });
        let out = PyBytes::new(py, &out);
        let word = match end {
            End::All => return Ok(out.into_any()),
            End::Stray => "stray",
            End::Full => "full",
            End::Commit(commit) | End::After(commit) => {
                *self.pending.lock() = Some(Pending::Durable(commit));
                "wait"
            }
            End::Lock => {
                *self.pending.lock() = Some(Pending::Lock);
                "wait"
            }
            End::Failed(stop) => {
                *self.failure.lock() = Some(stop);
                "failed"
            }
        };
        Ok((taken, word, out).into_pyobject(py)?.into_any())
    }

    /// Calls `callback` once, from any thread, when what the last answer waits for has come; it may come in vain.
    fn notify(&self, py: Python<'_>, callback: Py<PyAny>) {
        match &*self.pending.lock() {
            Some(Pending::Durable(commit)) => {
                let commit = *commit;
                py.detach(|| self.shared.get().watch.add(commit, callback));
            }
            Some(Pending::Lock) => {
                let mut waiting = self.ring.lock();
                let is_rung = std::mem::take(&mut waiting.rung);
                waiting.callback = Some(callback);
                drop(waiting);
                if is_rung {
                    py.detach(|| ring(&self.ring));
                }
            }
            None => py.detach(|| wake(&callback)),
        }
    }

    /// What was held back until now.
    ///
    /// Raises if it never will be durable.
    fn resume<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(Pending::Durable(commit)) = self.pending.lock().take() {
            let db = self.shared.get().graph.db();
            py.detach(|| db.wait_durable(commit)).map_err(failed)?;
        }
        let mut lane = self.lane.lock();
        lane.resume();
        Ok(PyBytes::new(py, &lane.take_output()))
    }

    /// Raises what the last answer failed with.
    fn check(&self) -> PyResult<()> {
        match self.failure.lock().take() {
            Some(stop) => Err(stopped(stop)),
            None => Ok(()),
        }
    }

    /// Ends the wait for a lock.
    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.lane.lock().cancel());
    }
}
