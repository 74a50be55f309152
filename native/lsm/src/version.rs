//! The set of tables at one moment, by family and level, and reads through it.
//!
//! ```text
//! level 0   flushed memtables, newest first; their key ranges overlap
//! level n   one sorted run of tables whose key ranges do not overlap, about ten times level n - 1
//! ```
//!
//! **Theory.** A version is immutable: flush and compaction make the next one by an edit, and readers keep the one they
//! began with (its tables' files stay while it lives).
//!
//! **Invariant.** For any key, every version of it on a level is newer than every version on the levels below, and in
//! level 0 newer in the table with the newer entries (numbers decide between equals). So the first hit from the top is the newest.

use crate::cache::BlockCache;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::hash::key_hash;
use crate::merge::BoxSource;
use crate::table::{Found, ReadMode, Run, Table, TableAt, TableId};
use crate::types::{Commit, Direction, Family, KeyRange};
use crate::writer::{Miss, Step};
use std::collections::HashMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// How many levels a family may have; the last holds whatever does not fit above.
pub const LEVELS: usize = 7;

/// A change from one version to the next; the manifest stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionEdit {
    /// Tables that join, or that move to another level (then they are in `remove` too).
    pub add: Vec<TableAt>,
    /// Tables that leave.
    pub remove: Vec<TableId>,
}

/// The tables of one family.
#[derive(Clone, Default)]
pub(crate) struct Levels {
    /// `levels[0]` is newest first; deeper ones ascend by key.
    levels: [Vec<Arc<Table>>; LEVELS],
}

/// The tables of a store at one moment.
#[derive(Clone)]
pub struct Version {
    families: [Levels; Family::COUNT],
}

impl Version {
    /// No tables.
    pub fn empty() -> Self {
        Self {
            families: std::array::from_fn(|_| Levels::default()),
        }
    }

    /// Opens `tables`, as the manifest lists them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the table's file, also when the levels contradict each other.
    pub fn open(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        tables: &[TableAt],
        cache: &Arc<BlockCache>,
    ) -> Result<Self> {
        let opened = tables
            .iter()
            .map(|&at| Table::open(fs, dir, at, cache))
            .collect::<Result<Vec<_>>>()?;
        let edit = VersionEdit {
            add: tables.to_vec(),
            remove: Vec::new(),
        };
        Self::empty().apply(&edit, &opened)
    }

    /// The next version; tables of `edit.add` are taken from `opened` or, when they move, from this one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a table is nowhere, or on two levels; [`Error::Corrupt`] if tables of a level would overlap.
    pub fn apply(&self, edit: &VersionEdit, opened: &[Arc<Table>]) -> Result<Self> {
        let known: HashMap<TableId, &Arc<Table>> = self
            .tables()
            .chain(opened)
            .map(|table| (table.id(), table))
            .collect();
        let mut next = self.clone();
        for levels in &mut next.families {
            for level in &mut levels.levels {
                level.retain(|table| !edit.remove.contains(&table.id()));
            }
        }
        for at in &edit.add {
            let table = known
                .get(&at.id)
                .ok_or_else(|| Error::Invalid(format!("table {} is not open", at.id)))?;
            let level = next
                .families
                .get_mut(usize::from(at.family.0))
                .and_then(|levels| levels.levels.get_mut(usize::from(at.level)))
                .ok_or_else(|| {
                    Error::Invalid(format!("table {} is on an impossible level", at.id))
                })?;
            level.push(Arc::clone(table));
        }
        for levels in &mut next.families {
            let (top, deeper) = levels.levels.split_at_mut(1);
            // By commits, not by numbers: an adopted table got its number before what was flushed while it was written.
            top[0].sort_by_key(|table| std::cmp::Reverse((table.max_version(), table.id())));
            for level in deeper {
                level.sort_by(|a, b| a.smallest().cmp(b.smallest()));
                if let Some(pair) = level
                    .windows(2)
                    .find(|pair| pair[0].largest() >= pair[1].smallest())
                {
                    return Err(pair[1].corrupt(
                        0,
                        format!("overlaps table {} of the same level", pair[0].id()),
                    ));
                }
            }
        }
        let total = next.tables().count();
        let distinct: std::collections::HashSet<TableId> =
            next.tables().map(|table| table.id()).collect();
        if distinct.len() != total {
            return Err(Error::Invalid("a table is on two levels".into()));
        }
        Ok(next)
    }

