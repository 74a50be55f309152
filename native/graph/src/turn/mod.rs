//! A turn: many commands on the latest state, one commit.
//!
//! **Theory.** The sequencer is held for the whole turn, so commands run one after another and never conflict.
//! A command that stops (missing block, row lock) is taken back by [`Turn::rollback`] and runs again later.
//! All commands of a turn share one commit number and one log record.
//!
//! **Invariant.** Only the methods here write element and member keys; they keep the app's counts, the expiry
//! order and the list of dropped collections right, and report every touched id to whoever watches.

mod apps;
mod elements;
mod expiry;
mod members;
mod memo;
mod objects;
mod ranks;
#[cfg(test)]
pub(crate) mod tests;

pub use elements::Element;
pub use expiry::Expired;
pub use hyperdb_lsm::AHEAD;
pub use members::MemberScan;
pub(crate) use objects::refuse_rows;

pub(crate) use apps::{directory_entry, directory_id};

use crate::apps::AppStats;
use crate::heard::Change;
use crate::keys::AppId;
use crate::sequencer::{Intent, LockMode, Scope};
use crate::step::{Step, Stop};
use crate::store::Store;
use apps::Account;
use hyperdb_lsm::{
    Commit, Direction, Error, Family, KeyRange, Mark, ReadMode, Result, Scan, Value, Writer,
};
use memo::Memo;
use std::cell::RefCell;
use std::sync::atomic::Ordering;

/// A point inside a turn; worthless after its commit.
#[derive(Clone, Debug)]
pub struct TurnMark {
    writer: Mark,
    touched: usize,
    dropped: usize,
    /// Of the first app, which mostly is the only one, and of the others.
    account: Option<AppStats>,
    accounts: Vec<AppStats>,
    ranks: u64,
}

/// See the module's head.
pub struct Turn<'s> {
    store: &'s Store,
    writer: Writer<'s>,
    now_ms: i64,
    /// Writes of elements.
    changes: u64,
    /// Ids touched since the last [`Turn::take_touched`], if [`Turn::observe`] is on.
    touched: Vec<(AppId, Box<[u8]>)>,
    touched_mark: usize,
    observing: bool,
    /// What it touches is told to the RESP loop, since it is not that loop's.
    tells: bool,
    /// Whether transactions held locks when the turn began; see [`crate::sequencer`] for why that is enough.
    locks_held: bool,
    memo: RefCell<Memo>,
    accounts: Vec<Account>,
    /// Collections and apps dropped since the last commit.
    dropped: Vec<(AppId, u64)>,
    dropped_mark: usize,
    /// Whether the directory of apps was changed since the last commit: then only the writer knows it.
    directory_changed: bool,
    scratch: Vec<u8>,
    /// Rows of tables that were written since the last commit, where anybody keeps columns of them.
    rows: Vec<Box<[u8]>>,
    /// Where the indexes of ranks stood at the savepoint, and at the last commit.
    ranks_mark: u64,
    ranks_committed: u64,
}

impl<'s> Turn<'s> {
    pub(crate) fn new(store: &'s Store, writer: Writer<'s>, now_ms: i64) -> Self {
        Self {
            store,
            writer,
            now_ms,
            touched: Vec::new(),
            touched_mark: 0,
            observing: store.heard().is_on(),
            tells: true,
            locks_held: store.sequencer.any_locks(),
            memo: RefCell::default(),
            accounts: Vec::new(),
            dropped: Vec::new(),
            dropped_mark: 0,
            directory_changed: false,
            scratch: Vec::new(),
            changes: 0,
            rows: Vec::new(),
            ranks_mark: store.ranks.point(),
            ranks_committed: store.ranks.point(),
        }
    }

    /// The turn's time, Unix milliseconds: one clock reading for all its commands.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// How many writes of elements there were, whether or not they were taken back.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Moves the turn's time on: what comes is later than what was.
    pub fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// This turn is of the loop that hears of changes, and needs not be told of its own.
    pub fn listens(&mut self) {
        self.tells = false;
    }

