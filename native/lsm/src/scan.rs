//! Walks of the writer over what it sees.
//!
//! **Theory.** Mostly one memtable alone reaches into a range, and then nothing need be merged: its entries come as they lie. Otherwise
//! all that reaches into it is merged.

use crate::memtable::MemSource;
use crate::merge::{Merge, Source};
use crate::types::{Op, Value};
use crate::writer::Step;

/// A walk over live entries, in one direction. Borrowing: an entry is valid until the next step.
pub struct Scan<'w> {
    walk: Walk<'w>,
}

/// What there is to walk: mostly one memtable alone, where nothing need be merged.
enum Walk<'w> {
    One(MemSource<'w>),
    Many(Merge<'w>),
}

impl<'w> Scan<'w> {
    pub(crate) fn of_one(source: MemSource<'w>) -> Self {
        Scan {
            walk: Walk::One(source),
        }
    }

    pub(crate) fn of_many(merge: Merge<'w>) -> Self {
        Scan {
            walk: Walk::Many(merge),
        }
    }

    /// The next live key and value, or `None` at the end of the range.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Step<Option<(&[u8], Value<'_>)>> {
        match &mut self.walk {
            Walk::One(source) => {
                while source.advance()? {
                    if let Some((key, found)) = source.entry() {
                        if found.op == Op::Add {
                            return Ok(Some((key, Value::Borrowed(found.value))));
                        }
                    }
                }
                Ok(None)
            }
            Walk::Many(merge) => {
                if !merge.advance()? {
                    return Ok(None);
                }
                Ok(Some((merge.key(), merge.value())))
            }
        }
    }
}
