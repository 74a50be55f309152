//! One target's holders and waiters.
//!
//! **Fairness.** First come, first served: a request is granted only if no holder excludes it *and* nobody who
//! waits before it does. A holder that wants a stronger mode goes before everybody who holds nothing, since they
//! could not get past it anyway.

use super::mode::{LockMode, Modes};
use super::Owner;
use parking_lot::Condvar;
use std::collections::VecDeque;
use std::sync::Arc;

/// Called once when the lock is there.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// How to tell a waiter that it has the lock.
pub(super) enum Bell {
    /// A thread sleeps on it.
    Thread(Arc<Condvar>),
    /// A parked command; nothing until it says whom to call.
    Parked(Option<Wake>),
}

pub(super) struct Waiter {
    pub(super) owner: Owner,
    pub(super) mode: LockMode,
    pub(super) bell: Bell,
}

#[derive(Default)]
pub(super) struct Queue {
    holders: Vec<(Owner, Modes)>,
    waiters: VecDeque<Waiter>,
}

impl Queue {
    pub(super) fn is_unused(&self) -> bool {
        self.holders.is_empty() && self.waiters.is_empty()
    }

    pub(super) fn held(&self, owner: Owner) -> Modes {
        self.holders
            .iter()
            .find(|(holder, _)| *holder == owner)
            .map_or(Modes::default(), |(_, modes)| *modes)
    }

    /// Whether `mode` could be granted to `owner` now, were it to join the queue.
    pub(super) fn is_free(&self, owner: Owner, mode: LockMode) -> bool {
        let place = self.place_for(owner);
        self.blockers_at(owner, mode, place).next().is_none()
    }

    /// Whether a *transaction* other than parked commands holds something that excludes `mode`.
    pub(super) fn held_by_transaction(&self, mode: LockMode) -> bool {
        self.holders
            .iter()
            .any(|(owner, modes)| owner.is_transaction() && modes.excludes(mode))
    }

    pub(super) fn grant(&mut self, owner: Owner, mode: LockMode) {
        match self.holders.iter_mut().find(|(holder, _)| *holder == owner) {
            Some((_, modes)) => modes.add(mode),
            None => self.holders.push((owner, Modes::one(mode))),
        }
    }

    pub(super) fn enqueue(&mut self, waiter: Waiter) {
        let place = self.place_for(waiter.owner);
        self.waiters.insert(place, waiter);
    }

    pub(super) fn waiter_mut(&mut self, owner: Owner) -> Option<&mut Waiter> {
        self.waiters.iter_mut().find(|w| w.owner == owner)
    }

    pub(super) fn leave(&mut self, owner: Owner) {
        self.waiters.retain(|w| w.owner != owner);
    }

    pub(super) fn release(&mut self, owner: Owner, mode: LockMode) {
        self.holders.retain_mut(|(holder, modes)| {
            if *holder == owner {
                modes.drop_mode(mode);
            }
            !modes.is_empty()
        });
    }

    /// Grants what can be granted, in order; the granted waiters.
    pub(super) fn advance(&mut self) -> Vec<Waiter> {
        let mut granted = Vec::new();
        let mut at = 0;
        while let Some(waiter) = self.waiters.get(at) {
            let (owner, mode) = (waiter.owner, waiter.mode);
            if self.blockers_at(owner, mode, at).next().is_some() {
                at += 1;
                continue;
            }
            self.grant(owner, mode);
            granted.extend(self.waiters.remove(at));
        }
        granted
    }

    /// For whom the waiting `owner` waits: excluding holders, and excluding waiters before it.
    pub(super) fn blockers(&self, owner: Owner) -> Vec<Owner> {
        let Some(at) = self.waiters.iter().position(|w| w.owner == owner) else {
            return Vec::new();
        };
        self.blockers_at(owner, self.waiters[at].mode, at).collect()
    }

    pub(super) fn wanted(&self, owner: Owner) -> Option<LockMode> {
        self.waiters
            .iter()
            .find(|w| w.owner == owner)
            .map(|w| w.mode)
    }

    fn place_for(&self, owner: Owner) -> usize {
        if self.held(owner).is_empty() {
            return self.waiters.len();
        }
        self.waiters
            .iter()
            .position(|w| self.held(w.owner).is_empty())
            .unwrap_or(self.waiters.len())
    }

    fn blockers_at(
        &self,
        owner: Owner,
        mode: LockMode,
        at: usize,
    ) -> impl Iterator<Item = Owner> + '_ {
        let holders = self
            .holders
            .iter()
            .filter(move |(holder, modes)| *holder != owner && modes.excludes(mode))
            .map(|(holder, _)| *holder);
        let ahead = self
            .waiters
            .iter()
            .take(at)
            .filter(move |w| Modes::one(w.mode).excludes(mode))
            .map(|w| w.owner);
        holders.chain(ahead)
    }
}
