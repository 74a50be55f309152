//! Flush and compaction, and how writers are held back while they catch up.
//!
//! **Theory.** Memtables that are full become a layer and are written to level 0 by one thread; another merges tables.
//! A writer that runs ahead of them is delayed a little at each commit, more as the backlog grows, and so never
//! stands still for long. What fails here (a full disk) is tried again, and refuses writes only once the backlog is
//! as large as memory allows.
//!
//! **Invariant.** A layer is written only after the log is synced up to its last commit, so tables never hold
//! what a crash would take from the log.

mod compactor;

use crate::db::{Shared, LONGEST_DELAY};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::memtable::Memtable;
use crate::points::Kept;
use crate::state::{Layer, State};
use crate::table::{table_file_name, Builder, Table, TableAt};
use crate::types::{Commit, Direction, Family};
use crate::version::VersionEdit;
use parking_lot::{Condvar, Mutex};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Unflushed layers beyond which memtables are not frozen but grow.
const MAX_UNFLUSHED: usize = 2;
/// So many tables of level 0 beyond what compaction allows, writers begin to be held back; at twice so many they
/// are held back most.
const SLACK_TABLES: usize = 8;
/// After a failure, work is tried again so much later.
const RETRY: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Progress {
    stop: bool,
    /// Asked for by [`Shared::wait_compacted`].
    busy_compacting: bool,
    /// Tries of the compaction thread so far; the newest may still be at work.
    compaction_tries: u64,
    /// Which try failed last and why, for who waits for it.
    compaction_failure: Option<(u64, Error)>,
    rounds: u64,
    failure: Option<Error>,
}

/// What the background threads wait for and report.
#[derive(Default)]
pub(crate) struct Work {
    progress: Mutex<Progress>,
    changed: Condvar,
    cancel: AtomicBool,
    /// 0 to 1000: how far flushing and compaction are behind.
    pressure: AtomicUsize,
    /// Memory is full of what cannot be flushed.
    stuck: AtomicBool,
    /// Keys whose tables hold garbage that only the filter knows of.
    hints: Mutex<Vec<(Family, Vec<u8>)>>,
}

/// Hints that are kept; who gives them comes back.
const HINTS: usize = 64;

impl Work {
    /// There may be something to do.
    pub(crate) fn wake(&self) {
        self.progress.lock().rounds += 1;
        self.changed.notify_all();
    }

    /// See [`crate::Db::hint`].
    pub(crate) fn hint(&self, family: Family, key: &[u8]) {
        let mut hints = self.hints.lock();
        if hints.len() < HINTS {
            hints.push((family, key.to_vec()));
        }
    }

    /// Ends the threads after what they are at.
    pub(crate) fn stop(&self) {
        self.cancel.store(true, Ordering::Release);
        self.progress.lock().stop = true;
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.cancel.load(Ordering::Acquire)
    }

