//! The 64 points at which a branch's polynomial takes the values of its slots.
//!
//! **Theory.** Slot `i` is `w^i`, `w = 7^((r - 1) / 64)` a 64th root of unity. Over roots of unity the barycentric weights are the
//! points themselves, differences of points are `w^m (w^(j-m) - 1)`, so 63 inverses made once serve every opening at a slot,
//! and the Lagrange basis comes from the powers of the setup by one Fourier transform. Formulas: Dankrad Feist, "PCS multiproofs
//! using random evaluation" (2021); the division within the domain as in EIP-4844's specification.

use crate::scalar::{invert_all, words, PlainSum, Scalar};
use std::sync::OnceLock;

/// Slots of a branch.
pub const WIDTH: usize = 64;

/// Values of a polynomial of degree below 64 at the domain's points.
pub type Values = [Scalar; WIDTH];

/// The domain with what is derived from it.
pub struct Domain {
    roots: [Scalar; WIDTH],
    /// `1 / (w^k - 1)` and 1 more for k = 1..63, as words of their canonical form; nothing at 0.
    gaps: [[[u64; 4]; 2]; WIDTH],
    /// The sum of all gaps with 1 added.
    all: Scalar,
    /// 1 / 64.
    share: Scalar,
}

impl Domain {
    /// The one domain.
    pub fn get() -> &'static Domain {
        static DOMAIN: OnceLock<Domain> = OnceLock::new();
        DOMAIN.get_or_init(Domain::new)
    }

    fn new() -> Self {
        // r - 1 has exactly 32 factors of two; (r - 1) / 64 = -1/64 as an exponent: found by squaring a 2^32nd root.
        let mut root = power(&Scalar::from(7), &ODD_PART);
        for _ in 0..32 - 6 {
            root = root * root;
        }
        let mut roots = [Scalar::one(); WIDTH];
        for i in 1..WIDTH {
            roots[i] = roots[i - 1] * root;
        }
        let mut gaps = roots.map(|w| w - Scalar::one());
        invert_all(&mut gaps);
        let plain = |scalar: Scalar| words(&scalar.to_bytes());
        let larger = gaps.map(|gap| gap + Scalar::one());
        let all = larger[1..].iter().fold(Scalar::ZERO, |sum, gap| sum + *gap);
        Self {
            roots,
            gaps: std::array::from_fn(|k| [plain(gaps[k]), plain(larger[k])]),
            all,
            share: Scalar::from(WIDTH as u64).inverse(),
        }
    }

    /// `w^slot`.
    #[inline]
    pub fn root(&self, slot: usize) -> Scalar {
        self.roots[slot % WIDTH]
    }

    /// `w^-slot`.
    #[inline]
    pub fn inverse_root(&self, slot: usize) -> Scalar {
        self.roots[(WIDTH - slot % WIDTH) % WIDTH]
    }

    /// The inverses of `t - w^i`; `None` if `t` is a point of the domain.
    pub fn distances(&self, t: Scalar) -> Option<Values> {
        let mut out = self.roots.map(|root| t - root);
        if out.iter().any(Scalar::is_zero) {
            return None;
        }
        invert_all(&mut out);
        Some(out)
    }

    /// The value at `t`, given [`Domain::distances`] of it.
    pub fn evaluate(&self, values: &Values, t: Scalar, distances: &Values) -> Scalar {
        let mut sum = Scalar::ZERO;
        for ((value, root), distance) in values.iter().zip(&self.roots).zip(distances) {
            sum += *value * *root * *distance;
        }
        sum * (t.pow(WIDTH as u64) - Scalar::one()) * self.share
    }

    /// The sum of `w^slot (f - f(w^slot)) / (X - w^slot)` over polynomials with their slots, by its values. A polynomial is told by
    /// its values that are not zero; the `slot`th one is its value at `w^slot`.
    ///
    /// With g = `1 / (w^k - 1)` for a slot k further on, the value there is g (f - f(w^slot)), and that at the slot itself the sum
    /// of -(1 + g) times the same, over all others: so all that is multiplied by is known beforehand, and each value is
    /// reduced once, in the end.
    pub(crate) fn quotients(&self, all: &[(usize, &[(usize, Scalar)])]) -> Values {
        let mut rising = [PlainSum::ZERO; WIDTH];
        let mut own = [Scalar::ZERO; WIDTH];
        for (slot, values) in all {
            let mut falling = PlainSum::ZERO;
            for (at, value) in *values {
                let gap = (at + WIDTH - slot) % WIDTH;
                if gap == 0 {
                    let falls = -*value;
                    for (k, [gap, _]) in self.gaps.iter().enumerate().skip(1) {
                        rising[(slot + k) % WIDTH].add_product(&falls, gap);
                    }
                    own[*slot] += *value * self.all;
                } else {
                    let [gap, larger] = &self.gaps[gap];
                    rising[*at].add_product(value, gap);
                    falling.add_product(value, larger);
                }
            }
            own[*slot] = own[*slot] - falling.to_scalar();
        }
        for (own, rising) in own.iter_mut().zip(rising) {
            *own += rising.to_scalar();
        }
        own
    }
}

