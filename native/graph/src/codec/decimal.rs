//! Exact decimal numbers of any size: SQL's numeric, CQL's decimal.
//!
//! ```text
//! stored    class u8; a number: scale i32 LE (digits behind the point), then digits, two a byte, high nibble first,
//!           no leading zero digit, filled up with 0xF
//! ```
//! **Invariant.** The scale is kept (1.50 stays 1.50) and does not count in comparisons and keys (1.50 = 1.5).

use super::Reader;

/// A number, or what SQL calls one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// Below every number.
    MinusInfinity,
    /// `+-digits * 10^-scale`; digits are 0..=9, without leading zeros, none for zero.
    Finite {
        /// Whether it is below zero.
        negative: bool,
        /// Digits behind the point; negative: zeros before it.
        scale: i32,
        /// The digits.
        digits: Vec<u8>,
    },
    /// Above every number.
    Infinity,
    /// Not a number: equal to itself, above all others, as PostgreSQL has it.
    NaN,
}

/// First bytes, stored and in keys: their order is the order of the numbers.
pub(crate) mod class {
    pub const MINUS_INFINITY: u8 = 0x10;
    pub const NEGATIVE: u8 = 0x20;
    pub const ZERO: u8 = 0x30;
    pub const POSITIVE: u8 = 0x40;
    pub const INFINITY: u8 = 0x50;
    pub const NAN: u8 = 0x60;
}

const FILL: u8 = 0xf;

impl Decimal {
    /// A number from its parts; leading zeros go, zero is not negative. `None` if a digit is above 9.
    pub fn new(negative: bool, scale: i32, digits: &[u8]) -> Option<Decimal> {
        if digits.iter().any(|digit| *digit > 9) {
            return None;
        }
        let first = digits.iter().position(|digit| *digit != 0);
        let digits = first.map_or(&[][..], |first| &digits[first..]).to_vec();
        Some(Decimal::Finite {
            negative: negative && !digits.is_empty(),
            scale,
            digits,
        })
    }

    pub(crate) fn class(&self) -> u8 {
        match self {
            Decimal::MinusInfinity => class::MINUS_INFINITY,
            Decimal::Finite { digits, .. } if digits.is_empty() => class::ZERO,
            Decimal::Finite { negative: true, .. } => class::NEGATIVE,
            Decimal::Finite { .. } => class::POSITIVE,
            Decimal::Infinity => class::INFINITY,
            Decimal::NaN => class::NAN,
        }
    }

    /// Appends the stored form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class());
        if let Decimal::Finite { scale, digits, .. } = self {
            out.extend_from_slice(&scale.to_le_bytes());
            for pair in digits.chunks(2) {
                out.push((pair[0] << 4) | pair.get(1).copied().unwrap_or(FILL));
            }
        }
    }

    /// Back from the stored form; `None` if malformed.
    pub fn decode(bytes: &[u8]) -> Option<Decimal> {
        let mut reader = Reader(bytes);
        let class = reader.byte()?;
        let special = match class {
            class::MINUS_INFINITY => Some(Decimal::MinusInfinity),
            class::INFINITY => Some(Decimal::Infinity),
            class::NAN => Some(Decimal::NaN),
            class::NEGATIVE | class::ZERO | class::POSITIVE => None,
            _ => return None,
        };
        if let Some(special) = special {
            return reader.end(special);
        }
        let scale = i32::from_le_bytes(reader.array()?);
        let mut digits = Vec::with_capacity(2 * reader.0.len());
        for (i, byte) in reader.0.iter().enumerate() {
            digits.push(byte >> 4);
            if byte & 0xf != FILL {
                digits.push(byte & 0xf);
            } else if i + 1 != reader.0.len() {
                return None;
            }
        }
        if digits.first() == Some(&0) {
            return None;
        }
        let number = Decimal::new(class == class::NEGATIVE, scale, &digits)?;
        (number.class() == class).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stored_form_comes_back(
            negative: bool,
            scale: i32,
            digits in proptest::collection::vec(0u8..10, 0..40),
        ) {
            let number = Decimal::new(negative, scale, &digits);
            let mut bytes = Vec::new();
            if let Some(number) = &number {
                number.encode(&mut bytes);
            }
            prop_assert_eq!(Decimal::decode(&bytes), number);
        }

        #[test]
        fn what_is_accepted_is_the_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Some(number) = Decimal::decode(&bytes) {
                let mut again = Vec::new();
                number.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
