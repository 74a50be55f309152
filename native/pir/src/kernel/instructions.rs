//! Vectors of AVX2 and AVX-512: one of the two files of this crate with `unsafe`.
//!
//! **Safety.** Every intrinsic works on registers, or on memory behind a reference whose bounds are asserted beside it, and needs
//! only that the processor has it: values of these types are made by `detect` alone, which asks the processor. What each must
//! compute is in `model.rs`; the tests compare them wherever the processor has them, and so does every process before it uses one.
#![allow(unsafe_code)]

use super::digits::{self, Group, Words};
use super::vector::{Dots, Task};
use super::Sums;
use crate::matrix::{Block, GROUP, TILE_ROWS};
use std::arch::x86_64::*;

/// Eight rows a vector.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Sixteen rows a vector.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// Sixteen rows a vector, products of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Vnni(());

impl Avx2 {
    /// If the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Avx512 {
    /// If the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        there.then_some(Self(()))
    }
}

impl Vnni {
    /// If the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512vnni");
        Avx512::detect().filter(|_| there).map(|_| Self(()))
    }
}

/// Calls a task through a function that is compiled for the features.
macro_rules! enter {
    ($features:literal) => {
        #[inline(always)]
        fn enter<T: Task<Self>>(self, task: T) -> T::Output {
            #[inline(never)]
            #[target_feature(enable = $features)]
            fn compiled<D, T: Task<D>>(dots: D, task: T) -> T::Output {
                task.run(dots)
            }
            // SAFETY: `self` shows that the processor has the features.
            unsafe { compiled(self, task) }
        }
    };
}

/// Where the bytes of rows begin.
#[inline(always)]
fn bytes_from(block: &Block, row: usize, rows: usize) -> *const u8 {
    assert!(row + rows <= TILE_ROWS, "rows lie within a block");
    block.0[row * GROUP..].as_ptr()
}

/// How many bytes ahead memory is asked for: a scan's instructions fill the processor's window before its memory is busy.
const AHEAD: usize = 4096;

/// Asks for the lines that hold so many bytes, some blocks behind `from`.
#[inline(always)]
fn prefetch(from: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: part of every x86-64; a prefetch reads nothing and cannot fail, wherever the address lies.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(AHEAD + line).cast()) };
    }
}

/// Where the sums of rows begin.
#[inline(always)]
fn sums_from(sums: &mut Sums, row: usize, rows: usize) -> *mut u32 {
    assert!(row + rows <= TILE_ROWS, "rows lie within a tile");
    sums[row..].as_mut_ptr()
}

impl Dots for Avx2 {
    const ROWS: usize = 8;
    /// Even bytes, odd bytes.
    type Bytes = [__m256i; 2];
    /// Both digits put together at each step: there are too few registers for two sums.
    type Sum = __m256i;

    enter!("avx2");

    fn words(numbers: Group) -> Words {
        digits::pairs(numbers)
    }

    #[inline(always)]
    fn zero(self) -> __m256i {
        // SAFETY: AVX2, which `self` shows.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn load(self, block: &Block, row: usize) -> [__m256i; 2] {
        let from = bytes_from(block, row, Self::ROWS);
        prefetch(from, Self::ROWS * GROUP);
        // SAFETY: AVX2, which `self` shows; eight rows of four bytes lie behind `from`.
        unsafe {
            let bytes = _mm256_loadu_si256(from.cast());
            [
                _mm256_and_si256(bytes, _mm256_set1_epi16(0xff)),
                _mm256_srli_epi16::<8>(bytes),
            ]
        }
    }

    #[inline(always)]
    fn add(self, sum: __m256i, [even, odd]: [__m256i; 2], words: Words) -> __m256i {
        // SAFETY: AVX2, which `self` shows.
        unsafe {
            let even_low = _mm256_set1_epi32(words[0] as i32);
            let odd_low = _mm256_set1_epi32(words[1] as i32);
            let even_high = _mm256_set1_epi32(words[2] as i32);
            let odd_high = _mm256_set1_epi32(words[3] as i32);
            let low = _mm256_add_epi32(
                _mm256_madd_epi16(even, even_low),
                _mm256_madd_epi16(odd, odd_low),
            );
            let high = _mm256_add_epi32(
                _mm256_madd_epi16(even, even_high),
                _mm256_madd_epi16(odd, odd_high),
            );
            _mm256_add_epi32(sum, _mm256_add_epi32(low, _mm256_slli_epi32::<16>(high)))
        }
    }

    #[inline(always)]
    fn finish(self, sum: __m256i, sums: &mut Sums, row: usize) {
        let to: *mut __m256i = sums_from(sums, row, Self::ROWS).cast();
        // SAFETY: AVX2, which `self` shows; eight numbers lie behind `to`.
        unsafe { _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sum)) };
    }
}

