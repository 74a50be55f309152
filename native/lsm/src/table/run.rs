//! Walking a sorted run: one table of level 0, or the tables of a deeper level one after the other.
//!
//! **Theory.** The run is reduced on the way to what one commit sees, so merging is by key alone. Forward, a key's
//! versions come newest first: the first that is not too new counts and the rest are passed over. In reverse they come oldest
//! first: the last that is not too new counts, so one entry is looked ahead.
//!
//! **Invariant.** A step that stops on a miss has not moved: every block is fetched before anything is changed.

use super::block::{Entry, Layout};
use super::{ReadMode, Table};
use crate::merge::Source;
use crate::types::{Commit, Direction, KeyRange, Op, Value};
use crate::writer::Step;
use std::ops::Bound;
use std::sync::Arc;

/// A block being walked.
struct Page {
    bytes: Arc<[u8]>,
    layout: Layout,
    /// Whether a key in it may lie beyond the range's end, so that each must be compared.
    guarded: bool,
}

/// A sorted run, seen at a commit, in one direction.
pub(crate) struct Run {
    tables: Vec<Arc<Table>>,
    /// First key of the range.
    low: Option<Vec<u8>>,
    /// First key beyond the range.
    high: Option<Vec<u8>>,
    at: Commit,
    direction: Direction,
    mode: ReadMode,
    page: Option<Page>,
    /// Table and block of `page`.
    place: (usize, usize),
    /// Entry to look at next; in reverse one more than it, so that 0 means the block is done.
    next: usize,
    state: State,
    key: Vec<u8>,
    held: Option<Arc<[u8]>>,
    entry: Entry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Walking,
    Ended,
}

impl Run {
    /// A walk over `tables`, which ascend and do not overlap.
    pub(crate) fn new(
        tables: Vec<Arc<Table>>,
        range: &KeyRange,
        at: Commit,
        direction: Direction,
        mode: ReadMode,
    ) -> Self {
        let low = match &range.start {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(key.clone()),
            Bound::Excluded(key) => Some(successor(key)),
        };
        let high = match &range.end {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(successor(key)),
            Bound::Excluded(key) => Some(key.clone()),
        };
        Self {
            tables,
            low,
            high,
            at,
            direction,
            mode,
            page: None,
            place: (0, 0),
            next: 0,
            state: State::Fresh,
            key: Vec::new(),
            held: None,
            entry: Entry {
                version: 0,
                op: Op::Remove,
                suffix: 0..0,
                value: 0..0,
            },
        }
    }

    fn fetch(&self, (table, block): (usize, usize)) -> Step<Page> {
        let table = &self.tables[table];
        let bytes = table.block(block as u32, self.mode)?;
        let layout = Layout::of(&bytes).unwrap_or_default();
        let guarded = match self.direction {
            Direction::Forward => self
                .high
                .as_ref()
                .is_some_and(|high| table.index().seek(high) <= block),
            Direction::Reverse => self
                .low
                .as_ref()
                .is_some_and(|low| table.index().seek(low) >= block),
        };
        Ok(Page {
            bytes,
            layout,
            guarded,
        })
    }

    fn enter(&mut self, place: (usize, usize), page: Page, next: usize) {
        self.place = place;
        self.page = Some(page);
        self.next = next;
    }

    /// Goes to where the range begins; false if no table reaches into it.
    fn start(&mut self) -> Step<bool> {
        let found = match self.direction {
            Direction::Forward => self.start_forward()?,
            Direction::Reverse => self.start_reverse()?,
        };
        self.state = if found { State::Walking } else { State::Ended };
        Ok(found)
    }

    fn start_forward(&mut self) -> Step<bool> {
        let low = self.low.as_deref().unwrap_or_default();
        let table = self.tables.partition_point(|table| table.largest() < low);
        if table == self.tables.len() {
            return Ok(false);
        }
        let block = self.tables[table].index().seek(low);
        let page = self.fetch((table, block))?;
        let next = page.layout.lower_bound(&page.bytes, low);
        self.enter((table, block), page, next);
        Ok(true)
    }

    fn start_reverse(&mut self) -> Step<bool> {
        let Some(last) = self.tables.len().checked_sub(1) else {
            return Ok(false);
        };
        let (table, block) = match &self.high {
            None => (last, usize::MAX),
            Some(high) => {
                let table = self
                    .tables
                    .partition_point(|table| table.largest() < &high[..])
                    .min(last);
                (table, self.tables[table].index().seek(high))
            }
        };
        let block = block.min(self.tables[table].index().len() - 1);
        let page = self.fetch((table, block))?;
        let next = match &self.high {
            None => page.layout.count(),
            Some(high) => page.layout.lower_bound(&page.bytes, high),
        };
        self.enter((table, block), page, next);
        Ok(true)
    }

