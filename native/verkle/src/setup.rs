//! The trusted setup: 64 powers of a secret in G1 and the secret in G2.
//!
//! **Purpose.** Who knows the secret behind a setup forges every proof over it (threat: a self-made setup). So there is one setup,
//! the first 64 powers of the EIP-4844 ceremony (141,416 contributions, one honest suffices), a data file of this crate, pinned
//! by its hash and checked for being a chain of powers; any other is refused outside tests.

use crate::domain::{Domain, WIDTH};
use crate::ffi;
use crate::hash;
use crate::point::{msm, Point, Sum};
use crate::scalar::Scalar;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::OnceLock;

/// SHA-256 of the 64 + 2 compressed points one after the other.
pub const PIN: [u8; 32] = [
    0xe0, 0xeb, 0x75, 0x14, 0x8a, 0xa5, 0xc5, 0x91, 0xc7, 0x97, 0xc8, 0xf0, 0xf7, 0xf0, 0x6d, 0x98,
    0x46, 0xdc, 0x4b, 0x5f, 0x12, 0x05, 0xdc, 0xde, 0x41, 0xab, 0x8e, 0x8e, 0xfb, 0xd5, 0xb3, 0x8e,
];

static CEREMONY: &[u8] = include_bytes!("../data/kzg-setup-64.bin");
const BYTES: usize = WIDTH * 48 + 2 * 96;

/// Why a setup is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// Not 64 points of G1 and two of G2.
    Length,
    /// Not the ceremony's: its hash is another.
    NotPinned,
    /// A point is not the canonical form of one of the subgroup.
    Point,
    /// The points are not successive powers of one secret over the generators.
    NotPowers,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetupError::Length => "the setup does not hold 64 points of G1 and two of G2",
            SetupError::NotPinned => "the setup is not the EIP-4844 ceremony's: its hash differs",
            SetupError::Point => "a point of the setup is not a canonical point of the subgroup",
            SetupError::NotPowers => "the setup's points are not successive powers of one secret",
        })
    }
}

impl std::error::Error for SetupError {}

/// A checked setup.
pub struct Setup {
    /// `[tau^i]` in G1.
    powers: Vec<Point>,
    /// Commitments to the 64 unit vectors.
    lagrange: Vec<Point>,
    /// G2's generator and tau times it, as pairings take them.
    lines: [ffi::Lines; 2],
}

impl Setup {
    /// The ceremony's, checked at first use.
    ///
    /// # Errors
    /// [`SetupError`] if this build's data file is not what it should be.
    pub fn ceremony() -> Result<&'static Setup, SetupError> {
        static SETUP: OnceLock<Result<Setup, SetupError>> = OnceLock::new();
        SETUP
            .get_or_init(|| Setup::from_bytes(CEREMONY))
            .as_ref()
            .map_err(|error| *error)
    }

    /// From 64 compressed points of G1 and two of G2.
    ///
    /// # Errors
    /// [`SetupError`]: nothing but the ceremony's is taken.
    pub fn from_bytes(bytes: &[u8]) -> Result<Setup, SetupError> {
        if bytes.len() != BYTES {
            return Err(SetupError::Length);
        }
        if <[u8; 32]>::from(Sha256::digest(bytes)) != PIN {
            return Err(SetupError::NotPinned);
        }
        Self::unpinned(bytes)
    }

    /// As [`Setup::from_bytes`] without the pin, for tests that forge with a known secret.
    ///
    /// # Errors
    /// [`SetupError`].
    #[cfg(any(test, feature = "insecure-setup"))]
    pub fn insecure(bytes: &[u8]) -> Result<Setup, SetupError> {
        Self::unpinned(bytes)
    }

    fn unpinned(bytes: &[u8]) -> Result<Setup, SetupError> {
        let (first, second) = bytes
            .split_at_checked(WIDTH * 48)
            .ok_or(SetupError::Length)?;
        let powers: Vec<Point> = first
            .chunks_exact(48)
            .map(|bytes| Point::from_compressed(bytes.try_into().ok()?))
            .collect::<Option<_>>()
            .ok_or(SetupError::Point)?;
        let in_second_group = |bytes: &[u8]| ffi::p2_uncompress(bytes.try_into().ok()?);
        let (generator, tau) = second.split_at(96);
        let generator = in_second_group(generator).ok_or(SetupError::Point)?;
        let tau = in_second_group(tau).ok_or(SetupError::Point)?;
        let setup = Setup {
            lagrange: lagrange(&powers),
            powers,
            lines: [generator, tau].map(|point| ffi::p2_lines(&point)),
        };
        if generator != ffi::p2_generator() || !setup.is_chain(bytes) {
            return Err(SetupError::NotPowers);
        }
        Ok(setup)
    }

    /// Each power is tau times the one before: one pairing check of a random combination.
    fn is_chain(&self, bytes: &[u8]) -> bool {
        let challenge = hash::to_scalar("hyperdb/setup", &[bytes]);
        let weights: Vec<Scalar> = (1..WIDTH as u64).map(|i| challenge.pow(i)).collect();
        let lower = msm(&self.powers[..WIDTH - 1], &weights).to_point();
        let upper = msm(&self.powers[1..], &weights).to_point();
        self.powers[0] == Point::generator()
            && !self.powers[1].is_infinity()
            && self.pairs(&upper, &lower)
    }

    /// Whether e(left, G2) = e(right, tau G2).
    pub fn pairs(&self, left: &Point, right: &Point) -> bool {
        ffi::is_same_pairing(&self.left(left), &self.right(right))
    }

    /// The left pairing before its final power; both are compared by [`ffi::is_same_pairing`].
    pub(crate) fn left(&self, point: &Point) -> ffi::Miller {
        ffi::miller(&point.0, &self.lines[0])
    }

    /// The right pairing before its final power.
    pub(crate) fn right(&self, point: &Point) -> ffi::Miller {
        ffi::miller(&point.0, &self.lines[1])
    }

    /// `[tau^i]` in G1, i below 64.
    pub fn powers(&self) -> &[Point] {
        &self.powers
    }

    /// Commitments to the 64 unit vectors: the bases of every update.
    pub fn lagrange(&self) -> &[Point] {
        &self.lagrange
    }
}

