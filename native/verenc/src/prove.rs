//! Proving: the secrets are shared, the shares encrypted, and those shown that a hash asks for.
//!
//! **Invariant.** Every step before the challenge is the same whatever the secrets are; what is drawn is wiped.

use crate::coins::draw;
use crate::error::{Refusal, Result};
use crate::proof::{challenge, shown, Proof};
use crate::share::{seal, Sealed, Share};
use crate::statement::{commit, Statement};
use hyperdb_ed448::{encode_all, Point, Scalar};

/// A proof that the recipient recovers the statement's secrets.
///
/// `randomness`: 32 bytes that nobody can guess, and that are used once.
///
/// # Errors
/// The statement is one of other secrets.
pub fn prove<const W: usize>(
    statement: &Statement<'_, W>,
    secrets: &[Scalar; W],
    randomness: &[u8; 32],
) -> Result<Vec<u8>> {
    if commit(secrets) != statement.point {
        return Err(Refusal::WrongKey);
    }
    let drawn = draw(secrets, &statement.digest, randomness);
    let points: Vec<Point> = drawn.coefficients.iter().map(commit).collect();
    let commitments = encode_all(&points);
    let shares: Vec<(u8, &Share<W>)> = (1u8..).zip(&drawn.shares).collect();
    let sealed: Vec<Sealed<W>> = seal(statement.recipient, &statement.digest, &shares);
    let challenge = challenge(&statement.digest, &commitments, &sealed);
    let chosen = shown(&statement.digest, &challenge);
    let mut proof = Proof {
        commitments,
        challenge,
        hidden: Vec::new(),
        shown: Vec::new(),
    };
    for ((sealed, share), chosen) in sealed.into_iter().zip(&drawn.shares).zip(chosen) {
        if chosen {
            proof.shown.push(share.clone());
        } else {
            proof.hidden.push(sealed);
        }
    }
    Ok(proof.encode())
}
