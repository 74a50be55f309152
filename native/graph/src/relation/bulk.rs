//! Many rows of one table at once: beside the transaction's buffer and the log, in bounded memory.
//!
//! **Theory.** Rows and their index entries are sorted into tables of the store while they come ([`super::sorter`],
//! [`hyperdb_lsm::Loader`]) and join it with the transaction's commit, which takes no longer for more rows. Nobody else
//! may write the table meanwhile (a lock on it, taken only if it is free at once), so what must be unique is looked for when all
//! rows are there: sorted, equals lie side by side, and one walk along the store's own entries finds the rest.
//!
//! **Invariant.** Of a key that is loaded nothing is in memory ([`hyperdb_lsm::Loader`] asks for that): one that was removed a
//! short time ago is written through the buffer instead. Until a row is seen to be allowed nothing joins.

use super::sorter::{Sorted, Sorter};
use super::{IndexLayout, Layout, Opened};
use crate::catalog::rows_id;
use crate::codec::order::take;
use crate::codec::order::value::decode_value;
use crate::keys;
use crate::sequencer::{Isolation, LockMode, Locked, Target, Transaction, Wait};
use crate::step::Step;
use crate::turn::malformed;
use hyperdb_lsm::{Direction, Entries, Family, KeyRange, Loaded, Op, Snapshot};
use std::ops::Bound;
use std::sync::Arc;

const DATA: Family = Family::DATA;

/// Steps along the store's entries before the walk begins anew where it is wanted.
const STEPS: usize = 16;

/// Rows on their way. Dropped, they are gone.
pub struct Bulk {
    layout: Arc<Layout>,
    opened: Opened,
    rows: Part,
    entries: Vec<Part>,
}

/// The rows, or the entries of an index.
struct Part {
    sorter: Sorter,
    prefix: Vec<u8>,
    count: i64,
    bytes: i64,
}

/// A value that is there twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twice {
    /// Number of the index that forbids it; 0: the primary key.
    pub index: u64,
    /// The values of its columns.
    pub values: super::Slots,
}

impl Part {
    fn new(transaction: &Transaction, prefix: Vec<u8>, memory: usize) -> Part {
        Part {
            sorter: Sorter::new(transaction.db(), memory),
            prefix,
            count: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, member: &[u8], value: &[u8], key: &mut Vec<u8>) -> Step<()> {
        key.clear();
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(member);
        self.sorter.add(key, value)?;
        self.count += 1;
        self.bytes += i64::try_from(member.len() + value.len()).unwrap_or(i64::MAX);
        Ok(())
    }
}

impl Bulk {
    /// Begins to load rows of a table in an open statement, with so many bytes of memory; `None` if that cannot be now: somebody else
    /// writes the table, or the transaction has written it, or sees an older state than others.
    ///
    /// # Errors
    /// As [`Layout::claim`] and [`Transaction::settle_range`].
    pub fn begin(
        transaction: &mut Transaction,
        layout: &Arc<Layout>,
        memory: usize,
    ) -> Step<Option<Bulk>> {
        if layout.is_by_token() || transaction.options().isolation != Isolation::ReadCommitted {
            return Ok(None);
        }
        layout.claim(transaction)?;
        let id = layout.rows_id();
        let key = keys::element(layout.app, transaction.hash64(&id), &id);
        let target = Target::table(DATA, &key);
        let locked = transaction.lock(target, LockMode::TableShare, Wait::SkipLocked)?;
        if locked == Locked::Skipped {
            return Ok(None);
        }
        let bulk = Bulk::over(transaction, layout, memory)?;
        for part in std::iter::once(&bulk.rows).chain(&bulk.entries) {
            let all = KeyRange::prefix(&part.prefix);
            transaction.settle_range(DATA, &all)?;
            if transaction.has_own(DATA, &all) {
                return Ok(None);
            }
        }
        Ok(Some(bulk))
    }

    /// Begins to load rows of a table that the transaction has for itself alone, and nothing in it.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn over(transaction: &Transaction, layout: &Arc<Layout>, memory: usize) -> Step<Bulk> {
        let opened = layout.open(transaction)?;
        let memory = memory / (1 + layout.indexes.len());
        let part = |cid| {
            Part::new(
                transaction,
                keys::member_prefix(layout.app, cid).to_vec(),
                memory,
            )
        };
        Ok(Bulk {
            rows: part(opened.rows.cid),
            entries: opened
                .entries
                .iter()
                .map(|header| part(header.cid))
                .collect(),
            layout: layout.clone(),
            opened,
        })
    }

