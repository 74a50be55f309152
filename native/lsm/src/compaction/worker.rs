//! Carrying out a choice: tables in, merged tables and an edit out.
//!
//! **Invariant.** Nothing of the input is changed. If the work fails or is cancelled, its files are removed; if the process
//! dies, they are orphans that the next open removes.

use super::garbage::{Garbage, Verdict};
use super::{Choice, CompactionFilter};
use crate::cache::BlockCache;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::table::{table_file_name, Builder, Stream, Table, TableAt, TableId};
use crate::types::{Commit, Family};
use crate::version::{Version, VersionEdit, LEVELS};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Entries between two looks at `cancel` and calls of `pace`.
const STRIDE: u64 = 4096;

/// What a compaction needs from its store.
pub struct Job<'a> {
    /// Where tables are.
    pub fs: &'a Arc<dyn FileSystem>,
    /// The directory they are in.
    pub dir: &'a Path,
    /// The cache that new tables join.
    pub cache: &'a Arc<BlockCache>,
    /// Commits that must stay readable, ascending; the newest commit that anybody may see comes last.
    pub retained: &'a [Commit],
    /// What else may be dropped.
    pub filter: Option<&'a dyn CompactionFilter>,
    /// Bytes at which an output table is ended.
    pub table_bytes: u64,
    /// Numbers for new tables.
    pub next_id: &'a (dyn Fn() -> TableId + Sync),
    /// Set by whoever wants it to stop.
    pub cancel: &'a AtomicBool,
    /// Told the bytes written since the last call; may sleep.
    pub pace: &'a (dyn Fn(u64) + Sync),
}

/// What a compaction made.
pub struct Outcome {
    /// The change to the version; make it durable, then install it.
    pub edit: VersionEdit,
    /// The new tables, open.
    pub opened: Vec<Arc<Table>>,
    /// Bytes read from tables.
    pub bytes_read: u64,
    /// Bytes written to tables.
    pub bytes_written: u64,
    /// Entries forgotten.
    pub dropped: u64,
}

/// Carries out `choice`, which was picked from `version`; `None` if it was cancelled.
///
/// The caller syncs the directory before it makes the edit durable.
pub fn run(choice: &Choice, version: &Version, job: &Job<'_>) -> Result<Option<Outcome>> {
    match choice {
        Choice::Move { table, to } => Ok(Some(Outcome {
            edit: VersionEdit {
                add: vec![TableAt {
                    level: *to,
                    ..*table
                }],
                remove: vec![table.id],
            },
            opened: Vec::new(),
            bytes_read: 0,
            bytes_written: 0,
            dropped: 0,
        })),
        Choice::Drop { table } => {
            let entries = version
                .tables()
                .find(|found| found.id() == *table)
                .map_or(0, |found| found.entries());
            Ok(Some(Outcome {
                edit: VersionEdit {
                    add: Vec::new(),
                    remove: vec![*table],
                },
                opened: Vec::new(),
                bytes_read: 0,
                bytes_written: 0,
                dropped: entries,
            }))
        }
        Choice::Merge { family, inputs, to } => {
            let mut output = Output {
                job,
                family: *family,
                level: *to,
                builder: None,
                done: Vec::new(),
                opened: Vec::new(),
                paced: 0,
            };
            let merged = merge(version, inputs, &mut output);
            match merged {
                Ok(Some((bytes_read, dropped))) => Ok(Some(Outcome {
                    bytes_written: output.done.iter().map(|at| at.bytes).sum(),
                    edit: VersionEdit {
                        add: output.done,
                        remove: inputs.clone(),
                    },
                    opened: output.opened,
                    bytes_read,
                    dropped,
                })),
                unfinished => {
                    output.discard();
                    unfinished.map(|_| None)
                }
            }
        }
    }
}

