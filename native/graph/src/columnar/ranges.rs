//! Which columns are kept, and which snapshots they serve.
//!
//! **Theory.** See [`super`]. A table comes under watch at its first scan, under the writer and hence between commits, as
//! one range whose last change is said to be the newest commit: what happened before is not known, and too new is safe.
//! Scans cut ranges; a part inherits the last change of the whole. Marks come from the sequencer, under the writer, before
//! the commit can be seen. A table whose columns were let go stays under watch as one range, so that who has a copy of it
//! elsewhere knows that it is still good; forgetting is always safe, and happens when too many are watched.
//!
//! **Invariant.** The ranges of a table follow each other without gaps from its first key to its last. `last_change` is not
//! older than any visible commit that changed a row of the range since the table came under watch.

use super::column::Column;
use super::form::Form;
use super::BATCH_ROWS;
use crate::keys::{self, AppId};
use hashbrown::HashMap;
use hyperdb_lsm::Commit;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

/// The rows of a table: app and collection.
pub(crate) type Place = (AppId, u64);

/// Tables that are watched at once.
const MOST_TABLES: usize = 4096;

/// Bytes that may be kept unless somebody says otherwise.
const BUDGET: usize = 64 << 20;

/// Columns of one range as they were at a commit.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) rows: usize,
    pub(super) columns: Vec<(u32, Arc<Column>)>,
}

impl Kept {
    pub(super) fn column(&self, id: u32, form: &Form) -> Option<&Arc<Column>> {
        let found = self.columns.iter().find(|(column, _)| *column == id);
        found
            .map(|(_, column)| column)
            .filter(|column| column.form() == form)
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(|(_, column)| column.bytes()).sum()
    }
}

struct Range {
    last_change: Commit,
    /// Rows that it had when it was last read; 0: never read whole.
    rows: usize,
    kept: Option<(Commit, Kept)>,
    used: u64,
}

impl Range {
    fn bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |(_, kept)| kept.bytes())
    }
}

/// Ranges by their first key. A range ends where the next begins.
type Table = BTreeMap<Vec<u8>, Range>;

#[derive(Default)]
struct Inner {
    tables: HashMap<Place, Table>,
    budget: usize,
    bytes: usize,
    hits: u64,
    misses: u64,
    clock: u64,
}

/// A range as a scan sees it: first key, first key behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
    /// Whether its size is known: it may then grow to twice a batch before it is cut.
    pub(super) grown: bool,
}

/// What is kept of the tables of one store.
pub struct Ranges {
    watching: AtomicBool,
    batch_rows: AtomicUsize,
    inner: Mutex<Inner>,
}

impl Default for Ranges {
    fn default() -> Self {
        let inner = Inner {
            budget: BUDGET,
            ..Inner::default()
        };
        Ranges {
            watching: AtomicBool::new(false),
            batch_rows: AtomicUsize::new(BATCH_ROWS),
            inner: Mutex::new(inner),
        }
    }
}

impl Ranges {
    /// Sets how many bytes may be kept; what is too much goes at once.
    pub fn set_budget(&self, bytes: usize) {
        let mut inner = self.inner.lock();
        inner.budget = bytes;
        let now = inner.clock + 1;
        inner.make_room(0, now, None);
    }

    /// Sets how many rows a range has when it is first cut; tests cut small ones.
    pub fn set_batch_rows(&self, rows: usize) {
        self.batch_rows.store(rows.max(1), Ordering::Relaxed);
    }

    /// Rows after which a range is cut: one whose size is known may grow to twice that before.
    pub(super) fn most_rows(&self, span: &Span) -> usize {
        let rows = self.batch_rows.load(Ordering::Relaxed);
        if span.grown {
            rows.saturating_mul(2)
        } else {
            rows
        }
    }

