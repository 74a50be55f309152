//! The operations of [`super::Lanes`] as AVX-512 instructions: the one place of the lanes with `unsafe`.
//!
//! **Safety.** Every intrinsic but [`gather`](Lanes::gather)'s works on registers or on references, and needs only
//! that the processor has it: a value of [`Ifma`] or [`Fused`] is made by `detect` alone, which asks the processor. What each
//! must compute is in `Model`; the tests compare them on every processor that has them.
#![allow(unsafe_code)]

use super::{Lanes, Mask, Task, LANES, MASK};
use crate::ffi::P1Affine;
use std::arch::x86_64::*;

/// 2^52 and 2^104 as doubles: their bits, and what adding them to a whole number leaves above its 52 bits.
const UNIT: f64 = (1u64 << 52) as f64;
const HUGE: f64 = UNIT * UNIT;

/// AVX-512 with multiplication of 52-bit integers.
#[derive(Clone, Copy)]
pub(crate) struct Ifma(());

/// AVX-512 alone: the halves of a product by fused multiply-adds of doubles.
#[derive(Clone, Copy)]
pub(crate) struct Fused(());

impl Ifma {
    /// If the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
        there.then_some(Self(()))
    }
}

impl Fused {
    /// If the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

/// What both kernels share.
macro_rules! common {
    ($features:literal) => {
        type Word = __m512i;

        #[inline(always)]
        fn enter<T: Task<Self>>(self, task: T) -> T::Output {
            #[inline(never)]
            #[target_feature(enable = $features)]
            fn compiled<L, T: Task<L>>(lanes: L, task: T) -> T::Output {
                task.run(lanes)
            }
            // SAFETY: `self` shows that the processor has the features.
            unsafe { compiled(self, task) }
        }

        #[inline(always)]
        fn splat(self, value: u64) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_set1_epi64(value as i64) }
        }

        #[inline(always)]
        fn load(self, from: &[u64; LANES]) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows; 64 bytes behind the reference, of any alignment.
            unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
        }

        #[inline(always)]
        fn store(self, word: __m512i) -> [u64; LANES] {
            let mut out = [0; LANES];
            // SAFETY: AVX-512F, which `self` shows; 64 bytes behind the reference, of any alignment.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), word) };
            out
        }

        #[inline(always)]
        fn gather(self, table: &[P1Affine], places: &[u32; LANES], index: usize) -> __m512i {
            let words = places.map(|place| 12 * i64::from(place) + index as i64);
            let within = |place: &u32| (*place as usize) < table.len();
            assert!(places.iter().all(within) && index < 12, "no such point");
            // SAFETY: AVX-512F, which `self` shows; a point is twelve words without padding, so by the line above each of the
            // eight words lies in the table, at eight bytes times its index.
            unsafe {
                let words = _mm512_loadu_si512(words.as_ptr().cast());
                _mm512_i64gather_epi64::<8>(words, table.as_ptr().cast())
            }
        }

        #[inline(always)]
        fn add(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_add_epi64(a, b) }
        }

        #[inline(always)]
        fn sub(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_sub_epi64(a, b) }
        }

        #[inline(always)]
        fn and(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_and_si512(a, b) }
        }

        #[inline(always)]
        fn or(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_or_si512(a, b) }
        }

        #[inline(always)]
        fn shift_left(self, a: __m512i, count: u32) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_sllv_epi64(a, _mm512_set1_epi64(i64::from(count))) }
        }

        #[inline(always)]
        fn shift_right(self, a: __m512i, count: u32) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_srlv_epi64(a, _mm512_set1_epi64(i64::from(count))) }
        }

        #[inline(always)]
        fn carry(self, a: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_srai_epi64::<52>(a) }
        }

        #[inline(always)]
        fn equal(self, a: __m512i, b: __m512i) -> Mask {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_cmpeq_epi64_mask(a, b) }
        }

        #[inline(always)]
        fn negative(self, a: __m512i) -> Mask {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_cmplt_epi64_mask(a, _mm512_setzero_si512()) }
        }

        #[inline(always)]
        fn select(self, mask: Mask, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: AVX-512F, which `self` shows.
            unsafe { _mm512_mask_blend_epi64(mask, a, b) }
        }
    };
}

impl Lanes for Ifma {
    common!("avx512f,avx512ifma");

    type Factor = __m512i;
    const LOW_BIAS: u64 = 0;
    const HIGH_BIAS: u64 = 0;

    #[inline(always)]
    fn factor(self, a: __m512i) -> __m512i {
        // The multiplication itself looks at 52 bits only.
        a
    }

    #[inline(always)]
    fn low_product(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512F and IFMA, which `self` shows.
        unsafe { _mm512_madd52lo_epu64(_mm512_setzero_si512(), a, b) }
    }

    #[inline(always)]
    fn add_product(
        self,
        low: __m512i,
        high: __m512i,
        a: __m512i,
        b: __m512i,
    ) -> (__m512i, __m512i) {
        // SAFETY: IFMA, which `self` shows.
        unsafe {
            (
                _mm512_madd52lo_epu64(low, a, b),
                _mm512_madd52hi_epu64(high, a, b),
            )
        }
    }
}

/// 2^104 + floor(a b / 2^52) 2^52, and 2^52 + a b mod 2^52, both exact: the first by rounding towards zero where a unit of the
/// last place is 2^52, the second since it has 53 bits.
///
/// # Safety
/// The processor has AVX-512F.
#[inline(always)]
unsafe fn halves(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    const TOWARDS_ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
    // SAFETY: the caller's.
    unsafe {
        let high = _mm512_fmadd_round_pd::<TOWARDS_ZERO>(a, b, _mm512_set1_pd(HUGE));
        let rest = _mm512_sub_pd(_mm512_set1_pd(HUGE + UNIT), high);
        (high, _mm512_fmadd_pd(a, b, rest))
    }
}

impl Lanes for Fused {
    common!("avx512f");

    type Factor = __m512d;
    const LOW_BIAS: u64 = UNIT.to_bits();
    const HIGH_BIAS: u64 = HUGE.to_bits();

    #[inline(always)]
    fn factor(self, a: __m512i) -> __m512d {
        // SAFETY: AVX-512F, which `self` shows.
        unsafe {
            let low = _mm512_and_si512(a, _mm512_set1_epi64(MASK as i64));
            let above = _mm512_or_si512(low, _mm512_set1_epi64(UNIT.to_bits() as i64));
            _mm512_sub_pd(_mm512_castsi512_pd(above), _mm512_set1_pd(UNIT))
        }
    }

    #[inline(always)]
    fn low_product(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: AVX-512F, which `self` shows.
        unsafe { _mm512_sub_pd(halves(a, b).1, _mm512_set1_pd(UNIT)) }
    }

    #[inline(always)]
    fn add_product(
        self,
        low: __m512i,
        high: __m512i,
        a: __m512d,
        b: __m512d,
    ) -> (__m512i, __m512i) {
        // SAFETY: AVX-512F, which `self` shows.
        unsafe {
            let (top, rest) = halves(a, b);
            (
                _mm512_add_epi64(low, _mm512_castpd_si512(rest)),
                _mm512_add_epi64(high, _mm512_castpd_si512(top)),
            )
        }
    }
}

#[cfg(test)]
#[path = "kernel_tests.rs"]
mod tests;
