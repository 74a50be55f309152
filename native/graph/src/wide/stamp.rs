//! Which of two writes of one cell counts.
//!
//! **Theory.** Every cell carries the time that its client gave it, and the later one counts, in whatever order they arrive. Equal times
//! are decided by what was written, so that all orders end in one state (Cassandra's `Cells.reconcile` and `LivenessInfo`):
//! what ends (a tombstone, a value with a time to live) over what stays, a tombstone over a value, what ends later, and at
//! last the greater value, byte by byte as on the wire. **Invariant.** [`later`] is a total order on cells that differ.

use crate::codec::row::Stamp;
use std::cmp::Ordering;

/// The stamp of what SQL wrote where no stamps are kept: any write of CQL is later.
pub const UNSTAMPED: Stamp = Stamp {
    timestamp: i64::MIN,
    ttl: None,
};

/// When something was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deletion {
    /// What was written at this time or before is gone, in microseconds since 1970.
    pub timestamp: i64,
    /// When that was said, in seconds since 1970: it is forgotten after the table's grace.
    pub local: i64,
}

impl Deletion {
    /// As a stamp: one with no time to live.
    pub fn stamp(self) -> Stamp {
        Stamp {
            timestamp: self.timestamp,
            ttl: Some((0, self.local)),
        }
    }

    /// Back from [`Deletion::stamp`].
    pub fn of(stamp: Stamp) -> Option<Deletion> {
        match stamp.ttl {
            Some((0, local)) => Some(Deletion {
                timestamp: stamp.timestamp,
                local,
            }),
            _ => None,
        }
    }

    /// Whether it takes what was written at `timestamp`.
    pub fn takes(self, timestamp: i64) -> bool {
        timestamp <= self.timestamp
    }
}

/// Whether a value with this stamp has ended by `now`, in seconds since 1970.
pub fn has_ended(stamp: Stamp, now: i64) -> bool {
    stamp.ttl.is_some_and(|(_, expires)| expires <= now)
}

/// The tombstone that a value becomes when its time has ended: as if removed when it was written.
pub fn tombstone(stamp: Stamp) -> Stamp {
    match stamp.ttl {
        Some((ttl, expires)) if ttl > 0 => Stamp {
            timestamp: stamp.timestamp,
            ttl: Some((0, expires.saturating_sub(i64::from(ttl)))),
        },
        _ => stamp,
    }
}

/// How a cell stands to another of its place; `values` compares them as on the wire, and is asked last.
pub fn later(left: Stamp, right: Stamp, values: impl FnOnce() -> Ordering) -> Ordering {
    let ends = |stamp: Stamp| stamp.ttl.is_some();
    let is_tombstone = |stamp: Stamp| matches!(stamp.ttl, Some((0, _)));
    let until = |stamp: Stamp| stamp.ttl.map(|(_, expires)| expires);
    let order = left.timestamp.cmp(&right.timestamp);
    let order = order.then_with(|| ends(left).cmp(&ends(right)));
    let order = order.then_with(|| is_tombstone(left).cmp(&is_tombstone(right)));
    order
        .then_with(|| until(left).cmp(&until(right)))
        .then_with(values)
}

/// How the marker of a row stands to another (`LivenessInfo.supersedes`).
pub fn later_marker(left: Stamp, right: Stamp) -> Ordering {
    let until = |stamp: Stamp| stamp.ttl.map(|(_, expires)| expires);
    let order = left.timestamp.cmp(&right.timestamp);
    order.then_with(|| until(left).cmp(&until(right)))
}
