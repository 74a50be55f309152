//! Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET know them.
//!
//! `*` any bytes, `?` one byte, `[abc]` `[a-c]` `[^a]` classes, `\` takes the next byte as it is. Iterative with
//! one point to fall back to, so the time is at most pattern times text.

/// Whether `text` matches all of `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit: that star, and the text it begins at.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        match text.get(t) {
            None => return pattern[p..].iter().all(|byte| *byte == b'*'),
            Some(byte) => {
                if let Some(next) = one(pattern, p, *byte) {
                    p = next;
                    t += 1;
                    continue;
                }
            }
        }
        let Some((after, from)) = star else {
            return false;
        };
        star = Some((after, from + 1));
        (p, t) = (after, from + 1);
    }
}

/// Matches one byte against the pattern's item at `p`; where the next item begins.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => class(pattern, p + 1, byte),
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        literal => (literal == byte).then_some(p + 1),
    }
}

/// Matches one byte against the class whose inside begins at `p`; an open class ends with the pattern.
fn class(pattern: &[u8], mut p: usize, byte: u8) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    if negated {
        p += 1;
    }
    let mut found = false;
    loop {
        match pattern.get(p..) {
            None | Some([]) => break,
            Some([b']', ..]) => {
                p += 1;
                break;
            }
            Some([b'\\', literal, ..]) => {
                found |= *literal == byte;
                p += 2;
            }
            Some([low, b'-', high, ..]) => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                p += 3;
            }
            Some([literal, ..]) => {
                found |= *literal == byte;
                p += 1;
            }
        }
    }
    (found != negated).then_some(p)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a*c", "abbc"),
            ("h?llo", "hello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-c]llo", "hbllo"),
            ("\\*", "*"),
            ("a**b", "ab"),
            ("*a*b*", "xxaxxbxx"),
            ("[\\]]", "]"),
            ("a\\", "a\\"),
            ("[a", "a"),
            ("news.*", "news.tech"),
            ("*.tech", "news.tech.tech"),
        ];
        for (pattern, text) in yes {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        let no = [
            ("", "a"),
            ("?", ""),
            ("a*c", "abd"),
            ("h[ae]llo", "hillo"),
            ("h[^e]llo", "hello"),
            ("\\*", "a"),
            ("abc", "ab"),
            ("ab", "abc"),
            ("*a*b*", "ba"),
        ];
        for (pattern, text) in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(2000).as_bytes()));
    }
}
