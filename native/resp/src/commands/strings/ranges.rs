//! Parts of a string.

use super::{check_length, clamp_range, copied, with};
use crate::command::{Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::forms::Text;

/// STRLEN key
pub fn strlen(cx: &mut Context<'_, '_>) -> Outcome {
    let length = with(cx.turn, cx.app, cx.args.at(1), |text| {
        text.map_or(0, |text| text.value.len())
    })?;
    cx.reply.integer(length as i64);
    Ok(())
}

/// APPEND key value
pub fn append(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, more) = (cx.args.at(1), cx.args.at(2));
    let found = copied(cx, key)?;
    let is_new = found.is_none();
    let (mut value, expiry) = found.unwrap_or_default();
    check_length(value.len(), more.len())?;
    value.extend_from_slice(more);
    cx.turn.put_vertex(cx.app, key, &value, expiry)?;
    if !is_new {
        cx.forms.note_text(cx.app, key, Text::Raw, &value);
    }
    cx.reply.integer(value.len() as i64);
    Ok(())
}

/// SETRANGE key offset value
pub fn setrange(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, piece) = (cx.args.at(1), cx.args.at(3));
    let offset = usize::try_from(integer(cx.args.at(2))?)
        .map_err(|_| Abort::error("ERR offset is out of range"))?;
    let (mut value, expiry) = copied(cx, key)?.unwrap_or_default();
    if !piece.is_empty() {
        check_length(offset, piece.len())?;
        let end = offset + piece.len();
        if value.len() < end {
            value.resize(end, 0);
        }
        value[offset..end].copy_from_slice(piece);
        cx.turn.put_vertex(cx.app, key, &value, expiry)?;
        cx.forms.note_text(cx.app, key, Text::Raw, &value);
    }
    cx.reply.integer(value.len() as i64);
    Ok(())
}

/// GETRANGE key start end, and its old name SUBSTR
pub fn getrange(cx: &mut Context<'_, '_>) -> Outcome {
    let (start, end) = (integer(cx.args.at(2))?, integer(cx.args.at(3))?);
    let reply = &mut *cx.reply;
    with(cx.turn, cx.app, cx.args.at(1), |text| {
        let value = text.map_or(&b""[..], |text| text.value);
        reply.bulk(match clamp_range(start, end, value.len()) {
            Some((first, last)) => &value[first..=last],
            None => b"",
        });
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn parts() {
        Client::new().script(
            "append k Hello => :5
             append k World => :10
             strlen k => :10
             strlen no => :0
             getrange k 0 3 => $4 Hell
             getrange k -3 -1 => $3 rld
             substr k 5 100 => $5 World
             getrange k 5 3 => $0
             getrange k -1 -5 => $0
             getrange no 0 -1 => $0
             getrange k -9223372036854775808 9223372036854775807 => $10 HelloWorld
             getrange k a 1 => -ERR value is not an integer or out of range
             setrange k 5 Redis => :10
             get k => $10 HelloRedis
             setrange k -1 x => -ERR offset is out of range
             setrange k 536870912 x => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
             setrange k 9223372036854775807 x => -ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        );
    }

    #[test]
    fn a_gap_is_filled_with_zeros_and_an_empty_piece_makes_nothing() {
        let mut client = Client::new();
        assert_eq!(client.run(&["setrange", "k", "3", "x"]), ":4");
        assert_eq!(client.run_bytes(&[b"get", b"k"]), b"$4\r\n\0\0\0x\r\n");
        assert_eq!(client.run(&["setrange", "no", "3", ""]), ":0");
        assert_eq!(client.line("exists no"), ":0");
    }
}
