//! Points and multiples beside the library's.
#![allow(clippy::unwrap_used)]

use ed448_goldilocks_plus::{CompressedEdwardsY, EdwardsPoint, Scalar as Theirs};
use hyperdb_ed448::{base, encode_all, sum, Multiples, Point, Scalar, POINT, WIDE};

/// Scalars from all over, the edges too.
fn scalars() -> Vec<Scalar> {
    let mut found = vec![
        Scalar::ZERO,
        Scalar::ONE,
        Scalar::from(8),
        Scalar::from(16),
        -Scalar::ONE,
        -Scalar::from(8),
    ];
    let mut last = Scalar::reduce(&[0x5a; WIDE]);
    for _ in 0..12 {
        last = last * last + Scalar::ONE;
        found.push(last);
    }
    found
}

fn theirs(scalar: &Scalar) -> Theirs {
    Theirs::from_bytes(&scalar.to_bytes())
}

fn their_bytes(point: &EdwardsPoint) -> [u8; POINT] {
    *point.compress().as_bytes()
}

#[test]
fn multiples_are_the_librarys() {
    for scalar in scalars() {
        let expected = EdwardsPoint::GENERATOR.scalar_mul(&theirs(&scalar));
        assert_eq!(base().times(&scalar).encode(), their_bytes(&expected));
        assert_eq!(
            sum(&[(scalar, Point::base())]).encode(),
            their_bytes(&expected)
        );
        let point = base().times(&scalar);
        let again = Multiples::new(&point).times(&Scalar::from(77));
        assert_eq!(
            again.encode(),
            their_bytes(&expected.scalar_mul(&Theirs::from(77u64)))
        );
    }
}

#[test]
fn sums_are_the_librarys() {
    let scalars = scalars();
    let points: Vec<Point> = scalars.iter().map(|scalar| base().times(scalar)).collect();
    let terms: Vec<(Scalar, Point)> = scalars.iter().rev().copied().zip(points).collect();
    let expected: EdwardsPoint = scalars
        .iter()
        .rev()
        .zip(&scalars)
        .map(|(a, b)| EdwardsPoint::GENERATOR.scalar_mul(&(theirs(a) * theirs(b))))
        .sum();
    assert_eq!(sum(&terms).encode(), their_bytes(&expected));
}

#[test]
fn many_points_are_encoded_as_one_is() {
    let points: Vec<Point> = scalars()
        .iter()
        .map(|scalar| base().times(scalar))
        .collect();
    let one_by_one: Vec<[u8; POINT]> = points.iter().map(Point::encode).collect();
    assert_eq!(encode_all(&points), one_by_one);
    assert!(encode_all(&[]).is_empty());
    for (bytes, point) in one_by_one.iter().zip(&points) {
        assert_eq!(Point::decode(bytes).as_ref(), Some(point));
    }
}

#[test]
fn what_is_decoded_is_what_the_library_decodes() {
    let mut found = 0;
    for n in 0..200u8 {
        let mut bytes = base().times(&Scalar::from(u64::from(n) + 1)).encode();
        bytes[usize::from(n) % 57] ^= 1 << (n % 8);
        let own = Point::decode(&bytes);
        let other = CompressedEdwardsY(bytes).decompress_unchecked();
        let other: Option<EdwardsPoint> = other.into();
        // The library takes numbers that are not below p and signs of zero; we do not.
        let canonical = other.is_some_and(|point| their_bytes(&point) == bytes);
        assert_eq!(own.is_some(), canonical);
        if let (Some(own), Some(other)) = (own, other) {
            assert_eq!(own.encode(), their_bytes(&other));
            assert_eq!(own.is_in_prime_group(), bool::from(other.is_torsion_free()));
            found += 1;
        }
    }
    assert!(found > 50);
}

#[test]
fn points_of_order_two_and_four_are_outside_of_the_prime_group() {
    let mut minus_one = [0xff; POINT];
    minus_one[0] = 0xfe;
    minus_one[28] = 0xfe;
    minus_one[56] = 0;
    for bytes in [minus_one, [0; POINT]] {
        let torsion = Point::decode(&bytes).unwrap();
        assert!(!torsion.is_in_prime_group());
        assert!(torsion.times_four().is_neutral());
        let moved = Point::base().add(&torsion);
        assert!(!moved.is_in_prime_group());
        assert_eq!(moved.times_four(), Point::base().times_four());
    }
    assert!(Point::base().is_in_prime_group());
    assert!(Point::NEUTRAL.is_in_prime_group());
}
