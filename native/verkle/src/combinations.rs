//! Sums of many points with random signs, which lie in the subgroup of order r if all the points do, and hardly otherwise.
//!
//! **Theory.** The index of the subgroup in the curve is odd, so a point outside of it has three different multiples by -1, 0 and 1 modulo
//! the subgroup. Whatever the other points are, a sum in which its factor is drawn from these lies in the subgroup in one case
//! of three at most; and [`SUMS`] sums with factors of their own all do with a chance of 3^-88 < 2^-139. (One sum with large factors
//! would not do: a third of all factors vanish on a point of order 3.) After Bellare, Garay, Rabin, "Fast batch verification for
//! modular exponentiation and digital signatures" (1998), their small exponents.
//!
//! The factors are drawn from a hash of all the points, so the same points are always judged alike, and who would like others has to look
//! for other points, 2^139 times.
//!
//! Four points have 40 such sums but for the sign, made once; then each of the 88 sums takes one point of every four.
//!
//! **Invariant.** Additions are complete ([`crate::addition`]): points come from strangers and may be of any order.

use crate::addition::{Adder, Affine, Field, Single};
use crate::ffi::{Fp, P1Affine};
use crate::lanes::{self, Mask, LANES};
use crate::multiples::Kernel;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::Shake256;

/// How many sums are made: all lanes of whole words.
pub(crate) const SUMS: usize = 88;
/// Points whose sums are made first.
const BLOCK: usize = 4;
/// Their sums with factors of -1, 0 and 1, but for zero and the sign: (3^4 - 1) / 2.
const TABLE: usize = 40;
/// Blocks that are added in one round, so that they share an inversion.
const ROUND: usize = 4;
/// Blocks whose tables are made together.
const GROUP: usize = LANES;

/// The sums of points of the curve. Zeros for coordinates are infinity.
pub(crate) fn sums(kernel: Kernel, points: &[P1Affine]) -> Vec<P1Affine> {
    let task = Combine(points);
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Fused => with(lanes::kernel::Fused::detect(), task),
        #[cfg(target_arch = "x86_64")]
        Kernel::Ifma => with(lanes::kernel::Ifma::detect(), task),
        _ => combine(Single, points),
    }
}

/// In lanes; whoever names a kernel that is not there gets the scalar one.
#[cfg(target_arch = "x86_64")]
fn with<L: lanes::Lanes>(lanes: Option<L>, task: Combine<'_>) -> Vec<P1Affine> {
    match lanes {
        Some(lanes) => lanes.enter(task),
        None => combine(Single, task.0),
    }
}

struct Combine<'a>(&'a [P1Affine]);

impl<L: lanes::Lanes> lanes::Task<L> for Combine<'_> {
    type Output = Vec<P1Affine>;

    #[inline(always)]
    fn run(self, lanes: L) -> Vec<P1Affine> {
        combine(lanes::wide::Wide(lanes), self.0)
    }
}

/// Factors of the points of a block, drawn evenly: none, or one of its table's points or the opposite of one.
struct Coins(sha3::Shake256Reader);

impl Coins {
    fn of(points: &[P1Affine]) -> Coins {
        let mut hasher = Shake256::default();
        hasher.update(b"hyperdb/subgroup");
        for point in points {
            for word in point.x.l.iter().chain(&point.y.l) {
                hasher.update(&word.to_le_bytes());
            }
        }
        Coins(hasher.finalize_xof())
    }

    /// Below 81.
    fn toss(&mut self) -> usize {
        const WHOLE: u8 = 3 * (2 * TABLE as u8 + 1);
        let mut byte = [0];
        loop {
            self.0.read(&mut byte);
            if byte[0] < WHOLE {
                return usize::from(byte[0]) % (2 * TABLE + 1);
            }
        }
    }
}

