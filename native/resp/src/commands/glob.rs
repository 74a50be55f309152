//! Glob patterns with the meaning Redis gives them (`stringmatchlen` in its `util.c`).
//!
//! **Theory.** Every part of a pattern but `*` takes exactly one byte. So when a match fails, only the last `*`
//! can be given one byte more, never an earlier one: the walk goes back at most once a byte and the time is
//! bounded by pattern times text.
//!
//! `?` any byte, `[a-z]`, `[^a]`, `\` quotes. An unclosed class ends with the pattern. As in Redis, `*` alone
//! does not match the empty text here: callers that list keys treat the pattern `*` as "all". And as in Redis a pattern with very
//! many `*` matches nothing.

/// Most `*` of a pattern with something behind each.
const MOST_STARS: usize = 1000;

/// Whether `text` matches `pattern`; bytes, no notion of characters.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    if text.is_empty() {
        return pattern.is_empty();
    }
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > MOST_STARS {
                return false;
            }
            retry = Some((p, t));
            continue;
        }
        let step = if p < pattern.len() {
            one(&pattern[p..], text[t])
        } else {
            None
        };
        match (step, retry) {
            (Some(len), _) => {
                p += len;
                t += 1;
            }
            (None, Some((after, from))) => {
                p = after;
                t = from + 1;
                retry = Some((after, t));
            }
            (None, None) => return false,
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|b| *b == b'*')
}

/// Whether the pattern is the one that lists everything.
pub fn is_everything(pattern: &[u8]) -> bool {
    pattern == b"*"
}

/// The text before the first byte that is special, if the pattern is only that.
pub fn literal(pattern: &[u8]) -> Option<&[u8]> {
    let special = |b: &u8| matches!(b, b'*' | b'?' | b'[' | b'\\');
    (!pattern.iter().any(special)).then_some(pattern)
}

/// Matches the part at the start of `pattern` against one byte; the part's length if it does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern[0] {
        b'?' => Some(1),
        b'[' => class(pattern, byte),
        b'\\' if pattern.len() >= 2 => (pattern[1] == byte).then_some(2),
        other => (other == byte).then_some(1),
    }
}

fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at.min(pattern.len())..] {
            [] => break,
            [b'\\', quoted, ..] => {
                found |= *quoted == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [a, b'-', b, ..] => {
                let (low, high) = (a.min(b), a.max(b));
                found |= (*low..=*high).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_redis_means() {
        // Answers of Redis 7.0.15 to `SET text 1`, `KEYS pattern`.
        for (pattern, text, expected) in [
            ("h?llo", "hello", true),
            ("h*llo", "heeeello", true),
            ("h*llo", "hllo", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hello", false),
            ("[a-]", "a", true),
            ("[a", "a", true),
            ("[", "[", false),
            ("[^", "x", true),
            ("[\\]]", "]", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXbd", false),
            ("abc", "abcd", false),
            ("abcd", "abc", false),
            ("abc***", "abc", true),
            ("\\", "\\", true),
            ("", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }

    #[test]
    fn too_many_stars_match_nothing() {
        let text = vec![b'a'; 2000];
        assert!(matches(&b"*?".repeat(MOST_STARS), &text));
        assert!(matches(
            &[&b"*?".repeat(MOST_STARS)[..], b"*"].concat(),
            &text
        ));
        assert!(!matches(&b"*?".repeat(MOST_STARS + 1), &text));
    }
}
