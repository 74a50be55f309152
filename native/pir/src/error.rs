//! What can be wrong with what this crate is given.

use std::fmt;

/// Sizes and places that do not fit. Nothing else can fail: every byte string of the right size has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A matrix may have at most so many rows ([`crate::parameters::MOST_ROWS`]).
    TooManyRows {
        /// Rows asked for.
        rows: usize,
    },
    /// A matrix may have at most so many columns ([`crate::parameters::MOST_COLUMNS`]).
    TooManyColumns {
        /// Columns asked for.
        columns: usize,
    },
    /// There is no such column.
    NoSuchColumn {
        /// The column.
        column: usize,
        /// Columns that there are.
        columns: usize,
    },
    /// A matrix cannot be cut behind so many rows.
    NoSuchRows {
        /// Rows asked for.
        rows: usize,
        /// Rows that there are.
        all: usize,
    },
    /// A list or a string of bytes that has another length than it must have.
    Length {
        /// What it is.
        what: &'static str,
        /// Its length.
        is: usize,
        /// The length that it must have.
        expected: usize,
    },
    /// The processor lacks a kernel's instructions, or the kernel failed its check against the portable one.
    KernelUnavailable,
}

/// What may fail with [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::parameters::{MOST_COLUMNS, MOST_ROWS};
        match *self {
            Error::TooManyRows { rows } => {
                write!(out, "a matrix has at most {MOST_ROWS} rows, not {rows}")
            }
            Error::TooManyColumns { columns } => {
                write!(
                    out,
                    "a matrix has at most {MOST_COLUMNS} columns, not {columns}"
                )
            }
            Error::NoSuchColumn { column, columns } => {
                write!(out, "there is no column {column} of {columns}")
            }
            Error::NoSuchRows { rows, all } => {
                write!(out, "{all} rows cannot be cut behind row {rows}")
            }
            Error::Length { what, is, expected } => {
                write!(out, "{what} has length {is}, not {expected}")
            }
            Error::KernelUnavailable => out.write_str("this processor does not have that kernel"),
        }
    }
}

impl std::error::Error for Error {}

/// Refuses another length than `expected`.
pub(crate) fn check_length(what: &'static str, is: usize, expected: usize) -> Result<()> {
    if is == expected {
        return Ok(());
    }
    Err(Error::Length { what, is, expected })
}
