//! Numbers as Redis reads and writes them.
//!
//! **Theory.** Redis takes an integer only in the one form in which it would write it (`string2ll` in its
//! `util.c`): no sign `+`, no leading zeros, no spaces. So "is this value an integer" has one answer for
//! INCR, for encodings and for arguments. Doubles are read with `strtod`'s grammar, and refused when they
//! overflow, underflow to zero, or are not a number.

use super::extended::Extended;
use std::io::Write;

/// The longest text of an `i64`: a sign and 19 digits.
pub const I64_TEXT: usize = 20;

/// Reads a signed 64-bit integer in canonical decimal form.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // 19 digits stay below 10^19, which fits.
        magnitude = magnitude * 10 + u64::from(byte - b'0');
    }
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Writes an integer into `out` and returns its text.
#[inline]
pub fn format_i64(value: i64, out: &mut [u8; I64_TEXT]) -> &[u8] {
    let mut at = out.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        out[at] = b'-';
    }
    &out[at..]
}

/// Reads a double as `strtod` would, the whole text; `None` for overflow, underflow to zero, NaN or rubbish.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let unsigned = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    if let [b'0', b'x' | b'X', ..] = unsigned {
        return Extended::parse(text)?.to_f64();
    }
    let spelled_infinite = matches!(unsigned.first(), Some(b'i' | b'I'));
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let refused = value.is_nan()
        || (value.is_infinite() && !spelled_infinite)
        || (value == 0.0 && has_nonzero_digit(unsigned));
    (!refused).then_some(value)
}

fn has_nonzero_digit(number: &[u8]) -> bool {
    number
        .iter()
        .take_while(|b| !matches!(b, b'e' | b'E'))
        .any(|b| matches!(b, b'1'..=b'9'))
}

/// Room for the longest text of a double: a sign, 17 digits, a point, an exponent, and zeros before it.
pub const G17_TEXT: usize = 32;
/// Whole numbers up to here, which is 2^62, are written as integers.
const WHOLE: f64 = 4_611_686_018_427_387_904.0;
/// Most zeros behind the digits of a number that is not written with an exponent.
const ZEROS: i32 = 7;

/// A double in the fewest digits that give it back, laid out as Redis 7.2 lays them out; written into `out`.
///
/// Redis writes digits plainly up to seven zeros behind them, a point among them with up to six decimals (or any number when the
/// value is below 10^4 and not below 10^-3), and the rest with an exponent.
pub fn format_double(value: f64, out: &mut [u8; G17_TEXT]) -> &[u8] {
    if value.is_infinite() {
        return if value > 0.0 { b"inf" } else { b"-inf" };
    }
    if value.is_nan() {
        return b"nan";
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        };
    }
    if value.abs() <= WHOLE && value == value.trunc() {
        let mut digits = [0; I64_TEXT];
        let text = format_i64(value as i64, &mut digits);
        out[..text.len()].copy_from_slice(text);
        return &out[..text.len()];
    }
    let mut room = [0; G17_TEXT];
    let len = print(&mut room, format_args!("{:e}", value.abs()));
    let shortest = std::str::from_utf8(&room[..len]).unwrap_or_default();
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let count = (first.len() + rest.len()) as i32;
    // The value is the digits, read as a whole number, times ten to this power.
    let power = exponent - (count - 1);
    let size = exponent.abs();
    let sign = if value < 0.0 { "-" } else { "" };
    let len = if power >= 0 && size < count + ZEROS {
        let zeros = power as usize;
        print(out, format_args!("{sign}{first}{rest}{:0<zeros$}", ""))
    } else if power < 0 && (power > -ZEROS || size < 4) {
        let decimals = power.unsigned_abs() as usize;
        print(out, format_args!("{sign}{:.decimals$}", value.abs()))
    } else {
        let point = if rest.is_empty() { "" } else { "." };
        let way = if exponent < 0 { '-' } else { '+' };
        print(out, format_args!("{sign}{first}{point}{rest}e{way}{size}"))
    };
    &out[..len]
}

