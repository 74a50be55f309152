//! Eight numbers at a time: the operations that vector units have, and what each is to compute.
//!
//! **Theory.** Gueron, Krasnov, "Accelerating Big Integer Arithmetic Using Intel IFMA Extensions" (2016): numbers are cut into limbs
//! of 52 bits, and one instruction adds the low or the high half of a product of two limbs to each lane's sum. Without that
//! instruction the same halves come from two fused multiply-adds of doubles: Emmart, Zheng, Weems, "Faster modular
//! exponentiation using double precision floating point arithmetic on the GPU" (2018).
//!
//! **Invariant.** [`Model`] says in plain integers what every operation is; [`kernel`] does it by instructions, checked against the
//! model wherever the processor has them. All arithmetic above ([`wide`]) is written once over [`Lanes`], so it is tested
//! through the model on every processor.

#[cfg(target_arch = "x86_64")]
pub(crate) mod kernel;
#[cfg(test)]
pub(crate) mod model;
pub(crate) mod wide;

use crate::ffi::P1Affine;

/// Lanes of a word.
pub(crate) const LANES: usize = 8;
/// The bits of a limb.
pub(crate) const MASK: u64 = (1 << 52) - 1;

/// One bit a lane.
pub(crate) type Mask = u8;

/// Operations on eight lanes. A value of the type shows that the processor has them.
pub(crate) trait Lanes: Copy {
    /// Eight numbers of 64 bits.
    type Word: Copy;
    /// Eight numbers below 2^52, ready to be multiplied.
    type Factor: Copy;

    /// What [`Lanes::add_product`] adds to the low sum besides the product: a multiple of 2^52.
    const LOW_BIAS: u64;
    /// What it adds to the high sum besides the product: a multiple of 2^52.
    const HIGH_BIAS: u64;

    /// Runs a task that is compiled for these instructions, behind a call.
    fn enter<T: Task<Self>>(self, task: T) -> T::Output;

    /// Eight times the same number.
    fn splat(self, value: u64) -> Self::Word;
    /// From memory.
    fn load(self, from: &[u64; LANES]) -> Self::Word;
    /// To memory.
    fn store(self, word: Self::Word) -> [u64; LANES];
    /// Word `index` (0..12: x, then y) of eight points of a table.
    fn gather(self, table: &[P1Affine], places: &[u32; LANES], index: usize) -> Self::Word;

    /// a + b mod 2^64.
    fn add(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// a - b mod 2^64.
    fn sub(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// Bits of both.
    fn and(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// Bits of either.
    fn or(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// a * 2^count mod 2^64, count below 64.
    fn shift_left(self, a: Self::Word, count: u32) -> Self::Word;
    /// floor(a / 2^count), count below 64.
    fn shift_right(self, a: Self::Word, count: u32) -> Self::Word;
    /// floor(a / 2^52) of signed numbers.
    fn carry(self, a: Self::Word) -> Self::Word;
    /// Lanes in which a = b.
    fn equal(self, a: Self::Word, b: Self::Word) -> Mask;
    /// Lanes in which a is negative as a signed number.
    fn negative(self, a: Self::Word) -> Mask;
    /// b where the mask is set, else a.
    fn select(self, mask: Mask, a: Self::Word, b: Self::Word) -> Self::Word;

    /// The low 52 bits of each number.
    fn factor(self, a: Self::Word) -> Self::Factor;
    /// The low 52 bits of a * b.
    fn low_product(self, a: Self::Factor, b: Self::Factor) -> Self::Factor;
    /// low + (a * b mod 2^52) + LOW_BIAS, and high + floor(a * b / 2^52) + HIGH_BIAS.
    fn add_product(
        self,
        low: Self::Word,
        high: Self::Word,
        a: Self::Factor,
        b: Self::Factor,
    ) -> (Self::Word, Self::Word);
}

/// Work over lanes. `run` must be inlined, so that it is compiled for the instructions of whoever enters it.
pub(crate) trait Task<L> {
    type Output;
    fn run(self, lanes: L) -> Self::Output;
}
