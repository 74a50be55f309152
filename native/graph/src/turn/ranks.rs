//! Ranks in the order of a collection; see [`crate::ranks`] for how they are found.

use super::Turn;
use crate::keys::AppId;
use crate::ranks::{Index, TARGET};
use crate::step::Step;
use hyperdb_lsm::Direction;
use std::ops::Bound;

impl Turn<'_> {
    /// How many of the `len` keys of collection `cid` lie before `key`, which need not be one of them. The first
    /// call walks all of them; later ones take about as long as a short scan.
    pub fn rank(&self, app: AppId, cid: u64, len: u64, key: &[u8]) -> Step<u64> {
        self.with_index(app, cid, len, |turn, index| {
            let block = index.block_of(key);
            let mut within = 0;
            turn.walk_block(app, cid, index, &block, |at| {
                let is_before = at < key;
                within += u64::from(is_before);
                is_before
            })?;
            Ok(block.before + within)
        })
    }

    /// The key of rank `rank` (the first is 0) among the `len` keys of collection `cid`.
    pub fn key_at(&self, app: AppId, cid: u64, len: u64, rank: u64) -> Step<Option<Vec<u8>>> {
        self.with_index(app, cid, len, |turn, index| {
            let block = index.block_at(rank);
            let mut at_rank = block.before;
            let mut found = None;
            turn.walk_block(app, cid, index, &block, |at| {
                if at_rank == rank {
                    found = Some(at.to_vec());
                }
                at_rank += 1;
                found.is_none()
            })?;
            Ok(found)
        })
    }

    fn with_index<R>(
        &self,
        app: AppId,
        cid: u64,
        len: u64,
        body: impl FnOnce(&Self, &mut Index) -> Step<R>,
    ) -> Step<R> {
        let ranks = &self.store.ranks;
        let mut indexes = ranks.lock();
        let place = (app, cid);
        if let Some(index) = indexes.get(place, len) {
            return body(self, index);
        }
        let mut index = Index::default();
        let mut all = self.members(
            app,
            cid,
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Forward,
        );
        while let Some((key, _)) = all.next()? {
            index.append(key);
        }
        drop(all);
        let answer = body(self, &mut index)?;
        ranks.keep(&mut indexes, place, index, self.writer.is_dirty());
        Ok(answer)
    }

    /// Visits the keys of a block until told to stop; cuts it if it has grown.
    fn walk_block(
        &self,
        app: AppId,
        cid: u64,
        index: &mut Index,
        block: &crate::ranks::Block,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> Step<()> {
        let end = block
            .end
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let start = Bound::Included(&*block.start);
        let mut scan = self.members(app, cid, start, end, Direction::Forward);
        let mut cuts = Vec::new();
        let (mut seen, mut going) = (0, true);
        while going || block.is_large {
            let Some((key, _)) = scan.next()? else {
                break;
            };
            going = going && visit(key);
            if block.is_large && seen > 0 && seen % TARGET == 0 {
                cuts.push(key.into());
            }
            seen += 1;
        }
        if block.is_large {
            index.cut(block, cuts);
        }
        Ok(())
    }
}
