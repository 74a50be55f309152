//! From elements to registers, and from registers to a number.

use super::dense::REGISTERS;

/// Bits of a hash that choose the register, and those that are counted.
const INDEX_BITS: u32 = 14;
const COUNTED_BITS: u32 = 64 - INDEX_BITS;
/// Redis's seed.
const SEED: u64 = 0xadc8_3b19;
/// 1 / (2 ln 2), as exact as a double is.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// MurmurHash64A (Appleby), little endian.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let mut k = u64::from_le_bytes(word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> R)).wrapping_mul(M);
    hash ^ (hash >> R)
}

/// An element's register, and the value that it is to have at least.
pub(super) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, SEED);
    let index = hash as usize & (REGISTERS - 1);
    // The bit set behind the counted ones ends the count.
    let counted = (hash >> INDEX_BITS) | (1 << COUNTED_BITS);
    (index, counted.trailing_zeros() as u8 + 1)
}

/// How many registers have each value.
pub(super) struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts `len` registers of a value.
    pub(super) fn add(&mut self, value: u8, len: usize) {
        self.0[usize::from(value) & 63] += len as u32;
    }

    /// The number of different elements, by Ertl's estimator.
    pub(super) fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let of = |value: usize| f64::from(self.0[value]);
        let q = COUNTED_BITS as usize;
        let mut z = m * tau((m - of(q + 1)) / m);
        for value in (1..=q).rev() {
            z += of(value);
            z *= 0.5;
        }
        z += m * sigma(of(0) / m);
        (ALPHA * m * m / z).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_appleby_s() {
        // Values of the reference implementation with seed 0.
        assert_eq!(murmur64a(b"", 0), 0);
        assert_eq!(murmur64a(b"hello", 0), 0x1e68_d17c_457b_f117);
    }
}
