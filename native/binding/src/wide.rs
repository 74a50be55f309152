//! Tables made in CQL, for Python: values cross as the bytes of CQL's protocol.
//!
//! **Invariant.** No rule lives here: keys, cells and times are native/graph's `wide`.

use crate::errors::raise;
use crate::sql::{refused, CatalogImage, SqlTransaction};
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::wide::cells::{Change, Refused, Write};
use hyperdb_graph::wide::layout::{Part, Partition, Slice, Unkeyable, WideLayout};
use hyperdb_graph::wide::partition::{Moment, Unwritten};
use hyperdb_graph::wide::read::{Reach, WidePage};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_graph::{Direction, Header, Step, Transaction as Inner};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::sync::Arc;

/// One end of a slice: values of the first clustering columns, and whether rows with just these belong to it.
type End = Option<(Vec<Vec<u8>>, bool)>;

/// A column, and what is asked of it: 0 its value, 1 its WRITETIME, 2 its TTL.
type Asked = (u32, u8);

/// Rows as tuples, and where to go on.
type Page<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyBytes>>);

/// How rows of a table made in CQL lie.
#[pyclass(frozen)]
pub(crate) struct WideTable(Arc<WideLayout>);

fn unkeyable(error: Unkeyable) -> PyErr {
    let text = match error {
        Unkeyable::Value(id) => format!("a value that column {id} does not take"),
        Unkeyable::Count => "not as many values as the key has columns".to_owned(),
        Unkeyable::TooLong => "a partition key of more than 65,535 bytes".to_owned(),
    };
    raise("InvalidError", &text)
}

fn unwritten(error: Unwritten) -> PyErr {
    match error {
        Unwritten::Key(error) => unkeyable(error),
        Unwritten::Write(Refused::NoElement(at, count)) => raise(
            "InvalidError",
            &format!("List index {at} out of bound, list has size {count}"),
        ),
        Unwritten::Write(Refused::Malformed(id)) => unkeyable(Unkeyable::Value(id)),
    }
}

impl WideTable {
    fn partition(&self, values: &[Vec<u8>]) -> PyResult<Partition> {
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        self.0.find_partition(&values).map_err(unkeyable)
    }

    fn change(&self, id: u32, verb: &str, given: &Bound<'_, PyAny>) -> PyResult<Change> {
        let stored = |of: Part, wire: &[u8]| self.0.stored(id, of, wire).map_err(unkeyable);
        let all = |wires: Vec<Vec<u8>>| {
            let values = wires.iter().map(|wire| stored(Part::Element, wire));
            values.collect::<PyResult<Vec<_>>>()
        };
        Ok(match verb {
            "set" => {
                let wire: Option<Vec<u8>> = given.extract()?;
                Change::Set(wire.map(|wire| stored(Part::Whole, &wire)).transpose()?)
            }
            "put" => {
                let pairs: Vec<(Vec<u8>, Option<Vec<u8>>)> = given.extract()?;
                let pair = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| {
                    let value = match value {
                        // The value of a set's element is nothing, and says that it is there.
                        Some(wire) if wire.is_empty() => Some(Vec::new()),
                        Some(wire) => Some(stored(Part::Element, wire)?),
                        None => None,
                    };
                    Ok::<_, PyErr>((stored(Part::Key, key)?, value))
                };
                Change::Put(pairs.iter().map(pair).collect::<PyResult<_>>()?)
            }
            "append" => Change::Append(all(given.extract()?)?),
            "prepend" => Change::Prepend(all(given.extract()?)?),
            "remove values" => Change::RemoveValues(all(given.extract()?)?),
            "set at" => {
                let (at, wire): (usize, Option<Vec<u8>>) = given.extract()?;
                Change::SetAt(
                    at,
                    wire.map(|wire| stored(Part::Element, &wire)).transpose()?,
                )
            }
            "add" => Change::Add(given.extract()?),
            _ => {
                return Err(raise(
                    "InvalidError",
                    &format!("no change is called '{verb}'"),
                ))
            }
        })
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
        body: impl FnOnce(&WideLayout, &mut Inner, &mut Header) -> Step<T> + Send,
    ) -> PyResult<T> {
        let layout = self.0.clone();
        transaction.with(py, |inner| {
            let mut rows = layout.open(inner)?;
            Ok(body(&layout, inner, &mut rows)?)
        })
    }

    fn show<'py>(
        &self,
        py: Python<'py>,
        page: &WidePage,
        columns: &[Asked],
        now: i64,
    ) -> PyResult<Page<'py>> {
        let corrupt = || raise("CorruptError", "a row that cannot be read");
        let mut rows = Vec::with_capacity(page.rows.len());
        for packed in &page.rows {
            let row = Row::decode(packed).ok_or_else(corrupt)?;
            let mut values: Vec<Bound<'py, PyAny>> = Vec::with_capacity(columns.len());
            for (id, ask) in columns {
                let ask = match ask {
                    0 => Ask::Value,
                    1 => Ask::WriteTime,
                    2 => Ask::Ttl,
                    _ => return Err(raise("InvalidError", "no such question")),
                };
                values.push(
                    match self.0.show(&row, *id, ask, now).ok_or_else(corrupt)? {
                        Shown::Nothing => py.None().into_bound(py),
                        Shown::Wire(wire) => PyBytes::new(py, &wire).into_any(),
                        Shown::Number(number) => number.into_pyobject(py)?.into_any(),
                    },
                );
            }
            rows.push(PyTuple::new(py, values)?);
        }
        let after = page.after.as_ref().map(|after| PyBytes::new(py, after));
        Ok((PyList::new(py, rows)?, after))
    }
}

