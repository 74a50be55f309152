//! Fp in lanes against blst, lane by lane.
#![allow(clippy::unwrap_used)]

use super::super::model::Model;
use super::*;
use crate::field;
use hyperdb_fuzz::Dice;

/// Elements of which limbs, words and borrows are extreme, and random ones.
fn samples(dice: &mut Dice) -> Vec<Fp> {
    let mut largest = P;
    largest[0] -= 1;
    let words = |l: [u64; 6]| Fp { l };
    let mut out = vec![
        words([0; 6]),
        words([1, 0, 0, 0, 0, 0]),
        words([MASK, 0, 0, 0, 0, 0]),
        words([u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0]),
        words([0, 0, 0, 0, 0, P[5] - 1]),
        words(largest),
        ffi::fp_one(),
    ];
    out.extend((0..25).map(|_| {
        let mut l = [0; 6].map(|_: u64| dice.roll(usize::MAX) as u64);
        l[5] %= P[5];
        words(l)
    }));
    out
}

/// Every operation of a field in lanes, over all pairs of samples.
pub(crate) fn same_as_blst<L: Lanes>(lanes: L) {
    let field = Wide(lanes);
    let samples = samples(&mut Dice::new(5));
    let mut pairs: Vec<(Fp, Fp)> = Vec::new();
    for a in &samples {
        pairs.extend(samples.iter().map(|b| (*a, *b)));
    }
    let words = |a: &Element<L>| elements(lanes, &field.canonical(a)).map(|a| a.l);
    for block in pairs.chunks_exact(LANES) {
        let (a, b) = (
            std::array::from_fn(|i| block[i].0),
            std::array::from_fn(|i| block[i].1),
        );
        let each = |of: fn(&Fp, &Fp) -> Fp| -> [[u64; 6]; LANES] {
            std::array::from_fn(|i| of(&block[i].0, &block[i].1).l)
        };
        let (wide_a, wide_b) = (together(lanes, &a), together(lanes, &b));
        assert_eq!(words(&wide_a), a.map(|a| a.l));
        assert_eq!(words(&field.multiply(&wide_a, &wide_b)), each(ffi::fp_mul));
        assert_eq!(
            words(&field.square(&wide_a)),
            each(|a, _| ffi::fp_mul(a, a))
        );
        let difference = field.subtract(&wide_a, &wide_b);
        assert_eq!(words(&difference), each(ffi::fp_sub));
        // The largest elements that additions multiply: a difference less a canonical element, and a product.
        let less = field.subtract(&difference, &wide_b);
        assert_eq!(
            words(&field.multiply(&less, &field.multiply(&wide_a, &wide_b))),
            each(|a, b| ffi::fp_mul(&ffi::fp_sub(&ffi::fp_sub(a, b), b), &ffi::fp_mul(a, b)))
        );
        assert_eq!(
            words(&field.opposite(&wide_a)),
            each(|a, _| field::negate(a))
        );
        let equal = (0..LANES).fold(0, |mask, i| mask | Mask::from(a[i].l == b[i].l) << i);
        assert_eq!(field.equal(&wide_a, &wide_b), equal);
        let zero = (0..LANES).fold(0, |mask, i| mask | Mask::from(a[i].l == [0; 6]) << i);
        assert_eq!(field.is_zero(&wide_a), zero);
        let nonzero = field.select(zero, &wide_a, &field.one());
        let inverse = field.multiply(&field.invert(&nonzero), &nonzero);
        assert_eq!(words(&inverse), [ffi::fp_one().l; LANES]);
    }
}

/// Points come out as they lie in the table, their opposites or infinity, and go back into their lanes.
pub(crate) fn points_are_fetched<L: Lanes>(lanes: L) {
    let field = Wide(lanes);
    let samples = samples(&mut Dice::new(6));
    let table: Vec<P1Affine> = samples[1..]
        .windows(2)
        .map(|pair| P1Affine {
            x: pair[0],
            y: pair[1],
        })
        .collect();
    let places = [0, 1, 2, 3, 11, 5, 29, 7];
    let mut fetched = field.fetch(&table, &places, 0b0101_0110, 0b0110_0000);
    for (lane, place) in places.iter().enumerate() {
        let mut expected = table[*place as usize];
        if 0b0101_0110 >> lane & 1 == 1 {
            expected.y = field::negate(&expected.y);
        }
        if 0b0110_0000 >> lane & 1 == 1 {
            expected = P1Affine::default();
        }
        assert_eq!(field.extract(&fetched, lane), expected, "lane {lane}");
    }
    field.insert(&mut fetched, 3, &table[9]);
    let mut all = Vec::new();
    field.append(&fetched, &mut all);
    assert_eq!(all.len(), LANES);
    assert_eq!(all[3], table[9]);
    assert_eq!(all[7], table[7]);
}

#[test]
fn the_model_computes_what_blst_does() {
    same_as_blst(Model::<false>);
    points_are_fetched(Model::<false>);
}

/// The biases of the floating-point kernel cancel.
#[test]
fn the_model_with_biases_computes_what_blst_does() {
    same_as_blst(Model::<true>);
    points_are_fetched(Model::<true>);
}

#[test]
fn limbs_and_words_are_one_number() {
    for element in samples(&mut Dice::new(7)) {
        let limbs = unpack(&element.l);
        assert!(limbs.iter().all(|limb| *limb <= MASK));
        assert_eq!(pack(&limbs), element.l);
    }
    assert_eq!(NEGATIVE_INVERSE.wrapping_mul(P[0]) & MASK, MASK);
}
