//! Scalars cut into two halves by the curve's endomorphism, and the halves into signed digits.
//!
//! **Theory.** Gallant, Lambert, Vanstone, "Faster Point Multiplication on Elliptic Curves with Efficient Endomorphisms" (2001). With
//! z the parameter of BLS12-381, r = z^4 - z^2 + 1, so -z^2 is a cube root of unity mod r, and `(x, y) -> (beta x, y)` multiplies a
//! point of the subgroup by it, beta being a cube root of unity mod p. So `k P = k1 P + k2 (beta x, -y)` with k = k1 + k2 z^2, and
//! one table of multiples serves both halves.
//!
//! **Invariant.** Both halves are at most z^2 / 2 + 1 in size, below 2^126.5, so [`DIGITS`] signed digits always hold them.

use crate::ffi::{self, Fp, RawScalar};

/// Bits of a digit.
pub(crate) const WINDOW: u32 = 10;
/// Digits of a half: 130 bits, of which the topmost digit's sign takes one.
pub(crate) const DIGITS: usize = 13;
/// The largest size of a digit: as many multiples of a base are in the table.
pub(crate) const MULTIPLES: usize = 1 << (WINDOW - 1);

/// z^2.
pub(crate) const SQUARE: u128 = 0xac45_a401_0001_a402_0000_0001_0000_0000;
/// floor(2^254 / z^2).
const RECIPROCAL: u128 = quotient_of_power();

/// r, little endian.
const ORDER: [u64; 4] = [
    0xffff_ffff_0000_0001,
    0x53bd_a402_fffe_5bfe,
    0x3339_d808_09a1_d805,
    0x73ed_a753_299d_7d48,
];

/// The cube root of unity mod p whose endomorphism multiplies by -z^2, big endian.
const BETA: [u64; 6] = [
    0x0000_0000_0000_0000,
    0x5f19_672f_df76_ce51,
    0xba69_c607_6a0f_77ea,
    0xddb3_a93b_e6f8_9688,
    0xde17_d813_620a_0002,
    0x2e01_ffff_fffe_fffe,
];

/// Beta as an element of Fp.
pub(crate) fn beta() -> Fp {
    let mut bytes = [0; 48];
    for (out, word) in bytes.chunks_exact_mut(8).zip(BETA) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    ffi::fp_from_bytes(&bytes)
}

/// A signed number below 2^127 in size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    pub(crate) negative: bool,
    pub(crate) size: u128,
}

/// k1 and k2 of a canonical scalar.
pub(crate) fn split(scalar: &RawScalar) -> [Half; 2] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(scalar.b.chunks_exact(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    }
    // The smaller of k and r - k, so that the quotient is at most z^2 / 2 as well.
    let opposite = minus(&ORDER, &words);
    let flipped = words.iter().rev().gt(opposite.iter().rev());
    let [a, b, c, d] = if flipped { opposite } else { words };
    let low = u128::from(a) | u128::from(b) << 64;
    let high = u128::from(c) | u128::from(d) << 64;
    // The estimate is below the quotient by less than two; one more leaves a rest between -z^2 and z^2.
    let top = high << 2 | low >> 126;
    let mut quotient = product(top, RECIPROCAL).1 + 1;
    let back = product(quotient, SQUARE);
    let mut negative = (back.1, back.0) > (high, low);
    let mut rest = if negative {
        back.0.wrapping_sub(low)
    } else {
        low.wrapping_sub(back.0)
    };
    if rest > SQUARE / 2 {
        rest = SQUARE - rest;
        quotient = if negative { quotient - 1 } else { quotient + 1 };
        negative = !negative;
    }
    [
        Half {
            negative: negative != flipped,
            size: rest,
        },
        Half {
            negative: flipped,
            size: quotient,
        },
    ]
}

