//! A transaction: reads one snapshot, buffers its writes, locks rows, commits at once or not at all.

use super::buffer::{forward_only, Buffer, Families, Pending};
use super::canceller::Canceller;
use super::commit::{Pin, PinnedRange};
use super::conflict::Conflict;
use super::delta::Delta;
use super::locks::{Grant, LockMode, Owner, Scope, Target, Wait};
use super::options::{Access, Isolation, TransactionOptions};
use super::patience::Patience;
use super::reads::ReadSet;
use super::savepoints::Mark;
use super::scan::TransactionScan;
use super::statement::{OpenStatement, StatementError};
use super::Sequencer;
use crate::step::{Step, Stop};
use hyperdb_lsm::{Commit, Direction, Family, KeyRange, Loaded, Snapshot, Value};
use std::cell::RefCell;
use std::sync::Arc;

/// What came of locking a row or table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It is locked, and as the transaction saw it.
    Unchanged,
    /// It is locked, and newer than the statement's snapshot: reads of it give the newest now. Only at READ COMMITTED.
    Changed,
    /// Another transaction has it; it is not locked.
    Skipped,
}

/// The newest value of a locked row that is newer than the statement's snapshot; `None` if it is gone.
pub(super) type Fresh = Option<Arc<[u8]>>;

/// See the module's head. Locks go when it commits, is rolled back or dropped.
pub struct Transaction {
    pub(super) sequencer: Sequencer,
    options: TransactionOptions,
    pub(super) owner: Owner,
    snapshot: Snapshot,
    pub(super) buffer: Buffer,
    /// Rows in tables of their own, which join at the commit.
    pub(super) loaded: Vec<Loaded>,
    fresh: Families<Fresh>,
    reads: RefCell<ReadSet>,
    pinned: Vec<Pin>,
    relied_on: Vec<PinnedRange>,
    pub(super) locks: Vec<(Target, LockMode)>,
    pub(super) savepoints: Vec<Mark>,
    pub(super) next_savepoint: u64,
    pub(super) patience: Patience,
    /// Reads look past what the open statement has written.
    pub(super) looks_back: bool,
    pub(super) failed: bool,
    /// While it lives, a [`Canceller`] reaches the transaction.
    alive: Arc<()>,
}

impl Transaction {
    pub(super) fn begin(
        sequencer: Sequencer,
        number: u64,
        options: TransactionOptions,
        snapshot: Snapshot,
    ) -> Self {
        Self {
            owner: Owner::Transaction(number),
            snapshot,
            sequencer,
            options,
            buffer: Buffer::default(),
            loaded: Vec::new(),
            fresh: Families::default(),
            reads: RefCell::default(),
            pinned: Vec::new(),
            relied_on: Vec::new(),
            locks: Vec::new(),
            savepoints: Vec::new(),
            next_savepoint: 0,
            patience: Patience::default(),
            looks_back: false,
            failed: false,
            alive: Arc::new(()),
        }
    }

    /// Its number, as deadlock reports name it.
    pub fn number(&self) -> u64 {
        match self.owner {
            Owner::Transaction(number) | Owner::Parked(number) => number,
        }
    }

    /// How it was begun.
    pub fn options(&self) -> TransactionOptions {
        self.options
    }

    /// How long it waits for one lock from now on; `None` is for ever.
    pub fn set_lock_timeout(&mut self, timeout: Option<std::time::Duration>) {
        self.options.lock_timeout = timeout;
    }

    /// Forgets a cancel that met no wait: it was meant for what the transaction did then, not for what it does next.
    pub fn forget_cancel(&self) {
        self.sequencer.locks.forget(self.owner);
    }

    /// The commit its reads see.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Begins a statement: at READ COMMITTED it sees everything committed (and durable) by now.
    pub fn begin_statement(&mut self) {
        if self.options.isolation == Isolation::ReadCommitted {
            self.fresh.clear();
            // As long as nobody commits, what it sees is the newest already.
            if self.sequencer.db.durable() != self.snapshot.commit() {
                self.snapshot = self.sequencer.db.snapshot();
            }
        }
    }

