//! A client's read buffer with the parser that walks it.
//!
//! **Invariant.** `start..end` are the bytes got and not yet consumed; the current request begins at `start`.
//! The buffer grows with what has arrived, never with what was promised.

use super::stream::Stream;
use crate::protocol::Parser;
use std::io::{self, Read};

/// Buffer of an active client; most turns of a pipelining client fit.
const SMALL: usize = 16 << 10;
/// Most bytes read from one client before the others have their turn.
const READ_PER_TURN: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes from `start` that the current request is known to need.
    need: usize,
    /// Walks the current request.
    pub parser: Parser,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// Everything there was is in the buffer.
    Drained,
    /// There may be more: read again without waiting for an event.
    More,
    /// The client closed its end, or the connection broke.
    Closed,
}

impl Input {
    /// Bytes waiting.
    #[inline]
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes waiting that were not looked at yet: as Redis counts them, an argument that has not come whole is one.
    pub(crate) fn unread(&self) -> usize {
        self.waiting().len().saturating_sub(self.parser.passed())
    }

    /// Bytes of memory held.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The parser and the bytes it walks.
    #[inline]
    pub(crate) fn split(&mut self) -> (&mut Parser, &[u8]) {
        (&mut self.parser, &self.buffer[self.start..self.end])
    }

    /// Drops the current request, `len` bytes long.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.start += len;
        self.need = 0;
        self.parser.restart();
    }

    /// Tells that the current request needs `bytes` from its start.
    pub(crate) fn expect(&mut self, bytes: usize) {
        self.need = bytes;
    }

    /// Whether reading on makes sense: not while whole requests fill the buffer.
    pub(crate) fn wants_more(&self) -> bool {
        self.end - self.start < self.need.max(READ_PER_TURN)
    }

    /// Reads what is there; `all` goes on after a short read (the other end is known to have closed).
    pub(crate) fn read(&mut self, stream: &mut Stream, all: bool) -> ReadEnd {
        let mut got = 0;
        loop {
            if got >= READ_PER_TURN {
                return ReadEnd::More;
            }
            self.make_room();
            let room = self.buffer.len() - self.end;
            match stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return ReadEnd::Closed,
                Ok(n) => {
                    self.end += n;
                    got += n;
                    // A short read drains a stream socket (epoll(7), question 9).
                    if n < room && !all && stream.is_plain() {
                        return ReadEnd::Drained;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return ReadEnd::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return ReadEnd::Closed,
            }
        }
    }

    /// Gives the memory of an idle client back.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end {
            self.buffer = Vec::new();
            (self.start, self.end) = (0, 0);
            self.parser = Parser::default();
        }
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end * 2 >= self.buffer.len() {
            // Double: at most twice what has arrived, whatever was promised; less if the request is known to need less.
            let double = (self.buffer.len() * 2).max(SMALL);
            let size = if self.need > self.buffer.len() {
                self.need.min(double)
            } else {
                double
            };
            self.buffer.resize(size, 0);
        }
    }
}
