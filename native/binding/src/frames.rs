//! Frames for Python: sealing, headers, proofs, and native verification.
//!
//! **Theory.** Headers, queries and bundles cross as the bytes of their formats (docs/commitment.md, docs/proof-format.md): Python reads
//! them with the code that verifiers use. What a verified bundle says crosses as plain values.

use crate::errors::{failed, raise};
use crate::store::Store;
use hyperdb_frames::attest::Attestation;
use hyperdb_frames::{verify as check, Error, Request, Shard, View};
use hyperdb_verkle::proof::{Answer, Query, Row, Seen, Show, Trusted, VerificationError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::HashMap;

/// Path, leaves, bytes, digest of a shard, and its tree's number.
type PyShard<'py> = (u8, Bound<'py, PyBytes>, u64, u64, Bound<'py, PyBytes>);
/// Key, version, bytes, stored value, columns and value digest of a row.
type PyRow = (Vec<u8>, u64, u64, Option<Vec<u8>>, Vec<PyColumn>, Vec<u8>);
/// Column id, value, and when it was written, until when it holds.
type PyColumn = (u32, Option<Vec<u8>>, Option<(i64, Option<(u32, i64)>)>);
/// Root, hash root, leaves, bytes of an app.
type PyApp<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, u64, u64);
/// Gauges by name, and why the last try failed.
type PyStats = (Vec<(&'static str, u64)>, Option<String>);
/// What it is, two numbers, rows, and whether the collection is there.
type PyAnswer = (&'static str, u64, u64, Vec<usize>, Option<bool>);

/// A native error as an exception.
pub(crate) fn failure(error: Error) -> PyErr {
    let class = match &error {
        Error::Store(error) => return failed(error.clone()),
        Error::BehindHorizon { .. } => "BehindHorizonError",
        Error::NotSealed { .. } => "NotSealedError",
        Error::NotProvable(_) => "NotProvableError",
        Error::Malformed(_) | Error::Tree(_) => "CorruptError",
        Error::Stopped => "ClosedError",
        Error::NoThread(_) => "StorageError",
    };
    raise(class, &error.to_string())
}

fn unverified(error: &VerificationError) -> PyErr {
    Python::attach(|py| {
        let made = py
            .import("hyperdb.commitment.verify.errors")
            .and_then(|module| module.getattr("VerificationError"))
            .and_then(|class| class.call1((error.check.name(), error.detail.as_str())));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(_) => PyRuntimeError::new_err(error.to_string()),
        }
    })
}

fn digest(bytes: &[u8]) -> PyResult<[u8; 32]> {
    let wrong = |_| raise("InvalidError", "a digest has 32 bytes");
    bytes.try_into().map_err(wrong)
}

fn key(bytes: &[u8]) -> PyResult<[u8; 57]> {
    let wrong = |_| raise("InvalidError", "a key has 57 bytes");
    bytes.try_into().map_err(wrong)
}

/// A frame that stays readable while this lives.
#[pyclass(frozen)]
pub(crate) struct HeldFrame {
    view: parking_lot::Mutex<Option<std::sync::Arc<View>>>,
}

#[pymethods]
impl HeldFrame {
    /// Lets it go; a second call does nothing.
    fn release(&self) {
        *self.view.lock() = None;
    }
}

/// The frames of a store.
#[pyclass(frozen)]
pub(crate) struct Frames {
    store: Py<Store>,
}

#[pymethods]
impl Frames {
    #[new]
    fn new(store: Py<Store>) -> Frames {
        Frames { store }
    }

    /// Seals a frame of everything that is durable now; its signed header.
    fn seal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let sealer = self.store.get().sealer()?;
        let signed = py.detach(|| sealer.seal()).map_err(failure)?;
        Ok(PyBytes::new(py, &signed.encode()))
    }

    /// The signed header of a frame, of the newest one if `None`.
    #[pyo3(signature = (number=None))]
    fn header<'py>(&self, py: Python<'py>, number: Option<u64>) -> PyResult<Bound<'py, PyBytes>> {
        let sealer = self.store.get().sealer()?;
        let frames = sealer.frames();
        let signed = match number {
            Some(number) => py.detach(|| frames.header(number)),
            None => frames.newest().ok_or(Error::NotSealed {
                asked: 1,
                newest: 0,
            }),
        };
        Ok(PyBytes::new(py, &signed.map_err(failure)?.encode()))
    }

    /// Signed headers from frame `first` on, at most `limit`; those behind the horizon too.
    fn headers<'py>(
        &self,
        py: Python<'py>,
        first: u64,
        limit: usize,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let sealer = self.store.get().sealer()?;
        let found = py.detach(|| sealer.frames().headers(first, limit));
        let found = found.map_err(failure)?;
        Ok(found
            .iter()
            .map(|signed| PyBytes::new(py, &signed.encode()))
            .collect())
    }

    /// What sealing a frame took: bytes that it superseded, entries that changed, microseconds.
    fn cost(&self, py: Python<'_>, number: u64) -> PyResult<(u64, u64, u64)> {
        let sealer = self.store.get().sealer()?;
        let cost = py
            .detach(|| sealer.frames().cost(number))
            .map_err(failure)?;
        Ok((cost.superseded, cost.changed, cost.micros))
    }

    /// A bundle: the frame, its signature, and what else is asked for. `columns`: of rows of tables show only these; empty: digests.
    #[pyo3(signature = (app, queries, columns=None, frame=None, contains=None))]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        app: Option<&[u8]>,
        queries: &[u8],
        columns: Option<Vec<u32>>,
        frame: Option<u64>,
        contains: Option<u64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let sealer = self.store.get().sealer()?;
        let malformed = |error: VerificationError| raise("InvalidError", &error.to_string());
        let queries = match app {
            Some(_) => Query::decode_all(queries).map_err(malformed)?,
            None => Vec::new(),
        };
        let show = match columns {
            None => Show::Whole,
            Some(columns) if columns.is_empty() => Show::Digests,
            Some(columns) => Show::Columns(columns),
        };
        let request = Request {
            frame,
            contains,
            about: app.map(|app| (app, &queries[..], &show)),
        };
        let bundle = py.detach(|| sealer.frames().prove(&request));
        Ok(PyBytes::new(py, &bundle.map_err(failure)?))
    }

    /// An app at a frame: root, hash root, leaves, bytes; `None` if it was not there.
    #[pyo3(signature = (app, frame=None))]
    fn app<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        frame: Option<u64>,
    ) -> PyResult<Option<PyApp<'py>>> {
        let sealer = self.store.get().sealer()?;
        let found = py.detach(|| sealer.frames().app_at(frame, app));
        Ok(found.map_err(failure)?.map(|app| {
            (
                PyBytes::new(py, &app.root),
                PyBytes::new(py, &app.hash_root),
                app.count,
                app.bytes,
            )
        }))
    }

    /// Names of the apps of a frame.
    #[pyo3(signature = (frame=None))]
    fn apps(&self, py: Python<'_>, frame: Option<u64>) -> PyResult<Vec<Vec<u8>>> {
        let sealer = self.store.get().sealer()?;
        py.detach(|| sealer.frames().apps(frame)).map_err(failure)
    }

    /// Logical keys that changed in an app between two frames; None if they are more than `most`.
    #[pyo3(signature = (app, since, most, frame=None))]
    fn changed_keys<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        since: u64,
        most: usize,
        frame: Option<u64>,
    ) -> PyResult<Option<Vec<Bound<'py, PyBytes>>>> {
        let sealer = self.store.get().sealer()?;
        let found = py.detach(|| sealer.frames().changed_keys(app, (since, frame), most));
        let found = found.map_err(failure)?;
        Ok(found.map(|keys| keys.iter().map(|key| PyBytes::new(py, key)).collect()))
    }

    /// Keeps a frame readable, wherever the horizon goes, until the handle is released.
    fn hold(&self, py: Python<'_>, number: u64) -> PyResult<HeldFrame> {
        let sealer = self.store.get().sealer()?;
        let view = py
            .detach(|| sealer.frames().hold(number))
            .map_err(failure)?;
        let view = parking_lot::Mutex::new(Some(view));
        Ok(HeldFrame { view })
    }

    /// The shards of an app's trees under a limit in bytes.
    #[pyo3(signature = (app, limit, frame=None))]
    fn shards<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        limit: u64,
        frame: Option<u64>,
    ) -> PyResult<Vec<PyShard<'py>>> {
        let sealer = self.store.get().sealer()?;
        let found = py.detach(|| sealer.frames().shards(frame, app, limit));
        let shown = |Shard { tree, shard }: &Shard| {
            let path = PyBytes::new(py, &shard.path);
            let digest = PyBytes::new(py, &shard.digest);
            (*tree as u8, path, shard.count, shard.bytes, digest)
        };
        Ok(found.map_err(failure)?.iter().map(shown).collect())
    }

    /// The key that verifies this store's frames.
    fn public_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let sealer = self.store.get().sealer()?;
        Ok(PyBytes::new(py, &sealer.frames().key().public()))
    }

    /// Recomputes an app's root at a frame from the data and signs it with the owner's key of that seed; public key and signature.
    #[pyo3(signature = (app, seed, manifest, frame=None))]
    fn attest<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        seed: &[u8],
        manifest: &[u8],
        frame: Option<u64>,
    ) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let sealer = self.store.get().sealer()?;
        let (seed, manifest) = (key(seed)?, digest(manifest)?);
        let made = py.detach(|| sealer.frames().attest(frame, app, &seed, manifest));
        let (number, attestation) = made.map_err(failure)?;
        Ok((number, PyBytes::new(py, &attestation.encode())))
    }

    /// Keeps an owner's attestation that was made on another copy.
    fn keep_attestation(
        &self,
        py: Python<'_>,
        app: &[u8],
        frame: u64,
        attestation: &[u8],
    ) -> PyResult<()> {
        let sealer = self.store.get().sealer()?;
        let wrong = || {
            raise(
                "InvalidError",
                "this is no attestation of the app at this frame",
            )
        };
        let made = Attestation::decode(attestation).ok_or_else(wrong)?;
        match py.detach(|| sealer.frames().keep_attestation(app, frame, &made)) {
            Err(Error::Malformed(_)) => Err(wrong()),
            other => other.map_err(failure),
        }
    }

    /// What an owner said of an app at a frame, if it did: app root, manifest, public key, signature.
    fn attestation<'py>(
        &self,
        py: Python<'py>,
        app: &[u8],
        frame: u64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let sealer = self.store.get().sealer()?;
        let found = py.detach(|| sealer.frames().attestation(app, frame));
        let found = found.map_err(failure)?;
        Ok(found.map(|found| PyBytes::new(py, &found.encode())))
    }

    /// Gauges by name, and why the last try to seal failed.
    fn stats(&self) -> PyResult<PyStats> {
        let sealer = self.store.get().sealer()?;
        let stats = sealer.stats();
        Ok((stats.rows().to_vec(), stats.failure))
    }

    /// Recomputes a frame's roots and nodes from the data alone. Number, leaves, bytes, and what is not as it should be; `progress` gets
    /// bytes done and in all.
    #[pyo3(signature = (progress, number=None))]
    fn audit(
        &self,
        py: Python<'_>,
        progress: Py<PyAny>,
        number: Option<u64>,
    ) -> PyResult<(u64, u64, u64, Vec<String>)> {
        let sealer = self.store.get().sealer()?;
        let mut raised = None;
        let audit = py.detach(|| {
            sealer.frames().audit(number, &mut |done, total| {
                let told = Python::attach(|py| progress.call1(py, (done, total)).map(drop));
                raised = raised.take().or(told.err());
            })
        });
        match raised {
            Some(error) => Err(error),
            None => {
                let found = audit.map_err(failure)?;
                let problems = found.problems();
                Ok((found.number, found.leaves, found.bytes, problems))
            }
        }
    }
}

