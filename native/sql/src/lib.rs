//! SQL's short way: statements of a few known forms, from a client's bytes to its answer without leaving native code.
//!
//! **Purpose.** Most statements of a busy server read or change one row by its key. Python parses and binds each of them once
//! and hands down a [`Plan`]; from then on a client's messages are answered here. What is not of a known form, and whatever
//! goes wrong, is left to the ordinary way: nothing here makes an error message.
//!
//! **Invariant.** An answer given here is, byte for byte, the one that the ordinary way would give. A statement that is left
//! ([`Stray`]) has changed nothing.

pub mod copy;
pub mod expression;
pub mod kind;
pub mod lane;
pub mod message;
pub mod numbers;
pub mod output;
pub mod plan;
pub mod text;
pub mod texts;
mod write;

pub use expression::{Expression, Moment, Numbered};
pub use kind::Kind;
pub use lane::{Bell, Block, End, Lane, Missed, Statement, Steer, World};
pub use message::Description;
pub use numbers::Numbers;
pub use plan::{Body, OnConflict, Output, Parent, Plan, Span};
pub use texts::Texts;

/// Not to be answered here: the ordinary way does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray;
