//! Each instruction against the model. What the processor lacks is not run, and the test says so.
#![allow(clippy::panic)]

use super::super::model::Model;
use super::super::wide;
use super::*;
use crate::multiples::Kernel;
use hyperdb_fuzz::Dice;

/// Words whose bits are extreme, and random ones.
fn words(dice: &mut Dice) -> Vec<[u64; LANES]> {
    let extremes = [
        0,
        1,
        MASK,
        MASK - 1,
        1 << 51,
        (1 << 26) + 1,
        1 << 52,
        u64::MAX,
    ];
    let mut out = vec![extremes];
    for shift in 1..LANES {
        out.push(std::array::from_fn(|i| extremes[(i + shift) % LANES]));
    }
    out.extend((0..500).map(|_| [0; LANES].map(|_: u64| dice.roll(usize::MAX) as u64)));
    out
}

struct Compare<L>(std::marker::PhantomData<L>);

impl<L: Lanes<Word = __m512i>> Task<L> for Compare<L> {
    type Output = ();

    fn run(self, lanes: L) {
        let model = Model::<false>;
        let words = words(&mut Dice::new(8));
        for (i, a) in words.iter().enumerate() {
            let (b, c, d) = (
                words[(i * 7 + 3) % words.len()],
                words[(i * 11 + 5) % words.len()],
                words[(i * 13 + 7) % words.len()],
            );
            let (wa, wb) = (lanes.load(a), lanes.load(&b));
            let store = |word| lanes.store(word);
            assert_eq!(store(wa), *a);
            assert_eq!(store(lanes.splat(b[3])), model.splat(b[3]));
            assert_eq!(store(lanes.add(wa, wb)), model.add(*a, b));
            assert_eq!(store(lanes.sub(wa, wb)), model.sub(*a, b));
            assert_eq!(store(lanes.and(wa, wb)), model.and(*a, b));
            assert_eq!(store(lanes.or(wa, wb)), model.or(*a, b));
            assert_eq!(store(lanes.carry(wa)), model.carry(*a));
            for count in 0..64 {
                assert_eq!(
                    store(lanes.shift_left(wa, count)),
                    model.shift_left(*a, count)
                );
                assert_eq!(
                    store(lanes.shift_right(wa, count)),
                    model.shift_right(*a, count)
                );
            }
            let mask = (i * 37 % 256) as Mask;
            assert_eq!(store(lanes.select(mask, wa, wb)), model.select(mask, *a, b));
            assert_eq!(lanes.negative(wa), model.negative(*a));
            let mixed = model.select(mask, *a, b);
            assert_eq!(lanes.equal(wa, lanes.load(&mixed)), model.equal(*a, mixed));
            // Sums and biases wrap in both; factors are the low 52 bits.
            let (fa, fb) = (lanes.factor(wa), lanes.factor(wb));
            let (low, high) = lanes.add_product(lanes.load(&c), lanes.load(&d), fa, fb);
            let (ma, mb) = (model.factor(*a), model.factor(b));
            let expected = model.add_product(
                c.map(|lane| lane.wrapping_add(L::LOW_BIAS)),
                d.map(|lane| lane.wrapping_add(L::HIGH_BIAS)),
                ma,
                mb,
            );
            assert_eq!((store(low), store(high)), expected, "{a:x?} * {b:x?}");
            // A low product is a factor: seen through a product with one.
            let one = lanes.factor(lanes.splat(1));
            let zero = lanes.splat(0u64.wrapping_sub(L::LOW_BIAS));
            let (low, _) = lanes.add_product(zero, zero, lanes.low_product(fa, fb), one);
            assert_eq!(store(low), model.low_product(ma, mb));
        }
        wide::tests::same_as_blst(lanes);
        wide::tests::points_are_fetched(lanes);
    }
}

/// Past the capture of a test's output: a test that passes without having run must be seen.
fn not_run(name: &str) {
    let text = format!(
        "NOT RUN: this processor has no {name}; what is built on it ran on the model alone\n"
    );
    drop(std::io::Write::write_all(
        &mut std::io::stderr(),
        text.as_bytes(),
    ));
}

fn compare<L: Lanes<Word = __m512i>>(name: &str, lanes: Option<L>, chosen: bool) {
    // What is not there is not chosen either.
    assert_eq!(lanes.is_some(), chosen, "{name}");
    match lanes {
        Some(lanes) => lanes.enter(Compare(std::marker::PhantomData)),
        None => not_run(name),
    }
}

#[test]
fn fused_multiply_adds_are_the_models() {
    let chosen = Kernel::available().contains(&Kernel::Fused);
    assert_eq!(chosen, is_x86_feature_detected!("avx512f"));
    compare("AVX-512F", Fused::detect(), chosen);
}

#[test]
fn ifma_instructions_are_the_models() {
    let chosen = Kernel::available().contains(&Kernel::Ifma);
    let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
    assert_eq!(chosen, there);
    compare("AVX-512 IFMA", Ifma::detect(), chosen);
}

#[test]
#[should_panic(expected = "no such point")]
fn a_place_beyond_the_table_is_refused() {
    let table = [P1Affine::default(); 3];
    match Fused::detect() {
        Some(lanes) => drop(lanes.gather(&table, &[0, 1, 2, 3, 0, 0, 0, 0], 0)),
        None => {
            not_run("AVX-512F");
            panic!("no such point to ask for");
        }
    }
}
