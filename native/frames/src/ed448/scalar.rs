//! Numbers mod L = 2^446 - c, the order of Ed448's base point, and their digits.
//!
//! **Theory.** 2^446 = c mod L, and c has 224 bits: what lies above 446 bits is multiplied by c and added to what lies below, a few times.

use super::WORDS;

/// L in words of 64 bits, the lowest first.
const ORDER: [u64; WORDS] = [
    0x2378_c292_ab58_44f3,
    0x216c_c272_8dc5_8f55,
    0xc44e_db49_aed6_3690,
    0xffff_ffff_7cca_23e9,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0x3fff_ffff_ffff_ffff,
];
/// c = 2^446 - L.
const REST: [u64; 4] = [
    0xdc87_3d6d_54a7_bb0d,
    0xde93_3d8d_723a_70aa,
    0x3bb1_24b6_5129_c96f,
    0x0000_0000_8335_dc16,
];
/// Bits below the top of L.
const BITS: usize = 446;
/// Digits in non-adjacent form of a number below L.
pub(super) const DIGITS: usize = BITS + 1;

/// A number below L.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) [u64; WORDS]);

impl Scalar {
    /// From 57 bytes, little endian; `None` if not below L.
    pub(super) fn from_bytes(bytes: &[u8; 57]) -> Option<Scalar> {
        let words = words(bytes);
        let mut own = [0; WORDS];
        own.copy_from_slice(&words[..WORDS]);
        let below = words[WORDS..].iter().all(|word| *word == 0);
        (below && own.iter().rev().lt(ORDER.iter().rev())).then_some(Scalar(own))
    }

    /// The remainder of a number of 114 bytes, little endian.
    pub(super) fn reduce(bytes: &[u8; 114]) -> Scalar {
        let mut words = words(bytes);
        // 912 bits, then 690, 468 and 447 at most.
        for _ in 0..4 {
            words = folded(&words);
        }
        let mut own = [0; WORDS];
        own.copy_from_slice(&words[..WORDS]);
        while !own.iter().rev().lt(ORDER.iter().rev()) {
            let mut borrow = false;
            for (word, order) in own.iter_mut().zip(ORDER) {
                let (less, first) = word.overflowing_sub(order);
                let (less, second) = less.overflowing_sub(u64::from(borrow));
                (*word, borrow) = (less, first | second);
            }
        }
        Scalar(own)
    }

    /// Signed digits, odd or zero, below 2^(width - 1) in size, the lowest first; of `width` neighbours one at most is not zero.
    pub(super) fn digits(&self, width: u32) -> [i16; DIGITS] {
        let mut out = [0; DIGITS];
        let mut rest = self.0;
        let mut at = 0;
        while rest.iter().any(|word| *word != 0) {
            if rest[0] & 1 == 1 {
                let low = (rest[0] & ((1 << width) - 1)) as i16;
                let digit = if low >> (width - 1) == 1 {
                    low - (1 << width)
                } else {
                    low
                };
                out[at] = digit;
                // Less the digit: what is taken is in the lowest word, what is given back may carry.
                let (word, over) = rest[0].overflowing_add_signed(-i64::from(digit));
                rest[0] = word;
                let mut carry = u64::from(over);
                for word in &mut rest[1..] {
                    let (sum, over) = word.overflowing_add(carry);
                    (*word, carry) = (sum, u64::from(over));
                }
            }
            for place in 0..WORDS {
                let above = rest.get(place + 1).copied().unwrap_or(0);
                rest[place] = rest[place] >> 1 | above << 63;
            }
            at += 1;
        }
        out
    }
}

/// Words of 114 bytes at most.
fn words(bytes: &[u8]) -> [u64; 15] {
    let mut out = [0; 15];
    for (word, bytes) in out.iter_mut().zip(bytes.chunks(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    out
}

/// What lies below 446 bits, and c times what lies above.
fn folded(words: &[u64; 15]) -> [u64; 15] {
    const TOP: usize = BITS / 64;
    const SHIFT: usize = BITS % 64;
    let mut out = [0; 15];
    out[..=TOP].copy_from_slice(&words[..=TOP]);
    out[TOP] &= (1 << SHIFT) - 1;
    for at in TOP..15 {
        let above = words.get(at + 1).copied().unwrap_or(0);
        let high = words[at] >> SHIFT | above << (64 - SHIFT);
        let place = at - TOP;
        let mut carry = 0;
        let rest = REST.iter().chain(std::iter::repeat(&0));
        for (out, rest) in out[place..].iter_mut().zip(rest) {
            let sum = u128::from(high) * u128::from(*rest) + u128::from(*out) + u128::from(carry);
            *out = sum as u64;
            carry = (sum >> 64) as u64;
        }
    }
    out
}
