//! The dense encoding: 16384 registers of six bits, lowest bits first.

/// How many registers there are.
pub(super) const REGISTERS: usize = 1 << 14;
const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;
/// Bytes of all registers.
pub(super) const BYTES: usize = (REGISTERS * BITS).div_ceil(8);

/// The two bytes that a register lies in; the second is 0 behind the last one.
fn pair(body: &[u8], index: usize) -> (usize, u32, u16) {
    let bit = index * BITS;
    let (byte, shift) = (bit / 8, (bit % 8) as u32);
    let byte_at = |at: usize| body.get(at).copied().unwrap_or(0);
    let word = u16::from_le_bytes([byte_at(byte), byte_at(byte + 1)]);
    (byte, shift, word)
}

/// A register.
pub(super) fn get(body: &[u8], index: usize) -> u8 {
    let (_, shift, word) = pair(body, index);
    ((word >> shift) & MASK) as u8
}

/// Raises a register to at least `count`; whether it was lower.
pub(super) fn raise(body: &mut [u8], index: usize, count: u8) -> bool {
    if get(body, index) >= count {
        return false;
    }
    let (byte, shift, word) = pair(body, index);
    let word = (word & !(MASK << shift)) | (u16::from(count) << shift);
    for (byte, value) in body.iter_mut().skip(byte).zip(word.to_le_bytes()) {
        *byte = value;
    }
    true
}
