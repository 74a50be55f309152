//! Why something was refused.

use std::fmt;

/// What is wrong with what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Bytes of another number than they must be.
    Length {
        /// What it is.
        what: &'static str,
        /// Its length.
        is: usize,
        /// What it must be.
        expected: usize,
    },
    /// Bytes that are no point, or another form of one, or of the wrong group.
    Point(&'static str),
    /// Bytes that are no number below the group's order.
    Scalar(&'static str),
    /// A challenge that does not follow from what it was said to be asked of: something was changed.
    Challenge,
    /// Shares shown that are not those of the commitments.
    Shares,
    /// The statement is not of the secret given, or the secret key not the recipient's.
    WrongKey,
    /// No share could be recovered from a proof that holds: chance has it once in 2^128.
    Unrecoverable,
    /// What was recovered is more than a chunk may hold: its writer cheated, and the opening shows it.
    Payload,
}

/// What may be refused.
pub type Result<T> = std::result::Result<T, Refusal>;

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::Length { what, is, expected } => {
                write!(out, "{what} has {is} bytes, not {expected}")
            }
            Refusal::Point(what) => write!(out, "{what} is no point that may stand there"),
            Refusal::Scalar(what) => write!(out, "{what} is no number below the group's order"),
            Refusal::Challenge => out.write_str(
                "the challenge does not follow from recipient, statement, context and shares",
            ),
            Refusal::Shares => out.write_str("the shares shown are not those committed to"),
            Refusal::WrongKey => out.write_str("it was encrypted to another key"),
            Refusal::Unrecoverable => out.write_str("no hidden share could be recovered"),
            Refusal::Payload => out.write_str("what was encrypted is larger than a chunk"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Bytes of exactly the length that they must have.
pub(crate) fn exactly<'a, const N: usize>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<&'a [u8; N]> {
    bytes.try_into().map_err(|_| Refusal::Length {
        what,
        is: bytes.len(),
        expected: N,
    })
}
