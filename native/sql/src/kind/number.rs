//! Floats and exact decimals as text.
//!
//! A float is written with the fewest digits that give it back (PostgreSQL 12 and later, extra_float_digits 1), which are
//! Rust's too; only where the exponent shows is PostgreSQL's own: below 1e-4 and from 1e15 on.

use hyperdb_graph::codec::decimal::Decimal;

/// Digits of a decimal that is read here; longer ones take the ordinary way.
const MOST_DIGITS: usize = 1_000;

/// A finite float, spelled with digits.
pub(super) fn read_float(raw: &[u8]) -> Option<f64> {
    let is_plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e');
    if !raw.iter().all(is_plain) || !raw.last()?.is_ascii_digit() || raw.first() == Some(&b'.') {
        return None;
    }
    let value: f64 = std::str::from_utf8(raw).ok()?.parse().ok()?;
    // What became zero or infinite may be out of range, which is an error with a text.
    (value.is_normal())
        .then_some(value)
        .or_else(|| (raw == b"0").then_some(0.0))
}

/// Appends a float.
pub(super) fn push_float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        });
    }
    if value == 0.0 {
        return out.extend_from_slice(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        return out.extend_from_slice(value.to_string().as_bytes());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
}

/// A decimal spelled with digits and at most one point, rounded half away from zero to `scale` where there is a precision;
/// `None` if it does not fit that.
pub(super) fn read_decimal(raw: &[u8], precision: u16, scale: u16) -> Option<Decimal> {
    let (negative, rest) = match raw.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, raw),
    };
    let (whole, fraction) = match rest.iter().position(|byte| *byte == b'.') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    let is_short = whole.len() + fraction.len() <= MOST_DIGITS;
    if whole.is_empty() || !is_short || (fraction.is_empty() && rest.len() != whole.len()) {
        return None;
    }
    let mut digits: Vec<u8> = Vec::with_capacity(whole.len() + fraction.len() + 1);
    for byte in whole.iter().chain(fraction) {
        digits.push(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    let found = i32::try_from(fraction.len()).ok()?;
    if precision == 0 {
        return Decimal::new(negative, found, &digits);
    }
    let wanted = i32::from(scale);
    if found <= wanted {
        digits.resize(digits.len() + usize::try_from(wanted - found).ok()?, 0);
    } else {
        let gone = usize::try_from(found - wanted).ok()?;
        let kept = digits.len() - gone;
        let up = digits[kept] >= 5;
        digits.truncate(kept);
        if up {
            round_up(&mut digits);
        }
    }
    let first = digits
        .iter()
        .position(|digit| *digit != 0)
        .unwrap_or(digits.len());
    let fits = digits.len() - first <= usize::from(precision);
    fits.then(|| Decimal::new(negative, wanted, &digits))
        .flatten()
}

fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
}

/// Appends a decimal; `None` for a scale below zero, which no column of SQL has.
pub(super) fn push_decimal(number: &Decimal, out: &mut Vec<u8>) -> Option<()> {
    let word: &[u8] = match number {
        Decimal::NaN => b"NaN",
        Decimal::Infinity => b"Infinity",
        Decimal::MinusInfinity => b"-Infinity",
        Decimal::Finite { .. } => b"",
    };
    out.extend_from_slice(word);
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = number
    else {
        return Some(());
    };
    let scale = usize::try_from(*scale).ok()?;
    if *negative {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    }
    out.extend(digits[..whole].iter().map(|digit| b'0' + digit));
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend(digits[whole..].iter().map(|digit| b'0' + digit));
    }
    Some(())
}
