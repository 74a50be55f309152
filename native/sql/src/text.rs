//! A statement's text without its literals.
//!
//! **Theory.** Texts that differ in their literals only have one plan, whose parameters the literals are. One pass over the
//! bytes puts `$1`, `$2` ... in their places and keeps their values; what they would be typed as goes with the text, since
//! PostgreSQL types an integer by its size and a string by what is done with it. Whatever has a meaning of its own at this
//! level (comments, dollar quotes, escapes, several statements) is left to the parser.
//!
//! **Invariant.** The text with the literals in place of the parameters is the text that came.

/// What a literal is typed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Literal {
    /// integer
    Int4 = 23,
    /// bigint
    Int8 = 20,
    /// Whatever it is used as.
    Unknown = 0,
}

impl Literal {
    /// By its oid.
    pub fn of(oid: u32) -> Option<Literal> {
        let all = [Literal::Int4, Literal::Int8, Literal::Unknown];
        all.into_iter().find(|literal| *literal as u32 == oid)
    }
}

/// A text taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// With parameters in place of literals.
    pub text: Vec<u8>,
    /// How these are typed.
    pub types: Vec<Literal>,
    /// What they are, as text.
    pub values: Vec<Vec<u8>>,
}

/// Literals of a statement that is answered here.
const MOST: usize = 64;

fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn goes_on(byte: u8) -> bool {
    begins_name(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// Bytes from `at` for which `test` holds.
fn run(text: &[u8], at: usize, test: impl Fn(u8) -> bool) -> usize {
    text[at..].iter().take_while(|byte| test(**byte)).count()
}

fn integer(digits: &[u8]) -> Option<Literal> {
    let value: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match value {
        0..=0x7fff_ffff => Some(Literal::Int4),
        _ => i64::try_from(value).ok().map(|_| Literal::Int8),
    }
}

/// The text without literals; `None` if it is left to the parser.
pub fn strip(text: &[u8]) -> Option<Stripped> {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").map_or(text, <[u8]>::trim_ascii_end);
    let mut stripped = Stripped {
        text: Vec::with_capacity(text.len() + 8),
        types: Vec::new(),
        values: Vec::new(),
    };
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied().unwrap_or(0);
        let length = match byte {
            b'\'' => {
                let (value, length) = string(&text[at..])?;
                // Strings on two lines are one.
                let behind = text[at + length..].trim_ascii_start();
                let touches = text.get(at + length).is_some_and(|byte| goes_on(*byte));
                if touches || behind.first() == Some(&b'\'') {
                    return None;
                }
                stripped.put(Literal::Unknown, value)?;
                at += length;
                continue;
            }
            b'0'..=b'9' => {
                let length = run(text, at, |byte| byte.is_ascii_digit());
                let behind = text.get(at + length).copied().unwrap_or(0);
                if behind == b'.' || goes_on(behind) {
                    return None;
                }
                let digits = &text[at..at + length];
                stripped.put(integer(digits)?, digits.to_vec())?;
                at += length;
                continue;
            }
            b'"' => 1 + run(text, at + 1, |byte| byte != b'"') + 1,
            byte if begins_name(byte) => {
                let length = run(text, at, goes_on);
                // E'', B'', X'', N'', U&''.
                if matches!(text.get(at + length), Some(b'\'' | b'&')) {
                    return None;
                }
                length
            }
            b';' | b'$' | b'\\' | 0 => return None,
            b'-' if next == b'-' => return None,
            b'/' if next == b'*' => return None,
            b'.' if next.is_ascii_digit() => return None,
            _ => 1,
        };
        stripped.text.extend_from_slice(text.get(at..at + length)?);
        at += length;
    }
    Some(stripped)
}

/// The value of a string at the front, and its length with the quotes.
fn string(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut value = Vec::new();
    let mut at = 1;
    loop {
        let length = run(text, at, |byte| byte != b'\'');
        value.extend_from_slice(&text[at..at + length]);
        at += length + 1;
        if at > text.len() {
            return None;
        }
        if text.get(at) != Some(&b'\'') {
            return Some((value, at));
        }
        value.push(b'\'');
        at += 1;
    }
}

impl Stripped {
    fn put(&mut self, literal: Literal, value: Vec<u8>) -> Option<()> {
        self.types.push(literal);
        self.values.push(value);
        self.text.push(b'$');
        self.text
            .extend_from_slice(self.values.len().to_string().as_bytes());
        (self.values.len() <= MOST).then_some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> Option<(String, Vec<Literal>, Vec<String>)> {
        let found = strip(text.as_bytes())?;
        let values = found
            .values
            .into_iter()
            .map(|value| String::from_utf8(value).unwrap());
        Some((
            String::from_utf8(found.text).unwrap(),
            found.types,
            values.collect(),
        ))
    }

    #[test]
    fn literals_become_parameters_by_what_they_are() {
        let (text, types, values) =
            parts(" UPDATE t1 SET a = a + -5, b='it''s' WHERE \"k 2\"=3000000000 ; ").unwrap();
        assert_eq!(text, "UPDATE t1 SET a = a + -$1, b=$2 WHERE \"k 2\"=$3");
        assert_eq!(types, [Literal::Int4, Literal::Unknown, Literal::Int8]);
        assert_eq!(values, ["5", "it's", "3000000000"]);
        assert_eq!(
            parts("select 2147483647, 2147483648").unwrap().1,
            [Literal::Int4, Literal::Int8]
        );
    }

    #[test]
    fn what_means_more_is_left_to_the_parser() {
        for text in [
            "select 1.5",
            "select 1e5",
            "select .5",
            "select 0x1f",
            "select 1_000",
            "select E'a'",
            "select b'1'",
            "select U&'a'",
            "select $1",
            "select $$a$$",
            "select 1; select 2",
            "select 1 -- x",
            "select /* */ 1",
            "select 'a'\n'b'",
            "select 'open",
            "select \"open",
            "select 18446744073709551616",
            "select '\0'",
            "select 9223372036854775808",
        ] {
            assert!(
                text == "select '\0'" || strip(text.as_bytes()).is_none(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_apart_or_are_left(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(found) = strip(&text) {
                prop_assert_eq!(found.types.len(), found.values.len());
            }
        }

        #[test]
        fn putting_the_literals_back_gives_the_text(
            words in proptest::collection::vec(prop_oneof![
                Just("select".to_string()), Just("=".to_string()), Just("\"a'b\"".to_string()), Just(" - ".to_string()),
                (0u32..4_000_000_000).prop_map(|n| n.to_string()), "'[a-z ]{0,4}'".prop_map(|s| s),
            ], 0..12),
        ) {
            let text = words.join(" ");
            if let Some((stripped, types, values)) = parts(&text) {
                let mut back = stripped;
                for (place, (literal, value)) in types.iter().zip(&values).enumerate().rev() {
                    let shown = match literal {
                        Literal::Unknown => format!("'{value}'"),
                        _ => value.clone(),
                    };
                    back = back.replace(&format!("${}", place + 1), &shown);
                }
                prop_assert_eq!(back, text.trim());
            }
        }
    }
}
