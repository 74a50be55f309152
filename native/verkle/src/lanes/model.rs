//! The operations of [`super::Lanes`] in plain integers.
//!
//! **Purpose.** What the instructions are checked against, and a stand-in for them where the processor has none. With `BIASED`
//! it adds the biases of the floating-point kernel, so that their bookkeeping is tested everywhere.

use super::{Lanes, Mask, Task, LANES, MASK};
use crate::ffi::P1Affine;
use std::array::from_fn;

/// Eight lanes in an array.
#[derive(Clone, Copy)]
pub(crate) struct Model<const BIASED: bool>;

type Word = [u64; LANES];

impl<const BIASED: bool> Lanes for Model<BIASED> {
    type Word = Word;
    type Factor = Word;

    const LOW_BIAS: u64 = if BIASED { 0x433 << 52 } else { 0 };
    const HIGH_BIAS: u64 = if BIASED { 0x467 << 52 } else { 0 };

    fn enter<T: Task<Self>>(self, task: T) -> T::Output {
        task.run(self)
    }

    fn splat(self, value: u64) -> Word {
        [value; LANES]
    }

    fn load(self, from: &[u64; LANES]) -> Word {
        *from
    }

    fn store(self, word: Word) -> [u64; LANES] {
        word
    }

    fn gather(self, table: &[P1Affine], places: &[u32; LANES], index: usize) -> Word {
        places.map(|place| {
            let point = &table[place as usize];
            if index < 6 {
                point.x.l[index]
            } else {
                point.y.l[index - 6]
            }
        })
    }

    fn add(self, a: Word, b: Word) -> Word {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }

    fn sub(self, a: Word, b: Word) -> Word {
        from_fn(|i| a[i].wrapping_sub(b[i]))
    }

    fn and(self, a: Word, b: Word) -> Word {
        from_fn(|i| a[i] & b[i])
    }

    fn or(self, a: Word, b: Word) -> Word {
        from_fn(|i| a[i] | b[i])
    }

    fn shift_left(self, a: Word, count: u32) -> Word {
        a.map(|lane| lane << count)
    }

    fn shift_right(self, a: Word, count: u32) -> Word {
        a.map(|lane| lane >> count)
    }

    fn carry(self, a: Word) -> Word {
        a.map(|lane| ((lane as i64) >> 52) as u64)
    }

    fn equal(self, a: Word, b: Word) -> Mask {
        (0..LANES).fold(0, |mask, i| mask | Mask::from(a[i] == b[i]) << i)
    }

    fn negative(self, a: Word) -> Mask {
        (0..LANES).fold(0, |mask, i| mask | Mask::from((a[i] as i64) < 0) << i)
    }

    fn select(self, mask: Mask, a: Word, b: Word) -> Word {
        from_fn(|i| if mask >> i & 1 == 1 { b[i] } else { a[i] })
    }

    fn factor(self, a: Word) -> Word {
        a.map(|lane| lane & MASK)
    }

    fn low_product(self, a: Word, b: Word) -> Word {
        from_fn(|i| a[i].wrapping_mul(b[i]) & MASK)
    }

    fn add_product(self, low: Word, high: Word, a: Word, b: Word) -> (Word, Word) {
        let product = |i: usize| u128::from(a[i]) * u128::from(b[i]);
        let plus =
            |sum: u64, part: u128, bias: u64| sum.wrapping_add(part as u64).wrapping_add(bias);
        (
            from_fn(|i| plus(low[i], product(i) & u128::from(MASK), Self::LOW_BIAS)),
            from_fn(|i| plus(high[i], product(i) >> 52, Self::HIGH_BIAS)),
        )
    }
}
