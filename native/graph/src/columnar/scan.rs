//! A table at a snapshot, batch by batch.
//!
//! **Theory.** What a scan will read is settled when it is made: the snapshot is held, and ranges that the transaction has
//! written in are read at once, through it. So a scan needs the transaction no more, gives what was there when it was made
//! whatever is written since, and may be read by another thread. Ranges whose columns are kept are handed over as they
//! are; of those that are not, what is missing is decoded, and kept.
//!
//! **Invariant.** Batches come in the order of the key, none is empty, and each row of the limits comes once. Rows
//! outside of the limits may come too, where a whole range is at hand: who asks filters.

use super::column::Column;
use super::decode::{Decoder, Wanted};
use super::form::{Form, Unmapped};
use super::ranges::{Kept, Place, Ranges, Span};
use super::{BATCH_BYTES, BATCH_ROWS};
use crate::keys;
use crate::relation::{ColumnLayout, Layout, Limits};
use crate::sequencer::Transaction;
use crate::step::Step;
use crate::store::Store;
use hyperdb_lsm::{Commit, Direction, Error, Family, Iter, KeyRange, Snapshot};
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

const DATA: Family = Family::DATA;
/// Rows between looks at what else ends a batch.
const LOOK_EVERY: usize = 1 << 10;

/// Why a scan stopped.
#[derive(Debug)]
pub enum Fault {
    /// A row that cannot be read: the store is damaged.
    Malformed,
    /// A value that Arrow cannot say; the query runs on rows.
    Value(String),
    /// Somebody wanted no more of it.
    Cancelled,
    /// What the store fails with.
    Store(Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Malformed => write!(f, "a row that cannot be read"),
            Fault::Value(text) => write!(f, "{text} has no columnar form"),
            Fault::Cancelled => write!(f, "the scan was cancelled"),
            Fault::Store(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Store(error)
    }
}

/// A column of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its id in the table.
    pub id: u32,
    /// What its values are.
    pub form: Form,
}

/// Rows, column by column.
#[derive(Clone, Debug)]
pub struct Batch {
    /// How many.
    pub rows: usize,
    /// The columns asked for, in the order asked.
    pub columns: Vec<Arc<Column>>,
}

/// What is still to come.
enum Piece {
    /// Rows that the transaction has written in.
    Ready(Batch),
    /// A part of a range.
    Read(Part),
}

#[derive(Clone)]
struct Part {
    span: Span,
    start: Vec<u8>,
    end: Vec<u8>,
    /// Whether columns that are kept may be used: not if there turned out to be too much beside them.
    share: bool,
}

/// A part that is being read.
struct Reading {
    part: Part,
    walk: Iter,
    /// The entry that the batch before stopped at.
    head: Option<(Vec<u8>, Vec<u8>)>,
    /// What is kept of it.
    kept: Option<Kept>,
    /// Which fields are decoded.
    decoded: Vec<usize>,
    decoder: Decoder,
}

/// See the module's head.
pub struct Scan {
    ranges: Arc<Ranges>,
    place: Place,
    snapshot: Snapshot,
    fields: Vec<Field>,
    wanted: Vec<Wanted>,
    table_end: Vec<u8>,
    todo: VecDeque<Piece>,
    reading: Option<Reading>,
    began: u64,
    version: Option<Commit>,
    cancelled: Arc<AtomicBool>,
}

impl Layout {
    /// The columns `ids` in Arrow's terms; ids that the table does not have are left out.
    ///
    /// # Errors
    /// [`Unmapped`] for the first that has no form there.
    pub fn fields(&self, ids: &[u32]) -> Result<Vec<Field>, Unmapped> {
        let found = ids
            .iter()
            .filter_map(|id| self.columns.iter().find(|column| column.id == *id));
        let field = |column: &ColumnLayout| {
            let form = Form::of(self.image(), &column.kind)?;
            Ok(Field {
                id: column.id,
                form,
            })
        };
        found.map(field).collect()
    }
}

