//! Floats and exact decimals as text.
//!
//! A float is written with the fewest digits that give it back (PostgreSQL 12 and later, extra_float_digits 1), which are
//! Rust's too; only where the exponent shows is PostgreSQL's own: below 1e-4 and from 1e15 on.

use hyperdb_graph::codec::decimal::Decimal;
use std::fmt::Display;

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
    match special(value) {
        Some(word) => out.extend_from_slice(word),
        None => laid_out(&format!("{value:e}"), &value, 15, out),
    }
}

/// Appends a single, with the fewest digits that give that single back.
pub(crate) fn push_single(value: f32, out: &mut Vec<u8>) {
    match special(value.into()) {
        Some(word) => out.extend_from_slice(word),
        None => laid_out(&format!("{value:e}"), &value, 6, out),
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    match value {
        _ if value.is_nan() => Some(b"NaN"),
        f64::INFINITY => Some(b"Infinity"),
        f64::NEG_INFINITY => Some(b"-Infinity"),
        0.0 if value.is_sign_negative() => Some(b"-0"),
        0.0 => Some(b"0"),
        _ => None,
    }
}

/// With an exponent from 10^`widest` on and below 10^-4.
fn laid_out(scientific: &str, plain: &dyn Display, widest: i32, out: &mut Vec<u8>) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..widest).contains(&exponent) {
        return out.extend_from_slice(plain.to_string().as_bytes());
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
    push_digits(*negative, digits, usize::try_from(*scale).ok()?, out);
    Some(())
}

/// Appends a number of these digits, `scale` of them behind the point.
pub(crate) fn push_digits(negative: bool, digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    if negative {
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
}

/// Digits of a group of the binary format.
const GROUP: usize = 4;
const NEGATIVE: u16 = 0x4000;
/// Of what is no number: count, weight, sign and scale, the last as PostgreSQL has it.
const SPECIAL: [(Decimal, [u16; 4]); 3] = [
    (Decimal::NaN, [0, 0, 0xc000, 0]),
    (Decimal::Infinity, [0, 0, 0xd000, 0x20]),
    (Decimal::MinusInfinity, [0, 0, 0xf000, 0x20]),
];

/// Appends a decimal in the binary format: groups of four digits, counted from the point.
pub(super) fn send_decimal(number: &Decimal, out: &mut Vec<u8>) -> Option<()> {
    if let Some((_, words)) = SPECIAL.iter().find(|(special, _)| special == number) {
        words
            .iter()
            .for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    }
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = number
    else {
        return Some(());
    };
    push_groups(*negative, digits, usize::try_from(*scale).ok()?, out)
}

/// As [`push_digits`], in the binary format; `digits` have no leading zero. `None` if there are too many.
pub(crate) fn push_groups(
    negative: bool,
    digits: &[u8],
    scale: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    let whole = digits.len().saturating_sub(scale);
    // Zeros between the point and the first digit, and in front of the first digit of its group.
    let behind = scale.saturating_sub(digits.len());
    let (skipped, lead) = match whole {
        0 => (behind / GROUP, behind % GROUP),
        _ => (0, (GROUP - whole % GROUP) % GROUP),
    };
    let mut groups: Vec<u16> = Vec::with_capacity(digits.len() / GROUP + 2);
    let mut at = lead;
    for digit in digits {
        if groups.is_empty() || at == GROUP {
            groups.push(0);
            at %= GROUP;
        }
        let group = groups.last_mut()?;
        *group = *group * 10 + u16::from(*digit);
        at += 1;
    }
    if let Some(last) = groups.last_mut() {
        (at..GROUP).for_each(|_| *last *= 10);
    }
    let weight = match whole {
        0 => -1 - i64::try_from(skipped).ok()?,
        _ => i64::try_from(whole.div_ceil(GROUP)).ok()? - 1,
    };
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let weight = if groups.is_empty() { 0 } else { weight };
    let sign = if negative { NEGATIVE } else { 0 };
    out.extend_from_slice(&u16::try_from(groups.len()).ok()?.to_be_bytes());
    out.extend_from_slice(&i16::try_from(weight).ok()?.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&u16::try_from(scale).ok()?.to_be_bytes());
    groups
        .iter()
        .for_each(|group| out.extend_from_slice(&group.to_be_bytes()));
    Some(())
}
