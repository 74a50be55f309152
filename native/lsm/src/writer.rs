//! The exclusive writer: reads the latest state, changes it in place, commits or takes back.
//!
//! **Theory.** One writer exists at a time, so what it reads cannot change under it. Changes are visible to
//! the writer at once and to others at [`Writer::commit`]. [`Writer::savepoint`] and [`Writer::rollback`]
//! take back one command of many that share the commit. A writer that is dropped takes back what it did not
//! commit.

use crate::ahead::Ahead;
use crate::bulk::Adoption;
use crate::db::{Shared, SyncMode};
use crate::error::{Error, Result};
use crate::hash::key_hash;
use crate::log::record::{begin_record, push_change, Change, RECORD_HEADER};
use crate::memtable::{MemSource, Undo};
use crate::merge::{BoxSource, Merge, Source};
use crate::scan::Scan;
use crate::state::{Scratch, State};
use crate::table::ReadMode;
use crate::types::{Commit, Direction, Family, KeyRange, Op, Value};
use parking_lot::RwLockWriteGuard;
use std::sync::Arc;

/// The longest key, in bytes.
pub const MAX_KEY: usize = 16 << 20;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1 << 30;
/// The most bytes that one commit may change.
pub const MAX_COMMIT: usize = 2 << 30;
/// The memtables' size is looked at each time so many bytes were logged.
const CHECK_EVERY: usize = 64 << 10;

/// A block that must be read from disk before a command can go on; hand it to [`crate::Db::load`].
#[derive(Clone, Debug)]
pub struct Miss {
    pub(crate) table: u64,
    pub(crate) block: u32,
}

/// Why a step could not finish now.
#[derive(Clone, Debug)]
pub enum Stop {
    /// A block is not in memory: roll back, load it elsewhere, run again.
    Miss(Miss),
    /// It failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// Result of one storage step inside a command.
pub type Step<T> = std::result::Result<T, Stop>;

/// The exclusive writer of a [`crate::Db`].
pub struct Writer<'db> {
    shared: &'db Shared,
    pub(crate) state: RwLockWriteGuard<'db, State>,
    /// What was looked up for what comes next.
    pub(crate) ahead: Ahead,
    scratch: Scratch,
    /// Undo records below belong to earlier savepoints.
    mark: usize,
    mode: ReadMode,
    /// What reads see: everything, or, once the store is poisoned, what is durable.
    pub(crate) at: Commit,
    /// The newest point that must stay readable.
    floor: Commit,
    leads: bool,
}

/// A point between two commits; worthless after the next commit.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

struct Hit<'w> {
    version: Commit,
    op: Op,
    value: Value<'w>,
}

impl<'db> Writer<'db> {
    pub(crate) fn new(shared: &'db Shared, mut state: RwLockWriteGuard<'db, State>) -> Self {
        let mut scratch = std::mem::take(&mut state.scratch);
        let mut writer = Self {
            shared,
            state,
            ahead: std::mem::take(&mut scratch.ahead),
            scratch,
            mark: 0,
            mode: ReadMode::Blocking,
            at: Commit::MAX,
            floor: 0,
            leads: false,
        };
        writer.look_around();
        writer
    }

    /// Takes up what changed outside between two commits.
    fn look_around(&mut self) {
        self.ahead.clear();
        let log = &self.shared.log;
        self.at = if log.is_poisoned() {
            self.shared.visible(self.state.latest)
        } else {
            Commit::MAX
        };
        // A queued commit may become the newest durable one, so what it sees has to stay.
        self.floor = match self.shared.options.sync {
            SyncMode::Always => self.state.latest,
            SyncMode::EverySec => self.shared.points.newest(),
        };
    }

    /// Whether reads may wait for the disk (they may, unless set otherwise). Under [`ReadMode::CachedOnly`] a read
    /// that would have to wait returns [`Stop::Miss`].
    pub fn set_read_mode(&mut self, mode: ReadMode) {
        self.mode = mode;
    }

    /// Promises that [`crate::Db::wait_durable`] is called for each commit as soon as this writer is dropped: then
    /// nobody else need be woken to sync it.
    pub fn lead(&mut self) {
        self.leads = true;
    }

