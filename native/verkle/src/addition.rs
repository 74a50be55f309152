//! Adding many pairs of affine points with one inversion.
//!
//! **Theory.** An affine addition costs a field inversion and little else; Montgomery's trick shares one inversion among all pairs of
//! a round, at three multiplications each. A group of n points is summed in log2 n rounds of pairs. The rounds are written once over
//! [`Field`], for one point at a time and for eight.
//!
//! **Invariant.** The formula `(y2 - y1) / (x2 - x1)` fails for equal, opposite and infinite points, and its failure would be a
//! silently wrong root; each of these is told apart before and summed on its own (threat 10).

use crate::ffi::{self, Fp, P1Affine};
use crate::field;
use crate::lanes::{Mask, LANES};

/// An affine point, or one in each lane; infinity is (0, 0).
#[derive(Clone, Copy)]
pub(crate) struct Affine<E> {
    pub(crate) x: E,
    pub(crate) y: E,
}

/// Fp, in one lane or several. Masks have a bit a lane.
pub(crate) trait Field: Copy {
    /// How many lanes, 8 at most.
    const LANES: usize;
    /// A number mod p in each lane; *canonical* if it is the one below p.
    type Element: Copy;

    /// One, in all lanes.
    fn one(self) -> Self::Element;
    /// The same number in all lanes.
    fn splat(self, value: &Fp) -> Self::Element;
    /// a * b.
    fn multiply(self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// a * a.
    fn square(self, a: &Self::Element) -> Self::Element;
    /// a - b; b is canonical.
    fn subtract(self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// -a, canonical as a is; of 0 it is 0.
    fn opposite(self, a: &Self::Element) -> Self::Element;
    /// The canonical form.
    fn canonical(self, a: &Self::Element) -> Self::Element;
    /// Lanes in which a is 0; a is canonical.
    fn is_zero(self, a: &Self::Element) -> Mask;
    /// Lanes in which a = b; both are canonical.
    fn equal(self, a: &Self::Element, b: &Self::Element) -> Mask;
    /// b where the mask is set, else a.
    fn select(self, mask: Mask, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// 1 / a; no lane is 0.
    fn invert(self, a: &Self::Element) -> Self::Element;

    /// Points of a table, one a lane: their opposites where `negative`, infinity where `absent`.
    fn fetch(
        self,
        table: &[P1Affine],
        places: &[u32; LANES],
        negative: Mask,
        absent: Mask,
    ) -> Affine<Self::Element>;
    /// The point of a lane.
    fn extract(self, point: &Affine<Self::Element>, lane: usize) -> P1Affine;
    /// Sets the point of a lane.
    fn insert(self, point: &mut Affine<Self::Element>, lane: usize, value: &P1Affine);
    /// Appends the points of all lanes.
    fn append(self, point: &Affine<Self::Element>, out: &mut Vec<P1Affine>);
}

/// One lane, by blst.
#[derive(Clone, Copy)]
pub(crate) struct Single;

impl Field for Single {
    const LANES: usize = 1;
    type Element = Fp;

    #[inline(always)]
    fn one(self) -> Fp {
        ffi::fp_one()
    }

    #[inline(always)]
    fn splat(self, value: &Fp) -> Fp {
        *value
    }

    #[inline(always)]
    fn multiply(self, a: &Fp, b: &Fp) -> Fp {
        ffi::fp_mul(a, b)
    }

    #[inline(always)]
    fn square(self, a: &Fp) -> Fp {
        ffi::fp_sqr(a)
    }

    #[inline(always)]
    fn subtract(self, a: &Fp, b: &Fp) -> Fp {
        field::sub(a, b)
    }

    #[inline(always)]
    fn opposite(self, a: &Fp) -> Fp {
        field::negate(a)
    }

    #[inline(always)]
    fn canonical(self, a: &Fp) -> Fp {
        *a
    }

    #[inline(always)]
    fn is_zero(self, a: &Fp) -> Mask {
        Mask::from(a.l.iter().fold(0, |all, word| all | word) == 0)
    }

    #[inline(always)]
    fn equal(self, a: &Fp, b: &Fp) -> Mask {
        let words = a.l.iter().zip(&b.l);
        Mask::from(words.fold(0, |all, (a, b)| all | (a ^ b)) == 0)
    }

    #[inline(always)]
    fn select(self, mask: Mask, a: &Fp, b: &Fp) -> Fp {
        if mask & 1 == 1 {
            *b
        } else {
            *a
        }
    }

    fn invert(self, a: &Fp) -> Fp {
        ffi::fp_inverse(a)
    }

    #[inline(always)]
    fn fetch(
        self,
        table: &[P1Affine],
        places: &[u32; LANES],
        negative: Mask,
        absent: Mask,
    ) -> Affine<Fp> {
        if absent & 1 == 1 {
            return Affine::from(&P1Affine::default());
        }
        let mut point = Affine::from(&table[places[0] as usize]);
        if negative & 1 == 1 {
            point.y = field::negate(&point.y);
        }
        point
    }

    fn extract(self, point: &Affine<Fp>, _: usize) -> P1Affine {
        P1Affine::from(point)
    }

    fn insert(self, point: &mut Affine<Fp>, _: usize, value: &P1Affine) {
        *point = Affine::from(value);
    }

    #[inline(always)]
    fn append(self, point: &Affine<Fp>, out: &mut Vec<P1Affine>) {
        out.push(P1Affine::from(point));
    }
}

impl From<&P1Affine> for Affine<Fp> {
    #[inline(always)]
    fn from(point: &P1Affine) -> Self {
        Affine {
            x: point.x,
            y: point.y,
        }
    }
}

impl From<&Affine<Fp>> for P1Affine {
    #[inline(always)]
    fn from(point: &Affine<Fp>) -> Self {
        P1Affine {
            x: point.x,
            y: point.y,
        }
    }
}

/// A lane whose sum the formula does not give.
struct Exception {
    at: u32,
    lane: usize,
    sum: P1Affine,
}

/// Additions over a field, with their scratch space.
pub(crate) struct Adder<F: Field> {
    pub(crate) field: F,
    /// Indices of the two points of each pair of a round.
    pub(crate) pairs: Vec<(u32, u32)>,
    differences: Vec<F::Element>,
    products: Vec<F::Element>,
    exceptions: Vec<Exception>,
}

impl<F: Field> Adder<F> {
    pub(crate) fn new(field: F) -> Self {
        Self {
            field,
            pairs: Vec::new(),
            differences: Vec::new(),
            products: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    /// Adds the second point of each of `pairs` to the first; none is in two pairs.
    #[inline(always)]
    pub(crate) fn round(&mut self, points: &mut [Affine<F::Element>]) {
        let field = self.field;
        self.differences.clear();
        self.products.clear();
        let mut product = field.one();
        for i in 0..self.pairs.len() {
            let (at, other) = self.pairs[i];
            let (a, b) = (&points[at as usize], &points[other as usize]);
            let mut difference = field.subtract(&b.x, &a.x);
            // No point of the subgroup but infinity has x = 0: those of the curve have order 3.
            let mask = field.is_zero(&a.x) | field.is_zero(&b.x) | field.equal(&a.x, &b.x);
            if mask != 0 {
                difference = field.select(mask, &difference, &field.one());
                except(field, &mut self.exceptions, (at, mask), a, b);
            }
            self.products.push(product);
            product = field.multiply(&product, &difference);
            self.differences.push(difference);
        }
        let mut rest = field.invert(&product);
        let rounds = self.differences.iter().zip(&self.products);
        for ((difference, before), (at, other)) in rounds.zip(&self.pairs).rev() {
            let (a, b) = (&points[*at as usize], &points[*other as usize]);
            let inverse = field.multiply(&rest, before);
            rest = field.multiply(&rest, difference);
            let slope = field.multiply(&field.subtract(&b.y, &a.y), &inverse);
            let square = field.square(&slope);
            let x = field.canonical(&field.subtract(&field.subtract(&square, &a.x), &b.x));
            let rise = field.multiply(&slope, &field.subtract(&a.x, &x));
            let y = field.canonical(&field.subtract(&rise, &a.y));
            points[*at as usize] = Affine { x, y };
        }
        for exception in self.exceptions.drain(..) {
            let point = &mut points[exception.at as usize];
            field.insert(point, exception.lane, &exception.sum);
        }
    }
}

/// Notes the sums of lanes that the formula does not fit.
#[cold]
#[inline(never)]
fn except<F: Field>(
    field: F,
    exceptions: &mut Vec<Exception>,
    (at, mask): (u32, Mask),
    a: &Affine<F::Element>,
    b: &Affine<F::Element>,
) {
    for lane in (0..F::LANES).filter(|lane| mask >> lane & 1 == 1) {
        let (a, b) = (field.extract(a, lane), field.extract(b, lane));
        let sum = if ffi::p1_is_infinity(&a) {
            b
        } else if ffi::p1_is_infinity(&b) {
            a
        } else {
            ffi::p1_to_affine(&ffi::p1_add_affine(&ffi::p1_from_affine(&a), &b))
        };
        exceptions.push(Exception { at, lane, sum });
    }
}
