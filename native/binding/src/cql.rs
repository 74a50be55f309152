//! The short way of CQL's clients (native/cql), between the event loop and the sessions of Python.
//!
//! **Theory.** A lane belongs to one connection and is used by one thread, the loop's. That what it waits for is durable is told by a
//! callback from the log's thread, which only wakes.

use crate::errors::{failed, raise};
use crate::fork::Born;
use crate::sql::Watch;
use crate::store::Store;
use crate::wide::WideTable;
use hyperdb_cql::forms::{Form, Slot};
use hyperdb_cql::plan::{Limit, Verb};
use hyperdb_cql::text::{lift, Kind};
use hyperdb_cql::{Body, Lane, Plan, Select, Source, Turn, Write};
use hyperdb_graph::wide::show::Ask;
use hyperdb_graph::{Commit, Store as Graph};
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source as Python has it: a marker's place, or bytes on the wire; None: null.
type Given<'py> = Bound<'py, PyAny>;

/// One end of a slice.
type End<'py> = Option<(Vec<Given<'py>>, bool)>;

/// A statement that lanes answer.
#[pyclass(frozen)]
pub(crate) struct CqlPlan(Arc<Plan>);

/// What the lanes of one database share.
#[pyclass(frozen)]
pub(crate) struct CqlLanes {
    born: Born,
    graph: Arc<Graph>,
    watch: Arc<Watch>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// What was learned before it moved is forgotten.
    recalls: AtomicU64,
}

fn source(given: &Given<'_>) -> PyResult<Source> {
    if given.is_none() {
        return Ok(Source::Constant(None));
    }
    match given.extract::<usize>() {
        Ok(place) => Ok(Source::Marker(place)),
        Err(_) => Ok(Source::Constant(Some(given.extract()?))),
    }
}

fn sources(given: &[Given<'_>]) -> PyResult<Vec<Source>> {
    given.iter().map(source).collect()
}

fn optional(given: &Given<'_>) -> PyResult<Option<Source>> {
    match given.is_none() {
        true => Ok(None),
        false => source(given).map(Some),
    }
}

fn limit(end: &End<'_>) -> PyResult<Limit> {
    let Some((given, included)) = end else {
        return Ok(None);
    };
    Ok(Some((sources(given)?, *included)))
}

/// The machine's time in microseconds, each later than the one before.
fn ticking() -> impl Fn() -> i64 + Send + Sync {
    let last = AtomicI64::new(0);
    move || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        });
        let before = last.fetch_max(now, Ordering::Relaxed);
        match before < now {
            true => now,
            false => last.fetch_add(1, Ordering::Relaxed).saturating_add(1),
        }
    }
}

#[pymethods]
impl CqlLanes {
    /// `clock` gives microseconds since 1970, None: the machine's.
    #[new]
    fn new(store: &Store, clock: Option<Py<PyAny>>) -> PyResult<CqlLanes> {
        let graph = store.graph()?;
        let clock: Arc<dyn Fn() -> i64 + Send + Sync> = match clock {
            None => Arc::new(ticking()),
            Some(clock) => Arc::new(move || {
                let told = Python::attach(|py| clock.call0(py)?.extract(py));
                told.unwrap_or(0)
            }),
        };
        Ok(CqlLanes {
            born: Born::here(),
            watch: Watch::of(graph.db()),
            recalls: AtomicU64::new(0),
            clock,
            graph,
        })
    }

    /// A read of one slice of a partition. `columns`: ids, and 0 for the value, 1 WRITETIME, 2 TTL; `metadata` is what stands in the
    /// answer behind flags and count.
    #[pyo3(signature = (table, version, markers, partition, low, high, reverse, limit, columns, metadata, metadata_id))]
    #[allow(clippy::too_many_arguments)]
    fn select(
        &self,
        table: &WideTable,
        version: i64,
        markers: usize,
        partition: Vec<Given<'_>>,
        low: End<'_>,
        high: End<'_>,
        reverse: bool,
        limit: Given<'_>,
        columns: Vec<(u32, u8)>,
        metadata: Vec<u8>,
        metadata_id: Vec<u8>,
    ) -> PyResult<CqlPlan> {
        let asked = |(id, ask): (u32, u8)| match ask {
            0 => Ok((id, Ask::Value)),
            1 => Ok((id, Ask::WriteTime)),
            2 => Ok((id, Ask::Ttl)),
            _ => Err(raise("InvalidError", "no such question")),
        };
        let select = Select {
            low: self::limit(&low)?,
            high: self::limit(&high)?,
            reverse,
            limit: optional(&limit)?,
            columns: columns.into_iter().map(asked).collect::<PyResult<_>>()?,
            metadata,
            metadata_id,
        };
        Ok(CqlPlan(Arc::new(Plan {
            layout: table.layout(),
            version,
            markers,
            partition: sources(&partition)?,
            body: Body::Select(select),
        })))
    }