    #[inline]
    fn lookup(&self, family: Family, key: &[u8]) -> Step<Option<Hit<'_>>> {
        let hash = key_hash(key);
        let f = usize::from(family.0);
        let state = &*self.state;
        let active = state.active.iter().skip(f).take(1);
        let layers = state.layers.iter().map(|layer| &layer.memtables[f]);
        for memtable in active.chain(layers) {
            let Some(id) = memtable.find(hash, key) else {
                continue;
            };
            if let Some(found) = memtable.visible(id, self.at) {
                return Ok(Some(Hit {
                    version: found.version,
                    op: found.op,
                    value: Value::Borrowed(found.value),
                }));
            }
        }
        if state.version.is_empty(family) {
            return Ok(None);
        }
        self.lookup_tables(family, key, hash)
    }

    fn lookup_tables(&self, family: Family, key: &[u8], hash: u64) -> Step<Option<Hit<'_>>> {
        if let Some((version, value)) = self.state.rows.lock().get(family, hash, key) {
            return Ok(Some(Hit {
                version,
                op: Op::Add,
                value,
            }));
        }
        let found = match self.known_ahead(family, hash, key) {
            Some(found) => found,
            None => {
                let tables = &self.state.version;
                tables.get_hashed(family, key, hash, self.at, self.mode)?
            }
        };
        Ok(found.map(|found| {
            if found.op == Op::Add {
                let mut rows = self.state.rows.lock();
                rows.insert(family, hash, key, found.version, &found.value);
            }
            Hit {
                version: found.version,
                op: found.op,
                value: found.value,
            }
        }))
    }

    /// Whether reads see all that was committed: not once the store is poisoned, when they see what is durable.
    #[inline]
    pub fn sees_latest(&self) -> bool {
        self.at == Commit::MAX
    }

    /// The newest value of `key`, or `None` if it was never added or is removed.
    #[inline]
    pub fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Ok(match self.lookup(family, key)? {
            Some(hit) if hit.op == Op::Add => Some(hit.value),
            _ => None,
        })
    }

    /// The version (commit number) of the newest entry of `key`, added or removed.
    pub fn version(&self, family: Family, key: &[u8]) -> Step<Option<Commit>> {
        Ok(self.lookup(family, key)?.map(|hit| hit.version))
    }

    /// Whether the newest entry of `key`, added or removed, is newer than `since`.
    ///
    /// `since` must still be retained (a live snapshot), or a remove may have lost its trace.
    pub fn changed_since(&self, family: Family, key: &[u8], since: Commit) -> Step<bool> {
        if self.is_unchanged_since(since) {
            return Ok(false);
        }
        Ok(self
            .version(family, key)?
            .is_some_and(|version| version > since))
    }

    /// Nothing was committed since, and nothing is written yet: so no entry is newer.
    fn is_unchanged_since(&self, since: Commit) -> bool {
        self.state.latest <= since && !self.is_dirty()
    }

    /// Whether any entry of `range`, added or removed, is newer than `since`; as [`Writer::changed_since`].
    ///
    /// Only what may be newer is read: a transaction that commits soon after its snapshot meets no table.
    pub fn range_changed_since(
        &self,
        family: Family,
        range: &KeyRange,
        since: Commit,
    ) -> Step<bool> {
        if self.is_unchanged_since(since) {
            return Ok(false);
        }
        let f = usize::from(family.0);
        let state = &*self.state;
        let active = state.active.iter().skip(f).take(1);
        let layers = state.layers.iter().filter(|layer| layer.last > since);
        let layers = layers.map(|layer| &layer.memtables[f]);
        let newer = |source: &mut dyn Source| -> Step<bool> {
            while source.advance()? {
                if source.version() > since {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        for memtable in active.chain(layers) {
            if memtable.len() > 0 {
                let mut source = MemSource::new(memtable, range, self.at, Direction::Forward);
                if newer(&mut source)? {
                    return Ok(true);
                }
            }
        }
        // What the memtables in memory reach back to need not be read again from the tables made of them.
        if state.remembered() <= since && state.adopted <= since {
            return Ok(false);
        }
        let version = &state.version;
        for mut source in version.sources_since(family, range, since, self.at, self.mode) {
            if newer(&mut *source)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds `key` with `value`, replacing what was there.
    #[inline]
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.write(family, key, Op::Add, value, false)
    }

    /// Like [`Writer::put`], for a key that the caller has just read to be absent.
    ///
    /// If it is removed again before anything could see it, no trace of it need be kept.
    #[inline]
    pub fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.write(family, key, Op::Add, value, true)
    }

    /// Removes `key`; `note` is kept with the remove (see [`crate::Op::Remove`]).
    #[inline]
    pub fn remove(&mut self, family: Family, key: &[u8], note: &[u8]) -> Step<()> {
        self.write(family, key, Op::Remove, note, false)
    }

    fn write(&mut self, family: Family, key: &[u8], op: Op, value: &[u8], fresh: bool) -> Step<()> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(Error::Invalid(format!(
                "a key may have {MAX_KEY} bytes and a value {MAX_VALUE}; these have {} and {}",
                key.len(),
                value.len()
            ))
            .into());
        }
        let hash = key_hash(key);
        let state = &mut *self.state;
        let memtable = &mut state.active[usize::from(family.0)];
        let (id, undo) = memtable.write(
            hash,
            key,
            op,
            value,
            fresh,
            state.latest + 1,
            self.floor,
            &mut self.scratch.undo_log,
        );
        if memtable.mark_dirty(id) {
            self.scratch.dirty.push((family, id));
        }
        if matches!(undo, Undo::Created) {
            state.rows.get_mut().remove(family, hash, key);
        }
        self.scratch.undo.push((family, id, undo));
        Ok(())
    }

    /// Walks the newest live entries of `range`.
    pub fn scan(&self, family: Family, range: &KeyRange, direction: Direction) -> Scan<'_> {
        let state = &*self.state;
        let f = usize::from(family.0);
        let mut layers = state.layers.iter().map(|layer| &layer.memtables[f]);
        let is_alone = layers.all(|memtable| memtable.len() == 0)
            && !state.version.reaches_into(family, range);
        match state.active.get(f) {
            Some(memtable) if is_alone => {
                Scan::of_one(MemSource::new(memtable, range, self.at, direction))
            }
            _ => Scan::of_many(Merge::new(
                self.sources(family, range, direction),
                direction,
            )),
        }
    }

    fn sources(
        &self,
        family: Family,
        range: &KeyRange,
        direction: Direction,
    ) -> Vec<BoxSource<'_>> {
        let f = usize::from(family.0);
        let state = &*self.state;
        let mut sources: Vec<BoxSource<'_>> = Vec::with_capacity(2);
        let active = state.active.iter().skip(f).take(1);
        let layers = state.layers.iter().map(|layer| &layer.memtables[f]);
        for memtable in active.chain(layers) {
            if memtable.len() > 0 {
                let source = MemSource::new(memtable, range, self.at, direction);
                sources.push(Box::new(source));
            }
        }
        sources.extend(
            state
                .version
                .sources(family, range, self.at, direction, self.mode),
        );
        sources
    }

    /// Marks the state to which [`Writer::rollback`] returns; forgets the previous mark.
    #[inline]
    pub fn savepoint(&mut self) {
        self.mark = self.scratch.undo.len();
    }

    /// Takes back every change since the last [`Writer::savepoint`], or commit.
    pub fn rollback(&mut self) {
        while self.scratch.undo.len() > self.mark {
            if let Some((family, id, undo)) = self.scratch.undo.pop() {
                self.state.active[usize::from(family.0)].undo(id, undo, &self.scratch.undo_log);
            }
        }
    }

    /// Where the changes since the last commit stand now; see [`Writer::rollback_to`].
    pub fn mark(&self) -> Mark {
        Mark(self.scratch.undo.len())
    }

    /// Takes back every change since `mark` was taken, whatever savepoints came between. An older savepoint stays:
    /// [`Writer::rollback`] still returns to it.
    pub fn rollback_to(&mut self, mark: Mark) {
        let savepoint = self.mark.min(mark.0);
        self.mark = mark.0;
        self.rollback();
        self.mark = savepoint;
    }

    /// Takes back everything since the last commit.
    fn abandon(&mut self) {
        self.mark = 0;
        self.rollback();
        self.scratch.dirty.clear();
        self.scratch.undo_log.clear();
    }

    /// Whether anything was changed since the last commit.
    pub fn is_dirty(&self) -> bool {
        !self.scratch.undo.is_empty()
    }

    /// Logs all changes since the last commit as one, and makes them the latest state.
    ///
    /// Under [`crate::SyncMode::EverySec`] the log was written (not synced) when this returns; under
    /// [`crate::SyncMode::Always`] it is queued: acknowledge only after [`crate::Db::durable`] has reached
    /// the returned commit. With nothing changed it returns the newest commit.
    ///
    /// # Errors
    /// [`Error::NoSpace`] and [`Error::Poisoned`]: the changes are taken back.
    pub fn commit(&mut self) -> Result<Commit> {
        self.commit_with(None)
    }

    /// As [`Writer::commit`]; the tables join the store with the commit.
    ///
    /// # Errors
    /// As [`Writer::commit`]; the tables may then be tried again.
    pub fn commit_adopting(&mut self, adoption: &Adoption<'_>) -> Result<Commit> {
        self.commit_with(Some(adoption))
    }

    fn commit_with(&mut self, adoption: Option<&Adoption<'_>>) -> Result<Commit> {
        let commit = self.state.latest + 1;
        let joining = adoption.map(|adoption| adoption.join(&self.state.version, commit));
        let joining = match joining.transpose() {
            Ok(joining) => joining,
            Err(error) => {
                self.abandon();
                return Err(error);
            }
        };
        match self.log_changes(commit, adoption) {
            Ok(true) => {
                if let (Some(version), Some(adoption)) = (joining, adoption) {
                    adoption.keep();
                    (self.state.version, self.state.adopted) = (Arc::new(version), commit);
                }
                self.state.latest = commit;
                self.shared.set_latest(commit);
            }
            Ok(false) => {}
            Err(error) => {
                self.abandon();
                return Err(error);
            }
        }
        self.settle();
        if self.scratch.unchecked >= CHECK_EVERY {
            self.scratch.unchecked = 0;
            self.shared.freeze_if_full(&mut self.state);
        }
        self.look_around();
        Ok(self.state.latest)
    }

    /// Puts the changes into the log; false if none left a trace.
    fn log_changes(&mut self, commit: Commit, adoption: Option<&Adoption<'_>>) -> Result<bool> {
        let Scratch { record, dirty, .. } = &mut self.scratch;
        begin_record(record);
        if let Some(adoption) = adoption {
            adoption.log(record);
        }
        for (family, id) in dirty.iter() {
            let memtable = &self.state.active[usize::from(family.0)];
            if let Some((key, op, fresh, value)) = memtable.logged(*id) {
                push_change(
                    record,
                    Change {
                        family: *family,
                        op,
                        fresh,
                        key,
                        value,
                    },
                );
            }
            if record.len() > MAX_COMMIT {
                return Err(Error::Invalid(format!(
                    "a commit may change {MAX_COMMIT} bytes at most"
                )));
            }
        }
        if record.len() == RECORD_HEADER {
            return Ok(false);
        }
        self.shared.check_writable()?;
        self.shared.log.append(record, commit, self.leads)?;
        self.scratch.unchecked += record.len();
        Ok(true)
    }

    /// Makes logged changes final in the memtables.
    fn settle(&mut self) {
        let latest = self.state.latest;
        let keep_from = self.shared.visible(latest);
        let Scratch {
            undo,
            undo_log,
            dirty,
            retained,
            record,
            ..
        } = &mut self.scratch;
        self.shared.points.collect(retained);
        for (family, _, undo) in undo.drain(..) {
            self.state.active[usize::from(family.0)].forget_undo(&undo);
        }
        undo_log.clear();
        self.mark = 0;
        for (family, id) in dirty.drain(..) {
            self.state.active[usize::from(family.0)].settle_entry(id, retained, keep_from);
        }
        // One huge commit must not hold its memory for ever.
        if record.capacity() > 4 << 20 {
            *record = Vec::new();
        }
    }

    /// The number that the next commit will have.
    pub fn next_commit(&self) -> Commit {
        self.state.latest + 1
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.abandon();
        // Kept for its room: what it holds may not be right for the next writer.
        self.ahead.clear();
        self.scratch.ahead = std::mem::take(&mut self.ahead);
        self.state.scratch = std::mem::take(&mut self.scratch);
    }
}
