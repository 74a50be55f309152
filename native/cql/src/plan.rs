//! Prepared statements made ready: what is read or written, and how its rows are answered.
//!
//! **Theory.** A plan was bound by Python under one version of the catalog; it runs only where that version is seen, so nothing of it can
//! have changed. What is given to it are a request's values, as they came; whatever is not a value of its column, or asks for
//! more than a page, is for the ordinary way, which says why. **Invariant.** A statement runs whole or is taken back by who opened it.

use crate::envelope::{Answer, Execution, Given, Header};
use crate::Stray;
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::codec::types::{Plain, Type};
use hyperdb_graph::wide::cells::{Change, Write as Cells};
use hyperdb_graph::wide::layout::{Partition, Slice, WideLayout};
use hyperdb_graph::wide::partition::{Moment, WideOpened};
use hyperdb_graph::wide::show::{Ask, AskedColumn, Shown};
use hyperdb_graph::wide::space::RowSpace;
use hyperdb_graph::wide::stamp::Deletion;
use hyperdb_graph::{Direction, Stop, Transaction};
use std::sync::Arc;

/// Rows that are answered here at most.
const MOST_ROWS: usize = 5_000;
/// Bytes of rows that are answered here at most.
const MOST_BYTES: usize = 4 << 20;
/// The longest time to live, in seconds: 20 years (Cassandra's `Attributes.MAX_TTL`).
const MOST_TTL: i32 = 20 * 365 * 24 * 60 * 60;
/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// Why a statement came to no end.
#[derive(Debug)]
pub enum Halt {
    /// The ordinary way does it.
    Stray,
    /// The store or another transaction stopped it.
    Stop(Stop),
}

