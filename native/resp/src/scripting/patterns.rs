//! Lua's patterns, so that matching one can be stopped: what `string.find`, `match`, `gmatch` and `gsub` stand on.
//!
//! **Theory.** Lua's own matcher is a C function: it goes back as often as a pattern makes it, which may be for years, no hook runs in it,
//! and it descends once for each item of the pattern until the stack ends. This one takes the same decisions in the same order
//! (Lua 5.1 manual, 5.4.1), counts its steps, and asks now and then whether the script may go on.
//!
//! **Invariant.** Between two looks lie at most [`LOOK`] steps, and no pattern descends more than [`DEEPEST`] times.

use super::engine::Meter;
use super::native::Raise;

/// Captures that a pattern may have (`LUA_MAXCAPTURES`).
const CAPTURES: usize = 32;
/// How deep a pattern may descend: once for each item of it that may go back.
const DEEPEST: usize = 4000;
/// Steps between two looks at the time, some milliseconds.
const LOOK: u32 = 1 << 19;

/// What a capture has taken so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// `(` was passed, `)` not yet.
    Open,
    /// `()`, a position.
    Position,
    /// So many bytes.
    Bytes(usize),
}

/// A capture as it is given to a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Capture<'t> {
    Text(&'t [u8]),
    /// Counted from 1.
    Position(usize),
}

/// A pattern at work on a subject.
pub(super) struct Matcher<'t, 'm> {
    subject: &'t [u8],
    pattern: &'t [u8],
    captures: [(usize, Taken); CAPTURES],
    level: usize,
    depth: usize,
    steps: u32,
    meter: &'m Meter,
}

/// Where a match ends, if there is one.
type End = Result<Option<usize>, Raise>;

fn malformed(text: &str) -> Raise {
    Raise::text(text)
}