#[inline(always)]
fn combine<F: Field>(field: F, points: &[P1Affine]) -> Vec<P1Affine> {
    let mut coins = Coins::of(points);
    let mut adder = Adder::new(field);
    let zero = field.splat(&Fp::default());
    let infinity = Affine { x: zero, y: zero };
    let words = SUMS / F::LANES;
    // In the first half sums of every fourth block, in the second what is added to them.
    let mut work = vec![infinity; 2 * ROUND * words];
    let mut group = Vec::with_capacity(GROUP * BLOCK);
    let mut table = Vec::with_capacity(GROUP * TABLE);
    for some in points.chunks(GROUP * BLOCK) {
        group.clear();
        group.extend_from_slice(some);
        group.resize(GROUP * BLOCK, P1Affine::default());
        table.clear();
        for blocks in group.chunks_exact(F::LANES * BLOCK) {
            push_table(&mut adder, blocks, &mut table);
        }
        for round in (0..GROUP).step_by(ROUND) {
            adder.pairs.clear();
            for (at, block) in (round..round + ROUND).enumerate() {
                for word in 0..words {
                    let sum = at * words + word;
                    let term = ROUND * words + sum;
                    work[term] = draw::<F>(field, &table, block, &mut coins);
                    adder.pairs.push((sum as u32, term as u32));
                }
            }
            adder.round(&mut work);
        }
    }
    for at in 1..ROUND {
        adder.pairs.clear();
        let pairs = (0..words).map(|word| (word as u32, (at * words + word) as u32));
        adder.pairs.extend(pairs);
        adder.round(&mut work);
    }
    let mut out = Vec::with_capacity(SUMS);
    for sum in &work[..words] {
        field.append(sum, &mut out);
    }
    out
}

/// What one block adds to the sums of a word.
#[inline(always)]
fn draw<F: Field>(
    field: F,
    table: &[P1Affine],
    block: usize,
    coins: &mut Coins,
) -> Affine<F::Element> {
    let (mut places, mut negative, mut absent) = ([0; LANES], 0, 0);
    for (lane, place) in places.iter_mut().enumerate().take(F::LANES) {
        let bit: Mask = 1 << lane;
        let entry = match coins.toss() {
            0 => {
                absent |= bit;
                0
            }
            toss if toss <= TABLE => toss - 1,
            toss => {
                negative |= bit;
                toss - TABLE - 1
            }
        };
        *place = in_table::<F>(block, entry) as u32;
    }
    field.fetch(table, &places, negative, absent)
}

/// Where the table of a group has an entry of a block.
#[inline(always)]
fn in_table<F: Field>(block: usize, entry: usize) -> usize {
    let (part, lane) = (block / F::LANES, block % F::LANES);
    (part * TABLE + entry) * F::LANES + lane
}

/// Appends the sums of each block, a block in each lane: a, b, c, d, a + b, a - b, c + d, c - d, and what any of a, b, a + b, a - b
/// makes with any of the others or its opposite.
#[inline(always)]
fn push_table<F: Field>(adder: &mut Adder<F>, blocks: &[P1Affine], table: &mut Vec<P1Affine>) {
    let field = adder.field;
    let mut work: [Affine<F::Element>; TABLE + 6] =
        [field.fetch(blocks, &[0; LANES], 0, 0); TABLE + 6];
    for (at, point) in work.iter_mut().enumerate().take(BLOCK) {
        let mut places = [0; LANES];
        for (lane, place) in places.iter_mut().enumerate().take(F::LANES) {
            *place = (lane * BLOCK + at) as u32;
        }
        *point = field.fetch(blocks, &places, 0, 0);
    }
    let [a, b, c, d] = [work[0], work[1], work[2], work[3]];
    [work[4], work[5], work[6], work[7]] = [a, a, c, c];
    [work[TABLE], work[TABLE + 1]] = [opposite(field, &b), opposite(field, &d)];
    adder.pairs.clear();
    let (minus_b, minus_d) = (TABLE as u32, TABLE as u32 + 1);
    adder
        .pairs
        .extend([(4, 1), (5, minus_b), (6, 3), (7, minus_d)]);
    adder.round(&mut work);
    adder.pairs.clear();
    for (at, second) in [2, 3, 6, 7].into_iter().enumerate() {
        let negated = TABLE + 2 + at;
        work[negated] = opposite(field, &work[second]);
        for (step, first) in [0, 1, 4, 5].into_iter().enumerate() {
            let place = 8 + 8 * at + 2 * step;
            (work[place], work[place + 1]) = (work[first], work[first]);
            adder.pairs.extend([
                (place as u32, second as u32),
                (place as u32 + 1, negated as u32),
            ]);
        }
    }
    adder.round(&mut work);
    for point in &work[..TABLE] {
        field.append(point, table);
    }
}

