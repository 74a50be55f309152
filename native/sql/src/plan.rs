//! Statements made ready: what is read or written, and how its rows are answered.
//!
//! **Theory.** A plan was bound by Python under one version of the catalog; it runs only where that version is seen, so nothing
//! of it can have changed. Reading outside of a block takes a [`Glance`]; everything else runs in a transaction, one
//! statement of it, that is taken back whole unless it came to its end.
//!
//! **Invariant.** What is written obeys what the ordinary way obeys: a table with checks, generated columns, foreign keys or
//! expressions in its indexes gets no plan that writes.

use crate::expression::{Expression, Moment, Stored};
use crate::{Kind, Stray};
use hyperdb_graph::catalog::{self, peek_version};
use hyperdb_graph::relation::{Layout, Limits, Way};
use hyperdb_graph::{Direction, Glance, Stop, Transaction};
use std::sync::Arc;

/// Rows that one statement answers here: more of them are answered a piece at a time, by the ordinary way.
const MOST_ROWS: usize = 1_000;

/// A column of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where it is in the row.
    pub slot: usize,
    /// Its type.
    pub kind: Kind,
}

/// What a statement does with the table.
#[derive(Clone, Debug)]
pub enum Body {
    /// Reads the row of a key.
    Get {
        /// Values of the key's columns.
        key: Vec<Expression>,
    },
    /// Reads rows in the order of the key, or of the index.
    Range(Span),
    /// Adds rows.
    Insert {
        /// A value for each slot, of each row.
        rows: Vec<Vec<Expression>>,
        /// What becomes of a row that is there already; `None`: the ordinary way tells of it.
        conflict: Option<OnConflict>,
    },
    /// Changes the row of a key.
    Update {
        /// Values of the key's columns.
        key: Vec<Expression>,
        /// Slots and what they hold afterwards, over the row as it was.
        sets: Vec<(usize, Expression)>,
    },
    /// Removes the row of a key.
    Delete {
        /// Values of the key's columns.
        key: Vec<Expression>,
    },
}

/// Rows between two ends.
#[derive(Clone, Debug)]
pub struct Span {
    /// Values of the first columns, which all rows have.
    pub equal: Vec<Expression>,
    /// From which value of the next column on, and whether that one is in; none: from the first.
    pub low: Option<(Expression, bool)>,
    /// Up to which.
    pub high: Option<(Expression, bool)>,
    /// From the last.
    pub reverse: bool,
    /// So many rows at most.
    pub limit: Option<Expression>,
}

/// ON CONFLICT.
#[derive(Clone, Debug)]
pub struct OnConflict {
    /// What is looked at, in order: indexes by their places in the layout, `None` for the key.
    pub arbiters: Vec<Option<usize>>,
    /// Slots and what they hold afterwards, over the row that is there, then the one proposed; `None`: DO NOTHING.
    pub sets: Option<Vec<(usize, Expression)>>,
}

/// The row of another table that a foreign key names.
#[derive(Clone, Debug)]
pub struct Parent {
    /// That table.
    pub layout: Arc<Layout>,
    /// The unique index that is referred to; `None`: its key.
    pub index: Option<usize>,
    /// Where a row has the values.
    pub slots: Vec<usize>,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The catalog's version that it was bound under.
    pub version: i64,
    /// The kinds of its parameters.
    pub parameters: Vec<Kind>,
    /// The table.
    pub layout: Arc<Layout>,
    /// Key of the table's header.
    pub header_key: Box<[u8]>,
    /// The unique index whose columns `key` are the values of, by its place in the layout; `None`: the table's key.
    pub index: Option<usize>,
    /// Slots that take no null.
    pub required: Vec<usize>,
    /// What added rows refer to.
    pub parents: Vec<Parent>,
    /// What is answered of each row; `None`: a statement without RETURNING.
    pub outputs: Option<Vec<Output>>,
    /// What it does.
    pub body: Body,
}

/// Why a plan did not come to its end.
#[derive(Debug)]
pub enum Halt {
    /// The ordinary way does it.
    Stray,
    /// The store or the transaction stopped it.
    Stop(Stop),
}

impl From<Stray> for Halt {
    fn from(_: Stray) -> Halt {
        Halt::Stray
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Halt {
        Halt::Stop(stop)
    }
}

/// How the columns of the answer are written: binary or not, one for all or one each.
pub type Formats<'f> = &'f [bool];

fn is_binary(formats: Formats<'_>, at: usize) -> bool {
    match formats {
        [] => false,
        [all] => *all,
        each => each.get(at).copied().unwrap_or(false),
    }
}

impl Plan {
    /// Whether it changes nothing.
    pub fn reads_only(&self) -> bool {
        matches!(self.body, Body::Get { .. } | Body::Range(_))
    }

    /// How many columns come back; `None`: no rows do.
    pub fn width(&self) -> Option<usize> {
        self.outputs.as_ref().map(Vec::len)
    }

    /// Reads without waiting and without a transaction: how many rows were written to `out` as DataRow messages.
    ///
    /// # Errors
    /// [`Halt::Stray`] also where it would have to wait, and under another version of the catalog.
    pub fn peek(
        &self,
        glance: &Glance<'_>,
        parameters: &[Stored],
        formats: Formats<'_>,
        moment: &dyn Moment,
        out: &mut Vec<u8>,
    ) -> Result<u64, Halt> {
        let (Body::Get { key }, None) = (&self.body, self.index) else {
            return Err(Halt::Stray);
        };
        if peek_version(glance)? != Some(self.version) {
            return Err(Halt::Stray);
        }
        let key = evaluated(key, parameters, moment)?;
        if key.iter().any(Option::is_none) {
            return Ok(0);
        }
        let found = self.layout.peek(glance, &self.header_key, &key, |row| {
            row.map(|row| self.answer_packed(row, formats, out))
        })?;
        match found {
            None => Err(Halt::Stray),
            Some(None) => Ok(0),
            Some(Some(written)) => written.map(|()| 1),
        }
    }

