//! The feed of changes: which keys have a newest version in a span of commits.
//!
//! **Purpose.** Whoever derives something from the data (a commitment, a copy) follows it at the price of what
//! changed, without a log of its own and without slowing writers.
//!
//! **Theory.** All that is newer than `since` lies in the memtables that began after it, or in tables whose
//! newest version is newer. Memtables are walked by place ([`crate::memtable`]), the one that still changes a
//! piece at a time under the store's lock. Tables are read, past the cache, only where the memtables in memory
//! do not reach back far enough, so a follower that keeps up never reads the disk.
//!
//! **Invariant.** For every key whose newest version at the snapshot is newer than `since`, that version is
//! reported. A key may be reported more than once, older versions too: the highest counts.

use crate::error::Result;
use crate::memtable::{Found, Memtable};
use crate::snapshot::Snapshot;
use crate::table::Stream;
use crate::types::{Commit, Family, Op};

/// Places looked at while the store's lock is held.
const PIECE: usize = 1024;

/// One key that changed.
#[derive(Clone, Copy, Debug)]
pub struct Change<'c> {
    /// Its key.
    pub key: &'c [u8],
    /// The commit that made this version.
    pub version: Commit,
    /// Added or removed.
    pub op: Op,
    /// The value, or the remove's note.
    pub value: &'c [u8],
}

impl Snapshot {
    /// Calls `visit` with the keys of `family` whose newest version at this snapshot is newer than `since`, in no
    /// order; see the module's head for what may come twice. `visit` may run under the store's lock: it only copies.
    ///
    /// Removes are reported for sure if `since` is a retained commit or 0.
    ///
    /// # Errors
    /// As [`crate::Iter::step`].
    pub fn changes_since(
        &self,
        since: Commit,
        family: Family,
        visit: &mut dyn FnMut(Change<'_>),
    ) -> Result<()> {
        let (f, at) = (usize::from(family.0), self.inner.commit);
        let mut copy = |key: &[u8], found: Found<'_>| {
            visit(Change {
                key,
                version: found.version,
                op: found.op,
                value: found.value,
            });
        };
        let places = self.inner.with_active(family, Memtable::places);
        for start in (0..places).step_by(PIECE) {
            self.inner.with_active(family, |memtable| {
                memtable.changed(start..(start + PIECE).min(places), since, at, &mut copy);
            });
        }
        let mut covered = self.inner.active_after;
        for layer in &self.inner.layers {
            if layer.last > since {
                let memtable = &layer.memtables[f];
                memtable.changed(0..memtable.places(), since, at, &mut copy);
            }
            covered = covered.min(layer.after);
        }
        if covered <= since && self.inner.adopted <= since {
            return Ok(());
        }
        let tables = self.inner.version.tables();
        for table in tables.filter(|table| table.at().family == family) {
            if table.max_version() > since {
                read_table(Stream::new(table.clone()), since, at, visit)?;
            }
        }
        Ok(())
    }
}

/// Reports the versions of a table that are the newest of their key at `at`, and newer than `since`.
fn read_table(
    mut table: Stream,
    since: Commit,
    at: Commit,
    visit: &mut dyn FnMut(Change<'_>),
) -> Result<()> {
    let mut seen: Option<Vec<u8>> = None;
    while table.advance()? {
        let version = table.version();
        if version > at || seen.as_deref() == Some(table.key()) {
            continue;
        }
        match &mut seen {
            Some(key) => {
                key.clear();
                key.extend_from_slice(table.key());
            }
            None => seen = Some(table.key().to_vec()),
        }
        if version > since {
            visit(Change {
                key: table.key(),
                version,
                op: table.op(),
                value: table.value(),
            });
        }
    }
    Ok(())
}
