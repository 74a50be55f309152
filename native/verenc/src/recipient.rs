//! To whom something is encrypted: the keys of Ed448.
//!
//! **Invariant.** A [`Recipient`] is a point of the group of prime order other than the neutral one: a Diffie-Hellman secret with it is one
//! that only its holder computes.

use crate::error::{exactly, Refusal, Result};
use hyperdb_ed448::{public_of, secret_scalar, Multiples, Point, Scalar};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = hyperdb_ed448::POINT;
/// Bytes of a secret key's seed.
pub const SEED: usize = hyperdb_ed448::SEED;

/// A public key, ready to be encrypted to.
pub struct Recipient {
    pub(crate) bytes: [u8; PUBLIC_KEY],
    pub(crate) multiples: Multiples,
}

impl Recipient {
    /// From an Ed448 public key (RFC 8032, 5.2.5).
    ///
    /// # Errors
    /// Bytes that are no key: no point, the neutral one, or one outside of the group of prime order.
    pub fn new(bytes: &[u8]) -> Result<Recipient> {
        let bytes = exactly("a public key", bytes)?;
        let point = prime_point("the public key", bytes)?;
        Ok(Recipient {
            bytes: *bytes,
            multiples: Multiples::new(&point),
        })
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8; PUBLIC_KEY] {
        &self.bytes
    }
}

/// A point of the group of prime order, not the neutral one.
pub(crate) fn prime_point(what: &'static str, bytes: &[u8; PUBLIC_KEY]) -> Result<Point> {
    Point::decode(bytes)
        .filter(|point| !point.is_neutral() && point.is_in_prime_group())
        .ok_or(Refusal::Point(what))
}

/// A quarter of a secret key's scalar: with four times a point it gives what the scalar gives with the point, less any torsion.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey {
    quarter: Scalar,
    #[zeroize(skip)]
    public: [u8; PUBLIC_KEY],
}

impl SecretKey {
    /// From the seed of an Ed448 key.
    ///
    /// # Errors
    /// Bytes of another length.
    pub fn from_seed(seed: &[u8]) -> Result<SecretKey> {
        let seed: &[u8; SEED] = exactly("a secret key", seed)?;
        let scalar = Zeroizing::new(secret_scalar(seed));
        Ok(SecretKey {
            quarter: *scalar * Scalar::from(4).invert(),
            public: public_of(seed),
        })
    }

    /// The key to encrypt to.
    pub fn public(&self) -> &[u8; PUBLIC_KEY] {
        &self.public
    }

    /// The Diffie-Hellman secret with a point, encoded.
    pub(crate) fn agree(&self, point: &Point) -> Zeroizing<[u8; PUBLIC_KEY]> {
        let mut shared = Multiples::new(&point.times_four()).times(&self.quarter);
        let encoded = Zeroizing::new(shared.encode());
        shared.zeroize();
        encoded
    }
}
