//! A window over a file: what was read in and not yet understood.
//!
//! **Theory.** A part is read from the window's front. If it reaches beyond the window, the window grows, at least to twice its size, and
//! the part is read again from its start: each byte is looked at a few times at most. What was understood goes into the sum.
//!
//! **Invariant.** The window is never larger than twice the part at its front, or [`CHUNK`].

use super::super::crc64;
use super::super::read::{Input, Lack};
use super::{Problem, EACH, MOST_EXPANDED};
use std::io::Read;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

pub(super) struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    /// Where in `bytes` the front is.
    front: usize,
    /// Where in the file it is.
    at: u64,
    /// Bytes of the file that were not read in.
    beyond: u64,
    /// Of all that was understood.
    sum: u64,
    /// What a part may take in memory beside its bytes.
    most: usize,
}

impl<R: Read> Window<R> {
    /// A window at byte `at` of a file of `size` bytes, where its source stands.
    pub(super) fn new(source: R, at: u64, size: u64) -> Window<R> {
        Window {
            source,
            bytes: Vec::new(),
            front: 0,
            at,
            beyond: size.saturating_sub(at),
            sum: 0,
            most: MOST_EXPANDED,
        }
    }

    /// Lets a part take less.
    #[cfg(test)]
    pub(super) fn bound(&mut self, most: usize) {
        self.most = most;
    }

    /// Where the front is in the file.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The sum of all that was understood.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// Bytes from the front to the file's end.
    pub(super) fn left(&self) -> u64 {
        (self.bytes.len() - self.front) as u64 + self.beyond
    }

    /// Makes the window hold `wanted` bytes from the front on, or all that there are.
    fn fill(&mut self, wanted: usize) -> Result<(), Problem> {
        self.bytes.drain(..self.front);
        self.front = 0;
        let held = self.bytes.len();
        let missing = wanted.max(CHUNK).saturating_sub(held) as u64;
        let missing = missing.min(self.beyond);
        let mut part = (&mut self.source).take(missing);
        let found = part.read_to_end(&mut self.bytes)? as u64;
        self.beyond -= found;
        if found < missing {
            let end = self.at + self.bytes.len() as u64;
            return Err(Problem::fault(
                end,
                "the file became shorter while it was read",
            ));
        }
        Ok(())
    }

    /// What `read` makes of the front, which then lies behind it; `what` is what is expected there.
    pub(super) fn read<T>(
        &mut self,
        what: &str,
        mut read: impl FnMut(&mut Input<'_>) -> Option<T>,
    ) -> Result<T, Problem> {
        loop {
            let held = &self.bytes[self.front..];
            let mut input = Input::window(held, self.beyond, (self.most, EACH));
            let made = read(&mut input);
            let used = held.len() - input.left();
            if let Some(made) = made {
                self.pass(used);
                return Ok(made);
            }
            let at = self.at + used as u64;
            match input.lack() {
                Lack::Bytes(more) => {
                    let wanted = (used + more).max(2 * held.len());
                    self.fill(wanted)?;
                }
                Lack::End => {
                    let end = self.at + self.left();
                    let text =
                        format!("{what} needs more than is there: the file ends at byte {end}");
                    return Err(Problem::fault(at, text));
                }
                Lack::Room => {
                    let text = format!("{what} takes more than {} bytes of memory", self.most);
                    return Err(Problem::fault(at, text));
                }
                Lack::Nothing => return Err(Problem::fault(at, format!("{what} is malformed"))),
            }
        }
    }

    fn pass(&mut self, len: usize) {
        let passed = &self.bytes[self.front..self.front + len];
        self.sum = crc64::more(self.sum, passed);
        self.front += len;
        self.at += len as u64;
    }
}
