//! Data that move between a store and Redis: files of RDB and payloads of DUMP.
//!
//! **Theory.** All work per key is native; Python names the file, hears the progress and shows the summary. Who hears the progress may
//! raise, which stops the work where it stands.

use crate::errors::{failed, raise};
use crate::store::Store;
use crate::transaction::choose;
use hyperdb_resp::transfer::{self, export, Edition, Failure, Options, Phase, Policy};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

const POLICIES: &[(&str, Policy)] = &[
    ("refuse", Policy::Refuse),
    ("skip", Policy::Keep),
    ("replace", Policy::Replace),
];

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Verify => "verify",
        Phase::Write => "write",
        Phase::Compare => "compare",
        Phase::Export => "export",
    }
}

fn refused(failure: Failure) -> PyErr {
    match failure {
        Failure::Fault(fault) => raise("RdbError", &fault.to_string()),
        Failure::Refused(text) => raise("InvalidError", &text),
        Failure::Io(error) => raise("StorageError", &error.to_string()),
        Failure::Store(error) => failed(error),
        Failure::Stopped => raise("CancelledError", "stopped"),
    }
}

fn open(path: &PathBuf, options: &OpenOptions) -> PyResult<File> {
    options
        .open(path)
        .map_err(|error| raise("InvalidError", &format!("{}: {error}", path.display())))
}

/// Runs `work` without the interpreter's lock; what `progress` raises ends it, and is raised.
fn hearing<T: Send>(
    py: Python<'_>,
    progress: &Py<PyAny>,
    work: impl FnOnce(transfer::Progress<'_>) -> Result<T, Failure> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let done = py.detach(|| {
        work(&mut |phase, done, total| {
            let heard = Python::attach(|py| {
                py.check_signals()?;
                progress.call1(py, (phase_name(phase), done, total))
            });
            raised = heard.err();
            raised.is_none()
        })
    });
    match raised {
        Some(error) => Err(error),
        None => done.map_err(refused),
    }
}

/// Reads a file of RDB into the numbered databases of a store; what it did, by name.
#[pyfunction]
#[pyo3(signature = (store, path, progress, *, policy="refuse", pattern=None, pass_modules=false, pass_functions=false, restart=false, compare=false, dry=false))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn import_rdb<'py>(
    py: Python<'py>,
    store: &Store,
    path: PathBuf,
    progress: Py<PyAny>,
    policy: &str,
    pattern: Option<Vec<u8>>,
    pass_modules: bool,
    pass_functions: bool,
    restart: bool,
    compare: bool,
    dry: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let options = Options {
        policy: choose("policy", POLICIES, policy)?,
        pattern,
        pass_modules,
        pass_functions,
        restart,
        compare,
        dry,
        edition: Edition::default(),
    };
    let graph = store.graph()?;
    let mut file = open(&path, OpenOptions::new().read(true))?;
    let done = hearing(py, &progress, |progress| {
        transfer::import(&graph, &mut file, &options, progress)
    })?;
    let report = PyDict::new(py);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let facts = done.facts.iter();
    let facts: Vec<(String, String)> = facts.map(|(one, two)| (text(one), text(two))).collect();
    report.set_item("version", done.version)?;
    report.set_item("size", done.size)?;
    report.set_item("facts", facts)?;
    let databases: Vec<(u64, u64, u64, u64, u64)> = done
        .databases
        .iter()
        .map(|(db, tally)| {
            (
                *db,
                tally.keys,
                tally.expiring,
                tally.expired,
                tally.unmatched,
            )
        })
        .collect();
    report.set_item("databases", databases)?;
    report.set_item("written", done.written)?;
    report.set_item("replaced", done.replaced)?;
    report.set_item("kept", done.kept)?;
    report.set_item("expired", done.expired)?;
    report.set_item("libraries", done.libraries)?;
    report.set_item("foreign", done.foreign)?;
    report.set_item("empty", done.empty)?;
    report.set_item("resumed_at", done.resumed_at)?;
    report.set_item("compared", done.compared)?;
    let differing: Vec<(u64, String)> = done
        .differing
        .iter()
        .map(|(db, key)| (*db, text(key)))
        .collect();
    report.set_item("differing", differing)?;
    Ok(report)
}