    /// A write of one row. `changes`: a column's id, `set`, `add` or `subtract`, and what.
    #[pyo3(signature = (table, version, markers, partition, clustering, inserts, removes, changes, ttl, timestamp, default_ttl, grace, weight=0))]
    #[allow(clippy::too_many_arguments)]
    fn write(
        &self,
        table: &WideTable,
        version: i64,
        markers: usize,
        partition: Vec<Given<'_>>,
        clustering: Vec<Given<'_>>,
        inserts: bool,
        removes: bool,
        changes: Vec<(u32, String, Given<'_>)>,
        ttl: Given<'_>,
        timestamp: Given<'_>,
        default_ttl: u32,
        grace: i64,
        weight: usize,
    ) -> PyResult<CqlPlan> {
        let change = |(id, verb, given): &(u32, String, Given<'_>)| {
            let source = source(given)?;
            match verb.as_str() {
                "set" => Ok((*id, Verb::Set(source))),
                "add" => Ok((*id, Verb::Add(source))),
                "subtract" => Ok((*id, Verb::Subtract(source))),
                _ => Err(raise(
                    "InvalidError",
                    &format!("no change is called '{verb}'"),
                )),
            }
        };
        let write = Write {
            clustering: sources(&clustering)?,
            inserts,
            removes,
            changes: changes.iter().map(change).collect::<PyResult<_>>()?,
            ttl: optional(&ttl)?,
            timestamp: optional(&timestamp)?,
            default_ttl,
            grace,
            weight,
        };
        Ok(CqlPlan(Arc::new(Plan {
            layout: table.layout(),
            version,
            markers,
            partition: sources(&partition)?,
            body: Body::Write(write),
        })))
    }

    /// What clients may do has changed: lanes forget what they have learned.
    fn recall(&self) {
        self.recalls.fetch_add(1, Ordering::Release);
    }
}

/// Bytes for the client, bytes for the ordinary way, and whether the lane waits for something to be durable.
type Answered<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, bool);

/// Of a literal its kind, what it says, its place.
type LiftedLiteral<'py> = (Bound<'py, PyString>, Bound<'py, PyString>, usize);

/// A kind as the grammar's terminal is called.
fn kind_name(py: Python<'_>, kind: Kind) -> &Bound<'_, PyString> {
    match kind {
        Kind::String => intern!(py, "STRING"),
        Kind::Integer => intern!(py, "INTEGER"),
        Kind::Float => intern!(py, "FLOAT"),
        Kind::Uuid => intern!(py, "UUID"),
        Kind::Hex => intern!(py, "HEX"),
    }
}

/// One connection's lane.
#[pyclass(frozen)]
pub(crate) struct CqlLane {
    shared: Py<CqlLanes>,
    lane: Mutex<Lane>,
    pending: Mutex<Option<Commit>>,
    recalls: AtomicU64,
    /// How long what was learned holds, and since when.
    valid: Option<Duration>,
    since: Mutex<Instant>,
}

impl CqlLane {
    /// Whether what was learned holds no more. What is learned next holds for another while.
    fn has_ended(&self) -> bool {
        let Some(valid) = self.valid else {
            return false;
        };
        let mut since = self.since.lock();
        let ended = since.elapsed() >= valid;
        if ended {
            *since = Instant::now();
        }
        ended
    }

    fn told<'py>(&self, py: Python<'py>, turn: &Turn) -> Answered<'py> {
        *self.pending.lock() = turn.waits;
        let (out, left) = (PyBytes::new(py, &turn.out), PyBytes::new(py, &turn.left));
        (out, left, turn.waits.is_some())
    }
}

