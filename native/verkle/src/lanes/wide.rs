//! Fp in eight lanes.
//!
//! **Theory.** An element is eight limbs of 52 bits. It stands for the same number as blst's six words, Montgomery form with R = 2^384,
//! though eight steps of a limb each divide by 2^416: one factor of a product is multiplied by 2^32 before. So nothing is converted
//! but limbs, and both paths read one table. (Loops are written out: a closure would not be compiled for the instructions.)
//!
//! **Invariant.** Limbs are below 2^52 and elements below 4p, *canonical* ones below p. A product is below 2p, since
//! 4p * 4p * 2^32 / 2^416 + p < 2.7p and no caller multiplies two elements of that size; a difference is below its minuend plus p.

use super::{Lanes, Mask, Task, LANES, MASK};
use crate::addition::{Affine, Field};
use crate::ffi::{self, Fp, P1Affine};
use crate::field::P;

const LIMBS: usize = 8;

/// p, and twice p.
const MODULUS: [u64; LIMBS] = unpack(&P);
const DOUBLE: [u64; LIMBS] = unpack(&twice(&P));
/// -1 / p mod 2^52.
const NEGATIVE_INVERSE: u64 = negative_inverse(P[0]) & MASK;

/// Eight elements: limb by limb, eight numbers each.
type Element<L> = [<L as Lanes>::Word; LIMBS];

/// Fp over some lanes.
#[derive(Clone, Copy)]
pub(crate) struct Wide<L>(pub(crate) L);

impl<L: Lanes> Field for Wide<L> {
    const LANES: usize = LANES;
    type Element = Element<L>;

    #[inline(always)]
    fn one(self) -> Element<L> {
        constant(self.0, &unpack(&ffi::fp_one().l))
    }

    #[inline(always)]
    fn splat(self, value: &Fp) -> Element<L> {
        constant(self.0, &unpack(&value.l))
    }

    #[inline(always)]
    fn multiply(self, a: &Element<L>, b: &Element<L>) -> Element<L> {
        self.0.enter(Multiply { a, b })
    }

    #[inline(always)]
    fn square(self, a: &Element<L>) -> Element<L> {
        self.multiply(a, a)
    }

    #[inline(always)]
    fn subtract(self, a: &Element<L>, b: &Element<L>) -> Element<L> {
        let lanes = self.0;
        let mut carry = lanes.splat(0);
        let mut out = *a;
        for i in 0..LIMBS {
            let limb = lanes.add(a[i], lanes.splat(MODULUS[i]));
            let limb = lanes.add(lanes.sub(limb, b[i]), carry);
            carry = lanes.carry(limb);
            out[i] = lanes.and(limb, lanes.splat(MASK));
        }
        out
    }

    #[inline(always)]
    fn opposite(self, a: &Element<L>) -> Element<L> {
        let zero = constant(self.0, &[0; LIMBS]);
        let opposite = self.subtract(&zero, a);
        // That of 0 is p.
        self.select(self.is_zero(a), &opposite, &zero)
    }

    #[inline(always)]
    fn canonical(self, a: &Element<L>) -> Element<L> {
        below(self.0, &below(self.0, a, &DOUBLE), &MODULUS)
    }

    #[inline(always)]
    fn is_zero(self, a: &Element<L>) -> Mask {
        let lanes = self.0;
        let mut all = a[0];
        for limb in &a[1..] {
            all = lanes.or(all, *limb);
        }
        lanes.equal(all, lanes.splat(0))
    }

    #[inline(always)]
    fn equal(self, a: &Element<L>, b: &Element<L>) -> Mask {
        let mut mask = Mask::MAX;
        for i in 0..LIMBS {
            mask &= self.0.equal(a[i], b[i]);
        }
        mask
    }

    #[inline(always)]
    fn select(self, mask: Mask, a: &Element<L>, b: &Element<L>) -> Element<L> {
        let mut out = *a;
        for i in 0..LIMBS {
            out[i] = self.0.select(mask, a[i], b[i]);
        }
        out
    }

    #[inline(always)]
    fn invert(self, a: &Element<L>) -> Element<L> {
        let elements = elements(self.0, &self.canonical(a));
        // One inversion for all lanes, as in a round of additions.
        let mut before = [ffi::fp_one(); LANES];
        let mut product = ffi::fp_one();
        for (before, element) in before.iter_mut().zip(&elements) {
            *before = product;
            product = ffi::fp_mul(&product, element);
        }
        let mut rest = ffi::fp_inverse(&product);
        let mut out = [ffi::fp_one(); LANES];
        for i in (0..LANES).rev() {
            out[i] = ffi::fp_mul(&rest, &before[i]);
            rest = ffi::fp_mul(&rest, &elements[i]);
        }
        together(self.0, &out)
    }

