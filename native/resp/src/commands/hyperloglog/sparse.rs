//! The sparse encoding: runs of registers.
//!
//! ```text
//! 00xxxxxx           x + 1 registers are 0
//! 01xxxxxx yyyyyyyy  xy + 1 registers are 0
//! 1vvvvvxx           x + 1 registers are v + 1
//! ```
//! **Theory.** Changing a register splits the run that it lies in, and then equal neighbours are joined within five runs from the
//! one before: no canonical form, but the very one that Redis comes to, which clients compare.

use super::dense::REGISTERS;
use super::Corrupt;

const MAX_ZERO: usize = 64;
const MAX_VALUE_RUN: usize = 4;
const MAX_VALUE: u8 = 32;
/// How many runs are looked at for neighbours to join.
const JOIN_WITHIN: usize = 5;

/// A run as it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Registers in it.
    len: usize,
    /// What they are.
    value: u8,
    /// Bytes that it takes.
    bytes: usize,
}

impl Run {
    /// The run that begins at `at`.
    fn read(body: &[u8], at: usize) -> Option<Run> {
        let first = *body.get(at)?;
        Some(if first & 0x80 != 0 {
            Run {
                len: usize::from(first & 3) + 1,
                value: ((first >> 2) & 31) + 1,
                bytes: 1,
            }
        } else if first & 0x40 != 0 {
            let low = *body.get(at + 1)?;
            Run {
                len: ((usize::from(first & 0x3f) << 8) | usize::from(low)) + 1,
                value: 0,
                bytes: 2,
            }
        } else {
            Run {
                len: usize::from(first & 0x3f) + 1,
                value: 0,
                bytes: 1,
            }
        })
    }
}

/// Appends a run of zeros.
pub(super) fn push_zeros(out: &mut Vec<u8>, len: usize) {
    let len_1 = len.saturating_sub(1);
    match len {
        0 => {}
        1..=MAX_ZERO => out.push(len_1 as u8),
        _ => out.extend_from_slice(&[0x40 | (len_1 >> 8) as u8, len_1 as u8]),
    }
}

fn value_run(value: u8, len: usize) -> u8 {
    0x80 | ((value - 1) << 2) | (len as u8 - 1)
}

fn push_values(out: &mut Vec<u8>, value: u8, len: usize) {
    if len > 0 {
        out.push(value_run(value, len));
    }
}

/// Visits the runs: first register, length, value. All registers must be there, and no more.
pub(super) fn runs(body: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
    let (mut at, mut first) = (0, 0);
    while at < body.len() {
        let run = Run::read(body, at).ok_or(Corrupt)?;
        if first + run.len > REGISTERS {
            return Err(Corrupt);
        }
        visit(first, run.len, run.value);
        at += run.bytes;
        first += run.len;
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(Corrupt)
    }
}

/// The runs as PFDEBUG DECODE shows them.
pub(super) fn decode(body: &[u8]) -> Result<String, Corrupt> {
    let mut shown = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let run = Run::read(body, at).ok_or(Corrupt)?;
        shown.push(match (run.value, run.bytes) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (value, _) => format!("v:{value},{}", run.len),
        });
        at += run.bytes;
    }
    Ok(shown.join(" "))
}

/// What became of a register.
pub(super) enum Raised {
    /// It was as high already.
    Not,
    /// It was raised.
    Done,
    /// The value must become dense for it.
    TooLarge,
}

/// Raises a register of the value `bytes`, whose runs begin at `head`, to at least `count`; it is `most` bytes long at most.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    (head, most): (usize, usize),
    index: usize,
    count: u8,
) -> Result<Raised, Corrupt> {
    if count > MAX_VALUE {
        return Ok(Raised::TooLarge);
    }
    let (mut at, mut first, mut before) = (head, 0, head);
    let run = loop {
        let run = Run::read(bytes, at).ok_or(Corrupt)?;
        if index < first + run.len {
            break run;
        }
        before = at;
        at += run.bytes;
        first += run.len;
    };
    if run.value >= count {
        return Ok(Raised::Not);
    }
    let (left, right) = (index - first, first + run.len - 1 - index);
    let mut split = Vec::with_capacity(5);
    if run.value == 0 {
        push_zeros(&mut split, left);
        push_values(&mut split, count, 1);
        push_zeros(&mut split, right);
    } else {
        push_values(&mut split, run.value, left);
        push_values(&mut split, count, 1);
        push_values(&mut split, run.value, right);
    }
    if split.len() > run.bytes && bytes.len() + split.len() - run.bytes > most {
        return Ok(Raised::TooLarge);
    }
    bytes.splice(at..at + run.bytes, split);
    join(bytes, before);
    Ok(Raised::Done)
}

/// Joins equal neighbours from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_WITHIN {
        let Some(run) = Run::read(bytes, at) else {
            return;
        };
        let next = Run::read(bytes, at + run.bytes);
        match next {
            Some(next) if run.value > 0 && next.value == run.value => {
                let len = run.len + next.len;
                if len <= MAX_VALUE_RUN {
                    bytes[at + 1] = value_run(run.value, len);
                    bytes.remove(at);
                    continue;
                }
            }
            _ => {}
        }
        at += run.bytes;
    }
}
