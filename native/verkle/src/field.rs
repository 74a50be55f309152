//! Differences in Fp, inlined: behind a call into blst they cost half of a multiplication.
//!
//! **Theory.** Elements are blst's: six words, little endian, below p, in Montgomery form, which subtraction does not see. A borrow
//! chooses the corrected result by a mask. Checked against blst's own on random and extreme elements.

use crate::ffi::Fp;

/// p, the modulus of BLS12-381's base field.
pub(crate) const P: [u64; 6] = [
    0xb9fe_ffff_ffff_aaab,
    0x1eab_fffe_b153_ffff,
    0x6730_d2a0_f6b0_f624,
    0x6477_4b84_f385_12bf,
    0x4b1b_a7b6_434b_acd7,
    0x1a01_11ea_397f_e69a,
];

/// a - b.
#[inline(always)]
pub(crate) fn sub(a: &Fp, b: &Fp) -> Fp {
    let (difference, borrow) = minus(&a.l, &b.l);
    let mask = 0u64.wrapping_sub(u64::from(borrow));
    let mut l = [0; 6];
    let mut carry = false;
    for i in 0..6 {
        let (sum, first) = difference[i].overflowing_add(P[i] & mask);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (l[i], carry) = (sum, first | second);
    }
    Fp { l }
}

/// -a.
#[inline(always)]
pub(crate) fn negate(a: &Fp) -> Fp {
    sub(&Fp { l: [0; 6] }, a)
}

#[inline(always)]
fn minus(a: &[u64; 6], b: &[u64; 6]) -> ([u64; 6], bool) {
    let mut out = [0; 6];
    let mut borrow = false;
    for i in 0..6 {
        let (word, first) = a[i].overflowing_sub(b[i]);
        let (word, second) = word.overflowing_sub(u64::from(borrow));
        (out[i], borrow) = (word, first | second);
    }
    (out, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi;
    use hyperdb_fuzz::Dice;

    #[test]
    fn the_same_as_the_librarys() {
        let mut largest = P;
        largest[0] -= 1;
        let mut elements = vec![
            Fp { l: [0; 6] },
            Fp {
                l: [1, 0, 0, 0, 0, 0],
            },
            Fp {
                l: [u64::MAX, u64::MAX, 0, 0, 0, 0],
            },
            Fp { l: largest },
            ffi::fp_one(),
        ];
        let mut dice = Dice::new(9);
        for _ in 0..40 {
            let mut l = [0; 6].map(|_: u64| dice.roll(usize::MAX) as u64);
            l[5] %= P[5];
            elements.push(Fp { l });
        }
        for a in &elements {
            for b in &elements {
                assert_eq!(sub(a, b).l, ffi::fp_sub(a, b).l);
            }
            assert_eq!(negate(a).l, ffi::fp_negate(a).l);
        }
    }
}
