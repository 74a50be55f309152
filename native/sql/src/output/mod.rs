//! Rows on their way to a client, many at once: DataRow messages, and CopyData in COPY's three formats.
//!
//! **Purpose.** A long result costs what its values cost to write. Those of the analytic engine come in columns of Arrow
//! ([`columns`]), those of a table as packed rows ([`stored`]); both become messages here, without an object of Python a value.
//!
//! **Theory.** A value is written as [`Shown`] says, a row as [`Form`] says; neither knows of the other. COPY's text and CSV
//! escape what was written ("COPY", File Formats, PostgreSQL's documentation).
//!
//! **Invariant.** The bytes are those that the conversation (`hyperdb/frontends/sql/conversation`) would make of the same
//! values. A value that is not written here ends the piece before its row: whoever asked takes that row the ordinary way.

pub mod columns;
pub mod form;
mod quotient;
pub mod shown;
pub mod stored;
#[cfg(test)]
mod tests;

pub use columns::{Column, Source};
pub use form::{Form, Writer};
pub use shown::Shown;

/// How many rows were written, and why no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Whole rows.
    pub rows: usize,
    /// The next row has a value that is not written here.
    pub refused: bool,
}
