//! Scalars: numbers mod r, the order of BLS12-381's groups.
//!
//! **Invariant.** Bytes are 32, big endian and canonical (below r); no decoder takes anything else (threat: non-canonical scalars).

use crate::ffi::{self, Fr};
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// r, big endian: comparing bytes is how a record of 64 scalars is checked in less time than it takes to read it.
const ORDER: [u8; 32] = [
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05,
    0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
];

/// The 32 bytes of a scalar, known to be canonical: what slots and records hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical([u8; 32]);

impl Canonical {
    /// Of zero: the empty slot.
    pub const ZERO: Canonical = Canonical([0; 32]);

    /// Bytes that are below r.
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        // Most are told by their first byte.
        (bytes[0] < ORDER[0] || bytes < ORDER).then_some(Self(bytes))
    }

    /// The bytes, big endian.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Scalar> for Canonical {
    fn from(scalar: Scalar) -> Self {
        Self(scalar.to_bytes())
    }
}

impl From<Canonical> for Scalar {
    fn from(canonical: Canonical) -> Self {
        Scalar(Fr {
            l: words(&canonical.0),
        }) * PLACES[1]
    }
}

/// 1, 2^256 and 2^512. A product in Montgomery's form takes one factor below 2^256 for the other one is below r, so words of any number
/// times these are its remainder: brought into the form, if the place is one higher than the words'.
const PLACES: [Scalar; 3] = [
    Scalar(Fr {
        l: [
            0x0000_0001_ffff_fffe,
            0x5884_b7fa_0003_4802,
            0x998c_4fef_ecbc_4ff5,
            0x1824_b159_acc5_056f,
        ],
    }),
    Scalar(Fr {
        l: [
            0xc999_e990_f3f2_9c6d,
            0x2b6c_edcb_8792_5c23,
            0x05d3_1496_7254_398f,
            0x0748_d9d9_9f59_ff11,
        ],
    }),
    Scalar(Fr {
        l: [
            0xc62c_1807_439b_73af,
            0x1b3e_0d18_8cf0_6990,
            0x73d1_3c71_c7b5_f418,
            0x6e2a_5bb9_c8db_33e9,
        ],
    }),
];

/// A sum of products of weights and canonical scalars that is reduced once, at its end: the sum of numbers below r^2, of which 2^66
/// fit into nine words. The product of a number in Montgomery's form and one that is not, as integers, is in the form.
#[derive(Clone, Copy)]
pub(crate) struct PlainSum([u64; 9]);

impl PlainSum {
    pub(crate) const ZERO: PlainSum = PlainSum([0; 9]);

    /// self += weight * a canonical scalar in words.
    #[inline]
    pub(crate) fn add_product(&mut self, weight: &Scalar, words: &[u64; 4]) {
        // A row of the product at a time goes right into the sum: what a word takes is at most 2^128 - 1.
        let mut beyond = 0;
        for (i, a) in weight.0.l.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in words.iter().enumerate() {
                let sum =
                    u128::from(*a) * u128::from(*b) + u128::from(self.0[i + j]) + u128::from(carry);
                self.0[i + j] = sum as u64;
                carry = (sum >> 64) as u64;
            }
            let sum = u128::from(self.0[i + 4]) + u128::from(carry) + u128::from(beyond);
            self.0[i + 4] = sum as u64;
            beyond = (sum >> 64) as u64;
        }
        self.0[8] += beyond;
    }

    /// Its remainder mod r; what is summed is in Montgomery's form.
    pub(crate) fn to_scalar(self) -> Scalar {
        let parts = self.0.chunks(4).zip(PLACES);
        parts.fold(Scalar::ZERO, |sum, (part, place)| {
            let mut l = [0; 4];
            l[..part.len()].copy_from_slice(part);
            sum + Scalar(Fr { l }) * place
        })
    }
}

/// The words of 32 bytes, the lowest first.
#[inline]
pub(crate) fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut out = [0; 4];
    for (word, bytes) in out.iter_mut().zip(bytes.rchunks_exact(8)) {
        *word = bytes
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
    }
    out
}

/// A number mod r.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scalar(pub(crate) Fr);

impl Scalar {
    /// The neutral element of addition; an empty slot.
    pub const ZERO: Scalar = Scalar(Fr { l: [0; 4] });

    /// The neutral element of multiplication.
    pub fn one() -> Self {
        Self::from(1)
    }