/// `L_i = 1/64 sum_j w^(-ij) P_j`: a Fourier transform in the group (radix 2, bits of the order reversed first).
fn lagrange(powers: &[Point]) -> Vec<Point> {
    let domain = Domain::get();
    let share = Scalar::from(WIDTH as u64).inverse();
    let mut work: Vec<Sum> = (0..WIDTH as u32)
        .map(|i| powers[(i.reverse_bits() >> (32 - 6)) as usize].times(share))
        .collect();
    let mut half = 1;
    while half < WIDTH {
        for start in (0..WIDTH).step_by(half * 2) {
            for k in 0..half {
                let turn = domain.inverse_root(k * (WIDTH / 2 / half));
                let even = work[start + k];
                let odd = work[start + k + half].to_point().times(turn);
                work[start + k] = even.plus_sum(&odd);
                work[start + k + half] = even.plus(&odd.to_point().negate());
            }
        }
        half *= 2;
    }
    work.iter().map(Sum::to_point).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A setup whose secret everybody knows.
    pub(crate) fn with_secret(secret: u64) -> Vec<u8> {
        let tau = Scalar::from(secret);
        let mut bytes = Vec::new();
        for i in 0..WIDTH as u64 {
            let power = Point::generator().times(tau.pow(i)).to_point();
            bytes.extend_from_slice(&power.to_compressed());
        }
        // Of G2 only the ceremony's points are at hand: right for the generator, wrong for any tau of ours.
        bytes.extend_from_slice(&CEREMONY[WIDTH * 48..]);
        bytes
    }

    #[test]
    fn the_ceremony_passes_and_its_bases_sum_to_one() {
        let setup = Setup::ceremony().unwrap();
        let ones = vec![Scalar::one(); WIDTH];
        assert_eq!(msm(setup.lagrange(), &ones).to_point(), Point::generator());
        let domain = Domain::get();
        let roots: Vec<Scalar> = (0..WIDTH).map(|i| domain.root(i)).collect();
        assert_eq!(msm(setup.lagrange(), &roots).to_point(), setup.powers()[1]);
    }

    #[test]
    fn any_other_setup_is_refused() {
        let mine = with_secret(42);
        assert_eq!(Setup::from_bytes(&mine).err(), Some(SetupError::NotPinned));
        assert_eq!(Setup::insecure(&mine).err(), Some(SetupError::NotPowers));
        assert_eq!(
            Setup::from_bytes(&mine[1..]).err(),
            Some(SetupError::Length)
        );
        let mut flipped = CEREMONY.to_vec();
        flipped[100] ^= 1;
        assert_eq!(
            Setup::from_bytes(&flipped).err(),
            Some(SetupError::NotPinned)
        );
    }

    #[test]
    fn swapped_powers_are_no_chain() {
        let mut swapped = CEREMONY.to_vec();
        let (left, right) = swapped.split_at_mut(20 * 48);
        left[10 * 48..11 * 48].swap_with_slice(&mut right[..48]);
        assert_eq!(Setup::insecure(&swapped).err(), Some(SetupError::NotPowers));
    }
}
