//! A client's replies on their way out.
//!
//! **Theory.** Replies are encoded straight into one buffer. Those of a turn wait behind a *gate* until the
//! turn's commit is durable; what lies before the first gate may be written to the socket.
//!
//! **Invariant.** `sent <= released <= buffer.len()`, and gates come in order.

use super::stream::Stream;
use crate::reply::Reply;
use hyperdb_graph::Commit;
use std::collections::VecDeque;
use std::io::{self, Write};

/// Memory kept by a client whose replies are all out.
const KEEP: usize = 64 << 10;

#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Where handlers write.
    pub reply: Reply,
    sent: usize,
    released: usize,
    gates: VecDeque<(Commit, usize)>,
    /// Since when (milliseconds) more than the soft limit waits.
    pub soft_since: Option<i64>,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteEnd {
    /// All that may go out is out.
    Done,
    /// The socket is full.
    Full,
    /// The connection broke.
    Broken,
}

impl Output {
    /// Bytes that wait; while a script writes into another buffer, none.
    pub(crate) fn pending(&self) -> usize {
        self.reply.buffer.len().saturating_sub(self.sent)
    }

    /// Bytes of memory held.
    pub(crate) fn held(&self) -> usize {
        self.reply.buffer.capacity()
    }

    /// Whether something may go out.
    pub(crate) fn has_released(&self) -> bool {
        self.released > self.sent
    }

    /// Whether something waits for a commit.
    pub(crate) fn is_gated(&self) -> bool {
        !self.gates.is_empty()
    }

    /// Lets all go that was written so far.
    #[inline]
    pub(crate) fn release_all(&mut self) {
        self.gates.clear();
        self.released = self.reply.buffer.len();
    }

    /// Makes what was written since the last gate wait for `commit`.
    pub(crate) fn gate(&mut self, commit: Commit) {
        let end = self.reply.buffer.len();
        match self.gates.back_mut() {
            Some((last, at)) if *last == commit => *at = end,
            _ => self.gates.push_back((commit, end)),
        }
    }

    /// Lets go what waited for `durable` or less.
    pub(crate) fn release(&mut self, durable: Commit) {
        while let Some((commit, end)) = self.gates.front().copied() {
            if commit > durable {
                return;
            }
            self.released = end;
            self.gates.pop_front();
        }
    }

    /// Writes what may go out.
    pub(crate) fn write(&mut self, stream: &mut Stream) -> WriteEnd {
        while self.sent < self.released {
            match stream.write(&self.reply.buffer[self.sent..self.released]) {
                Ok(0) => return WriteEnd::Broken,
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.compact();
                    return WriteEnd::Full;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return WriteEnd::Broken,
            }
        }
        self.compact();
        match stream.flush() {
            Ok(()) => WriteEnd::Done,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => WriteEnd::Full,
            Err(_) => WriteEnd::Broken,
        }
    }

    /// Drops what was sent, when cheap.
    fn compact(&mut self) {
        let len = self.reply.buffer.len();
        if self.sent == len {
            self.reply.buffer.clear();
            self.reply.buffer.shrink_to(KEEP);
        } else if self.sent >= KEEP && self.sent * 2 >= len {
            self.reply.buffer.drain(..self.sent);
        } else {
            return;
        }
        self.released -= self.sent;
        for (_, end) in &mut self.gates {
            *end -= self.sent;
        }
        self.sent = 0;
    }

    /// Gives the memory of an idle client back.
    pub(crate) fn shrink(&mut self) {
        if self.reply.buffer.is_empty() {
            self.reply.buffer = Vec::new();
        }
    }
}