    #[inline(always)]
    fn fetch(
        self,
        table: &[P1Affine],
        places: &[u32; LANES],
        negative: Mask,
        absent: Mask,
    ) -> Affine<Element<L>> {
        let lanes = self.0;
        let zero = lanes.splat(0);
        let (mut x, mut y) = ([zero; 6], [zero; 6]);
        for i in 0..6 {
            x[i] = lanes.select(absent, lanes.gather(table, places, i), zero);
            y[i] = lanes.select(absent, lanes.gather(table, places, 6 + i), zero);
        }
        let (x, y) = (limbs(lanes, &x), limbs(lanes, &y));
        let y = self.select(negative, &y, &self.opposite(&y));
        Affine { x, y }
    }

    fn extract(self, point: &Affine<Element<L>>, lane: usize) -> P1Affine {
        P1Affine {
            x: elements(self.0, &point.x)[lane],
            y: elements(self.0, &point.y)[lane],
        }
    }

    fn insert(self, point: &mut Affine<Element<L>>, lane: usize, value: &P1Affine) {
        let set = |element: &mut Element<L>, value: &Fp| {
            *element = self.select(1 << lane, element, &self.splat(value));
        };
        set(&mut point.x, &value.x);
        set(&mut point.y, &value.y);
    }

    #[inline(always)]
    fn append(self, point: &Affine<Element<L>>, out: &mut Vec<P1Affine>) {
        let (x, y) = (elements(self.0, &point.x), elements(self.0, &point.y));
        out.extend(x.into_iter().zip(y).map(|(x, y)| P1Affine { x, y }));
    }
}

/// The product, as a call: inlined six times it would not fit the processor's cache of instructions.
struct Multiply<'a, L: Lanes> {
    a: &'a Element<L>,
    b: &'a Element<L>,
}

impl<L: Lanes> Task<L> for Multiply<'_, L> {
    type Output = Element<L>;

    #[inline(always)]
    fn run(self, lanes: L) -> Element<L> {
        product(lanes, self.a, self.b)
    }
}

/// a * b / 2^384 mod p: Montgomery's product, a limb of a at a time.
#[inline(always)]
fn product<L: Lanes>(lanes: L, a: &Element<L>, b: &Element<L>) -> Element<L> {
    let inverse = lanes.factor(lanes.splat(NEGATIVE_INVERSE));
    let mask = lanes.splat(MASK);
    let (mut factors, mut modulus) = ([inverse; LIMBS], [inverse; LIMBS]);
    // Columns i..i + 8 of the sum; each ends with 32 halves at most, far below 2^64.
    let mut sums = [mask; LIMBS + 1];
    for i in 0..LIMBS {
        factors[i] = lanes.factor(b[i]);
        modulus[i] = lanes.factor(lanes.splat(MODULUS[i]));
        sums[i] = lanes.splat(without_bias::<L>(i));
    }
    sums[LIMBS] = lanes.splat(without_bias::<L>(LIMBS));
    let mut before = lanes.splat(0);
    for i in 0..LIMBS {
        // Limb i of a * 2^32.
        let limb = lanes.or(lanes.shift_left(a[i], 32), lanes.shift_right(before, 20));
        before = a[i];
        let factor = lanes.factor(limb);
        for j in 0..LIMBS {
            (sums[j], sums[j + 1]) = lanes.add_product(sums[j], sums[j + 1], factor, factors[j]);
        }
        let quotient = lanes.low_product(lanes.factor(sums[0]), inverse);
        for j in 0..LIMBS {
            (sums[j], sums[j + 1]) = lanes.add_product(sums[j], sums[j + 1], quotient, modulus[j]);
        }
        let carry = lanes.shift_right(sums[0], 52);
        // Named, not copied in a loop: that would send them through memory.
        let [_, a, b, c, d, e, f, g, h] = sums;
        let next = lanes.splat(without_bias::<L>(i + LIMBS + 1));
        sums = [lanes.add(a, carry), b, c, d, e, f, g, h, next];
    }
    let mut carry = lanes.splat(0);
    let mut out = *a;
    for i in 0..LIMBS {
        let limb = lanes.add(sums[i], carry);
        carry = lanes.shift_right(limb, 52);
        out[i] = lanes.and(limb, mask);
    }
    out
}

