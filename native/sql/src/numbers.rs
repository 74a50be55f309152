//! Values of sequences that a lane has taken.
//!
//! **Theory.** A value that was taken is gone, whatever becomes of the statement. A statement that runs again, here or in the ordinary
//! way, uses the values that it has taken already, as one that was never interrupted. Invariant: a value is given out once.

use crate::expression::Numbered;
use hyperdb_graph::Store;
use std::time::Duration;

/// A sequence's number and a value of it.
pub type Value = (u64, i64);

/// See the module's head.
#[derive(Debug, Default)]
pub struct Numbers {
    /// Taken by statements that did not come to their end, in order.
    spare: Vec<Value>,
    /// Taken by the statement that runs.
    taken: Vec<Value>,
    /// What statements that came to their end used last.
    current: Vec<Value>,
}

impl Numbers {
    /// The next value of a sequence; `None` if there is none, or somebody defines it anew at this moment.
    pub(crate) fn next(&mut self, store: &Store, now: i64, sequence: &Numbered) -> Option<i64> {
        let place = self
            .spare
            .iter()
            .position(|(number, _)| *number == sequence.number);
        let value = match place {
            Some(place) => self.spare.remove(place).1,
            None => {
                let take = store.run(now / 1000, Some(Duration::ZERO), |turn| {
                    turn.take_values(sequence.number, &sequence.sequence, 1)
                });
                take.ok()?.0.ok()?.first
            }
        };
        self.taken.push((sequence.number, value));
        Some(value)
    }

    /// The statement has ended.
    pub(crate) fn settle(&mut self, is_done: bool) {
        let taken = std::mem::take(&mut self.taken);
        match is_done {
            true => {
                for (number, value) in taken {
                    self.current.retain(|(other, _)| *other != number);
                    self.current.push((number, value));
                }
            }
            false => {
                let spare = std::mem::replace(&mut self.spare, taken);
                self.spare.extend(spare);
            }
        }
    }

    /// What was used last of each sequence, the latest at the end, and what was taken for nothing.
    pub fn take(&mut self) -> (Vec<Value>, Vec<Value>) {
        (
            std::mem::take(&mut self.current),
            std::mem::take(&mut self.spare),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_took_in_vain_is_used_first() {
        let mut numbers = Numbers {
            taken: vec![(7, 1), (7, 2), (8, 5)],
            ..Numbers::default()
        };
        numbers.settle(false);
        assert_eq!(numbers.spare, [(7, 1), (7, 2), (8, 5)]);
        numbers.taken = vec![(7, 1)];
        numbers.spare.remove(0);
        numbers.settle(false);
        assert_eq!(numbers.spare, [(7, 1), (7, 2), (8, 5)], "in their order");
        numbers.taken = vec![(8, 6), (7, 1), (7, 3)];
        numbers.settle(true);
        assert_eq!(numbers.take().0, [(8, 6), (7, 3)]);
    }
}
