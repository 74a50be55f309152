//! An open table: its filter and index in memory, its blocks through the cache.

use super::block::{adopt, Layout, Lookup};
use super::builder::WarmBlock;
use super::footer::{Footer, Properties, FOOTER};
use super::index::{Index, Place};
use super::{frame, table_file_name, Bloom, Found, ReadMode, TableAt, TableId};
use crate::cache::{BlockCache, Slots};
use crate::error::{Error, Result};
use crate::fs::{FileSystem, ReadAt};
use crate::types::{Commit, Value};
use crate::writer::{Miss, Step, Stop};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A sorted table that can be read. Its file goes with the last reference once it was [doomed](Table::doom).
pub struct Table {
    at: TableAt,
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Arc<dyn ReadAt>,
    bloom: Bloom,
    index: Index,
    properties: Properties,
    slots: Arc<Slots>,
    doomed: AtomicBool,
}

impl Table {
    /// Opens table `at` in `dir`, reading and verifying everything but its data blocks.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming file and offset.
    pub fn open(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        at: TableAt,
        cache: &Arc<BlockCache>,
    ) -> Result<Arc<Table>> {
        let path = dir.join(table_file_name(at.id));
        let file = fs.open_read(&path)?;
        let corrupt = |offset: u64, what: &str| Error::Corrupt {
            path: path.clone(),
            offset,
            what: what.into(),
        };
        let len = file.len()?;
        if len != at.bytes {
            return Err(corrupt(
                len.min(at.bytes),
                &format!("the file has {len} bytes, {} were written", at.bytes),
            ));
        }
        let Some(footer_at) = len.checked_sub(FOOTER as u64) else {
            return Err(corrupt(0, "too short for a table"));
        };
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, footer_at)?;
        let footer = Footer::decode(&footer).map_err(|what| corrupt(footer_at, &what))?;
        if footer
            .properties_offset
            .checked_add(u64::from(footer.properties_bytes))
            != Some(footer_at)
        {
            return Err(corrupt(footer_at, "footer points outside the file"));
        }
        let read = |place: Place| -> Result<Vec<u8>> {
            let mut sealed = vec![0; place.bytes];
            file.read_exact_at(&mut sealed, place.offset)?;
            let opened = frame::open(&sealed).map_err(|what| corrupt(place.offset, what))?;
            Ok(match opened {
                frame::Opened::Inflated(raw) => raw,
                frame::Opened::Raw(raw) => raw.to_vec(),
            })
        };
        let properties_at = footer.properties_offset;
        let properties = read(Place {
            offset: properties_at,
            bytes: footer.properties_bytes as usize,
        })?;
        let properties = Properties::decode(&properties)
            .ok_or_else(|| corrupt(properties_at, "properties are damaged"))?;
        if properties.id != at.id || properties.family != at.family {
            return Err(corrupt(properties_at, "this is another table's content"));
        }
        let index_at = properties.bloom_offset.checked_add(properties.bloom_bytes);
        let end = index_at.and_then(|at| at.checked_add(properties.index_bytes));
        let (Some(index_at), true) = (index_at, end == Some(properties_at)) else {
            return Err(corrupt(properties_at, "properties point outside the file"));
        };
        let bloom = read(Place {
            offset: properties.bloom_offset,
            bytes: properties.bloom_bytes as usize,
        })?;
        let bloom = Bloom::decode(&bloom)
            .ok_or_else(|| corrupt(properties.bloom_offset, "bloom filter is damaged"))?;
        let index = read(Place {
            offset: index_at,
            bytes: properties.index_bytes as usize,
        })?;
        let index = Index::decode(&index).map_err(|what| corrupt(index_at, what))?;
        if index.data_bytes() != properties.bloom_offset {
            return Err(corrupt(index_at, "index does not cover the data"));
        }
        // Walks rely on it: what is not above the largest key has a block.
        if index.separator(index.len() - 1) != properties.largest {
            return Err(corrupt(index_at, "index does not end with the largest key"));
        }
        if at.adopted > 0 && properties.max_version > 0 {
            return Err(corrupt(
                properties_at,
                "entries of several commits were adopted by one",
            ));
        }
        let slots = Slots::new(cache, index.len());
        let mut table = Table {
            at,
            fs: fs.clone(),
            path,
            file,
            bloom,
            index,
            properties,
            slots,
            doomed: AtomicBool::new(false),
        };
        if at.adopted > 0 {
            table.adopt(at.adopted);
        }
        Ok(Arc::new(table))
    }

    /// Makes all entries those of `commit`: they were written before it had a number, and nobody has read them yet.
    pub(crate) fn adopt(&mut self, commit: Commit) {
        self.at.adopted = commit;
        (self.properties.min_version, self.properties.max_version) = (commit, commit);
    }

    /// Number, family, level at opening and length.
    pub fn at(&self) -> TableAt {
        self.at
    }

    /// Its number.
    pub fn id(&self) -> TableId {
        self.at.id
    }

    /// Its smallest key.
    pub fn smallest(&self) -> &[u8] {
        &self.properties.smallest
    }

    /// Its largest key.
    pub fn largest(&self) -> &[u8] {
        &self.properties.largest
    }

    /// The newest version of an entry.
    pub fn max_version(&self) -> Commit {
        self.properties.max_version
    }

    /// How many entries it has, removes and old versions included.
    pub fn entries(&self) -> u64 {
        self.properties.entries
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of memory that filter and index take.
    pub fn memory(&self) -> usize {
        self.index.memory() + self.properties.bloom_bytes as usize
    }

    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn bloom(&self) -> &Bloom {
        &self.bloom
    }

    pub(crate) fn file(&self) -> &dyn ReadAt {
        &*self.file
    }

    /// Lets the file be removed when the last reference to this table goes.
    pub fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    /// Takes [`Table::doom`] back.
    pub(crate) fn spare(&self) {
        self.doomed.store(false, Ordering::Release);
    }

    /// The commit that its entries were given when it joined the store; 0: they were written with their own.
    pub(crate) fn adopted(&self) -> Commit {
        self.at.adopted
    }

    /// Whether `key` may be here: it lies between smallest and largest, and the filter lets it pass.
    #[inline]
    pub(crate) fn may_hold(&self, key: &[u8], hash: u64) -> bool {
        self.bloom.may_hold(hash) && self.covers(key)
    }

    /// Whether `key` lies between smallest and largest.
    #[inline]
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        key >= self.smallest() && key <= self.largest()
    }

    /// The newest entry of `key` at or below commit `at`.
    #[inline]
    pub fn get(&self, key: &[u8], hash: u64, at: Commit, mode: ReadMode) -> Step<Option<Found>> {
        if at < self.properties.min_version || !self.may_hold(key, hash) {
            return Ok(None);
        }
        self.search(self.index.seek(key), key, hash, at, mode)
    }

    /// [`Table::get`] from the block on that the index named.
    #[inline]
    pub(crate) fn search(
        &self,
        mut block: usize,
        key: &[u8],
        hash: u64,
        at: Commit,
        mode: ReadMode,
    ) -> Step<Option<Found>> {
        while block < self.index.len() {
            let bytes = self.block(block as u32, mode)?;
            let Some(layout) = Layout::of(&bytes) else {
                return Ok(None);
            };
            if let Lookup::Found(entry) = layout.find(&bytes, key, hash, at) {
                return Ok(Some(Found {
                    version: entry.version,
                    op: entry.op,
                    value: Value::Shared(bytes, entry.value.start, entry.value.end),
                }));
            }
            // Only a separator equal to the key says that more versions may follow in the next block.
            if !self.index.ends_with(block, key) {
                break;
            }
            block += 1;
        }
        Ok(None)
    }

    /// Whether block `i` is in memory.
    pub(crate) fn is_cached(&self, i: u32) -> bool {
        self.slots.has(i)
    }

    /// Puts blocks into the cache that were kept while this table was written, as far as there is room.
    pub(crate) fn take_warm(&self, warm: Vec<WarmBlock>) {
        for block in warm {
            if !self.slots.cache().has_room() {
                return;
            }
            self.slots.insert(block.number, block.bytes);
        }
    }

    /// Asks for the cache's slot of block `i`.
    #[inline]
    pub(crate) fn ask_slot(&self, i: u32) {
        self.slots.ask_slot(i);
    }

    /// Asks for the front of block `i`, if it is in memory; its slot should be near.
    #[inline]
    pub(crate) fn ask_front(&self, i: u32) {
        self.slots.glance(i, Layout::ask_front);
    }

    /// Asks for the entry that a search for a key with this hash will look at in block `i`; its front should be near.
    #[inline]
    pub(crate) fn ask_entry(&self, i: u32, hash: u64) {
        self.slots.glance(i, |block| {
            if let Some(layout) = Layout::of(block) {
                layout.ask_entry(block, hash);
            }
        });
    }

    /// Block `i`, from memory or, where that is allowed, from disk. What need not be waited for is read in either mode: to hand it to
    /// another thread and to run a command again costs more.
    #[inline]
    pub(crate) fn block(&self, i: u32, mode: ReadMode) -> Step<Arc<[u8]>> {
        if let Some(block) = self.slots.get(i) {
            return Ok(block);
        }
        match mode {
            ReadMode::Blocking => Ok(self.read_into_cache(i)?),
            ReadMode::CachedOnly => match self.read_now(i)? {
                Some(block) => Ok(block),
                None => Err(Stop::Miss(Miss {
                    table: self.at.id,
                    block: i,
                })),
            },
        }
    }

    /// Brings block `i` into the cache.
    pub fn load(&self, i: u32) -> Result<()> {
        if (i as usize) < self.index.len() && self.slots.get(i).is_none() {
            self.read_into_cache(i)?;
            // Touched, so that it is still there when the command that asked for it runs again.
            let _ = self.slots.get(i);
        }
        Ok(())
    }

    #[cold]
    fn read_into_cache(&self, i: u32) -> Result<Arc<[u8]>> {
        let place = self.index.place(i as usize);
        let mut sealed: Arc<[u8]> = std::iter::repeat_n(0, place.bytes).collect();
        self.file
            .read_exact_at(Arc::make_mut(&mut sealed), place.offset)?;
        self.keep(i, place, sealed)
    }

    /// Block `i`, if reading it takes no waiting for the disk.
    #[cold]
    fn read_now(&self, i: u32) -> Result<Option<Arc<[u8]>>> {
        let place = self.index.place(i as usize);
        let mut sealed: Arc<[u8]> = std::iter::repeat_n(0, place.bytes).collect();
        let is_read = self.file.read_now(Arc::make_mut(&mut sealed), place.offset);
        is_read.then(|| self.keep(i, place, sealed)).transpose()
    }

    /// Verifies block `i` as it was read, and puts it into the cache.
    fn keep(&self, i: u32, place: Place, sealed: Arc<[u8]>) -> Result<Arc<[u8]>> {
        // What was stored as it is stays where it was read to, with its envelope's few bytes behind it.
        let mut block = match self.open_block(place.offset, &sealed)? {
            frame::Opened::Inflated(raw) => Arc::from(raw),
            frame::Opened::Raw(_) => sealed,
        };
        if self.at.adopted > 0 {
            adopt(Arc::make_mut(&mut block), self.at.adopted);
        }
        Ok(self.slots.insert(i, block))
    }

    /// Verifies a block that was read from `offset`.
    pub(crate) fn open_block<'b>(
        &self,
        offset: u64,
        sealed: &'b [u8],
    ) -> Result<frame::Opened<'b>> {
        let opened = frame::open(sealed).map_err(|what| self.corrupt(offset, what))?;
        Layout::check(opened.bytes()).map_err(|what| self.corrupt(offset, what))?;
        Ok(opened)
    }

    /// The error that names this file.
    pub(crate) fn corrupt(&self, offset: u64, what: impl Into<String>) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            offset,
            what: what.into(),
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire) {
            // What cannot be removed now is an orphan, and orphans are removed at the next open.
            let _ = self.fs.remove(&self.path);
        }
    }
}
