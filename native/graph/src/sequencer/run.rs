//! One turn for callers that may sleep: light-weight transactions, counters, statements that commit themselves.
//!
//! **Theory.** A compare-and-set needs no transaction: under the writer, reading, checking and writing are one
//! step on the latest state, so it cannot conflict. Only a transaction's row lock can be in its way.

use super::conflict::Conflict;
use super::locks::LockWait;
use crate::step::{Step, Stop};
use crate::store::Store;
use crate::turn::Turn;
use hyperdb_lsm::Commit;
use std::time::Duration;

impl Store {
    /// Runs `body` as a turn of its own at `now_ms` (Unix milliseconds) and commits it: what it returned, and the
    /// commit to wait for before acknowledging. Loads blocks and waits for row locks (each at most
    /// `lock_timeout`), then runs `body` again from its start.
    ///
    /// # Errors
    /// [`Conflict::LockTimeout`], and what `body` fails with; its changes are taken back then.
    pub fn run<T>(
        &self,
        now_ms: i64,
        lock_timeout: Option<Duration>,
        mut body: impl FnMut(&mut Turn<'_>) -> Step<T>,
    ) -> Step<(T, Commit)> {
        let mut place: Option<LockWait> = None;
        loop {
            let mut turn = self.turn(now_ms);
            turn.savepoint();
            let stop = match body(&mut turn) {
                Ok(value) => return Ok((value, turn.commit()?)),
                Err(stop) => stop,
            };
            turn.rollback();
            drop(turn);
            // Kept over the attempt, so that nobody who came later got in between; given up before the next
            // wait, or two callers could wait for each other's places.
            drop(place.take());
            match stop {
                Stop::Miss(miss) => self.db.load(&miss)?,
                Stop::Locked(wait) => {
                    if !wait.block(lock_timeout) {
                        return Err(Conflict::LockTimeout.into());
                    }
                    place = Some(wait);
                }
                other => return Err(other),
            }
        }
    }
}
