//! Leveled compaction: which tables to merge next, if any.
//!
//! **Theory.** Level 0 is merged into level 1 when it has enough tables and weighs as much as level 1 does (so that the
//! bytes rewritten stay in proportion to the bytes added), or has too many for reads to bear. A deeper level
//! that outgrew its target gives the table to the next level that meets the fewest bytes there. Tables that meet nothing move without being
//! rewritten. A table all of whose keys were dropped goes at once, unread. A table that is mostly garbage, all of it behind the horizon, is rewritten where it is.
//!
//! **Invariant.** What is chosen keeps the order of levels: from level 0 the oldest tables go, with everything on the
//! next level that overlaps them.

use super::CompactionFilter;
use crate::hash::key_hash;
use crate::table::{Table, TableAt, TableId};
use crate::types::{Commit, Family, KeyRange};
use crate::version::{overlapping, Version, LEVELS};
use std::ops::Bound;
use std::sync::Arc;

/// Sizes that the strategy works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes at which an output table is ended.
    pub table_bytes: u64,
    /// Tables of level 0 from which on merging is considered.
    pub l0_tables: usize,
    /// Tables of level 0 at which merging is due whatever it costs.
    pub l0_most: usize,
    /// Bytes that level 1 may hold.
    pub base_bytes: u64,
    /// How much larger each level may be than the one above.
    pub level_ratio: u64,
    /// A table is rewritten when at least one entry in this many is garbage.
    pub garbage_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_memtable(64 << 20)
    }
}

impl Limits {
    /// What suits memtables that are flushed at `memtable_bytes`.
    ///
    /// Small tables have small filters that stay in the processor's cache, so more of them may gather on level 0, and
    /// that keeps the bytes rewritten low: about 1.2 times what is flushed while a store grows by random keys.
    pub fn for_memtable(memtable_bytes: u64) -> Self {
        let l0_tables = ((64 << 20) / memtable_bytes.max(1)).clamp(4, 12) as usize;
        Self {
            table_bytes: (memtable_bytes / 2).clamp(4 << 20, 32 << 20),
            l0_tables,
            l0_most: l0_tables * 3,
            base_bytes: (4 * memtable_bytes).max(256 << 20),
            level_ratio: 10,
            garbage_ratio: 3,
        }
    }

    /// Bytes that `level` (1 or deeper) may hold.
    fn target(&self, level: usize) -> u64 {
        (1..level).fold(self.base_bytes, |bytes, _| {
            bytes.saturating_mul(self.level_ratio)
        })
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Put a table one level down as it is.
    Move {
        /// Where it is now.
        table: TableAt,
        /// The level it goes to.
        to: u8,
    },
    /// Forget a table whose every entry may go.
    Drop {
        /// The table.
        table: TableId,
    },
    /// Merge tables, forget garbage, and put the result on a level.
    Merge {
        /// The family of all of them.
        family: Family,
        /// The tables.
        inputs: Vec<TableId>,
        /// The level the result goes to.
        to: u8,
    },
}

/// The most pressing compaction of `version`; `horizon` is the oldest commit that must stay readable.
pub fn pick(
    version: &Version,
    limits: &Limits,
    horizon: Commit,
    filter: Option<&dyn CompactionFilter>,
) -> Option<Choice> {
    if let Some(table) = filter.and_then(|filter| dropped(version, horizon, filter)) {
        return Some(Choice::Drop { table });
    }
    let mut best: Option<(u64, Choice)> = None;
    let mut offer = |pressure: u64, choice: Option<Choice>| {
        if let Some(choice) = choice {
            if best.as_ref().is_none_or(|(most, _)| pressure > *most) {
                best = Some((pressure, choice));
            }
        }
    };
    for family in (0..Family::COUNT).map(|family| Family(family as u8)) {
        let pressure = level_zero_pressure(version, limits, family);
        if pressure >= FULL {
            offer(pressure, Some(from_level_zero(version, family)));
        }
        for level in 1..LEVELS - 1 {
            let pressure = bytes(version.level(family, level)).saturating_mul(FULL)
                / limits.target(level).max(1);
            if pressure > FULL {
                offer(pressure, from_deeper(version, family, level));
            }
        }
        for level in 1..LEVELS {
            offer(1, garbage(version, limits, family, level, horizon));
        }
    }
    best.map(|(_, choice)| choice)
}

/// Pressure of a level that is exactly at its target.
const FULL: u64 = 1000;

fn level_zero_pressure(version: &Version, limits: &Limits, family: Family) -> u64 {
    let tables = version.level(family, 0);
    let count = tables.len() as u64;
    if tables.len() >= limits.l0_most {
        // More pressing than any other: every read pays for each of these tables.
        return FULL * FULL + count;
    }
    let ripe = tables.len() >= limits.l0_tables
        && bytes(tables) >= bytes(version.level(family, 1)).min(limits.base_bytes);
    if ripe {
        FULL * count / limits.l0_tables.max(1) as u64
    } else {
        0
    }
}

fn from_level_zero(version: &Version, family: Family) -> Choice {
    let tables = version.level(family, 0);
    let below = version.level(family, 1);
    if let Some(oldest) = tables.last() {
        if overlapping(below, &span([oldest])).is_empty() {
            return Choice::Move {
                table: TableAt {
                    level: 0,
                    ..oldest.at()
                },
                to: 1,
            };
        }
    }
    merge(family, tables.iter(), below, 1)
}

fn from_deeper(version: &Version, family: Family, level: usize) -> Option<Choice> {
    let below = version.level(family, level + 1);
    let cost = |table: &Arc<Table>| {
        let met = bytes(overlapping(below, &span([table])));
        met.saturating_mul(FULL) / table.at().bytes.max(1)
    };
    let table = version
        .level(family, level)
        .iter()
        .min_by_key(|table| cost(table))?;
    let to = level as u8 + 1;
    if cost(table) == 0 {
        return Some(Choice::Move {
            table: TableAt {
                level: level as u8,
                ..table.at()
            },
            to,
        });
    }
    Some(merge(family, std::iter::once(table), below, to))
}

fn merge<'t>(
    family: Family,
    upper: impl Iterator<Item = &'t Arc<Table>> + Clone,
    below: &'t [Arc<Table>],
    to: u8,
) -> Choice {
    let lower = overlapping(below, &span(upper.clone()));
    let inputs = upper.chain(lower).map(|table| table.id()).collect();
    Choice::Merge { family, inputs, to }
}

