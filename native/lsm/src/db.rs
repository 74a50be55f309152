//! Sharing the store between threads: the handle, and what every part of it refers to.
//!
//! **Theory.** The writer holds the state for as long as it changes it; readers hold it for moments. Threads in the
//! background (the log's, flush, compaction) work on parts that do not change and take the state only to put
//! their result in place.
//!
//! **Invariant.** Locks are taken in this order: manifest, state, log, points.

use crate::background::Work;
use crate::batch::Batch;
use crate::cache::BlockCache;
use crate::compaction::{CompactionFilter, Limits};
use crate::error::{Error, Result};
use crate::fs::{DirLock, FileSystem, StdFs};
use crate::log::Log;
use crate::manifest::Manifest;
use crate::open::open;
use crate::points::Points;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::types::{Commit, Family, Op};
use crate::writer::{Miss, Stop, Writer};
use parking_lot::{Mutex, RwLock};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// When an acknowledged commit is on the platter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Before it is acknowledged or read by another session.
    #[default]
    Always,
    /// Written at once, synced within a second.
    EverySec,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// When commits become durable.
    pub sync: SyncMode,
    /// Bytes for memtables and caches together.
    pub memory: usize,
    /// Create the directory if it is not there.
    pub create: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: SyncMode::Always,
            memory: 512 << 20,
            create: true,
        }
    }
}

/// How the memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bytes at which memtables are frozen.
    pub(crate) memtable: usize,
    /// Bytes of log at which they are, too.
    pub(crate) log: u64,
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
    /// What is left to whoever keeps things of its own over the store.
    pub(crate) aside: usize,
}

impl Budget {
    /// Room for three generations of memtables (active, being flushed, flushed but warm), rows, blocks, and what is kept over the store.
    pub(crate) fn of(memory: usize) -> Budget {
        let memtable = (memory / 6).clamp(256 << 10, 64 << 20);
        let (rows, aside) = (memory / 16, memory / 16);
        Budget {
            memtable,
            aside,
            // What a kill leaves to replay: about twice this, at some ten megabytes a second on a slow machine.
            log: 2 * memtable as u64,
            rows,
            blocks: memory
                .saturating_sub(3 * memtable + rows + aside)
                .max(1 << 20),
        }
    }
}

/// Counters and gauges, for INFO, metrics and `hyperdb stats`.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Name and value, in a fixed order; bytes, counts and microseconds as the name says.
    pub rows: Vec<(&'static str, u64)>,
}

type CommitHook = Arc<dyn Fn(Commit) + Send + Sync>;

/// Totals since open.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) flushes: AtomicU64,
    pub(crate) flushed_bytes: AtomicU64,
    pub(crate) compactions: AtomicU64,
    pub(crate) compaction_read: AtomicU64,
    pub(crate) compaction_written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) delayed_micros: AtomicU64,
}

/// What the handle, writers, snapshots and threads share.
pub(crate) struct Shared {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    pub(crate) state: RwLock<State>,
    pub(crate) latest: AtomicU64,
    pub(crate) log: Log,
    pub(crate) points: Points,
    pub(crate) manifest: Mutex<Manifest>,
    pub(crate) next_table: AtomicU64,
    pub(crate) cache: Arc<BlockCache>,
    /// How many threads can run at once on this machine.
    pub(crate) processors: usize,
    pub(crate) filter: RwLock<Option<Arc<dyn CompactionFilter>>>,
    pub(crate) work: Work,
    pub(crate) counters: Counters,
    pub(crate) hooks: RwLock<Vec<CommitHook>>,
    pub(crate) closed: AtomicBool,
}

impl Shared {
    /// The newest commit that sessions other than its writer may see.
    #[inline]
    pub(crate) fn visible(&self, latest: Commit) -> Commit {
        match self.options.sync {
            SyncMode::Always => self.log.synced().min(latest),
            SyncMode::EverySec => latest,
        }
    }

    pub(crate) fn set_latest(&self, commit: Commit) {
        self.latest.store(commit, Ordering::Release);
        for hook in self.hooks.read().iter() {
            hook(commit);
        }
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        self.work.check_backlog()
    }
}

/// Ends the threads and gives the directory free when the last handle goes.
struct Owner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<Box<dyn DirLock>>>,
}

impl Owner {
    fn close(&self) -> Result<()> {
        let mut threads = self.threads.lock();
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let result = self.shared.prepare_close();
        self.shared.work.stop();
        self.shared.log.stop();
        for thread in threads.drain(..) {
            // A thread that panicked has left the files as a crash would: the next open recovers.
            let _ = thread.join();
        }
        let result = result.and_then(|()| self.shared.finish_close());
        self.lock.lock().take();
        result
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Whoever wants to know whether closing succeeded calls `Db::close`; what failed is recovered at open.
        let _ = self.close();
    }
}

/// An open store. Cheap to clone and to share between threads; closed when the last clone goes.
#[derive(Clone)]
pub struct Db {
    pub(crate) shared: Arc<Shared>,
    owner: Arc<Owner>,
}