impl Half {
    /// Digits of `window` bits from the lowest, each at most half of 2^`window` in size; together they have more bits than a half.
    pub(crate) fn digits<const COUNT: usize>(&self, window: u32) -> [i32; COUNT] {
        debug_assert!(COUNT as u32 * window > 127);
        let (mut rest, mut carry) = (self.size, 0);
        std::array::from_fn(|_| {
            let mut digit = (rest & ((1 << window) - 1)) as i32 + carry;
            rest >>= window;
            carry = i32::from(digit > 1 << (window - 1));
            digit -= carry << window;
            if self.negative {
                -digit
            } else {
                digit
            }
        })
    }
}

/// a - b of four words, a not below b.
fn minus(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    std::array::from_fn(|i| {
        let (word, first) = a[i].overflowing_sub(b[i]);
        let (word, second) = word.overflowing_sub(u64::from(borrow));
        borrow = first | second;
        word
    })
}

/// Low and high half of a product.
fn product(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a0, a1, b0, b1) = (a & LOW, a >> 64, b & LOW, b >> 64);
    let (low, high) = (a0 * b0, a1 * b1);
    let (first, second) = (a0 * b1, a1 * b0);
    let middle = (low >> 64) + (first & LOW) + (second & LOW);
    (
        (low & LOW) | middle << 64,
        high + (first >> 64) + (second >> 64) + (middle >> 64),
    )
}

/// floor(2^254 / z^2) by long division.
const fn quotient_of_power() -> u128 {
    let (mut rest, mut quotient, mut bit) = (0u128, 0u128, 255);
    while bit > 0 {
        bit -= 1;
        let over = rest >> 127 == 1;
        rest = rest << 1 | (bit == 254) as u128;
        quotient <<= 1;
        if over || rest >= SQUARE {
            rest = rest.wrapping_sub(SQUARE);
            quotient |= 1;
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;
    use crate::point::Point;
    use crate::scalar::Scalar;
    use hyperdb_fuzz::Dice;

    fn number(value: u128) -> Scalar {
        Scalar::reduce(&value.to_be_bytes())
    }

    fn joined(digits: &[i32], window: u32) -> Scalar {
        digits.iter().rev().fold(Scalar::ZERO, |sum, digit| {
            assert!(digit.unsigned_abs() <= 1 << (window - 1));
            let size = Scalar::from(u64::from(digit.unsigned_abs()));
            let sum = sum * Scalar::from(1 << window);
            if *digit < 0 {
                sum - size
            } else {
                sum + size
            }
        })
    }

    fn edges() -> Vec<Scalar> {
        let square = number(SQUARE);
        let mut out = vec![Scalar::ZERO];
        for base in [
            Scalar::ZERO,
            square,
            square * number(SQUARE / 2),
            square * square,
            number(SQUARE / 2),
            number(2).inverse(),
            number(1 << 100),
        ] {
            for distance in 0..3u64 {
                out.extend([base + Scalar::from(distance), base - Scalar::from(distance)]);
                out.extend([
                    -base + Scalar::from(distance),
                    -base - Scalar::from(distance),
                ]);
            }
        }
        out
    }

    #[test]
    fn halves_and_digits_make_the_scalar() {
        let mut dice = Dice::new(4);
        let random = (0..2_000).map(|_| {
            let seed = (dice.roll(usize::MAX) as u64).to_le_bytes();
            crate::hash::to_scalar("test", &[&seed])
        });
        let mut scalars = edges();
        scalars.extend(random);
        for scalar in scalars {
            let halves = split(&scalar.to_raw());
            let mut sum = [Scalar::ZERO; 2];
            for (half, sum) in halves.iter().zip(&mut sum) {
                assert!(half.size <= SQUARE / 2 + 1, "{scalar:?}: {half:?}");
                *sum = joined(&half.digits::<DIGITS>(WINDOW), WINDOW);
                assert_eq!(*sum, joined(&half.digits::<26>(5), 5));
            }
            assert_eq!(sum[0] + sum[1] * number(SQUARE), scalar, "{halves:?}");
        }
    }

    #[test]
    fn the_endomorphism_multiplies() {
        let point = Point::generator().times(Scalar::from(77)).to_point();
        let mut image = point.0;
        image.x = ffi::fp_mul(&image.x, &beta());
        image.y = field::negate(&image.y);
        assert_eq!(point.times(number(SQUARE)).to_point(), Point(image));
    }
}
