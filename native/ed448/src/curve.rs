//! Points of edwards448.
//!
//! **Theory.** Formulas of RFC 8032, section 5.2.4. d = -39081 is no square, so the addition is complete. Points are decoded wherever they
//! lie on the curve; whoever needs one of the group of prime order asks [`Point::is_in_prime_group`].
//!
//! **Invariant.** No step of adding, doubling, negating and encoding depends on the point. Decoding is variable in time.

use crate::field::Field;
use crate::scalar::Scalar;
use crate::sum::sum;
use subtle::{Choice, ConditionallySelectable};
use zeroize::DefaultIsZeroes;

/// Bytes of an encoded point.
pub const POINT: usize = 57;
/// -d.
pub(crate) const MINUS_D: Field = Field([39_081, 0, 0, 0, 0, 0, 0, 0]);
/// The base point, encoded: y, little endian, and the parity of x.
const BASE: [u8; POINT] = [
    0x14, 0xfa, 0x30, 0xf2, 0x5b, 0x79, 0x08, 0x98, 0xad, 0xc8, 0xd7, 0x4e, 0x2c, 0x13, 0xbd, 0xfd,
    0xc4, 0x39, 0x7c, 0xe6, 0x1c, 0xff, 0xd3, 0x3a, 0xd7, 0xc2, 0xa0, 0x05, 0x1e, 0x9c, 0x78, 0x87,
    0x40, 0x98, 0xa3, 0x6c, 0x73, 0x73, 0xea, 0x4b, 0x62, 0xc7, 0xc9, 0x56, 0x37, 0x20, 0x76, 0x88,
    0x24, 0xbc, 0xb6, 0x6e, 0x71, 0x46, 0x3f, 0x69, 0x00,
];

/// A point in projective coordinates.
#[derive(Clone, Copy)]
pub struct Point {
    pub(crate) x: Field,
    pub(crate) y: Field,
    pub(crate) z: Field,
}

impl Default for Point {
    fn default() -> Self {
        Point::NEUTRAL
    }
}

impl DefaultIsZeroes for Point {}

impl std::fmt::Debug for Point {
    /// Nothing of the point: it may be a secret.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Point(..)")
    }
}

impl PartialEq for Point {
    /// Variable in time.
    fn eq(&self, other: &Point) -> bool {
        let same = |own: &Field, theirs: &Field| {
            let difference = own.mul(&other.z).sub(&theirs.mul(&self.z));
            bool::from(difference.is_zero())
        };
        same(&self.x, &other.x) && same(&self.y, &other.y)
    }
}

impl Eq for Point {}

impl Point {
    /// Nothing: added to a point it is that point.
    pub const NEUTRAL: Point = Point {
        x: Field::ZERO,
        y: Field::ONE,
        z: Field::ONE,
    };

    /// From y and the parity of x (5.2.3); `None` if there is no such point, or the bytes are another form of one.
    pub fn decode(bytes: &[u8; POINT]) -> Option<Point> {
        let y = Field::from_bytes(bytes.first_chunk()?)?;
        let (odd, spare) = (bytes[56] >> 7, bytes[56] & 0x7f);
        if spare != 0 {
            return None;
        }
        // x^2 = u / v. A root, if there is one, is u^3 v (u^5 v^3)^((p - 3) / 4).
        let square = y.square();
        let u = square.sub(&Field::ONE);
        let v = square.mul(&MINUS_D).negate().sub(&Field::ONE);
        let cube = u.square().mul(&u).mul(&v);
        let power = cube.mul(&u.square()).mul(&v.square()).root_power();
        let x = cube.mul(&power);
        let is_root = bool::from(x.square().mul(&v).sub(&u).is_zero());
        if !is_root || (bool::from(x.is_zero()) && odd == 1) {
            return None;
        }
        let flip = x.is_odd() ^ Choice::from(odd);
        let x = Field::conditional_select(&x, &x.negate(), flip);
        Some(Point {
            x,
            y,
            z: Field::ONE,
        })
    }

    /// The base point.
    pub fn base() -> Point {
        Point::decode(&BASE).unwrap_or(Point::NEUTRAL)
    }

    /// 57 bytes; [`encode_all`] is faster for many.
    pub fn encode(&self) -> [u8; POINT] {
        self.encoded(&self.z.invert())
    }

    fn encoded(&self, inverse: &Field) -> [u8; POINT] {
        let mut out = [0; POINT];
        out[..56].copy_from_slice(&self.y.mul(inverse).to_bytes());
        out[56] = self.x.mul(inverse).is_odd().unwrap_u8() << 7;
        out
    }

    /// Whether it is the neutral point. Variable in time.
    pub fn is_neutral(&self) -> bool {
        bool::from(self.x.is_zero() & self.y.sub(&self.z).is_zero())
    }

    /// Whether it is a multiple of the base: L times it is the neutral point. Variable in time.
    pub fn is_in_prime_group(&self) -> bool {
        sum(&[(-Scalar::ONE, *self)]) == self.negate()
    }

    /// What added to it is the neutral point.
    pub fn negate(&self) -> Point {
        Point {
            x: self.x.negate(),
            ..*self
        }
    }

    /// The sum of both.
    pub fn add(&self, other: &Point) -> Point {
        let a = self.z.mul(&other.z);
        let b = a.square();
        let c = self.x.mul(&other.x);
        let d = self.y.mul(&other.y);
        let e = c.mul(&d).mul(&MINUS_D);
        let (f, g) = (b.add(&e), b.sub(&e));
        let sums = self.x.add(&self.y).mul(&other.x.add(&other.y));
        let h = sums.sub(&c).sub(&d);
        Point {
            x: a.mul(&f).mul(&h),
            y: a.mul(&g).mul(&d.sub(&c)),
            z: f.mul(&g),
        }
    }

    /// Twice the point.
    pub fn double(&self) -> Point {
        let b = self.x.add(&self.y).square();
        let c = self.x.square();
        let d = self.y.square();
        let e = c.add(&d);
        let h = self.z.square();
        let j = e.sub(&h).sub(&h);
        Point {
            x: b.sub(&e).mul(&j),
            y: e.mul(&c.sub(&d)),
            z: e.mul(&j),
        }
    }

    /// Four times the point: whatever it was, one of the group of prime order.
    pub fn times_four(&self) -> Point {
        self.double().double()
    }
}

/// The inverses of z of all points, for the price of one and three products each (Montgomery 1987).
pub(crate) fn inverses(points: &[Point]) -> Vec<Field> {
    let mut product = Field::ONE;
    let mut out: Vec<Field> = points
        .iter()
        .map(|point| {
            let before = product;
            product = product.mul(&point.z);
            before
        })
        .collect();
    // No z is zero: the addition is complete.
    let mut rest = product.invert();
    for (out, point) in out.iter_mut().zip(points).rev() {
        *out = out.mul(&rest);
        rest = rest.mul(&point.z);
    }
    out
}

/// All points as bytes.
pub fn encode_all(points: &[Point]) -> Vec<[u8; POINT]> {
    let inverses = inverses(points);
    let both = points.iter().zip(&inverses);
    both.map(|(point, inverse)| point.encoded(inverse))
        .collect()
}