#[pymethods]
impl CqlLane {
    /// `version` of the protocol: 4 or 5, without compression. `valid`: after so many seconds all that was learned is forgotten, so that who
    /// taught it looks again whether it still may be; None: never.
    #[new]
    #[pyo3(signature = (shared, version, valid=None))]
    fn new(shared: Py<CqlLanes>, version: u8, valid: Option<f64>) -> PyResult<CqlLane> {
        let of = shared.get();
        of.born.check()?;
        let lane = Lane::new(of.graph.clone(), of.clock.clone(), version);
        let recalls = AtomicU64::new(of.recalls.load(Ordering::Acquire));
        Ok(CqlLane {
            lane: Mutex::new(lane),
            pending: Mutex::new(None),
            recalls,
            valid: valid.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            since: Mutex::new(Instant::now()),
            shared,
        })
    }

    /// The prepared statement of this id is answered here.
    fn learn(&self, py: Python<'_>, id: &[u8], plan: &CqlPlan) {
        let plan = plan.0.clone();
        py.detach(|| self.lane.lock().learn(id, plan));
    }

    /// A text with marks in place of its literals, and these: kind, what it says (a string without its quotes), place in the text's
    /// characters. None: the text is not for lanes.
    #[staticmethod]
    fn lift<'py>(py: Python<'py>, text: &str) -> Option<(String, Vec<LiftedLiteral<'py>>)> {
        let mut shape = Vec::with_capacity(text.len());
        let found = lift(text, &mut shape).ok()?;
        let shape = String::from_utf8(shape).ok()?;
        let mut seen = (0, 0);
        let literals = found.iter().map(|literal| {
            let (bytes, characters) = seen;
            let more = text.get(bytes..literal.at).unwrap_or_default();
            seen = (literal.at, characters + more.chars().count());
            let says = match (literal.kind, literal.text.contains('\'')) {
                (Kind::String, true) => PyString::new(py, &literal.text.replace("''", "'")),
                _ => PyString::new(py, literal.text),
            };
            (kind_name(py, literal.kind).clone(), says, seen.1)
        });
        Some((shape, literals.collect()))
    }

    /// Texts that differ from this one in literals only are answered here while the connection is in this keyspace (none: no letters).
    /// `slots` has for each literal the name of its type and whether a minus stands before it; in the plan they are markers
    /// behind those of the text. False: nothing was learned.
    fn learn_text(
        &self,
        py: Python<'_>,
        keyspace: &str,
        text: &str,
        slots: Vec<(String, bool)>,
        plan: &CqlPlan,
    ) -> bool {
        let slot = |(name, negative): (String, bool)| {
            Form::named(&name).map(|form| Slot { form, negative })
        };
        let slots = slots.into_iter().map(slot).collect::<Option<Vec<_>>>();
        let plan = plan.0.clone();
        py.detach(|| {
            slots.is_some_and(|slots| self.lane.lock().learn_text(keyspace, text, slots, plan))
        })
    }

    /// Texts are meant in this keyspace from now on.
    fn use_keyspace(&self, py: Python<'_>, keyspace: &str) {
        py.detach(|| self.lane.lock().use_keyspace(keyspace));
    }

    /// Takes what came.
    fn answer<'py>(&self, py: Python<'py>, data: &[u8]) -> Answered<'py> {
        let recalls = self.shared.get().recalls.load(Ordering::Acquire);
        let is_recalled = self.recalls.swap(recalls, Ordering::Relaxed) != recalls;
        let turn = py.detach(|| {
            let mut lane = self.lane.lock();
            if is_recalled || self.has_ended() {
                lane.forget();
            }
            lane.answer(data)
        });
        self.told(py, &turn)
    }

    /// Calls `callback` once, from any thread, when what the last turn waits for is durable.
    fn notify(&self, py: Python<'_>, callback: Py<PyAny>) {
        let commit = *self.pending.lock();
        let watch = self.shared.get().watch.clone();
        py.detach(|| watch.add(commit.unwrap_or_default(), callback));
    }

    /// Goes on with what is durable by now.
    ///
    /// Raises if it never will be.
    fn resume<'py>(&self, py: Python<'py>) -> PyResult<Answered<'py>> {
        self.shared.get().graph.db().health().map_err(failed)?;
        let turn = py.detach(|| self.lane.lock().resume());
        Ok(self.told(py, &turn))
    }
}
