//! Tables made in CQL, for Python: values cross as the bytes of CQL's protocol.
//!
//! **Invariant.** No rule lives here: keys, cells and times are native/graph's `wide`.

use crate::errors::raise;
use crate::sql::{refused, CatalogImage, SqlTransaction};
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::wide::cells::{Change, Refused, Write};
use hyperdb_graph::wide::index::Lookup;
use hyperdb_graph::wide::layout::{Element, Partition, Slice, Unkeyable, WideLayout};
use hyperdb_graph::wide::partition::{Moment, Unwritten, WideOpened};
use hyperdb_graph::wide::read::{Amount, Cursor, Reach, Wanted};
use hyperdb_graph::wide::show::{Ask, Shown};
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_graph::{Direction, Step, Transaction as Inner};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::sync::Arc;

/// One end of a slice: values of the first clustering columns, and whether rows with just these belong to it.
type End = Option<(Vec<Vec<u8>>, bool)>;

/// A column, and what is asked of it: 0 its value, 1 its WRITETIME, 2 its TTL, 3 its MAXWRITETIME.
type Asked = (u32, u8);

/// A partition's values, slices of it, whether its static row too.
type Want = (Vec<Vec<u8>>, Vec<(End, End)>, bool);

/// Where to go on: the place among what is wanted, rows of that partition so far, key of the last.
type Place = (usize, usize, Vec<u8>);

/// Rows as tuples, and where to go on.
type Page<'py> = (Bound<'py, PyList>, Option<Bound<'py, PyBytes>>);

/// Rows of several partitions, and where to go on.
type Selection<'py> = (
    Bound<'py, PyList>,
    Option<(usize, usize, Bound<'py, PyBytes>)>,
);

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
        Unwritten::Write(Refused::NoElement(_, 0)) => raise(
            "InvalidError",
            "Attempted to set an element on a list which is null",
        ),
        Unwritten::Write(Refused::NoElement(at, count)) => {
            let at = i64::from_ne_bytes(at.to_ne_bytes());
            let told = format!("List index {at} out of bound, list has size {count}");
            raise("InvalidError", &told)
        }
        Unwritten::Write(Refused::Malformed(id)) => unkeyable(Unkeyable::Value(id)),
    }
}

impl WideTable {
    pub(crate) fn layout(&self) -> Arc<WideLayout> {
        self.0.clone()
    }

    fn partition(&self, values: &[Vec<u8>]) -> PyResult<Partition> {
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        self.0.find_partition(&values).map_err(unkeyable)
    }

    fn change(&self, id: u32, verb: &str, given: &Bound<'_, PyAny>) -> PyResult<Change> {
        let one = |wire: &[u8]| self.0.stored_item(id, wire).map_err(unkeyable);
        let all = |wires: Vec<Vec<u8>>| {
            let values = wires.iter().map(|wire| one(wire));
            values.collect::<PyResult<Vec<_>>>()
        };
        Ok(match verb {
            "set" => {
                let wire: Option<Vec<u8>> = given.extract()?;
                let stored = wire.map(|wire| self.0.stored(id, &wire).map_err(unkeyable));
                Change::Set(stored.transpose()?)
            }
            "put" => {
                let pairs: Vec<(Vec<u8>, Option<Vec<u8>>)> = given.extract()?;
                let pair = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| {
                    let element = self.0.stored_element(id, key, value.as_deref());
                    element.map_err(unkeyable)
                };
                Change::Put(pairs.iter().map(pair).collect::<PyResult<Vec<Element>>>()?)
            }
            "append" => Change::Append(all(given.extract()?)?),
            "prepend" => Change::Prepend(all(given.extract()?)?),
            "remove values" => Change::RemoveValues(all(given.extract()?)?),
            "set at" => {
                let (at, wire): (i64, Option<Vec<u8>>) = given.extract()?;
                // A place before the first is in no list, as one far behind the last is.
                let at = usize::from_ne_bytes(at.to_ne_bytes());
                Change::SetAt(at, wire.map(|wire| one(&wire)).transpose()?)
            }
            "clear" => Change::Clear,
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
        body: impl FnOnce(&WideLayout, &mut Inner, &mut WideOpened) -> Step<T> + Send,
    ) -> PyResult<T> {
        let layout = self.0.clone();
        transaction.with(py, |inner| {
            let mut opened = layout.open(inner)?;
            Ok(body(&layout, inner, &mut opened)?)
        })
    }

    fn show<'py>(
        &self,
        py: Python<'py>,
        packed: &[Vec<u8>],
        columns: &[Asked],
        now: i64,
    ) -> PyResult<Bound<'py, PyList>> {
        let corrupt = || raise("CorruptError", "a row that cannot be read");
        let asked = |(id, ask): &Asked| match ask {
            0 => Ok((*id, Ask::Value)),
            1 => Ok((*id, Ask::WriteTime)),
            2 => Ok((*id, Ask::Ttl)),
            3 => Ok((*id, Ask::MaxWriteTime)),
            _ => Err(raise("InvalidError", "no such question")),
        };
        let columns: Vec<(u32, Ask)> = columns.iter().map(asked).collect::<PyResult<_>>()?;
        let mut rows = Vec::with_capacity(packed.len());
        for packed in packed {
            let row = Row::decode(packed).ok_or_else(corrupt)?;
            let mut values: Vec<Bound<'py, PyAny>> = Vec::with_capacity(columns.len());
            for (id, ask) in &columns {
                values.push(
                    match self.0.show(&row, *id, *ask, now).ok_or_else(corrupt)? {
                        Shown::Nothing => py.None().into_bound(py),
                        Shown::Wire(wire) => PyBytes::new(py, &wire).into_any(),
                        Shown::Number(number) => number.into_pyobject(py)?.into_any(),
                        Shown::Numbers(numbers) => PyList::new(py, numbers)?.into_any(),
                    },
                );
            }
            rows.push(PyTuple::new(py, values)?);
        }
        PyList::new(py, rows)
    }

