//! Memtables as sources of a merge.

use super::order::Walk;
use super::{EntryId, Found, Memtable};
use crate::merge::Source;
use crate::types::{Commit, Direction, Family, KeyRange, Op, Value};
use crate::writer::Step;
use std::ops::Bound;

const FIRST_CHUNK: usize = 16;
const LARGEST_CHUNK: usize = 512;

/// Walks a memtable that cannot change meanwhile.
pub(crate) struct MemSource<'m> {
    memtable: &'m Memtable,
    at: Commit,
    direction: Direction,
    /// Where the next chunk begins; `None` at the end.
    walk: Option<Walk>,
    chunk: Vec<EntryId>,
    next: usize,
    /// Entries wanted in the next chunk.
    want: usize,
    current: Option<(&'m [u8], Found<'m>)>,
}

impl<'m> MemSource<'m> {
    pub(crate) fn new(
        memtable: &'m Memtable,
        range: &KeyRange,
        at: Commit,
        direction: Direction,
    ) -> Self {
        let (start, end) = (range.start.as_ref(), range.end.as_ref());
        let walk = memtable.walk(start.map(Vec::as_slice), end.map(Vec::as_slice), direction);
        Self {
            memtable,
            at,
            direction,
            walk,
            chunk: Vec::new(),
            next: 0,
            want: FIRST_CHUNK,
            current: None,
        }
    }

    fn refill(&mut self) -> bool {
        self.chunk.clear();
        self.next = 0;
        let Some(walk) = &mut self.walk else {
            return false;
        };
        self.memtable
            .next(walk, self.direction, self.want, &mut self.chunk);
        if self.chunk.len() < self.want {
            self.walk = None;
        }
        self.want = (self.want * 2).min(LARGEST_CHUNK);
        !self.chunk.is_empty()
    }

    /// The present entry.
    #[inline]
    pub(crate) fn entry(&self) -> Option<(&'m [u8], Found<'m>)> {
        self.current
    }
}

const NOTHING: Found<'static> = Found {
    version: 0,
    op: Op::Remove,
    value: &[],
};

impl Source for MemSource<'_> {
    #[inline]
    fn advance(&mut self) -> Step<bool> {
        loop {
            if self.next == self.chunk.len() && !self.refill() {
                self.current = None;
                return Ok(false);
            }
            let id = self.chunk[self.next];
            self.next += 1;
            if let Some(found) = self.memtable.visible(id, self.at) {
                self.current = Some((self.memtable.key(id), found));
                return Ok(true);
            }
        }
    }

    fn key(&self) -> &[u8] {
        self.current.map_or(&[], |(key, _)| key)
    }

    fn version(&self) -> Commit {
        self.current.map_or(NOTHING, |(_, found)| found).version
    }

    fn op(&self) -> Op {
        self.current.map_or(NOTHING, |(_, found)| found).op
    }

    fn value(&self) -> Value<'_> {
        Value::Borrowed(self.current.map_or(NOTHING, |(_, found)| found).value)
    }
}

/// Gives access to a memtable for the length of a call; how is the holder's business (a lock, a frozen layer).
pub(crate) trait Access {
    /// Calls `read` with the memtable of `family`.
    fn with(&self, family: Family, read: &mut dyn FnMut(&Memtable));
}

struct Copied {
    key: (usize, usize),
    value: (usize, usize),
    version: Commit,
    op: Op,
}

/// Walks a memtable that may change between chunks, by copying one chunk at a time.
pub(crate) struct CopiedSource<A> {
    access: A,
    family: Family,
    at: Commit,
    direction: Direction,
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    bytes: Vec<u8>,
    chunk: Vec<Copied>,
    ids: Vec<EntryId>,
    /// One past the current entry.
    next: usize,
    want: usize,
}

impl<A: Access> CopiedSource<A> {
    pub(crate) fn new(
        access: A,
        family: Family,
        range: &KeyRange,
        at: Commit,
        direction: Direction,
    ) -> Self {
        Self {
            access,
            family,
            at,
            direction,
            start: range.start.clone(),
            end: range.end.clone(),
            bytes: Vec::new(),
            chunk: Vec::new(),
            ids: Vec::new(),
            next: 0,
            want: FIRST_CHUNK,
        }
    }

    fn refill(&mut self) {
        self.chunk.clear();
        self.bytes.clear();
        self.ids.clear();
        self.next = 0;
        let (bytes, chunk, ids) = (&mut self.bytes, &mut self.chunk, &mut self.ids);
        let (start, end) = (&mut self.start, &mut self.end);
        let (direction, want, at) = (self.direction, self.want, self.at);
        self.access.with(self.family, &mut |memtable| {
            memtable.range(
                start.as_ref().map(Vec::as_slice),
                end.as_ref().map(Vec::as_slice),
                direction,
                want,
                ids,
            );
            for id in ids.iter() {
                let Some(found) = memtable.visible(*id, at) else {
                    continue;
                };
                let mut copy = |part: &[u8]| {
                    let from = bytes.len();
                    bytes.extend_from_slice(part);
                    (from, bytes.len())
                };
                chunk.push(Copied {
                    key: copy(memtable.key(*id)),
                    value: copy(found.value),
                    version: found.version,
                    op: found.op,
                });
            }
            if let Some(last) = ids.last() {
                let bound = Bound::Excluded(memtable.key(*last).to_vec());
                match direction {
                    Direction::Forward => *start = bound,
                    Direction::Reverse => *end = bound,
                }
            }
        });
        self.want = if self.ids.len() < self.want {
            0
        } else {
            (self.want * 2).min(LARGEST_CHUNK)
        };
    }

    fn current(&self) -> Option<&Copied> {
        self.chunk.get(self.next.checked_sub(1)?)
    }
}

impl<A: Access> Source for CopiedSource<A> {
    fn advance(&mut self) -> Step<bool> {
        while self.next >= self.chunk.len() {
            if self.want == 0 {
                self.next = self.chunk.len() + 1;
                return Ok(false);
            }
            self.refill();
        }
        self.next += 1;
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        self.current()
            .map_or(&[], |entry| &self.bytes[entry.key.0..entry.key.1])
    }

    fn version(&self) -> Commit {
        self.current().map_or(0, |entry| entry.version)
    }

    fn op(&self) -> Op {
        self.current().map_or(Op::Remove, |entry| entry.op)
    }

    fn value(&self) -> Value<'_> {
        Value::Borrowed(
            self.current()
                .map_or(&[], |entry| &self.bytes[entry.value.0..entry.value.1]),
        )
    }
}
