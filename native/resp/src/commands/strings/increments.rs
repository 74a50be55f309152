//! Strings as numbers.

use super::with;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::extended::Extended;
use crate::commands::numbers::{format_i64, parse_i64, I64_TEXT};
use crate::forms::Text;

/// INCR key
pub fn incr(cx: &mut Context<'_, '_>) -> Outcome {
    add(cx, 1)
}

/// DECR key
pub fn decr(cx: &mut Context<'_, '_>) -> Outcome {
    add(cx, -1)
}

/// INCRBY key increment
pub fn incrby(cx: &mut Context<'_, '_>) -> Outcome {
    let by = integer(cx.args.at(2))?;
    add(cx, by)
}

/// DECRBY key decrement
pub fn decrby(cx: &mut Context<'_, '_>) -> Outcome {
    let by = integer(cx.args.at(2))?
        .checked_neg()
        .ok_or_else(|| Abort::error("ERR decrement would overflow"))?;
    add(cx, by)
}

fn add(cx: &mut Context<'_, '_>, by: i64) -> Outcome {
    let key = cx.args.at(1);
    let (old, expiry) = with(cx.turn, cx.app, key, |text| match text {
        Some(text) => (parse_i64(text.value), text.expiry),
        None => (Some(0), None),
    })?;
    let new = old
        .ok_or_else(errors::not_an_integer)?
        .checked_add(by)
        .ok_or_else(|| Abort::error("ERR increment or decrement would overflow"))?;
    let mut digits = [0; I64_TEXT];
    cx.turn
        .put_vertex(cx.app, key, format_i64(new, &mut digits), expiry)?;
    cx.reply.integer(new);
    Ok(())
}

/// INCRBYFLOAT key increment
pub fn incrbyfloat(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let (old, expiry) = with(cx.turn, cx.app, key, |text| match text {
        Some(text) => (Extended::parse(text.value), text.expiry),
        None => (Extended::parse(b"0"), None),
    })?;
    let old = old.ok_or_else(errors::not_a_float)?;
    let by = Extended::parse(cx.args.at(2)).ok_or_else(errors::not_a_float)?;
    let new = old
        .add(&by)
        .ok_or_else(|| Abort::error("ERR increment would produce NaN or Infinity"))?
        .text();
    cx.turn.put_vertex(cx.app, key, new.as_bytes(), expiry)?;
    cx.forms
        .note_text(cx.app, key, Text::Embedded, new.as_bytes());
    cx.reply.bulk(new.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn integers() {
        Client::new().script(
            "incr k => :1
             incrby k 41 => :42
             decr k => :41
             decrby k 42 => :-1
             get k => $2 -1
             set k 9223372036854775807 => +OK
             incr k => -ERR increment or decrement would overflow
             decrby k -9223372036854775808 => -ERR decrement would overflow
             incrby k 1.5 => -ERR value is not an integer or out of range
             set k 010 => +OK
             incr k => -ERR value is not an integer or out of range
             set e 1 ex 100 => +OK
             incr e => :2
             ttl e => :100",
        );
    }

    #[test]
    fn floats() {
        Client::new().script(
            "set k 10.50 => +OK
             incrbyfloat k 0.1 => $4 10.6
             incrbyfloat k -5 => $3 5.6
             set k 5.0e3 => +OK
             incrbyfloat k 2.0e2 => $4 5200
             incrbyfloat k inf => -ERR increment would produce NaN or Infinity
             incrbyfloat k x => -ERR value is not a valid float
             set k x => +OK
             incrbyfloat k 1 => -ERR value is not a valid float
             set e 1 ex 100 => +OK
             incrbyfloat e 1 => $1 2
             ttl e => :100",
        );
    }
}
