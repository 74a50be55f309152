//! Multiples of a point that is known before: secret scalars times public points.
//!
//! **Theory.** A scalar has 112 digits from -8 to 7 to the base 16. For each place the multiples of one to eight times 16^place are kept
//! in affine form, so a multiple of the point is a sum of 112 of them and nothing is doubled (Brickell, Gordon, McCurley, Wilson,
//! "Fast exponentiation with precomputation", 1992). Sums are in extended coordinates (Hisil, Wong, Carter, Dawson, "Twisted Edwards
//! curves revisited", 2008), whose addition is complete here.
//!
//! **Invariant.** Every place reads its whole row and adds, whatever the digit: time and memory touched do not depend on the scalar.

use crate::curve::{inverses, Point, MINUS_D};
use crate::field::Field;
use crate::scalar::{Scalar, NIBBLES};
use std::sync::OnceLock;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Multiples of a place.
const ROW: usize = 8;

/// A point as a sum takes it.
#[derive(Clone, Copy)]
struct Affine {
    x: Field,
    y: Field,
    /// -d x y.
    product: Field,
}

impl Affine {
    const NEUTRAL: Affine = Affine {
        x: Field::ZERO,
        y: Field::ONE,
        product: Field::ZERO,
    };

    fn assign(&mut self, other: &Affine, choice: Choice) {
        self.x.conditional_assign(&other.x, choice);
        self.y.conditional_assign(&other.y, choice);
        self.product.conditional_assign(&other.product, choice);
    }
}

/// A point x = X / Z, y = Y / Z, x y = T / Z.
#[derive(Clone, Copy)]
struct Extended {
    x: Field,
    y: Field,
    z: Field,
    t: Field,
}

impl Extended {
    fn plus(&self, other: &Affine) -> Extended {
        let a = self.x.mul(&other.x);
        let b = self.y.mul(&other.y);
        let c = self.t.mul(&other.product);
        let sums = self.x.add(&self.y).mul(&other.x.add(&other.y));
        let e = sums.sub(&a).sub(&b);
        // c is that of the formula with its sign turned.
        let (f, g) = (self.z.add(&c), self.z.sub(&c));
        let h = b.sub(&a);
        Extended {
            x: e.mul(&f),
            y: g.mul(&h),
            z: f.mul(&g),
            t: e.mul(&h),
        }
    }
}

/// Multiples of one public point.
pub struct Multiples(Vec<[Affine; ROW]>);

impl Multiples {
    /// Of a point: 172 KB, about as long to make as sixteen multiples are to take. Variable in time.
    pub fn new(point: &Point) -> Multiples {
        let mut all = Vec::with_capacity(NIBBLES * ROW);
        let mut unit = *point;
        for _ in 0..NIBBLES {
            let first = all.len();
            let row = std::iter::successors(Some(unit), |last| Some(last.add(&unit)));
            all.extend(row.take(ROW));
            unit = all[first + ROW - 1].double();
        }
        let inverses = inverses(&all);
        let affine: Vec<Affine> = all
            .iter()
            .zip(&inverses)
            .map(|(point, inverse)| {
                let (x, y) = (point.x.mul(inverse), point.y.mul(inverse));
                let product = x.mul(&y).mul(&MINUS_D);
                Affine { x, y, product }
            })
            .collect();
        Multiples(affine.chunks_exact(ROW).map(row_of).collect())
    }

    /// A scalar, which may be a secret, times the point.
    pub fn times(&self, scalar: &Scalar) -> Point {
        let mut sum = Extended {
            x: Field::ZERO,
            y: Field::ONE,
            z: Field::ONE,
            t: Field::ZERO,
        };
        for (row, digit) in self.0.iter().zip(scalar.nibbles()) {
            sum = sum.plus(&select(row, digit));
        }
        Point {
            x: sum.x,
            y: sum.y,
            z: sum.z,
        }
    }
}

fn row_of(chunk: &[Affine]) -> [Affine; ROW] {
    std::array::from_fn(|at| chunk[at])
}

/// The digit's multiple: all of the row is read.
fn select(row: &[Affine; ROW], digit: i8) -> Affine {
    let sign = (digit >> 7) as u8;
    let size = (digit as u8 ^ sign).wrapping_sub(sign);
    let mut out = Affine::NEUTRAL;
    for (multiple, at) in row.iter().zip(1u8..) {
        out.assign(multiple, size.ct_eq(&at));
    }
    let negative = Choice::from(sign & 1);
    let (x, product) = (out.x.negate(), out.product.negate());
    out.x.conditional_assign(&x, negative);
    out.product.conditional_assign(&product, negative);
    out
}

/// Multiples of the base.
pub fn base() -> &'static Multiples {
    static BASE: OnceLock<Multiples> = OnceLock::new();
    BASE.get_or_init(|| Multiples::new(&Point::base()))
}