    /// From its canonical form; `None` if not below r.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        ffi::fr_from_bytes(bytes).map(Scalar)
    }

    /// A big-endian number of any length, reduced mod r.
    pub fn reduce(bytes: &[u8]) -> Self {
        Scalar(ffi::fr_reduce(bytes))
    }

    /// A big-endian number of 64 bytes, reduced mod r.
    pub(crate) fn reduce_wide(bytes: &[u8; 64]) -> Self {
        let parts = bytes.rchunks_exact(32).zip(&PLACES[1..]);
        parts.fold(Scalar::ZERO, |sum, (part, place)| {
            let l = part.first_chunk().map_or([0; 4], words);
            sum + Scalar(Fr { l }) * *place
        })
    }

    /// Its canonical form.
    pub fn to_bytes(&self) -> [u8; 32] {
        ffi::fr_to_bytes(&self.0)
    }

    /// Its canonical form, little endian, as the multiplications take it.
    pub(crate) fn to_raw(self) -> ffi::RawScalar {
        ffi::scalar_from_fr(&self.0)
    }

    /// 1 / self; 0 for 0.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Scalar(ffi::fr_inverse(&self.0))
    }

    /// self to the power of a small number.
    #[must_use]
    pub fn pow(&self, mut exponent: u64) -> Self {
        let (mut out, mut base) = (Self::one(), *self);
        while exponent > 0 {
            if exponent & 1 == 1 {
                out = out * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        out
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.0.l == [0; 4]
    }
}

/// Inverts all at once with a single inversion (Montgomery's trick); zeros stay zero.
pub fn invert_all(values: &mut [Scalar]) {
    let mut before = Vec::with_capacity(values.len());
    let mut product = Scalar::one();
    for value in values.iter() {
        before.push(product);
        if !value.is_zero() {
            product = product * *value;
        }
    }
    let mut rest = product.inverse();
    for (value, before) in values.iter_mut().zip(before).rev() {
        if !value.is_zero() {
            let inverse = rest * before;
            rest = rest * *value;
            *value = inverse;
        }
    }
}

impl From<u64> for Scalar {
    fn from(n: u64) -> Self {
        Scalar(ffi::fr_from_u64(n))
    }
}

impl Add for Scalar {
    type Output = Scalar;
    #[inline]
    fn add(self, other: Scalar) -> Scalar {
        Scalar(ffi::fr_add(&self.0, &other.0))
    }
}

impl AddAssign for Scalar {
    #[inline]
    fn add_assign(&mut self, other: Scalar) {
        *self = *self + other;
    }
}

impl Sub for Scalar {
    type Output = Scalar;
    #[inline]
    fn sub(self, other: Scalar) -> Scalar {
        Scalar(ffi::fr_sub(&self.0, &other.0))
    }
}

impl Mul for Scalar {
    type Output = Scalar;
    #[inline]
    fn mul(self, other: Scalar) -> Scalar {
        Scalar(ffi::fr_mul(&self.0, &other.0))
    }
}

impl Neg for Scalar {
    type Output = Scalar;
    #[inline]
    fn neg(self) -> Scalar {
        Scalar(ffi::fr_negate(&self.0))
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(")?;
        for byte in self.to_bytes() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn plain_sums_are_sums() {
        let scalar = |n: u64| crate::hash::to_scalar("test", &[&n.to_le_bytes()]);
        let edges = [Scalar::ZERO, Scalar::one(), -Scalar::one()];
        let all: Vec<Scalar> = (0..40).map(scalar).chain(edges).collect();
        let (mut plain, mut sum) = (PlainSum::ZERO, Scalar::ZERO);
        let largest = [-Scalar::one(); 300];
        for (weight, value) in all
            .iter()
            .chain(&largest)
            .zip(all.iter().rev().chain(&largest))
        {
            plain.add_product(weight, &words(&value.to_bytes()));
            sum += *weight * *value;
            assert_eq!(plain.to_scalar(), sum);
        }
    }
    #[test]
    fn places_are_powers_of_two() {
        for (bits, place) in [0, 256, 512].into_iter().zip(PLACES) {
            assert_eq!(place, Scalar::from(2).pow(bits));
        }
    }

    #[test]
    fn bytes_are_read_as_by_the_general_reduction() {
        let random = (0..50u64).map(|n| crate::hash::raw("test", &[&n.to_le_bytes()]));
        let mut order = [0; 64];
        order[..32].copy_from_slice(&ORDER);
        order[32..].copy_from_slice(&ORDER);
        for wide in random.chain([[0; 64], [255; 64], order]) {
            assert_eq!(Scalar::reduce_wide(&wide), Scalar::reduce(&wide));
            let scalar = Scalar::reduce(&wide);
            assert_eq!(Scalar::from(Canonical::from(scalar)), scalar);
        }
    }

    /// Also of parts that are above r.
    #[test]
    fn plain_sums_of_any_words_have_their_remainders() {
        let dice = |n: u64| crate::hash::raw("test", &[&n.to_le_bytes()]);
        let mut cases = vec![[u64::MAX; 9], [0; 9]];
        for at in 0..9 {
            cases.push(std::array::from_fn(|word| u64::from(word == at)));
            cases.push(std::array::from_fn(
                |word| if word == at { 0 } else { u64::MAX },
            ));
        }
        cases.extend((0..50).map(|n| {
            let bytes = [dice(2 * n), dice(2 * n + 1)].concat();
            std::array::from_fn(|at| words(bytes[at..at + 32].first_chunk().unwrap())[0])
        }));
        let inverse = Scalar::from(2).pow(256).inverse();
        for case in cases {
            let bytes: Vec<u8> = case
                .iter()
                .rev()
                .flat_map(|word| word.to_be_bytes())
                .collect();
            assert_eq!(PlainSum(case).to_scalar(), Scalar::reduce(&bytes) * inverse);
        }
    }
}
