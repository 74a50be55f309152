//! Numbers mod p = 2^448 - 2^224 - 1, in eight words of 56 bits.
//!
//! **Theory.** With f = 2^224, f^2 = f + 1 mod p (Hamburg, "Ed448-Goldilocks, a new elliptic curve", 2015). So of a product of halves,
//! (a + b f)(c + d f) = (ac + bd) + ((a + b)(c + d) - ac) f: three products of half the length, and what runs over the top comes
//! back at the bottom and in the middle.
//!
//! **Invariant.** Words of what is kept are at most 2^57 - 4, twice the least word of p: products of sums of two of them fit into 128
//! bits, four times over, and a difference of two, with 2 p added, is never negative. No step depends on a value, but for [`Field::from_bytes`], which reads what is public.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

const MASK: u64 = (1 << 56) - 1;
/// p in words.
const P: [u64; 8] = [MASK, MASK, MASK, MASK, MASK - 1, MASK, MASK, MASK];

/// A number mod p, in one of several forms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field(pub(crate) [u64; 8]);

impl DefaultIsZeroes for Field {}

impl ConditionallySelectable for Field {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Field(std::array::from_fn(|at| {
            u64::conditional_select(&a.0[at], &b.0[at], choice)
        }))
    }
}

impl Field {
    pub(crate) const ZERO: Field = Field([0; 8]);
    pub(crate) const ONE: Field = Field([1, 0, 0, 0, 0, 0, 0, 0]);

