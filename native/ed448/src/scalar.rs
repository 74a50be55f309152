//! Numbers mod L = 2^446 - c, the order of Ed448's base point, and their digits.
//!
//! **Theory.** 2^446 = c mod L, and c has 224 bits: what lies above 446 bits is multiplied by c and added to what lies below, a few times.
//!
//! **Invariant.** Kept below L. Arithmetic takes the same steps whatever the numbers; reading bytes and [`Scalar::odd_digits`] do not.

use std::ops::{Add, Mul, Neg, Sub};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

/// Words of 64 bits that hold a scalar.
const WORDS: usize = 7;
/// Bytes of a scalar.
pub const SCALAR: usize = 56;
/// Bytes of a number whose remainder is as good as evenly distributed.
pub const WIDE: usize = 114;
/// Words of what is reduced.
const WIDE_WORDS: usize = 15;

/// L in words of 64 bits, the lowest first.
const ORDER: [u64; WORDS] = [
    0x2378_c292_ab58_44f3,
    0x216c_c272_8dc5_8f55,
    0xc44e_db49_aed6_3690,
    0xffff_ffff_7cca_23e9,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0x3fff_ffff_ffff_ffff,
];
/// c = 2^446 - L.
const REST: [u64; 4] = [
    0xdc87_3d6d_54a7_bb0d,
    0xde93_3d8d_723a_70aa,
    0x3bb1_24b6_5129_c96f,
    0x0000_0000_8335_dc16,
];
/// Bits below the top of L.
const BITS: usize = 446;
/// Digits in non-adjacent form of a number below L.
pub(crate) const DIGITS: usize = BITS + 1;
/// Digits of four bits.
pub(crate) const NIBBLES: usize = 112;

/// A number below L.
#[derive(Clone, Copy, Default)]
pub struct Scalar(pub(crate) [u64; WORDS]);

impl DefaultIsZeroes for Scalar {}

impl std::fmt::Debug for Scalar {
    /// Nothing of the number: it may be a secret.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Scalar(..)")
    }
}

impl ConstantTimeEq for Scalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Scalar {}

impl Scalar {
    /// 0.
    pub const ZERO: Scalar = Scalar([0; WORDS]);
    /// 1.
    pub const ONE: Scalar = Scalar([1, 0, 0, 0, 0, 0, 0]);

    /// From 56 bytes, little endian; `None` if not below L. Shows by its time whether it is.
    pub fn from_bytes(bytes: &[u8; SCALAR]) -> Option<Scalar> {
        let mut own = [0; WORDS];
        own.copy_from_slice(&words(bytes)[..WORDS]);
        let (_, under) = less_order(&own);
        (under == 1).then_some(Scalar(own))
    }

    /// From the 57 bytes of a signature, whose last is zero.
    pub(crate) fn from_signature(bytes: &[u8; 57]) -> Option<Scalar> {
        let (own, spare) = bytes.split_first_chunk()?;
        (spare == [0]).then(|| Scalar::from_bytes(own))?
    }

