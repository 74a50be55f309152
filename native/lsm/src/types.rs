//! The nouns every module shares: commits, families, ranges and borrowed values.

use std::ops::{Bound, Deref};
use std::sync::Arc;

/// Number of a commit; also the version of every entry written by it. The first commit is 1.
pub type Commit = u64;

/// A column family: an independent sorted space that shares the log, so one commit can span several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub u8);

impl Family {
    /// Elements and members: what users stored and what commitments cover.
    pub const DATA: Family = Family(0);
    /// Commitment tree nodes and frame headers.
    pub const NODE: Family = Family(1);
    /// Derived or administrative records that are never committed to: expiry order, dropped collections.
    pub const META: Family = Family(2);
    /// How many families a store has.
    pub const COUNT: usize = 3;
}

/// What an entry does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// The key is there, with this value.
    Add = 1,
    /// The key is gone; the value says what kind of element went (a note of a few bytes).
    Remove = 2,
}

/// Which way a scan walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key up.
    Forward,
    /// From the largest key down.
    Reverse,
}

/// A range of keys in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it starts.
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
        }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while let Some(last) = end.last_mut() {
            if *last < u8::MAX {
                *last += 1;
                return Self {
                    start: Bound::Included(prefix.to_vec()),
                    end: Bound::Excluded(end),
                };
            }
            end.pop();
        }
        Self {
            start: Bound::Included(prefix.to_vec()),
            end: Bound::Unbounded,
        }
    }

    /// Keys from `start` (included) to `end` (excluded).
    pub fn between(start: &[u8], end: &[u8]) -> Self {
        Self {
            start: Bound::Included(start.to_vec()),
            end: Bound::Excluded(end.to_vec()),
        }
    }
}

/// A value as read: borrowed from the memtable, or kept alive by the block it lies in.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Lies in a memtable that the reader holds locked.
    Borrowed(&'a [u8]),
    /// Lies in a verified block, at `start..end`.
    Shared(Arc<[u8]>, usize, usize),
}

impl Value<'_> {
    /// The value without its first `bytes` bytes, or empty if it has not so many.
    #[must_use]
    pub fn skip(self, bytes: usize) -> Self {
        match self {
            Value::Borrowed(all) => Value::Borrowed(all.get(bytes..).unwrap_or(&[])),
            Value::Shared(block, start, end) => {
                Value::Shared(block, start.saturating_add(bytes).min(end), end)
            }
        }
    }
}

impl Deref for Value<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Value::Borrowed(bytes) => bytes,
            Value::Shared(block, start, end) => &block[*start..*end],
        }
    }
}
