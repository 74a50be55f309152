//! Collections and apps that were dropped whole: their members go at compaction.
//!
//! **Theory.** A collection number is never used twice, so once its drop lies at or behind the horizon no reader
//! can reach a member of it, whatever the member's version. Compaction asks [`Dropped::discard`] entry by entry.
//! When a search finds no member any more, [`crate::Store::tend`] removes the note itself.
//!
//! **Invariant.** A number is in here only after the commit that dropped it, and never with an earlier one.

use crate::keys::{self, space, AppId};
use hashbrown::HashMap;
use hyperdb_lsm::{Commit, CompactionFilter, Family};
use parking_lot::RwLock;

/// The drops whose members may still be stored; a collection's companion (`cid + 1`) goes with it.
#[derive(Default)]
pub(crate) struct Dropped {
    drops: RwLock<HashMap<(AppId, u64), Commit>>,
}

impl Dropped {
    pub(crate) fn add(&self, commit: Commit, drops: impl IntoIterator<Item = (AppId, u64)>) {
        let mut known = self.drops.write();
        for drop in drops {
            known.insert(drop, commit);
        }
    }

    pub(crate) fn forget(&self, drop: (AppId, u64)) {
        self.drops.write().remove(&drop);
    }
}

impl CompactionFilter for Dropped {
    fn discard(&self, family: Family, key: &[u8], _version: Commit, horizon: Commit) -> bool {
        if family != Family::DATA {
            return false;
        }
        let known = self.drops.read();
        if known.is_empty() {
            return false;
        }
        let Some((app, tag, rest)) = keys::parse_data(key) else {
            return false;
        };
        let gone = |cid: u64| {
            known
                .get(&(app, cid))
                .is_some_and(|commit| *commit <= horizon)
        };
        if gone(0) {
            return true;
        }
        tag == space::MEMBER && keys::read_varint(rest).is_some_and(|(cid, _)| gone(cid & !1))
    }

    /// Keys of an app lie together, so a table that begins and ends in a dropped one holds nothing else.
    fn discards_between(
        &self,
        family: Family,
        smallest: &[u8],
        largest: &[u8],
        horizon: Commit,
    ) -> bool {
        let app = |key| keys::parse_data(key).map(|(app, _, _)| app);
        let ends = app(smallest).filter(|first| app(largest) == Some(*first));
        let (Family::DATA, Some(only)) = (family, ends) else {
            return false;
        };
        let known = self.drops.read();
        known
            .get(&(only, 0))
            .is_some_and(|commit| *commit <= horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_behind_the_horizon_goes() {
        let dropped = Dropped::default();
        let (app, other) = (AppId(300), AppId(4));
        dropped.add(7, [(app, 10)]);
        let goes = |key: &[u8]| dropped.discard(Family::DATA, key, 3, 7);
        assert!(!dropped.discard(Family::DATA, &keys::member(app, 10, b"m"), 3, 6));
        assert!(goes(&keys::member(app, 10, b"m")));
        assert!(goes(&keys::member(app, 11, b"companion")));
        assert!(!goes(&keys::member(app, 12, b"m")));
        assert!(!goes(&keys::member(other, 10, b"m")));
        assert!(!goes(&keys::element(app, 1, b"id")));
        assert!(!dropped.discard(Family::META, &keys::member(app, 10, b"m"), 3, 7));
        assert!(!goes(b""));
        dropped.add(7, [(app, 0)]);
        assert!(goes(&keys::element(app, 1, b"id")));
        assert!(goes(&keys::app_header(app)));
        let between = |from: &[u8], to: &[u8], horizon| {
            dropped.discards_between(Family::DATA, from, to, horizon)
        };
        let (first, last) = (keys::app_header(app), keys::member(app, 99, b"m"));
        assert!(between(&first, &last, 7));
        assert!(!between(&first, &last, 6), "a snapshot still reads it");
        assert!(!between(&keys::member(other, 10, b"m"), &last, 7));
        assert!(!between(&first, &keys::member(AppId(301), 1, b"m"), 7));
        dropped.forget((app, 0));
        assert!(!goes(&keys::element(app, 1, b"id")));
        assert!(!dropped.discards_between(Family::DATA, &first, &last, 7));
    }
}
