//! Writing a table: entries in order go in, a synced file comes out.
//!
//! **Invariant.** Entries are strictly ascending by (key, version descending), or the builder refuses them; a
//! file that was not finished has no footer and is not taken for a table.

use super::block::{BlockBuilder, TARGET};
use super::bloom::{Bloom, DEEP_BITS, FLUSHED_BITS};
use super::footer::{Footer, Properties};
use super::frame;
use super::index::{separator, IndexBuilder};
use super::TableAt;
use crate::error::{Error, Result};
use crate::fs::Append;
use crate::hash::key_hash;
use crate::types::{Commit, Family, Op};
use std::sync::Arc;

/// Bytes gathered before the file is written to: large writes cost fewer calls.
const WRITE: usize = 256 << 10;

/// Bytes written before they are synced: small steps keep the disk's queue short for the log.
const SYNC: u64 = 4 << 20;

/// A block is kept for the cache if so many of its entries, one in this number, were read lately.
const WARM_SHARE: usize = 4;

/// A block as it was written, for the cache.
pub(crate) struct WarmBlock {
    pub(crate) number: u32,
    pub(crate) bytes: Arc<[u8]>,
}

/// Writes one table.
pub struct Builder {
    file: Box<dyn Append>,
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    block: BlockBuilder,
    raw: Vec<u8>,
    scratch: Vec<u8>,
    separator: Vec<u8>,
    index: IndexBuilder,
    /// Blocks so far, entries of the present one, and those of them that are warm.
    blocks: u32,
    in_block: usize,
    warm_in_block: usize,
    warm: Vec<WarmBlock>,
    hashes: Vec<u64>,
    filter_bits: usize,
    last_key: Vec<u8>,
    last_version: Commit,
    properties: Properties,
}