/// Writes one moment of the numbered databases into a new file of RDB, and waits until it is on the disk. `redis` ("7.2" or "7.0") is
/// the oldest Redis that loads it.
#[pyfunction]
#[pyo3(signature = (store, path, progress, *, pattern=None, pass_functions=false, at=None, redis="7.2"))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn export_rdb<'py>(
    py: Python<'py>,
    store: &Store,
    path: PathBuf,
    progress: Py<PyAny>,
    pattern: Option<Vec<u8>>,
    pass_functions: bool,
    at: Option<u64>,
    redis: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let edition = match redis {
        "7.2" => Edition::Redis72,
        "7.0" => Edition::Redis70,
        other => {
            let text = format!("files are written for Redis 7.0 and 7.2, not for {other}");
            return Err(raise("InvalidError", &text));
        }
    };
    let options = Options {
        pattern,
        pass_functions,
        edition,
        ..Options::default()
    };
    let graph = store.graph()?;
    let snapshot = match at {
        None => graph.db().snapshot(),
        Some(commit) => py
            .detach(|| graph.db().snapshot_at(commit))
            .map_err(failed)?,
    };
    let file = open(&path, OpenOptions::new().write(true).create_new(true))?;
    let done = hearing(py, &progress, |progress| {
        export::export(&graph, &snapshot, file, &options, progress)
    })?;
    let report = PyDict::new(py);
    report.set_item("databases", done.databases)?;
    report.set_item("expiring", done.expiring)?;
    report.set_item("libraries", done.libraries)?;
    report.set_item("passed", done.passed)?;
    report.set_item("size", done.size)?;
    report.set_item("commit", done.commit)?;
    Ok(report)
}

/// Keys with their expiries and payloads, as they lie in Python's objects.
type PyItems<'py> = Vec<(Bound<'py, PyBytes>, Option<i64>, Bound<'py, PyBytes>)>;

fn items<'i>(given: &'i PyItems<'_>) -> Vec<transfer::Item<'i>> {
    given
        .iter()
        .map(|(key, expiry, payload)| (key.as_bytes(), *expiry, payload.as_bytes()))
        .collect()
}

/// Writes keys by their payloads of DUMP: (written, replaced, kept, expired, places of those that were refused). The record `note` of
/// the system's app (name and value, empty to remove it) is kept by the last commit of these keys. Unless `wait` is false it is on the
/// disk then; commits become durable in their order.
#[pyfunction]
#[pyo3(signature = (store, db, given, *, policy="refuse", note=None, wait=true))]
pub(crate) fn restore_payloads(
    py: Python<'_>,
    store: &Store,
    db: u64,
    given: PyItems<'_>,
    policy: &str,
    note: Option<(Vec<u8>, Vec<u8>)>,
    wait: bool,
) -> PyResult<(u64, u64, u64, u64, Vec<usize>)> {
    let policy = choose("policy", POLICIES, policy)?;
    let graph = store.graph()?;
    let items = items(&given);
    let note = note.as_ref().map(|(name, value)| (&name[..], &value[..]));
    let done = py
        .detach(|| transfer::restore(&graph, db, &items, policy, note, wait))
        .map_err(refused)?;
    Ok((
        done.written,
        done.replaced,
        done.kept,
        done.expired,
        done.refused,
    ))
}

/// Places of the keys that are not in the store as their payloads say; an empty payload says that the key is not there.
#[pyfunction]
pub(crate) fn differing_payloads(
    py: Python<'_>,
    store: &Store,
    db: u64,
    given: PyItems<'_>,
) -> PyResult<Vec<usize>> {
    let graph = store.graph()?;
    let items = items(&given);
    py.detach(|| transfer::differing(&graph, db, &items))
        .map_err(refused)
}

/// Adds the libraries of a payload of FUNCTION DUMP; how many.
#[pyfunction]
#[pyo3(signature = (store, payload, *, policy="refuse"))]
pub(crate) fn restore_functions(
    py: Python<'_>,
    store: &Store,
    payload: &[u8],
    policy: &str,
) -> PyResult<u64> {
    let policy = choose("policy", POLICIES, policy)?;
    let graph = store.graph()?;
    py.detach(|| transfer::adopt_payload(&graph, payload, policy))
        .map_err(refused)
}