fn dropped(version: &Version, horizon: Commit, filter: &dyn CompactionFilter) -> Option<TableId> {
    let goes = |table: &&Arc<Table>| {
        let (smallest, largest) = (table.smallest(), table.largest());
        filter.discards_between(table.at().family, smallest, largest, horizon)
    };
    version.tables().find(goes).map(|table| table.id())
}

fn garbage(
    version: &Version,
    limits: &Limits,
    family: Family,
    level: usize,
    horizon: Commit,
) -> Option<Choice> {
    let table = version.level(family, level).iter().find(|table| {
        let properties = table.properties();
        if properties.settles > horizon {
            return false;
        }
        let deepest = || {
            (level + 1..LEVELS).all(|deeper| {
                overlapping(version.level(family, deeper), &span([*table])).is_empty()
            })
        };
        // A superseded remove counts once: either way it goes.
        let most = properties.superseded + properties.removes;
        let certain = if properties.removes > 0 && deepest() {
            most.min(properties.entries)
        } else {
            properties.superseded
        };
        certain > 0 && certain.saturating_mul(limits.garbage_ratio) >= properties.entries
    })?;
    Some(Choice::Merge {
        family,
        inputs: vec![table.id()],
        to: level as u8,
    })
}

/// Writes the table anew that holds `key`, on the uppermost level where one may, so that the filter sees its entries.
pub(crate) fn rewrite(version: &Version, family: Family, key: &[u8]) -> Option<Choice> {
    let hash = key_hash(key);
    (1..LEVELS).find_map(|level| {
        let mut tables = version.level(family, level).iter();
        let table = tables.find(|table| table.covers(key) && table.may_hold(key, hash))?;
        Some(Choice::Merge {
            family,
            inputs: vec![table.id()],
            to: level as u8,
        })
    })
}

fn bytes(tables: &[Arc<Table>]) -> u64 {
    tables.iter().map(|table| table.at().bytes).sum()
}

/// The keys from the smallest to the largest of `tables`.
fn span<'t>(tables: impl IntoIterator<Item = &'t Arc<Table>>) -> KeyRange {
    let mut range: Option<(&[u8], &[u8])> = None;
    for table in tables {
        let (low, high) = range.unwrap_or((table.smallest(), table.largest()));
        range = Some((low.min(table.smallest()), high.max(table.largest())));
    }
    match range {
        None => KeyRange::between(&[], &[]),
        Some((low, high)) => KeyRange {
            start: Bound::Included(low.to_vec()),
            end: Bound::Included(high.to_vec()),
        },
    }
}
