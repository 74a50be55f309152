//! edwards448: its field, its scalars, its points; and who needs more than signing of it.
//!
//! **Purpose.** Signatures are verified here ([`verify`]), and verifiable encryption (`native/verenc`) computes here. Signing stays with
//! the library, `ed448-goldilocks-plus`, which the tests of this crate use as the oracle of all arithmetic.
//!
//! **Theory.** x^2 + y^2 = 1 - 39081 x^2 y^2 over p = 2^448 - 2^224 - 1 (Hamburg, "Ed448-Goldilocks, a new elliptic curve", 2015; RFC
//! 8032, section 5.2). Its group is that of the multiples of the base, of prime order L, times a cyclic group of four.
//!
//! **Invariant.** What is given a secret (scalars in [`Multiples::times`], all of [`Scalar`] that does not say otherwise) does the same
//! steps and touches the same memory whatever the secret is; what is variable in time says so. There is one encoding of a point and
//! of a scalar. Nobody has audited this crate, nor the library beside it.

mod curve;
mod field;
mod key;
mod multiples;
mod scalar;
mod signature;
mod sum;

pub use curve::{encode_all, Point, POINT};
pub use key::{public_of, secret_scalar, SEED};
pub use multiples::{base, Multiples};
pub use scalar::{Scalar, SCALAR, WIDE};
pub use signature::verify;
pub use sum::sum;
