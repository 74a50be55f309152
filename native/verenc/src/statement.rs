//! What a proof is about.
//!
//! **Theory.** One secret with the base G, or two with G and H (Pedersen). H = hash_to_curve("hyperdb/verenc/H") of the suite
//! edwards448_XOF:SHAKE256_ELL2_RO_ (RFC 9380) with that suite's name as its domain-separation tag.
//!
//! **Invariant.** The digest of a statement has all that a proof may not be taken away from: kind, parameters, recipient, point, context.

use crate::error::{exactly, Result};
use crate::parameters::{DIGEST, SHARES, SHOWN};
use crate::recipient::{prime_point, Recipient, PUBLIC_KEY};
use crate::transcript::Transcript;
use hyperdb_ed448::{base, Multiples, Point, Scalar};
use std::sync::OnceLock;
use zeroize::Zeroize;

/// H, encoded.
pub(crate) const SECOND: [u8; PUBLIC_KEY] = [
    0xc4, 0x88, 0xc0, 0x58, 0x87, 0xa1, 0xea, 0x34, 0xdd, 0x74, 0xa9, 0x8b, 0xdc, 0x98, 0x72, 0x79,
    0xf9, 0x12, 0x5a, 0xce, 0x8a, 0x93, 0xd3, 0x9a, 0xbc, 0x98, 0xa3, 0x14, 0x64, 0xba, 0x90, 0xbb,
    0x3d, 0x82, 0xd1, 0x08, 0x62, 0xf6, 0xd5, 0xc9, 0xcf, 0x3a, 0x16, 0xcf, 0xfa, 0x0b, 0x30, 0x2f,
    0xde, 0xdb, 0x16, 0xb5, 0x35, 0x2c, 0x64, 0x4c, 0x00,
];

/// Multiples of H.
fn second() -> &'static Multiples {
    static SECOND_BASE: OnceLock<Multiples> = OnceLock::new();
    SECOND_BASE.get_or_init(|| Multiples::new(&second_point()))
}

/// H.
pub(crate) fn second_point() -> Point {
    Point::decode(&SECOND).unwrap_or(Point::NEUTRAL)
}

/// The sum of secrets times their bases.
pub(crate) fn commit<const W: usize>(secrets: &[Scalar; W]) -> Point {
    let mut sum = Point::NEUTRAL;
    let bases = [base as fn() -> &'static Multiples, second];
    for (secret, base) in secrets.iter().zip(bases) {
        let mut term = base().times(secret);
        sum = sum.add(&term);
        term.zeroize();
    }
    sum
}

/// The statement of a key: x G.
pub fn key_statement(secret: &Scalar) -> [u8; PUBLIC_KEY] {
    commit(&[*secret]).encode()
}

/// A point whose `W` secrets a proof is about, for a recipient, in a context.
pub struct Statement<'a, const W: usize> {
    pub(crate) recipient: &'a Recipient,
    pub(crate) point: Point,
    /// Of everything that the proof is bound to.
    pub(crate) digest: [u8; DIGEST],
}

impl<'a, const W: usize> Statement<'a, W> {
    /// About the secrets of a point.
    ///
    /// # Errors
    /// Bytes that are no point of the group of prime order, or the neutral one.
    pub fn new(recipient: &'a Recipient, point: &[u8], context: &[u8]) -> Result<Self> {
        let bytes = exactly("a statement", point)?;
        let point = prime_point("the statement", bytes)?;
        let parameters = [W as u8, SHARES as u8, SHOWN as u8];
        let digest = Transcript::new("hyperdb/verenc/statement")
            .part(&parameters)
            .part(&recipient.bytes)
            .part(bytes)
            .part(context)
            .bytes();
        Ok(Statement {
            recipient,
            point,
            digest,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use ed448_goldilocks_plus::EdwardsPoint;

    #[test]
    fn the_second_base_is_hashed_to_the_curve() {
        let point = EdwardsPoint::hash_with_defaults(b"hyperdb/verenc/H");
        assert_eq!(point.compress().as_bytes(), &SECOND);
        assert!(second_point().is_in_prime_group());
    }

    /// A proof for one recipient is none for another already by its challenge, not only since its shares do not open.
    #[test]
    fn all_that_a_statement_says_is_in_its_digest() {
        let [one, other] = [1, 2].map(|n| Recipient::new(&key_statement(&Scalar::from(n as u64))));
        let (one, other) = (one.expect("a key"), other.expect("a key"));
        let [x, y] = [3, 4].map(|n| key_statement(&Scalar::from(n as u64)));
        let digests = [
            Statement::<1>::new(&one, &x, b"here"),
            Statement::<1>::new(&other, &x, b"here"),
            Statement::<1>::new(&one, &y, b"here"),
            Statement::<1>::new(&one, &x, b"there"),
        ]
        .map(|statement| statement.expect("a statement").digest);
        let second = Statement::<2>::new(&one, &x, b"here")
            .expect("a statement")
            .digest;
        let mut all: Vec<_> = digests.iter().chain([&second]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), digests.len() + 1);
    }
}