    /// Runs `body` as one statement: all of it or, if it fails, nothing; again if a row changed under it
    /// ([`Conflict::RowChanged`]), which ends because the rows it met stay locked.
    ///
    /// # Errors
    /// What `body` fails with.
    pub fn statement<T, E: StatementError>(
        &mut self,
        mut body: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let statement = self.open_statement();
            let outcome = body(self);
            self.close_statement(statement, outcome.is_ok());
            match &outcome {
                Err(error) if error.is_row_changed() => {}
                _ => return outcome,
            }
        }
    }

    /// Begins a statement whose parts come one by one; it ends with [`Transaction::close_statement`].
    pub fn open_statement(&mut self) -> OpenStatement {
        self.begin_statement();
        OpenStatement {
            undo: self.buffer.mark(),
            savepoints: self.savepoints.len(),
            relied_on: self.relied_on.len(),
            loaded: self.loaded.len(),
        }
    }

    /// Ends a statement: what it did stays, or is taken back but for its locks.
    pub fn close_statement(&mut self, statement: OpenStatement, keep: bool) {
        if !keep {
            self.forget_savepoints(statement.savepoints);
            self.buffer.rewind(statement.undo);
            self.relied_on.truncate(statement.relied_on);
            self.loaded.truncate(statement.loaded);
        }
        self.buffer.unmark();
    }

    /// The value of `key`: own writes first.
    ///
    /// # Errors
    /// [`Conflict::InFailedTransaction`], and what the store fails with.
    pub fn get(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        if !self.writes(family, key) {
            self.note_key(family, key);
        }
        self.get_untracked(family, key)
    }

    /// Like [`Transaction::get`], but never part of the read set: for counts that only guide a plan.
    pub fn get_untracked(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        self.check_alive()?;
        match self.pending(family, key) {
            None => self.below(family, key),
            Some(Pending::Put(value) | Pending::Insert(value)) => Ok(Some(Value::Borrowed(value))),
            Some(Pending::Remove(_)) => Ok(None),
            Some(Pending::Add(delta)) => Ok(Some(shared(
                delta.apply(self.below(family, key)?.as_deref())?,
            ))),
        }
    }

    /// The values of many keys, in the order asked; cheaper than asking one by one.
    pub fn multi_get(&self, family: Family, keys: &[&[u8]]) -> Step<Vec<Option<Value<'_>>>> {
        self.check_alive()?;
        let layered = |key: &[u8]| {
            self.pending(family, key).is_some() || self.fresh.get(family, key).is_some()
        };
        let below: Vec<&[u8]> = keys.iter().copied().filter(|key| !layered(key)).collect();
        let mut found = self.snapshot.multi_get(family, &below)?.into_iter();
        keys.iter()
            .map(|key| {
                if layered(key) {
                    return self.get(family, key);
                }
                self.note_key(family, key);
                Ok(found.next().flatten())
            })
            .collect()
    }

    /// Walks the live entries of `range`: own writes included.
    pub fn scan(
        &self,
        family: Family,
        range: KeyRange,
        direction: Direction,
    ) -> Step<TransactionScan<'_>> {
        self.check_alive()?;
        TransactionScan::new(self, family, range, direction)
    }

    /// Adds `key` with `value`, replacing what is there. Locks the row.
    ///
    /// # Errors
    /// As [`Transaction::lock`]; [`Conflict::RowChanged`] if the row turns out to be newer than the statement.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        let key = self.claim(family, key, LockMode::NoKeyUpdate)?;
        self.buffer.put(family, key, value);
        Ok(())
    }

    /// Like [`Transaction::put`], for a key that the caller has just read to be absent.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        let key = self.claim(family, key, LockMode::Update)?;
        self.buffer.insert(family, key, value);
        Ok(())
    }

    /// Removes `key`; `note` is kept with the remove. Locks the row.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn remove(&mut self, family: Family, key: &[u8], note: &[u8]) -> Step<()> {
        let key = self.claim(family, key, LockMode::Update)?;
        self.buffer.remove(family, key, note);
        Ok(())
    }

    /// Adds to a count, at commit. Never conflicts with others that add, only with who decides on the record.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn add_delta(&mut self, family: Family, key: &[u8], delta: Delta) -> Step<()> {
        let key = self.claim(family, key, LockMode::Increment)?;
        self.buffer.add(family, key, delta)
    }

    /// Locks a row or a table until the end of the transaction, or until a savepoint before it is rolled back to.
    ///
    /// # Errors
    /// [`Conflict::Deadlock`], [`Conflict::LockTimeout`], [`Conflict::LockNotAvailable`],
    /// [`Conflict::Serialization`] above READ COMMITTED if somebody committed the row first.
    pub fn lock(&mut self, target: Target, mode: LockMode, wait: Wait) -> Step<Locked> {
        self.check_writable()?;
        self.settle_place(&target, mode)?;
        let timeout = self.options.lock_timeout;
        let wake = self.patience.bell.clone();
        let grant = self
            .sequencer
            .locks
            .acquire(self.owner, &target, mode, wait, timeout, wake)
            .map_err(|conflict| self.fail(conflict))?;
        match grant {
            Grant::Busy => return Ok(Locked::Skipped),
            Grant::Parked => return Err(self.park(target, mode)),
            Grant::Already if self.patience.doubts => {}
            Grant::Already => return Ok(Locked::Unchanged),
            Grant::Immediate | Grant::Waited => self.locks.push((target.clone(), mode)),
        }
        let reads_follow = !matches!(mode, LockMode::KeyShare | LockMode::Increment);
        if target.scope() == Scope::Row && target.family() == Family::DATA && reads_follow {
            return self.compare_with_newest(target.family(), target.key());
        }
        Ok(Locked::Unchanged)
    }

    /// Locks the parent row of a foreign key (FOR KEY SHARE) and tells whether it is there.
    ///
    /// It looks at the newest state: that the parent is there stays true until this transaction has committed,
    /// so it needs no place in the read set.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub fn lock_parent(&mut self, family: Family, key: &[u8]) -> Step<bool> {
        self.lock(Target::row(family, key), LockMode::KeyShare, Wait::Block)?;
        match self.buffer.entries().get(family, key) {
            Some(Pending::Put(_) | Pending::Insert(_)) => Ok(true),
            Some(Pending::Remove(_)) => Ok(false),
            Some(Pending::Add(_)) | None => {
                let newest = self.newest(family, key, 0)?;
                Ok(newest.is_some_and(|(_, value)| value.is_some()))
            }
        }
    }

    /// Makes the commit fail if `key` is newer by then than now: for a cached plan and the catalog under it.
    pub fn pin(&mut self, family: Family, key: &[u8]) {
        self.pin_since(family, key, self.snapshot.commit());
    }

    /// Like [`Transaction::pin`], for what was known at commit `since`.
    pub(super) fn pin_since(&mut self, family: Family, key: &[u8], since: Commit) {
        self.pinned.push((family, key.into(), since));
    }

    /// Makes the commit fail if anything in `range` is newer by then than now, at every level.
    pub(super) fn rely_on_range(&mut self, family: Family, range: KeyRange) {
        self.relied_on.push((family, range, self.snapshot.commit()));
    }

    /// Whether this transaction decides itself what `key` holds.
    pub(super) fn writes(&self, family: Family, key: &[u8]) -> bool {
        matches!(
            self.buffer.entries().get(family, key),
            Some(Pending::Put(_) | Pending::Insert(_) | Pending::Remove(_))
        )
    }

    /// A row is newer than the snapshot, and that matters: the statement begins again, or the transaction has lost.
    pub(super) fn row_changed(&mut self, what: &'static str) -> Stop {
        match self.options.isolation {
            Isolation::ReadCommitted => Conflict::RowChanged.into(),
            _ => self.fail(Conflict::Serialization(what)),
        }
    }

    pub(super) fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// Validates and applies all writes as one commit; its number. Acknowledge only when
    /// [`hyperdb_lsm::Db::wait_durable`] has returned for it.
    ///
    /// # Errors
    /// [`Conflict::Serialization`], or what the store fails with; the transaction is rolled back then.
    pub fn commit(mut self) -> Step<Commit> {
        self.check_alive()?;
        if self.buffer.entries().is_empty() {
            return Ok(self.snapshot.commit());
        }
        let loaded = std::mem::take(&mut self.loaded);
        let reads = std::mem::take(self.reads.get_mut());
        let since = self.snapshot.commit();
        self.sequencer.commit(
            self.buffer.entries(),
            &reads,
            since,
            &self.pinned,
            &self.relied_on,
            loaded,
        )
    }

    /// Ends it without a trace.
    pub fn rollback(self) {
        drop(self);
    }

    /// How another thread ends a wait of this transaction.
    pub fn canceller(&self) -> Canceller {
        Canceller::of(&self.sequencer, self.owner, &self.alive)
    }

    pub(super) fn layers(&self) -> (&Snapshot, &Families<Fresh>, &Families<Pending>) {
        (&self.snapshot, &self.fresh, self.buffer.entries())
    }

    /// Whether it sees anything in `range` that its snapshot does not show: own writes, and newer rows that it has locked.
    pub(crate) fn has_own(&self, family: Family, range: &KeyRange) -> bool {
        let range = forward_only(range.clone());
        let mut written = self.buffer.entries().range(family, &range);
        written.next().is_some() || self.fresh.range(family, &range).next().is_some()
    }

    /// Declares that all of `range` is read.
    pub(crate) fn note_range(&self, family: Family, range: KeyRange) {
        if self.tracks_reads() {
            self.reads.borrow_mut().add_range(family, range);
        }
    }

    pub(super) fn note_key(&self, family: Family, key: &[u8]) {
        if self.tracks_reads() {
            self.reads.borrow_mut().add_key(family, key);
        }
    }

    pub(super) fn tracks_reads(&self) -> bool {
        self.options.isolation == Isolation::Serializable
            && self.options.access == Access::ReadWrite
    }

    /// What lies under the own writes.
    fn below(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Ok(match self.fresh.get(family, key) {
            Some(fresh) => fresh.as_deref().map(Value::Borrowed),
            None => self.snapshot.get(family, key)?.map(shared),
        })
    }

    /// Locks a row for a write of its own accord. Derived families follow the lock of their element.
    fn claim(&mut self, family: Family, key: &[u8], mode: LockMode) -> Step<Arc<[u8]>> {
        self.check_writable()?;
        if family != Family::DATA {
            return Ok(key.into());
        }
        let target = Target::row(family, key);
        let shared_key = target.shared_key();
        match self.lock(target, mode, Wait::Block)? {
            Locked::Changed => Err(Conflict::RowChanged.into()),
            Locked::Unchanged | Locked::Skipped => Ok(shared_key),
        }
    }

    /// With the row locked, nobody can change it any more: is it still what the snapshot shows?
    fn compare_with_newest(&mut self, family: Family, key: &[u8]) -> Step<Locked> {
        let since = self.snapshot.commit();
        let Some((_, value)) = self.newest(family, key, since)? else {
            return Ok(Locked::Unchanged);
        };
        if self.options.isolation != Isolation::ReadCommitted {
            return Err(self.row_changed("another transaction changed the row first"));
        }
        self.fresh.set(family, key.into(), Some(value));
        Ok(Locked::Changed)
    }

    pub(super) fn check_alive(&self) -> Step<()> {
        if self.failed {
            return Err(Conflict::InFailedTransaction.into());
        }
        Ok(())
    }

    fn check_writable(&self) -> Step<()> {
        self.check_alive()?;
        if self.options.access == Access::ReadOnly {
            return Err(Conflict::ReadOnly.into());
        }
        Ok(())
    }

    /// A lost race ends the transaction, or what it did since its innermost savepoint: others must not wait for
    /// the locks of somebody who cannot go on.
    fn fail(&mut self, conflict: Conflict) -> Stop {
        if matches!(conflict, Conflict::Serialization(_) | Conflict::Deadlock(_)) {
            self.failed = true;
            let keep = self.savepoints.last().map_or(0, |mark| mark.locks);
            self.release_locks(keep);
        }
        conflict.into()
    }

    pub(super) fn release_locks(&mut self, keep: usize) {
        let gone: Vec<_> = self.locks.drain(keep..).collect();
        for (target, _) in &gone {
            self.fresh.set(target.family(), target.shared_key(), None);
        }
        self.sequencer.locks.release(self.owner, &gone);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.leave_place();
        self.release_locks(0);
        self.sequencer.locks.forget(self.owner);
    }
}

fn shared(value: Vec<u8>) -> Value<'static> {
    let len = value.len();
    Value::Shared(value.into(), 0, len)
}