/// Where a column begins so that the biases of all products that it takes leave nothing.
const fn without_bias<L: Lanes>(column: usize) -> u64 {
    let (low, high) = match column {
        0..LIMBS => (2 * (column + 1), 2 * column),
        LIMBS..16 => (2 * (15 - column), 2 * (16 - column)),
        _ => (0, 0),
    };
    let low = L::LOW_BIAS.wrapping_mul(low as u64);
    0u64.wrapping_sub(low)
        .wrapping_sub(L::HIGH_BIAS.wrapping_mul(high as u64))
}

/// a less `bound` where it is not below it.
#[inline(always)]
fn below<L: Lanes>(lanes: L, a: &Element<L>, bound: &[u64; LIMBS]) -> Element<L> {
    let mut carry = lanes.splat(0);
    let (mut last, mut out) = (carry, *a);
    for i in 0..LIMBS {
        last = lanes.add(lanes.sub(a[i], lanes.splat(bound[i])), carry);
        carry = lanes.carry(last);
        out[i] = lanes.and(last, lanes.splat(MASK));
    }
    let negative = lanes.negative(last);
    for i in 0..LIMBS {
        out[i] = lanes.select(negative, out[i], a[i]);
    }
    out
}

/// Limbs from words.
#[inline(always)]
fn limbs<L: Lanes>(lanes: L, words: &[L::Word; 6]) -> Element<L> {
    let mask = lanes.splat(MASK);
    let mut out = [mask; LIMBS];
    for (i, out) in out.iter_mut().enumerate() {
        let (word, offset) = (52 * i / 64, (52 * i % 64) as u32);
        let mut limb = lanes.shift_right(words[word], offset);
        if offset > 12 && word < 5 {
            limb = lanes.or(limb, lanes.shift_left(words[word + 1], 64 - offset));
        }
        *out = lanes.and(limb, mask);
    }
    out
}

#[inline(always)]
fn constant<L: Lanes>(lanes: L, limbs: &[u64; LIMBS]) -> Element<L> {
    let mut out = [lanes.splat(0); LIMBS];
    for (out, limb) in out.iter_mut().zip(limbs) {
        *out = lanes.splat(*limb);
    }
    out
}

fn elements<L: Lanes>(lanes: L, element: &Element<L>) -> [Fp; LANES] {
    let limbs = element.map(|word| lanes.store(word));
    std::array::from_fn(|lane| Fp {
        l: pack(&limbs.map(|word| word[lane])),
    })
}

fn together<L: Lanes>(lanes: L, elements: &[Fp; LANES]) -> Element<L> {
    let limbs = elements.map(|element| unpack(&element.l));
    std::array::from_fn(|i| lanes.load(&limbs.map(|limbs| limbs[i])))
}

const fn unpack(words: &[u64; 6]) -> [u64; LIMBS] {
    let mut out = [0; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let (word, offset) = (52 * i / 64, 52 * i % 64);
        out[i] = words[word] >> offset;
        if offset > 12 && word < 5 {
            out[i] |= words[word + 1] << (64 - offset);
        }
        out[i] &= MASK;
        i += 1;
    }
    out
}

fn pack(limbs: &[u64; LIMBS]) -> [u64; 6] {
    let (mut rest, mut bits, mut next) = (0u128, 0, limbs.iter());
    std::array::from_fn(|_| {
        while bits < 64 {
            rest |= u128::from(next.next().copied().unwrap_or(0)) << bits;
            bits += 52;
        }
        let word = rest as u64;
        rest >>= 64;
        bits -= 64;
        word
    })
}

const fn twice(words: &[u64; 6]) -> [u64; 6] {
    let mut out = [0; 6];
    let mut i = 0;
    while i < 6 {
        out[i] = words[i] << 1;
        if i > 0 {
            out[i] |= words[i - 1] >> 63;
        }
        i += 1;
    }
    out
}

/// -1 / value mod 2^64 by Newton's iteration; `value` is odd.
const fn negative_inverse(value: u64) -> u64 {
    let (mut inverse, mut step) = (1u64, 0);
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(value.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg()
}

#[cfg(test)]
#[path = "tests.rs"]
pub(crate) mod tests;
