//! Collection numbers: given out in memory, covered on disk.
//!
//! **Theory.** A number may be used by whoever takes it, a turn or a transaction, before anything is written. What
//! must hold is that no number of a *committed* record is ever given out again. So each commit that could carry
//! numbers also carries, if the mark on disk is not above them all, a mark a whole block higher: then a restart
//! goes on from the mark, and most commits write nothing.
//!
//! **Invariant.** Every number in a committed record is below the mark of the same or an earlier commit. Numbers
//! are multiples of 4, plus 2 for collections of packed rows (tables and partitions), so that a member's key tells
//! what its value is; a collection's companion (the order of a sorted set) has the next odd one.

use crate::header::Kind;
use crate::keys::meta;
use crate::Step;
use hyperdb_lsm::{Error, Family, Result, Writer};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers by which the mark runs ahead.
const BLOCK: u64 = 1 << 14;
/// The first number; 0 stands for a whole app.
const FIRST: u64 = STEP;
/// From one collection's number to the next one's.
const STEP: u64 = 4;
/// Added to the numbers of collections of packed rows.
const ROWS: u64 = 2;

/// The numbers of one store.
pub(crate) struct Numbers {
    next: AtomicU64,
    mark: AtomicU64,
}

/// A mark written and not yet committed.
#[must_use]
pub(crate) struct Covered(Option<u64>);

impl Numbers {
    /// Goes on from the mark on disk.
    pub(crate) fn resume(mark: Option<&[u8]>) -> Result<Numbers> {
        let mark = match mark {
            None => FIRST,
            Some(bytes) => u64::from_le_bytes(
                bytes
                    .try_into()
                    .map_err(|_| Error::Invalid("malformed mark of collection numbers".into()))?,
            ),
        };
        Ok(Numbers {
            next: AtomicU64::new(mark.next_multiple_of(STEP)),
            mark: AtomicU64::new(mark),
        })
    }

    /// A number never used before, for a collection of `kind`.
    pub(crate) fn take(&self, kind: Kind) -> u64 {
        let number = self.next.fetch_add(STEP, Ordering::Relaxed);
        match kind {
            Kind::Table | Kind::Partition => number + ROWS,
            _ => number,
        }
    }

    /// Before a commit: puts the mark above every number given out, if it is not.
    pub(crate) fn cover(&self, writer: &mut Writer<'_>) -> Step<Covered> {
        let next = self.next.load(Ordering::Relaxed);
        if next <= self.mark.load(Ordering::Relaxed) {
            return Ok(Covered(None));
        }
        let mark = next + BLOCK;
        writer.put(Family::META, &meta::NEXT_CID, &mark.to_le_bytes())?;
        Ok(Covered(Some(mark)))
    }

    /// After that commit succeeded.
    pub(crate) fn covered(&self, covered: Covered) {
        if let Covered(Some(mark)) = covered {
            self.mark.store(mark, Ordering::Relaxed);
        }
    }
}
