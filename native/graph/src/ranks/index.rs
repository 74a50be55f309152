//! The sparse index of one order.

use super::piece::{head, Piece};
use std::ops::Bound;

/// Keys of a fresh block.
pub(crate) const TARGET: u64 = 64;
/// A walk cuts a block that has more keys than this.
const LARGE: u64 = 3 * TARGET;
/// Bytes of a block beside its first key.
const BLOCK: usize =
    size_of::<Box<[u8]>>() + 2 * size_of::<u64>() + size_of::<Option<Box<Piece>>>();
/// A block's keys that were changed so often and never read meanwhile are let go.
const IDLE: u8 = 16;
/// What filling a block costs of the credit. Each block that is read and was filled gives one.
const COST: i64 = 4;
/// Without credit one block is filled in so many.
const SELDOM: u64 = 16;

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Where each block begins, ascending; the first begins before every key.
    starts: Vec<Box<[u8]>>,
    /// The first eight bytes of each start: nearly every search stays among these numbers.
    heads: Vec<u64>,
    counts: Vec<u64>,
    /// The keys of blocks that were read.
    pieces: Vec<Option<Box<Piece>>>,
    pub(super) len: u64,
    /// The last key that was appended while it is built; what lies behind is not counted yet.
    frontier: Option<Box<[u8]>>,
    /// Whether it was built to the end.
    pub(super) whole: bool,
    pub(crate) bytes: usize,
    /// [`super::Ranks::changes`] after the last change.
    pub(super) changed: u64,
    pub(super) used: u64,
    /// How many blocks may still be filled; grows when one is read that was.
    credit: i64,
    /// Where the next look for room begins.
    hand: usize,
}

/// One block as a walk needs it.
pub(crate) struct Block {
    at: usize,
    /// How many keys lie in the blocks before.
    pub(crate) before: u64,
    pub(crate) start: Box<[u8]>,
    /// Where the next begins.
    pub(crate) end: Option<Box<[u8]>>,
    /// Whether it should be cut.
    pub(crate) is_large: bool,
}

impl Index {
    /// Appends the next key of the order, while it is built.
    pub(crate) fn append(&mut self, key: &[u8]) {
        if self.counts.last().is_none_or(|last| *last >= TARGET) {
            let start: &[u8] = if self.starts.is_empty() { &[] } else { key };
            self.bytes += BLOCK + start.len();
            self.heads.push(head(start));
            self.starts.push(start.into());
            self.counts.push(0);
            self.pieces.push(None);
        }
        if let Some(last) = self.counts.last_mut() {
            *last += 1;
            self.len += 1;
        }
    }

    /// The keys up to this one were appended, or it is not begun.
    pub(crate) fn frontier(&self) -> Option<&[u8]> {
        self.frontier.as_deref()
    }

    /// Goes on later behind `key`.
    pub(crate) fn pause_at(&mut self, key: &[u8]) {
        self.frontier = Some(key.into());
    }

    /// All keys were appended.
    pub(crate) fn finish(&mut self) {
        self.whole = true;
        self.frontier = None;
        // Each may be filled once.
        self.credit = COST * self.counts.len() as i64;
    }

    /// How many blocks.
    #[inline]
    pub(crate) fn blocks(&self) -> usize {
        self.counts.len()
    }

    /// The block that `key` lies or would lie in.
    pub(crate) fn block_of(&self, key: &[u8]) -> Block {
        self.block(self.place_of(key))
    }

    /// The block of the key with a rank below the index's length.
    pub(crate) fn block_at(&self, rank: u64) -> Block {
        self.block(self.place_of_rank(rank))
    }

    /// Number of that block.
    pub(crate) fn place_of_rank(&self, rank: u64) -> usize {
        let mut before = 0;
        let at = self.counts.iter().position(|count| {
            before += count;
            before > rank
        });
        at.unwrap_or_default()
    }

    /// Number of the block that `key` lies or would lie in.
    #[inline]
    pub(crate) fn place_of(&self, key: &[u8]) -> usize {
        let first = head(key);
        let low = self.heads.partition_point(|other| *other < first);
        let ties = self.heads[low..].partition_point(|other| *other == first);
        let before = self.starts[low..low + ties].partition_point(|start| &**start <= key);
        (low + before).saturating_sub(1)
    }

