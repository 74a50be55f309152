//! How many shares there are, and how many are shown.
//!
//! **Theory.** A cheat succeeds with one set of shares shown out of all: 1 / (132 choose 64) = 2^-128.07. The third parameter of the paper,
//! 67, says how many hidden shares a compressed proof keeps; here proofs are kept whole, and all 68 count.
//!
//! **Invariant.** Shares are numbered from 1: the polynomials' value at 0 is the secret.

/// Shares in all.
pub const SHARES: usize = 132;
/// Shares that are shown, and the degree of the polynomials.
pub const SHOWN: usize = 64;
/// Shares that stay encrypted.
pub const HIDDEN: usize = SHARES - SHOWN;
/// Bytes of the coins of one share.
pub(crate) const COINS: usize = 32;
/// Bytes of a challenge, and of the digest of what a proof is about.
pub(crate) const DIGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cheat_has_one_chance_in_two_to_the_128() {
        let choices = (0..SHOWN).map(|at| ((SHARES - at) as f64 / (at + 1) as f64).log2());
        let bits: f64 = choices.sum();
        assert!((128.0..128.1).contains(&bits), "{bits}");
    }
}