impl Scan {
    /// Begins to read `fields` of the rows within `limits` of the key, as `transaction` sees them now.
    ///
    /// # Errors
    /// What the store fails with; a [`Fault`] in rows that the transaction has written.
    pub fn new(
        store: &Store,
        transaction: &Transaction,
        layout: &Layout,
        fields: Vec<Field>,
        limits: &Limits,
    ) -> Step<Result<Scan, Fault>> {
        let place = (layout.app, layout.open_rows(transaction)?.cid);
        let prefix = keys::member_prefix(place.0, place.1);
        let (_, table_end) = ends(KeyRange::prefix(&prefix));
        let (low, high) = ends(layout.key_range(&prefix, limits)?);
        transaction.note_range(DATA, between(&low, &high));
        store.watch(place);
        let wanted = fields.iter().map(|field| {
            let column = layout.columns.iter().find(|column| column.id == field.id);
            Wanted {
                id: field.id,
                missing: column.and_then(|column| column.missing.clone()),
            }
        });
        let ranges = store.ranges().clone();
        let mut scan = Scan {
            place,
            snapshot: transaction.snapshot().clone(),
            wanted: wanted.collect(),
            fields,
            table_end,
            todo: VecDeque::new(),
            reading: None,
            began: ranges.clock(),
            version: None,
            ranges,
            cancelled: Arc::default(),
        };
        for span in scan.ranges.spans(place, &low, &high) {
            let last = span.end.as_ref().unwrap_or(&scan.table_end);
            let part = Part {
                start: span.start.clone().max(low.clone()),
                end: last.min(&high).clone(),
                span,
                share: true,
            };
            if !transaction.has_own(DATA, &between(&part.start, &part.end)) {
                scan.todo.push_back(Piece::Read(part));
            } else if let Err(fault) = scan.read_own(transaction, &part)? {
                return Ok(Err(fault));
            }
        }
        let is_own = transaction.has_own(DATA, &KeyRange::prefix(&prefix));
        scan.version = scan
            .ranges
            .last_change(place)
            .filter(|last| !is_own && *last <= scan.snapshot.commit());
        Ok(Ok(scan))
    }

    /// Collection and newest change of the whole table, if its rows are in this snapshot as that change left them: equal
    /// versions of a table have equal rows. `None`: the transaction has written in it, or it changed since the snapshot.
    pub fn version(&self) -> Option<(u64, Commit)> {
        self.version.map(|commit| (self.place.1, commit))
    }

