//! Reading a whole table front to back, for compaction and checking: every version, past the cache.
//!
//! **Invariant.** Every block is verified on the way, and what is read does not push anybody's blocks out of memory.

use super::block::{adopt, Entry, Layout};
use super::Table;
use crate::error::Result;
use crate::types::{Commit, Op};
use std::sync::Arc;

/// Bytes read at once; blocks longer than this are read whole.
const CHUNK: usize = 256 << 10;

/// A walk over all entries of a table.
pub(crate) struct Stream {
    table: Arc<Table>,
    chunk: Vec<u8>,
    chunk_at: u64,
    /// The block after the present one.
    block: usize,
    page: Vec<u8>,
    layout: Layout,
    next: usize,
    key: Vec<u8>,
    entry: Entry,
    /// The present block is in the cache, too.
    warm: bool,
    bytes_read: u64,
}

impl Stream {
    /// A walk that stands before the first entry.
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            chunk: Vec::new(),
            chunk_at: 0,
            block: 0,
            page: Vec::new(),
            layout: Layout::default(),
            next: 0,
            key: Vec::new(),
            entry: Entry {
                version: 0,
                op: Op::Remove,
                suffix: 0..0,
                value: 0..0,
            },
            warm: false,
            bytes_read: 0,
        }
    }

    /// Moves to the next entry; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        while self.next == self.layout.count() {
            if !self.turn_page()? {
                return Ok(false);
            }
        }
        self.entry = self.layout.entry(&self.page, self.next);
        self.next += 1;
        self.key.clear();
        self.key.extend_from_slice(self.layout.prefix(&self.page));
        self.key
            .extend_from_slice(&self.page[self.entry.suffix.clone()]);
        Ok(true)
    }

    fn turn_page(&mut self) -> Result<bool> {
        let index = self.table.index();
        if self.block == index.len() {
            return Ok(false);
        }
        let place = index.place(self.block);
        let end = place.offset + place.bytes as u64;
        if place.offset < self.chunk_at || end > self.chunk_at + self.chunk.len() as u64 {
            let len = (index.data_bytes() - place.offset).min((place.bytes.max(CHUNK)) as u64);
            self.chunk.resize(len as usize, 0);
            self.table
                .file()
                .read_exact_at(&mut self.chunk, place.offset)?;
            self.chunk_at = place.offset;
            self.bytes_read += len;
        }
        let start = (place.offset - self.chunk_at) as usize;
        let opened = self
            .table
            .open_block(place.offset, &self.chunk[start..start + place.bytes])?;
        self.page.clear();
        self.page.extend_from_slice(opened.bytes());
        drop(opened);
        adopt(&mut self.page, self.table.adopted());
        self.layout = Layout::of(&self.page).unwrap_or_default();
        self.next = 0;
        self.warm = self.table.is_cached(self.block as u32);
        self.block += 1;
        Ok(true)
    }

    /// The present key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The present version.
    pub(crate) fn version(&self) -> Commit {
        self.entry.version
    }

    /// Added or removed.
    pub(crate) fn op(&self) -> Op {
        self.entry.op
    }

    /// The present value.
    pub(crate) fn value(&self) -> &[u8] {
        &self.page[self.entry.value.clone()]
    }

    /// Whether the present entry lies in a block that somebody has read lately.
    pub(crate) fn is_warm(&self) -> bool {
        self.warm
    }

    /// Index of the present block.
    pub(crate) fn block(&self) -> usize {
        self.block.saturating_sub(1)
    }

    /// The fingerprint stored for the present entry.
    pub(crate) fn fingerprint(&self) -> u8 {
        self.layout
            .fingerprint(&self.page, self.next.saturating_sub(1))
    }

    /// Bytes read from the file so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