    /// All tables, in no order.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.families
            .iter()
            .flat_map(|levels| levels.levels.iter().flatten())
    }

    /// Whether `family` has no table.
    #[inline]
    pub(crate) fn is_empty(&self, family: Family) -> bool {
        self.families
            .get(usize::from(family.0))
            .is_none_or(|levels| levels.levels.iter().all(Vec::is_empty))
    }

    /// All tables with the level they are on now, as the manifest stores them.
    pub fn places(&self) -> Vec<TableAt> {
        let mut places = Vec::new();
        for levels in &self.families {
            for (level, tables) in levels.levels.iter().enumerate() {
                places.extend(tables.iter().map(|table| TableAt {
                    level: level as u8,
                    ..table.at()
                }));
            }
        }
        places
    }

    /// Level `level` of `family`: newest first on 0, ascending below; empty beyond the deepest.
    pub(crate) fn level(&self, family: Family, level: usize) -> &[Arc<Table>] {
        self.families
            .get(usize::from(family.0))
            .and_then(|levels| levels.levels.get(level))
            .map_or(&[], |tables| tables)
    }

    /// Family, level, number of tables and bytes of every level that has any.
    pub fn level_stats(&self) -> Vec<(Family, u8, usize, u64)> {
        let mut stats = Vec::new();
        for (family, levels) in self.families.iter().enumerate() {
            for (level, tables) in levels
                .levels
                .iter()
                .enumerate()
                .filter(|(_, tables)| !tables.is_empty())
            {
                let bytes = tables.iter().map(|table| table.at().bytes).sum();
                stats.push((Family(family as u8), level as u8, tables.len(), bytes));
            }
        }
        stats
    }

    /// The newest entry of `key` at or below commit `at`, added or removed.
    pub fn get(
        &self,
        family: Family,
        key: &[u8],
        at: Commit,
        mode: ReadMode,
    ) -> Step<Option<Found>> {
        self.get_hashed(family, key, key_hash(key), at, mode)
    }

    /// [`Version::get`] when the key's hash is already known.
    #[inline]
    pub fn get_hashed(
        &self,
        family: Family,
        key: &[u8],
        hash: u64,
        at: Commit,
        mode: ReadMode,
    ) -> Step<Option<Found>> {
        for table in self.level(family, 0) {
            if let Some(found) = table.get(key, hash, at, mode)? {
                return Ok(Some(found));
            }
        }
        for level in 1..LEVELS {
            if let Some(table) = covering(self.level(family, level), key) {
                if let Some(found) = table.get(key, hash, at, mode)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Whether any table has entries near enough to a range to be asked.
    pub(crate) fn reaches_into(&self, family: Family, range: &KeyRange) -> bool {
        let zeroth = self.level(family, 0).iter().map(std::slice::from_ref);
        let deeper = (1..LEVELS).map(|level| self.level(family, level));
        zeroth
            .chain(deeper)
            .any(|tables| !overlapping(tables, range).is_empty())
    }

    /// One source per run that reaches into `range`, newest first; they keep their tables open.
    pub fn sources(
        &self,
        family: Family,
        range: &KeyRange,
        at: Commit,
        direction: Direction,
        mode: ReadMode,
    ) -> Vec<BoxSource<'static>> {
        let mut sources: Vec<BoxSource<'static>> = Vec::new();
        let mut push = |tables: Vec<Arc<Table>>| {
            if !tables.is_empty() {
                sources.push(Box::new(Run::new(tables, range, at, direction, mode)));
            }
        };
        for table in self.level(family, 0) {
            push(overlapping(std::slice::from_ref(table), range).to_vec());
        }
        for level in 1..LEVELS {
            push(overlapping(self.level(family, level), range).to_vec());
        }
        sources
    }

    /// One source per table that reaches into `range` and has an entry newer than `since`, in no order.
    pub fn sources_since<'v>(
        &'v self,
        family: Family,
        range: &'v KeyRange,
        since: Commit,
        at: Commit,
        mode: ReadMode,
    ) -> impl Iterator<Item = BoxSource<'static>> + 'v {
        (0..LEVELS)
            .flat_map(move |level| self.level(family, level))
            .filter(move |table| table.max_version() > since)
            .filter(|table| !overlapping(std::slice::from_ref(*table), range).is_empty())
            .map(move |table| {
                let run = Run::new(vec![table.clone()], range, at, Direction::Forward, mode);
                Box::new(run) as BoxSource<'static>
            })
    }

    /// Brings a missed block into the cache; a table that is gone by now needs no loading.
    pub fn load(&self, miss: &Miss) -> Result<()> {
        match self.tables().find(|table| table.id() == miss.table) {
            Some(table) => table.load(miss.block),
            None => Ok(()),
        }
    }
}

/// The table of a sorted level that may hold `key`.
#[inline]
pub(crate) fn covering<'t>(tables: &'t [Arc<Table>], key: &[u8]) -> Option<&'t Arc<Table>> {
    tables.get(tables.partition_point(|table| table.largest() < key))
}

/// The tables of a sorted level that reach into `range`.
pub(crate) fn overlapping<'t>(tables: &'t [Arc<Table>], range: &KeyRange) -> &'t [Arc<Table>] {
    let from = match &range.start {
        Bound::Unbounded => 0,
        Bound::Included(start) => tables.partition_point(|table| table.largest() < &start[..]),
        Bound::Excluded(start) => tables.partition_point(|table| table.largest() <= &start[..]),
    };
    let to = match &range.end {
        Bound::Unbounded => tables.len(),
        Bound::Included(end) => tables.partition_point(|table| table.smallest() <= &end[..]),
        Bound::Excluded(end) => tables.partition_point(|table| table.smallest() < &end[..]),
    };
    tables.get(from..to).unwrap_or_default()
}
