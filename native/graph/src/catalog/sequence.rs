//! Values of sequences: a record beside the definition, written by turns of their own.
//!
//! ```text
//! last i64 LE | called u8: 1 if `last` was given out, 0 if it is the next
//! ```
//! **Theory.** What was taken stays taken though its transaction is rolled back (SQL wants that, and nobody has to wait
//! for anybody), so values are no part of a transaction. A taker takes many at a time and gives them out from memory;
//! what is left of them at the end is lost, as with any cache of a sequence.

use super::objects::Sequence;
use super::{sequence_id, Refusal};
use crate::codec::Reader;
use crate::header::Record;
use crate::keys::{self, AppId};
use crate::step::Step;
use crate::store::Store;
use crate::turn::{malformed, Turn};
use hyperdb_lsm::Family;

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last value given out, or the next one.
    pub last: i64,
    /// Which of the two.
    pub called: bool,
}

/// Values taken: `first`, `first + increment`, ... `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The first of them.
    pub first: i64,
    /// The last of them.
    pub last: i64,
}

impl Position {
    /// The record's bytes.
    pub fn encode(self) -> [u8; 9] {
        let mut out = [u8::from(self.called); 9];
        out[..8].copy_from_slice(&self.last.to_le_bytes());
        out
    }

    /// Back from [`Position::encode`]; `None` if malformed.
    pub fn decode(bytes: &[u8]) -> Option<Position> {
        let mut reader = Reader(bytes);
        let last = i64::from_le_bytes(reader.array()?);
        let called = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        reader.end(Position { last, called })
    }
}

impl Sequence {
    /// Takes up to `count` values (at least one) from `position` on; fewer at the end of the range. `None`: exhausted.
    pub fn take(&self, position: Position, count: u64) -> Option<Taken> {
        let inside = |value: i128| i128::from(self.min) <= value && value <= i128::from(self.max);
        let step = i128::from(self.increment);
        let last = i128::from(position.last);
        let next = if position.called { last + step } else { last };
        let first = match (inside(next), self.cycle, self.increment > 0) {
            (true, _, _) => next,
            (false, false, _) => return None,
            (false, true, true) => self.min.into(),
            (false, true, false) => self.max.into(),
        };
        let end = i128::from(if self.increment > 0 {
            self.max
        } else {
            self.min
        });
        let more = ((end - first) / step).min(i128::from(count.max(1)) - 1);
        Some(Taken {
            first: i64::try_from(first).ok()?,
            last: i64::try_from(first + more * step).ok()?,
        })
    }
}

/// Where sequence `number` stands in the newest durable commit; `None`: at its start.
///
/// # Errors
/// What the store fails with.
pub fn position(store: &Store, number: u64) -> Step<Option<Position>> {
    let id = sequence_id(number);
    let key = keys::element(AppId::SYSTEM, store.hash_key().hash64(&id), &id);
    let Some(raw) = store.db().snapshot().get(Family::DATA, &key)? else {
        return Ok(None);
    };
    match Record::decode(&raw) {
        Some(Record::Vertex { value, .. }) => Ok(Position::decode(value)),
        _ => Err(malformed("sequence")),
    }
}

impl Turn<'_> {
    /// Sets where sequence `number` stands.
    ///
    /// # Errors
    /// What the turn fails with.
    pub fn set_position(&mut self, number: u64, position: Position) -> Step<()> {
        self.put_vertex(
            AppId::SYSTEM,
            &sequence_id(number),
            &position.encode(),
            None,
        )
    }

    /// Takes up to `count` values of sequence `number`, defined by `sequence`; `Ok(Err(_))` if there are none left.
    ///
    /// # Errors
    /// What the turn fails with.
    pub fn take_values(
        &mut self,
        number: u64,
        sequence: &Sequence,
        count: u64,
    ) -> Step<Result<Taken, Refusal>> {
        let id = sequence_id(number);
        let fresh = Position {
            last: sequence.start,
            called: false,
        };
        let position = match self.element(AppId::SYSTEM, &id)? {
            None => fresh,
            Some(element) => match element.record()? {
                Record::Vertex { value, .. } => {
                    Position::decode(value).ok_or_else(|| malformed("sequence"))?
                }
                Record::Edge(_) => return Err(malformed("sequence")),
            },
        };
        let Some(taken) = sequence.take(position, count) else {
            let text = format!("sequence {} has no value left", sequence.name);
            return Ok(Err(Refusal::Invalid(text)));
        };
        let position = Position {
            last: taken.last,
            called: true,
        };
        self.put_vertex(AppId::SYSTEM, &id, &position.encode(), None)?;
        Ok(Ok(taken))
    }
}
