//! Private information retrieval from one server: whoever asks for a column of bytes does not tell which.
//!
//! **Purpose.** What `hyperdb/oblivious` stands on: a matrix of bytes whose columns are pages, answers to encrypted queries at the
//! speed of memory, hints, and the client's side. No pages, epochs or network here.
//!
//! **Theory.** Henzinger, Hong, Corrigan-Gibbs, Meiklejohn, Vaikuntanathan, "One Server for the Price of Two: Simple and Fast
//! Single-Server Private Information Retrieval" (USENIX Security 2023). A query is A s + e + 2^24 u: a vector of learning with
//! errors (Regev 2005) that hides the unit vector u. The answer is D times the query. With the hint H = D A, which does not depend
//! on the query, answer - H s = 2^24 D u + D e, and rounding gives the bytes of the column. Entries are raw bytes, so a page is
//! stored as it is. Parameters and what they rest on: `docs/pir-parameters.md`.
//!
//! **Invariant.** All kernels give the same bytes. What a server computes does not depend on the column asked for; nothing here
//! runs in a time that depends on a secret but for which word of a query gets 2^24 added.

pub mod answer;
mod background;
pub mod client;
pub mod error;
mod gaussian;
mod hash;
pub mod hint;
pub mod kernel;
pub mod matrix;
mod memory;
pub mod parameters;
pub mod public;
pub mod rounding;
mod seed;

pub use error::{Error, Result};
pub use seed::Seed;
