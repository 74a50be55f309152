//! Values that a statement computes: constants, parameters, columns, sums of integers, the time.
//!
//! **Invariant.** A value comes out in the stored form of its kind; whatever would be an error is a [`Stray`].

use crate::{Kind, Stray};
use hyperdb_graph::catalog::objects::Sequence;
use std::sync::Arc;

/// A stored value; `None` is null.
pub type Stored = Option<Vec<u8>>;

/// What an integer operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
}

/// An expression over parameters and one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A value.
    Constant(Stored),
    /// A parameter, by its place from 0.
    Parameter(usize),
    /// A column, by its slot.
    Slot(usize),
    /// Two integers of the kinds given; the result is of the last kind.
    Integers(Sign, Box<Expression>, Box<Expression>, [Kind; 3]),
    /// An integer below zero instead of above.
    Negated(Box<Expression>, Kind),
    /// An integer of one kind as one of another.
    Integer(Box<Expression>, Kind, Kind),
    /// A text that must have no more characters than the kind allows.
    Fitted(Box<Expression>, Kind),
    /// When the transaction began.
    Now,
    /// A key for a row of a table without one.
    RowKey,
    /// The next value of a sequence, a bigint.
    Next(Arc<Numbered>),
}

/// A sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// Its number in the catalog.
    pub number: u64,
    /// Its definition.
    pub sequence: Sequence,
}

/// What expressions may ask of the world around.
pub trait Moment {
    /// Microseconds since 1970 at which the transaction began.
    fn now(&self) -> i64;
    /// A key that no row has: ascending in time.
    fn row_key(&self) -> [u8; 16];
    /// The next value of a sequence; `None`: the ordinary way takes it.
    fn next_value(&self, _sequence: &Numbered) -> Option<i64> {
        None
    }
}

impl Expression {
    fn parts(&self) -> [Option<&Expression>; 2] {
        match self {
            Expression::Integers(_, left, right, _) => [Some(left), Some(right)],
            Expression::Negated(inner, _)
            | Expression::Integer(inner, ..)
            | Expression::Fitted(inner, _) => [Some(inner), None],
            _ => [None, None],
        }
    }

    fn needs_row(&self) -> bool {
        matches!(self, Expression::Slot(_))
            || self
                .parts()
                .into_iter()
                .flatten()
                .any(Expression::needs_row)
    }

    /// Computes what needs no row.
    ///
    /// # Errors
    /// As [`Expression::value`].
    pub fn settle(&self, parameters: &[Stored], moment: &dyn Moment) -> Result<(), Stray> {
        if !self.needs_row() {
            return self.value(parameters, &[], moment).map(drop);
        }
        let mut parts = self.parts().into_iter().flatten();
        parts.try_for_each(|part| part.settle(parameters, moment))
    }

    /// The value. `row` is empty where there is none.
    ///
    /// # Errors
    /// [`Stray`] for a value out of range, or of another kind than was said.
    pub fn value(
        &self,
        parameters: &[Stored],
        row: &[Option<&[u8]>],
        moment: &dyn Moment,
    ) -> Result<Stored, Stray> {
        let of = |inner: &Expression| inner.value(parameters, row, moment);
        Ok(match self {
            Expression::Constant(value) => value.clone(),
            Expression::Parameter(place) => parameters.get(*place).ok_or(Stray)?.clone(),
            Expression::Slot(place) => row.get(*place).ok_or(Stray)?.map(<[u8]>::to_vec),
            Expression::Integers(sign, left, right, kinds) => match (of(left)?, of(right)?) {
                (Some(left), Some(right)) => {
                    Some(combined(*sign, &left, &right, *kinds).ok_or(Stray)?)
                }
                _ => None,
            },
            Expression::Negated(inner, kind) => match of(inner)? {
                None => None,
                Some(stored) => {
                    let value = kind.integer(&stored).and_then(i64::checked_neg);
                    Some(
                        value
                            .and_then(|value| kind.store_integer(value))
                            .ok_or(Stray)?,
                    )
                }
            },
            Expression::Integer(inner, from, to) => match of(inner)? {
                None => None,
                Some(stored) => {
                    let value = from.integer(&stored);
                    Some(
                        value
                            .and_then(|value| to.store_integer(value))
                            .ok_or(Stray)?,
                    )
                }
            },
            Expression::Fitted(inner, kind) => match of(inner)? {
                None => None,
                Some(text) => Some(kind.read(&text, false).ok_or(Stray)?),
            },
            Expression::Now => Some(moment.now().to_le_bytes().to_vec()),
            Expression::RowKey => Some(moment.row_key().to_vec()),
            Expression::Next(sequence) => {
                let value = moment.next_value(sequence).ok_or(Stray)?;
                Some(value.to_le_bytes().to_vec())
            }
        })
    }
}

fn combined(sign: Sign, left: &[u8], right: &[u8], kinds: [Kind; 3]) -> Option<Vec<u8>> {
    let [of_left, of_right, result] = kinds;
    let (left, right) = (of_left.integer(left)?, of_right.integer(right)?);
    let value = match sign {
        Sign::Plus => left.checked_add(right),
        Sign::Minus => left.checked_sub(right),
        Sign::Times => left.checked_mul(right),
    };
    result.store_integer(value?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Still;

    impl Moment for Still {
        fn now(&self) -> i64 {
            5
        }

        fn row_key(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    fn int4(value: i32) -> Stored {
        Some(value.to_le_bytes().to_vec())
    }

    fn sum(left: Stored, right: Stored) -> Result<Stored, Stray> {
        let sum = Expression::Integers(
            Sign::Plus,
            Box::new(Expression::Slot(0)),
            Box::new(Expression::Parameter(0)),
            [Kind::Int4; 3],
        );
        sum.value(&[right], &[left.as_deref()], &Still)
    }

    #[test]
    fn sums_are_of_their_kind_or_strays() {
        assert_eq!(sum(int4(40), int4(2)), Ok(int4(42)));
        assert_eq!(sum(int4(i32::MAX), int4(1)), Err(Stray));
        assert_eq!(sum(None, int4(1)), Ok(None));
        assert_eq!(
            sum(int4(1), Some(vec![1, 2])),
            Err(Stray),
            "no integer of four bytes"
        );
    }

    #[test]
    fn integers_change_their_width_within_the_range() {
        let narrow = |value: i32| {
            let cast =
                Expression::Integer(Box::new(Expression::Parameter(0)), Kind::Int4, Kind::Int2);
            cast.value(&[int4(value)], &[], &Still)
        };
        assert_eq!(narrow(-5), Ok(Some((-5i16).to_le_bytes().to_vec())));
        assert_eq!(narrow(40_000), Err(Stray));
        let negated = Expression::Negated(Box::new(Expression::Parameter(0)), Kind::Int4);
        assert_eq!(negated.value(&[int4(7)], &[], &Still), Ok(int4(-7)));
        assert_eq!(negated.value(&[int4(i32::MIN)], &[], &Still), Err(Stray));
    }

    #[test]
    fn texts_fit_or_stray() {
        let fitted = Expression::Fitted(Box::new(Expression::Parameter(0)), Kind::Varchar(3));
        let text = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(fitted.value(&[text("äöü")], &[], &Still), Ok(text("äöü")));
        assert_eq!(fitted.value(&[text("four")], &[], &Still), Err(Stray));
        let cut = Expression::Fitted(Box::new(Expression::Parameter(0)), Kind::Char(3));
        assert_eq!(cut.value(&[text("a  ")], &[], &Still), Ok(text("a")));
    }
}