impl Dots for Avx512 {
    const ROWS: usize = 16;
    /// Even bytes, odd bytes.
    type Bytes = [__m512i; 2];
    /// Of low digits, of high digits.
    type Sum = [__m512i; 2];

    enter!("avx512f,avx512bw");

    fn words(numbers: Group) -> Words {
        digits::pairs(numbers)
    }

    #[inline(always)]
    fn zero(self) -> [__m512i; 2] {
        // SAFETY: AVX-512F, which `self` shows.
        unsafe { [_mm512_setzero_si512(); 2] }
    }

    #[inline(always)]
    fn load(self, block: &Block, row: usize) -> [__m512i; 2] {
        let from = bytes_from(block, row, Self::ROWS);
        prefetch(from, Self::ROWS * GROUP);
        // SAFETY: AVX-512BW, which `self` shows; sixteen rows of four bytes lie behind `from`.
        unsafe {
            let bytes = _mm512_loadu_si512(from.cast());
            [
                _mm512_and_si512(bytes, _mm512_set1_epi16(0xff)),
                _mm512_srli_epi16::<8>(bytes),
            ]
        }
    }

    #[inline(always)]
    fn add(
        self,
        [low, high]: [__m512i; 2],
        [even, odd]: [__m512i; 2],
        words: Words,
    ) -> [__m512i; 2] {
        // SAFETY: AVX-512BW, which `self` shows.
        unsafe {
            let even_low = _mm512_set1_epi32(words[0] as i32);
            let odd_low = _mm512_set1_epi32(words[1] as i32);
            let even_high = _mm512_set1_epi32(words[2] as i32);
            let odd_high = _mm512_set1_epi32(words[3] as i32);
            let low = _mm512_add_epi32(low, _mm512_madd_epi16(even, even_low));
            let high = _mm512_add_epi32(high, _mm512_madd_epi16(even, even_high));
            [
                _mm512_add_epi32(low, _mm512_madd_epi16(odd, odd_low)),
                _mm512_add_epi32(high, _mm512_madd_epi16(odd, odd_high)),
            ]
        }
    }

    #[inline(always)]
    fn finish(self, [low, high]: [__m512i; 2], sums: &mut Sums, row: usize) {
        let to: *mut __m512i = sums_from(sums, row, Self::ROWS).cast();
        // SAFETY: AVX-512F, which `self` shows; sixteen numbers lie behind `to`.
        unsafe {
            let sum = _mm512_add_epi32(low, _mm512_slli_epi32::<16>(high));
            _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), sum));
        }
    }
}

impl Dots for Vnni {
    const ROWS: usize = 16;
    type Bytes = __m512i;
    /// One of each digit.
    type Sum = [__m512i; 4];

    enter!("avx512f,avx512bw,avx512vnni");

    fn words(numbers: Group) -> Words {
        digits::bytes(numbers)
    }

    #[inline(always)]
    fn zero(self) -> [__m512i; 4] {
        // SAFETY: AVX-512F, which `self` shows.
        unsafe { [_mm512_setzero_si512(); 4] }
    }

    #[inline(always)]
    fn load(self, block: &Block, row: usize) -> __m512i {
        let from = bytes_from(block, row, Self::ROWS);
        prefetch(from, Self::ROWS * GROUP);
        // SAFETY: AVX-512F, which `self` shows; sixteen rows of four bytes lie behind `from`.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    fn add(
        self,
        [one, two, three, four]: [__m512i; 4],
        bytes: __m512i,
        words: Words,
    ) -> [__m512i; 4] {
        // SAFETY: AVX-512 VNNI, which `self` shows.
        unsafe {
            [
                _mm512_dpbusd_epi32(one, bytes, _mm512_set1_epi32(words[0] as i32)),
                _mm512_dpbusd_epi32(two, bytes, _mm512_set1_epi32(words[1] as i32)),
                _mm512_dpbusd_epi32(three, bytes, _mm512_set1_epi32(words[2] as i32)),
                _mm512_dpbusd_epi32(four, bytes, _mm512_set1_epi32(words[3] as i32)),
            ]
        }
    }

    #[inline(always)]
    fn finish(self, [one, two, three, four]: [__m512i; 4], sums: &mut Sums, row: usize) {
        let to: *mut __m512i = sums_from(sums, row, Self::ROWS).cast();
        // SAFETY: AVX-512F, which `self` shows; sixteen numbers lie behind `to`.
        unsafe {
            let low = _mm512_add_epi32(one, _mm512_slli_epi32::<8>(two));
            let high = _mm512_add_epi32(three, _mm512_slli_epi32::<8>(four));
            let sum = _mm512_add_epi32(low, _mm512_slli_epi32::<16>(high));
            _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), sum));
        }
    }
}