    /// Tells the loop what was touched and not taken.
    fn tell(&mut self) {
        let heard = self.store.heard();
        if !self.tells || !heard.is_on() {
            return;
        }
        let touched = std::mem::take(&mut self.touched);
        let changes = touched.into_iter().filter(|(app, _)| *app != AppId::SYSTEM);
        let changes: Vec<Change> = changes
            .map(|(app, id)| Change {
                app,
                // What cannot be read now was written just now.
                is_gone: matches!(self.element(app, &id), Ok(None)),
                id,
                events: None,
            })
            .collect();
        heard.add(changes);
    }

    /// Records touched ids from here on (for WATCH, blocked clients, notifications).
    pub fn observe(&mut self, on: bool) {
        self.observing = on;
    }

    /// The ids touched by commands that were not taken back, in order, with repetitions.
    pub fn take_touched(&mut self) -> Vec<(AppId, Box<[u8]>)> {
        self.touched_mark = 0;
        std::mem::take(&mut self.touched)
    }

    /// The same, which stay.
    pub fn touched(&self) -> &[(AppId, Box<[u8]>)] {
        &self.touched
    }

    /// Marks the start of a command.
    pub fn savepoint(&mut self) {
        self.writer.savepoint();
        self.touched_mark = self.touched.len();
        self.dropped_mark = self.dropped.len();
        self.ranks_mark = self.store.ranks.point();
        for account in &mut self.accounts {
            account.mark();
        }
    }

    /// Takes back the command since [`Turn::savepoint`].
    pub fn rollback(&mut self) {
        self.writer.rollback();
        self.touched.truncate(self.touched_mark);
        self.dropped.truncate(self.dropped_mark);
        for account in &mut self.accounts {
            account.take_back();
        }
        self.store.ranks.forget_since(self.ranks_mark);
        self.memo.get_mut().found = None;
    }

    /// Where the turn stands now; see [`Turn::rollback_to`].
    pub fn mark(&self) -> TurnMark {
        TurnMark {
            writer: self.writer.mark(),
            touched: self.touched.len(),
            dropped: self.dropped.len(),
            account: self.accounts.first().map(Account::stats),
            accounts: self.accounts.iter().skip(1).map(Account::stats).collect(),
            ranks: self.store.ranks.point(),
        }
    }

    /// Takes back what was done since `mark`, whatever savepoints came between: for commands inside EXEC, where
    /// the way back to before the first of them must stay open.
    pub fn rollback_to(&mut self, mark: &TurnMark) {
        self.writer.rollback_to(mark.writer);
        self.touched.truncate(mark.touched);
        self.dropped.truncate(mark.dropped);
        // Accounts opened since then are read again when needed.
        let known = mark.account.iter().chain(&mark.accounts);
        self.accounts.truncate(known.clone().count());
        for (account, stats) in self.accounts.iter_mut().zip(known) {
            account.reset(*stats);
        }
        self.store.ranks.forget_since(mark.ranks);
        self.memo.get_mut().found = None;
    }

    /// Whether reads may wait for the disk; otherwise they stop with [`Stop::Miss`].
    pub fn set_read_mode(&mut self, mode: ReadMode) {
        self.writer.set_read_mode(mode);
    }

    /// See [`Writer::lead`].
    pub fn lead(&mut self) {
        self.writer.lead();
    }

    /// The commit that the turn began on.
    pub fn base(&self) -> Commit {
        self.writer.next_commit() - 1
    }

    /// Whether no command has changed anything since the last commit.
    pub fn is_clean(&self) -> bool {
        !self.writer.is_dirty() && self.dropped.is_empty()
    }

    /// Commits what the turn's commands did; see [`Writer::commit`] for when to acknowledge.
    ///
    /// # Errors
    /// As [`Writer::commit`]; all commands since the last commit are taken back then.
    pub fn commit(&mut self) -> Result<Commit> {
        self.tell();
        let written = self.write_commit();
        match written {
            Ok(commit) => {
                if !self.dropped.is_empty() {
                    self.store.dropped.add(commit, self.dropped.drain(..));
                }
                self.dropped_mark = 0;
                self.directory_changed = false;
                self.ranks_committed = self.store.ranks.point();
            }
            Err(_) => {
                // The numbers kept here speak of changes that are no more: they are read again.
                self.accounts.clear();
                self.dropped.clear();
                self.dropped_mark = 0;
                self.store.ranks.forget_all();
                self.memo.get_mut().found = None;
            }
        }
        written
    }