    fn place(&self, number: u64) -> PyResult<usize> {
        let place = self
            .0
            .indexes
            .iter()
            .position(|index| index.number == number);
        place.ok_or_else(|| raise("InvalidError", "the table has no such index"))
    }
}

/// All rows that live at a time, so many of them.
fn amount(limit: usize, now: i64) -> Amount {
    Amount {
        limit,
        per_partition: None,
        now,
    }
}

fn direction(reverse: bool) -> Direction {
    if reverse {
        Direction::Reverse
    } else {
        Direction::Forward
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

    /// Numbers of the table, its indexes and its views with what is wrong with them.
    fn examine(
        &self,
        py: Python<'_>,
        transaction: &SqlTransaction,
    ) -> PyResult<Vec<(u64, String)>> {
        let flaws = self.with(py, transaction, |layout, inner, opened| {
            layout.examine(inner, opened)
        })?;
        Ok(flaws
            .into_iter()
            .map(|flaw| (flaw.number, flaw.text))
            .collect())
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
        let done = self.with(py, transaction, |layout, inner, opened| {
            layout.write(inner, opened, &partition, &clustering, &write, moment)
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
        let done = self.with(py, transaction, |layout, inner, opened| {
            layout.remove(inner, opened, &partition, &clustering, deletion, moment)
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
        let done = self.with(py, transaction, |layout, inner, opened| {
            layout.remove_slice(inner, opened, &partition, slice.as_ref(), deletion, moment)
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
        let page = self.with(py, transaction, |layout, inner, opened| {
            let reach = Reach::Static(&partition);
            layout.read(
                inner,
                opened,
                &reach,
                Direction::Forward,
                None,
                amount(1, now),
            )
        })?;
        self.show(py, &page.map_err(unkeyable)?.rows, &columns, now)
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
        let direction = direction(reverse);
        let page = self.with(py, transaction, |layout, inner, opened| {
            let reach = Reach::Slice(&partition, &slice);
            layout.read(inner, opened, &reach, direction, after, amount(limit, now))
        })?;
        let page = page.map_err(unkeyable)?;
        Ok((
            self.show(py, &page.rows, &columns, now)?,
            after_of(py, page.after),
        ))
    }

    /// Up to `limit` rows of what is `wanted`, one partition after the other, behind `after`; and where to go on. Static rows, without
    /// clustering values, come before the others, and do not count for `per_partition`.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, wanted, reverse, after, limit, per_partition, now, columns))]
    fn select<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        wanted: Vec<Want>,
        reverse: bool,
        after: Option<Place>,
        limit: usize,
        per_partition: Option<usize>,
        now: i64,
        columns: Vec<Asked>,
    ) -> PyResult<Selection<'py>> {
        let want = |(values, slices, fixed): Want| {
            let slices = slices.into_iter();
            Ok(Wanted {
                partition: self.partition(&values)?,
                slices: slices.map(|(low, high)| Slice { low, high }).collect(),
                fixed,
            })
        };
        let wanted: Vec<Wanted> = wanted.into_iter().map(want).collect::<PyResult<_>>()?;
        let from = after.map(|(place, taken, after)| Cursor {
            place,
            taken,
            after,
        });
        let amount = Amount {
            limit,
            per_partition,
            now,
        };
        let direction = direction(reverse);
        let found = self.with(py, transaction, |layout, inner, opened| {
            layout.select(inner, opened, &wanted, direction, from.as_ref(), amount)
        })?;
        let (rows, cursor) = found.map_err(unkeyable)?;
        let cursor = cursor.map(|at| (at.place, at.taken, PyBytes::new(py, &at.after)));
        Ok((self.show(py, &rows, &columns, now)?, cursor))
    }

    /// Up to `limit` rows that hold what is looked for by index `number`, by token and clustering columns, behind `after`; and where
    /// to go on. `low` and `high`: the value, or key and value of a pair, and whether it belongs to the range.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, number, low, high, partition, after, limit, now, columns))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        transaction: &SqlTransaction,
        number: u64,
        low: End,
        high: End,
        partition: Option<Vec<Vec<u8>>>,
        after: Option<&[u8]>,
        limit: usize,
        now: i64,
        columns: Vec<Asked>,
    ) -> PyResult<Page<'py>> {
        let index = self.place(number)?;
        let partition = partition
            .map(|values| self.partition(&values))
            .transpose()?;
        let page = self.with(py, transaction, |layout, inner, opened| {
            let lookup = Lookup {
                index,
                low,
                high,
                partition: partition.as_ref(),
            };
            layout.find(inner, opened, &lookup, after, limit, now)
        })?;
        let page = page.map_err(unkeyable)?;
        Ok((
            self.show(py, &page.rows, &columns, now)?,
            after_of(py, page.after),
        ))
    }

    /// Adds the entries of all rows to index `number`, which is new. The table is locked.
    fn fill(&self, py: Python<'_>, transaction: &SqlTransaction, number: u64) -> PyResult<()> {
        let index = self.place(number)?;
        self.with(py, transaction, |layout, inner, opened| {
            layout.fill(inner, opened, index)
        })
    }

    /// Makes the rows of the view `number`, which is new. The table is locked.
    fn fill_view(&self, py: Python<'_>, transaction: &SqlTransaction, number: u64) -> PyResult<()> {
        let mut views = self.0.views.iter();
        let place = views.position(|view| view.layout.number == number);
        let place = place.ok_or_else(|| raise("InvalidError", "the table has no such view"))?;
        self.with(py, transaction, |layout, inner, opened| {
            layout.fill_view(inner, opened, place)
        })
    }

    /// Up to `limit` rows, static ones too (they have no clustering values), of the partitions whose token is above `low` and up
    /// to `high`, behind `after`; and where to go on. `per_partition`: so many of each at most, the static one besides.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (transaction, low, high, after, limit, now, columns, per_partition=None))]
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
        per_partition: Option<usize>,
    ) -> PyResult<Page<'py>> {
        let amount = Amount {
            limit,
            per_partition,
            now,
        };
        let page = self.with(py, transaction, |layout, inner, opened| {
            let reach = Reach::Tokens(low, high);
            layout.read(inner, opened, &reach, Direction::Forward, after, amount)
        })?;
        let page = page.map_err(unkeyable)?;
        Ok((
            self.show(py, &page.rows, &columns, now)?,
            after_of(py, page.after),
        ))
    }
}

fn after_of(py: Python<'_>, after: Option<Vec<u8>>) -> Option<Bound<'_, PyBytes>> {
    after.map(|after| PyBytes::new(py, &after))
}

fn removal(timestamp: i64, (now, grace): (i64, i64)) -> (Deletion, Moment) {
    let deletion = Deletion {
        timestamp,
        local: now,
    };
    (deletion, Moment { now, grace })
}
