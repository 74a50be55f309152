//! Ranks and ranges in the order of a collection; see [`crate::ranks`] for how they are found.

use super::Turn;
use crate::keys::AppId;
use crate::ranks::{Block, Index, Piece, TARGET};
use crate::step::Step;
use hyperdb_lsm::Direction;
use std::ops::{Bound, ControlFlow};

/// Ranges of smaller orders are walked through: all of them is near anyway.
const KEPT_FROM: u64 = 512;
/// So many blocks a range fills at most, and so many of their keys it adds to an index that is built: who reads everything once does
/// not wait for more, and drives out nothing.
const FILLED: usize = 16;
/// Keys that each range adds to an index that is built, beside as many as it read.
const GROWTH: u64 = 64;

/// The counts of so many blocks are summed as fast as a few keys are walked through.
const SUMMED: usize = 4096;

/// The two ends of a range of an order.
pub type Ends<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// What a range has still to walk through.
enum Rest {
    Nothing,
    Everything,
    /// On from a place between two blocks.
    From(Box<[u8]>),
}

impl Turn<'_> {
    /// Whether ranks among the `len` keys of collection `cid` are told at once, however near they are.
    pub fn knows_ranks(&self, app: AppId, cid: u64, len: u64) -> bool {
        let ranks = &self.store.ranks;
        ranks.any() && self.writer.sees_latest() && {
            let mut indexes = ranks.lock();
            indexes
                .get((app, cid), len)
                .is_some_and(|index| index.blocks() <= SUMMED)
        }
    }

    /// How many of the `len` keys of collection `cid` lie before `key`, which need not be one of them. The first
    /// call walks all of them; later ones take about as long as a short scan.
    pub fn rank(&self, app: AppId, cid: u64, len: u64, key: &[u8]) -> Step<u64> {
        self.with_index(app, cid, len, |turn, index| {
            turn.fill_once(app, cid, index, |index| index.place_of(key))?;
            let block = index.block_of(key);
            if let Some(piece) = index.piece_of(&block) {
                return Ok(block.before + piece.place(key, false) as u64);
            }
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
            turn.fill_once(app, cid, index, |index| index.place_of_rank(rank))?;
            let block = index.block_at(rank);
            let within = rank.saturating_sub(block.before) as usize;
            if let Some(piece) = index.piece_of(&block) {
                return Ok((within < piece.len()).then(|| piece.get(within).to_vec()));
            }
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

    /// Visits the keys of collection `cid`, an order of `len` keys, between two ends in a direction, until told to stop. `visit` must
    /// not ask the turn for ranks or ranges.
    pub fn walk_order(
        &self,
        (app, cid, len): (AppId, u64, u64),
        ends: Ends<'_>,
        direction: Direction,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Step<()> {
        let rest = match len >= KEPT_FROM && self.writer.sees_latest() {
            true => self.walk_kept((app, cid, len), ends, direction, &mut visit)?,
            false => Rest::Everything,
        };
        let (start, end) = match (&rest, direction) {
            (Rest::Nothing, _) => return Ok(()),
            (Rest::Everything, _) => ends,
            (Rest::From(key), Direction::Forward) => (Bound::Included(&**key), ends.1),
            (Rest::From(key), Direction::Reverse) => (ends.0, Bound::Excluded(&**key)),
        };
        let mut seen = 0;
        let mut scan = self.members(app, cid, start, end, direction);
        while let Some((key, _)) = scan.next()? {
            seen += 1;
            if visit(key).is_break() {
                break;
            }
        }
        drop(scan);
        if len >= KEPT_FROM && matches!(rest, Rest::Everything) && self.writer.sees_latest() {
            self.grow(app, cid, seen);
        }
        Ok(())
    }

    /// Visits what lies in blocks whose keys are kept, and keeps those of others that it comes to.
    fn walk_kept(
        &self,
        (app, cid, len): (AppId, u64, u64),
        ends: Ends<'_>,
        direction: Direction,
        visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Step<Rest> {
        let place = (app, cid);
        let ranks = &self.store.ranks;
        if !ranks.any() {
            return Ok(Rest::Everything);
        }
        let mut indexes = ranks.lock();
        if indexes.get(place, len).is_none() {
            return Ok(Rest::Everything);
        }
        let walked = indexes.with(place, |index| {
            self.walk_pieces((app, cid), index, ends, direction, visit)
        });
        ranks.fit(&mut indexes, place);
        walked.unwrap_or(Ok(Rest::Everything))
    }

    fn walk_pieces(
        &self,
        (app, cid): (AppId, u64),
        index: &mut Index,
        (start, end): Ends<'_>,
        direction: Direction,
        visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Step<Rest> {
        if index.blocks() == 0 {
            return Ok(Rest::Nothing);
        }
        let (mut first, mut last) = index.blocks_between(start, end);
        let mut at = match direction {
            Direction::Forward => first,
            Direction::Reverse => last,
        };
        let mut filled = 0;
        while (first..=last).contains(&at) {
            let Some(piece) = index.piece(at) else {
                let (blocks, ended) = (index.blocks(), (at == first, at == last));
                if filled == FILLED || !index.may_fill() || !self.fill(app, cid, index, at)? {
                    return Ok(rest_at(index, at, (start, end), direction));
                }
                filled += 1;
                // It may have been cut: then the ends lie elsewhere, and the walk goes on in the part that it comes to first.
                (first, last) = index.blocks_between(start, end);
                at = match (direction, ended) {
                    (Direction::Forward, (true, _)) => first,
                    (Direction::Forward, _) => at,
                    (Direction::Reverse, (_, true)) => last,
                    (Direction::Reverse, _) => at + index.blocks() - blocks,
                };
                continue;
            };
            let from = match start {
                Bound::Included(key) if at == first => piece.place(key, false),
                Bound::Excluded(key) if at == first => piece.place(key, true),
                _ => 0,
            };
            let until = match end {
                Bound::Included(key) if at == last => piece.place(key, true),
                Bound::Excluded(key) if at == last => piece.place(key, false),
                _ => piece.len(),
            };
            let mut keys = piece.keys(from, until);
            let flow = match direction {
                Direction::Forward => keys.try_for_each(&mut *visit),
                Direction::Reverse => keys.rev().try_for_each(&mut *visit),
            };
            if flow.is_break() {
                break;
            }
            match direction {
                Direction::Forward => at += 1,
                Direction::Reverse if at == 0 => break,
                Direction::Reverse => at -= 1,
            }
        }
        Ok(Rest::Nothing)
    }

    /// Keeps the keys of the block that is asked for, if they are not kept and may be.
    fn fill_once(
        &self,
        app: AppId,
        cid: u64,
        index: &mut Index,
        place: impl Fn(&Index) -> usize,
    ) -> Step<()> {
        let at = place(index);
        if !index.is_kept(at) && index.may_fill() {
            self.fill(app, cid, index, at)?;
        }
        Ok(())
    }

    /// Reads a block and keeps its keys; whether it could.
    fn fill(&self, app: AppId, cid: u64, index: &mut Index, at: usize) -> Step<bool> {
        let (start, end) = index.bounds(at);
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut scan = self.members(app, cid, Bound::Included(start), end, Direction::Forward);
        let mut keys = Piece::default();
        while let Some((key, _)) = scan.next()? {
            if !keys.push(key) {
                return Ok(false);
            }
        }
        drop(scan);
        Ok(index.fill(at, keys))
    }

    /// Builds on at the index of an order through which a range of `seen` keys was read. What goes wrong here is nothing to that range.
    fn grow(&self, app: AppId, cid: u64, seen: u64) {
        let ranks = &self.store.ranks;
        let mut indexes = ranks.lock();
        let place = (app, cid);
        match indexes.is_growing(place) {
            Some(true) => {}
            Some(false) => return,
            None => ranks.keep(
                &mut indexes,
                place,
                Index::default(),
                self.writer.is_dirty(),
            ),
        }
        let more = GROWTH + seen.min(FILLED as u64 * TARGET);
        let grown = indexes.with(place, |index| self.append(app, cid, index, more));
        if let Some(Err(_)) = grown {
            indexes.remove(place);
        }
        ranks.fit(&mut indexes, place);
    }

    /// Appends the next keys of an order to its index, `most` at most.
    fn append(&self, app: AppId, cid: u64, index: &mut Index, most: u64) -> Step<()> {
        let frontier = index.frontier().map(<[u8]>::to_vec);
        let start = frontier
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let mut scan = self.members(app, cid, start, Bound::Unbounded, Direction::Forward);
        let mut left = most;
        while let Some((key, _)) = scan.next()? {
            index.append(key);
            left -= 1;
            if left == 0 {
                index.pause_at(key);
                return Ok(());
            }
        }
        index.finish();
        Ok(())
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
        let may_keep = self.writer.sees_latest();
        if may_keep {
            if let Some(index) = indexes.get(place, len) {
                let before = index.bytes;
                let answer = body(self, index);
                let after = index.bytes;
                indexes.resized(before, after);
                ranks.fit(&mut indexes, place);
                return answer;
            }
        }
        let mut index = Index::default();
        self.append(app, cid, &mut index, u64::MAX)?;
        let answer = body(self, &mut index)?;
        if may_keep {
            ranks.keep(&mut indexes, place, index, self.writer.is_dirty());
        }
        Ok(answer)
    }

    /// Visits the keys of a block until told to stop; cuts it if it has grown.
    fn walk_block(
        &self,
        app: AppId,
        cid: u64,
        index: &mut Index,
        block: &Block,
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

/// What is left of a range that came to block `at` and no further.
fn rest_at(index: &Index, at: usize, (start, end): Ends<'_>, direction: Direction) -> Rest {
    let (first, next) = index.bounds(at);
    match (direction, start, end, next) {
        // The near end lies in the block, or before it, as that of everything does.
        (Direction::Forward, Bound::Unbounded, ..) if at == 0 => Rest::Everything,
        (Direction::Forward, Bound::Included(key) | Bound::Excluded(key), ..) if key >= first => {
            Rest::Everything
        }
        (Direction::Forward, ..) => Rest::From(first.into()),
        (Direction::Reverse, .., None) => Rest::Everything,
        (Direction::Reverse, _, Bound::Included(key) | Bound::Excluded(key), Some(next))
            if key < next =>
        {
            Rest::Everything
        }
        (Direction::Reverse, .., Some(next)) => Rest::From(next.into()),
    }
}
