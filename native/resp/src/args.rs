//! The arguments of one command: spans into the bytes it arrived in, so parsing copies nothing.

use std::ops::Index;

/// Where an argument lies in its buffer: start and end.
pub type Span = (usize, usize);

/// A command's arguments; argument 0 is its name as the client wrote it.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments that lie at `spans` of `buffer`.
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Self { buffer, spans }
    }

    /// How many there are, the name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `i`, if there is one.
    #[inline]
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        self.spans
            .get(i)
            .map(|(start, end)| &self.buffer[*start..*end])
    }

    /// Argument `i`; the dispatcher has checked the arity.
    #[inline]
    pub fn at(&self, i: usize) -> &'a [u8] {
        let (start, end) = self.spans[i];
        &self.buffer[start..end]
    }

    /// The first `len` arguments, or as many as there are.
    pub fn to(&self, len: usize) -> Args<'a> {
        Args {
            buffer: self.buffer,
            spans: &self.spans[..len.min(self.spans.len())],
        }
    }

    /// The arguments from `i` on.
    pub fn from(&self, i: usize) -> Args<'a> {
        Args {
            buffer: self.buffer,
            spans: self.spans.get(i..).unwrap_or(&[]),
        }
    }

    /// All of them in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + 'a {
        let buffer = self.buffer;
        self.spans
            .iter()
            .map(move |(start, end)| &buffer[*start..*end])
    }

    /// Whether argument `i` is there and equals `word` (given in upper case) whatever its case.
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.get(i)
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, i: usize) -> &[u8] {
        self.at(i)
    }
}