    /// The columns of its batches.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Set, it ends the scan with [`Fault::Cancelled`].
    pub fn cancelled(&self) -> Arc<AtomicBool> {
        self.cancelled.clone()
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// [`Fault`]; the scan is of no use then.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Batch>, Fault> {
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Fault::Cancelled);
            }
            let batch = match self.reading.take() {
                Some(reading) => self.read_on(reading)?,
                None => match self.todo.pop_front() {
                    None => return Ok(None),
                    Some(Piece::Ready(batch)) => Some(batch),
                    Some(Piece::Read(part)) => self.begin(part),
                },
            };
            if let Some(batch) = batch.filter(|batch| batch.rows > 0) {
                return Ok(Some(batch));
            }
        }
    }

    /// What is kept of the part's range, if that is all; else it is read from now on.
    fn begin(&mut self, part: Part) -> Option<Batch> {
        let kept = part.share.then(|| {
            let at = self.snapshot.commit();
            self.ranges.kept(self.place, &part.span, at)
        });
        let kept = kept.flatten();
        let has = |field: &Field| {
            let kept = kept.as_ref()?;
            kept.column(field.id, &field.form).cloned()
        };
        let found: Vec<_> = self.fields.iter().map(has).collect();
        if let (Some(kept), true) = (&kept, found.iter().all(Option::is_some)) {
            return Some(Batch {
                rows: kept.rows,
                columns: found.into_iter().flatten().collect(),
            });
        }
        // Of a part of a range nothing is kept, so columns of the whole would not fit beside it.
        let kept = kept.filter(|_| self.is_whole(&part));
        let lacks = |at: &usize| kept.is_none() || found[*at].is_none();
        let decoded: Vec<usize> = (0..self.fields.len()).filter(lacks).collect();
        let wanted = decoded.iter().map(|at| self.wanted[*at].clone()).collect();
        let range = between(&part.start, &part.end);
        self.reading = Some(Reading {
            walk: self.snapshot.iter(DATA, range, Direction::Forward),
            head: None,
            kept,
            decoded,
            decoder: Decoder::new(wanted),
            part,
        });
        None
    }

    fn is_whole(&self, part: &Part) -> bool {
        let end = part.span.end.as_ref().unwrap_or(&self.table_end);
        part.start == part.span.start && part.end == *end
    }

    /// Reads a batch from the front of what is left, and keeps it if it is a range.
    fn read_on(&mut self, mut reading: Reading) -> Result<Option<Batch>, Fault> {
        let forms = reading
            .decoded
            .iter()
            .map(|at| self.fields[*at].form.clone());
        let mut columns: Vec<Column> = forms.map(Column::new).collect();
        let most = self.ranges.most_rows(&reading.part.span);
        let mut rows = 0;
        if let Some((_, packed)) = reading.head.take() {
            reading.decoder.push(&packed, &mut columns)?;
            rows += 1;
        }
        let mut stopped = None;
        while let Some((key, packed, _)) = reading.walk.step()? {
            let full = rows % LOOK_EVERY.min(most) == 0 && self.ends_at(rows, most, &columns)?;
            if full && reading.kept.is_some() {
                // More than fits beside the columns that are kept: all of it is read, and cut.
                self.todo.push_front(Piece::Read(Part {
                    share: false,
                    ..reading.part
                }));
                return Ok(None);
            }
            if full {
                stopped = Some((key.to_vec(), packed.to_vec()));
                break;
            }
            reading.decoder.push(&packed, &mut columns)?;
            rows += 1;
        }
        let batch = self.assemble(&reading, rows, columns)?;
        let end = stopped.as_ref().map(|(key, _)| key.clone());
        if self.is_whole(&reading.part) {
            let ids = self.fields.iter().map(|field| field.id);
            let read = Kept {
                rows,
                columns: ids.zip(batch.columns.iter().cloned()).collect(),
            };
            let built = self.snapshot.commit();
            let span = &reading.part.span;
            let end = end.as_deref().or(span.end.as_deref());
            self.ranges
                .keep(self.place, span, end, built, self.began, &read);
        }
        if let Some(end) = end {
            reading.head = stopped;
            reading.part.start.clone_from(&end);
            reading.part.span.start = end;
            reading.part.span.grown = false;
            self.reading = Some(reading);
        }
        Ok(Some(batch))
    }

    fn ends_at(&self, rows: usize, most: usize, columns: &[Column]) -> Result<bool, Fault> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Fault::Cancelled);
        }
        let bytes: usize = columns.iter().map(Column::bytes).sum();
        Ok(rows >= most || (rows > 0 && bytes >= BATCH_BYTES))
    }

    /// Columns that were decoded and those that are kept, in the order of the fields.
    fn assemble(
        &self,
        reading: &Reading,
        rows: usize,
        columns: Vec<Column>,
    ) -> Result<Batch, Fault> {
        let mut decoded = columns.into_iter().map(Arc::new);
        let mut all = Vec::with_capacity(self.fields.len());
        for (at, field) in self.fields.iter().enumerate() {
            let column = if reading.decoded.contains(&at) {
                decoded.next()
            } else {
                let kept = reading.kept.as_ref();
                kept.and_then(|kept| kept.column(field.id, &field.form).cloned())
            };
            let column = column.filter(|column| column.rows() == rows);
            all.push(column.ok_or(Fault::Malformed)?);
        }
        Ok(Batch { rows, columns: all })
    }

    /// Reads a part that the transaction has written in, through it.
    fn read_own(&mut self, transaction: &Transaction, part: &Part) -> Step<Result<(), Fault>> {
        let forms = || {
            self.fields
                .iter()
                .map(|field| Column::new(field.form.clone()))
        };
        let mut decoder = Decoder::new(self.wanted.clone());
        let mut columns: Vec<Column> = forms().collect();
        let mut rows = 0;
        let mut batches = Vec::new();
        let range = between(&part.start, &part.end);
        let mut walk = transaction.scan(DATA, range, Direction::Forward)?;
        while let Some((_, packed)) = walk.next()? {
            if let Err(fault) = decoder.push(&packed, &mut columns) {
                return Ok(Err(fault));
            }
            rows += 1;
            let look = rows % LOOK_EVERY == 0;
            if look && matches!(self.ends_at(rows, BATCH_ROWS, &columns), Ok(true)) {
                let full = std::mem::replace(&mut columns, forms().collect());
                batches.push(Batch::of(std::mem::take(&mut rows), full));
            }
        }
        batches.push(Batch::of(rows, columns));
        self.todo.extend(batches.into_iter().map(Piece::Ready));
        Ok(Ok(()))
    }
}

impl Batch {
    fn of(rows: usize, columns: Vec<Column>) -> Batch {
        Batch {
            rows,
            columns: columns.into_iter().map(Arc::new).collect(),
        }
    }
}

fn between(start: &[u8], end: &[u8]) -> KeyRange {
    KeyRange::between(start, end)
}

/// The first key of a range of members, and the first behind it.
fn ends(range: KeyRange) -> (Vec<u8>, Vec<u8>) {
    let after = |mut key: Vec<u8>| {
        key.push(0);
        key
    };
    let start = match range.start {
        Bound::Included(key) => key,
        Bound::Excluded(key) => after(key),
        Bound::Unbounded => Vec::new(),
    };
    let end = match range.end {
        Bound::Excluded(key) => key,
        Bound::Included(key) => after(key),
        // A member's key begins with an app and a tag below 0xff, so its range always ends.
        Bound::Unbounded => vec![0xff; 16],
    };
    (start, end)
}
