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
        let value = match self.take_spare(sequence.number) {
            Some(value) => value,
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

    /// What was used last of each sequence since the last call, the latest at the end.
    pub fn take_current(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.current)
    }

    /// A value that was taken for nothing, which is given out now.
    pub fn take_spare(&mut self, number: u64) -> Option<i64> {
        let place = self.spare.iter().position(|(other, _)| *other == number)?;
        Some(self.spare.remove(place).1)
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
        assert_eq!(numbers.take_spare(7), Some(1));
        numbers.taken = vec![(8, 6), (7, 1), (7, 3)];
        numbers.settle(true);
        assert_eq!(numbers.take_current(), [(8, 6), (7, 3)]);
        assert_eq!(
            (numbers.take_spare(7), numbers.take_spare(7)),
            (Some(2), None)
        );
    }
}