/// A double as C's `%.17g`, what Redis 7.0 replies for scores; written into `out`.
pub fn format_g17(value: f64, out: &mut [u8; G17_TEXT]) -> &[u8] {
    if value.is_infinite() {
        return if value > 0.0 { b"inf" } else { b"-inf" };
    }
    if value.is_nan() {
        return b"nan";
    }
    // Whole numbers of moderate size are the common scores, and need no digit generation.
    if value == value.trunc() && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive()) {
        let mut digits = [0; I64_TEXT];
        let text = format_i64(value as i64, &mut digits);
        out[..text.len()].copy_from_slice(text);
        return &out[..text.len()];
    }
    let mut scientific = [0; G17_TEXT];
    let len = print(&mut scientific, format_args!("{value:.16e}"));
    let scientific = std::str::from_utf8(&scientific[..len]).unwrap_or_default();
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let len = if (-4..17).contains(&exponent) {
        let decimals = (16 - exponent) as usize;
        let len = print(out, format_args!("{value:.decimals$}"));
        trim_fraction(std::str::from_utf8(&out[..len]).unwrap_or_default()).len()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let mantissa = trim_fraction(mantissa);
        let size = exponent.unsigned_abs();
        print(out, format_args!("{mantissa}e{sign}{size:02}"))
    };
    &out[..len]
}

/// Writes text into `out`; how many bytes it took. What does not fit is left out.
fn print(out: &mut [u8], text: std::fmt::Arguments<'_>) -> usize {
    let room = out.len();
    let mut rest = out;
    // The only failure is that it does not fit, and `G17_TEXT` holds every double.
    let _ = rest.write_fmt(text);
    room - rest.len()
}

/// Drops the zeros that end a fraction, and its point when nothing is left of it.
pub fn trim_fraction(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("-0", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
            ("1a", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_written_as_redis_7_2_writes_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (0.0, "0"),
            (-0.0, "-0"),
            (-1.5, "-1.5"),
            (1e17, "100000000000000000"),
            (4_611_686_018_427_387_904.0, "4611686018427387904"),
            (9_223_372_036_854_775_807.0, "9223372036854776000"),
            (123_456_789.123_456_79, "1.2345678912345679e+8"),
            (1_234.567_891_234_5, "1234.5678912345"),
            (12_345.123_456, "12345.123456"),
            (12_345.123_456_7, "1.23451234567e+4"),
            (3e20, "3e+20"),
            (1.5e300, "1.5e+300"),
            (-1e-7, "-1e-7"),
            (0.000_012_34, "1.234e-5"),
            (0.001_234_567_89, "0.00123456789"),
            (0.000_1, "0.0001"),
            (f64::INFINITY, "inf"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ] {
            let mut out = [0; G17_TEXT];
            let written = format_double(value, &mut out);
            assert_eq!(String::from_utf8_lossy(written), text);
        }
    }

    #[test]
    fn integers_come_back() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            let mut out = [0; I64_TEXT];
            assert_eq!(format_i64(value, &mut out), value.to_string().as_bytes());
        }
    }

    #[test]
    fn doubles_are_read_as_strtod_does() {
        for (text, value) in [
            ("1.5", Some(1.5)),
            ("+1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("0x10", Some(16.0)),
            ("-0x1.8p1", Some(-3.0)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("0e10", Some(0.0)),
            ("nan", None),
            ("1e400", None),
            ("1e-400", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("1e", None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_written_as_percent_17_g() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.10000000000000001"),
            (3.1, "3.1000000000000001"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (-0.000_123_456_789_012_345_67, "-0.00012345678901234567"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (-5e-324, "-4.9406564584124654e-324"),
            (12_345.678_9, "12345.678900000001"),
            (f64::INFINITY, "inf"),
        ] {
            let mut out = [0; G17_TEXT];
            assert_eq!(format_g17(value, &mut out), text.as_bytes());
        }
    }
}