    fn write_commit(&mut self) -> Result<Commit> {
        self.write_accounts().map_err(Stop::into_error)?;
        if !self.writer.is_dirty() {
            // Numbers taken by commands that were taken back need no mark: no record carries them.
            return self.writer.commit();
        }
        let covered = self
            .store
            .numbers
            .cover(&mut self.writer)
            .map_err(Stop::into_error)?;
        self.mark_rows();
        let commit = self.writer.commit()?;
        self.store.numbers.covered(covered);
        Ok(commit)
    }

    /// Tells who keeps columns of tables which rows change with the commit. Some of them may have been taken back: that the rest is
    /// too new is safe.
    fn mark_rows(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        self.rows.sort_unstable();
        let next = self.writer.next_commit();
        let keys = self.rows.iter().map(|key| &key[..]);
        self.store.ranges().mark(next, keys);
        self.rows.clear();
    }

    /// A row of a table is written. A table comes under watch between commits, so who looks now knows for the whole turn.
    #[inline]
    pub(crate) fn note_row(&mut self, key: &[u8]) {
        if self.store.ranges().is_watching() {
            self.rows.push(key.into());
        }
    }

    /// Stops if a transaction's lock on a row, or on a table by its element's key, excludes `mode`.
    #[inline]
    pub(crate) fn stop_for(&self, scope: Scope, key: &[u8], mode: LockMode) -> Step<()> {
        if self.locks_held {
            let sequencer = &self.store.sequencer;
            sequencer.admit_as(scope, Family::DATA, key, mode)?;
        }
        Ok(())
    }

    /// The place of `bytes` in an unordered space of this store.
    #[inline]
    pub fn hash64(&self, bytes: &[u8]) -> u64 {
        self.store.hash_key().hash64(bytes)
    }

    /// The value of a key, for what lies above elements and members.
    pub(crate) fn read(&self, family: Family, key: &[u8]) -> Step<Option<Value<'_>>> {
        Ok(self.writer.get(family, key)?)
    }

    /// Walks a range, for what lies above elements and members.
    pub(crate) fn scan(&self, family: Family, range: &KeyRange, direction: Direction) -> Scan<'_> {
        self.writer.scan(family, range, direction)
    }

    /// Whether a key of that database is a row of a table, there or not ([`crate::prefixes`]).
    #[inline]
    pub fn is_row(&self, db: u32, key: &[u8]) -> bool {
        self.store.prefixes().cover(db, key)
    }

    /// Whether any key can be a row of a table.
    #[inline]
    pub fn has_rows(&self) -> bool {
        self.store.prefixes().any()
    }

    /// Whether the turn has changed anything since its last commit.
    pub(crate) fn is_dirty(&self) -> bool {
        self.writer.is_dirty()
    }

    /// Whether generic hyperedges may have been dropped and not swept.
    pub(crate) fn sweep_is_due(&self) -> bool {
        self.store.unswept.load(Ordering::Relaxed)
    }

    /// No note of a dropped generic hyperedge is left.
    pub(crate) fn sweep_is_done(&self) {
        self.store.unswept.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Change)?;
        Ok(self.writer.put(family, key, value)?)
    }

    #[inline]
    pub(crate) fn insert(&mut self, family: Family, key: &[u8], value: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Change)?;
        Ok(self.writer.insert(family, key, value)?)
    }

    #[inline]
    pub(crate) fn remove(&mut self, family: Family, key: &[u8], note: &[u8]) -> Step<()> {
        self.claim(family, key, Intent::Drop)?;
        Ok(self.writer.remove(family, key, note)?)
    }

    /// Stops if a transaction's lock is in the way of a write.
    #[inline]
    fn claim(&self, family: Family, key: &[u8], intent: Intent) -> Step<()> {
        if self.locks_held {
            self.store.sequencer.admit(family, key, intent)?;
        }
        Ok(())
    }

    #[inline]
    fn touch(&mut self, app: AppId, id: &[u8]) {
        self.changes += 1;
        if self.observing {
            self.touched.push((app, id.into()));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // What was not committed the writer takes back.
        self.store.ranks.forget_since(self.ranks_committed);
    }
}

pub(crate) fn malformed(what: &str) -> Stop {
    Stop::Failed(Error::Invalid(format!("malformed {what} record")))
}
