//! Collections and apps that were dropped whole: their members, and the commitment nodes over them, go at compaction.
//!
//! **Theory.** A collection number is never used twice, so once its drop lies at or behind the horizon no reader
//! can reach a member of it, whatever the member's version. Compaction asks [`Dropped::discard`] entry by entry.
//! When a search finds no member any more, [`crate::Store::tend`] removes the note itself.
//!
//! **Invariant.** A number is in here only after the commit that dropped it, and never with an earlier one.

use crate::keys::{self, space, AppId};
use crate::nodes;
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
        let known = self.drops.read();
        if known.is_empty() {
            return false;
        }
        let Some((app, collection)) = place(family, key) else {
            return false;
        };
        let gone = |cid: u64| {
            known
                .get(&(app, cid))
                .is_some_and(|commit| *commit <= horizon)
        };
        gone(0) || collection.is_some_and(|cid| gone(cid & !1))
    }

    /// Keys of an app lie together, and within it those of a collection and its companion: a table that begins and ends in a dropped
    /// one holds nothing else.
    fn discards_between(
        &self,
        family: Family,
        smallest: &[u8],
        largest: &[u8],
        horizon: Commit,
    ) -> bool {
        let (Some(first), Some(last)) = (place(family, smallest), place(family, largest)) else {
            return false;
        };
        let known = self.drops.read();
        let gone = |app: AppId, cid: u64| {
            let drop = known.get(&(app, cid));
            drop.is_some_and(|commit| *commit <= horizon)
        };
        let collection = |(_, cid): (AppId, Option<u64>)| cid.map(|cid| cid & !1);
        let shared = collection(first).filter(|cid| collection(last) == Some(*cid));
        // The trees of an app are four: a collection's nodes lie together in each.
        let whole = shared.filter(|_| family == Family::DATA);
        first.0 == last.0 && (gone(first.0, 0) || whole.is_some_and(|cid| gone(first.0, cid)))
    }
}

/// Which app an entry belongs to, and which collection if it is of one.
fn place(family: Family, key: &[u8]) -> Option<(AppId, Option<u64>)> {
    match family {
        Family::DATA => {
            let (app, tag, rest) = keys::parse_data(key)?;
            let member = (tag == space::MEMBER).then(|| keys::read_varint(rest));
            Some((app, member.flatten().map(|(cid, _)| cid)))
        }
        Family::NODE => nodes::parse(key),
        _ => None,
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
        let node_goes = |app, cid| {
            let nodes = nodes::collection_prefixes(app, cid);
            nodes.map(|node| dropped.discard(Family::NODE, &node, 3, 7)) == [true; 2]
        };
        assert!(node_goes(app, 10) && node_goes(app, 11));
        assert!(!node_goes(app, 12) && !node_goes(other, 10));
        assert!(!goes(b""));
        dropped.add(7, [(app, 0)]);
        assert!(goes(&keys::element(app, 1, b"id")));
        assert!(goes(&keys::app_header(app)));
        let between = |from: &[u8], to: &[u8], horizon| {
            dropped.discards_between(Family::DATA, from, to, horizon)
        };
        let node = nodes::app_prefix(app).to_vec();
        let node = |rest: &[u8]| [&node[..], rest].concat();
        assert!(dropped.discard(Family::NODE, &node(&[0, 1, 2]), 3, 7));
        assert!(!dropped.discard(Family::NODE, &[1, 1, 2], 3, 7));
        let (first, last) = (node(&[0]), node(&[3, 9]));
        assert!(dropped.discards_between(Family::NODE, &first, &last, 7));
        assert!(!dropped.discards_between(Family::NODE, &first, &[1, 9], 7));
        let (first, last) = (keys::app_header(app), keys::member(app, 99, b"m"));
        assert!(between(&first, &last, 7));
        assert!(!between(&first, &last, 6), "a snapshot still reads it");
        assert!(!between(&keys::member(other, 10, b"m"), &last, 7));
        assert!(!between(&first, &keys::member(AppId(301), 1, b"m"), 7));
        dropped.forget((app, 0));
        assert!(!goes(&keys::element(app, 1, b"id")));
        assert!(!dropped.discards_between(Family::DATA, &first, &last, 7));
        let members = |cid, other| {
            let (from, to) = (keys::member(app, cid, b"a"), keys::member(app, other, b"b"));
            dropped.discards_between(Family::DATA, &from, &to, 7)
        };
        assert!(members(10, 10) && members(10, 11));
        assert!(!members(10, 12) && !members(8, 10) && !members(12, 12));
    }
}
