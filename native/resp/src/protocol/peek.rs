//! A look at a request that will be parsed later.
//!
//! **Theory.** Whoever wants to know what comes next needs the name and the first argument of whole, plain requests; for all else the answer is
//! that there is nothing to be seen. Invariant: what is told is what [`super::Parser`] will find there.

/// What a request begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked<'b> {
    /// Its name, as the client wrote it.
    pub name: &'b [u8],
    /// The argument behind it.
    pub first: &'b [u8],
    /// Bytes of the whole request.
    pub len: usize,
}

/// Arguments of requests with more of them are not walked.
const MOST_ARGUMENTS: usize = 64;

/// The request at the start of `bytes`; `None` if it is not whole, has no argument, or is written in another way than clients do.
#[inline]
pub fn peek(bytes: &[u8]) -> Option<Peeked<'_>> {
    let (arguments, mut at) = number(bytes, 0, b'*')?;
    if !(2..=MOST_ARGUMENTS).contains(&arguments) {
        return None;
    }
    let mut argument = || -> Option<&[u8]> {
        let (length, start) = number(bytes, at, b'$')?;
        let end = start.checked_add(length)?;
        let argument = bytes.get(start..end)?;
        at = end + 2;
        (bytes.get(end..at)? == b"\r\n").then_some(argument)
    };
    let (name, first) = (argument()?, argument()?);
    for _ in 2..arguments {
        argument()?;
    }
    Some(Peeked {
        name,
        first,
        len: at,
    })
}

/// The number on the line at `at` that begins with `mark`, of at most nine digits, and where the next line begins.
#[inline]
fn number(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let (first, digits) = line.split_first()?;
    if *first != mark {
        return None;
    }
    let mut value = 0;
    for (place, byte) in digits.iter().enumerate().take(10) {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            b'\r' if place > 0 && digits.get(place + 1) == Some(&b'\n') => {
                return Some((value, at + place + 3));
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::protocol::{Limits, Parser, Progress};
    use proptest::prelude::*;

    fn agrees(bytes: &[u8]) {
        let Some(seen) = peek(bytes) else {
            return;
        };
        let mut parser = Parser::default();
        let progress = parser.advance(bytes, &Limits::AUTHENTICATED).unwrap();
        assert_eq!(progress, Progress::Request(seen.len));
        let args = parser.args(bytes);
        assert_eq!((args.at(0), args.at(1)), (seen.name, seen.first));
    }

    #[test]
    fn whole_requests_are_seen() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*1\r\n";
        let seen = peek(bytes).unwrap();
        assert_eq!(
            (seen.name, seen.first, seen.len),
            (&b"SET"[..], &b"k"[..], bytes.len() - 4)
        );
        agrees(bytes);
        for cut in 0..seen.len {
            assert_eq!(peek(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(peek(&bytes[seen.len..]), None, "no argument");
        assert_eq!(peek(b"GET k\r\n"), None, "inline");
        assert_eq!(peek(b"*2\r\n$-1\r\n$1\r\nk\r\n"), None);
        assert_eq!(peek(b"*2\r\n$3\r\nGETx\r$1\r\nk\r\n"), None);
    }

    proptest! {
        #[test]
        fn what_is_seen_is_what_is_parsed(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 1..6), cut in 0usize..80, at in 0usize..80, byte in any::<u8>()) {
            let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
            for word in &words {
                bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                bytes.extend_from_slice(word);
                bytes.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(peek(&bytes).is_some(), words.len() > 1);
            agrees(&bytes);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut % 3));
            if let Some(seen) = peek(&bytes) {
                let mut parser = Parser::default();
                // Numbers with leading zeros are refused there, and then nobody minds what was seen.
                if let Ok(progress) = parser.advance(&bytes, &Limits::AUTHENTICATED) {
                    prop_assert_eq!(progress, Progress::Request(seen.len));
                    let args = parser.args(&bytes);
                    prop_assert_eq!((args.at(0), args.at(1)), (seen.name, seen.first));
                }
            }
        }
    }
}