    /// Runs as one statement of a transaction: how many rows were read or changed. After an error the caller takes the
    /// statement back.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn run(
        &self,
        transaction: &mut Transaction,
        parameters: &[Stored],
        formats: Formats<'_>,
        moment: &dyn Moment,
        out: &mut Vec<u8>,
    ) -> Result<u64, Halt> {
        if catalog::version(&*transaction)? != self.version {
            return Err(Halt::Stray);
        }
        match &self.body {
            Body::Get { key } => {
                let key = evaluated(key, parameters, moment)?;
                if key.iter().any(Option::is_none) {
                    return Ok(0);
                }
                let opened = self.layout.open(transaction)?;
                match self
                    .layout
                    .find(transaction, &opened, self.index, &key, None)?
                {
                    None => Ok(0),
                    Some(row) => self.answer_packed(&row, formats, out).map(|()| 1),
                }
            }
            Body::Range(span) => self.range(transaction, span, parameters, formats, moment, out),
            _ => self.write(transaction, parameters, formats, moment, out),
        }
    }

    fn range(
        &self,
        transaction: &mut Transaction,
        span: &Span,
        parameters: &[Stored],
        formats: Formats<'_>,
        moment: &dyn Moment,
        out: &mut Vec<u8>,
    ) -> Result<u64, Halt> {
        let equal = evaluated(&span.equal, parameters, moment)?;
        let end = |end: &Option<(Expression, bool)>| -> Result<Option<(Stored, bool)>, Halt> {
            let Some((value, is_in)) = end else {
                return Ok(None);
            };
            Ok(Some((value.value(parameters, &[], moment)?, *is_in)))
        };
        let (low, high) = (end(&span.low)?, end(&span.high)?);
        let is_null =
            |end: &Option<(Stored, bool)>| end.as_ref().is_some_and(|(value, _)| value.is_none());
        let limit = match &span.limit {
            None => None,
            Some(limit) => match limit.value(parameters, &[], moment)? {
                None => None,
                Some(stored) => Some(Kind::Int8.integer(&stored).ok_or(Halt::Stray)?),
            },
        };
        if limit.is_some_and(|limit| limit < 0) {
            return Err(Halt::Stray);
        }
        if equal.iter().any(Option::is_none) || is_null(&low) || is_null(&high) || limit == Some(0)
        {
            return Ok(0);
        }
        let limits = |end: Option<(Stored, bool)>| match end {
            None => (!equal.is_empty()).then(|| (equal.clone(), true)),
            Some((value, is_in)) => Some(([&equal[..], &[value]].concat(), is_in)),
        };
        let way = Way {
            index: self.index,
            limits: Limits {
                low: limits(low),
                high: limits(high),
            },
            direction: if span.reverse {
                Direction::Reverse
            } else {
                Direction::Forward
            },
            settled: false,
        };
        let opened = self.layout.open(transaction)?;
        let most = limit.and_then(|limit| usize::try_from(limit).ok());
        let wanted = most.unwrap_or(usize::MAX).min(MOST_ROWS + 1);
        let page = self.layout.page(transaction, &opened, &way, None, wanted)?;
        if page.rows.len() > MOST_ROWS {
            return Err(Halt::Stray);
        }
        let mut count = 0;
        for row in &page.rows {
            self.answer_packed(row, formats, out)?;
            count += 1;
        }
        Ok(count)
    }

    fn answer_packed(
        &self,
        packed: &[u8],
        formats: Formats<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let row = self.layout.unpack(packed).ok_or(Halt::Stray)?;
        self.answer(&row, formats, out)
    }

    /// DataRow of a row, if rows are answered; nothing is left in `out` after an error.
    pub(crate) fn answer(
        &self,
        row: &[Option<&[u8]>],
        formats: Formats<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let Some(outputs) = &self.outputs else {
            return Ok(());
        };
        let start = out.len();
        out.extend_from_slice(b"D\0\0\0\0");
        let columns = u16::try_from(outputs.len()).map_err(|_| Halt::Stray)?;
        out.extend_from_slice(&columns.to_be_bytes());
        for (at, output) in outputs.iter().enumerate() {
            let Some(Some(value)) = row.get(output.slot) else {
                out.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            };
            let length_at = out.len();
            out.extend_from_slice(&[0; 4]);
            if output
                .kind
                .write(value, is_binary(formats, at), out)
                .is_none()
            {
                out.truncate(start);
                return Err(Halt::Stray);
            }
            patch(out, length_at, length_at + 4);
        }
        patch(out, start + 1, start + 1);
        Ok(())
    }
}

pub(crate) fn evaluated(
    expressions: &[Expression],
    parameters: &[Stored],
    moment: &dyn Moment,
) -> Result<Vec<Stored>, Stray> {
    let values = expressions.iter();
    values
        .map(|each| each.value(parameters, &[], moment))
        .collect()
}

/// Writes how many bytes there are from `from` to the end, as a length at `at`.
pub(crate) fn patch(out: &mut [u8], at: usize, from: usize) {
    let length = u32::try_from(out.len() - from).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}