    /// The blocks that the ends of a range lie in.
    pub(crate) fn blocks_between(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> (usize, usize) {
        let place = |end, open| match end {
            Bound::Included(key) | Bound::Excluded(key) => self.place_of(key),
            Bound::Unbounded => open,
        };
        (place(start, 0), place(end, self.blocks().saturating_sub(1)))
    }

    pub(crate) fn block(&self, at: usize) -> Block {
        Block {
            at,
            before: self.counts.iter().take(at).sum(),
            start: self.starts.get(at).cloned().unwrap_or_default(),
            end: self.starts.get(at + 1).cloned(),
            is_large: self.counts.get(at).is_some_and(|count| *count > LARGE),
        }
    }

    /// Where block `at` begins, and where the next does.
    pub(crate) fn bounds(&self, at: usize) -> (&[u8], Option<&[u8]>) {
        let start = self.starts.get(at).map_or(&[][..], |start| start);
        (start, self.starts.get(at + 1).map(|end| &**end))
    }

    /// The keys of a block, if they are kept.
    #[inline]
    pub(crate) fn piece(&mut self, at: usize) -> Option<&Piece> {
        let piece = self.pieces.get_mut(at)?.as_deref_mut()?;
        if piece.idle > 0 || !piece.used {
            (piece.idle, piece.used) = (0, true);
        }
        if self.credit < self.counts.len() as i64 {
            self.credit += 1;
        }
        Some(piece)
    }

    /// Whether the keys of a block are kept.
    #[inline]
    pub(crate) fn is_kept(&self, at: usize) -> bool {
        self.pieces.get(at).is_some_and(Option::is_some)
    }

    /// The same of a block as a walk has it.
    pub(crate) fn piece_of(&mut self, block: &Block) -> Option<&Piece> {
        self.piece(block.at)
    }

    /// Whether another block's keys may be kept. Where they go again before they are read, it mostly may not.
    pub(crate) fn may_fill(&mut self) -> bool {
        self.credit -= COST;
        self.credit >= 0 || (self.credit / COST).unsigned_abs().is_multiple_of(SELDOM)
    }

    /// Keeps all keys of block `at`, and cuts it if it has grown; false, with nothing changed, if they are not as many as were counted.
    pub(crate) fn fill(&mut self, at: usize, keys: Piece) -> bool {
        if self.counts.get(at) != Some(&(keys.len() as u64)) {
            return false;
        }
        if keys.len() as u64 <= LARGE {
            self.put(at, keys);
            return true;
        }
        let each = TARGET as usize;
        let cuts = keys.keys(each, keys.len()).step_by(each);
        self.cut(&self.block(at), cuts.map(Into::into).collect());
        for (part, first) in (0..keys.len()).step_by(each).enumerate() {
            let mut piece = Piece::default();
            for key in keys.keys(first, (first + each).min(keys.len())) {
                piece.push(key);
            }
            self.put(at + part, piece);
        }
        true
    }

    fn put(&mut self, at: usize, keys: Piece) {
        self.let_go(at);
        self.bytes += keys.held();
        self.pieces[at] = Some(Box::new(keys));
    }

    /// Lets the keys of a block go.
    fn let_go(&mut self, at: usize) {
        if let Some(piece) = self.pieces.get_mut(at).and_then(Option::take) {
            self.bytes = self.bytes.saturating_sub(piece.held());
        }
    }

    /// Lets all kept keys go; whether there were any.
    pub(super) fn let_all_go(&mut self) -> bool {
        let before = self.bytes;
        (0..self.pieces.len()).for_each(|at| self.let_go(at));
        self.bytes < before
    }

    /// Lets keys go that were not read since the last time, until it holds `bytes` less or nothing is left to let go.
    pub(super) fn make_room(&mut self, bytes: usize) {
        let want = self.bytes.saturating_sub(bytes);
        for _ in 0..2 * self.pieces.len() {
            if self.bytes <= want {
                return;
            }
            self.hand = (self.hand + 1) % self.pieces.len();
            match &mut self.pieces[self.hand] {
                Some(piece) if piece.used => piece.used = false,
                Some(_) => self.let_go(self.hand),
                None => {}
            }
        }
    }

    /// Cuts a block whose keys were walked through: `cuts` are every [`TARGET`]th of them, its first left out.
    pub(crate) fn cut(&mut self, block: &Block, cuts: Vec<Box<[u8]>>) {
        let Some(count) = self.counts.get_mut(block.at) else {
            return;
        };
        let parts = cuts.len() as u64;
        let last = count.saturating_sub(parts * TARGET);
        *count = TARGET;
        self.let_go(block.at);
        self.bytes += cuts.iter().map(|cut| BLOCK + cut.len()).sum::<usize>();
        let after = block.at + 1;
        let counts = (1..=parts).map(|i| if i == parts { last } else { TARGET });
        self.counts.splice(after..after, counts);
        self.heads
            .splice(after..after, cuts.iter().map(|cut| head(cut)));
        self.pieces.splice(after..after, cuts.iter().map(|_| None));
        self.starts.splice(after..after, cuts);
    }

    /// A key was added or removed.
    pub(super) fn count(&mut self, key: &[u8], more: bool) {
        if !self.whole && self.frontier().is_none_or(|frontier| key > frontier) {
            return;
        }
        let at = self.place_of(key);
        let Some(count) = self.counts.get_mut(at) else {
            return;
        };
        if more {
            *count += 1;
            self.len += 1;
        } else {
            *count = count.saturating_sub(1);
            self.len = self.len.saturating_sub(1);
        }
        let count = *count;
        self.follow(at, key, more);
        // The first block begins before every key, so it stays.
        if count == 0 && at > 0 {
            self.let_go(at);
            self.counts.remove(at);
            self.heads.remove(at);
            self.pieces.remove(at);
            let start = self.starts.remove(at);
            self.bytes = self.bytes.saturating_sub(BLOCK + start.len());
        }
    }

    /// Changes the kept keys of a block with it, or lets them go.
    fn follow(&mut self, at: usize, key: &[u8], more: bool) {
        let Some(Some(piece)) = self.pieces.get_mut(at) else {
            return;
        };
        let before = piece.held();
        piece.idle += 1;
        let is_right = piece.idle <= IDLE
            && match more {
                true => (piece.len() as u64) < LARGE && piece.insert(key),
                false => piece.remove(key),
            };
        if is_right {
            self.bytes = (self.bytes + piece.held()).saturating_sub(before);
        } else {
            // Held as before: what was refused changed nothing.
            self.let_go(at);
        }
    }
}
