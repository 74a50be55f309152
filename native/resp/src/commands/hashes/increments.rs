//! Fields as numbers.

use super::{open, open_or_create, put_field, value};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::extended::Extended;
use crate::commands::numbers::{format_i64, parse_i64, I64_TEXT};

/// HINCRBY key field increment
pub fn hincrby(cx: &mut Context<'_, '_>) -> Outcome {
    let by = integer(cx.args.at(3))?;
    let new = read(cx, |value| {
        value
            .map_or(Some(0), parse_i64)
            .ok_or_else(|| Abort::error("ERR hash value is not an integer"))
    })?
    .checked_add(by)
    .ok_or_else(|| Abort::error("ERR increment or decrement would overflow"))?;
    let mut digits = [0; I64_TEXT];
    write(cx, format_i64(new, &mut digits))?;
    cx.reply.integer(new);
    Ok(())
}

/// HINCRBYFLOAT key field increment
pub fn hincrbyfloat(cx: &mut Context<'_, '_>) -> Outcome {
    let by = Extended::parse(cx.args.at(3)).ok_or_else(errors::not_a_float)?;
    if !by.is_finite() {
        return Err(Abort::error("ERR value is NaN or Infinity"));
    }
    let new = read(cx, |value| {
        Extended::parse(value.unwrap_or(b"0"))
            .ok_or_else(|| Abort::error("ERR hash value is not a float"))
    })?
    .add(&by)
    .ok_or_else(|| Abort::error("ERR increment would produce NaN or Infinity"))?
    .text();
    write(cx, new.as_bytes())?;
    cx.reply.bulk(new.as_bytes());
    Ok(())
}

fn read<R>(
    cx: &Context<'_, '_>,
    parse: impl FnOnce(Option<&[u8]>) -> Result<R, Abort>,
) -> Result<R, Abort> {
    let Some(header) = open(cx, cx.args.at(1))? else {
        return parse(None);
    };
    let found = value(cx.turn, cx.app, &header, cx.args.at(2))?;
    parse(found.as_deref())
}

fn write(cx: &mut Context<'_, '_>, value: &[u8]) -> Result<(), Abort> {
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    let mut header = open_or_create(cx, key)?;
    put_field(cx, &mut header, field, value)?;
    cx.turn.put_header(cx.app, key, &header)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn counting_in_fields() {
        Client::new().script(
            "hincrby h n 5 => :5
             hincrby h n -7 => :-2
             hset h max 9223372036854775807 text x => :2
             hincrby h max 1 => -ERR increment or decrement would overflow
             hincrby h text 1 => -ERR hash value is not an integer
             hincrby h n x => -ERR value is not an integer or out of range
             hincrbyfloat h f 10.50 => $4 10.5
             hincrbyfloat h f 0.1 => $4 10.6
             hincrbyfloat h text 1 => -ERR hash value is not a float
             hincrbyfloat h f inf => -ERR value is NaN or Infinity
             hincrbyfloat h f x => -ERR value is not a valid float
             hlen h => :4",
        );
    }
}