    /// The layout of its rows.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// How many rows there are so far.
    pub fn count(&self) -> u64 {
        self.rows.count.unsigned_abs()
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If a value does not fit its column; what the store fails with.
    pub fn add(&mut self, slots: &[Option<Vec<u8>>]) -> Step<()> {
        let layout = &self.layout;
        let row_key = layout.row_key(slots)?;
        let packed = layout.packed(slots)?;
        let mut key = Vec::with_capacity(64);
        self.rows.add(&row_key, &packed, &mut key)?;
        for (index, part) in layout.indexes.iter().zip(&mut self.entries) {
            if let Some((mut entry, _)) = layout.entry_prefix(index, slots)? {
                entry.extend_from_slice(&row_key);
                let value = layout.entry_value(index, slots)?;
                part.add(&entry, &value, &mut key)?;
            }
        }
        Ok(())
    }

    /// Gives the rows to the transaction, whose commit lets them join; or says which value is there twice.
    ///
    /// # Errors
    /// What the store fails with.
    pub fn finish(self, transaction: &mut Transaction) -> Step<Result<(), Twice>> {
        let Bulk {
            layout,
            mut opened,
            rows,
            entries,
        } = self;
        let mut loaded = Vec::new();
        let (count, bytes) = (rows.count, rows.bytes);
        match settled(transaction, &layout, None, rows)? {
            Ok(some) => loaded.extend(some),
            Err(twice) => return Ok(Err(twice)),
        }
        transaction.adjust(
            layout.app,
            &layout.rows_id(),
            &mut opened.rows,
            count,
            bytes,
        )?;
        let parts = layout.indexes.iter().zip(entries).zip(&mut opened.entries);
        for ((index, part), header) in parts {
            let (count, bytes) = (part.count, part.bytes);
            match settled(transaction, &layout, Some(index), part)? {
                Ok(some) => loaded.extend(some),
                Err(twice) => return Ok(Err(twice)),
            }
            transaction.adjust(layout.app, &rows_id(index.number), header, count, bytes)?;
        }
        transaction.attach(loaded);
        Ok(Ok(()))
    }
}

/// One part in one sorted run, if nothing in it may not be; what has a trace in memory goes to the buffer.
fn settled(
    transaction: &mut Transaction,
    layout: &Layout,
    index: Option<&IndexLayout>,
    part: Part,
) -> Step<Result<Option<Loaded>, Twice>> {
    let prefix = part.prefix.len();
    let twice = |key: &[u8]| layout.twice(index, key.get(prefix..).unwrap_or_default());
    let mut sorted = part.sorter.finish()?;
    if let Some(key) = &sorted.twice {
        return Ok(Err(twice(key)?));
    }
    let Some(first) = sorted.first() else {
        return Ok(Ok(None));
    };
    let snapshot = transaction.snapshot().clone();
    let is_empty = Along::new(&snapshot, &part.prefix)
        .at_least(first)?
        .is_none();
    let unique = index.is_some_and(|index| index.unique);
    if is_empty && !unique && sorted.runs.len() < 2 {
        return Ok(Ok(sorted.runs.pop()));
    }
    let wanted = match is_empty && sorted.runs.len() < 2 {
        true => Pass::Look,
        false => Pass::Rewrite,
    };
    let found = pass(
        transaction,
        layout,
        index,
        &part.prefix,
        &sorted,
        &snapshot,
        wanted,
    )?;
    match found {
        Err(key) => Ok(Err(twice(&key)?)),
        Ok(None) => Ok(Ok(sorted.runs.pop())),
        Ok(some) => Ok(Ok(some)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Only sees whether all may be there.
    Look,
    /// Writes one run of several, or without some.
    Rewrite,
}

/// Goes through the entries; the key that must not be there, or the run that was written.
fn pass(
    transaction: &mut Transaction,
    layout: &Layout,
    index: Option<&IndexLayout>,
    prefix: &[u8],
    sorted: &Sorted,
    snapshot: &Snapshot,
    wanted: Pass,
) -> Step<Result<Option<Loaded>, Vec<u8>>> {
    let mut writing = (wanted == Pass::Rewrite).then(|| transaction.db().loader(DATA));
    let remembered = snapshot.remembered();
    let mut along = Along::new(snapshot, prefix);
    let mut traced = Vec::new();
    let mut before: Vec<u8> = Vec::new();
    // Bytes at the front of `before` that no other key may share.
    let mut alone: Option<usize> = None;
    let mut walk = sorted.walk()?;
    while let Some((key, value)) = walk.next()? {
        let same = alone.is_some_and(|length| key.get(..length) == before.get(..length));
        if same || key == &before[..] {
            return Ok(Err(key.to_vec()));
        }
        alone = match index {
            None => Some(key.len()),
            Some(index) if index.unique => {
                let member = key.get(prefix.len()..).unwrap_or_default();
                let length = layout
                    .unique_part(index, member)
                    .ok_or_else(|| malformed("index"))?;
                length.map(|length| prefix.len() + length)
            }
            Some(_) => None,
        };
        before.clear();
        before.extend_from_slice(key);
        let from = key.get(..alone.unwrap_or(key.len())).unwrap_or(key);
        let trace = match along.meets(from, key)? {
            Met::Live => return Ok(Err(before)),
            Met::Removed(version) => version > remembered,
            Met::Nothing => false,
        };
        match &mut writing {
            Some(_) if trace => traced.push((key.to_vec(), value.to_vec())),
            Some(loader) => loader.add(key, value)?,
            None => {}
        }
    }
    for (key, value) in traced {
        transaction.insert(DATA, &key, &value)?;
    }
    Ok(Ok(writing.map(|loader| loader.finish()).transpose()?))
}

/// What the store has where an entry is to be.
enum Met {
    Nothing,
    Live,
    Removed(u64),
}

/// A walk along the store's entries of one collection, in step with ascending keys.
struct Along<'s> {
    snapshot: &'s Snapshot,
    end: Bound<Vec<u8>>,
    entries: Option<Entries>,
    /// The entry that it stands on.
    key: Vec<u8>,
    op: Op,
    version: u64,
    over: bool,
}

impl<'s> Along<'s> {
    fn new(snapshot: &'s Snapshot, prefix: &[u8]) -> Along<'s> {
        Along {
            snapshot,
            end: KeyRange::prefix(prefix).end,
            entries: None,
            key: Vec::new(),
            op: Op::Remove,
            version: 0,
            over: false,
        }
    }

    fn step(&mut self) -> Step<()> {
        let next = match &mut self.entries {
            Some(entries) => entries.step()?,
            None => None,
        };
        match next {
            None => self.over = true,
            Some(entry) => {
                self.key.clear();
                self.key.extend_from_slice(entry.key);
                (self.op, self.version) = (entry.op, entry.version);
            }
        }
        Ok(())
    }

    /// The first key that is not below `from`, which only grows.
    fn at_least(&mut self, from: &[u8]) -> Step<Option<&[u8]>> {
        let mut steps = if self.entries.is_some() { 0 } else { STEPS };
        while !self.over && (self.entries.is_none() || &self.key[..] < from) {
            if steps == STEPS {
                let range = KeyRange {
                    start: Bound::Included(from.to_vec()),
                    end: self.end.clone(),
                };
                self.entries = Some(self.snapshot.entries(DATA, range, Direction::Forward));
            }
            steps += 1;
            self.step()?;
        }
        Ok((!self.over).then_some(&self.key[..]))
    }

    /// What is there that begins with `from`: something live, or a remove of just `key`.
    fn meets(&mut self, from: &[u8], key: &[u8]) -> Step<Met> {
        let mut met = Met::Nothing;
        self.at_least(from)?;
        while !self.over && self.key.starts_with(from) {
            if self.op == Op::Add && (from.len() < key.len() || self.key == key) {
                return Ok(Met::Live);
            }
            if self.key == key {
                met = Met::Removed(self.version);
            }
            if from.len() == key.len() {
                break;
            }
            self.step()?;
        }
        Ok(met)
    }
}

impl Layout {
    /// How many bytes at the front of an entry must be unique; `Some(None)`: a null in them allows many. `None`: malformed.
    #[allow(clippy::option_option)]
    fn unique_part(&self, index: &IndexLayout, entry: &[u8]) -> Option<Option<usize>> {
        let (values, rest) = self.entry_values(&index.parts, entry)?;
        let counts = index.nulls_equal || values.iter().all(Option::is_some);
        Some(counts.then_some(entry.len() - rest))
    }

    /// The values of a key's parts, and how many bytes are behind them; `None` if malformed.
    fn entry_values(&self, parts: &[super::Part], key: &[u8]) -> Option<(super::Slots, usize)> {
        let mut rest = key;
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            values.push(take(&mut rest, part.order, |key| {
                decode_value(&part.kind, &*self.image, key)
            })?);
        }
        Some((values, rest.len()))
    }

    fn twice(&self, index: Option<&IndexLayout>, key: &[u8]) -> Step<Twice> {
        let parts = index.map_or(&self.key, |index| &index.parts);
        let (values, _) = self
            .entry_values(parts, key)
            .ok_or_else(|| malformed("key"))?;
        Ok(Twice {
            index: index.map_or(0, |index| index.number),
            values,
        })
    }
}
