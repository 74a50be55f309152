//! Every call into blst, and nothing else: the one place of this crate with `unsafe`.
//!
//! **Purpose.** Safe functions over blst's low-level C interface for Fr, Fp, G1, G2 and the pairing.
//!
//! **Safety.** blst's functions read and write only through the pointers given, of the types given, and keep none of them. Each
//! wrapper passes references to initialised values of those types (all are plain arrays of integers, for which every bit
//! pattern is a value), and lengths that belong to the slices passed. Input and output may be the same value by blst's
//! documentation; we never make use of it. Checked against Python's integers and py_ecc by the tests above this layer.
#![allow(unsafe_code)]

use blst::*;
pub use blst::{
    blst_fp as Fp, blst_fr as Fr, blst_p1 as P1, blst_p1_affine as P1Affine,
    blst_p2_affine as P2Affine, blst_scalar as RawScalar,
};

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident($kind:ty) = $call:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(a: &$kind, b: &$kind) -> $kind {
            let mut out = <$kind>::default();
            // SAFETY: three valid references of the type that the function takes.
            unsafe { $call(&mut out, a, b) };
            out
        }
    )*};
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident($from:ty) -> $to:ty = $call:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(a: &$from) -> $to {
            let mut out = <$to>::default();
            // SAFETY: two valid references of the types that the function takes.
            unsafe { $call(&mut out, a) };
            out
        }
    )*};
}

binary! {
    /// a + b in Fr.
    fr_add(Fr) = blst_fr_add;
    /// a - b in Fr.
    fr_sub(Fr) = blst_fr_sub;
    /// a * b in Fr.
    fr_mul(Fr) = blst_fr_mul;
    /// a - b in Fp; the yardstick of `field`.
    #[cfg(test)]
    fp_sub(Fp) = blst_fp_sub;
    /// a * b in Fp.
    fp_mul(Fp) = blst_fp_mul;
    /// a + b in G1, whatever they are.
    p1_add(P1) = blst_p1_add_or_double;
}

unary! {
    /// 1 / a in Fr; 0 for 0.
    fr_inverse(Fr) -> Fr = blst_fr_eucl_inverse;
    /// Montgomery form of a scalar below r.
    fr_from_scalar(RawScalar) -> Fr = blst_fr_from_scalar;
    /// Canonical scalar.
    scalar_from_fr(Fr) -> RawScalar = blst_scalar_from_fr;
    /// a * a in Fp.
    fp_sqr(Fp) -> Fp = blst_fp_sqr;
    /// 1 / a in Fp; 0 for 0.
    fp_inverse(Fp) -> Fp = blst_fp_eucl_inverse;
    /// 2 a in G1.
    p1_double(P1) -> P1 = blst_p1_double;
    /// To projective coordinates.
    p1_from_affine(P1Affine) -> P1 = blst_p1_from_affine;
    /// To affine coordinates (one inversion).
    p1_to_affine(P1) -> P1Affine = blst_p1_to_affine;
}

/// a + b in G1, b affine, whatever they are.
#[inline]
pub fn p1_add_affine(a: &P1, b: &P1Affine) -> P1 {
    let mut out = P1::default();
    // SAFETY: three valid references of the types that the function takes.
    unsafe { blst_p1_add_or_double_affine(&mut out, a, b) };
    out
}

/// To affine coordinates, all by one inversion.
pub fn p1s_to_affine(points: &[P1]) -> Vec<P1Affine> {
    let mut out = vec![P1Affine::default(); points.len()];
    let list = [points.as_ptr(), std::ptr::null()];
    if !points.is_empty() {
        // SAFETY: a list in blst's "contiguous" form, a pointer to the first of as many neighbours as there is room for, then null.
        unsafe { blst_p1s_to_affine(out.as_mut_ptr(), list.as_ptr(), points.len()) };
    }
    out
}

/// -a in Fr if `negate`.
#[inline]
pub fn fr_negate(a: &Fr) -> Fr {
    let mut out = Fr::default();
    // SAFETY: two valid references of the type that the function takes.
    unsafe { blst_fr_cneg(&mut out, a, true) };
    out
}