    /// The block after the present one.
    fn following(&self) -> Option<(usize, usize)> {
        let (table, block) = self.place;
        if block + 1 < self.tables[table].index().len() {
            return Some((table, block + 1));
        }
        (table + 1 < self.tables.len()).then_some((table + 1, 0))
    }

    /// The block before the present one.
    fn preceding(&self) -> Option<(usize, usize)> {
        let (table, block) = self.place;
        if block > 0 {
            return Some((table, block - 1));
        }
        let table = table.checked_sub(1)?;
        Some((table, self.tables[table].index().len() - 1))
    }

    fn advance_forward(&mut self) -> Step<bool> {
        loop {
            let Some(page) = &self.page else {
                return Ok(false);
            };
            if self.next >= page.layout.count() {
                let Some(place) = self.following() else {
                    return Ok(false);
                };
                let page = self.fetch(place)?;
                self.enter(place, page, 0);
                continue;
            }
            let entry = page.layout.entry(&page.bytes, self.next);
            self.next += 1;
            if entry.version > self.at {
                continue;
            }
            let prefix = page.layout.prefix(&page.bytes);
            let suffix = &page.bytes[entry.suffix.clone()];
            if self.held.is_some()
                && self.key.len() == prefix.len() + suffix.len()
                && self.key.ends_with(suffix)
                && self.key.starts_with(prefix)
            {
                continue;
            }
            self.key.clear();
            self.key.extend_from_slice(prefix);
            self.key.extend_from_slice(suffix);
            if page.guarded && self.high.as_ref().is_some_and(|high| self.key >= *high) {
                return Ok(false);
            }
            if !self
                .held
                .as_ref()
                .is_some_and(|held| Arc::ptr_eq(held, &page.bytes))
            {
                self.held = Some(page.bytes.clone());
            }
            self.entry = entry;
            return Ok(true);
        }
    }

    fn advance_reverse(&mut self) -> Step<bool> {
        let mut candidate: Option<(Arc<[u8]>, Entry)> = None;
        let mut key = Vec::new();
        let undo = (self.place, self.next);
        loop {
            let Some(page) = &self.page else {
                return Ok(false);
            };
            if self.next == 0 {
                let Some(place) = self.preceding() else { break };
                match self.fetch(place) {
                    Ok(page) => {
                        let next = page.layout.count();
                        self.enter(place, page, next);
                    }
                    Err(stop) => {
                        // Back to where this step began; its block was in memory a moment ago.
                        if self.place != undo.0 {
                            let page = self.fetch(undo.0)?;
                            self.enter(undo.0, page, undo.1);
                        }
                        self.next = undo.1;
                        return Err(stop);
                    }
                }
                continue;
            }
            let entry = page.layout.entry(&page.bytes, self.next - 1);
            let prefix = page.layout.prefix(&page.bytes);
            let suffix = &page.bytes[entry.suffix.clone()];
            let same = candidate.is_some()
                && key.len() == prefix.len() + suffix.len()
                && key.ends_with(suffix)
                && key.starts_with(prefix);
            if candidate.is_some() && (!same || entry.version > self.at) {
                break;
            }
            self.next -= 1;
            if entry.version > self.at {
                continue;
            }
            if !same {
                // The present key's buffer is left alone until the step has succeeded.
                key.clear();
                key.extend_from_slice(prefix);
                key.extend_from_slice(suffix);
                if page.guarded && self.low.as_ref().is_some_and(|low| key < *low) {
                    break;
                }
            }
            candidate = Some((page.bytes.clone(), entry));
        }
        let Some((block, entry)) = candidate else {
            return Ok(false);
        };
        self.held = Some(block);
        self.entry = entry;
        self.key = key;
        Ok(true)
    }
}

impl Source for Run {
    fn advance(&mut self) -> Step<bool> {
        if self.state == State::Fresh && !self.start()? {
            return Ok(false);
        }
        if self.state == State::Ended {
            return Ok(false);
        }
        let found = match self.direction {
            Direction::Forward => self.advance_forward()?,
            Direction::Reverse => self.advance_reverse()?,
        };
        if !found {
            self.state = State::Ended;
        }
        Ok(found)
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn version(&self) -> Commit {
        self.entry.version
    }

    #[inline]
    fn op(&self) -> Op {
        self.entry.op
    }

    #[inline]
    fn value(&self) -> Value<'_> {
        match &self.held {
            Some(block) => Value::Borrowed(&block[self.entry.value.clone()]),
            None => Value::Borrowed(&[]),
        }
    }
}

/// The key right after `key` in byte order.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
