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
use hyperdb_graph::relation::Layout;
use hyperdb_graph::{Glance, LockMode, Stop, Transaction};
use std::sync::Arc;

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
        /// What is answered.
        outputs: Vec<Output>,
    },
    /// Adds a row.
    Insert {
        /// A value for each slot.
        values: Vec<Expression>,
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
        matches!(self.body, Body::Get { .. })
    }

    /// How many columns come back; `None`: no rows do.
    pub fn width(&self) -> Option<usize> {
        match &self.body {
            Body::Get { outputs, .. } => Some(outputs.len()),
            _ => None,
        }
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
        let (Body::Get { key, outputs }, None) = (&self.body, self.index) else {
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
            row.map(|row| self.answer(row, outputs, formats, out))
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
            Body::Get { key, outputs } => {
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
                    Some(row) => self.answer(&row, outputs, formats, out).map(|()| 1),
                }
            }
            Body::Insert { values } => {
                let slots = evaluated(values, parameters, moment)?;
                self.check(&slots)?;
                self.layout.claim(transaction)?;
                let mut opened = self.layout.open(transaction)?;
                match self.layout.insert(transaction, &mut opened, &slots)? {
                    Ok(()) => Ok(1),
                    Err(_) => Err(Halt::Stray),
                }
            }
            Body::Update { key, sets } => {
                self.change(transaction, key, Some(sets), parameters, moment)
            }
            Body::Delete { key } => self.change(transaction, key, None, parameters, moment),
        }
    }

    fn change(
        &self,
        transaction: &mut Transaction,
        key: &[Expression],
        sets: Option<&[(usize, Expression)]>,
        parameters: &[Stored],
        moment: &dyn Moment,
    ) -> Result<u64, Halt> {
        let key = evaluated(key, parameters, moment)?;
        self.layout.claim(transaction)?;
        let mut opened = self.layout.open(transaction)?;
        let mode = match sets {
            Some(_) => LockMode::NoKeyUpdate,
            None => LockMode::Update,
        };
        let found = match key.iter().any(Option::is_none) {
            true => None,
            false => self
                .layout
                .find(transaction, &opened, self.index, &key, Some(mode))?,
        };
        let Some(packed) = found else {
            // A literal that is no value of its column is an error even where no row gets it.
            for (_, value) in sets.unwrap_or_default() {
                value.settle(parameters, moment)?;
            }
            return Ok(0);
        };
        let row = self.layout.unpack(&packed).ok_or(Halt::Stray)?;
        let old: Vec<Stored> = row.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
        let Some(sets) = sets else {
            self.layout.remove(transaction, &mut opened, &old)?;
            return Ok(1);
        };
        let mut new = old.clone();
        for (slot, value) in sets {
            let place = new.get_mut(*slot).ok_or(Halt::Stray)?;
            *place = value.value(parameters, &row, moment)?;
        }
        self.check(&new)?;
        match self.layout.replace(transaction, &mut opened, &old, &new)? {
            Ok(()) => Ok(1),
            Err(_) => Err(Halt::Stray),
        }
    }

    /// What must not be null is not.
    fn check(&self, slots: &[Stored]) -> Result<(), Halt> {
        let is_null = |slot: &usize| slots.get(*slot).is_none_or(Option::is_none);
        match self.required.iter().any(is_null) {
            true => Err(Halt::Stray),
            false => Ok(()),
        }
    }

    /// DataRow of a packed row; nothing is left in `out` after an error.
    fn answer(
        &self,
        packed: &[u8],
        outputs: &[Output],
        formats: Formats<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let row = self.layout.unpack(packed).ok_or(Halt::Stray)?;
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

fn evaluated(
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
