//! 80-bit extended floating point, in software.
//!
//! **Purpose.** INCRBYFLOAT and HINCRBYFLOAT of Redis work in C's `long double` and write `%.17Lf` without
//! trailing zeros: 3.0 + 0.1 gives `3.1`, where doubles would give 3.10000000000000009. Clients see that, and
//! Rust has no such type.
//!
//! **Theory.** A finite number is `mantissa * 2^exponent` with the top bit of the 64-bit mantissa set. Decimal
//! text becomes an exact integer times a power of ten; the power of five is multiplied in, or divided out with
//! a note whether anything was left over; then one rounding, to nearest, ties to even, as IEEE 754 asks.
//!
//! **Invariant.** Every operation rounds once, so results equal those of the x87 unit (subnormals excepted:
//! they all print as 0).

/// One extended-precision number; never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Zero,
    /// `mantissa * 2^exponent`, top bit of the mantissa set.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

/// Exponents of the least significant bit of the largest and of the smallest number.
const MAX_EXPONENT: i32 = 16_384 - 64;
const MIN_EXPONENT: i32 = -16_445 - 63;
/// Longest text that Redis reads (`MAX_LONG_DOUBLE_CHARS`).
const MAX_TEXT: usize = 5 * 1024;

impl Extended {
    /// Reads the whole of `text` as `strtold` would; `None` for rubbish, NaN, overflow, underflow to zero.
    pub fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() >= MAX_TEXT {
            return None;
        }
        let (negative, body) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let magnitude =
            if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
                Magnitude::Infinite
            } else if let [b'0', b'x' | b'X', rest @ ..] = body {
                parse_hexadecimal(rest)?
            } else {
                parse_decimal(body)?
            };
        Some(Extended {
            negative,
            magnitude,
        })
    }

    /// Whether it is a number one can count with.
    pub fn is_finite(&self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// The sum; `None` where it is no finite number.
    pub fn add(&self, other: &Extended) -> Option<Extended> {
        use Magnitude::{Finite, Infinite, Zero};
        let ((am, ae), (bm, be)) = match (self.magnitude, other.magnitude) {
            (Infinite, _) | (_, Infinite) => return None,
            (Zero, _) => return Some(*other),
            (_, Zero) => return Some(*self),
            (
                Finite {
                    mantissa: am,
                    exponent: ae,
                },
                Finite {
                    mantissa: bm,
                    exponent: be,
                },
            ) => ((am, ae), (bm, be)),
        };
        let ((high, high_negative, exponent), (low, low_negative, low_exponent)) =
            if (ae, am) >= (be, bm) {
                ((am, self.negative, ae), (bm, other.negative, be))
            } else {
                ((bm, other.negative, be), (am, self.negative, ae))
            };
        // 63 guard bits below the larger number; what falls below them is remembered in the lowest one.
        let distance = (exponent - low_exponent) as u32;
        let wide = u128::from(high) << 63;
        let aligned = if distance <= 63 {
            u128::from(low) << (63 - distance)
        } else {
            let shift = distance - 63;
            let kept = u128::from(low).checked_shr(shift).unwrap_or(0);
            let lost = shift >= 64 || u128::from(low) & ((1 << shift) - 1) != 0;
            kept | u128::from(lost)
        };
        let sum = if high_negative == low_negative {
            wide + aligned
        } else {
            wide - aligned
        };
        let magnitude = round_u128(sum, exponent - 63, false)?;
        let negative = high_negative && magnitude != Zero;
        Some(Extended {
            negative,
            magnitude,
        })
    }

    /// As `%.17Lf` without trailing zeros; zero has no sign.
    pub fn text(&self) -> String {
        let body = match self.magnitude {
            Magnitude::Zero => return "0".to_owned(),
            Magnitude::Infinite => "inf".to_owned(),
            Magnitude::Finite { mantissa, exponent } if exponent >= 0 => {
                let mut whole = Big::from(u128::from(mantissa));
                whole.shift_left(exponent as usize);
                whole.decimal()
            }
            Magnitude::Finite { mantissa, exponent } => fraction_text(mantissa, exponent),
        };
        if self.negative && body != "0" {
            format!("-{body}")
        } else {
            body
        }
    }

    /// The nearest double; `None` if that is infinite while this is not, or zero while this is not.
    pub fn to_f64(&self) -> Option<f64> {
        let value = match self.magnitude {
            Magnitude::Zero => 0.0,
            Magnitude::Infinite => f64::INFINITY,
            Magnitude::Finite { mantissa, exponent } => {
                // In two steps, since a power of two below the smallest double would be zero.
                let half = exponent / 2;
                let value = mantissa as f64 * 2f64.powi(half) * 2f64.powi(exponent - half);
                if value.is_infinite() || value == 0.0 {
                    return None;
                }
                value
            }
        };
        Some(if self.negative { -value } else { value })
    }

    /// The nearest double; where that is infinite or zero while this is not, the smallest one or infinity of its sign.
    pub fn clamped(&self) -> f64 {
        let value = match self.magnitude {
            Magnitude::Zero => 0.0,
            Magnitude::Finite { exponent, .. } if exponent < 0 => {
                return self
                    .to_f64()
                    .unwrap_or(f64::MIN_POSITIVE.copysign(if self.negative { -1.0 } else { 1.0 }));
            }
            Magnitude::Infinite | Magnitude::Finite { .. } => f64::INFINITY,
        };
        if self.negative {
            -value
        } else {
            value
        }
    }
}