/// A pattern as C reads it: up to its first zero byte.
pub(super) fn as_c(pattern: &[u8]) -> &[u8] {
    pattern.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether a pattern is plain text.
pub(super) fn is_plain(pattern: &[u8]) -> bool {
    !as_c(pattern)
        .iter()
        .any(|byte| b"^$*+?.([%-".contains(byte))
}

impl<'t, 'm> Matcher<'t, 'm> {
    pub(super) fn new(subject: &'t [u8], pattern: &'t [u8], meter: &'m Meter) -> Self {
        Self {
            subject,
            pattern: as_c(pattern),
            captures: [(0, Taken::Open); CAPTURES],
            level: 0,
            depth: 0,
            steps: 0,
            meter,
        }
    }

    /// Where the pattern, from its place `p` on, ends when it begins at `at`.
    pub(super) fn try_at(&mut self, at: usize, p: usize) -> End {
        (self.level, self.depth) = (0, 0);
        self.run(at, p)
    }

    /// Where plain text is found from `from` on.
    pub(super) fn find_plain(&mut self, text: &[u8], from: usize) -> End {
        let Some((first, rest)) = text.split_first() else {
            return Ok(Some(from));
        };
        let mut at = from;
        while at + text.len() <= self.subject.len() {
            let last = self.subject.len() - rest.len();
            let Some(found) = self.subject[at..last].iter().position(|byte| byte == first) else {
                break;
            };
            self.count(found / 16)?;
            at += found;
            let behind = &self.subject[at + 1..at + text.len()];
            let same = behind.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if same == rest.len() {
                return Ok(Some(at));
            }
            self.count(same)?;
            at += 1;
        }
        Ok(None)
    }

    fn count(&mut self, steps: usize) -> Result<(), Raise> {
        self.steps = self
            .steps
            .saturating_add(1)
            .saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.steps >= LOOK {
            self.steps = 0;
            self.meter.look()?;
        }
        Ok(())
    }

    /// A part of the subject.
    pub(super) fn between(&self, start: usize, end: usize) -> &'t [u8] {
        &self.subject[start..end]
    }

    /// How many captures there are to give, the whole match being one if the pattern has none and `whole` is asked for.
    pub(super) fn count_captures(&self, whole: bool) -> usize {
        if self.level == 0 && whole {
            1
        } else {
            self.level
        }
    }

    /// Capture `index`, from 0, of a match from `start` to `end`.
    pub(super) fn capture(
        &self,
        index: usize,
        start: usize,
        end: usize,
    ) -> Result<Capture<'t>, Raise> {
        if index >= self.level {
            return match index {
                0 => Ok(Capture::Text(&self.subject[start..end])),
                _ => Err(malformed("invalid capture index")),
            };
        }
        let (at, taken) = self.captures[index];
        match taken {
            Taken::Open => Err(malformed("unfinished capture")),
            Taken::Position => Ok(Capture::Position(at + 1)),
            Taken::Bytes(len) => Ok(Capture::Text(&self.subject[at..at + len])),
        }
    }

    fn descend(&mut self, at: usize, p: usize) -> End {
        if self.depth >= DEEPEST {
            return Err(malformed("pattern too complex"));
        }
        self.depth += 1;
        let end = self.run(at, p);
        self.depth -= 1;
        end
    }

    fn run(&mut self, mut at: usize, mut p: usize) -> End {
        loop {
            self.count(0)?;
            let Some(item) = self.pattern.get(p) else {
                return Ok(Some(at));
            };
            let next = self.pattern.get(p + 1);
            match (item, next) {
                (b'(', Some(b')')) => return self.open(at, p + 2, Taken::Position),
                (b'(', _) => return self.open(at, p + 1, Taken::Open),
                (b')', _) => return self.close(at, p + 1),
                (b'$', None) => return Ok((at == self.subject.len()).then_some(at)),
                (b'%', Some(b'b')) => match self.balance(at, p + 2)? {
                    Some(end) => (at, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(at, p + 2)? {
                    Some(behind) => p = behind,
                    None => return Ok(None),
                },
                (b'%', Some(digit @ b'0'..=b'9')) => match self.repeated(at, *digit)? {
                    Some(end) => (at, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let behind = self.class_end(p)?;
                    let fits = self.fits(at, p, behind);
                    match self.pattern.get(behind) {
                        Some(b'?') => {
                            if fits {
                                if let Some(end) = self.descend(at + 1, behind + 1)? {
                                    return Ok(Some(end));
                                }
                            }
                            p = behind + 1;
                        }
                        Some(b'*') => return self.most(at, p, behind),
                        Some(b'+') if fits => return self.most(at + 1, p, behind),
                        Some(b'-') => return self.fewest(at, p, behind),
                        _ if fits && self.pattern.get(behind) != Some(&b'+') => {
                            (at, p) = (at + 1, behind);
                        }
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    /// The item as often as it fits, then fewer times, until the rest fits.
    fn most(&mut self, at: usize, p: usize, behind: usize) -> End {
        let mut times = 0;
        while self.fits(at + times, p, behind) {
            times += 1;
        }
        self.count(times)?;
        loop {
            if let Some(end) = self.descend(at + times, behind + 1)? {
                return Ok(Some(end));
            }
            if times == 0 {
                return Ok(None);
            }
            times -= 1;
        }
    }

    /// The item as seldom as the rest allows.
    fn fewest(&mut self, mut at: usize, p: usize, behind: usize) -> End {
        loop {
            if let Some(end) = self.descend(at, behind + 1)? {
                return Ok(Some(end));
            }
            if !self.fits(at, p, behind) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn open(&mut self, at: usize, p: usize, taken: Taken) -> End {
        if self.level >= CAPTURES {
            return Err(malformed("too many captures"));
        }
        self.captures[self.level] = (at, taken);
        self.level += 1;
        let end = self.descend(at, p)?;
        if end.is_none() {
            self.level -= 1;
        }
        Ok(end)
    }

    fn close(&mut self, at: usize, p: usize) -> End {
        let open = self.captures[..self.level]
            .iter()
            .rposition(|(_, taken)| *taken == Taken::Open)
            .ok_or_else(|| malformed("invalid pattern capture"))?;
        self.captures[open].1 = Taken::Bytes(at - self.captures[open].0);
        let end = self.descend(at, p)?;
        if end.is_none() {
            self.captures[open].1 = Taken::Open;
        }
        Ok(end)
    }

    /// `%1` and its like: what a capture took, again.
    fn repeated(&mut self, at: usize, digit: u8) -> End {
        let index = usize::from(digit)
            .checked_sub(usize::from(b'1'))
            .filter(|index| *index < self.level)
            .ok_or_else(|| malformed("invalid capture index"))?;
        let (start, taken) = self.captures[index];
        match taken {
            Taken::Open => Err(malformed("invalid capture index")),
            Taken::Position => Ok(None),
            Taken::Bytes(len) => {
                self.count(len)?;
                let wanted = &self.subject[start..start + len];
                Ok(self.subject[at..].starts_with(wanted).then_some(at + len))
            }
        }
    }

    /// `%bxy`: to the `y` that ends the `x` here.
    fn balance(&mut self, at: usize, p: usize) -> End {
        let (Some(opens), Some(closes)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(malformed("unbalanced pattern"));
        };
        if self.subject.get(at) != Some(opens) {
            return Ok(None);
        }
        let mut inside = 1usize;
        for (i, byte) in self.subject.iter().enumerate().skip(at + 1) {
            if byte == closes {
                inside -= 1;
                if inside == 0 {
                    return Ok(Some(i + 1));
                }
            } else if byte == opens {
                inside += 1;
            }
        }
        self.count(self.subject.len() - at)?;
        Ok(None)
    }

    /// `%f[set]`: between a byte outside of the set and one in it; where the set ends in the pattern.
    fn frontier(&mut self, at: usize, p: usize) -> End {
        if self.pattern.get(p) != Some(&b'[') {
            return Err(malformed("missing '[' after '%f' in pattern"));
        }
        let behind = self.class_end(p)?;
        let before = at.checked_sub(1).map_or(0, |i| self.subject[i]);
        let here = self.subject.get(at).copied().unwrap_or(0);
        let crosses = !self.is_in_set(before, p, behind - 1) && self.is_in_set(here, p, behind - 1);
        Ok(crosses.then_some(behind))
    }

    /// Where the single item that begins at `p` ends.
    fn class_end(&self, p: usize) -> Result<usize, Raise> {
        let missing = || malformed("malformed pattern (missing ']')");
        match self.pattern[p] {
            b'%' if p + 1 >= self.pattern.len() => {
                Err(malformed("malformed pattern (ends with '%')"))
            }
            b'%' => Ok(p + 2),
            b'[' => {
                let mut i = p + 1;
                if self.pattern.get(i) == Some(&b'^') {
                    i += 1;
                }
                loop {
                    let byte = self.pattern.get(i).ok_or_else(missing)?;
                    i += 1;
                    if *byte == b'%' && i < self.pattern.len() {
                        i += 1;
                    }
                    if self.pattern.get(i) == Some(&b']') {
                        return Ok(i + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the item of `p..behind` fits the byte at `at`.
    fn fits(&self, at: usize, p: usize, behind: usize) -> bool {
        let Some(byte) = self.subject.get(at) else {
            return false;
        };
        match self.pattern[p] {
            b'.' => true,
            b'%' => is_of_class(*byte, self.pattern[p + 1]),
            b'[' => self.is_in_set(*byte, p, behind - 1),
            other => other == *byte,
        }
    }

    /// Whether a byte is in the set whose brackets are at `p` and `last`.
    fn is_in_set(&self, byte: u8, p: usize, last: usize) -> bool {
        let mut i = p + 1;
        let negated = self.pattern[i] == b'^';
        if negated {
            i += 1;
        }
        while i < last {
            let here = self.pattern[i];
            if here == b'%' {
                if is_of_class(byte, self.pattern[i + 1]) {
                    return !negated;
                }
                i += 2;
            } else if self.pattern[i + 1] == b'-' && i + 2 < last {
                if (here..=self.pattern[i + 2]).contains(&byte) {
                    return !negated;
                }
                i += 3;
            } else {
                if here == byte {
                    return !negated;
                }
                i += 1;
            }
        }
        negated
    }
}

/// Whether a byte is of the class that follows a `%`; in upper case, whether it is not.
fn is_of_class(byte: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is != class.is_ascii_uppercase()
}
