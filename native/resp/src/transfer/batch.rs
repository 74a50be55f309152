//! Keys written some hundreds a commit.
//!
//! **Theory.** A key whose place is not in memory, or is locked, ends the commit before it: what was written goes out, the block is
//! loaded or the lock waited for, and the rest is another commit. So nobody waits for a whole batch.

use super::mark::Mark;
use super::{app_name, now_ms, Failure, Policy};
use crate::args::{Args, Span};
use crate::command::{Abort, Context, Effects, Names};
use crate::commands::keyspace::store_value;
use crate::events::Done;
use crate::forms::{Forms, Limits};
use crate::rdb::file::Entry;
use crate::rdb::Value;
use crate::reply::Reply;
use hyperdb_graph::{Commit, ReadMode, Stop, Store, Turn};
use std::cell::RefCell;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    Replaced,
    Kept,
    Expired,
}

impl Mark {
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Written => self.written += 1,
            Outcome::Replaced => {
                self.written += 1;
                self.replaced += 1;
            }
            Outcome::Kept => self.kept += 1,
            Outcome::Expired => self.expired += 1,
        }
    }
}

/// Something that goes out with a batch: where, and what.
pub(super) type Note<'n> = &'n mut dyn FnMut(&mut Turn<'_>, &Mark) -> Result<(), Stop>;

/// Does, without the writer, what a turn was stopped for.
fn wait_for(store: &Store, stop: Stop) -> Result<(), Failure> {
    match stop {
        Stop::Miss(miss) => store.db().load(&miss)?,
        Stop::Locked(wait) => {
            wait.block(None);
        }
        other => return Err(other.into()),
    }
    Ok(())
}

/// Writes entries; `mark` counts them, and stands behind the last one that was committed. `note` is called at the end of each commit
/// with the mark as it then is; `behind` says where the part after the entries begins.
pub(super) fn write(
    store: &Store,
    entries: &[Entry],
    policy: Policy,
    mark: &mut Mark,
    behind: (u64, u64),
    note: Note<'_>,
) -> Result<Commit, Failure> {
    let mut done = 0;
    let mut last = 0;
    loop {
        let mut turn = store.turn(now_ms());
        // What is not in memory is read when others may write.
        turn.set_read_mode(ReadMode::CachedOnly);
        let mut next = *mark;
        // First, while nothing is lost if its block is not in memory.
        turn.savepoint();
        if let Err(stop) = note(&mut turn, &next) {
            turn.rollback();
            drop(turn);
            wait_for(store, stop)?;
            continue;
        }
        let mut stop = None;
        while stop.is_none() && done < entries.len() {
            turn.savepoint();
            match put(store, &mut turn, &entries[done], policy) {
                Ok(outcome) => {
                    next.note(outcome);
                    done += 1;
                }
                Err(Abort::Stop(why @ (Stop::Miss(_) | Stop::Locked(_)))) => {
                    turn.rollback();
                    stop = Some(why);
                }
                Err(Abort::Stop(other)) => return Err(other.into()),
                Err(Abort::Error(text)) => return Err(Failure::Refused(text.into_owned())),
                Err(Abort::Block(_)) => {
                    return Err(Failure::Refused("a key cannot be waited for".into()))
                }
            }
        }
        (next.at, next.db) = match entries.get(done) {
            Some(entry) => (entry.at, entry.db),
            None => behind,
        };
        if next != *mark {
            // Written above, so in memory.
            note(&mut turn, &next)?;
        }
        last = last.max(turn.commit()?);
        drop(turn);
        *mark = next;
        match stop {
            None => return Ok(last),
            Some(stop) => wait_for(store, stop)?,
        }
    }
}

fn put(
    store: &Store,
    turn: &mut Turn<'_>,
    entry: &Entry,
    policy: Policy,
) -> Result<Outcome, Abort> {
    if entry.expiry.is_some_and(|at| at <= turn.now_ms()) {
        return Ok(Outcome::Expired);
    }
    let db = u32::try_from(entry.db).unwrap_or(u32::MAX);
    if turn.is_row(db, &entry.key) {
        return Err(Abort::error("a key has become a row of a table"));
    }
    let app = turn.app(&app_name(entry.db))?;
    let is_taken = turn.element(app, &entry.key)?.is_some();
    if is_taken && policy != Policy::Replace {
        return Ok(Outcome::Kept);
    }
    if let Value::Text(text) = &entry.value {
        turn.put_vertex(app, &entry.key, text, entry.expiry)?;
    } else {
        if is_taken {
            turn.remove_element(app, &entry.key)?;
        }
        let mut reply = Reply::new(false);
        let mut random = || 0;
        let notes = RefCell::default();
        let mut context = Context {
            turn: &mut *turn,
            app,
            db,
            reply: &mut reply,
            args: Args::new(&[], &[]),
            must_not_block: true,
            woken_by: None,
            resume: None,
            random: &mut random,
            forms: Forms::new(&Limits::DEFAULT, &notes),
            names: Names::All,
            effects: Effects::default(),
        };
        store_value(&mut context, &entry.key, &entry.value)?;
        if entry.expiry.is_some() {
            turn.set_expiry(app, &entry.key, entry.expiry)?;
        }
    }
    if store.heard().is_on() {
        tell(store, turn, &entry.key);
    }
    Ok(if is_taken {
        Outcome::Replaced
    } else {
        Outcome::Written
    })
}

/// Tells servers of this store that a key was restored.
fn tell(store: &Store, turn: &mut Turn<'_>, key: &[u8]) {
    const NAME: &[u8] = b"RESTORE";
    let words = [NAME, key].concat();
    let spans: [Span; 2] = [(0, NAME.len()), (NAME.len(), words.len())];
    let args = Args::new(&words, &spans);
    Done {
        name: "restore",
        args,
        effects: &Effects::default(),
    }
    .tell(store, turn);
}
