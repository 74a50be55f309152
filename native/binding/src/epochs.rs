//! Laying epochs out for Python: pages go into matrices, what a manifest says of them comes back.
//!
//! **Invariant.** The interpreter's lock is held for the calls of `go_on` alone.

use crate::errors::raise;
use crate::frames::failure;
use crate::pir::PirMatrix;
use crate::store::Store;
use hyperdb_epochs::{lay_out, Interval, Plan};
use hyperdb_frames::Error;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Frame; header, signer's key and signature, anchor; elements; fences; columns; both matrices; rows that did not fit, by column.
type PyLayout<'py> = (
    (
        u64,
        Bound<'py, PyBytes>,
        Bound<'py, PyBytes>,
        Bound<'py, PyBytes>,
    ),
    u64,
    Vec<Bound<'py, PyBytes>>,
    Vec<usize>,
    (PirMatrix, PirMatrix),
    Vec<(usize, Bound<'py, PyBytes>)>,
);

/// How pages are to be: bytes, bytes of them for proofs, bytes left free, rows without proofs.
type Pages = (usize, usize, usize, Option<usize>);

/// The last epoch's fences, their columns, and how many columns there are.
type Last = (Vec<Vec<u8>>, Vec<usize>, usize);

/// Lays an app at a frame out in pages (docs/epoch-format.md). `go_on` gets the number of pages now and then; false gives up.
#[pyfunction]
#[pyo3(signature = (store, app, frame, pages, last, threads, go_on))]
#[allow(clippy::too_many_arguments)] // Python's call: one name each
pub(crate) fn lay_out_epoch<'py>(
    py: Python<'py>,
    store: &Store,
    app: &[u8],
    frame: Option<u64>,
    pages: Pages,
    last: Option<Last>,
    threads: usize,
    go_on: Py<PyAny>,
) -> PyResult<PyLayout<'py>> {
    let sealer = store.sealer()?;
    let (size, room, spare, stable) = pages;
    let last = last.map(|(fences, columns, all)| {
        let intervals = fences.into_iter().zip(columns);
        let interval = |(fence, column)| Interval { fence, column };
        (intervals.map(interval).collect::<Vec<_>>(), all)
    });
    let raised = Mutex::new(None);
    let ask = |pages: usize| {
        // What it raises ends the work, too.
        let asked = Python::attach(|py| {
            let more = go_on.call1(py, (pages,));
            more.and_then(|more| more.is_truthy(py))
        });
        asked.unwrap_or_else(|error| {
            *raised.lock() = Some(error);
            false
        })
    };
    let plan = Plan {
        size,
        room,
        spare,
        stable,
        last: last.as_ref().map(|(intervals, all)| (&intervals[..], *all)),
        threads,
        go_on: &ask,
    };
    let made = py.detach(|| {
        let view = sealer.frames().app_view(frame, app)?;
        let made = view.as_ref().map(|view| lay_out(view, &plan));
        Ok(view.as_ref().zip(made.transpose()?).map(|(view, made)| {
            let signed = &view.view().signed;
            let number = signed.header.number;
            let signer = [&signed.public[..], &signed.signature[..]].concat();
            let anchor = view.anchor().bytes().to_vec();
            ((number, signed.header.encode(), signer, anchor), made)
        }))
    });
    let made = match (made, raised.into_inner()) {
        (_, Some(error)) => return Err(error),
        (Err(Error::Stopped), None) => {
            return Err(raise("CancelledError", "laying the epoch out was given up"))
        }
        (made, None) => made.map_err(failure)?,
    };
    let Some(((number, header, signer, anchor), made)) = made else {
        let name = String::from_utf8_lossy(app);
        return Err(raise("NotFoundError", &format!("there is no app '{name}'")));
    };
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
    let (upper, lower) = made.matrices;
    let columns = made.intervals.iter().map(|interval| interval.column);
    let fences = made.intervals.iter().map(|interval| bytes(&interval.fence));
    let rests = made
        .rests
        .iter()
        .map(|(column, rest)| (*column, bytes(rest)));
    Ok((
        (number, bytes(&header), bytes(&signer), bytes(&anchor)),
        made.elements,
        fences.collect(),
        columns.collect(),
        (PirMatrix::of(upper), PirMatrix::of(lower)),
        rests.collect(),
    ))
}