#[inline(always)]
fn opposite<F: Field>(field: F, point: &Affine<F::Element>) -> Affine<F::Element> {
    Affine {
        x: point.x,
        y: field.opposite(&point.y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi;
    use crate::lanes::model::Model;
    use crate::lanes::Task;
    use crate::point::Point;
    use crate::scalar::Scalar;

    fn some(count: u64) -> Vec<P1Affine> {
        let multiple = |n: u64| Point::generator().times(Scalar::from(n) * Scalar::from(n));
        (1..=count).map(|n| multiple(n).to_point().0).collect()
    }

    /// The factors of the points of a block that an entry of the table stands for.
    fn factors(entry: usize) -> [i8; BLOCK] {
        const HALVES: [[i8; 2]; 4] = [[1, 0], [0, 1], [1, 1], [1, -1]];
        match entry {
            0 | 1 => [HALVES[entry][0], HALVES[entry][1], 0, 0],
            2 | 3 => [0, 0, HALVES[entry - 2][0], HALVES[entry - 2][1]],
            4 | 5 => [1, if entry == 4 { 1 } else { -1 }, 0, 0],
            6 | 7 => [0, 0, 1, if entry == 6 { 1 } else { -1 }],
            _ => {
                let (second, first) = ((entry - 8) / 8, (entry - 8) % 8 / 2);
                let sign = if entry.is_multiple_of(2) { 1 } else { -1 };
                let ([a, b], [c, d]) = (HALVES[first], HALVES[second]);
                [a, b, sign * c, sign * d]
            }
        }
    }

    /// The same by blst, a term after the other, and how often each factor was drawn.
    fn slowly(points: &[P1Affine]) -> (Vec<P1Affine>, [u32; 3]) {
        let mut coins = Coins::of(points);
        let mut drawn = [0; 3];
        let mut out = vec![ffi::P1::default(); SUMS];
        let blocks = points.len().div_ceil(GROUP * BLOCK) * GROUP;
        for block in 0..blocks {
            for sum in &mut out {
                let toss = coins.toss();
                let (entry, sign) = match toss {
                    0 => continue,
                    toss if toss <= TABLE => (toss - 1, 1),
                    toss => (toss - TABLE - 1, -1),
                };
                let mine = points.iter().skip(block * BLOCK).take(BLOCK);
                for (point, factor) in mine.zip(factors(entry)) {
                    drawn[(factor * sign + 1) as usize] += 1;
                    match factor * sign {
                        1 => *sum = ffi::p1_add_affine(sum, point),
                        -1 => *sum = ffi::p1_add_affine(sum, &ffi::p1_negate(point)),
                        _ => {}
                    }
                }
            }
        }
        (out.iter().map(ffi::p1_to_affine).collect(), drawn)
    }

    fn by_all(points: &[P1Affine]) -> Vec<Vec<P1Affine>> {
        let mut out = vec![
            Task::run(Combine(points), Model::<false>),
            Task::run(Combine(points), Model::<true>),
        ];
        let kernels = Kernel::available();
        out.extend(kernels.iter().map(|kernel| sums(*kernel, points)));
        out
    }

    #[test]
    fn entries_are_all_signs_but_for_the_opposite() {
        let mut all: Vec<[i8; BLOCK]> = (0..TABLE).map(factors).collect();
        all.extend((0..TABLE).map(|entry| factors(entry).map(|factor| -factor)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 80);
    }

    #[test]
    fn every_kernel_sums_as_blst_does() {
        for count in [0, 1, 5, 31, 32, 33, 70] {
            let mut points = some(count);
            if count == 70 {
                // Equal, opposite and infinite points, and one of order 3, whose x is 0.
                points[1] = points[0];
                points[2] = ffi::p1_negate(&points[0]);
                points[3] = P1Affine::default();
                let again = points[9];
                points[40..44].fill(again);
                let one = ffi::fp_one();
                points[5] = P1Affine {
                    x: Fp::default(),
                    y: crate::field::sub(&one, &crate::field::negate(&one)),
                };
                points[6] = points[5];
                points[7] = ffi::p1_negate(&points[5]);
            }
            let (expected, _) = slowly(&points);
            for found in by_all(&points) {
                assert!(found == expected, "{count} points");
            }
        }
    }

    #[test]
    fn factors_are_drawn_evenly() {
        let (_, drawn) = slowly(&some(32));
        let share = 32 * SUMS as u32 / 3;
        // Six deviations of a count of 2,816 with a chance of a third.
        let even = |count: &u32| count.abs_diff(share) < 150;
        // Blocks of which nothing was drawn are not counted: one in 81.
        assert!(drawn.iter().all(even), "{drawn:?}");
    }
}
