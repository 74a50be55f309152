//! A batch that is written only if nothing that was read has changed: the commit of an optimistic transaction on the plain engine.
//!
//! **Invariant.** Validation and the write happen under one writer, so nobody commits in between.

use crate::engine::{family, range, Engine};
use crate::errors::failed;
use hyperdb_lsm::{Commit, Db, Error, Family, KeyRange, Stop, Writer};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A key with its new value, or none to remove it.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// A key range as Python gives it: `start` included, `end` excluded.
type PyRange<'py> = (Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>);

/// Writes `changes` as one durable commit and gives its number; `None`, and nothing is written, if anything in `ranges` is newer
/// than commit `since`.
#[pyfunction]
pub(crate) fn write_unless_changed(
    py: Python<'_>,
    engine: &Engine,
    changes: Vec<(Bound<'_, PyBytes>, Option<Bound<'_, PyBytes>>)>,
    since: u64,
    ranges: Vec<PyRange<'_>>,
    family: u8,
) -> PyResult<Option<u64>> {
    let (db, family) = (engine.db()?, self::family(family)?);
    let bytes = |bytes: &Bound<'_, PyBytes>| bytes.as_bytes().to_vec();
    let changes: Vec<Change> = changes
        .iter()
        .map(|(key, value)| (bytes(key), value.as_ref().map(bytes)))
        .collect();
    let ranges: Vec<KeyRange> = ranges
        .iter()
        .map(|(start, end)| {
            let bound = |bound: &Option<Bound<'_, PyBytes>>| bound.as_ref().map(bytes);
            range(bound(start).as_deref(), bound(end).as_deref())
        })
        .collect();
    py.detach(|| {
        let commit = commit(&db, family, &changes, since, &ranges)?;
        if let Some(commit) = commit {
            db.wait_durable(commit)?;
        }
        Ok(commit)
    })
    .map_err(failed)
}

fn commit(
    db: &Db,
    family: Family,
    changes: &[Change],
    since: Commit,
    ranges: &[KeyRange],
) -> Result<Option<Commit>, Error> {
    loop {
        let mut writer = db.writer();
        writer.savepoint();
        let outcome = validate_and_apply(&mut writer, family, changes, since, ranges);
        let outcome = match outcome {
            Ok(true) => return writer.commit().map(Some),
            other => other,
        };
        writer.rollback();
        drop(writer);
        match outcome {
            Err(Stop::Miss(miss)) => db.load(&miss)?,
            Err(Stop::Failed(error)) => return Err(error),
            Ok(_) => return Ok(None),
        }
    }
}

/// Whether it was applied.
fn validate_and_apply(
    writer: &mut Writer<'_>,
    family: Family,
    changes: &[Change],
    since: Commit,
    ranges: &[KeyRange],
) -> Result<bool, Stop> {
    for range in ranges {
        if writer.range_changed_since(family, range, since)? {
            return Ok(false);
        }
    }
    for (key, value) in changes {
        match value {
            Some(value) => writer.put(family, key, value)?,
            None => writer.remove(family, key, &[])?,
        }
    }
    Ok(true)
}
