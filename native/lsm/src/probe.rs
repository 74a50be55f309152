//! Looking many keys up in the tables of one version.
//!
//! **Theory.** One look-up waits for memory again and again: filter, index, the cache's slot, the block's front, the entry. So each of
//! these stages is run for some dozens of keys before the next, and asks for what the next one reads: their waits overlap.
//!
//! **Invariant.** The answers are those of [`Version::get`]. Where a look-up could not be finished, nothing older is looked for: a deeper
//! table may hold the key as it was before.

use crate::table::{Found, ReadMode, Table};
use crate::types::{Commit, Family};
use crate::version::{covering, Version, LEVELS};
use crate::writer::{Step, Stop};

/// So many keys go through the stages together: about as many waits as a processor has at once, and few enough to stay near.
const TOGETHER: usize = 32;

/// What is looked up: keys and their hashes, in one family, as of a commit.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'s> {
    pub(crate) family: Family,
    pub(crate) keys: &'s [&'s [u8]],
    pub(crate) hashes: &'s [u64],
    pub(crate) at: Commit,
    pub(crate) mode: ReadMode,
}

/// A key on its way through a table.
struct Probe<'t> {
    table: &'t Table,
    /// Which key it is.
    key: u32,
    block: u32,
}

/// What becomes of a key whose look-up stops.
type Stopped<'f> = &'f mut dyn FnMut(usize, Stop) -> Step<()>;

impl Version {
    /// Looks up those of `keys` that are `wanted` and not yet found.
    #[allow(clippy::too_many_arguments)]
    pub fn multi_get(
        &self,
        family: Family,
        keys: &[&[u8]],
        hashes: &[u64],
        at: Commit,
        mode: ReadMode,
        out: &mut [Option<Found>],
        wanted: &[bool],
    ) -> Step<()> {
        let sought = Sought {
            family,
            keys,
            hashes,
            at,
            mode,
        };
        let open = |i: &usize| wanted[*i] && out[*i].is_none();
        let open: Vec<u32> = (0..keys.len()).filter(open).map(|i| i as u32).collect();
        self.find_all(&sought, open, out, &mut |_, stop| Err(stop))
    }

    /// Looks up all of the keys; `known` tells of which the answer is final. What fails or must be waited for is left to who asks again.
    pub(crate) fn look_ahead(
        &self,
        sought: &Sought<'_>,
        out: &mut [Option<Found>],
        known: &mut [bool],
    ) {
        known.fill(true);
        let open = (0..sought.keys.len()).map(|i| i as u32).collect();
        let left = self.find_all(sought, open, out, &mut |i, _| {
            known[i] = false;
            Ok(())
        });
        debug_assert!(left.is_ok(), "no stop is handed on");
    }

    fn find_all(
        &self,
        sought: &Sought<'_>,
        mut open: Vec<u32>,
        out: &mut [Option<Found>],
        stopped: Stopped<'_>,
    ) -> Step<()> {
        let mut probes: Vec<Probe<'_>> = Vec::with_capacity(open.len());
        for table in self.level(sought.family, 0) {
            probes.clear();
            probes.extend(open.iter().map(|&key| Probe {
                table,
                key,
                block: 0,
            }));
            search_all(sought, &mut probes, &mut open, out, stopped)?;
        }
        for level in 1..LEVELS {
            let tables = self.level(sought.family, level);
            if tables.is_empty() || open.is_empty() {
                continue;
            }
            probes.clear();
            probes.extend(open.iter().filter_map(|&key| {
                Some(Probe {
                    table: covering(tables, sought.keys[key as usize])?,
                    key,
                    block: 0,
                })
            }));
            if probes.len() > TOGETHER {
                // Of many keys those of a table go one after the other: its index stays near.
                probes.sort_by_key(|probe| probe.table.id());
            }
            search_all(sought, &mut probes, &mut open, out, stopped)?;
        }
        Ok(())
    }
}

/// Runs all probes, each in its table; what was answered or stopped is not open any more.
fn search_all(
    sought: &Sought<'_>,
    probes: &mut Vec<Probe<'_>>,
    open: &mut Vec<u32>,
    out: &mut [Option<Found>],
    stopped: Stopped<'_>,
) -> Step<()> {
    let hash = |probe: &Probe<'_>| sought.hashes[probe.key as usize];
    for probe in probes.iter() {
        probe.table.bloom().ask(hash(probe));
    }
    probes.retain(|probe| probe.table.bloom().may_hold(hash(probe)));
    if probes.is_empty() {
        return Ok(());
    }
    let mut closed = false;
    for probes in probes.chunks_mut(TOGETHER) {
        for probe in probes.iter_mut() {
            let block = probe.table.index().seek(sought.keys[probe.key as usize]);
            probe.block = block as u32;
            probe.table.ask_slot(probe.block);
        }
        for probe in probes.iter() {
            probe.table.ask_front(probe.block);
        }
        for probe in probes.iter() {
            probe.table.ask_entry(probe.block, hash(probe));
        }
        for probe in probes.iter() {
            let i = probe.key as usize;
            let (key, block) = (sought.keys[i], probe.block as usize);
            let found = probe
                .table
                .search(block, key, hash(probe), sought.at, sought.mode);
            match found {
                Ok(None) => continue,
                Ok(found) => out[i] = found,
                Err(stop) => {
                    stopped(i, stop)?;
                    open.retain(|key| *key != probe.key);
                    continue;
                }
            }
            closed = true;
        }
    }
    if closed {
        open.retain(|key| out[*key as usize].is_none());
    }
    Ok(())
}
