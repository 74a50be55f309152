//! Which frames can be read.
//!
//! **Theory.** Old frames cost what was superseded since: entries and nodes that only they show. So the horizon moves by count or by
//! bytes, whichever comes first.
//!
//! **Invariant.** The newest frame can always be read.

use crate::options::Retention;
use hyperdb_lsm::Commit;
use std::collections::VecDeque;

/// The frames that can be read, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    /// The oldest: the horizon.
    pub(crate) first: u64,
    /// The data commit of each, oldest first.
    commits: VecDeque<Commit>,
    /// What each but the oldest superseded.
    superseded: VecDeque<u64>,
}

impl Readable {
    /// The first frame of all.
    pub(crate) fn new(commit: Commit) -> Self {
        Self::of(1, [commit].into(), VecDeque::new())
    }

    pub(crate) fn of(first: u64, commits: VecDeque<Commit>, superseded: VecDeque<u64>) -> Self {
        Self {
            first,
            commits,
            superseded,
        }
    }

    /// With the next frame at `commit`, and without those that this puts behind the horizon.
    pub(crate) fn next(&self, commit: Commit, superseded: u64, retention: &Retention) -> Self {
        let mut next = self.clone();
        next.commits.push_back(commit);
        next.superseded.push_back(superseded);
        let most = usize::try_from(retention.frames.max(1)).unwrap_or(usize::MAX);
        let total = |all: &VecDeque<u64>| all.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        while next.commits.len() > 1
            && (next.commits.len() > most || total(&next.superseded) > retention.bytes)
        {
            next.commits.pop_front();
            next.superseded.pop_front();
            next.first += 1;
        }
        next
    }

    /// The newest frame superseded more than was known when it was begun.
    pub(crate) fn add(&mut self, superseded: u64) {
        if let Some(newest) = self.superseded.back_mut() {
            *newest = newest.saturating_add(superseded);
        }
    }

    /// What the newest frame superseded.
    pub(crate) fn newest_superseded(&self) -> u64 {
        self.superseded.back().copied().unwrap_or(0)
    }

    /// The data commit of the oldest.
    pub(crate) fn horizon(&self) -> Commit {
        self.commits.front().copied().unwrap_or(0)
    }

    /// The data commits of all.
    pub(crate) fn commits(&self) -> impl Iterator<Item = Commit> + '_ {
        self.commits.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_moves_by_count_or_by_bytes() {
        let retention = Retention {
            frames: 3,
            bytes: 100,
        };
        let mut frames = Readable::new(5);
        for (commit, bytes, first, horizon) in [
            (10, 30, 1, 5),
            (20, 30, 1, 5),
            (30, 30, 2, 10),
            (40, 71, 4, 30),
            (50, 1000, 6, 50),
        ] {
            frames = frames.next(commit, bytes, &retention);
            assert_eq!((frames.first, frames.horizon()), (first, horizon));
            assert_eq!(
                frames.newest_superseded(),
                if first == 6 { 0 } else { bytes }
            );
        }
        let none = Retention {
            frames: 0,
            bytes: 0,
        };
        assert_eq!(frames.next(60, 0, &none).first, 7);
    }
}