/// Merges the inputs into `output`; returns bytes read and entries dropped, or `None` if cancelled.
fn merge(
    version: &Version,
    inputs: &[TableId],
    output: &mut Output<'_>,
) -> Result<Option<(u64, u64)>> {
    let (job, family) = (output.job, output.family);
    let mut merge = Streams::open(version, family, inputs)?;
    let mut deeper = Deeper::new(version, family, usize::from(output.level) + 1);
    let mut garbage = Garbage::new(job.retained);
    let horizon = job.retained.first().copied().unwrap_or(0);
    let mut key = Vec::new();
    let mut hidden = false;
    let (mut seen, mut dropped) = (0u64, 0u64);
    while let Some(entry) = merge.advance()? {
        let new_key = seen == 0 || entry.key() != &key[..];
        if new_key {
            key.clear();
            key.extend_from_slice(entry.key());
            garbage.next_key();
            hidden = deeper.may_hold(&key);
        }
        seen += 1;
        if seen % STRIDE == 0 {
            if job.cancel.load(Ordering::Relaxed) {
                return Ok(None);
            }
            output.pace();
        }
        let filtered = job
            .filter
            .is_some_and(|filter| filter.discard(family, &key, entry.version(), horizon));
        let drop = match garbage.judge(entry.version(), entry.op()) {
            Verdict::Drop => true,
            Verdict::DropIfDeepest => !hidden || filtered,
            Verdict::Keep => filtered,
        };
        if drop {
            dropped += 1;
        } else {
            output.add(new_key, &key, entry)?;
        }
    }
    output.end_table()?;
    Ok(Some((merge.bytes_read(), dropped)))
}

/// The tables being written.
struct Output<'a> {
    job: &'a Job<'a>,
    family: Family,
    level: u8,
    builder: Option<(Builder, TableId)>,
    done: Vec<TableAt>,
    /// The tables that are done, open.
    opened: Vec<Arc<Table>>,
    paced: u64,
}

impl Output<'_> {
    fn path(&self, id: TableId) -> PathBuf {
        self.job.dir.join(table_file_name(id))
    }

    /// Writes the entry that a stream stands on.
    fn add(&mut self, new_key: bool, key: &[u8], entry: &Stream) -> Result<()> {
        // A key's versions stay in one table: levels are searched by key alone.
        if new_key
            && self
                .builder
                .as_ref()
                .is_some_and(|(builder, _)| builder.bytes() >= self.job.table_bytes)
        {
            self.end_table()?;
        }
        if self.builder.is_none() {
            let id = (self.job.next_id)();
            let file = self.job.fs.create(&self.path(id))?;
            self.builder = Some((Builder::new(file, id, self.family), id));
        }
        // What was in the cache stays there, under its new number: a merge makes no hot key cold.
        let warm = entry.is_warm() && self.job.cache.has_room();
        match &mut self.builder {
            Some((builder, _)) => {
                builder.add_warm(key, entry.version(), entry.op(), entry.value(), warm)
            }
            None => Ok(()),
        }
    }

    fn end_table(&mut self) -> Result<()> {
        if let Some((builder, id)) = self.builder.take() {
            // Listed before it is finished, so that a failure to finish removes the file too.
            self.done.push(TableAt {
                id,
                family: self.family,
                level: self.level,
                bytes: 0,
                adopted: 0,
            });
            if let (Some((at, warm)), Some(done)) = (builder.finish_warm()?, self.done.last_mut()) {
                *done = TableAt {
                    level: self.level,
                    ..at
                };
                let Job { fs, dir, cache, .. } = *self.job;
                let opened = Table::open(fs, dir, *done, cache)?;
                opened.take_warm(warm);
                self.opened.push(opened);
            }
            self.paced = 0;
        }
        Ok(())
    }

    fn pace(&mut self) {
        if let Some((builder, _)) = &self.builder {
            let bytes = builder.bytes();
            (self.job.pace)(bytes.saturating_sub(self.paced));
            self.paced = bytes;
        }
    }

    fn discard(&mut self) {
        let unfinished = self.builder.take().map(|(_, id)| id);
        for id in self.done.iter().map(|at| at.id).chain(unfinished) {
            // A file that stays is an orphan; orphans are removed at the next open.
            let _ = self.job.fs.remove(&self.path(id));
        }
    }
}

