//! The incremental parser of requests.
//!
//! **Theory.** The parser keeps where it stands inside the current request, so bytes are looked at once however
//! they are cut; arguments are spans into the reader's buffer, so nothing is copied.
//!
//! **Invariant.** Spans are relative to the first byte of the current request: the reader may move its buffer
//! between calls as long as that byte stays in front. Nothing is allocated for what was promised but not sent.

use super::inline;
use crate::args::{Args, Span};
use std::fmt;

/// What a stranger may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument, bytes (Redis: `proto-max-bulk-len`).
    pub bulk: usize,
    /// Most arguments of one request.
    pub arguments: usize,
    /// Longest inline request and longest length line, bytes.
    pub line: usize,
}

impl Limits {
    /// For a client that is who it says.
    pub const AUTHENTICATED: Limits = Limits {
        bulk: 512 << 20,
        arguments: 1 << 20,
        line: 64 << 10,
    };
    /// For a client that has yet to say who it is; wide enough for HELLO with AUTH.
    pub const STRANGER: Limits = Limits {
        bulk: 16 << 10,
        arguments: 10,
        line: 64 << 10,
    };
}

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A whole request of this many bytes; [`Parser::args`] has its arguments (none in an empty request).
    Request(usize),
    /// The request goes on; at least this many bytes from its start are needed.
    Incomplete(usize),
}

/// The stream cannot be understood any further: reply and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `*n` where n is no number or beyond the limit.
    MultibulkLength,
    /// `*n` beyond what an unauthenticated client may send.
    UnauthenticatedMultibulkLength,
    /// `$n` where n is no number, negative or beyond the limit.
    BulkLength,
    /// `$n` beyond what an unauthenticated client may send.
    UnauthenticatedBulkLength,
    /// Something else than `$` where an argument must begin.
    ExpectedBulk(u8),
    /// A length line without an end.
    LengthLineTooLong,
    /// An inline request without an end.
    InlineTooLong,
    /// An inline request with an open quote.
    UnbalancedQuotes,
    /// An argument that is not followed by a line break.
    Unterminated,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            ProtocolError::MultibulkLength => f.write_str("invalid multibulk length"),
            ProtocolError::UnauthenticatedMultibulkLength => {
                f.write_str("unauthenticated multibulk length")
            }
            ProtocolError::BulkLength => f.write_str("invalid bulk length"),
            ProtocolError::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            ProtocolError::ExpectedBulk(got) => {
                write!(
                    f,
                    "expected '$', got '{}'",
                    char::from(*got).escape_default()
                )
            }
            ProtocolError::LengthLineTooLong => f.write_str("too big length line"),
            ProtocolError::InlineTooLong => f.write_str("too big inline request"),
            ProtocolError::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            ProtocolError::Unterminated => f.write_str("expected a line break after the argument"),
        }
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Parser {
    spans: Vec<Span>,
    /// Words of an inline request, unquoted; `spans` then point here.
    words: Vec<u8>,
    inline: bool,
    /// Next byte to look at.
    at: usize,
    /// Arguments still to come, if the array's length is known.
    missing: Option<usize>,
    /// Length of the argument that begins at `at`, if known.
    bulk: Option<usize>,
}

