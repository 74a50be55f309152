//! Ids of entries as clients write them: `1700000000000-3`, incomplete ones, ends of intervals.

use crate::command::Abort;
use crate::reply::Reply;
use hyperdb_graph::stream::Id;

/// Digits of the largest number of an id.
const MOST_DIGITS: usize = 20;
/// Longest text that Redis reads as an id.
const LONGEST: usize = 127;

/// What XADD is to call an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// `*`: the time, or what follows the last id.
    Automatic,
    /// `ms-*`: the next number of this millisecond.
    Within(u64),
    /// Exactly this.
    Exactly(Id),
}

fn invalid() -> Abort {
    Abort::error("ERR Invalid stream ID specified as stream command argument")
}

/// A number as C's `strtoull` reads it, the whole text: Redis falls back to it, so `007`, ` 7` and `+7` are numbers of ids.
fn number(text: &[u8]) -> Option<u64> {
    let blanks = text
        .iter()
        .take_while(|b| b.is_ascii_whitespace() || **b == 0x0b);
    let text = &text[blanks.count()..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    // A negative number that is written as Redis writes one is refused; another spelling of it wraps around.
    let is_canonical = digits[0] != b'0' && value <= 1 << 63;
    match negative {
        true if is_canonical => None,
        true => Some(value.wrapping_neg()),
        false => Some(value),
    }
}

/// An id's text taken apart: milliseconds, and the rest if there is a dash.
fn split(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    if text.len() > LONGEST {
        return None;
    }
    // C's strings end at a zero byte.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    match text.iter().position(|byte| *byte == b'-') {
        None => Some((number(text)?, None)),
        Some(dash) => Some((number(&text[..dash])?, Some(&text[dash + 1..]))),
    }
}

fn parse(text: &[u8], missing_seq: u64) -> Option<Id> {
    let (ms, rest) = split(text)?;
    let seq = match rest {
        None => missing_seq,
        Some(rest) => number(rest)?,
    };
    Some(Id { ms, seq })
}

/// An id; without a sequence number it is `ms-0`.
pub(super) fn strict(text: &[u8]) -> Result<Id, Abort> {
    parse(text, 0).ok_or_else(invalid)
}

/// An id, or `-` or `+` for the ends of the order.
pub(super) fn open(text: &[u8], missing_seq: u64) -> Result<Id, Abort> {
    match text {
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => parse(text, missing_seq).ok_or_else(invalid),
    }
}

/// Whether a text is an id, where options may follow ids.
pub(super) fn is_id(text: &[u8]) -> bool {
    parse(text, 0).is_some()
}

/// What XADD is to call an entry.
pub(super) fn wish(text: &[u8]) -> Result<Wish, Abort> {
    if text == b"*" {
        return Ok(Wish::Automatic);
    }
    match split(text).ok_or_else(invalid)? {
        (ms, Some(b"*")) => Ok(Wish::Within(ms)),
        _ => strict(text).map(Wish::Exactly),
    }
}

/// The start of an interval; `(` in front leaves it out.
pub(super) fn start(text: &[u8]) -> Result<Id, Abort> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => strict(rest)?
            .next()
            .ok_or_else(|| Abort::error("ERR invalid start ID for the interval")),
        _ => open(text, 0),
    }
}

/// The end of an interval, which belongs to it; `(` in front leaves it out.
pub(super) fn end(text: &[u8]) -> Result<Id, Abort> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => parse(rest, u64::MAX)
            .ok_or_else(invalid)?
            .previous()
            .ok_or_else(|| Abort::error("ERR invalid end ID for the interval")),
        _ => open(text, u64::MAX),
    }
}

/// Writes an id as clients know it.
pub(super) fn reply_id(reply: &mut Reply, id: Id) {
    // Written backwards into one place: there is an id in most replies of streams.
    let mut text = [0u8; 2 * MOST_DIGITS + 1];
    let seq = write_digits(&mut text, 2 * MOST_DIGITS + 1, id.seq);
    text[seq - 1] = b'-';
    let ms = write_digits(&mut text, seq - 1, id.ms);
    reply.bulk(&text[ms..]);
}

/// Writes a number so that it ends before `end`; where it begins.
fn write_digits(text: &mut [u8], end: usize, mut number: u64) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_whole() {
        let most = u64::MAX;
        for (ms, seq) in [(0, 0), (5, 10), (most, 0), (0, most), (most, most)] {
            let mut reply = Reply::new(false);
            reply_id(&mut reply, Id { ms, seq });
            let text = format!("{ms}-{seq}");
            let expected = format!("${}\r\n{text}\r\n", text.len());
            assert_eq!(reply.buffer, expected.as_bytes());
        }
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |ms, seq| Some(Id { ms, seq });
        for (text, expected) in [
            ("5-3", id(5, 3)),
            ("5", id(5, 0)),
            (
                "18446744073709551615-18446744073709551615",
                id(u64::MAX, u64::MAX),
            ),
            ("18446744073709551616-0", None),
            ("007-01", id(7, 1)),
            (" 7-+1", id(7, 1)),
            ("-", None),
            ("+", None),
            ("5-", None),
            ("-5", None),
            ("5--3", None),
            ("5--03", id(5, 3u64.wrapping_neg())),
            ("5-3x", None),
            ("", None),
            ("*", None),
            ("5-*", None),
        ] {
            assert_eq!(strict(text.as_bytes()).ok(), expected, "{text:?}");
        }
        assert!(strict(&[b'1'; 128]).is_err());
        assert_eq!(strict(b"5\0-9").ok(), id(5, 0));
    }

    #[test]
    fn ends_of_intervals() {
        let id = |ms, seq| Some(Id { ms, seq });
        assert_eq!(start(b"-").ok(), Some(Id::MIN));
        assert_eq!(end(b"+").ok(), Some(Id::MAX));
        assert_eq!(end(b"5").ok(), id(5, u64::MAX));
        assert_eq!(start(b"(5").ok(), id(5, 1));
        assert_eq!(end(b"(5").ok(), id(5, u64::MAX - 1));
        assert!(start(b"(18446744073709551615-18446744073709551615").is_err());
        assert!(end(b"(0-0").is_err() && start(b"(-").is_err() && end(b"(").is_err());
    }

    #[test]
    fn wishes() {
        assert_eq!(wish(b"*").ok(), Some(Wish::Automatic));
        assert_eq!(wish(b"5-*").ok(), Some(Wish::Within(5)));
        assert_eq!(wish(b"5").ok(), Some(Wish::Exactly(Id { ms: 5, seq: 0 })));
        assert!(wish(b"5-**").is_err() && wish(b"-*").is_err());
    }
}