    /// Bytes kept, tables watched, ranges that were found kept and that were read: gauges and counters.
    pub fn gauges(&self) -> [(&'static str, u64); 4] {
        let inner = self.inner.lock();
        [
            ("columnar_bytes", inner.bytes as u64),
            ("columnar_tables", inner.tables.len() as u64),
            ("columnar_hits", inner.hits),
            ("columnar_misses", inner.misses),
        ]
    }

    /// Puts a table under watch; `newest` is the newest commit, and no other may come while this runs.
    pub(crate) fn watch(&self, place: Place, newest: Commit) {
        let mut inner = self.inner.lock();
        inner.forget_beyond(MOST_TABLES - 1);
        inner.tables.entry(place).or_insert_with(|| {
            let whole = Range {
                last_change: newest,
                rows: 0,
                kept: None,
                used: 0,
            };
            BTreeMap::from([(keys::member_prefix(place.0, place.1).to_vec(), whole)])
        });
        self.watching.store(true, Ordering::Release);
    }

    /// Whether a table is watched.
    pub(crate) fn watches(&self, place: Place) -> bool {
        self.inner.lock().tables.contains_key(&place)
    }

    /// Whether any table may be under watch.
    #[inline]
    pub(crate) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Acquire)
    }

    /// Rows at `written`, keys ascending, change with `commit`, which nobody sees yet.
    pub(crate) fn mark<'k>(&self, commit: Commit, written: impl Iterator<Item = &'k [u8]>) {
        if !self.watching.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.tables.is_empty() {
            return;
        }
        let mut marked: Option<(Place, Option<Vec<u8>>)> = None;
        for key in written {
            let Some(place) = rows_of(key) else { continue };
            if let Some((last, end)) = &marked {
                if *last == place && end.as_deref().is_none_or(|end| key < end) {
                    continue;
                }
            }
            let Some(table) = inner.tables.get_mut(&place) else {
                continue;
            };
            let up_to = (Bound::Unbounded, Bound::Included(key));
            if let Some((_, range)) = table.range_mut::<[u8], _>(up_to).next_back() {
                range.last_change = commit;
            }
            marked = Some((place, next_start(table, key)));
        }
    }

    /// Rows of one collection from `low` to `high` change with `commit`, which nobody sees yet.
    pub(crate) fn mark_between(&self, commit: Commit, low: &[u8], high: &[u8]) {
        if !self.watching.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner.lock();
        let Some(table) = rows_of(low).and_then(|place| inner.tables.get_mut(&place)) else {
            return;
        };
        let up_to = (Bound::Unbounded, Bound::Included(low));
        let first = table
            .range::<[u8], _>(up_to)
            .next_back()
            .map(|(start, _)| start.clone());
        let from = first
            .as_deref()
            .map_or(Bound::Included(low), Bound::Included);
        for (_, range) in table.range_mut::<[u8], _>((from, Bound::Included(high))) {
            range.last_change = commit;
        }
    }

    /// The newest change of a table's rows; `None`: it is not watched.
    pub(super) fn last_change(&self, place: Place) -> Option<Commit> {
        let inner = self.inner.lock();
        let table = inner.tables.get(&place)?;
        table.values().map(|range| range.last_change).max()
    }

    /// The ranges that `low..high` touches; none if the table is not watched.
    pub(super) fn spans(&self, place: Place, low: &[u8], high: &[u8]) -> Vec<Span> {
        let inner = self.inner.lock();
        let Some(table) = inner.tables.get(&place) else {
            return Vec::new();
        };
        let starts: Vec<(&Vec<u8>, bool)> = table
            .iter()
            .map(|(start, range)| (start, range.rows > 0))
            .collect();
        let ends = starts
            .iter()
            .skip(1)
            .map(|(start, _)| Some((*start).clone()));
        let spans = starts
            .iter()
            .zip(ends.chain([None]))
            .map(|((start, grown), end)| Span {
                start: (*start).clone(),
                end,
                grown: *grown,
            });
        spans
            .filter(|span| &span.start[..] < high)
            .filter(|span| span.end.as_deref().is_none_or(|end| low < end))
            .collect()
    }

    /// What is kept of a range and serves snapshot `at`.
    pub(super) fn kept(&self, place: Place, span: &Span, at: Commit) -> Option<Kept> {
        let mut inner = self.inner.lock();
        let found = inner.kept(place, span, at);
        match found {
            Some(_) => inner.hits += 1,
            None => inner.misses += 1,
        }
        found
    }

    /// Now, as [`Ranges::keep`] counts it.
    pub(super) fn clock(&self) -> u64 {
        self.inner.lock().clock
    }

    /// Keeps what a scan that began at `began` has read at commit `built` from the front of `span`, up to `end`. If the rest is more,
    /// the range is cut there. Nothing happens if the range is another one by now, or has changed since `built`.
    pub(super) fn keep(
        &self,
        place: Place,
        span: &Span,
        end: Option<&[u8]>,
        built: Commit,
        began: u64,
        read: &Kept,
    ) {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let now = inner.clock;
        let Some(table) = inner.tables.get_mut(&place) else {
            return;
        };
        if next_start(table, &span.start) != span.end {
            return;
        }
        let Some(range) = table.get_mut(&span.start) else {
            return;
        };
        let last_change = range.last_change;
        if last_change > built {
            return;
        }
        range.rows = read.rows.max(1);
        range.used = now;
        let was = range.bytes();
        let mut kept = read.clone();
        if let Some((before, old)) = range.kept.take() {
            if end == span.end.as_deref() && last_change <= before {
                let more = old.columns.into_iter();
                let new: Vec<u32> = kept.columns.iter().map(|(id, _)| *id).collect();
                kept.columns
                    .extend(more.filter(|(id, _)| !new.contains(id)));
            }
        }
        if let Some(end) = end.filter(|end| Some(*end) != span.end.as_deref()) {
            let rest = Range {
                last_change,
                rows: 0,
                kept: None,
                used: now,
            };
            table.insert(end.to_vec(), rest);
        }
        inner.bytes -= was;
        let more = kept.bytes();
        if inner.make_room(more, began, Some(place)) {
            inner.bytes += more;
            let table = inner.tables.get_mut(&place);
            if let Some(range) = table.and_then(|table| table.get_mut(&span.start)) {
                range.kept = Some((built, kept));
            }
        }
    }
}

