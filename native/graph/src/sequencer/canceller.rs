//! Cancelling from outside: the one thing that another thread may do to a transaction.

use super::locks::Owner;
use super::Sequencer;
use std::sync::{Arc, Weak};

/// Ends a transaction's wait for a lock from another thread, with [`Conflict::Cancelled`].
#[derive(Clone)]
pub struct Canceller {
    sequencer: Sequencer,
    owner: Owner,
    alive: Weak<()>,
}

impl Canceller {
    /// `alive` goes with the transaction.
    pub(super) fn of(sequencer: &Sequencer, owner: Owner, alive: &Arc<()>) -> Self {
        Self {
            sequencer: sequencer.clone(),
            owner,
            alive: Arc::downgrade(alive),
        }
    }

    /// Cancels the present wait, or else the next one. Nothing happens if the transaction has ended.
    pub fn cancel(&self) {
        if let Some(_alive) = self.alive.upgrade() {
            self.sequencer.locks.cancel(self.owner);
        }
    }
}
