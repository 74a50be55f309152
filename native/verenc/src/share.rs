//! One share, encrypted: hashed ElGamal (57 + 56 bytes for one secret).
//!
//! **Theory.** R = r G and c = share + H(statement, number, R, r P). The coins that r follows from are what opening a share shows: whoever has
//! them and the share computes the same ciphertext.
//!
//! **Invariant.** The number of a share and the statement's digest are in both hashes: no ciphertext is one of another share or proof.

use crate::parameters::{COINS, DIGEST};
use crate::recipient::{Recipient, PUBLIC_KEY};
use crate::transcript::Transcript;
use hyperdb_ed448::{base, encode_all, Scalar, SCALAR};
use zeroize::{Zeroize, Zeroizing};

/// A share's ciphertext.
#[derive(Clone)]
pub(crate) struct Sealed<const W: usize> {
    /// R, encoded.
    pub(crate) point: [u8; PUBLIC_KEY],
    /// The masked values.
    pub(crate) masked: [Scalar; W],
}

/// A share as opening shows it.
#[derive(Clone, Zeroize)]
pub(crate) struct Share<const W: usize> {
    pub(crate) values: [Scalar; W],
    pub(crate) coins: [u8; COINS],
}

impl<const W: usize> Sealed<W> {
    /// Appends its bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.point);
        write_scalars(&self.masked, out);
    }

    /// The values, of the secret that both sides share.
    pub(crate) fn opened(
        &self,
        digest: &[u8; DIGEST],
        number: u8,
        shared: &[u8; PUBLIC_KEY],
    ) -> [Scalar; W] {
        let mask: [Scalar; W] = mask(digest, number, &self.point, shared);
        std::array::from_fn(|at| self.masked[at] - mask[at])
    }
}

/// Appends the bytes of scalars.
pub(crate) fn write_scalars(scalars: &[Scalar], out: &mut Vec<u8>) {
    for scalar in scalars {
        out.extend::<[u8; SCALAR]>(scalar.to_bytes());
    }
}

fn mask<const W: usize>(
    digest: &[u8; DIGEST],
    number: u8,
    point: &[u8; PUBLIC_KEY],
    shared: &[u8; PUBLIC_KEY],
) -> [Scalar; W] {
    Transcript::new("hyperdb/verenc/mask")
        .part(digest)
        .part(&[number])
        .part(point)
        .part(shared)
        .stream()
        .scalars()
}

/// Encrypts shares under their numbers.
pub(crate) fn seal<const W: usize>(
    recipient: &Recipient,
    digest: &[u8; DIGEST],
    shares: &[(u8, &Share<W>)],
) -> Vec<Sealed<W>> {
    let mut points = Vec::with_capacity(2 * shares.len());
    for (number, share) in shares {
        let mut nonce = Transcript::new("hyperdb/verenc/nonce")
            .part(digest)
            .part(&[*number])
            .part(&share.coins)
            .stream()
            .scalar();
        points.push(base().times(&nonce));
        points.push(recipient.multiples.times(&nonce));
        nonce.zeroize();
    }
    // Half of the points are secrets, until their share is shown.
    let encoded = Zeroizing::new(encode_all(&points));
    points.zeroize();
    let pairs = encoded.chunks_exact(2).zip(shares);
    pairs
        .map(|(pair, (number, share))| {
            let mut mask = mask::<W>(digest, *number, &pair[0], &pair[1]);
            let masked = std::array::from_fn(|at| share.values[at] + mask[at]);
            mask.zeroize();
            Sealed {
                point: pair[0],
                masked,
            }
        })
        .collect()
}
