//! Texts without their literals: what texts that differ in literals only have in common.
//!
//! **Theory.** Outside of literals a shape is its text, byte for byte, so two texts of one shape are read alike by the grammar up to their
//! literals; which of those are values, and of what, is looked up in the tree that Python made of one of them. Only what
//! lexes the same in any company is taken for a literal here: a number that touches a letter, a string in dollars and anything
//! beyond ASCII outside of strings make the whole text a stray. Comments are of the shape. **Invariant.** A literal that is found is one lexeme of the
//! grammar (`cql.lark`), of its kind and at its place, unless the grammar has no literal there at all.

use crate::Stray;

/// Longer texts are the ordinary way's.
pub const MOST_TEXT: usize = 16 << 10;

/// What a literal looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Between quotes.
    String = 1,
    /// Digits.
    Integer = 2,
    /// Digits with a point or an exponent.
    Float = 3,
    /// 8, 4, 4, 4 and 12 hexadecimal digits.
    Uuid = 4,
    /// Hexadecimal digits behind `0x`.
    Hex = 5,
}

/// A literal of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal<'t> {
    /// What it looks like.
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub at: usize,
    /// As it was written; a string without the quotes around it.
    pub text: &'t str,
}

/// Appends a text to `shape`, with a mark for each literal, and gives the literals.
///
/// # Errors
/// [`Stray`] if the text is not one of those that are known to be read here as the grammar reads them.
pub fn lift<'t>(text: &'t str, shape: &mut Vec<u8>) -> Result<Vec<Literal<'t>>, Stray> {
    let bytes = text.as_bytes();
    if bytes.len() > MOST_TEXT {
        return Err(Stray);
    }
    let mut literals = Vec::new();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let (kind, length) = match first {
            b'\'' => (Some(Kind::String), quoted(rest, b'\'')?),
            b'"' => (None, name(rest)?),
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if is_uuid(rest) => (Some(Kind::Uuid), UUID),
            b'0'..=b'9' => number(rest)?,
            b'a'..=b'z' | b'A'..=b'Z' => (None, word(rest)?),
            b'-' if rest.get(1) == Some(&b'-') => (None, comment(rest)?),
            b'/' => (None, comment(rest)?),
            b'$' | b'_' => return Err(Stray),
            b' ' | b'\t' | b'\r' | b'\n' | b'!'..=b'~' => (None, 1),
            _ => return Err(Stray),
        };
        let end = at + length;
        if matches!(
            kind,
            Some(Kind::Integer | Kind::Float | Kind::Uuid | Kind::Hex)
        ) && bytes.get(end).is_some_and(|next| is_word(*next))
        {
            return Err(Stray);
        }
        match kind {
            None => shape.extend_from_slice(rest.get(..length).unwrap_or_default()),
            Some(kind) => {
                let quotes = usize::from(kind == Kind::String);
                let found = text.get(at + quotes..end - quotes).ok_or(Stray)?;
                shape.extend_from_slice(&[0, kind as u8]);
                literals.push(Literal {
                    kind,
                    at,
                    text: found,
                });
            }
        }
        at = end;
    }
    Ok(literals)
}

/// Bytes of a uuid.
const UUID: usize = 36;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// How many of the first bytes are digits.
fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// The length of what stands between quotes, with them; a quote within is written twice.
fn quoted(bytes: &[u8], quote: u8) -> Result<usize, Stray> {
    let mut at = 1;
    loop {
        let more = bytes.get(at..).unwrap_or_default();
        at += more.iter().position(|byte| *byte == quote).ok_or(Stray)? + 1;
        match bytes.get(at) {
            Some(next) if *next == quote => at += 1,
            _ => return Ok(at),
        }
    }
}

fn name(bytes: &[u8]) -> Result<usize, Stray> {
    let length = quoted(bytes, b'"')?;
    plain(bytes, length)
}

/// The length of a comment, up to the end of its line or to its own.
fn comment(bytes: &[u8]) -> Result<usize, Stray> {
    let length = match bytes {
        [b'-', b'-', ..] | [b'/', b'/', ..] => {
            let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
            bytes.iter().position(ends).unwrap_or(bytes.len())
        }
        [b'/', b'*', rest @ ..] => {
            let end = rest.windows(2).position(|pair| pair == b"*/");
            end.ok_or(Stray)? + 4
        }
        _ => return Err(Stray),
    };
    plain(bytes, length)
}

fn plain(bytes: &[u8], length: usize) -> Result<usize, Stray> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    match bytes.iter().take(length).all(plain) {
        true => Ok(length),
        false => Err(Stray),
    }
}