    /// From 56 bytes, little endian; `None` if not below p.
    pub(crate) fn from_bytes(bytes: &[u8; 56]) -> Option<Field> {
        let mut out = [0; 8];
        for (word, bytes) in out.iter_mut().zip(bytes.chunks_exact(7)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let below = out.iter().rev().lt(P.iter().rev());
        below.then_some(Field(out))
    }

    /// The one form below p as 56 bytes, little endian.
    pub(crate) fn to_bytes(self) -> [u8; 56] {
        let mut out = [0; 56];
        for (bytes, word) in out.chunks_exact_mut(7).zip(self.canonical()) {
            bytes.copy_from_slice(&word.to_le_bytes()[..7]);
        }
        out
    }

    /// Carries of each word into the next one, and of the last one into the first and the middle one.
    fn carried(mut words: [u64; 8]) -> Field {
        let top = words[7] >> 56;
        words[4] += top;
        for at in (1..8).rev() {
            words[at] = (words[at] & MASK) + (words[at - 1] >> 56);
        }
        words[0] = (words[0] & MASK) + top;
        Field(words)
    }

    pub(crate) fn add(&self, other: &Field) -> Field {
        Self::carried(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }

    pub(crate) fn sub(&self, other: &Field) -> Field {
        // Twice p is added, so that no word falls below zero.
        Self::carried(std::array::from_fn(|at| {
            self.0[at] + 2 * P[at] - other.0[at]
        }))
    }

    pub(crate) fn negate(&self) -> Field {
        Field::ZERO.sub(self)
    }

    pub(crate) fn mul(&self, other: &Field) -> Field {
        let (a, b) = (&self.0, &other.0);
        let (mut low, mut high, mut both) = ([0u128; 7], [0u128; 7], [0u128; 7]);
        for i in 0..4 {
            let sum = a[i] + a[i + 4];
            for j in 0..4 {
                low[i + j] += u128::from(a[i]) * u128::from(b[j]);
                high[i + j] += u128::from(a[i + 4]) * u128::from(b[j + 4]);
                both[i + j] += u128::from(sum) * u128::from(b[j] + b[j + 4]);
            }
        }
        reduced(&low, &high, &both)
    }

    pub(crate) fn square(&self) -> Field {
        let sums = std::array::from_fn(|at| self.0[at] + self.0[at + 4]);
        let [low, high, both] = [&self.0[..4], &self.0[4..], &sums as &[u64; 4]].map(squared);
        reduced(&low, &high, &both)
    }

    fn squared(&self, times: usize) -> Field {
        (0..times).fold(*self, |power, _| power.square())
    }

    /// self to the power of (p - 3) / 4 = 2^446 - 2^222 - 1, which square roots are made of.
    pub(crate) fn root_power(&self) -> Field {
        // Named by n: the power of 2^n - 1.
        let join = |high: &Field, low: &Field, bits: usize| high.squared(bits).mul(low);
        let p2 = join(self, self, 1);
        let p3 = join(&p2, self, 1);
        let p6 = join(&p3, &p3, 3);
        let p9 = join(&p6, &p3, 3);
        let p18 = join(&p9, &p9, 9);
        let p19 = join(&p18, self, 1);
        let p37 = join(&p19, &p18, 18);
        let p74 = join(&p37, &p37, 37);
        let p111 = join(&p74, &p37, 37);
        let p222 = join(&p111, &p111, 111);
        let p223 = join(&p222, self, 1);
        join(&p223, &p222, 223)
    }

    /// 1 / self, and 0 of 0: the power of p - 2 = 4 (p - 3) / 4 + 1.
    pub(crate) fn invert(&self) -> Field {
        self.root_power().squared(2).mul(self)
    }

    /// The one form below p.
    pub(crate) fn canonical(&self) -> [u64; 8] {
        // Twice, for a carry may run on; what is left is below 2 p.
        let mut words = Self::carried(Self::carried(self.0).0).0;
        for _ in 0..2 {
            let mut less = [0; 8];
            let mut borrow = 0i64;
            for at in 0..8 {
                let difference = words[at] as i64 - P[at] as i64 + borrow;
                less[at] = difference as u64 & MASK;
                borrow = difference >> 56;
            }
            let fits = Choice::from((borrow as u8 & 1) ^ 1);
            for at in 0..8 {
                words[at].conditional_assign(&less[at], fits);
            }
        }
        words
    }

    pub(crate) fn is_zero(&self) -> Choice {
        let any = self.canonical().iter().fold(0, |any, word| any | word);
        any.ct_eq(&0)
    }

    pub(crate) fn is_odd(&self) -> Choice {
        Choice::from((self.canonical()[0] & 1) as u8)
    }
}

/// The square of half a number, by columns.
#[inline(always)]
fn squared(half: &[u64]) -> [u128; 7] {
    let product = |i: usize, j: usize| u128::from(half[i]) * u128::from(half[j]);
    [
        product(0, 0),
        2 * product(0, 1),
        2 * product(0, 2) + product(1, 1),
        2 * (product(0, 3) + product(1, 2)),
        2 * product(1, 3) + product(2, 2),
        2 * product(2, 3),
        product(3, 3),
    ]
}

/// The columns of a product: of the lower halves, of the upper ones, and of the sums of halves.
#[inline(always)]
fn reduced(low: &[u128; 7], high: &[u128; 7], both: &[u128; 7]) -> Field {
    let mut words = [0u128; 8];
    for at in 0..7 {
        // The middle part is never negative: it has all of the lower one's terms.
        let (outer, middle) = (low[at] + high[at], both[at] - low[at]);
        words[at] += outer;
        if at < 4 {
            words[at + 4] += middle;
        } else {
            words[at - 4] += middle;
            words[at] += middle;
        }
    }
    let mut out = [0; 8];
    let mut carry = 0;
    for (out, word) in out.iter_mut().zip(words) {
        let sum = word + carry;
        *out = sum as u64 & MASK;
        carry = sum >> 56;
    }
    // Below 2^66: it may take more than a word.
    for at in [0, 4] {
        let sum = u128::from(out[at]) + carry;
        out[at] = sum as u64 & MASK;
        out[at + 1] += (sum >> 56) as u64;
    }
    Field(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums that reach every edge of the words.
    fn samples() -> Vec<Field> {
        let mut found = vec![
            Field::ZERO,
            Field::ONE,
            Field(P),
            Field([MASK + 1; 8]),
            Field([(1 << 57) - 4; 8]),
        ];
        let mut last = Field([0x0001_2345_6789_abcd; 8]);
        for _ in 0..40 {
            last = last.square().add(&Field::ONE);
            found.push(last);
        }
        found
    }

    fn same(a: &Field, b: &Field) -> bool {
        a.canonical() == b.canonical()
    }

    #[test]
    fn the_field_is_one() {
        for a in samples() {
            assert!(same(&a.square(), &a.mul(&a)));
            assert!(same(&a.add(&a.negate()), &Field::ZERO));
            let kept = Field::from_bytes(&a.to_bytes());
            assert!(kept.is_some_and(|kept| same(&kept, &a)));
            let one = a.mul(&a.invert());
            assert!(bool::from(a.is_zero()) || same(&one, &Field::ONE));
            for b in samples() {
                assert!(same(&a.mul(&b), &b.mul(&a)));
                let left = a.add(&b).mul(&a.sub(&b));
                assert!(same(&left, &a.square().sub(&b.square())));
            }
        }
    }

    #[test]
    fn p_and_more_are_other_forms_of_less() {
        let mut bytes = Field::ZERO.sub(&Field::ONE).to_bytes();
        assert!(Field::from_bytes(&bytes).is_some());
        bytes[0] += 1;
        assert!(Field::from_bytes(&bytes).is_none());
        assert!(Field::from_bytes(&[0xff; 56]).is_none());
        assert!(bool::from(Field(P).is_zero()));
    }
}