/// (r - 1) / 2^32, big endian.
const ODD_PART: [u8; 28] = [
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05,
    0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff,
];

fn power(base: &Scalar, exponent: &[u8]) -> Scalar {
    let mut out = Scalar::one();
    for byte in exponent {
        for bit in (0..8).rev() {
            out = out * out;
            if byte >> bit & 1 == 1 {
                out = out * *base;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn some_values(seed: u64) -> Values {
        std::array::from_fn(|i| {
            crate::hash::to_scalar("test", &[&seed.to_le_bytes(), &(i as u64).to_le_bytes()])
        })
    }

    #[test]
    fn roots_are_64_distinct_ones() {
        let domain = Domain::get();
        assert_eq!(domain.root(1) * domain.root(63), Scalar::one());
        assert_eq!(domain.root(32), -Scalar::one());
        for i in 0..WIDTH {
            assert_eq!(domain.root(i).pow(64), Scalar::one());
            assert_eq!(domain.root(i) * domain.inverse_root(i), Scalar::one());
        }
    }

    fn told(f: &Values) -> Vec<(usize, Scalar)> {
        let values = f.iter().copied().enumerate();
        values.filter(|(_, value)| !value.is_zero()).collect()
    }

    #[test]
    fn quotients_times_their_divisors_are_the_differences() {
        let domain = Domain::get();
        let mut sparse = [Scalar::ZERO; WIDTH];
        [sparse[3], sparse[17], sparse[40]] = [Scalar::one(), -Scalar::one(), Scalar::from(7)];
        let t = Scalar::from(123_456_789);
        let distances = domain.distances(t).unwrap();
        let (mut all, mut sum) = (Vec::new(), Scalar::ZERO);
        for (f, slot) in [
            (some_values(1), 0),
            (some_values(2), 17),
            (sparse, 17),
            (sparse, 18),
            ([Scalar::ZERO; WIDTH], 5),
            (some_values(3), 63),
        ] {
            let values = told(&f);
            let q = domain.quotients(&[(slot, &values)]);
            let left = domain.evaluate(&q, t, &distances);
            let right = domain.evaluate(&f, t, &distances) - f[slot];
            assert_eq!(
                left * (t - domain.root(slot)),
                right * domain.root(slot),
                "at {slot}"
            );
            sum += left;
            all.push((slot, values));
        }
        let all: Vec<_> = all
            .iter()
            .map(|(slot, values)| (*slot, &values[..]))
            .collect();
        let together = domain.quotients(&all);
        assert_eq!(domain.evaluate(&together, t, &distances), sum);
    }

    #[test]
    fn points_of_the_domain_have_no_distances() {
        let domain = Domain::get();
        assert!(domain.distances(domain.root(5)).is_none());
    }
}
