//! Errors of a query: numbers from a discrete Gaussian of deviation [`DEVIATION`](crate::parameters::DEVIATION).
//!
//! **Theory.** Inversion of a table of cumulative probabilities (Peikert, "An Efficient and Parallel Gaussian Sampler for
//! Lattices", 2010, section 4.1): 63 bits choose the size of the number, one its sign. The table is exact to 2^-63; what lies
//! beyond it has a probability below 2^-63. `tests/oblivious/test_parameters.py` computes it anew with 60 digits.
//!
//! **Invariant.** Every sample compares with the whole table, so its time tells nothing.

use crate::seed::Stream;

/// `SIZES[k]` = 2^63 times the probability that a number is at most k in size, rounded.
const SIZES: [u64; 59] = [
    0x07fa95a03250f92c,
    0x17be30539febe8c4,
    0x26f0ad9d6ed2ef4f,
    0x353ccff6628a4f78,
    0x425d2e4078712c9e,
    0x4e1fecc7357ed7b0,
    0x58685c9a11dca355,
    0x612e838742ad3abb,
    0x687cd7259248791f,
    0x6e6ca9b545fbce62,
    0x7321e15c77ccb268,
    0x76c690bc595a5e1b,
    0x7986efd4a4ec9094,
    0x7b8e0de3546cfd86,
    0x7d0369c6477df558,
    0x7e0976a467d9e792,
    0x7ebcf407bed31ef0,
    0x7f34edb88312c300,
    0x7f83305a74fb91b3,
    0x7fb501cf0c923ff3,
    0x7fd3f47a156bde77,
    0x7fe6b778e322e20c,
    0x7ff1d0fcc299fcac,
    0x7ff8398520ed2eea,
    0x7ffbd5d415e7d919,
    0x7ffdd20ab1f9d99c,
    0x7ffee2bbd417e933,
    0x7fff7185e2d47855,
    0x7fffba7cfd7fc99b,
    0x7fffdedfcaaee4fc,
    0x7ffff094d18139be,
    0x7ffff8fd99b04027,
    0x7ffffce35227ff8f,
    0x7ffffea6918ba8b0,
    0x7fffff6dbc5f3c37,
    0x7fffffc385addd02,
    0x7fffffe794d29314,
    0x7ffffff65f6d428f,
    0x7ffffffc4b39a64d,
    0x7ffffffe9b5f78b5,
    0x7fffffff7d1de1f4,
    0x7fffffffd119e425,
    0x7fffffffef97b653,
    0x7ffffffffa655a2c,
    0x7ffffffffe219941,
    0x7fffffffff644173,
    0x7fffffffffce803b,
    0x7ffffffffff0a44d,
    0x7ffffffffffb591a,
    0x7ffffffffffe9fdd,
    0x7fffffffffff9a5b,
    0x7fffffffffffe35c,
    0x7ffffffffffff81f,
    0x7ffffffffffffde2,
    0x7fffffffffffff72,
    0x7fffffffffffffdc,
    0x7ffffffffffffff7,
    0x7ffffffffffffffe,
    0x7fffffffffffffff,
];

/// The next error, modulo 2^32.
pub(crate) fn sample(stream: &mut Stream) -> u32 {
    let bits = stream.next();
    let (uniform, sign) = (bits >> 1, (bits & 1) as u32);
    let size = SIZES
        .iter()
        .map(|&bound| u32::from(uniform >= bound))
        .sum::<u32>();
    // With the sign set this is two's complement of the size.
    (size ^ sign.wrapping_neg()).wrapping_add(sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::DEVIATION;
    use crate::seed::Seed;

    fn density(k: usize) -> f64 {
        (-((k * k) as f64) / (2.0 * DEVIATION * DEVIATION)).exp()
    }

    #[test]
    fn the_table_is_that_of_the_distribution() {
        let total = 1.0 + 2.0 * (1..200).map(density).sum::<f64>();
        let mut below = 0.0;
        for (k, &bound) in SIZES.iter().enumerate() {
            below += density(k) * if k == 0 { 1.0 } else { 2.0 };
            let expected = below / total;
            let is = bound as f64 / 2f64.powi(63);
            assert!((is - expected).abs() < 1e-12, "{k}: {is} is not {expected}");
        }
    }

    #[test]
    fn samples_have_its_moments() {
        let mut stream = Stream::new(&Seed([3; 32]));
        let count = 200_000;
        let samples: Vec<f64> = (0..count)
            .map(|_| f64::from(sample(&mut stream) as i32))
            .collect();
        let moment =
            |power: i32| samples.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(count);
        let variance = DEVIATION * DEVIATION;
        // Ten deviations of each estimate.
        assert!(moment(1).abs() < 10.0 * DEVIATION / f64::from(count).sqrt());
        assert!((moment(2) / variance - 1.0).abs() < 10.0 * (2.0 / f64::from(count)).sqrt());
        assert!(
            (moment(4) / (3.0 * variance * variance) - 1.0).abs()
                < 10.0 * (11.0 / f64::from(count)).sqrt()
        );
    }
}