/// -a in Fp.
#[inline]
pub fn fp_negate(a: &Fp) -> Fp {
    let mut out = Fp::default();
    // SAFETY: two valid references of the type that the function takes.
    unsafe { blst_fp_cneg(&mut out, a, true) };
    out
}

/// A number of any length, big endian, reduced mod r.
pub fn fr_reduce(bytes: &[u8]) -> Fr {
    let mut scalar = RawScalar::default();
    // SAFETY: the length is the slice's.
    unsafe { blst_scalar_from_be_bytes(&mut scalar, bytes.as_ptr(), bytes.len()) };
    fr_from_scalar(&scalar)
}

/// 32 bytes big endian; `None` if not below r.
pub fn fr_from_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    let mut scalar = RawScalar::default();
    // SAFETY: the function reads 32 bytes.
    unsafe { blst_scalar_from_bendian(&mut scalar, bytes.as_ptr()) };
    // SAFETY: a valid reference.
    unsafe { blst_scalar_fr_check(&scalar) }.then(|| fr_from_scalar(&scalar))
}

/// 32 bytes big endian.
pub fn fr_to_bytes(a: &Fr) -> [u8; 32] {
    let scalar = scalar_from_fr(a);
    let mut out = [0; 32];
    // SAFETY: the function writes 32 bytes.
    unsafe { blst_bendian_from_scalar(out.as_mut_ptr(), &scalar) };
    out
}

/// Fr of a small number.
pub fn fr_from_u64(n: u64) -> Fr {
    let mut out = Fr::default();
    // SAFETY: the function reads four words.
    unsafe { blst_fr_from_uint64(&mut out, [n, 0, 0, 0].as_ptr()) };
    out
}

/// The point of a compressed form: a point of the curve (perhaps outside the subgroup), or `None`.
pub fn p1_uncompress(bytes: &[u8; 48]) -> Option<P1Affine> {
    let mut out = P1Affine::default();
    // SAFETY: the function reads 48 bytes.
    let error = unsafe { blst_p1_uncompress(&mut out, bytes.as_ptr()) };
    (error == BLST_ERROR::BLST_SUCCESS).then_some(out)
}

/// Compressed form.
pub fn p1_compress(point: &P1Affine) -> [u8; 48] {
    let mut out = [0; 48];
    // SAFETY: the function writes 48 bytes.
    unsafe { blst_p1_affine_compress(out.as_mut_ptr(), point) };
    out
}

/// The point of an uncompressed form: a point of the curve (perhaps outside the subgroup), or `None`.
pub fn p1_deserialize(bytes: &[u8; 96]) -> Option<P1Affine> {
    let mut out = P1Affine::default();
    // SAFETY: the function reads 96 bytes at most.
    let error = unsafe { blst_p1_deserialize(&mut out, bytes.as_ptr()) };
    (error == BLST_ERROR::BLST_SUCCESS).then_some(out)
}

/// Uncompressed form.
pub fn p1_serialize(point: &P1Affine) -> [u8; 96] {
    let mut out = [0; 96];
    // SAFETY: the function writes 96 bytes.
    unsafe { blst_p1_affine_serialize(out.as_mut_ptr(), point) };
    out
}

/// Whether it is in the subgroup of order r.
pub fn p1_in_subgroup(point: &P1Affine) -> bool {
    // SAFETY: a valid reference.
    unsafe { blst_p1_affine_in_g1(point) }
}

/// Whether it is the point at infinity.
#[inline]
pub fn p1_is_infinity(point: &P1Affine) -> bool {
    // SAFETY: a valid reference.
    unsafe { blst_p1_affine_is_inf(point) }
}

/// -point.
pub fn p1_negate(point: &P1Affine) -> P1Affine {
    P1Affine {
        x: point.x,
        y: fp_negate(&point.y),
    }
}

/// (factor * x, -y): what the endomorphism makes of a point, if `factor` is its root of unity.
pub fn p1_image(point: &P1, factor: &Fp) -> P1 {
    P1 {
        x: fp_mul(&point.x, factor),
        y: fp_negate(&point.y),
        z: point.z,
    }
}

