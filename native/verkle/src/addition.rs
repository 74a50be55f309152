//! Adding many pairs of affine points with one inversion.
//!
//! **Theory.** An affine addition costs a field inversion and little else; Montgomery's trick shares one inversion among all pairs of
//! a round, at three multiplications each. A group of n points is summed in log2 n rounds of pairs.
//!
//! **Invariant.** The formula `(y2 - y1) / (x2 - x1)` fails for equal, opposite and infinite points, and its failure would be a
//! silently wrong root; each of these is told apart before (threat 10).

use crate::ffi::{self, Fp, P1Affine};
use crate::field;

/// Neighbours in a buffer of points that are to be summed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Where they begin; after [`Adder::sum`] the sum lies here.
    pub(crate) start: usize,
    /// How many.
    pub(crate) len: usize,
    /// Whose sum it is.
    pub(crate) target: usize,
}

/// What the sum of a pair takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// Different x: the chord.
    Chord,
    /// The same point: the tangent.
    Tangent,
    /// The first is infinity.
    Second,
    /// The second is infinity.
    First,
    /// Opposite points.
    Vanish,
}

/// Scratch space of additions.
#[derive(Default)]
pub(crate) struct Adder {
    cases: Vec<Case>,
    denominators: Vec<Fp>,
    products: Vec<Fp>,
}

impl Adder {
    /// Sums every group; the sum of an empty one is not written.
    pub(crate) fn sum(&mut self, points: &mut [P1Affine], groups: &mut [Group]) {
        while groups.iter().any(|group| group.len > 1) {
            self.begin();
            for group in groups.iter() {
                for pair in points[group.start..group.start + group.len].chunks_exact(2) {
                    self.prepare(&pair[0], &pair[1]);
                }
            }
            self.invert();
            let mut next = 0;
            for group in groups.iter_mut().filter(|group| group.len > 1) {
                let pairs = group.len / 2;
                for i in 0..pairs {
                    let at = group.start + 2 * i;
                    points[group.start + i] = self.add(next, &points[at], &points[at + 1]);
                    next += 1;
                }
                if group.len % 2 == 1 {
                    points[group.start + pairs] = points[group.start + group.len - 1];
                }
                group.len = group.len.div_ceil(2);
            }
        }
    }

    /// Sums of neighbours: 0 and 1, 2 and 3, ...
    pub(crate) fn add_pairs(&mut self, points: &[P1Affine]) -> Vec<P1Affine> {
        self.begin();
        for pair in points.chunks_exact(2) {
            self.prepare(&pair[0], &pair[1]);
        }
        self.invert();
        points
            .chunks_exact(2)
            .enumerate()
            .map(|(i, pair)| self.add(i, &pair[0], &pair[1]))
            .collect()
    }

    fn begin(&mut self) {
        self.cases.clear();
        self.denominators.clear();
        self.products.clear();
    }

    fn prepare(&mut self, a: &P1Affine, b: &P1Affine) {
        let (case, denominator) = if ffi::p1_is_infinity(a) {
            (Case::Second, None)
        } else if ffi::p1_is_infinity(b) {
            (Case::First, None)
        } else if a.x.l != b.x.l {
            (Case::Chord, Some(field::sub(&b.x, &a.x)))
        } else if a.y.l == b.y.l {
            // No point of the subgroup has y = 0: its order is odd.
            (Case::Tangent, Some(field::add(&a.y, &a.y)))
        } else {
            (Case::Vanish, None)
        };
        self.cases.push(case);
        self.denominators
            .push(denominator.unwrap_or_else(ffi::fp_one));
    }

    /// Turns the denominators into their inverses.
    fn invert(&mut self) {
        let mut product = ffi::fp_one();
        for denominator in &self.denominators {
            self.products.push(product);
            product = ffi::fp_mul(&product, denominator);
        }
        let mut rest = ffi::fp_inverse(&product);
        for (denominator, before) in self.denominators.iter_mut().zip(&self.products).rev() {
            let inverse = ffi::fp_mul(&rest, before);
            rest = ffi::fp_mul(&rest, denominator);
            *denominator = inverse;
        }
    }

    #[inline]
    fn add(&self, pair: usize, a: &P1Affine, b: &P1Affine) -> P1Affine {
        let rise = match self.cases[pair] {
            Case::Chord => field::sub(&b.y, &a.y),
            Case::Tangent => {
                let square = ffi::fp_sqr(&a.x);
                field::add(&field::add(&square, &square), &square)
            }
            Case::Second => return *b,
            Case::First => return *a,
            Case::Vanish => return P1Affine::default(),
        };
        let slope = ffi::fp_mul(&rise, &self.denominators[pair]);
        let x = field::sub(&field::sub(&ffi::fp_sqr(&slope), &a.x), &b.x);
        let y = field::sub(&ffi::fp_mul(&slope, &field::sub(&a.x, &x)), &a.y);
        P1Affine { x, y }
    }
}
