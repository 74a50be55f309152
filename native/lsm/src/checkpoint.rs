//! Copies of a live store, checks of it, and its statistics.
//!
//! **Theory.** Tables never change, so a checkpoint links them (or copies them, to another file system). The log is
//! copied up to where it was synced. While that goes on, a snapshot keeps the tables' files and the log's lock
//! on recycling keeps the segments.

use crate::db::{Shared, Stats};
use crate::error::{Error, Result};
use crate::log::{recover, segment_name};
use crate::manifest::{Manifest, MANIFEST};
use crate::table::table_file_name;
use crate::types::Commit;
use crate::verify::verify_tables;
use std::path::Path;
use std::sync::atomic::Ordering;

const COPY_CHUNK: usize = 1 << 20;

impl Shared {
    /// See [`crate::Db::checkpoint`].
    pub(crate) fn checkpoint(&self, dest: &Path) -> Result<Commit> {
        self.fs.create_dir(dest)?;
        if !self.fs.list(dest)?.is_empty() {
            return Err(Error::Invalid(format!("{} is not empty", dest.display())));
        }
        self.log.sync()?;
        // Under the manifest's lock nothing is flushed, so tables and log fit together.
        let manifest = self.manifest.lock();
        let version = self.state.read().version.clone();
        for table in version.tables() {
            let name = table_file_name(table.id());
            let (from, to) = (self.dir.join(&name), dest.join(&name));
            if self.fs.link(&from, &to).is_err() {
                self.copy(&from, &to, table.at().bytes)?;
            }
        }
        self.log.sync()?;
        let mut last = manifest.flushed;
        for segment in self.log.segments() {
            let name = segment_name(segment.number);
            self.copy(&self.dir.join(&name), &dest.join(&name), segment.bytes)?;
            last = last.max(segment.last);
        }
        let copy = Manifest {
            promised: manifest.flushed,
            ..manifest.clone()
        };
        drop(manifest);
        copy.write(&*self.fs, dest)?;
        // What was queued but not yet written when the log was copied is not part of it.
        let found = recover::recover(
            &*self.fs,
            dest,
            copy.flushed,
            copy.promised,
            true,
            &mut |_, _, _, _| Ok(()),
        )?;
        debug_assert!(found.last <= last.max(copy.flushed));
        let copy = Manifest {
            promised: found.last,
            ..copy
        };
        copy.write(&*self.fs, dest)?;
        if let Some(parent) = dest
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            self.fs.sync_dir(parent)?;
        }
        Ok(found.last)
    }

    fn copy(&self, from: &Path, to: &Path, bytes: u64) -> Result<()> {
        let source = self.fs.open_read(from)?;
        let mut target = self.fs.create(to)?;
        let mut buffer = vec![0; COPY_CHUNK];
        let mut at = 0;
        while at < bytes {
            let n = usize::try_from(bytes - at)
                .unwrap_or(COPY_CHUNK)
                .min(COPY_CHUNK);
            source.read_exact_at(&mut buffer[..n], at)?;
            target.append(&buffer[..n])?;
            at += n as u64;
        }
        target.sync()
    }

    /// See [`crate::Db::check`].
    pub(crate) fn check(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Error>> {
        self.log.sync()?;
        let mut errors = Vec::new();
        let (version, flushed) = {
            let manifest = self.manifest.lock();
            match Manifest::read(&*self.fs, &self.dir) {
                Ok(Some(read)) if read == *manifest => {}
                Ok(_) => errors.push(Error::Corrupt {
                    path: self.dir.join(MANIFEST),
                    offset: 0,
                    what: "it is not the one that was written last".to_owned(),
                }),
                Err(error) => errors.push(error),
            }
            // Flushes wait for the manifest: no segment goes away while the log is read.
            let replay = recover::recover(
                &*self.fs,
                &self.dir,
                manifest.flushed,
                manifest.flushed,
                false,
                &mut |_, _, _, _| Ok(()),
            );
            errors.extend(replay.err());
            (self.state.read().version.clone(), manifest.flushed)
        };
        debug_assert!(flushed <= self.latest.load(Ordering::Acquire));
        errors.extend(verify_tables(&version, progress));
        Ok(errors)
    }

    /// See [`crate::Db::stats`].
    pub(crate) fn stats(&self) -> Stats {
        let (active, keys, layers, rows, version) = {
            let state = self.state.read();
            let rows = state.rows.lock().used();
            (
                state.active_bytes(),
                state.active.iter().map(|m| m.len()).sum::<usize>(),
                state
                    .layers
                    .iter()
                    .map(|layer| layer.bytes())
                    .sum::<usize>(),
                rows,
                state.version.clone(),
            )
        };
        let levels = version.level_stats();
        let tables: usize = levels.iter().map(|level| level.2).sum();
        let table_bytes: u64 = levels.iter().map(|level| level.3).sum();
        let level_0: usize = levels.iter().filter(|l| l.1 == 0).map(|l| l.2).sum();
        let (log_written, log_syncs) = self.log.counters();
        let latest = self.latest.load(Ordering::Acquire);
        let manifest = self.manifest.lock();
        let c = &self.counters;
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            rows: vec![
                ("latest_commit", latest),
                ("durable_commit", self.log.synced()),
                ("flushed_commit", manifest.flushed),
                ("retained_points", manifest.kept.asked.len() as u64),
                ("frame_points", manifest.kept.frames.len() as u64),
                ("poisoned", u64::from(self.log.is_poisoned())),
                ("memtable_bytes", active as u64),
                ("memtable_keys", keys as u64),
                ("layer_bytes", layers as u64),
                ("row_cache_bytes", rows as u64),
                ("block_cache_bytes", self.cache.used() as u64),
                ("block_cache_budget_bytes", self.cache.budget() as u64),
                ("block_cache_loads", self.cache.loads()),
                ("block_cache_evictions", self.cache.evictions()),
                ("memory_budget_bytes", self.options.memory as u64),
                ("log_bytes", self.log.bytes()),
                ("log_written_bytes", log_written),
                ("log_syncs", log_syncs),
                ("tables", tables as u64),
                ("tables_level_0", level_0 as u64),
                ("table_bytes", table_bytes),
                ("flushes", load(&c.flushes)),
                ("flushed_bytes", load(&c.flushed_bytes)),
                ("compactions", load(&c.compactions)),
                ("compaction_read_bytes", load(&c.compaction_read)),
                ("compaction_written_bytes", load(&c.compaction_written)),
                ("compaction_dropped_entries", load(&c.dropped)),
                ("writer_delay_micros", load(&c.delayed_micros)),
            ],
        }
    }
}