impl Parser {
    /// Goes on with the request at the start of `request`, which holds all bytes got so far from there on.
    ///
    /// # Errors
    /// [`ProtocolError`]: the stream is lost.
    #[inline]
    pub fn advance(&mut self, request: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        let mut missing = match self.missing {
            Some(missing) => missing,
            None => match request.first() {
                None => return Ok(Progress::Incomplete(1)),
                Some(b'*') => match self.array_length(request, limits)? {
                    Some(length) => length,
                    None => return Ok(Progress::Incomplete(request.len() + 1)),
                },
                Some(_) => return self.advance_inline(request, limits),
            },
        };
        while missing > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.bulk_length(request, limits)? {
                    Some(length) => length,
                    None => {
                        self.missing = Some(missing);
                        return Ok(Progress::Incomplete(request.len() + 1));
                    }
                },
            };
            let end = self.at + length;
            match request.get(end..end + 2) {
                Some(b"\r\n") => {
                    self.spans.push((self.at, end));
                    self.at = end + 2;
                    self.bulk = None;
                    missing -= 1;
                }
                Some(_) => return Err(ProtocolError::Unterminated),
                None => {
                    self.bulk = Some(length);
                    self.missing = Some(missing);
                    return Ok(Progress::Incomplete(end + 2));
                }
            }
        }
        Ok(Progress::Request(self.at))
    }

    /// Bytes of the current request that need not be looked at again.
    pub(crate) fn passed(&self) -> usize {
        self.at
    }

    /// The arguments of the whole request that [`Parser::advance`] found at the start of `request`.
    #[inline]
    pub fn args<'a>(&'a self, request: &'a [u8]) -> Args<'a> {
        let source = if self.inline { &self.words } else { request };
        Args::new(source, &self.spans)
    }

    /// Forgets the current request: the next [`Parser::advance`] begins another (or the same one again).
    #[inline]
    pub fn restart(&mut self) {
        self.spans.clear();
        self.inline = false;
        self.at = 0;
        self.missing = None;
        self.bulk = None;
    }

    fn array_length(
        &mut self,
        request: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let length = match length_line(request, 1, limits)? {
            Line::Open => return Ok(None),
            Line::Malformed => return Err(ProtocolError::MultibulkLength),
            Line::Number(length, next) => {
                self.at = next;
                // Zero and the null array are empty requests.
                usize::try_from(length).unwrap_or(0)
            }
        };
        if length > limits.arguments {
            return Err(if limits.arguments < Limits::AUTHENTICATED.arguments {
                ProtocolError::UnauthenticatedMultibulkLength
            } else {
                ProtocolError::MultibulkLength
            });
        }
        Ok(Some(length))
    }

    #[inline]
    fn bulk_length(
        &mut self,
        request: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        match request.get(self.at) {
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::ExpectedBulk(*other)),
            None => return Ok(None),
        }
        match length_line(request, self.at + 1, limits)? {
            Line::Open => Ok(None),
            Line::Malformed => Err(ProtocolError::BulkLength),
            Line::Number(length, next) => {
                let length = usize::try_from(length).map_err(|_| ProtocolError::BulkLength)?;
                if length > limits.bulk {
                    return Err(if limits.bulk == Limits::STRANGER.bulk {
                        ProtocolError::UnauthenticatedBulkLength
                    } else {
                        ProtocolError::BulkLength
                    });
                }
                self.at = next;
                Ok(Some(length))
            }
        }
    }

    fn advance_inline(
        &mut self,
        request: &[u8],
        limits: &Limits,
    ) -> Result<Progress, ProtocolError> {
        let unseen = &request[self.at.min(request.len())..];
        let Some(offset) = unseen.iter().position(|byte| *byte == b'\n') else {
            if request.len() > limits.line {
                return Err(ProtocolError::InlineTooLong);
            }
            self.at = request.len();
            return Ok(Progress::Incomplete(request.len() + 1));
        };
        let end = self.at + offset;
        if end > limits.line {
            return Err(ProtocolError::InlineTooLong);
        }
        let line = request[..end]
            .strip_suffix(b"\r")
            .unwrap_or(&request[..end]);
        self.words.clear();
        self.inline = true;
        inline::split(line, &mut self.words, &mut self.spans)
            .ok_or(ProtocolError::UnbalancedQuotes)?;
        self.at = end + 1;
        Ok(Progress::Request(end + 1))
    }
}

/// A length line as far as it is there.
enum Line {
    /// Its end is not there yet.
    Open,
    /// It is no number.
    Malformed,
    /// Its number, and where the next line begins.
    Number(i64, usize),
}

/// Reads a decimal number that ends in CR LF, without leading zeros or plus sign.
#[inline]
fn length_line(request: &[u8], start: usize, limits: &Limits) -> Result<Line, ProtocolError> {
    let mut at = start;
    let negative = request.get(at) == Some(&b'-');
    if negative {
        at += 1;
    }
    let first = at;
    let mut value: i64 = 0;
    loop {
        match request.get(at) {
            Some(digit @ b'0'..=b'9') => {
                value = match value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(i64::from(digit - b'0')))
                {
                    Some(value) => value,
                    None => return Ok(Line::Malformed),
                };
                at += 1;
            }
            Some(b'\r') => break,
            Some(_) => return Ok(Line::Malformed),
            None if at - start > limits.line => return Err(ProtocolError::LengthLineTooLong),
            None => return Ok(Line::Open),
        }
    }
    let leading_zero = at - first > 1 && request[first] == b'0';
    match request.get(at + 1) {
        None => Ok(Line::Open),
        Some(b'\n') if at > first && !leading_zero => {
            Ok(Line::Number(if negative { -value } else { value }, at + 2))
        }
        Some(_) => Ok(Line::Malformed),
    }
}
