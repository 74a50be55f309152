//! Vector commitments of width 64: KZG over BLS12-381.
//!
//! **Purpose.** What the commitment tree and its proofs stand on: scalars, points, the trusted setup, committing, changing
//! commitments fast, and hashing into both. No storage and no tree shape here.
//!
//! **Theory.** Kate, Zaverucha, Goldberg, "Constant-Size Commitments to Polynomials and Their Applications" (2010), in Lagrange form
//! over the 64th roots of unity. The rules that bind this to bytes are in `docs/commitment.md`.
//!
//! **Invariant.** Nothing secret passes through here, so nothing is constant time; everything a stranger sends is decoded strictly.

pub(crate) mod addition;
mod bases;
pub mod comb;
mod combinations;
mod decoding;
pub mod domain;
pub(crate) mod endomorphism;
mod ffi;
mod field;
pub mod hash;
mod lanes;
mod memory;
mod multiples;
pub mod opening;
pub mod point;
pub mod proof;
pub mod scalar;
pub mod setup;
mod straus;
mod subgroup;
pub mod tree;
