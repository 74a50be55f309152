//! What the blocking commands share: reading the timeout, and waiting.

use super::numbers;
use crate::command::{Abort, Block, Context, OnTimeout, Outcome};

/// A timeout argument in seconds, as milliseconds rounded up; `None` waits for ever.
pub fn timeout(text: &[u8]) -> Result<Option<u64>, Abort> {
    let seconds = numbers::parse_f64(text)
        .ok_or_else(|| Abort::error("ERR timeout is not a float or out of range"))?;
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds >= i64::MAX as f64 {
        return Err(Abort::error("ERR timeout is out of range"));
    }
    if milliseconds < 0.0 {
        return Err(Abort::error("ERR timeout is negative"));
    }
    Ok((milliseconds > 0.0).then_some(milliseconds as u64))
}

/// Waits for one of `keys`, with a null array when the time is over; where waiting is forbidden the command
/// has replied `at_once` and is done.
pub fn wait<'a>(
    cx: &mut Context<'_, '_>,
    keys: impl Iterator<Item = &'a [u8]>,
    timeout_ms: Option<u64>,
    at_once: OnTimeout,
) -> Outcome {
    if cx.must_not_block {
        match at_once {
            OnTimeout::NullArray => cx.reply.null_array(),
            OnTimeout::NullBulk => cx.reply.null(),
        }
        return Ok(());
    }
    Err(Abort::Block(Block {
        keys: keys.map(Into::into).collect(),
        timeout_ms,
        on_timeout: OnTimeout::NullArray,
    }))
}
