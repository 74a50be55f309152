//! Points of G1: commitments, openings, and their encodings.
//!
//! **Invariant.** A [`Point`] from [`Point::from_compressed`] lies on the curve and in the subgroup of order r, from exactly one
//! encoding (threat: non-canonical points). The form of node records, [`Point::from_stored`], is checked for the curve only:
//! it comes from our own disk, under a checksum.

use crate::ffi::{self, P1Affine, P1};
use crate::scalar::Scalar;
use std::fmt;

/// A point in affine form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point(pub(crate) P1Affine);

/// A point in projective form: sums are cheap, comparison is not.
#[derive(Clone, Copy)]
pub struct Sum(pub(crate) P1);

impl Point {
    /// The neutral element: the commitment to 64 zeros.
    pub fn infinity() -> Self {
        Point(P1Affine::default())
    }

    /// The generator.
    pub fn generator() -> Self {
        Point(ffi::p1_generator())
    }

    /// From 48 bytes that somebody else sent; `None` if they are not the one encoding of a point of the subgroup.
    /// Infinity is let through: who must not have it refuses it.
    pub fn from_compressed(bytes: &[u8; 48]) -> Option<Self> {
        let point = Self::from_compressed_unchecked(bytes)?;
        point.in_subgroup().then_some(point)
    }

    /// As [`Point::from_compressed`] without the subgroup check, for those who check many together with
    /// [`Point::in_subgroup`].
    pub fn from_compressed_unchecked(bytes: &[u8; 48]) -> Option<Self> {
        let point = Point(ffi::p1_uncompress(bytes)?);
        (ffi::p1_compress(&point.0) == *bytes).then_some(point)
    }

    /// Whether it is in the subgroup of order r.
    pub fn in_subgroup(&self) -> bool {
        ffi::p1_in_subgroup(&self.0)
    }

    /// 48 bytes.
    pub fn to_compressed(&self) -> [u8; 48] {
        ffi::p1_compress(&self.0)
    }

    /// From a node record; `None` if it is not the one such form of a point of the curve.
    pub fn from_stored(bytes: &[u8; 96]) -> Option<Self> {
        // The library takes a compressed point in the first half, whatever lies behind it.
        let point = Point(ffi::p1_deserialize(bytes)?);
        (point.to_stored() == *bytes).then_some(point)
    }

    /// 96 bytes, for a node record.
    pub fn to_stored(&self) -> [u8; 96] {
        ffi::p1_serialize(&self.0)
    }

    /// Whether it is the neutral element.
    #[inline]
    pub fn is_infinity(&self) -> bool {
        ffi::p1_is_infinity(&self.0)
    }

    /// -self.
    #[must_use]
    pub fn negate(&self) -> Self {
        Point(ffi::p1_negate(&self.0))
    }

    /// self * scalar.
    pub fn times(&self, scalar: Scalar) -> Sum {
        Sum(ffi::p1_mul(&self.0, &scalar.to_raw()))
    }
}

/// The compressed form of a point of a node record, by its bytes alone; `None` for what is not finite.
pub(crate) fn compressed_of_stored(stored: &[u8; 96]) -> Option<[u8; 48]> {
    /// (p - 1) / 2, big endian.
    const HALF: [u64; 6] = [
        0x0d00_88f5_1cbf_f34d,
        0x258d_d3db_21a5_d66b,
        0xb23b_a5c2_79c2_895f,
        0xb398_6950_7b58_7b12,
        0x0f55_ffff_58a9_ffff,
        0xdcff_7fff_ffff_d555,
    ];
    const SORT: u8 = 0x80;
    const GREATER: u8 = 0x20;
    let (x, y) = stored.split_at(48);
    let mut out: [u8; 48] = x.try_into().ok()?;
    if out[0] & 0xe0 != 0 {
        return None;
    }
    let halves = y.chunks_exact(8).zip(HALF);
    let mut order = halves.map(|(word, half)| word.cmp(&half.to_be_bytes()[..]));
    let greater = order.find(|order| order.is_ne()) == Some(std::cmp::Ordering::Greater);
    out[0] |= SORT | if greater { GREATER } else { 0 };
    Some(out)
}

impl Sum {
    /// The neutral element.
    pub fn zero() -> Self {
        Sum(P1::default())
    }

    /// self + point.
    #[must_use]
    pub fn plus(&self, point: &Point) -> Self {
        Sum(ffi::p1_add_affine(&self.0, &point.0))
    }

    /// self + other.
    #[must_use]
    pub fn plus_sum(&self, other: &Sum) -> Self {
        Sum(ffi::p1_add(&self.0, &other.0))
    }

    /// In affine form (one inversion).
    pub fn to_point(&self) -> Point {
        Point(ffi::p1_to_affine(&self.0))
    }
}

impl From<Point> for Sum {
    fn from(point: Point) -> Self {
        Sum(ffi::p1_from_affine(&point.0))
    }
}

/// Sum of scalars times points, of slices of one length. Points at infinity count for nothing.
pub fn msm(points: &[Point], scalars: &[Scalar]) -> Sum {
    let kept = || {
        points
            .iter()
            .zip(scalars)
            .filter(|(point, scalar)| !point.is_infinity() && !scalar.is_zero())
    };
    let points: Vec<_> = kept().map(|(point, _)| point.0).collect();
    let scalars: Vec<_> = kept().map(|(_, scalar)| scalar.to_raw()).collect();
    Sum(ffi::p1_msm(&points, &scalars))
}

/// As [`msm`], by at most so many threads, if there is enough to share.
pub(crate) fn msm_shared(points: &[Point], scalars: &[Scalar], threads: usize) -> Sum {
    const SHARE: usize = 256;
    let threads = threads.clamp(1, points.len().div_ceil(SHARE).max(1));
    if threads == 1 {
        return msm(points, scalars);
    }
    let size = points.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = points
            .chunks(size)
            .zip(scalars.chunks(size))
            .map(|(points, scalars)| scope.spawn(move || msm(points, scalars)))
            .collect();
        let mut sum = Sum::zero();
        for part in parts {
            match part.join() {
                Ok(part) => sum = sum.plus_sum(&part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sum
    })
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Point(")?;
        for byte in self.to_compressed() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_points_have_one_form() {
        for point in [Point::generator(), Point::infinity()] {
            assert_eq!(Point::from_stored(&point.to_stored()), Some(point));
            let mut compressed = [9; 96];
            compressed[..48].copy_from_slice(&point.to_compressed());
            assert_eq!(Point::from_stored(&compressed), None);
        }
    }

    #[test]
    fn stored_points_are_compressed_by_their_bytes() {
        for n in 1..200u64 {
            let point = Point::generator().times(Scalar::from(n * n)).to_point();
            for point in [point, point.negate()] {
                let compressed = compressed_of_stored(&point.to_stored());
                assert_eq!(compressed, Some(point.to_compressed()));
            }
        }
        assert_eq!(compressed_of_stored(&Point::infinity().to_stored()), None);
    }

    #[test]
    fn a_shared_sum_is_the_same() {
        let scalars: Vec<Scalar> = (1..700u64).map(Scalar::from).collect();
        let points: Vec<Point> = scalars
            .iter()
            .map(|scalar| Point::generator().times(*scalar).to_point())
            .collect();
        let alone = msm(&points, &scalars).to_point();
        assert_eq!(msm_shared(&points, &scalars, 3).to_point(), alone);
        let squares = scalars
            .iter()
            .map(|n| *n * *n)
            .fold(Scalar::ZERO, |sum, n| sum + n);
        assert_eq!(Point::generator().times(squares).to_point(), alone);
    }
}
