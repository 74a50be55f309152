//! The lock table: who holds what, who waits for whom.
//!
//! **Theory.** Locks are on names (keys), held in memory by transactions until they end; nothing of it is on
//! disk. One mutex guards the table, so the waits-for graph is exact at every moment. A cycle can only come
//! into being when somebody begins to wait: granting lets its owner run, and who runs waits for nobody. So one
//! search from the new waiter, before it sleeps, finds every deadlock, and the new waiter gives way.
//! "Waits for" counts excluding holders and excluding waiters ahead alike, because the queue is fair.
//!
//! A parked RESP command may have a *place* in a queue, so that transactions cannot starve it. It waits for one
//! lock at a time and holds no lock while it waits (its place ends when it stops somewhere else), therefore it
//! is never part of a deadlock's cause, and never its victim.
//!
//! **Invariant.** `held` is the number of grants to transactions. A [`crate::Turn`] reads it once, relaxed, after
//! it got the writer; see [`super`] for why that is enough.

mod mode;
mod place;
mod queue;
mod target;

pub use mode::LockMode;
pub use place::LockWait;
pub use target::{Scope, Target};

use super::conflict::{Conflict, WaitEdge};
use hashbrown::{HashMap, HashSet};
use hyperdb_lsm::Family;
use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use queue::Wake;
use queue::{Bell, Queue, Waiter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use target::TargetRef;

#[cfg(test)]
mod tests;

/// Who holds or waits: a transaction, or a parked command of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// By its number.
    Transaction(u64),
    /// By the number of its place.
    Parked(u64),
}

impl Owner {
    fn is_transaction(self) -> bool {
        matches!(self, Owner::Transaction(_))
    }

    fn number(self) -> u64 {
        match self {
            Owner::Transaction(number) | Owner::Parked(number) => number,
        }
    }
}

/// What to do if the lock is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait, at most for the transaction's lock timeout.
    Block,
    /// Fail with [`Conflict::LockNotAvailable`].
    NoWait,
    /// Do not lock it; [`super::Locked::Skipped`].
    SkipLocked,
}

/// What came of asking for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It was held already, in this or a stronger mode.
    Already,
    /// It is held from now on, and was free.
    Immediate,
    /// It is held from now on, after a wait.
    Waited,
    /// It is not free.
    Busy,
    /// The owner has a place in the line, and will be told.
    Parked,
}