    /// 56 bytes, little endian.
    pub fn to_bytes(&self) -> [u8; SCALAR] {
        let mut out = [0; SCALAR];
        for (bytes, word) in out.chunks_exact_mut(8).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// The remainder of a number of 114 bytes, little endian.
    pub fn reduce(bytes: &[u8; WIDE]) -> Scalar {
        Scalar::of_words(words(bytes))
    }

    fn of_words(mut words: [u64; WIDE_WORDS]) -> Scalar {
        // 912 bits, then 690, 468 and 447 at most; then below 2^446, which is L and a little more.
        for _ in 0..4 {
            words = folded(&words);
        }
        let mut own = [0; WORDS];
        own.copy_from_slice(&words[..WORDS]);
        Scalar(below_order(own))
    }

    /// self times a small number, plus another one: a step of evaluating a polynomial.
    pub fn times_small_plus(&self, small: u8, plus: &Scalar) -> Scalar {
        let mut carry = 0u128;
        let mut own: [u64; WORDS] = std::array::from_fn(|at| {
            carry += u128::from(self.0[at]) * u128::from(small) + u128::from(plus.0[at]);
            let word = carry as u64;
            carry >>= 64;
            word
        });
        // What lies above 446 bits is below 2^10, so one multiple of c is enough.
        let above = own[WORDS - 1] >> (BITS % 64) | (carry as u64) << (64 - BITS % 64);
        own[WORDS - 1] &= (1 << (BITS % 64)) - 1;
        let mut carry = 0u128;
        let rest = REST.iter().chain(std::iter::repeat(&0));
        for (word, rest) in own.iter_mut().zip(rest) {
            carry += u128::from(*word) + u128::from(*rest) * u128::from(above);
            *word = carry as u64;
            carry >>= 64;
        }
        Scalar(below_order(own))
    }

    /// 1 / self, and 0 of 0.
    pub fn invert(&self) -> Scalar {
        // Fermat: the power of L - 2. The exponent is public.
        let mut power = Scalar::ONE;
        for bit in (0..BITS).rev() {
            power = power * power;
            let word = if bit < 64 {
                ORDER[0] - 2
            } else {
                ORDER[bit / 64]
            };
            if word >> (bit % 64) & 1 == 1 {
                power = power * *self;
            }
        }
        power
    }

    /// Digits from -8 to 7, the lowest first, which are worth 16^at each.
    pub(crate) fn nibbles(&self) -> [i8; NIBBLES] {
        let mut carry = 0;
        std::array::from_fn(|at| {
            let nibble = (self.0[at / 16] >> (at % 16 * 4) & 15) as i8 + carry;
            carry = (nibble + 8) >> 4;
            nibble - (carry << 4)
        })
    }

    /// Signed digits, odd or zero, below 2^(width - 1) in size, the lowest first; of `width` neighbours one at most is not zero.
    /// Variable in time.
    pub(crate) fn odd_digits(&self, width: u32) -> [i16; DIGITS] {
        let mut out = [0; DIGITS];
        let mut rest = self.0;
        let mut at = 0;
        while rest.iter().any(|word| *word != 0) {
            if rest[0] & 1 == 1 {
                let low = (rest[0] & ((1 << width) - 1)) as i16;
                let digit = if low >> (width - 1) == 1 {
                    low - (1 << width)
                } else {
                    low
                };
                out[at] = digit;
                // Less the digit: what is taken is in the lowest word, what is given back may carry.
                let (word, over) = rest[0].overflowing_add_signed(-i64::from(digit));
                rest[0] = word;
                let mut carry = u64::from(over);
                for word in &mut rest[1..] {
                    let (sum, over) = word.overflowing_add(carry);
                    (*word, carry) = (sum, u64::from(over));
                }
            }
            for place in 0..WORDS {
                let above = rest.get(place + 1).copied().unwrap_or(0);
                rest[place] = rest[place] >> 1 | above << 63;
            }
            at += 1;
        }
        out
    }
}

impl From<u64> for Scalar {
    fn from(number: u64) -> Scalar {
        Scalar([number, 0, 0, 0, 0, 0, 0])
    }
}

impl Add for Scalar {
    type Output = Scalar;

    fn add(self, other: Scalar) -> Scalar {
        let mut carry = 0u128;
        Scalar(below_order(std::array::from_fn(|at| {
            carry += u128::from(self.0[at]) + u128::from(other.0[at]);
            let word = carry as u64;
            carry >>= 64;
            word
        })))
    }
}

impl Neg for Scalar {
    type Output = Scalar;

    fn neg(self) -> Scalar {
        let mut own = [0; WORDS];
        let mut borrow = 0;
        for at in 0..WORDS {
            (own[at], borrow) = minus(ORDER[at], self.0[at], borrow);
        }
        // Of 0 it is L, which is 0.
        Scalar(below_order(own))
    }
}

impl Sub for Scalar {
    type Output = Scalar;

    fn sub(self, other: Scalar) -> Scalar {
        self + -other
    }
}

impl Mul for Scalar {
    type Output = Scalar;

