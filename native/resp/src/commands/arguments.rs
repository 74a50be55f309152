//! Reading arguments: numbers with Redis's errors, and options by name.

use super::numbers;
use crate::args::Args;
use crate::command::{errors, Abort};

/// An integer argument.
#[inline]
pub fn integer(text: &[u8]) -> Result<i64, Abort> {
    numbers::parse_i64(text).ok_or_else(errors::not_an_integer)
}

/// A double argument; infinities allowed.
pub fn float(text: &[u8]) -> Result<f64, Abort> {
    numbers::parse_f64(text).ok_or_else(errors::not_a_float)
}

/// A count that may not be negative; Redis words every failure alike.
pub fn positive(text: &[u8]) -> Result<u64, Abort> {
    let range = 0..=i64::MAX;
    within(text, range, "ERR value is out of range, must be positive").map(|count| count as u64)
}

/// An integer of a range, with the command's own words for everything else (`getRangeLongFromObjectOrReply`).
pub fn within(
    text: &[u8],
    range: std::ops::RangeInclusive<i64>,
    otherwise: &'static str,
) -> Result<i64, Abort> {
    numbers::parse_i64(text)
        .filter(|value| range.contains(value))
        .ok_or_else(|| Abort::error(otherwise))
}

/// An integer that can be negated: any but the smallest.
pub fn negatable(text: &[u8]) -> Result<i64, Abort> {
    match integer(text)? {
        i64::MIN => Err(Abort::error(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        value => Ok(value),
    }
}

/// A cursor as SCAN and its family take it: what C's `strtoul` reads, the whole text.
pub fn cursor(text: &[u8]) -> Result<u64, Abort> {
    let invalid = || Abort::error("ERR invalid cursor");
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // `strtoul` reads no digits as 0, and Redis looks only at where it stopped.
    if digits.is_empty() && text.is_empty() {
        return Ok(0);
    }
    // A C string ends at its first zero byte.
    let digits = digits.split(|byte| *byte == 0).next().unwrap_or_default();
    if digits.is_empty() && text.first() == Some(&0) {
        return Ok(0);
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid());
    }
    let value = digits
        .iter()
        .try_fold(0u64, |acc, b| {
            acc.checked_mul(10)?.checked_add(u64::from(b - b'0'))
        })
        .ok_or_else(invalid)?;
    Ok(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// Redis's inclusive range of indexes into `len` items, negative ones from the end, as a half-open range; `None` if it is empty.
pub fn index_range(len: i64, start: i64, stop: i64) -> Option<std::ops::Range<i64>> {
    let from_end = |index: i64| match index < 0 {
        true => index.saturating_add(len),
        false => index,
    };
    let (first, last) = (from_end(start).max(0), from_end(stop).min(len - 1));
    (first <= last).then_some(first..last + 1)
}

/// Index of the option at argument `i` among `names` (upper case), or a syntax error.
pub fn option(args: &Args<'_>, i: usize, names: &[&str]) -> Result<usize, Abort> {
    names
        .iter()
        .position(|name| args.is(i, name))
        .ok_or_else(errors::syntax)
}

/// The value that must follow the option at argument `i`.
pub fn option_value<'a>(args: &Args<'a>, i: usize) -> Result<&'a [u8], Abort> {
    args.get(i + 1).ok_or_else(errors::syntax)
}

/// `numkeys key [key ...] WHERE` from argument `i` on: where the keys are, and which of `places` was named.
pub fn keys_and_where(
    args: &Args<'_>,
    i: usize,
    places: &[&str],
) -> Result<(std::ops::Range<usize>, usize), Abort> {
    let keys = within(
        args.at(i),
        1..=i64::MAX,
        "ERR numkeys should be greater than 0",
    )?;
    let end = usize::try_from(keys)
        .ok()
        .and_then(|keys| keys.checked_add(i + 1))
        .filter(|end| *end < args.len())
        .ok_or_else(errors::syntax)?;
    Ok((i + 1..end, option(args, end, places)?))
}

/// `[COUNT count]` of LMPOP and ZMPOP from argument `i` on; 1 without it.
pub fn pop_count(args: &Args<'_>, i: usize) -> Result<u64, Abort> {
    if i >= args.len() {
        return Ok(1);
    }
    option(args, i, &["COUNT"])?;
    let text = option_value(args, i)?;
    let count = within(text, 1..=i64::MAX, "ERR count should be greater than 0")?;
    if i + 2 < args.len() {
        return Err(errors::syntax());
    }
    Ok(count as u64)
}

/// The error of a command without a fixed arity that got a wrong number of arguments.
pub fn wrong_arity(command: &str) -> Abort {
    Abort::error(format!(
        "ERR wrong number of arguments for '{command}' command"
    ))
}

/// The error of a subcommand whose arguments do not fit (`addReplySubcommandSyntaxError`).
pub fn misused(args: &Args<'_>) -> Abort {
    let shown = |i: usize| String::from_utf8_lossy(&args.at(i)[..args.at(i).len().min(128)]);
    Abort::error(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
        shown(1),
        shown(0).to_uppercase()
    ))
}

/// A number of a database or the like: an integer of C's `int` (`getIntFromObjectOrReply`).
pub fn small_integer(text: &[u8]) -> Result<i32, Abort> {
    i32::try_from(integer(text)?).map_err(|_| {
        Abort::error("ERR value is out of range, value must between -2147483648 and 2147483647")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_strtoul_does() {
        for (text, value) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("1x", None),
            (" 1", None),
            ("-", None),
        ] {
            assert_eq!(cursor(text.as_bytes()).ok(), value, "{text:?}");
        }
    }
}