/// Whether levels below the output may hold a key; asked for ascending keys.
struct Deeper<'v> {
    levels: Vec<(&'v [Arc<Table>], usize)>,
}

impl<'v> Deeper<'v> {
    fn new(version: &'v Version, family: Family, from: usize) -> Self {
        let levels = (from..LEVELS)
            .map(|level| (version.level(family, level), 0))
            .filter(|(tables, _)| !tables.is_empty())
            .collect();
        Self { levels }
    }

    fn may_hold(&mut self, key: &[u8]) -> bool {
        self.levels.iter_mut().any(|(tables, at)| {
            while tables.get(*at).is_some_and(|table| table.largest() < key) {
                *at += 1;
            }
            tables.get(*at).is_some_and(|table| table.smallest() <= key)
        })
    }
}

/// Sorted runs merged by (key ascending, version descending).
struct Streams {
    /// Runs that have an entry, newest first.
    runs: Vec<Chain>,
    winner: usize,
    runner_up: Option<usize>,
    started: bool,
    read: u64,
}

/// Tables of one level, one after the other.
struct Chain {
    present: Stream,
    following: VecDeque<Arc<Table>>,
}

impl Chain {
    fn advance(&mut self, read: &mut u64) -> Result<bool> {
        while !self.present.advance()? {
            *read += self.present.bytes_read();
            let Some(table) = self.following.pop_front() else {
                return Ok(false);
            };
            self.present = Stream::new(table);
        }
        Ok(true)
    }
}

impl Streams {
    fn open(version: &Version, family: Family, inputs: &[TableId]) -> Result<Self> {
        let mut runs = Vec::new();
        let mut found = 0;
        for level in 0..LEVELS {
            let mut tables: VecDeque<_> = version
                .level(family, level)
                .iter()
                .filter(|table| inputs.contains(&table.id()))
                .cloned()
                .collect();
            found += tables.len();
            if level == 0 {
                runs.extend(tables.drain(..).map(|table| Chain {
                    present: Stream::new(table),
                    following: VecDeque::new(),
                }));
            } else if let Some(first) = tables.pop_front() {
                runs.push(Chain {
                    present: Stream::new(first),
                    following: tables,
                });
            }
        }
        if found != inputs.len() {
            return Err(Error::Invalid(
                "a table to compact is not in this version".into(),
            ));
        }
        Ok(Self {
            runs,
            winner: 0,
            runner_up: None,
            started: false,
            read: 0,
        })
    }

    fn advance(&mut self) -> Result<Option<&Stream>> {
        let elect = if !self.started {
            self.started = true;
            let mut i = 0;
            while i < self.runs.len() {
                if self.runs[i].advance(&mut self.read)? {
                    i += 1;
                } else {
                    drop(self.runs.remove(i));
                }
            }
            true
        } else if self.runs.is_empty() {
            false
        } else if !self.runs[self.winner].advance(&mut self.read)? {
            drop(self.runs.remove(self.winner));
            true
        } else {
            self.runner_up
                .is_some_and(|other| !self.before(self.winner, other))
        };
        if elect {
            self.elect();
        }
        Ok(self.runs.get(self.winner).map(|run| &run.present))
    }

    fn elect(&mut self) {
        let best = |runs: &Self, skip: Option<usize>| {
            (0..runs.runs.len())
                .filter(|&i| Some(i) != skip)
                .reduce(|best, i| if runs.before(i, best) { i } else { best })
        };
        self.winner = best(self, None).unwrap_or(0);
        self.runner_up = best(self, Some(self.winner));
    }

    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.runs[a].present, &self.runs[b].present);
        a.key()
            .cmp(b.key())
            .then(b.version().cmp(&a.version()))
            .is_lt()
    }

    fn bytes_read(&self) -> u64 {
        self.read
    }
}