/// The length of a word. One that may begin a duration (`P1Y`, `P0001-02-03T04:05:06`) is a stray.
fn word(bytes: &[u8]) -> Result<usize, Stray> {
    let length = bytes.iter().take_while(|byte| is_word(**byte)).count();
    let word = bytes.get(..length).unwrap_or_default();
    let is_duration = matches!(word, [b'P' | b'p', b'0'..=b'9' | b'T' | b't', ..])
        && bytes.get(length) == Some(&b'-');
    (word.is_ascii() && !is_duration)
        .then_some(length)
        .ok_or(Stray)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= UUID
        && bytes
            .iter()
            .take(UUID)
            .enumerate()
            .all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

/// Kind and length of a number; one that ends in a point or has two is a stray.
fn number(bytes: &[u8]) -> Result<(Option<Kind>, usize), Stray> {
    if let [b'0', b'x' | b'X', rest @ ..] = bytes {
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        return Ok((Some(Kind::Hex), 2 + length));
    }
    let mut length = digits(bytes);
    let mut kind = Kind::Integer;
    let tail = |length: usize| bytes.get(length..).unwrap_or_default();
    if let [b'.', rest @ ..] = tail(length) {
        let fraction = digits(rest);
        if fraction == 0 {
            return Err(Stray);
        }
        length += 1 + fraction;
        kind = Kind::Float;
    }
    if let [b'e' | b'E', rest @ ..] = tail(length) {
        let sign = usize::from(matches!(rest, [b'+' | b'-', ..]));
        let exponent = digits(rest.get(sign..).unwrap_or_default());
        if exponent == 0 {
            return Err(Stray);
        }
        length += 1 + sign + exponent;
        kind = Kind::Float;
    }
    match tail(length) {
        [b'.', ..] => Err(Stray),
        _ => Ok((Some(kind), length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Lifted<'t> = (String, Vec<(Kind, usize, &'t str)>);

    fn lifted(text: &str) -> Option<Lifted<'_>> {
        let mut shape = Vec::new();
        let found = lift(text, &mut shape).ok()?;
        let found = found
            .into_iter()
            .map(|each| (each.kind, each.at, each.text));
        Some((
            String::from_utf8_lossy(&shape).into_owned(),
            found.collect(),
        ))
    }

    #[test]
    fn literals_are_lifted() {
        let text = "SELECT a1 FROM \"K'1\".t WHERE k=-5 AND s='it''s 1' AND u = 01234567-89ab-cdef-0123-456789ABCDEF LIMIT 10;";
        let (shape, found) = lifted(text).unwrap_or_default();
        assert_eq!(
            shape,
            "SELECT a1 FROM \"K'1\".t WHERE k=-\0\u{2} AND s=\0\u{1} AND u = \0\u{4} LIMIT \0\u{2};"
        );
        let texts: Vec<_> = found.iter().map(|(kind, _, text)| (*kind, *text)).collect();
        assert_eq!(
            texts,
            [
                (Kind::Integer, "5"),
                (Kind::String, "it''s 1"),
                (Kind::Uuid, "01234567-89ab-cdef-0123-456789ABCDEF"),
                (Kind::Integer, "10"),
            ]
        );
        for (kind, at, text_of) in found {
            let quotes = usize::from(kind == Kind::String);
            assert!(text[at + quotes..].starts_with(text_of));
        }
        let (shape, found) =
            lifted("(1.5, 2e-3, 1.5E+7, 0xCAfe, 0x, deadbeef, 'é')").unwrap_or_default();
        assert_eq!(
            shape,
            "(\0\u{3}, \0\u{3}, \0\u{3}, \0\u{5}, \0\u{5}, deadbeef, \0\u{1})"
        );
        assert_eq!(found.last().map(|each| each.2), Some("é"));
        let (shape, found) = lifted("/**/SELECT 1 /* 2 */-- 3\n+ 4 // 5").unwrap_or_default();
        assert_eq!(shape, "/**/SELECT \0\u{2} /* 2 */-- 3\n+ \0\u{2} // 5");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_may_be_read_otherwise_is_a_stray() {
        for text in [
            "12h",
            "1y2mo",
            "1e",
            "1.",
            "1..2",
            "1.5.2",
            "0xg",
            "5_",
            "é",
            "a / b",
            "/* é */",
            "/*/",
            "-- \t",
            "$$a$$",
            "'open",
            "\"open",
            "P0001-02-03T04:05:06",
            "PT1-2",
            "_a",
            "a\0b",
            "\"é\"",
            "01234567-89ab-cdef-0123-456789ABCDEF0",
            "1é",
            "\u{b5}s",
        ] {
            assert_eq!(lifted(text), None, "{text}");
        }
        assert_eq!(lifted(&"a".repeat(MOST_TEXT + 1)), None);
    }

    proptest! {
        /// A text can be put together again from its shape and its literals.
        #[test]
        fn nothing_is_lost(text in "([a-zA-Z]{1,3}|[0-9]{1,3}|'[^']{0,4}'|\"[a-z]{1,3}\"|1\\.5|0xAB|[ ,()?:;=<>*+-]){0,20}") {
            let mut shape = Vec::new();
            let Ok(found) = lift(&text, &mut shape) else {
                return Ok(());
            };
            let mut whole = Vec::new();
            let mut literals = found.iter();
            let mut at = 0;
            while at < shape.len() {
                if shape[at] != 0 {
                    whole.push(shape[at]);
                    at += 1;
                    continue;
                }
                let literal = literals.next();
                let quote: &[u8] = if shape[at + 1] == Kind::String as u8 { b"'" } else { b"" };
                prop_assert_eq!(literal.map(|each| each.at), Some(whole.len()));
                whole.extend_from_slice(quote);
                whole.extend_from_slice(literal.map_or("", |each| each.text).as_bytes());
                whole.extend_from_slice(quote);
                at += 2;
            }
            prop_assert_eq!(whole, text.into_bytes());
        }

        #[test]
        fn noise_is_no_harm(text in ".{0,60}") {
            let _ = lift(&text, &mut Vec::new());
        }
    }
}
