//! Verifying: without any secret, that the recipient will recover the statement's.
//!
//! **Theory.** Shares shown are encrypted again, and the challenge must follow from all ciphertexts: so they were fixed before it, and hold
//! what is shown. That the values shown are those of the polynomials committed to is one equation, the sum of all with factors
//! that are hashed after the values.
//!
//! **Invariant.** Bytes are measured and read before anything is computed. Variable in time: nothing here is secret.

use crate::error::{Refusal, Result};
use crate::parameters::{DIGEST, SHARES};
use crate::proof::{challenge, shown, Points, Proof};
use crate::share::{seal, Sealed, Share};
use crate::statement::{commit, Statement};
use crate::transcript::Transcript;
use hyperdb_ed448::{sum, Point, Scalar, SCALAR};

/// Checks a proof.
///
/// # Errors
/// Why it shows nothing.
pub fn verify<const W: usize>(statement: &Statement<'_, W>, proof: &[u8]) -> Result<()> {
    verified(statement, proof).map(|_| ())
}

/// A proof that holds.
pub(crate) struct Verified<const W: usize> {
    /// Numbers and shares that are shown.
    pub(crate) shown: Vec<(u8, Share<W>)>,
    /// Numbers, ciphertexts and their points.
    pub(crate) hidden: Vec<(u8, Sealed<W>, Point)>,
}

pub(crate) fn verified<const W: usize>(
    statement: &Statement<'_, W>,
    bytes: &[u8],
) -> Result<Verified<W>> {
    let (proof, points) = Proof::<W>::decode(bytes)?;
    let digest = &statement.digest;
    let chosen = shown(digest, &proof.challenge);
    let numbers = |wanted: bool| {
        let all = (1u8..).zip(chosen);
        all.filter_map(move |(number, chosen)| (chosen == wanted).then_some(number))
    };
    let shares: Vec<(u8, &Share<W>)> = numbers(true).zip(&proof.shown).collect();
    let mut opened = seal(statement.recipient, digest, &shares).into_iter();
    let mut hidden = proof.hidden.iter().cloned();
    let sealed: Vec<Sealed<W>> = chosen
        .iter()
        .filter_map(|chosen| {
            if *chosen {
                opened.next()
            } else {
                hidden.next()
            }
        })
        .collect();
    if sealed.len() != SHARES || challenge(digest, &proof.commitments, &sealed) != proof.challenge {
        return Err(Refusal::Challenge);
    }
    if !are_of_the_polynomials(statement, &shares, &proof, &points) {
        return Err(Refusal::Shares);
    }
    Ok(Verified {
        shown: numbers(true).zip(proof.shown).collect(),
        hidden: numbers(false)
            .zip(proof.hidden)
            .zip(points.hidden)
            .map(|((number, sealed), point)| (number, sealed, point))
            .collect(),
    })
}

/// Whether the values shown are those of the polynomials that the commitments fix, torsion aside.
fn are_of_the_polynomials<const W: usize>(
    statement: &Statement<'_, W>,
    shares: &[(u8, &Share<W>)],
    proof: &Proof<W>,
    points: &Points,
) -> bool {
    let factors = factors(&statement.digest, proof, shares.len());
    let mut values = [Scalar::ZERO; W];
    for ((_, share), factor) in shares.iter().zip(&factors) {
        for (sum, value) in values.iter_mut().zip(&share.values) {
            *sum = *sum + *factor * *value;
        }
    }
    // Of the power j of a share's number times its factor: the coefficient of the j-th commitment.
    let mut powers = factors;
    let committed = std::iter::once(&statement.point).chain(&points.commitments);
    let terms: Vec<(Scalar, Point)> = committed
        .map(|point| {
            let total = powers
                .iter()
                .fold(Scalar::ZERO, |total, power| total + *power);
            for (power, (number, _)) in powers.iter_mut().zip(shares) {
                *power = power.times_small_plus(*number, &Scalar::ZERO);
            }
            (total, *point)
        })
        .collect();
    commit(&values).times_four() == sum(&terms).times_four()
}

/// Factors of 256 bits that nobody knew when the shares were made.
fn factors<const W: usize>(digest: &[u8; DIGEST], proof: &Proof<W>, count: usize) -> Vec<Scalar> {
    let mut stream = Transcript::new("hyperdb/verenc/factors")
        .part(digest)
        .part(&proof.challenge)
        .part(&proof.opening())
        .stream();
    (0..count)
        .filter_map(|_| {
            let mut bytes = [0; SCALAR];
            bytes[..32].copy_from_slice(&stream.bytes::<32>());
            Scalar::from_bytes(&bytes)
        })
        .collect()
}