#[pymethods]
impl WideTable {
    #[new]
    fn new(image: &CatalogImage, number: u64) -> PyResult<WideTable> {
        let layout = WideLayout::of(&image.0, number).map_err(|refusal| refused(&refusal))?;
        Ok(WideTable(Arc::new(layout)))
    }

    /// The token of a partition key.
    fn token(&self, partition: Vec<Vec<u8>>) -> PyResult<i64> {
        Ok(self.partition(&partition)?.token)
    }

    /// Declares that the transaction writes rows here.
    fn claim(&self, py: Python<'_>, transaction: &SqlTransaction) -> PyResult<()> {
        let layout = self.0.clone();
        transaction.with(py, |inner| Ok(layout.claim(inner)?))
    }

    /// Writes a row; without clustering values the static one. `write`: time in microseconds, TTL in seconds, whether the row is
    /// inserted; `moment`: now and the table's grace, in seconds; `changes`: column, verb and what it takes.
    #[allow(clippy::too_many_arguments)]
    fn write(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
        partition: Vec<Vec<u8>>,
        clustering: Vec<Vec<u8>>,
        write: (i64, u32, bool),
        moment: (i64, i64),
        changes: Vec<(u32, String, Bound<'_, PyAny>)>,
    ) -> PyResult<()> {
        let partition = self.partition(&partition)?;
        let change = |(id, verb, given): &(u32, String, Bound<'_, PyAny>)| {
            Ok((*id, self.change(*id, verb, given)?))
        };
        let (now, grace) = moment;
        let write = Write {
            timestamp: write.0,
            ttl: write.1,
            now,
            inserts: write.2,
            changes: changes.iter().map(change).collect::<PyResult<_>>()?,
        };
        let moment = Moment { now, grace };
        let done = self.with(py, transaction, |layout, inner, rows| {
            layout.write(inner, rows, &partition, &clustering, &write, moment)
        })?;
        done.map_err(unwritten)
    }

    /// Removes a row; without clustering values the static one.
    fn remove(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
        partition: Vec<Vec<u8>>,
        clustering: Vec<Vec<u8>>,
        timestamp: i64,
        moment: (i64, i64),
    ) -> PyResult<()> {
        let partition = self.partition(&partition)?;
        let (deletion, moment) = removal(timestamp, moment);
        let done = self.with(py, transaction, |layout, inner, rows| {
            layout.remove(inner, rows, &partition, &clustering, deletion, moment)
        })?;
        done.map_err(unwritten)
    }

    /// Removes the rows between two ends; `whole`: all of the partition, its static row too.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, partition, low, high, whole, timestamp, moment))]
    fn remove_slice(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
        partition: Vec<Vec<u8>>,
        low: End,
        high: End,
        whole: bool,
        timestamp: i64,
        moment: (i64, i64),
    ) -> PyResult<()> {
        let partition = self.partition(&partition)?;
        let (deletion, moment) = removal(timestamp, moment);
        let slice = (!whole).then_some(Slice { low, high });
        let done = self.with(py, transaction, |layout, inner, rows| {
            layout.remove_slice(inner, rows, &partition, slice.as_ref(), deletion, moment)
        })?;
        done.map_err(unwritten)
    }

    /// The static row of a partition: one row or none.
    fn fixed<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        partition: Vec<Vec<u8>>,
        now: i64,
        columns: Vec<Asked>,
    ) -> PyResult<Bound<'py, PyList>> {
        let partition = self.partition(&partition)?;
        let page = self.with(py, transaction, |layout, inner, rows| {
            let reach = Reach::Static(&partition);
            layout.read(inner, rows, &reach, Direction::Forward, None, 1, now)
        })?;
        Ok(self.show(py, &page.map_err(unkeyable)?, &columns, now)?.0)
    }

    /// Up to `limit` rows of a partition between two ends, behind `after`; and where to go on.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, partition, low, high, reverse, after, limit, now, columns))]
    fn rows<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        partition: Vec<Vec<u8>>,
        low: End,
        high: End,
        reverse: bool,
        after: Option<&[u8]>,
        limit: usize,
        now: i64,
        columns: Vec<Asked>,
    ) -> PyResult<Page<'py>> {
        let partition = self.partition(&partition)?;
        let slice = Slice { low, high };
        let direction = if reverse {
            Direction::Reverse
        } else {
            Direction::Forward
        };
        let page = self.with(py, transaction, |layout, inner, rows| {
            let reach = Reach::Slice(&partition, &slice);
            layout.read(inner, rows, &reach, direction, after, limit, now)
        })?;
        self.show(py, &page.map_err(unkeyable)?, &columns, now)
    }

    /// Up to `limit` rows, static ones too (they have no clustering values), of the partitions whose token is above `low` and up
    /// to `high`, behind `after`; and where to go on.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, low, high, after, limit, now, columns))]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        low: Option<i64>,
        high: Option<i64>,
        after: Option<&[u8]>,
        limit: usize,
        now: i64,
        columns: Vec<Asked>,
    ) -> PyResult<Page<'py>> {
        let page = self.with(py, transaction, |layout, inner, rows| {
            let reach = Reach::Tokens(low, high);
            layout.read(inner, rows, &reach, Direction::Forward, after, limit, now)
        })?;
        self.show(py, &page.map_err(unkeyable)?, &columns, now)
    }
}

fn removal(timestamp: i64, (now, grace): (i64, i64)) -> (Deletion, Moment) {
    let deletion = Deletion {
        timestamp,
        local: now,
    };
    (deletion, Moment { now, grace })
}