    /// Fails if memory is full and flushing does not work.
    #[inline]
    pub(crate) fn check_backlog(&self) -> Result<()> {
        if !self.stuck.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.progress.lock().failure {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn set_failure(&self, failure: Option<Error>) {
        let mut progress = self.progress.lock();
        progress.failure = failure;
        progress.rounds += 1;
        self.changed.notify_all();
    }

    /// Waits for news since `seen`, or until the time is over; the present round, `None` when stopped.
    fn wait(&self, seen: u64, longest: Duration) -> Option<u64> {
        let mut progress = self.progress.lock();
        if progress.rounds == seen && !progress.stop {
            self.changed.wait_for(&mut progress, longest);
        }
        (!progress.stop).then_some(progress.rounds)
    }
}

impl Shared {
    /// Starts the threads.
    pub(crate) fn spawn(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>> {
        type Job = fn(&Shared);
        let jobs: [(&str, Job); 3] = [
            ("hyperdb-log", |shared| shared.log.run()),
            ("hyperdb-flush", Shared::flush_loop),
            ("hyperdb-compact", Shared::compact_loop),
        ];
        let mut threads = Vec::new();
        for (name, job) in jobs {
            let shared = shared.clone();
            let thread = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || job(&shared))
                .map_err(|error| Error::Invalid(format!("cannot start a thread: {error}")))?;
            threads.push(thread);
        }
        Ok(threads)
    }

    /// Freezes the active memtables if they, or the log, have grown enough. The writer is held.
    pub(crate) fn freeze_if_full(&self, state: &mut State) {
        let full = state.active_bytes() >= self.budget.memtable
            || self.log.open_bytes() >= self.budget.log;
        if full && state.unflushed() < MAX_UNFLUSHED {
            self.freeze(state);
        }
        self.measure_pressure(state);
    }

    /// Sees how far flushing and compaction are behind: memtables have outgrown their budget while layers still
    /// wait, or level 0 has many tables.
    fn measure_pressure(&self, state: &State) {
        let budget = self.budget.memtable;
        let memory = if state.unflushed() < MAX_UNFLUSHED {
            0
        } else {
            state.active_bytes().saturating_sub(budget) * 1000 / budget
        };
        let tables = state.version.level(Family::DATA, 0).len();
        let slow = self.limits.l0_most + SLACK_TABLES;
        let tables = tables.saturating_sub(slow) * 1000 / SLACK_TABLES;
        self.work
            .pressure
            .store(memory.max(tables).min(1000), Ordering::Relaxed);
        self.work.stuck.store(memory >= 1000, Ordering::Release);
    }

    fn freeze(&self, state: &mut State) {
        if !state.is_active_empty() {
            state.freeze();
        }
        self.log.rotate();
        self.work.wake();
    }

    /// Delays a writer in proportion to the backlog.
    #[inline]
    pub(crate) fn hold_back(&self) {
        let pressure = self.work.pressure.load(Ordering::Relaxed);
        if pressure > 0 {
            let delay = LONGEST_DELAY * pressure as u32 / 1000;
            self.counters
                .delayed_micros
                .fetch_add(delay.as_micros() as u64, Ordering::Relaxed);
            thread::sleep(delay);
        }
    }

    fn flush_loop(&self) {
        let mut seen = 0;
        loop {
            let oldest = {
                let state = self.state.read();
                let oldest = state.layers.iter().rev().find(|layer| !layer.is_flushed());
                oldest.cloned()
            };
            let longest = match oldest {
                None => Duration::from_secs(3600),
                Some(layer) => match self.flush_layer(&layer) {
                    Ok(()) => {
                        self.work.set_failure(None);
                        continue;
                    }
                    Err(error) => {
                        self.work.set_failure(Some(error));
                        seen += 1;
                        RETRY
                    }
                },
            };
            match self.work.wait(seen, longest) {
                Some(round) => seen = round,
                None => return,
            }
        }
    }

    /// Writes a layer to tables, puts them in place, and lets go of the log behind it.
    fn flush_layer(&self, layer: &Arc<Layer>) -> Result<()> {
        if self.log.synced() < layer.last {
            self.log.sync()?;
        }
        let mut retained = Vec::new();
        self.points.collect(&mut retained);
        let mut tables = Vec::new();
        let result = self.write_tables(layer, &retained, &mut tables);
        let installed = result.and_then(|opened| {
            let edit = VersionEdit {
                add: tables.clone(),
                remove: Vec::new(),
            };
            self.install(&edit, &opened, Some(layer.last))
        });
        if let Err(error) = installed {
            self.discard(&tables);
            return Err(error);
        }
        let bytes = tables.iter().map(|table| table.bytes).sum();
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        self.counters
            .flushed_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let _dropped = self.retire_layers(layer);
        // A checkpoint holds the manifest while it copies the log.
        let _manifest = self.manifest.lock();
        self.log.recycle(layer.last)
    }

    fn write_tables(
        &self,
        layer: &Layer,
        retained: &[Commit],
        tables: &mut Vec<TableAt>,
    ) -> Result<Vec<Arc<Table>>> {
        let mut opened = Vec::new();
        for (family, memtable) in layer.memtables.iter().enumerate() {
            if memtable.len() == 0 {
                continue;
            }
            let id = self.next_table.fetch_add(1, Ordering::Relaxed);
            let path = self.dir.join(table_file_name(id));
            let written = self.write_table(id, Family(family as u8), memtable, retained);
            match written {
                Ok(Some(at)) => {
                    self.fs.sync_dir(&self.dir)?;
                    opened.push(Table::open(&self.fs, &self.dir, at, &self.cache)?);
                    tables.push(at);
                }
                Ok(None) => self.fs.remove(&path)?,
                Err(error) => {
                    // No manifest names it; if it cannot be removed now, the next open does.
                    let _ = self.fs.remove(&path);
                    return Err(error);
                }
            }
        }
        Ok(opened)
    }

    fn write_table(
        &self,
        id: u64,
        family: Family,
        memtable: &Memtable,
        retained: &[Commit],
    ) -> Result<Option<TableAt>> {
        let file = self.fs.create(&self.dir.join(table_file_name(id)))?;
        let mut builder = Builder::new(file, id, family).flushed();
        let mut ids = Vec::with_capacity(memtable.len());
        memtable.range(
            Bound::Unbounded,
            Bound::Unbounded,
            Direction::Forward,
            usize::MAX,
            &mut ids,
        );
        for id in ids {
            let key = memtable.key(id);
            memtable.flush_versions(id, retained, |found| {
                builder.add(key, found.version, found.op, found.value)
            })?;
        }
        builder.finish()
    }

    /// Removes the files of tables that could not be installed, so that trying again does not fill the disk.
    ///
    /// Writing the manifest may have failed after it got its name; then they are part of the store.
    fn discard(&self, tables: &[TableAt]) {
        let _manifest = self.manifest.lock();
        let Ok(Some(on_disk)) = Manifest::read(&*self.fs, &self.dir) else {
            return;
        };
        let named = |at: &TableAt| on_disk.tables.iter().any(|table| table.id == at.id);
        for at in tables.iter().filter(|at| !named(at)) {
            // If it cannot be removed now, the next open does it.
            let _ = self.fs.remove(&self.dir.join(table_file_name(at.id)));
        }
    }

    /// Marks a layer as flushed and drops the flushed layer before it. What was dropped is returned, so that it
    /// is freed without holding the state.
    fn retire_layers(&self, flushed: &Arc<Layer>) -> Vec<Arc<Layer>> {
        flushed.flushed.store(true, Ordering::Release);
        let mut state = self.state.write();
        let (dropped, kept) = state
            .layers
            .drain(..)
            .partition(|layer| layer.is_flushed() && !Arc::ptr_eq(layer, flushed));
        state.layers = kept;
        self.measure_pressure(&state);
        dropped
    }

    /// Makes a change of the tables durable and visible.
    fn install(
        &self,
        edit: &VersionEdit,
        opened: &[Arc<Table>],
        flushed: Option<Commit>,
    ) -> Result<()> {
        let mut manifest = self.manifest.lock();
        let (before, adopted) = {
            let state = self.state.read();
            (state.version.clone(), state.adopted)
        };
        // As with layers: no manifest names what the log may lose.
        self.log_is_synced(adopted)?;
        let version = Arc::new(before.apply(edit, opened)?);
        let mut next = Manifest {
            tables: version.places(),
            adopted,
            ..manifest.clone()
        };
        if let Some(flushed) = flushed {
            next.flushed = flushed;
            next.promised = next.promised.max(flushed);
        }
        self.write_manifest(&mut manifest, next)?;
        {
            let mut state = self.state.write();
            state.version = version;
            self.measure_pressure(&state);
        }
        drop(manifest);
        for table in before.tables() {
            let leaves = edit.remove.contains(&table.id());
            let moves = edit.add.iter().any(|at| at.id == table.id());
            if leaves && !moves {
                table.doom();
            }
        }
        self.work.wake();
        Ok(())
    }

    pub(crate) fn write_manifest(&self, current: &mut Manifest, mut next: Manifest) -> Result<()> {
        next.sequence = current.sequence + 1;
        next.next_table = self.next_table.load(Ordering::Relaxed);
        next.write(&*self.fs, &self.dir)?;
        *current = next;
        Ok(())
    }

    /// Changes which commits are kept. They count from when the manifest names them, and are let go only when it does not any more:
    /// compaction goes on meanwhile. Whoever has a commit kept holds a snapshot of it.
    pub(crate) fn edit_kept(&self, change: impl FnOnce(&mut Kept)) -> Result<()> {
        let mut manifest = self.manifest.lock();
        let mut next = manifest.clone();
        change(&mut next.kept);
        self.write_manifest(&mut manifest, next)?;
        self.points.set_kept(manifest.kept.clone());
        Ok(())
    }

    /// Makes sure that `commit` is on the platter.
    pub(crate) fn log_is_synced(&self, commit: Commit) -> Result<()> {
        if self.log.synced() >= commit {
            return Ok(());
        }
        self.log.sync()
    }

    /// Freezes what is in memory and waits until it is in tables.
    pub(crate) fn flush_all(&self) -> Result<()> {
        // An earlier failure says nothing of this try.
        self.work.set_failure(None);
        {
            let mut state = self.state.write();
            if state.is_active_empty() && state.unflushed() == 0 {
                return Ok(());
            }
            self.freeze(&mut state);
        }
        let mut seen = 0;
        loop {
            if self.state.read().unflushed() == 0 {
                return Ok(());
            }
            self.log.check()?;
            seen = match self.work.wait(seen, RETRY) {
                Some(round) => round,
                None => return Err(Error::Closed),
            };
            if let Some(error) = self.work.progress.lock().failure.clone() {
                return Err(error);
            }
        }
    }

    /// Before the threads end: what is worth flushing is flushed, the rest is synced.
    pub(crate) fn prepare_close(&self) -> Result<()> {
        // A short log is replayed at the next open faster than a table is made of it.
        if self.log.bytes() > 1 << 20 {
            self.flush_all()?;
        }
        self.log.sync()
    }

    /// After the threads ended: the manifest promises what the log holds.
    pub(crate) fn finish_close(&self) -> Result<()> {
        self.log.check()?;
        self.log.trim()?;
        let mut manifest = self.manifest.lock();
        let mut next = manifest.clone();
        next.promised = self.state.read().latest;
        self.write_manifest(&mut manifest, next)
    }
}