impl Db {
    /// Opens (or creates) the store in `dir`.
    ///
    /// # Errors
    /// [`crate::Error::Locked`] if another process has it, [`crate::Error::Corrupt`] naming file and offset.
    pub fn open(dir: &Path, options: Options) -> Result<Db> {
        Self::open_in(Arc::new(StdFs), dir, options)
    }

    /// As [`Db::open`], on another file system than the system's.
    pub fn open_in(fs: Arc<dyn FileSystem>, dir: &Path, options: Options) -> Result<Db> {
        let (shared, lock) = open(fs, dir, options)?;
        let shared = Arc::new(shared);
        let owner = Arc::new(Owner {
            shared: shared.clone(),
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        });
        *owner.threads.lock() = Shared::spawn(&shared)?;
        Ok(Db { shared, owner })
    }

    /// Closes the store: what is committed becomes durable and the directory free. Reads of snapshots go on.
    ///
    /// # Errors
    /// [`Error::Poisoned`] if something could not be made durable.
    pub fn close(&self) -> Result<()> {
        self.owner.close()
    }

    /// The exclusive writer; waits for the present one to go.
    pub fn writer(&self) -> Writer<'_> {
        self.shared.log.throttle();
        self.shared.hold_back();
        Writer::new(&self.shared, self.shared.state.write())
    }

    /// Writes a batch as one commit; returns its number. It may be acknowledged after [`Db::wait_durable`].
    ///
    /// # Errors
    /// As [`Writer::commit`]; [`Error::Invalid`] for a key or value that is too long. Nothing is written then.
    pub fn write(&self, batch: &Batch) -> Result<Commit> {
        self.write_with(self.writer(), batch)
    }

    /// As [`Db::write`], and waits until it may be acknowledged.
    ///
    /// # Errors
    /// As [`Db::write`] and [`Db::wait_durable`].
    pub fn write_durable(&self, batch: &Batch) -> Result<Commit> {
        let mut writer = self.writer();
        writer.lead();
        let commit = self.write_with(writer, batch)?;
        self.wait_durable(commit)?;
        Ok(commit)
    }

    fn write_with(&self, mut writer: Writer<'_>, batch: &Batch) -> Result<Commit> {
        for (family, op, insert, key, value) in batch.iter() {
            let step = match (op, insert) {
                (Op::Add, false) => writer.put(family, key, value),
                (Op::Add, true) => writer.insert(family, key, value),
                (Op::Remove, _) => writer.remove(family, key, value),
            };
            match step {
                Ok(()) => {}
                Err(Stop::Failed(error)) => return Err(error),
                // Writes read nothing.
                Err(Stop::Miss(_)) => return Err(Error::Invalid("a write missed a block".into())),
            }
        }
        writer.commit()
    }

    /// Reads a missing block into the cache; to be called without holding the writer.
    pub fn load(&self, miss: &Miss) -> Result<()> {
        let version = self.shared.state.read().version.clone();
        version.load(miss)
    }

    /// A view of the newest durable (under `Always`) or written (under `EverySec`) commit.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.shared.state.read();
        let commit = self.shared.visible(state.latest);
        self.shared.points.pin(commit);
        Snapshot::new(self.shared.clone(), &state, commit)
    }

    /// Hands the value of `key` at the newest visible commit to `read`, if that takes no waiting; `None` where it
    /// would: the writer is at work, or a block is not in memory. Cheaper than a snapshot for one read.
    pub fn peek<T>(
        &self,
        family: Family,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<Option<T>> {
        match self.glance(|glance| glance.get(family, key, read)) {
            None => Ok(None),
            Some(found) => found,
        }
    }

    /// A view of an earlier commit that is still retained.
    ///
    /// # Errors
    /// [`crate::Error::BehindHorizon`] if it is not; [`crate::Error::Invalid`] if it has not happened yet.
    pub fn snapshot_at(&self, commit: Commit) -> Result<Snapshot> {
        let state = self.shared.state.read();
        let visible = self.shared.visible(state.latest);
        if commit > visible {
            return Err(Error::Invalid(format!(
                "commit {commit} is not there yet; the newest is {visible}"
            )));
        }
        if commit == visible {
            self.shared.points.pin(commit);
        } else if let Err(oldest) = self.shared.points.pin_retained(commit) {
            return Err(Error::BehindHorizon {
                asked: commit,
                oldest: oldest.unwrap_or(visible),
            });
        }
        Ok(Snapshot::new(self.shared.clone(), &state, commit))
    }

    /// The oldest commit that must stay readable: retained, held by a snapshot, or else the newest visible one.
    pub fn horizon(&self) -> Commit {
        let state = self.shared.state.read();
        let visible = self.shared.visible(state.latest);
        self.shared
            .points
            .oldest()
            .map_or(visible, |oldest| oldest.min(visible))
    }

    /// Keeps what is visible at the newest visible commit readable until [`Db::release`]; survives a restart.
    pub fn retain(&self) -> Result<Commit> {
        let snapshot = self.snapshot();
        let commit = snapshot.commit();
        self.shared.log_is_synced(commit)?;
        self.shared.edit_kept(|kept| {
            kept.asked.insert(commit);
        })?;
        Ok(commit)
    }

    /// Ends the retention of every commit below `commit`; what is kept for frames stays.
    pub fn release(&self, commit: Commit) -> Result<()> {
        self.shared
            .edit_kept(|kept| kept.asked = kept.asked.split_off(&commit))?;
        self.shared.work.wake();
        Ok(())
    }

    /// The commits kept by [`Db::retain`], ascending.
    pub fn retained(&self) -> Vec<Commit> {
        self.shared.points.kept().asked.into_iter().collect()
    }

    /// The commits kept for frames by [`Snapshot::keep_for_frames`], ascending.
    pub fn kept_for_frames(&self) -> Vec<Commit> {
        self.shared.points.kept().frames.into_iter().collect()
    }

    /// The newest commit, durable or not.
    pub fn latest(&self) -> Commit {
        self.shared.latest.load(Ordering::Acquire)
    }

    /// Bytes of what was written and is not in tables yet: what memory must hold, beside caches.
    pub fn unflushed_bytes(&self) -> usize {
        self.shared.state.read().unflushed_bytes()
    }

    /// The newest commit that other sessions may see.
    pub fn durable(&self) -> Commit {
        self.shared.visible(self.latest())
    }

    /// Waits until `commit` may be acknowledged.
    ///
    /// # Errors
    /// [`crate::Error::Poisoned`] if it never may.
    pub fn wait_durable(&self, commit: Commit) -> Result<()> {
        match self.shared.options.sync {
            SyncMode::Always => self.shared.log.wait(commit),
            SyncMode::EverySec => self.shared.log.check(),
        }
    }

    /// Bytes of memory that it was opened with.
    pub fn memory(&self) -> usize {
        self.shared.options.memory
    }

    /// Bytes of that memory that the store leaves to whoever keeps things of its own over it.
    pub fn aside(&self) -> usize {
        self.shared.budget.aside
    }

    /// When commits become durable.
    pub fn sync_mode(&self) -> SyncMode {
        self.shared.options.sync
    }

    /// Whether the store still takes writes.
    ///
    /// # Errors
    /// [`crate::Error::Poisoned`]: what is not durable yet never will be.
    pub fn health(&self) -> Result<()> {
        self.shared.log.check()
    }

    /// Makes everything committed durable now, whatever the sync mode.
    pub fn sync(&self) -> Result<()> {
        self.shared.log.sync()
    }

    /// Calls `notify` from the log thread each time [`Db::durable`] moves, and once when the store is poisoned.
    pub fn on_durable(&self, notify: Arc<dyn Fn() + Send + Sync>) {
        self.shared.log.on_synced(notify);
    }

    /// Calls `notify` with each new commit, whoever made it. The writer is still held: only wake somebody.
    pub fn on_commit(&self, notify: Arc<dyn Fn(Commit) + Send + Sync>) {
        self.shared.hooks.write().push(notify);
    }

    /// Sets what compaction may drop though the store does not know why.
    pub fn set_compaction_filter(&self, filter: Arc<dyn CompactionFilter>) {
        *self.shared.filter.write() = Some(filter);
    }

    /// Tells that `key` is among what the compaction filter lets go: its table is written anew when there is nothing better to do.
    /// Without it, what shares a table with other things goes when these are rewritten.
    pub fn hint(&self, family: Family, key: &[u8]) {
        self.shared.work.hint(family, key);
        self.shared.work.wake();
    }

    /// Takes `bytes` of the store's memory out of the block cache, for what the process keeps elsewhere; a later call takes its
    /// place. The cache keeps a mebibyte whatever is asked.
    pub fn reserve(&self, bytes: usize) {
        let left = self.shared.budget.blocks.saturating_sub(bytes);
        self.shared.cache.set_budget(left);
    }

    /// Moves everything from memory into tables and waits for it.
    pub fn flush(&self) -> Result<()> {
        self.shared.flush_all()
    }

    /// Merges tables until nothing is left to do, and waits for it.
    pub fn compact(&self) -> Result<()> {
        self.shared.flush_all()?;
        self.shared.wait_compacted()
    }

    /// Makes a copy of the store in `dest`, which must not exist or be empty, while writing goes on.
    ///
    /// It holds a commit that was durable when the call began, or a later one; which one is returned.
    pub fn checkpoint(&self, dest: &Path) -> Result<Commit> {
        self.shared.checkpoint(dest)
    }

    /// Verifies every checksum and invariant on the disk; what is wrong. `progress(done, total)` in bytes.
    pub fn check(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Error>> {
        self.shared.check(progress)
    }

    /// The 16 bytes drawn at creation that tell this store from others.
    pub fn store_id(&self) -> [u8; 16] {
        self.shared.manifest.lock().store_id
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

/// How long a writer is held back when flushing falls behind: rises with the backlog, in small steps.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_millis(5);
