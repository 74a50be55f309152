//! Points of edwards448.
//!
//! **Theory.** Formulas of RFC 8032, section 5.2.4. d = -39081 is no square, so the addition is complete.

use super::field::Field;
use super::scalar::{Scalar, DIGITS};
use std::sync::OnceLock;

/// -d.
const MINUS_D: Field = Field([39_081, 0, 0, 0, 0, 0, 0, 0]);
/// The base point, encoded: y, little endian, and the parity of x.
const BASE: [u8; 57] = [
    0x14, 0xfa, 0x30, 0xf2, 0x5b, 0x79, 0x08, 0x98, 0xad, 0xc8, 0xd7, 0x4e, 0x2c, 0x13, 0xbd, 0xfd,
    0xc4, 0x39, 0x7c, 0xe6, 0x1c, 0xff, 0xd3, 0x3a, 0xd7, 0xc2, 0xa0, 0x05, 0x1e, 0x9c, 0x78, 0x87,
    0x40, 0x98, 0xa3, 0x6c, 0x73, 0x73, 0xea, 0x4b, 0x62, 0xc7, 0xc9, 0x56, 0x37, 0x20, 0x76, 0x88,
    0x24, 0xbc, 0xb6, 0x6e, 0x71, 0x46, 0x3f, 0x69, 0x00,
];
/// Width of the digits for a point that comes once.
const WIDTH: u32 = 5;
/// For the base, whose table is kept.
const BASE_WIDTH: u32 = 9;

/// A point in projective coordinates.
#[derive(Clone, Copy)]
pub(super) struct Point {
    x: Field,
    y: Field,
    z: Field,
}

impl Point {
    const NEUTRAL: Point = Point {
        x: Field::ZERO,
        y: Field::ONE,
        z: Field::ONE,
    };

    /// From y and the parity of x (5.2.3); `None` if there is no such point, or the bytes are another form of one.
    pub(super) fn decode(bytes: &[u8; 57]) -> Option<Point> {
        let y = Field::from_bytes(bytes.first_chunk()?)?;
        let (odd, spare) = (bytes[56] >> 7, bytes[56] & 0x7f);
        if spare != 0 {
            return None;
        }
        // x^2 = u / v. A root, if there is one, is u^3 v (u^5 v^3)^((p - 3) / 4).
        let square = y.square();
        let u = square.sub(&Field::ONE);
        let v = Field::ZERO.sub(&square.mul(&MINUS_D)).sub(&Field::ONE);
        let cube = u.square().mul(&u).mul(&v);
        let power = cube.mul(&u.square()).mul(&v.square()).root_power();
        let x = cube.mul(&power);
        if !x.square().mul(&v).sub(&u).is_zero() || (x.is_zero() && odd == 1) {
            return None;
        }
        let flip = x.canonical()[0] & 1 != u64::from(odd);
        let x = if flip { Field::ZERO.sub(&x) } else { x };
        Some(Point {
            x,
            y,
            z: Field::ONE,
        })
    }

    pub(super) fn is_neutral(&self) -> bool {
        self.x.is_zero() && self.y.sub(&self.z).is_zero()
    }

    pub(super) fn negate(&self) -> Point {
        Point {
            x: Field::ZERO.sub(&self.x),
            ..*self
        }
    }

    pub(super) fn equals(&self, other: &Point) -> bool {
        let same = |own: &Field, theirs: &Field| {
            let difference = own.mul(&other.z).sub(&theirs.mul(&self.z));
            difference.is_zero()
        };
        same(&self.x, &other.x) && same(&self.y, &other.y)
    }

    fn add(&self, other: &Point) -> Point {
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

    fn double(&self) -> Point {
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

    /// 1, 3, 5, ... times the point.
    fn odd_multiples(&self, width: u32) -> Vec<Point> {
        let twice = self.double();
        let count = 1 << (width - 2);
        std::iter::successors(Some(*self), |point| Some(point.add(&twice)))
            .take(count)
            .collect()
    }
}

/// Odd multiples of the base.
fn of_base() -> &'static [Point] {
    static MULTIPLES: OnceLock<Vec<Point>> = OnceLock::new();
    MULTIPLES.get_or_init(|| {
        let base = Point::decode(&BASE).unwrap_or(Point::NEUTRAL);
        base.odd_multiples(BASE_WIDTH)
    })
}

/// m times the base plus n times a point.
pub(super) fn sum_of_two(m: &Scalar, n: &Scalar, point: &Point) -> Point {
    let table = point.odd_multiples(WIDTH);
    let terms = [
        (of_base(), m.digits(BASE_WIDTH)),
        (&table[..], n.digits(WIDTH)),
    ];
    let mut sum = Point::NEUTRAL;
    for at in (0..DIGITS).rev() {
        sum = sum.double();
        for (table, digits) in &terms {
            let digit = digits[at];
            if digit != 0 {
                let multiple = table[usize::from(digit.unsigned_abs()) / 2];
                sum = sum.add(&match digit > 0 {
                    true => multiple,
                    false => multiple.negate(),
                });
            }
        }
    }
    sum
}
