//! All that a prover draws, from 32 random bytes.
//!
//! **Theory.** The secrets and the statement are hashed together with the randomness, so that a generator that repeats itself does not share
//! two secrets by the same polynomials.
//!
//! **Invariant.** The same bytes draw the same; everything is wiped when it is dropped.

use crate::parameters::{COINS, DIGEST, SHARES, SHOWN};
use crate::share::{write_scalars, Share};
use crate::transcript::Transcript;
use hyperdb_ed448::Scalar;
use zeroize::{Zeroize, Zeroizing};

/// Polynomials and coins.
pub(crate) struct Drawn<const W: usize> {
    /// Coefficients of the first power, the second, and so on.
    pub(crate) coefficients: Vec<[Scalar; W]>,
    /// The shares, by number from 1.
    pub(crate) shares: Vec<Share<W>>,
}

impl<const W: usize> Drop for Drawn<W> {
    fn drop(&mut self) {
        self.coefficients.iter_mut().for_each(Zeroize::zeroize);
        self.shares.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Polynomials whose values at 0 are the secrets, and their shares.
pub(crate) fn draw<const W: usize>(
    secrets: &[Scalar; W],
    digest: &[u8; DIGEST],
    randomness: &[u8; 32],
) -> Drawn<W> {
    let mut bytes = Zeroizing::new(Vec::new());
    write_scalars(secrets, &mut bytes);
    let mut stream = Transcript::new("hyperdb/verenc/coins")
        .part(digest)
        .part(randomness)
        .part(&bytes)
        .stream();
    let coefficients: Vec<[Scalar; W]> = (0..SHOWN).map(|_| stream.scalars()).collect();
    let shares = (1..=SHARES as u8)
        .map(|number| Share {
            values: std::array::from_fn(|at| {
                let powers = coefficients.iter().rev();
                let above = powers.fold(Scalar::ZERO, |sum, power| {
                    sum.times_small_plus(number, &power[at])
                });
                above.times_small_plus(number, &secrets[at])
            }),
            coins: stream.bytes::<COINS>(),
        })
        .collect();
    Drawn {
        coefficients,
        shares,
    }
}