impl Builder {
    /// A builder that writes table `id` of `family` to a new, empty `file`.
    pub fn new(file: Box<dyn Append>, id: u64, family: Family) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(WRITE + 2 * TARGET),
            written: 0,
            synced: 0,
            block: BlockBuilder::default(),
            raw: Vec::new(),
            scratch: Vec::new(),
            separator: Vec::new(),
            index: IndexBuilder::default(),
            blocks: 0,
            in_block: 0,
            warm_in_block: 0,
            warm: Vec::new(),
            hashes: Vec::new(),
            filter_bits: DEEP_BITS,
            last_key: Vec::new(),
            last_version: 0,
            properties: Properties {
                id,
                family,
                entries: 0,
                removes: 0,
                superseded: 0,
                settles: 0,
                raw_bytes: 0,
                min_version: Commit::MAX,
                max_version: 0,
                bloom_offset: 0,
                bloom_bytes: 0,
                index_bytes: 0,
                smallest: Vec::new(),
                largest: Vec::new(),
            },
        }
    }

    /// The table is for level 0, where a reader asks every table: a larger filter lets less pass.
    #[must_use]
    pub fn flushed(mut self) -> Self {
        self.filter_bits = FLUSHED_BITS;
        self
    }

    /// Adds the next entry: a larger key, or an older version of the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] out of order or beyond 2 GiB; what the file system refuses.
    pub fn add(&mut self, key: &[u8], version: Commit, op: Op, value: &[u8]) -> Result<()> {
        self.add_warm(key, version, op, value, false)
    }

    /// As [`Builder::add`]; an entry that is `warm` was read lately, so its block may be worth keeping.
    pub(crate) fn add_warm(
        &mut self,
        key: &[u8],
        version: Commit,
        op: Op,
        value: &[u8],
        warm: bool,
    ) -> Result<()> {
        if key.len() + value.len() > frame::MAX_RAW / 2 {
            return Err(Error::Invalid("an entry may not exceed 1 GiB".into()));
        }
        let first = self.properties.entries == 0;
        let same = !first && key == self.last_key;
        if !first && (key < &self.last_key[..] || (same && version >= self.last_version)) {
            return Err(Error::Invalid("entries of a table must ascend".into()));
        }
        if self.block.bytes() >= TARGET {
            self.close_block(Some(key))?;
        }
        let properties = &mut self.properties;
        let hash = match self.hashes.last() {
            Some(&hash) if same => {
                properties.superseded += 1;
                properties.settles = properties.settles.max(self.last_version);
                hash
            }
            _ => {
                let hash = key_hash(key);
                self.hashes.push(hash);
                self.last_key.clear();
                self.last_key.extend_from_slice(key);
                hash
            }
        };
        if first {
            properties.smallest = key.to_vec();
        }
        if op == Op::Remove {
            properties.removes += 1;
            properties.settles = properties.settles.max(version);
        }
        properties.entries += 1;
        properties.raw_bytes += (key.len() + value.len()) as u64;
        properties.min_version = properties.min_version.min(version);
        properties.max_version = properties.max_version.max(version);
        self.last_version = version;
        self.in_block += 1;
        self.warm_in_block += usize::from(warm);
        self.block.add(key, hash, version, op, value);
        Ok(())
    }

    /// Bytes of the file so far, with what still waits in memory (uncompressed).
    pub fn bytes(&self) -> u64 {
        self.written + (self.buffer.len() + self.block.bytes()) as u64
    }

    /// Writes what is left and syncs the file; `None` if nothing was added, and then the file is empty.
    ///
    /// The caller syncs the directory.
    pub fn finish(self) -> Result<Option<TableAt>> {
        Ok(self.finish_warm()?.map(|(at, _)| at))
    }

    /// As [`Builder::finish`]; with the blocks that are worth keeping.
    pub(crate) fn finish_warm(mut self) -> Result<Option<(TableAt, Vec<WarmBlock>)>> {
        if self.properties.entries == 0 {
            return Ok(None);
        }
        self.close_block(None)?;
        self.properties.largest = std::mem::take(&mut self.last_key);
        self.properties.bloom_offset = self.position();
        let bloom = Bloom::build(&self.hashes, self.filter_bits).encode();
        self.properties.bloom_bytes = self.seal(&bloom, false)? as u64;
        let index = std::mem::take(&mut self.index).finish();
        self.properties.index_bytes = self.seal(&index, true)? as u64;
        let properties_offset = self.position();
        let properties = self.properties.encode();
        let properties_bytes = self.seal(&properties, false)? as u32;
        let footer = Footer {
            properties_offset,
            properties_bytes,
        };
        self.buffer.extend_from_slice(&footer.encode());
        self.write()?;
        self.file.sync()?;
        let at = TableAt {
            id: self.properties.id,
            family: self.properties.family,
            level: 0,
            bytes: self.written,
            adopted: 0,
        };
        Ok(Some((at, self.warm)))
    }

    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn seal(&mut self, payload: &[u8], compress: bool) -> Result<usize> {
        let bytes = frame::seal(payload, compress, &mut self.scratch, &mut self.buffer);
        if self.buffer.len() >= WRITE {
            self.write()?;
        }
        Ok(bytes)
    }

    /// Ends the present block; `next` is the key that will begin the next one.
    fn close_block(&mut self, next: Option<&[u8]>) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let last = self.block.last_key().unwrap_or_default();
        let cut = match next {
            Some(next) => separator(last, next, &mut self.separator).to_vec(),
            None => last.to_vec(),
        };
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        self.block.finish(&mut raw);
        let bytes = self.seal(&raw, true)?;
        if self.warm_in_block > 0 && self.warm_in_block * WARM_SHARE >= self.in_block {
            self.warm.push(WarmBlock {
                number: self.blocks,
                bytes: Arc::from(&raw[..]),
            });
        }
        self.blocks += 1;
        (self.in_block, self.warm_in_block) = (0, 0);
        self.raw = raw;
        self.index.add(&cut, bytes);
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        self.file.append(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if self.written - self.synced >= SYNC {
            self.file.sync()?;
            self.synced = self.written;
        }
        Ok(())
    }
}
