//! A proof as bytes (docs/encryption.md, Proof).
//!
//! **Theory.** What opening shows is computed again, so shown shares are there without their ciphertexts, hidden ones without anything else.
//!
//! **Invariant.** One length for each kind. Bytes that decode encode to the same bytes; all points lie on the curve and all numbers are below
//! the group's order.

use crate::error::{exactly, Refusal, Result};
use crate::parameters::{COINS, DIGEST, HIDDEN, SHARES, SHOWN};
use crate::recipient::PUBLIC_KEY;
use crate::share::{write_scalars, Sealed, Share};
use crate::transcript::Transcript;
use hyperdb_ed448::{Point, Scalar, SCALAR};

/// Bytes of a proof about `secrets` secrets.
pub const fn proof_bytes(secrets: usize) -> usize {
    let values = secrets * SCALAR;
    SHOWN * PUBLIC_KEY + DIGEST + HIDDEN * (PUBLIC_KEY + values) + SHOWN * (values + COINS)
}

/// The parts of a proof.
pub(crate) struct Proof<const W: usize> {
    /// Commitments to the coefficients of the first power, the second, and so on; encoded.
    pub(crate) commitments: Vec<[u8; PUBLIC_KEY]>,
    pub(crate) challenge: [u8; DIGEST],
    /// Ciphertexts that stay closed, by ascending number.
    pub(crate) hidden: Vec<Sealed<W>>,
    /// Shares that are shown, by ascending number.
    pub(crate) shown: Vec<Share<W>>,
}

impl<const W: usize> Proof<W> {
    /// The bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(proof_bytes(W));
        out.extend(self.commitments.iter().flatten());
        out.extend(self.challenge);
        self.hidden.iter().for_each(|sealed| sealed.write(&mut out));
        out.extend(self.opening());
        out
    }

    /// The bytes of what is shown.
    pub(crate) fn opening(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for share in &self.shown {
            write_scalars(&share.values, &mut out);
            out.extend(share.coins);
        }
        out
    }

    /// From bytes, with the points of the commitments and of the hidden shares.
    ///
    /// # Errors
    /// Another length, no scalars, no points.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Proof<W>, Points)> {
        let proof = Proof::read(bytes)?;
        let points = proof.points()?;
        Ok((proof, points))
    }

    /// From bytes, whatever their points are.
    ///
    /// # Errors
    /// Another length, no scalars.
    pub(crate) fn read(bytes: &[u8]) -> Result<Proof<W>> {
        if bytes.len() != proof_bytes(W) {
            return Err(Refusal::Length {
                what: "a proof",
                is: bytes.len(),
                expected: proof_bytes(W),
            });
        }
        let mut reader = Reader(bytes);
        let commitments = reader.many(SHOWN, Reader::array)?;
        let challenge = reader.array()?;
        let hidden = reader.many(HIDDEN, |reader| {
            Ok(Sealed {
                point: reader.array()?,
                masked: reader.scalars("a hidden share")?,
            })
        })?;
        let shown = reader.many(SHOWN, |reader| {
            Ok(Share {
                values: reader.scalars("a share shown")?,
                coins: reader.array()?,
            })
        })?;
        Ok(Proof {
            commitments,
            challenge,
            hidden,
            shown,
        })
    }

    fn points(&self) -> Result<Points> {
        let commitments = self.commitments.iter();
        let hidden = self.hidden.iter().map(|sealed| &sealed.point);
        Ok(Points {
            commitments: decoded("a commitment", commitments)?,
            hidden: decoded("a hidden share's point", hidden)?,
        })
    }
}

/// The points of a proof.
pub(crate) struct Points {
    pub(crate) commitments: Vec<Point>,
    pub(crate) hidden: Vec<Point>,
}

fn decoded<'a>(
    what: &'static str,
    encoded: impl Iterator<Item = &'a [u8; PUBLIC_KEY]>,
) -> Result<Vec<Point>> {
    encoded
        .map(|bytes| Point::decode(bytes).ok_or(Refusal::Point(what)))
        .collect()
}

/// Takes parts of known length from the front.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (part, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        exactly("a part of it", part).copied()
    }

    pub(crate) fn scalars<const W: usize>(&mut self, what: &'static str) -> Result<[Scalar; W]> {
        let mut out = [Scalar::ZERO; W];
        for scalar in &mut out {
            *scalar = Scalar::from_bytes(&self.array()?).ok_or(Refusal::Scalar(what))?;
        }
        Ok(out)
    }

    fn many<T>(
        &mut self,
        count: usize,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        (0..count).map(|_| one(self)).collect()
    }
}

/// The challenge that follows from all that the prover has committed to.
pub(crate) fn challenge<const W: usize>(
    digest: &[u8; DIGEST],
    commitments: &[[u8; PUBLIC_KEY]],
    sealed: &[Sealed<W>],
) -> [u8; DIGEST] {
    let mut ciphertexts = Vec::with_capacity(sealed.len() * (PUBLIC_KEY + W * SCALAR));
    sealed
        .iter()
        .for_each(|share| share.write(&mut ciphertexts));
    Transcript::new("hyperdb/verenc/challenge")
        .part(digest)
        .part(commitments.as_flattened())
        .part(&ciphertexts)
        .bytes()
}

/// Which shares are shown, by index from 0: every set of [`SHOWN`] is as likely.
pub(crate) fn shown(digest: &[u8; DIGEST], challenge: &[u8; DIGEST]) -> [bool; SHARES] {
    let mut stream = Transcript::new("hyperdb/verenc/shown")
        .part(digest)
        .part(challenge)
        .stream();
    let mut chosen = [false; SHARES];
    let mut left = SHOWN;
    while left > 0 {
        // Bytes that name no share, or one that was named before, are passed over.
        let [byte] = stream.bytes();
        if let Some(place) = chosen.get_mut(usize::from(byte)).filter(|place| !**place) {
            *place = true;
            left -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_have_one_length_each() {
        assert_eq!((proof_bytes(1), proof_bytes(2)), (17_028, 24_420));
    }

    #[test]
    fn shares_are_shown_evenly() {
        const RUNS: u32 = 2_000;
        let mut counts = [0u32; SHARES];
        for run in 0..RUNS {
            let mut challenge = [0; DIGEST];
            challenge[..4].copy_from_slice(&run.to_le_bytes());
            let chosen = shown(&[7; DIGEST], &challenge);
            assert_eq!(chosen.iter().filter(|chosen| **chosen).count(), SHOWN);
            for (count, chosen) in counts.iter_mut().zip(chosen) {
                *count += u32::from(chosen);
            }
        }
        let expected = f64::from(RUNS) * SHOWN as f64 / SHARES as f64;
        let spread = f64::from(RUNS) * 0.25;
        let chi: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / spread)
            .sum();
        // 131 degrees of freedom: 200 is beyond one in ten thousand. The runs are always the same.
        assert!(chi < 200.0, "{chi}");
    }
}