/// The public key of a secret seed of 57 bytes.
#[pyfunction]
pub(crate) fn public_key_of<'py>(py: Python<'py>, seed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let secret = hyperdb_frames::sign::SecretKey::from_seed(&key(seed)?);
    Ok(PyBytes::new(py, &secret.public()))
}

fn shown_row(row: &Row) -> PyRow {
    let columns = row.columns.iter().map(|column| {
        let stamp = column.stamp.map(|stamp| (stamp.timestamp, stamp.ttl));
        (column.id, column.value.clone(), stamp)
    });
    let columns = columns.collect();
    (
        row.key.clone(),
        row.version,
        row.size,
        row.value.clone(),
        columns,
        row.digest.to_vec(),
    )
}

fn shown_answer(answer: Answer) -> PyAnswer {
    match answer {
        Answer::Found { row } => ("found", 0, 0, vec![row], None),
        Answer::Absent { collection } => ("absent", 0, 0, Vec::new(), collection),
        Answer::Removed { version } => ("removed", version, 0, Vec::new(), None),
        Answer::Complete { rows, collection } => ("complete", 0, 0, rows, collection),
        Answer::Attested {
            count,
            size,
            collection,
        } => ("attested", count, size, Vec::new(), collection),
    }
}

/// What a bundle shows, or raises `VerificationError`: header, signer, owner and manifest, earlier header, app, queries as bytes,
/// answers, rows.
#[pyfunction]
#[pyo3(signature = (bundle, pin, pinned, app=None, seen=None))]
pub(crate) fn verify<'py>(
    py: Python<'py>,
    bundle: &[u8],
    pin: &str,
    pinned: &[u8],
    app: Option<&[u8]>,
    seen: Option<(u64, Vec<u8>)>,
) -> PyResult<HashMap<&'static str, Bound<'py, PyAny>>> {
    let trusted = match pin {
        "root" => Trusted::Root(digest(pinned)?),
        "store key" => Trusted::StoreKey(key(pinned)?),
        "owner key" => Trusted::OwnerKey(key(pinned)?),
        other => {
            return Err(raise(
                "InvalidError",
                &format!("'{other}' cannot be pinned"),
            ))
        }
    };
    let seen = match seen {
        Some((number, root)) => Some(Seen {
            number,
            root: digest(&root)?,
        }),
        None => None,
    };
    let found = py.detach(|| check(bundle, &trusted, app, seen));
    let found = found.map_err(|error| unverified(&error))?;
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).into_any();
    let optional = |value: Option<Vec<u8>>| match value {
        Some(value) => bytes(&value),
        None => py.None().into_bound(py),
    };
    let owner = found.attestation;
    let rows: Vec<PyRow> = found.rows.iter().map(shown_row).collect();
    let answers: Vec<PyAnswer> = found.answers.into_iter().map(shown_answer).collect();
    Ok(HashMap::from([
        ("header", bytes(&found.frame.encode())),
        ("signer", optional(found.signer.map(|key| key.to_vec()))),
        ("owner", optional(owner.map(|word| word.owner.to_vec()))),
        (
            "manifest",
            optional(owner.map(|word| word.manifest.to_vec())),
        ),
        (
            "contains",
            optional(found.contains.map(|frame| frame.encode().to_vec())),
        ),
        ("app", optional(found.app)),
        ("queries", bytes(&Query::encode_all(&found.queries))),
        ("answers", answers.into_pyobject(py)?),
        ("rows", rows.into_pyobject(py)?),
    ]))
}
