//! CQL's short way: statements of a few known forms, from a client's bytes to its answer without leaving native code.
//!
//! **Purpose.** Nearly all that a busy server gets are statements that read or write one row, or read a slice of one partition. Python
//! parses and binds each of them once and hands down a [`Plan`]; from then on it is answered here, prepared (EXECUTE), as a text that
//! differs in literals only (QUERY), or in a BATCH. What is not of a known form, and whatever goes wrong, is left to the
//! ordinary way: nothing here makes an error message.
//!
//! **Invariant.** An answer given here is the one that the ordinary way would give. A request that is left has changed nothing, and
//! reaches the ordinary way byte for byte, in its order among those that are left.

mod crc;
pub mod envelope;
pub mod forms;
mod known;
pub mod lane;
pub mod plan;
pub mod segment;
pub mod text;
mod writes;

pub use lane::{Lane, Turn};
pub use plan::{Body, Plan, Select, Source, Write};

/// Not to be answered here: the ordinary way does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray;