#[derive(Default)]
struct State {
    queues: HashMap<Target, Queue>,
    /// Each waiter waits for one target.
    waiting: HashMap<Owner, Target>,
    cancelled: HashSet<Owner>,
    places: u64,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct LockTable {
    state: Mutex<State>,
    held: AtomicUsize,
}

impl LockTable {
    /// Whether any transaction holds a lock. A single relaxed load.
    #[inline]
    pub(crate) fn any_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) != 0
    }

    /// Locks `target` for `owner`; waits for at most `timeout` (`None`: for ever) if `wait` says so. With a `wake` it does
    /// not wait but takes its place in the line, and `wake` is called when the lock is its own.
    pub(crate) fn acquire(
        &self,
        owner: Owner,
        target: &Target,
        mode: LockMode,
        wait: Wait,
        timeout: Option<Duration>,
        wake: Option<Wake>,
    ) -> Result<Grant, Conflict> {
        let mut state = self.state.lock();
        if state.cancelled.remove(&owner) {
            return Err(Conflict::Cancelled);
        }
        let queue = state.queues.entry(target.clone()).or_default();
        if queue.held(owner).covers(mode) {
            return Ok(Grant::Already);
        }
        if queue.is_free(owner, mode) {
            queue.grant(owner, mode);
            self.count_grant(owner);
            return Ok(Grant::Immediate);
        }
        match wait {
            Wait::SkipLocked => return Ok(Grant::Busy),
            Wait::NoWait => return Err(Conflict::LockNotAvailable),
            Wait::Block => {}
        }
        let bell = Arc::new(Condvar::new());
        let parks = wake.is_some();
        queue.enqueue(Waiter {
            owner,
            mode,
            bell: match wake {
                Some(wake) => Bell::Parked(Some(wake)),
                None => Bell::Thread(bell.clone()),
            },
        });
        state.waiting.insert(owner, target.clone());
        if let Some(cycle) = state.find_cycle(owner) {
            self.withdraw(state, owner);
            return Err(Conflict::Deadlock(cycle));
        }
        if parks {
            return Ok(Grant::Parked);
        }
        self.sleep(state, owner, &bell, timeout)
    }

    /// Ends a place that [`Grant::Parked`] gave; whether the lock had been granted, which the owner then holds.
    pub(crate) fn unpark(&self, owner: Owner) -> bool {
        let state = self.state.lock();
        if !state.waiting.contains_key(&owner) {
            return true;
        }
        self.withdraw(state, owner);
        false
    }

    /// Whether an owner that has a place still waits there.
    pub(crate) fn is_parked(&self, owner: Owner) -> bool {
        let state = self.state.lock();
        state.waiting.contains_key(&owner) && !state.cancelled.contains(&owner)
    }

    fn sleep(
        &self,
        mut state: MutexGuard<'_, State>,
        owner: Owner,
        bell: &Condvar,
        timeout: Option<Duration>,
    ) -> Result<Grant, Conflict> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut late = false;
        loop {
            if !state.waiting.contains_key(&owner) {
                return Ok(Grant::Waited);
            }
            if state.cancelled.remove(&owner) {
                self.withdraw(state, owner);
                return Err(Conflict::Cancelled);
            }
            if late {
                self.withdraw(state, owner);
                return Err(Conflict::LockTimeout);
            }
            match deadline {
                Some(deadline) => late = bell.wait_until(&mut state, deadline).timed_out(),
                None => bell.wait(&mut state),
            }
        }
    }

    /// Makes the present or else the next wait of `owner` fail with [`Conflict::Cancelled`].
    pub(crate) fn cancel(&self, owner: Owner) {
        let mut state = self.state.lock();
        state.cancelled.insert(owner);
        let State {
            queues, waiting, ..
        } = &mut *state;
        if let Some(waiter) = waiting
            .get(&owner)
            .and_then(|target| queues.get_mut(target))
            .and_then(|queue| queue.waiter_mut(owner))
        {
            match &waiter.bell {
                Bell::Thread(bell) => {
                    bell.notify_one();
                }
                Bell::Parked(wake) => {
                    let wake = wake.clone();
                    drop(state);
                    wake.into_iter().for_each(|wake| wake());
                }
            }
        }
    }

    /// Gives up `locks`, each a target and the mode in which it was granted.
    pub(crate) fn release(&self, owner: Owner, locks: &[(Target, LockMode)]) {
        if locks.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let mut calls = Vec::new();
        for (target, mode) in locks {
            if let Some(queue) = state.queues.get_mut(target) {
                queue.release(owner, *mode);
                if owner.is_transaction() {
                    self.held.fetch_sub(1, Ordering::Relaxed);
                }
                self.advance(&mut state, target, &mut calls);
            }
        }
        drop(state);
        calls.into_iter().for_each(|call| call());
    }

    /// Forgets what is known of an owner that ended.
    pub(crate) fn forget(&self, owner: Owner) {
        self.state.lock().cancelled.remove(&owner);
    }

    /// Whether a command on the latest state may do `mode` to the row; if not, a place in the queue for it.
    ///
    /// Only transactions are in its way: commands of turns exclude each other by the writer already.
    pub(crate) fn admit(
        self: &Arc<Self>,
        scope: Scope,
        family: Family,
        key: &[u8],
        mode: LockMode,
    ) -> Result<(), LockWait> {
        let wanted = TargetRef { scope, family, key };
        let mut state = self.state.lock();
        match state.queues.get(&wanted) {
            Some(queue) if queue.held_by_transaction(mode) => {}
            _ => return Ok(()),
        }
        state.places += 1;
        let owner = Owner::Parked(state.places);
        let target = wanted.to_target();
        if let Some(queue) = state.queues.get_mut(&target) {
            queue.enqueue(Waiter {
                owner,
                mode,
                bell: Bell::Parked(None),
            });
        }
        state.waiting.insert(owner, target.clone());
        Err(LockWait::new(self.clone(), owner, target, mode))
    }

    /// Calls `wake` when `owner` has its lock: at once if it has.
    fn on_grant(&self, owner: Owner, target: &Target, wake: Wake) {
        let mut state = self.state.lock();
        if state.waiting.contains_key(&owner) {
            if let Some(waiter) = state
                .queues
                .get_mut(target)
                .and_then(|queue| queue.waiter_mut(owner))
            {
                waiter.bell = Bell::Parked(Some(wake));
                return;
            }
        }
        drop(state);
        wake();
    }

    /// Ends a parked command's place, whether it still waits or has the lock.
    fn leave(&self, owner: Owner, target: &Target, mode: LockMode) {
        let state = self.state.lock();
        if state.waiting.contains_key(&owner) {
            self.withdraw(state, owner);
        } else {
            drop(state);
            self.release(owner, &[(target.clone(), mode)]);
        }
    }

    fn withdraw(&self, mut state: MutexGuard<'_, State>, owner: Owner) {
        let mut calls = Vec::new();
        if let Some(target) = state.waiting.remove(&owner) {
            if let Some(queue) = state.queues.get_mut(&target) {
                queue.leave(owner);
            }
            self.advance(&mut state, &target, &mut calls);
        }
        drop(state);
        calls.into_iter().for_each(|call| call());
    }

    fn advance(&self, state: &mut State, target: &Target, calls: &mut Vec<Wake>) {
        let State {
            queues, waiting, ..
        } = state;
        let Some(queue) = queues.get_mut(target) else {
            return;
        };
        for waiter in queue.advance() {
            waiting.remove(&waiter.owner);
            self.count_grant(waiter.owner);
            match waiter.bell {
                Bell::Thread(bell) => {
                    bell.notify_one();
                }
                Bell::Parked(wake) => calls.extend(wake),
            }
        }
        if queue.is_unused() {
            queues.remove(target);
        }
    }

    fn count_grant(&self, owner: Owner) {
        if owner.is_transaction() {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many transactions and parked commands wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// How many grants transactions hold now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl State {
    /// The cycle that `start` closed by waiting, if it did.
    fn find_cycle(&self, start: Owner) -> Option<Box<[WaitEdge]>> {
        let mut seen = HashSet::new();
        // Depth first, with the branches still to try; the path is what lies below the current branch.
        let mut path: Vec<(Owner, Vec<Owner>)> = vec![(start, self.blockers(start))];
        while let Some((_, branches)) = path.last_mut() {
            match branches.pop() {
                Some(next) if next == start => {
                    let owners: Vec<Owner> = path.iter().map(|(owner, _)| *owner).collect();
                    return Some(self.describe(&owners));
                }
                Some(next) => {
                    if seen.insert(next) {
                        path.push((next, self.blockers(next)));
                    }
                }
                None => {
                    path.pop();
                }
            }
        }
        None
    }

    fn blockers(&self, owner: Owner) -> Vec<Owner> {
        self.waiting
            .get(&owner)
            .and_then(|target| self.queues.get(target))
            .map_or(Vec::new(), |queue| queue.blockers(owner))
    }

    fn describe(&self, owners: &[Owner]) -> Box<[WaitEdge]> {
        let next = owners.iter().cycle().skip(1);
        owners
            .iter()
            .zip(next)
            .filter_map(|(owner, holder)| {
                let target = self.waiting.get(owner)?;
                let mode = self.queues.get(target)?.wanted(*owner)?;
                Some(WaitEdge {
                    waiter: owner.number(),
                    mode,
                    target: target.clone(),
                    holder: holder.number(),
                })
            })
            .collect()
    }
}
