//! A stopped command's place in the queue for a lock.

use super::mode::LockMode;
use super::{LockTable, Owner, Target};
use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The place; given up when the last clone of it is dropped.
///
/// Keep it until the command ran again: as long as it is there, transactions that came later wait behind it.
#[derive(Clone)]
pub struct LockWait(Arc<Place>);

struct Place {
    locks: Arc<LockTable>,
    owner: Owner,
    target: Target,
    mode: LockMode,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.locks.leave(self.owner, &self.target, self.mode);
    }
}

impl LockWait {
    pub(super) fn new(locks: Arc<LockTable>, owner: Owner, target: Target, mode: LockMode) -> Self {
        Self(Arc::new(Place {
            locks,
            owner,
            target,
            mode,
        }))
    }

    /// Calls `wake` once when the command should run again: at once if it should already.
    ///
    /// It is called from whichever thread gave the lock up, which holds no lock of the sequencer then.
    pub fn on_free(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.0.locks.on_grant(self.0.owner, &self.0.target, wake);
    }

    /// Waits until the command should run again, for at most `timeout`; whether it should.
    pub fn block(&self, timeout: Option<Duration>) -> bool {
        let bell = Arc::new((Mutex::new(false), Condvar::new()));
        let ring = bell.clone();
        self.on_free(Arc::new(move || {
            *ring.0.lock() = true;
            ring.1.notify_one();
        }));
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut free = bell.0.lock();
        while !*free {
            match deadline {
                Some(deadline) => {
                    if bell.1.wait_until(&mut free, deadline).timed_out() {
                        break;
                    }
                }
                None => bell.1.wait(&mut free),
            }
        }
        *free
    }

    /// What it waits for.
    pub fn target(&self) -> &Target {
        &self.0.target
    }
}

impl fmt::Debug for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockWait({} in {:?})", self.0.target, self.0.mode)
    }
}
