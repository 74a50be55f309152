//! The caretaker: a thread that works off, a little at a time, what drops left to be done.
//!
//! **Theory.** Dropping a collection is O(1): it leaves a note, and compaction takes the members whenever it
//! rewrites their range. When none is left the note itself can go ([`Store::tend`]); without that, notes pile up on
//! disk and in memory. So do cells of tables made in CQL whose time has ended ([`Store::end_cells`]).
//!
//! **Invariant.** It holds the store only while it works, so it never keeps a database open; it ends with its owner.

use crate::store::Store;
use hyperdb_lsm::Error;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Notes looked at each time.
const NOTES: usize = 64;
/// Rows with cells that have ended, worked off each time.
const CELLS: usize = 256;

#[derive(Default)]
struct Signal {
    stop: Mutex<bool>,
    wake: Condvar,
}

/// Seconds since 1970, by which cells end.
pub type Clock = fn() -> i64;

/// The running thread; stops it when dropped.
pub struct Caretaker {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Caretaker {
    /// Looks after `store` every `period`, whose cells end by the clock `seconds`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(store: &Arc<Store>, period: Duration, seconds: Clock) -> io::Result<Caretaker> {
        let signal = Arc::new(Signal::default());
        let (theirs, store) = (signal.clone(), Arc::downgrade(store));
        let thread = std::thread::Builder::new()
            .name("hyperdb-tend".into())
            .spawn(move || run(&store, &theirs, period, seconds))?;
        Ok(Caretaker {
            signal,
            thread: Some(thread),
        })
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        *self.signal.stop.lock() = true;
        self.signal.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to do either.
            let _ended = thread.join();
        }
    }
}

fn run(store: &Weak<Store>, signal: &Signal, period: Duration, seconds: Clock) {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let mut stop = signal.stop.lock();
        if !*stop {
            signal.wake.wait_for(&mut stop, period);
        }
        if *stop {
            return;
        }
        drop(stop);
        let Some(store) = store.upgrade() else {
            return;
        };
        // What is left is due at the next look; a full disk or a poisoned log is told to who writes.
        if matches!(store.end_cells(seconds(), CELLS), Err(Error::Closed)) {
            return;
        }
        after = match store.tend(after.as_deref(), NOTES) {
            Ok(next) => next,
            Err(Error::Closed) => return,
            // A full disk or a poisoned log: the notes stay, and are found again from the start.
            Err(_) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Caretaker;
    use crate::keys::{self, meta, AppId};
    use crate::turn::tests::fresh;
    use hyperdb_lsm::{Direction, Family, KeyRange};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    #[test]
    fn notes_that_are_worked_off_go_by_themselves() {
        let store = Arc::new(fresh());
        // What is left of a drop when compaction is through: the note alone.
        let mut writer = store.db().writer();
        let note = keys::dropped(AppId(7), 7);
        writer.put(Family::META, &note, &[]).unwrap();
        writer.commit().unwrap();
        drop(writer);
        let notes = || {
            let all = KeyRange::prefix(&[meta::DROPPED]);
            let snapshot = store.db().snapshot();
            snapshot.iter(Family::META, all, Direction::Forward).count()
        };
        assert_eq!(notes(), 1);
        let caretaker = Caretaker::start(&store, Duration::from_millis(1), || 0).unwrap();
        let began = Instant::now();
        while notes() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "the note stays");
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(caretaker);
        assert_eq!(Arc::strong_count(&store), 1, "nobody holds the store");
    }
}