    fn mul(self, other: Scalar) -> Scalar {
        let mut words = [0u64; WIDE_WORDS];
        for i in 0..WORDS {
            let mut carry = 0u128;
            for j in 0..WORDS {
                carry += u128::from(self.0[i]) * u128::from(other.0[j]) + u128::from(words[i + j]);
                words[i + j] = carry as u64;
                carry >>= 64;
            }
            words[i + WORDS] = carry as u64;
        }
        Scalar::of_words(words)
    }
}

/// a - b - borrow, and what is borrowed.
fn minus(a: u64, b: u64, borrow: u64) -> (u64, u64) {
    let difference = u128::from(a)
        .wrapping_sub(u128::from(b))
        .wrapping_sub(u128::from(borrow));
    (difference as u64, (difference >> 127) as u64)
}

/// Words minus L, and 1 if they are below it.
fn less_order(own: &[u64; WORDS]) -> ([u64; WORDS], u64) {
    let mut less = [0; WORDS];
    let mut borrow = 0;
    for at in 0..WORDS {
        (less[at], borrow) = minus(own[at], ORDER[at], borrow);
    }
    (less, borrow)
}

/// The remainder of words below 2 L.
fn below_order(own: [u64; WORDS]) -> [u64; WORDS] {
    let (less, under) = less_order(&own);
    let under = Choice::from(under as u8);
    std::array::from_fn(|at| u64::conditional_select(&less[at], &own[at], under))
}

/// Words of 114 bytes at most.
fn words(bytes: &[u8]) -> [u64; WIDE_WORDS] {
    let mut out = [0; WIDE_WORDS];
    for (word, bytes) in out.iter_mut().zip(bytes.chunks(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    out
}

/// What lies below 446 bits, and c times what lies above.
fn folded(words: &[u64; WIDE_WORDS]) -> [u64; WIDE_WORDS] {
    const TOP: usize = BITS / 64;
    const SHIFT: usize = BITS % 64;
    let mut out = [0; WIDE_WORDS];
    out[..=TOP].copy_from_slice(&words[..=TOP]);
    out[TOP] &= (1 << SHIFT) - 1;
    for at in TOP..WIDE_WORDS {
        let above = words.get(at + 1).copied().unwrap_or(0);
        let high = words[at] >> SHIFT | above << (64 - SHIFT);
        let place = at - TOP;
        let mut carry = 0;
        let rest = REST.iter().chain(std::iter::repeat(&0));
        for (out, rest) in out[place..].iter_mut().zip(rest) {
            let sum = u128::from(high) * u128::from(*rest) + u128::from(*out) + u128::from(carry);
            *out = sum as u64;
            carry = (sum >> 64) as u64;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers near 0, near L, and from the whole range.
    pub(crate) fn samples() -> Vec<Scalar> {
        let mut found: Vec<Scalar> = (0..4).map(Scalar::from).collect();
        found.extend((1..4).map(|n| -Scalar::from(n)));
        found.push(Scalar::reduce(&[0xff; WIDE]));
        let mut last = Scalar::reduce(&std::array::from_fn(|at| at as u8));
        for _ in 0..24 {
            last = last * last + Scalar::ONE;
            found.push(last);
        }
        found
    }

    #[test]
    fn scalars_are_a_field() {
        for a in samples() {
            assert_eq!(a - a, Scalar::ZERO);
            assert_eq!(a * Scalar::ONE, a);
            assert!(a == Scalar::ZERO || a * a.invert() == Scalar::ONE);
            assert_eq!(Scalar::from_bytes(&a.to_bytes()), Some(a));
            for b in samples() {
                assert_eq!((a + b) * (a - b), a * a - b * b);
                for small in [0, 1, 132, 255] {
                    let slow = a * Scalar::from(u64::from(small)) + b;
                    assert_eq!(a.times_small_plus(small, &b), slow);
                }
            }
        }
    }

    #[test]
    fn digits_are_worth_the_number() {
        for a in samples() {
            let worth = a.nibbles().iter().rev().fold(Scalar::ZERO, |sum, digit| {
                assert!((-8..8).contains(digit));
                let size = Scalar::from(u64::from(digit.unsigned_abs()));
                let digit = if *digit < 0 { -size } else { size };
                sum.times_small_plus(16, &digit)
            });
            assert_eq!(worth, a);
        }
    }

    #[test]
    fn the_order_and_more_are_no_scalars() {
        let mut bytes = (-Scalar::ONE).to_bytes();
        assert!(Scalar::from_bytes(&bytes).is_some());
        bytes[0] += 1;
        assert!(Scalar::from_bytes(&bytes).is_none());
        assert!(Scalar::from_bytes(&[0xff; SCALAR]).is_none());
    }
}
