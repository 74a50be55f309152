//! What the blocking commands share: reading the timeout, and waiting.

use super::extended::Extended;
use super::numbers;
use crate::command::{Abort, Block, Context, OnTimeout, Outcome};

/// Milliseconds from which on a time would lie beyond 64 bits: as of now, some years more or less.
const FARTHEST: f64 = (i64::MAX - (1 << 41)) as f64;

/// A timeout argument in seconds, as milliseconds rounded up; `None` waits for ever.
///
/// The words are those of Redis 7.2; 7.0 calls what is too large negative.
pub fn timeout(text: &[u8]) -> Result<Option<u64>, Abort> {
    let seconds = match (numbers::parse_f64(text), Extended::parse(text)) {
        (Some(seconds), _) => seconds,
        (None, Some(extended)) => extended.clamped(),
        (None, None) => {
            return Err(Abort::error("ERR timeout is not a float or out of range"));
        }
    };
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds >= FARTHEST {
        return Err(Abort::error("ERR timeout is out of range"));
    }
    if milliseconds < 0.0 {
        return Err(Abort::error("ERR timeout is negative"));
    }
    Ok((milliseconds > 0.0).then_some(milliseconds as u64))
}

/// A timeout argument in milliseconds; `None` waits for ever.
pub fn milliseconds(text: &[u8], now_ms: i64) -> Result<Option<u64>, Abort> {
    let milliseconds = numbers::parse_i64(text)
        .ok_or_else(|| Abort::error("ERR timeout is not an integer or out of range"))?;
    let milliseconds =
        u64::try_from(milliseconds).map_err(|_| Abort::error("ERR timeout is negative"))?;
    if milliseconds > i64::MAX as u64 - now_ms.unsigned_abs() {
        return Err(Abort::error("ERR timeout is out of range"));
    }
    Ok((milliseconds > 0).then_some(milliseconds))
}

/// The keys to try: all of them, or, of a client that waited, the one that woke it. So a client is served from
/// the key that became ready first, whatever became of the others meanwhile.
pub fn candidates<'a>(
    cx: &Context<'a, '_>,
    keys: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    let woken_by = cx.woken_by;
    keys.filter(move |key| woken_by.is_none_or(|ready| ready == *key))
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
        keeps_changes: false,
        if_gone: false,
        resume: Box::default(),
    }))
}
