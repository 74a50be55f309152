//! Inline commands: words on a line, quoted as in a shell.
//!
//! Double quotes know `\n \r \t \b \a \\ \"` and `\xHH`; single quotes know only `\'`. A closing quote must be
//! followed by a blank or the end of the line.

use crate::args::Span;

/// Splits `line` into words, appended to `words` without their quotes and named by `spans`.
///
/// `None` if a quote is not closed, or something follows a closing quote at once.
pub(super) fn split(line: &[u8], words: &mut Vec<u8>, spans: &mut Vec<Span>) -> Option<()> {
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        if at == line.len() {
            return Some(());
        }
        let start = words.len();
        at = word(line, at, words)?;
        spans.push((start, words.len()));
    }
}

/// Copies the word that begins at `at`; where it ends.
fn word(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Option<usize> {
    while let Some(byte) = line.get(at).copied() {
        match byte {
            b'"' => {
                at = double_quoted(line, at + 1, words)?;
                return closed(line, at);
            }
            b'\'' => {
                at = single_quoted(line, at + 1, words)?;
                return closed(line, at);
            }
            byte if is_blank(byte) => break,
            byte => {
                words.push(byte);
                at += 1;
            }
        }
    }
    Some(at)
}

fn closed(line: &[u8], at: usize) -> Option<usize> {
    line.get(at)
        .is_none_or(|next| is_blank(*next))
        .then_some(at)
}

fn double_quoted(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Option<usize> {
    loop {
        match *line.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                let escaped = *line.get(at + 1)?;
                let hex = line.get(at + 2..at + 4).and_then(hex_byte);
                match (escaped, hex) {
                    (b'x', Some(byte)) => {
                        words.push(byte);
                        at += 4;
                    }
                    _ => {
                        words.push(unescape(escaped));
                        at += 2;
                    }
                }
            }
            byte => {
                words.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Option<usize> {
    loop {
        match *line.get(at)? {
            b'\'' => return Some(at + 1),
            b'\\' if line.get(at + 1) == Some(&b'\'') => {
                words.push(b'\'');
                at += 2;
            }
            byte => {
                words.push(byte);
                at += 1;
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::split;

    fn words(line: &str) -> Option<Vec<Vec<u8>>> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        split(line.as_bytes(), &mut bytes, &mut spans)?;
        Some(spans.iter().map(|(a, b)| bytes[*a..*b].to_vec()).collect())
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(words("").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(
            words("  set  k\tv ").unwrap(),
            [b"set" as &[u8], b"k", b"v"]
        );
        assert_eq!(
            words(r#"set k "a b\x41\n\"" 'it\'s' """#).unwrap(),
            [b"set" as &[u8], b"k", b"a bA\n\"", b"it's", b""]
        );
        assert_eq!(words(r#"a"b c"d"#), None);
        assert_eq!(words(r#"a"b c" d"#).unwrap(), [b"ab c" as &[u8], b"d"]);
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for line in ["\"a", "'a", "\"a\\", "\"a\"b", "'a'b"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