impl From<Stray> for Halt {
    fn from(_: Stray) -> Self {
        Halt::Stray
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stop(stop)
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The marker at this place.
    Marker(usize),
    /// A constant; `None` is null.
    Constant(Option<Vec<u8>>),
}

impl Source {
    fn given<'v>(&'v self, values: &[Given<'v>]) -> Result<Given<'v>, Stray> {
        match self {
            Source::Marker(place) => values.get(*place).copied().ok_or(Stray),
            Source::Constant(None) => Ok(Given::Null),
            Source::Constant(Some(wire)) => Ok(Given::Wire(wire)),
        }
    }

    /// A value that must be there.
    fn wire<'v>(&'v self, values: &[Given<'v>]) -> Result<&'v [u8], Stray> {
        match self.given(values)? {
            Given::Wire(wire) => Ok(wire),
            Given::Null | Given::Unset => Err(Stray),
        }
    }

    fn int(&self, values: &[Given<'_>]) -> Result<i32, Stray> {
        let bytes = self.wire(values)?.try_into();
        bytes.map(i32::from_be_bytes).map_err(|_| Stray)
    }

    fn bigint(&self, values: &[Given<'_>]) -> Result<i64, Stray> {
        let bytes = self.wire(values)?.try_into();
        bytes.map(i64::from_be_bytes).map_err(|_| Stray)
    }
}

/// One end of a slice: the first clustering columns, and whether rows with just these belong to it.
pub type Limit = Option<(Vec<Source>, bool)>;

/// Rows of one slice of a partition.
#[derive(Clone, Debug)]
pub struct Select {
    /// From here on, as rows lie.
    pub low: Limit,
    /// Up to here.
    pub high: Limit,
    /// From the last.
    pub reverse: bool,
    /// Rows at most.
    pub limit: Option<Source>,
    /// What is answered.
    pub columns: Vec<(u32, Ask)>,
    /// The answer's metadata behind flags and count.
    pub metadata: Vec<u8>,
    /// Its id, in version 5.
    pub metadata_id: Vec<u8>,
}

/// What becomes of a column.
#[derive(Clone, Debug)]
pub enum Verb {
    /// It is this.
    Set(Source),
    /// A counter is so much more.
    Add(Source),
    /// A counter is so much less.
    Subtract(Source),
}

/// A change of one row.
#[derive(Clone, Debug)]
pub struct Write {
    /// The clustering columns.
    pub clustering: Vec<Source>,
    /// It says that the row is there.
    pub inserts: bool,
    /// The row goes.
    pub removes: bool,
    /// What becomes of its columns.
    pub changes: Vec<(u32, Verb)>,
    /// USING TTL.
    pub ttl: Option<Source>,
    /// USING TIMESTAMP.
    pub timestamp: Option<Source>,
    /// The table's default, in seconds.
    pub default_ttl: u32,
    /// The table's `gc_grace_seconds`.
    pub grace: i64,
    /// About how many bytes it adds to a batch, besides its values.
    pub weight: usize,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum Body {
    /// Reads.
    Select(Select),
    /// Writes.
    Write(Write),
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The table.
    pub layout: Arc<WideLayout>,
    /// The catalog's version that it was bound under.
    pub version: i64,
    /// How many markers it has.
    pub markers: usize,
    /// The partition key's columns.
    pub partition: Vec<Source>,
    /// What is done there.
    pub body: Body,
}

impl Plan {
    /// Whether a request with so many values besides its own fits the statement.
    ///
    /// # Errors
    /// [`Stray`] if not.
    pub fn check(&self, execution: &Execution<'_>, lifted: usize) -> Result<(), Stray> {
        let fits = execution.values.len() + lifted == self.markers
            && match (&self.body, execution.metadata_id) {
                (Body::Select(select), Some(known)) => known == select.metadata_id,
                _ => true,
            };
        fits.then_some(()).ok_or(Stray)
    }

    /// Whether the table's columns are counters.
    pub fn counts(&self) -> bool {
        let counter = Type::Plain(Plain::Counter);
        self.layout.values.iter().any(|value| value.kind == counter)
    }

    /// About how many bytes it writes as a part of a batch.
    ///
    /// # Errors
    /// [`Stray`] if it writes nothing: it may be in no batch.
    pub fn weight(&self, execution: &Execution<'_>) -> Result<usize, Stray> {
        let Body::Write(write) = &self.body else {
            return Err(Stray);
        };
        let given = execution.values.iter().map(|value| match value {
            Given::Wire(wire) => wire.len(),
            Given::Null | Given::Unset => 0,
        });
        Ok(write.weight + given.sum::<usize>())
    }

    fn partition(&self, values: &[Given<'_>]) -> Result<Partition, Stray> {
        let wires = self.partition.iter().map(|source| source.wire(values));
        let wires = wires.collect::<Result<Vec<_>, _>>()?;
        self.layout.find_partition(&wires).map_err(|_| Stray)
    }

    /// Answers a read with the values of its markers behind `out`; `now` in microseconds since 1970. How long the answer is.
    ///
    /// # Errors
    /// [`Halt`], with something of an answer in `out`.
    #[allow(clippy::too_many_arguments)]
    pub fn select(
        &self,
        select: &Select,
        transaction: &Transaction,
        opened: &WideOpened,
        request: (Header, &Execution<'_>),
        values: &[Given<'_>],
        now: i64,
        out: &mut Vec<u8>,
    ) -> Result<usize, Halt> {
        let (header, execution) = request;
        let now = now.div_euclid(MICROS);
        let end = |limit: &Limit| {
            let Some((sources, included)) = limit else {
                return Ok(None);
            };
            let wires = sources
                .iter()
                .map(|source| source.wire(values).map(<[u8]>::to_vec));
            Ok::<_, Stray>(Some((wires.collect::<Result<Vec<_>, _>>()?, *included)))
        };
        let partition = self.partition(values)?;
        let slice = Slice {
            low: end(&select.low)?,
            high: end(&select.high)?,
        };
        let limit = match &select.limit {
            None => None,
            Some(limit) => Some(limit.int(values)?),
        };
        let rows = |number: i32| usize::try_from(number).ok().filter(|rows| *rows > 0);
        let limit = limit.map(|limit| rows(limit).ok_or(Stray)).transpose()?;
        let page = execution.page_size.and_then(rows).unwrap_or(MOST_ROWS);
        // A full page may have another behind it; how to go on is the ordinary way's to say.
        let most = page.min(MOST_ROWS);
        let enough = limit.unwrap_or(most).min(most);
        let direction = match select.reverse {
            true => Direction::Reverse,
            false => Direction::Forward,
        };
        let metadata = (!execution.skips_metadata).then_some(&select.metadata[..]);
        let (mut answer, place) = Answer::rows(header, select.columns.len(), metadata, out);
        let asked = select.columns.iter().map(|(id, ask)| {
            let column = self.layout.asked(*id);
            column.map(|column| (*id, column, *ask)).ok_or(Stray)
        });
        let asked = asked.collect::<Result<Vec<_>, _>>()?;
        let mut count = 0;
        let mut is_shown = true;
        let found = self.layout.each(
            transaction,
            opened,
            &partition,
            &slice,
            direction,
            now,
            &mut |row| {
                count += 1;
                is_shown = self.show(&asked, row, now, &mut answer).is_some()
                    && answer.length() <= MOST_BYTES;
                Ok(is_shown && count < enough)
            },
        )?;
        found.map_err(|_| Stray)?;
        if !is_shown || (count == most && limit.is_none_or(|limit| limit > count)) {
            return Err(Halt::Stray);
        }
        answer.count_rows(place, count).ok_or(Stray)?;
        Ok(answer.end())
    }

    /// Appends the columns of a row.
    fn show(
        &self,
        asked: &[(u32, AskedColumn<'_>, Ask)],
        row: &Row<'_>,
        now: i64,
        answer: &mut Answer<'_>,
    ) -> Option<()> {
        let layout = &self.layout;
        for (id, column, ask) in asked {
            if *ask == Ask::Value {
                answer.value_by(|out| layout.show_value(row, column, now, out))?;
                continue;
            }
            match layout.show(row, *id, *ask, now)? {
                Shown::Nothing => answer.value(None),
                Shown::Number(number) if *ask == Ask::Ttl => {
                    let seconds = i32::try_from(number).ok()?;
                    answer.value(Some(&seconds.to_be_bytes()));
                }
                Shown::Number(number) => answer.value(Some(&number.to_be_bytes())),
                Shown::Wire(_) | Shown::Numbers(_) => return None,
            }
        }
        Some(())
    }

    /// Does a write to its table, which was opened and claimed, with the values of its markers and the client's time for it; `now` in
    /// microseconds since 1970.
    ///
    /// # Errors
    /// [`Halt`]; the caller takes the statement back, and opens the table again.
    pub fn write<S: RowSpace>(
        &self,
        space: &mut S,
        opened: &mut WideOpened,
        values: &[Given<'_>],
        timestamp: Option<i64>,
        now: i64,
    ) -> Result<(), Halt> {
        let Body::Write(write) = &self.body else {
            return Err(Halt::Stray);
        };
        let partition = self.partition(values)?;
        let clustering = write.clustering.iter();
        let clustering = clustering.map(|source| source.wire(values).map(<[u8]>::to_vec));
        let clustering = clustering.collect::<Result<Vec<_>, _>>()?;
        let timestamp = match &write.timestamp {
            Some(source) => source.bigint(values)?,
            None => timestamp.unwrap_or(now),
        };
        if timestamp == i64::MIN {
            return Err(Halt::Stray);
        }
        let seconds = now.div_euclid(MICROS);
        let moment = Moment {
            now: seconds,
            grace: write.grace,
        };
        let done = if write.removes {
            let deletion = Deletion {
                timestamp,
                local: seconds,
            };
            let layout = &self.layout;
            layout.remove(space, opened, &partition, &clustering, deletion, moment)?
        } else {
            let cells = Cells {
                timestamp,
                ttl: self.ttl(write, values)?,
                now: seconds,
                inserts: write.inserts,
                changes: self.changes(write, values)?,
            };
            let layout = &self.layout;
            layout.write(space, opened, &partition, &clustering, &cells, moment)?
        };
        done.map_err(|_| Halt::Stray)
    }

    fn ttl(&self, write: &Write, values: &[Given<'_>]) -> Result<u32, Stray> {
        let Some(source) = &write.ttl else {
            return Ok(write.default_ttl);
        };
        let seconds = source.int(values)?;
        match (0..=MOST_TTL).contains(&seconds) {
            true => u32::try_from(seconds).map_err(|_| Stray),
            false => Err(Stray),
        }
    }

    fn changes(&self, write: &Write, values: &[Given<'_>]) -> Result<Vec<(u32, Change)>, Stray> {
        let mut changes = Vec::with_capacity(write.changes.len());
        for (id, verb) in &write.changes {
            let change = match verb {
                Verb::Set(source) => match source.given(values)? {
                    Given::Unset => continue,
                    Given::Null => Change::Set(None),
                    Given::Wire(wire) => {
                        let stored = self.layout.stored(*id, wire).map_err(|_| Stray)?;
                        Change::Set(Some(stored))
                    }
                },
                Verb::Add(source) => Change::Add(source.bigint(values)?),
                Verb::Subtract(source) => Change::Add(source.bigint(values)?.wrapping_neg()),
            };
            changes.push((*id, change));
        }
        Ok(changes)
    }
}