/// The generator of G1.
pub fn p1_generator() -> P1Affine {
    // SAFETY: points to a constant of the library.
    unsafe { *blst_p1_affine_generator() }
}

/// scalar * point.
pub fn p1_mul(point: &P1Affine, scalar: &RawScalar) -> P1 {
    let mut out = P1::default();
    let base = p1_from_affine(point);
    // SAFETY: valid references; the scalar has the 255 bits (32 bytes, little endian) that are read.
    unsafe { blst_p1_mult(&mut out, &base, scalar.b.as_ptr(), 255) };
    out
}

/// Sum of scalars times points (Pippenger); slices of the same length, no point at infinity.
pub fn p1_msm(points: &[P1Affine], scalars: &[RawScalar]) -> P1 {
    let count = points.len().min(scalars.len());
    let mut out = P1::default();
    if count == 0 {
        return out;
    }
    let point_list = [points.as_ptr(), std::ptr::null()];
    let scalar_list = [scalars.as_ptr().cast::<u8>(), std::ptr::null()];
    // SAFETY: lists in blst's "contiguous" form: a pointer to the first of `count` neighbours, then null; scratch of the size
    // that the library asks for.
    unsafe {
        let words = blst_p1s_mult_pippenger_scratch_sizeof(count) / 8 + 1;
        let mut scratch = vec![0u64; words];
        blst_p1s_mult_pippenger(
            &mut out,
            point_list.as_ptr(),
            count,
            scalar_list.as_ptr(),
            255,
            scratch.as_mut_ptr(),
        );
    }
    out
}

/// The point of G2 of a compressed form, in the subgroup; or `None`.
pub fn p2_uncompress(bytes: &[u8; 96]) -> Option<P2Affine> {
    let mut out = P2Affine::default();
    // SAFETY: the function reads 96 bytes.
    let error = unsafe { blst_p2_uncompress(&mut out, bytes.as_ptr()) };
    // SAFETY: a valid reference.
    (error == BLST_ERROR::BLST_SUCCESS && unsafe { blst_p2_affine_in_g2(&out) }).then_some(out)
}

/// The generator of G2.
pub fn p2_generator() -> P2Affine {
    // SAFETY: points to a constant of the library.
    unsafe { *blst_p2_affine_generator() }
}

/// The lines of Miller's loop for a point of G2: what a pairing with it needs, computed once.
pub struct Lines(Box<[blst_fp6; 68]>);

/// The lines of a point, not infinity.
pub fn p2_lines(point: &P2Affine) -> Lines {
    let mut out = Box::new([blst_fp6::default(); 68]);
    // SAFETY: the function writes 68 values by the library's description, and reads a valid reference.
    unsafe { blst_precompute_lines(out.as_mut_ptr(), point) };
    Lines(out)
}

/// A pairing before its final power.
pub struct Miller(blst_fp12);

/// Of a point of G1 with the point of these lines; infinity pairs to one.
pub fn miller(point: &P1Affine, lines: &Lines) -> Miller {
    let mut out = blst_fp12::default();
    if !p1_is_infinity(point) {
        // SAFETY: valid references, and 68 lines.
        unsafe { blst_miller_loop_lines(&mut out, lines.0.as_ptr(), point) };
    }
    Miller(out)
}

/// Whether two pairings are the same after their final powers.
pub fn is_same_pairing(left: &Miller, right: &Miller) -> bool {
    // SAFETY: valid references of the types that the function takes.
    unsafe { blst_fp12_finalverify(&left.0, &right.0) }
}

/// 1 in Fp.
pub fn fp_one() -> Fp {
    let mut out = Fp::default();
    // SAFETY: the function reads six words.
    unsafe { blst_fp_from_uint64(&mut out, [1, 0, 0, 0, 0, 0].as_ptr()) };
    out
}

/// Montgomery form of 48 bytes big endian.
pub fn fp_from_bytes(bytes: &[u8; 48]) -> Fp {
    let mut out = Fp::default();
    // SAFETY: the function reads 48 bytes.
    unsafe { blst_fp_from_bendian(&mut out, bytes.as_ptr()) };
    out
}
