//! The thread that merges tables: chooses, merges, installs, and tries again what failed.
//!
//! **Invariant.** What compaction may forget is decided against the retained points of the moment of its choice; a point made
//! later sees only newer commits.

use super::RETRY;
use crate::compaction::{pick, rewrite, run, Choice, CompactionFilter, Job, Outcome};
use crate::db::Shared;
use crate::error::{Error, Result};
use crate::types::Commit;
use crate::version::Version;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

/// What was dropped, or has come to lie behind the horizon, without a new table: compaction sees it so late.
const IDLE_LOOK: Duration = Duration::from_secs(5);
/// A compaction that keeps failing is tried again at least so often.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Shared {
    pub(super) fn compact_loop(&self) {
        let mut seen = 0;
        let mut retry = RETRY;
        loop {
            let number = {
                let mut progress = self.work.progress.lock();
                progress.compaction_tries += 1;
                progress.compaction_tries
            };
            let longest = match self.compact_once() {
                Ok(true) => {
                    retry = RETRY;
                    continue;
                }
                Ok(false) => IDLE_LOOK,
                // A full disk or damage: reads go on, and flushes report what concerns writers.
                Err(error) => {
                    let mut progress = self.work.progress.lock();
                    progress.busy_compacting = false;
                    progress.compaction_failure = Some((number, error));
                    self.work.changed.notify_all();
                    // Damage does not go away: the tries get rarer, for each reads its tables up to it.
                    retry = (2 * retry).min(LONGEST_RETRY);
                    retry
                }
            };
            match self.work.wait(seen, longest) {
                Some(round) => seen = round,
                None => return,
            }
        }
    }

    fn choose(
        &self,
        filter: Option<&dyn CompactionFilter>,
    ) -> (Arc<Version>, Vec<Commit>, Option<Choice>) {
        let (version, visible) = {
            let state = self.state.read();
            (state.version.clone(), self.visible(state.latest))
        };
        let mut retained = Vec::new();
        self.points.collect(&mut retained);
        // A snapshot made since may already see a newer commit.
        if let Err(place) = retained.binary_search(&visible) {
            retained.insert(place, visible);
        }
        let horizon = retained[0];
        let choice = pick(&version, &self.limits, horizon, filter);
        let choice = choice.or_else(|| self.hinted(&version, filter, horizon));
        (version, retained, choice)
    }

    /// A table that somebody knows to hold an entry that may go.
    fn hinted(
        &self,
        version: &Version,
        filter: Option<&dyn CompactionFilter>,
        horizon: Commit,
    ) -> Option<Choice> {
        let filter = filter?;
        let hints = std::mem::take(&mut *self.work.hints.lock());
        let mut useful = hints
            .into_iter()
            .filter(|(family, key)| filter.discard(*family, key, 0, horizon))
            .filter_map(|(family, key)| Some((rewrite(version, family, &key)?, family, key)));
        let (choice, ..) = useful.next()?;
        let rest = useful.map(|(_, family, key)| (family, key)).collect();
        *self.work.hints.lock() = rest;
        Some(choice)
    }

    /// Does one compaction; false if there is none to do.
    fn compact_once(&self) -> Result<bool> {
        if self.work.is_stopped() {
            return Ok(false);
        }
        let filter = self.filter.read().clone();
        let (version, retained, choice) = self.choose(filter.as_deref());
        let Some(choice) = choice else {
            self.work.progress.lock().busy_compacting = false;
            self.work.changed.notify_all();
            return Ok(false);
        };
        let job = Job {
            fs: &self.fs,
            dir: &self.dir,
            cache: &self.cache,
            retained: &retained,
            filter: filter.as_deref(),
            table_bytes: self.limits.table_bytes,
            next_id: &|| self.next_table.fetch_add(1, Ordering::Relaxed),
            cancel: &self.work.cancel,
            pace: &|_| {},
        };
        let Some(outcome) = run(&choice, &version, &job)? else {
            return Ok(false);
        };
        let Outcome {
            edit,
            opened,
            bytes_read,
            bytes_written,
            dropped,
        } = outcome;
        let synced = self.fs.sync_dir(&self.dir);
        if let Err(error) = synced.and_then(|()| self.install(&edit, &opened, None)) {
            self.discard(&edit.add);
            return Err(error);
        }
        let counters = &self.counters;
        counters.compactions.fetch_add(1, Ordering::Relaxed);
        counters
            .compaction_read
            .fetch_add(bytes_read, Ordering::Relaxed);
        counters
            .compaction_written
            .fetch_add(bytes_written, Ordering::Relaxed);
        counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        Ok(true)
    }

    /// Waits until there is nothing to compact. A try that had begun before may fail for a reason that is gone (a disk that
    /// was full): then the next one tells.
    pub(crate) fn wait_compacted(&self) -> Result<()> {
        loop {
            let begun = {
                let mut progress = self.work.progress.lock();
                progress.busy_compacting = true;
                progress.compaction_failure = None;
                progress.compaction_tries
            };
            self.work.wake();
            let mut progress = self.work.progress.lock();
            while progress.busy_compacting && !progress.stop {
                self.work.changed.wait(&mut progress);
            }
            if progress.stop {
                return Err(Error::Closed);
            }
            match progress.compaction_failure.take() {
                None => return Ok(()),
                Some((number, error)) if number > begun => return Err(error),
                Some(_) => {}
            }
        }
    }
}
