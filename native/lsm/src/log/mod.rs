//! The write-ahead log.
//!
//! **Purpose.** A commit is in the log before it is acknowledged, and the log is replayed at open.
//!
//! **Theory.** Commits get their place in the file in order, while the writer is held. Under
//! [`SyncMode::EverySec`] they are written there and then, and a thread syncs each second; under
//! [`SyncMode::Always`] they are queued, and the thread writes and syncs whatever has queued up meanwhile (group
//! commit). Who waits for a commit anyway does that work itself if nobody is at it (it *leads*); the others find
//! their commits done. Handing over to the thread would cost two switches, and would split the commits that
//! are in flight into two groups that wait for each other's syncs.
//! Room is reserved ahead of writing, so a full disk shows before a commit is accepted.
//!
//! **Invariant.** `synced` only grows, and everything up to it is on the platter. After a failed write or sync nothing
//! is acknowledged any more: what the disk holds is unknown then (the store is *poisoned*).

pub(crate) mod record;
pub(crate) mod recover;

use crate::db::SyncMode;
use crate::error::{Error, Result};
use crate::fs::{FileSystem, LogFile};
use crate::types::Commit;
use parking_lot::{Condvar, Mutex};
use record::{finish_record, segment_header, SEGMENT_HEADER};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Room is reserved in steps of so many bytes, or of a memtable if that is less.
pub(crate) const STEP: u64 = 4 << 20;
/// A segment that has grown beyond this is followed by a new one.
const SEGMENT_BYTES: u64 = 32 << 20;
/// How often [`SyncMode::EverySec`] syncs.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes that may wait for the log thread before new writers are held back.
const QUEUE_MAX: usize = 64 << 20;

/// File name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:012}.wal")
}

/// Number of the segment with this file name.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    (digits.len() == 12).then(|| digits.parse().ok()).flatten()
}

/// A segment that is no longer written to.
#[derive(Clone, Debug)]
pub(crate) struct SegmentInfo {
    pub(crate) number: u64,
    /// The newest commit in it.
    pub(crate) last: Commit,
    pub(crate) bytes: u64,
}

struct Open {
    number: u64,
    file: Arc<dyn LogFile>,
    end: u64,
    reserved: u64,
    last: Commit,
}

struct Tail {
    open: Option<Open>,
    closed: Vec<SegmentInfo>,
    next_number: u64,
    /// The newest commit when the memtables were last frozen.
    frozen: Commit,
}

/// Bytes that lie one behind the other in one segment.
struct Run {
    file: Arc<dyn LogFile>,
    offset: u64,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    runs: Vec<Run>,
    /// Written but not synced files (`EverySec`).
    unsynced: Vec<Arc<dyn LogFile>>,
    bytes: usize,
    /// The newest commit written or queued.
    last: Commit,
    new_names: bool,
    stop: bool,
}

type Notify = Arc<dyn Fn() + Send + Sync>;

/// See the module's head.
pub(crate) struct Log {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    mode: SyncMode,
    /// Room is reserved in steps of this many bytes.
    step: u64,
    tail: Mutex<Tail>,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Held by whoever writes and syncs what has queued up.
    leading: Mutex<()>,
    synced: AtomicU64,
    /// Guards nothing but the wait for `synced` to grow.
    waiting: Mutex<()>,
    moved: Condvar,
    poison: OnceLock<String>,
    poisoned: AtomicBool,
    notify: Mutex<Vec<Notify>>,
    bytes_written: AtomicU64,
    syncs: AtomicU64,
}