/// `mantissa * 2^exponent` with a negative exponent: 17 decimals, ties to even.
fn fraction_text(mantissa: u64, exponent: i32) -> String {
    const SCALE: u128 = 100_000_000_000_000_000;
    let shift = exponent.unsigned_abs();
    let scaled = u128::from(mantissa) * SCALE;
    let units = if shift >= 128 {
        0
    } else {
        let kept = scaled >> shift;
        let rest = scaled & ((1u128 << shift) - 1);
        let half = 1u128 << (shift - 1);
        kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
    };
    let text = format!("{}.{:017}", units / SCALE, units % SCALE);
    super::numbers::trim_fraction(&text).to_owned()
}

/// Rounds `value * 2^exponent` (`sticky`: and a little more) to 64 bits; `None` when out of range.
fn round_u128(value: u128, exponent: i32, sticky: bool) -> Option<Magnitude> {
    if value == 0 {
        return if sticky { None } else { Some(Magnitude::Zero) };
    }
    let excess = 64 - value.leading_zeros() as i32;
    let (mut mantissa, mut exponent) = if excess <= 0 {
        ((value as u64) << -excess, exponent + excess)
    } else {
        let kept = (value >> excess) as u64;
        let rest = value & ((1u128 << excess) - 1);
        let half = 1u128 << (excess - 1);
        let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
        match kept.checked_add(u64::from(up)) {
            Some(mantissa) => (mantissa, exponent + excess),
            None => (1 << 63, exponent + excess + 1),
        }
    };
    if mantissa >> 63 == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    (MIN_EXPONENT..=MAX_EXPONENT)
        .contains(&exponent)
        .then_some(Magnitude::Finite { mantissa, exponent })
}

/// Digits around an optional point, and what follows them; `None` without a digit.
fn split_digits(text: &[u8], digit: fn(&u8) -> bool) -> Option<(Vec<u8>, i64, &[u8])> {
    let whole = text.iter().take_while(|b| digit(b)).count();
    let mut digits = text[..whole].to_vec();
    let mut rest = &text[whole..];
    let mut decimals = 0;
    if let [b'.', after @ ..] = rest {
        let count = after.iter().take_while(|b| digit(b)).count();
        digits.extend_from_slice(&after[..count]);
        decimals = count as i64;
        rest = &after[count..];
    }
    (!digits.is_empty()).then_some((digits, decimals, rest))
}

/// An exponent after its letter: the number, kept within a million; `Some(0)` for no text at all.
fn parse_exponent(text: &[u8], letter: u8) -> Option<i64> {
    let [first, rest @ ..] = text else {
        return Some(0);
    };
    if !first.eq_ignore_ascii_case(&letter) {
        return None;
    }
    let (sign, digits) = match rest {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        _ => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0i64, |acc, b| {
        (acc * 10 + i64::from(b - b'0')).min(1_000_000)
    });
    Some(sign * size)
}

fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let (digits, decimals, rest) = split_digits(text, u8::is_ascii_digit)?;
    let exponent = parse_exponent(rest, b'e')? - decimals;
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    let digits = &digits[zeros..];
    if digits.is_empty() {
        return Some(Magnitude::Zero);
    }
    // Beyond these powers of ten nothing is finite, or nothing is left; within them the work is bounded.
    let scale = digits.len() as i64 + exponent;
    if !(-4_970..=4_940).contains(&scale) {
        return None;
    }
    let mut value = Big::default();
    for chunk in digits.chunks(9) {
        let number = chunk
            .iter()
            .fold(0u32, |acc, b| acc * 10 + u32::from(b - b'0'));
        value.multiply_add(10u32.pow(chunk.len() as u32), number);
    }
    const FIVES: u32 = 13;
    let mut sticky = false;
    let mut binary = exponent as i32;
    let mut left = exponent.unsigned_abs() as u32;
    if exponent < 0 {
        // Enough bits before the division that 66 are there after it; log2(5) < 2.33.
        let wanted = 66 + (left as usize * 233).div_ceil(100);
        let shift = wanted.saturating_sub(value.bits());
        value.shift_left(shift);
        binary -= shift as i32;
    }
    while left > 0 {
        let step = left.min(FIVES);
        let power = 5u32.pow(step);
        if exponent < 0 {
            sticky |= value.divide(power) != 0;
        } else {
            value.multiply_add(power, 0);
        }
        left -= step;
    }
    value.round(binary, sticky)
}

fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let (digits, decimals, rest) = split_digits(text, u8::is_ascii_hexdigit)?;
    let exponent = parse_exponent(rest, b'p')? - 4 * decimals;
    let mut value = Big::default();
    for digit in digits {
        value.multiply_add(16, (digit as char).to_digit(16)?);
    }
    value.round(exponent.clamp(-100_000, 100_000) as i32, false)
}

/// A natural number of any size, least significant limb first, without leading zero limbs.
#[derive(Default)]
struct Big {
    limbs: Vec<u32>,
}

impl From<u128> for Big {
    fn from(mut value: u128) -> Self {
        let mut limbs = Vec::new();
        while value != 0 {
            limbs.push(value as u32);
            value >>= 32;
        }
        Big { limbs }
    }
}

impl Big {
    fn bits(&self) -> usize {
        match self.limbs.last() {
            Some(top) => 32 * self.limbs.len() - top.leading_zeros() as usize,
            None => 0,
        }
    }

    fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for limb in &mut self.limbs {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// Divides in place; the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for limb in self.limbs.iter_mut().rev() {
            let value = (rest << 32) | u64::from(*limb);
            *limb = (value / u64::from(divisor)) as u32;
            rest = value % u64::from(divisor);
        }
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        rest as u32
    }

    fn shift_left(&mut self, bits: usize) {
        for _ in 0..bits / 30 {
            self.multiply_add(1 << 30, 0);
        }
        self.multiply_add(1 << (bits % 30), 0);
    }

    /// `self * 2^exponent`, rounded; `sticky`: and a little more.
    fn round(&self, exponent: i32, sticky: bool) -> Option<Magnitude> {
        let top: Vec<u32> = self.limbs.iter().rev().take(4).copied().collect();
        let below = &self.limbs[..self.limbs.len() - top.len()];
        let value = top
            .iter()
            .fold(0u128, |acc, l| (acc << 32) | u128::from(*l));
        let lost = sticky || below.iter().any(|limb| *limb != 0);
        // With 97 bits or more there is room for the note in the lowest bit.
        let value = if value.leading_zeros() < 32 {
            value | u128::from(lost)
        } else {
            value
        };
        round_u128(value, exponent + 32 * below.len() as i32, lost)
    }

    fn decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.limbs.is_empty() {
            groups.push(self.divide(1_000_000_000));
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let a = Extended::parse(a.as_bytes())?;
        let b = Extended::parse(b.as_bytes())?;
        Some(a.add(&b)?.text())
    }

    #[test]
    fn sums_are_those_of_redis() {
        // Right sides as Redis 7.0.15 on x86-64 replied to `SET k a`, `INCRBYFLOAT k b`.
        for (a, b, expected) in [
            ("3.0", "0.1", "3.1"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("0.1", "0.2", "0.3"),
            ("1", "-1", "0"),
            ("-1", "0.5", "-0.5"),
            ("0", "0.00000000000000000001", "0"),
            ("0", "-0.00000000000000000001", "0"),
            ("17179869184", "1.5", "17179869185.5"),
            ("1e20", "1", "100000000000000000000"),
            ("36893488147419103232", "1", "36893488147419103232"),
        ] {
            assert_eq!(sum(a, b).unwrap(), expected, "{a} + {b}");
        }
    }

    #[test]
    fn large_numbers_print_in_full() {
        let text = Extended::parse(b"1e30").unwrap().text();
        assert_eq!(text, "1000000000000000000024696061952");
    }

    #[test]
    fn rubbish_and_what_leaves_the_range_is_refused() {
        for text in [
            "", "-", ".", "1e", "1e+", "abc", "1 ", " 1", "nan", "1e5000", "1e-5000", "0x", "1ee5",
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(!Extended::parse(b"-inf").unwrap().is_finite());
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1.1e4932", "1.1e4932"), None);
    }

    #[test]
    fn doubles_agree_with_the_standard_library_where_they_are_exact() {
        for text in ["0x1.8p3", "1.5", "-2.25", "1e22", "0.5", "123456789.125"] {
            let ours = Extended::parse(text.as_bytes()).unwrap().to_f64().unwrap();
            if let Ok(theirs) = text.parse::<f64>() {
                assert_eq!(ours, theirs);
            } else {
                assert_eq!(ours, 12.0);
            }
        }
    }
}