impl Inner {
    fn kept(&mut self, place: Place, span: &Span, at: Commit) -> Option<Kept> {
        self.clock += 1;
        let table = self.tables.get_mut(&place)?;
        if next_start(table, &span.start) != span.end {
            return None;
        }
        let range = table.get_mut(&span.start)?;
        let (built, kept) = range.kept.as_ref()?;
        if range.last_change > at.min(*built) {
            return None;
        }
        range.used = self.clock;
        Some(kept.clone())
    }

    /// Lets go of what was longest not used, but not of what was used since `began`: a table larger than the budget would
    /// otherwise push itself out, front to back, at each scan. Whether there is room for `more` bytes then.
    fn make_room(&mut self, more: usize, began: u64, needed: Option<Place>) -> bool {
        while self.bytes + more > self.budget {
            let ranges = self
                .tables
                .iter_mut()
                .flat_map(|(place, table)| table.iter_mut().map(move |(_, range)| (*place, range)));
            let kept = ranges.filter(|(_, range)| range.kept.is_some() && range.used <= began);
            let Some((place, oldest)) = kept.min_by_key(|(_, range)| range.used) else {
                return false;
            };
            self.bytes -= oldest.bytes();
            oldest.kept = None;
            let table = self
                .tables
                .get_mut(&place)
                .filter(|_| needed != Some(place));
            if let Some(table) = table {
                if table.values().all(|range| range.kept.is_none()) {
                    fold(table);
                }
            }
        }
        true
    }

    /// Watches at most so many tables: those without columns that were longest not used go.
    fn forget_beyond(&mut self, most: usize) {
        while self.tables.len() > most {
            let bare = self
                .tables
                .iter()
                .filter(|(_, table)| table.values().all(|range| range.kept.is_none()));
            let used = |table: &Table| table.values().map(|range| range.used).max();
            let Some(place) = bare
                .min_by_key(|(_, table)| used(table))
                .map(|(place, _)| *place)
            else {
                return;
            };
            self.tables.remove(&place);
        }
    }
}

/// Makes one range of all.
fn fold(table: &mut Table) {
    let last_change = table.values().map(|range| range.last_change).max();
    let used = table.values().map(|range| range.used).max();
    let start = table.keys().next().cloned();
    if let (Some(last_change), Some(used), Some(start)) = (last_change, used, start) {
        let whole = Range {
            last_change,
            rows: 0,
            kept: None,
            used,
        };
        *table = BTreeMap::from([(start, whole)]);
    }
}

/// The first key of the range behind that of `key`.
fn next_start(table: &Table, key: &[u8]) -> Option<Vec<u8>> {
    let behind = (Bound::Excluded(key), Bound::Unbounded);
    table
        .range::<[u8], _>(behind)
        .next()
        .map(|(start, _)| start.clone())
}

/// The table that a key of DATA is a row of.
fn rows_of(key: &[u8]) -> Option<Place> {
    let (app, tag, rest) = keys::parse_data(key)?;
    if tag != keys::space::MEMBER {
        return None;
    }
    let (cid, _) = keys::read_varint(rest)?;
    (cid % 4 == 2).then_some((app, cid))
}