impl Log {
    /// A log that goes on behind what was recovered.
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        dir: PathBuf,
        mode: SyncMode,
        step: u64,
        recovered: recover::Recovered,
    ) -> Log {
        Log {
            fs,
            dir,
            mode,
            step,
            tail: Mutex::new(Tail {
                open: None,
                closed: recovered.segments,
                next_number: recovered.next_segment,
                frozen: 0,
            }),
            queue: Mutex::new(Queue {
                last: recovered.last,
                ..Queue::default()
            }),
            wake: Condvar::new(),
            leading: Mutex::new(()),
            synced: AtomicU64::new(recovered.last),
            waiting: Mutex::new(()),
            moved: Condvar::new(),
            poison: OnceLock::new(),
            poisoned: AtomicBool::new(false),
            notify: Mutex::new(Vec::new()),
            bytes_written: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
        }
    }

    /// Everything up to this commit is on the platter.
    pub(crate) fn synced(&self) -> Commit {
        self.synced.load(Ordering::Acquire)
    }

    /// Why nothing more can be written, if so.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::Poisoned {
            cause: self.poison.get().cloned().unwrap_or_default(),
        })
    }

    /// Whether [`Log::check`] fails.
    #[inline]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Bytes in segments that still exist.
    pub(crate) fn bytes(&self) -> u64 {
        let tail = self.tail.lock();
        let open = tail.open.as_ref().map_or(0, |open| open.end);
        tail.closed.iter().map(|s| s.bytes).sum::<u64>() + open
    }

    /// Bytes in the segment being written and closed ones, since the memtables were last frozen.
    pub(crate) fn open_bytes(&self) -> u64 {
        let tail = self.tail.lock();
        let closed = tail.closed.iter().filter(|s| s.last > tail.frozen);
        let open = tail.open.as_ref().map_or(0, |open| open.end);
        closed.map(|s| s.bytes).sum::<u64>() + open
    }

    /// Bytes written since open, and how many syncs.
    pub(crate) fn counters(&self) -> (u64, u64) {
        (
            self.bytes_written.load(Ordering::Relaxed),
            self.syncs.load(Ordering::Relaxed),
        )
    }

    /// Registers a function that is called whenever `synced` has moved, and when the store is poisoned.
    pub(crate) fn on_synced(&self, notify: Notify) {
        self.notify.lock().push(notify);
    }

    /// Holds a new writer back while too much waits for the disk.
    pub(crate) fn throttle(&self) {
        if self.mode == SyncMode::EverySec || self.queue.lock().bytes < QUEUE_MAX {
            return;
        }
        let target = self.synced() + 1;
        // An error here shows again, to whom it concerns, at the commit.
        let _ = self.wait(target);
    }

    /// Logs the record in `buffer` (made by [`record::begin_record`], its header still open) as `commit`.
    ///
    /// The caller holds the writer: commits come in order. One that `leads` calls [`Log::wait`] at once.
    ///
    /// # Errors
    /// [`Error::NoSpace`]: nothing was logged, and it may be tried again. [`Error::Poisoned`].
    pub(crate) fn append(&self, buffer: &mut Vec<u8>, commit: Commit, leads: bool) -> Result<()> {
        self.check()?;
        let mut tail = self.tail.lock();
        let room = record::record_len(buffer.len() - record::RECORD_HEADER) as u64;
        self.make_room(&mut tail, room)?;
        let Some(open) = tail.open.as_mut() else {
            return Err(Error::Closed);
        };
        finish_record(buffer, open.number, commit, self.synced());
        match self.mode {
            SyncMode::EverySec => {
                match open.file.write_all_at(buffer, open.end) {
                    Ok(()) => {}
                    Err(Error::NoSpace) => return Err(Error::NoSpace),
                    Err(error) => return Err(self.fail(&error)),
                }
                self.queue.lock().last = commit;
            }
            SyncMode::Always => {
                let mut queue = self.queue.lock();
                match queue.runs.last_mut() {
                    Some(run)
                        if Arc::ptr_eq(&run.file, &open.file)
                            && run.offset + run.bytes.len() as u64 == open.end =>
                    {
                        run.bytes.extend_from_slice(buffer);
                    }
                    _ => queue.runs.push(Run {
                        file: open.file.clone(),
                        offset: open.end,
                        bytes: buffer.clone(),
                    }),
                }
                queue.bytes += buffer.len();
                queue.last = commit;
                if !leads {
                    self.wake.notify_one();
                }
            }
        }
        self.bytes_written
            .fetch_add(buffer.len() as u64, Ordering::Relaxed);
        open.end += buffer.len() as u64;
        open.last = commit;
        Ok(())
    }

    /// Makes sure that `len` bytes can be written without asking the disk for room.
    fn make_room(&self, tail: &mut Tail, len: u64) -> Result<()> {
        if tail
            .open
            .as_ref()
            .is_some_and(|open| open.end > SEGMENT_BYTES)
        {
            self.close_segment(tail);
        }
        if tail.open.is_none() {
            self.open_segment(tail, len)?;
        }
        let Some(open) = tail.open.as_mut() else {
            return Err(Error::Closed);
        };
        if open.end + len > open.reserved {
            let want = (open.end + len).next_multiple_of(self.step);
            open.file.preallocate(want)?;
            open.reserved = want;
        }
        Ok(())
    }

    fn open_segment(&self, tail: &mut Tail, len: u64) -> Result<()> {
        let number = tail.next_number;
        let path = self.dir.join(segment_name(number));
        let file = self.fs.open_log(&path)?;
        let reserved = (SEGMENT_HEADER as u64 + len).next_multiple_of(self.step);
        let header = segment_header(number, self.synced());
        let made = file
            .preallocate(reserved)
            .and_then(|()| file.write_all_at(&header, 0));
        if let Err(error) = made {
            // An empty segment does no harm; its number is used again by the next try.
            let _ = self.fs.remove(&path);
            return Err(error);
        }
        tail.next_number += 1;
        let mut queue = self.queue.lock();
        queue.new_names = true;
        tail.open = Some(Open {
            number,
            file,
            end: SEGMENT_HEADER as u64,
            reserved,
            last: 0,
        });
        Ok(())
    }

    fn close_segment(&self, tail: &mut Tail) {
        if let Some(open) = tail.open.take() {
            tail.closed.push(SegmentInfo {
                number: open.number,
                last: open.last,
                bytes: open.end,
            });
            // What was written to it since the last sync must not be forgotten.
            self.queue.lock().unsynced.push(open.file);
        }
    }

    /// The next commit goes to a new segment; called when the memtables are frozen, so that a segment's commits
    /// become useless together.
    pub(crate) fn rotate(&self) {
        let mut tail = self.tail.lock();
        self.close_segment(&mut tail);
        tail.frozen = tail.closed.last().map_or(tail.frozen, |last| last.last);
    }

    /// Removes segments whose commits are all in tables.
    pub(crate) fn recycle(&self, flushed: Commit) -> Result<()> {
        let useless: Vec<SegmentInfo> = {
            let mut tail = self.tail.lock();
            let (useless, kept) = tail
                .closed
                .drain(..)
                .partition(|segment| segment.last <= flushed);
            tail.closed = kept;
            useless
        };
        for segment in useless {
            self.fs
                .remove(&self.dir.join(segment_name(segment.number)))?;
        }
        Ok(())
    }

    /// Segments with the bytes of them that count, oldest first: for a checkpoint.
    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        let tail = self.tail.lock();
        let open = tail.open.as_ref().map(|open| SegmentInfo {
            number: open.number,
            last: open.last,
            bytes: open.end,
        });
        tail.closed.iter().cloned().chain(open).collect()
    }

    /// Sees to it that `commit` is on the platter: syncs what has queued up, or waits for who is at it.
    pub(crate) fn wait(&self, commit: Commit) -> Result<()> {
        loop {
            if self.synced() >= commit {
                return Ok(());
            }
            self.check()?;
            {
                let _leading = self.leading.lock();
                if self.synced() >= commit || self.round() {
                    continue;
                }
            }
            // It is yet to come.
            let mut guard = self.waiting.lock();
            if self.synced() < commit && !self.is_poisoned() {
                self.moved.wait(&mut guard);
            }
        }
    }

    /// Syncs everything that is written, now.
    pub(crate) fn sync(&self) -> Result<()> {
        let last = self.queue.lock().last;
        self.wait(last)
    }

    /// The log thread's work, until [`Log::stop`].
    pub(crate) fn run(&self) {
        loop {
            let stop = {
                let mut queue = self.queue.lock();
                while queue.runs.is_empty() && !queue.stop {
                    match self.mode {
                        SyncMode::Always => self.wake.wait(&mut queue),
                        SyncMode::EverySec => {
                            if self.wake.wait_for(&mut queue, SYNC_INTERVAL).timed_out() {
                                break;
                            }
                        }
                    }
                }
                queue.stop
            };
            {
                let _leading = self.leading.lock();
                self.round();
            }
            if stop {
                return;
            }
        }
    }

    /// Writes and syncs what has queued up, and tells of it; whether there was anything. The caller leads.
    fn round(&self) -> bool {
        // The tail is held while taking the work, so that no segment is closed between.
        let tail = self.tail.lock();
        let mut queue = self.queue.lock();
        let runs = std::mem::take(&mut queue.runs);
        let new_names = std::mem::take(&mut queue.new_names);
        let mut files = std::mem::take(&mut queue.unsynced);
        queue.bytes = 0;
        let last = queue.last;
        if self.mode == SyncMode::EverySec {
            files.extend(tail.open.iter().map(|open| open.file.clone()));
        }
        drop(queue);
        drop(tail);
        if self.is_poisoned() || (last <= self.synced() && !new_names) {
            return false;
        }
        if let Err(error) = self.write_and_sync(&runs, files, new_names) {
            self.fail(&error);
        } else {
            let guard = self.waiting.lock();
            self.synced.store(last, Ordering::Release);
            self.moved.notify_all();
            drop(guard);
            self.call_notify();
        }
        true
    }

    fn write_and_sync(
        &self,
        runs: &[Run],
        mut files: Vec<Arc<dyn LogFile>>,
        new_names: bool,
    ) -> Result<()> {
        for run in runs {
            run.file.write_all_at(&run.bytes, run.offset)?;
            files.push(run.file.clone());
        }
        let mut synced: Vec<&Arc<dyn LogFile>> = Vec::new();
        for file in &files {
            if !synced.iter().any(|other| Arc::ptr_eq(other, file)) {
                file.sync()?;
                self.syncs.fetch_add(1, Ordering::Relaxed);
                synced.push(file);
            }
        }
        if new_names {
            self.fs.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// Poisons the store.
    fn fail(&self, error: &Error) -> Error {
        let cause = error.to_string();
        // Only the first cause counts.
        let _ = self.poison.set(cause);
        let guard = self.waiting.lock();
        self.poisoned.store(true, Ordering::Release);
        self.moved.notify_all();
        drop(guard);
        self.call_notify();
        Error::Poisoned {
            cause: self.poison.get().cloned().unwrap_or_default(),
        }
    }

    fn call_notify(&self) {
        let hooks = self.notify.lock().clone();
        for hook in hooks {
            hook();
        }
    }

    /// Ends [`Log::run`] after one more sync.
    pub(crate) fn stop(&self) {
        self.queue.lock().stop = true;
        self.wake.notify_all();
    }

    /// Gives the reserved room of the open segment back; after [`Log::stop`].
    pub(crate) fn trim(&self) -> Result<()> {
        let mut tail = self.tail.lock();
        if let Some(open) = tail.open.take() {
            open.file.set_len(open.end)?;
            open.file.sync()?;
            tail.closed.push(SegmentInfo {
                number: open.number,
                last: open.last,
                bytes: open.end,
            });
        }
        Ok(())
    }
}
