//! Recovering: the recipient opens one hidden share, and interpolates.
//!
//! **Theory.** 65 values fix a polynomial of degree 64 (Lagrange). A hidden share may be anything; if it is not the polynomials' value, what is
//! interpolated does not match the statement, and the next one is tried.
//!
//! **Invariant.** Nothing is recovered from a proof that does not hold, and what is returned are the statement's secrets.

use crate::error::{Refusal, Result};
use crate::recipient::SecretKey;
use crate::share::Share;
use crate::statement::{commit, Statement};
use crate::verify::verified;
use hyperdb_ed448::Scalar;
use zeroize::Zeroizing;

/// The statement's secrets.
///
/// # Errors
/// The proof does not hold, or is for another key.
pub fn recover<const W: usize>(
    key: &SecretKey,
    statement: &Statement<'_, W>,
    proof: &[u8],
) -> Result<Zeroizing<[Scalar; W]>> {
    if key.public() != statement.recipient.bytes() {
        return Err(Refusal::WrongKey);
    }
    let verified = verified(statement, proof)?;
    for (number, sealed, point) in &verified.hidden {
        let shared = key.agree(point);
        let opened = Zeroizing::new(sealed.opened(&statement.digest, *number, &shared));
        let secrets = Zeroizing::new(at_zero(&verified.shown, *number, &opened));
        if commit(&secrets).times_four() == statement.point.times_four() {
            return Ok(secrets);
        }
    }
    Err(Refusal::Unrecoverable)
}

/// The values at 0 of the polynomials through the shares shown and one more.
fn at_zero<const W: usize>(
    shown: &[(u8, Share<W>)],
    number: u8,
    values: &[Scalar; W],
) -> [Scalar; W] {
    let all: Vec<(u8, &[Scalar; W])> = shown
        .iter()
        .map(|(number, share)| (*number, &share.values))
        .chain([(number, values)])
        .collect();
    let mut sums = [Scalar::ZERO; W];
    for (own, values) in &all {
        let (mut above, mut below) = (Scalar::ONE, Scalar::ONE);
        for (other, _) in all.iter().filter(|(other, _)| other != own) {
            let (own, other) = (
                Scalar::from(u64::from(*own)),
                Scalar::from(u64::from(*other)),
            );
            above = above * other;
            below = below * (other - own);
        }
        let weight = above * below.invert();
        for (sum, value) in sums.iter_mut().zip(values.iter()) {
            *sum = *sum + weight * *value;
        }
    }
    sums
}
