//! Verifiable encryption to an Ed448 key: everybody can check that its holder will recover a secret, and nobody else learns it.
//!
//! **Purpose.** What `hyperdb/encryption` stands on: the key of an encrypted object, or a small secret itself, with a proof beside it that a
//! store checks before it keeps the object. No files, envelopes or ciphers here (docs/encryption.md has the bytes).
//!
//! **Theory.** Takahashi and Zaverucha, "Verifiable Encryption from MPC-in-the-Head" (ePrint 2021/1704), robust DKG in the head. A
//! statement is a point: X = x G for a secret x that is evenly distributed, or C = m G + s H (Pedersen 1991) for one that could be
//! guessed; H is hashed to the curve, so nobody knows its logarithm. The prover shares the secret by polynomials of degree 64
//! (Shamir 1979), commits to their coefficients (Feldman 1987), and encrypts 132 shares to the recipient by hashed ElGamal. A hash of
//! all of that (Fiat and Shamir 1986) chooses 64 shares, and the prover shows them with the coins of their encryption.
//!
//! *Soundness.* Call a share good if it can be opened so that the verifier accepts it: its ciphertext then holds the polynomials' value,
//! for the commitments fix the polynomials. With one good share more than the 64 that are shown the secret is interpolated, and the
//! recipient tells good from bad by the statement itself (robustness). So a proof that passes and yields nothing has no good share
//! among the 68 that stay hidden, and none but good ones among those shown: the challenge was the one set of 132 choose 64 that the
//! prover had prepared for, 2^-128.07 for each hash tried ([`parameters`]). Shares shown are checked together, by a random linear
//! combination whose factors are hashed after them: 2^-256 for each hash.
//!
//! *Secrecy.* 64 values of a polynomial of degree 64 say nothing of its value at 0 beyond the statement; hidden shares are encrypted
//! under the computational Diffie-Hellman assumption with the hash as random oracle. Discrete logarithms on Ed448 break both, so
//! nothing here stands against a quantum computer.
//!
//! *Torsion.* The statement and the recipient's key must lie in the group of prime order. Other points may have a part of order four:
//! equations are checked times four, and the recipient multiplies by four before anything else, so that it has no effect.
//!
//! **Invariant.** Secrets take the same steps whatever they are, and are wiped; which step a proof fails at depends on public bytes alone.
//! One statement, context and recipient per proof: their digest is in every hash.
//!
//! Nobody has audited this crate or the curve below it.

pub mod chunk;
mod coins;
mod error;
#[cfg(test)]
mod forging;
#[cfg(test)]
mod fuzzing;
pub mod parameters;
mod proof;
mod prove;
mod recipient;
mod recover;
mod share;
mod statement;
mod transcript;
mod verify;

pub use error::{Refusal, Result};
pub use hyperdb_ed448::{Scalar, SCALAR};
pub use proof::proof_bytes;
pub use prove::prove;
pub use recipient::{Recipient, SecretKey, PUBLIC_KEY, SEED};
pub use recover::recover;
pub use statement::{key_statement, Statement};
pub use verify::verify;
