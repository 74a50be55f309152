//! Strings as arrays of bits; bit 0 is the highest of byte 0.

use super::{check_length, clamp_range, copied, with, MAX_STRING};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::{integer, option};
use crate::commands::numbers::parse_i64;
use crate::forms::Text;

/// Reads the offset of a bit; `#n` counts in fields of `width` bits where that is allowed.
pub(super) fn bit_offset(text: &[u8], width: Option<u64>) -> Result<u64, Abort> {
    let (digits, scale) = match (text, width) {
        ([b'#', rest @ ..], Some(width)) => (rest, width),
        _ => (text, 1),
    };
    parse_i64(digits)
        .and_then(|offset| u64::try_from(offset).ok())
        .and_then(|offset| offset.checked_mul(scale))
        .filter(|offset| offset >> 3 < MAX_STRING as u64)
        .ok_or_else(|| Abort::error("ERR bit offset is not an integer or out of range"))
}

/// SETBIT key offset value
pub fn setbit(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(1);
    let offset = bit_offset(cx.args.at(2), None)?;
    let on = match parse_i64(cx.args.at(3)) {
        Some(bit @ (0 | 1)) => bit == 1,
        _ => return Err(Abort::error("ERR bit is not an integer or out of range")),
    };
    let (mut value, expiry) = copied(cx, key)?.unwrap_or_default();
    let (byte, mask) = place(offset);
    let grows = value.len() <= byte;
    if grows {
        check_length(byte, 1)?;
        value.resize(byte + 1, 0);
    }
    let before = value[byte] & mask != 0;
    if on {
        value[byte] |= mask;
    } else {
        value[byte] &= !mask;
    }
    if grows || before != on {
        cx.turn.put_vertex(cx.app, key, &value, expiry)?;
        cx.forms.note_text(cx.app, key, Text::Raw, &value);
    }
    cx.reply.integer(i64::from(before));
    Ok(())
}

/// GETBIT key offset
pub fn getbit(cx: &mut Context<'_, '_>) -> Outcome {
    let (byte, mask) = place(bit_offset(cx.args.at(2), None)?);
    let set = with(cx.turn, cx.app, cx.args.at(1), |text| {
        text.and_then(|text| text.value.get(byte))
            .is_some_and(|b| b & mask != 0)
    })?;
    cx.reply.integer(i64::from(set));
    Ok(())
}

fn place(offset: u64) -> (usize, u8) {
    ((offset >> 3) as usize, 0x80 >> (offset & 7))
}

/// BITCOUNT key [start end [BYTE | BIT]]
pub fn bitcount(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let count = with(cx.turn, cx.app, args.at(1), |text| {
        let Some(text) = text else { return Ok(0) };
        let bits = match args.len() {
            2 => Some((0, text.value.len() * 8)),
            4 | 5 => {
                let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
                if start < 0 && end < 0 && start > end {
                    return Ok(0);
                }
                let unit = range_unit(&args, 4)?;
                bit_range(start, end, unit, text.value.len())
            }
            _ => return Err(errors::syntax()),
        };
        Ok(bits.map_or(0, |(first, end)| count_ones(text.value, first, end)))
    })??;
    cx.reply.integer(count);
    Ok(())
}

/// Bits in a unit of the range: 8 for BYTE, which is the default, 1 for BIT.
fn range_unit(args: &crate::args::Args<'_>, at: usize) -> Result<usize, Abort> {
    if args.len() <= at {
        return Ok(8);
    }
    Ok([8, 1][option(args, at, &["BYTE", "BIT"])?])
}

/// A range in units as bits: the first, and one past the last.
fn bit_range(start: i64, end: i64, unit: usize, bytes: usize) -> Option<(usize, usize)> {
    clamp_range(start, end, bytes * 8 / unit).map(|(a, b)| (a * unit, (b + 1) * unit))
}

fn count_ones(value: &[u8], first: usize, end: usize) -> i64 {
    let mut count = 0u64;
    let (low, high) = (first / 8, end.div_ceil(8));
    for (at, byte) in value[low..high].iter().enumerate() {
        count += u64::from((byte & mask_of(low + at, first, end)).count_ones());
    }
    count as i64
}

/// Which bits of byte `at` lie in `first..end`.
fn mask_of(at: usize, first: usize, end: usize) -> u8 {
    let from = first.saturating_sub(at * 8).min(8);
    let to = end.saturating_sub(at * 8).min(8);
    let left = (0xffu16 >> from) as u8;
    let right = !(0xffu16 >> to) as u8;
    left & right
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
pub fn bitpos(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let wanted = match integer(args.at(2))? {
        bit @ (0 | 1) => bit == 1,
        _ => return Err(Abort::error("ERR The bit argument must be 1 or 0.")),
    };
    let found = with(cx.turn, cx.app, args.at(1), |text| {
        let Some(text) = text else {
            return Ok(if wanted { -1 } else { 0 });
        };
        let value = text.value;
        if args.len() > 6 {
            return Err(errors::syntax());
        }
        let start = if args.len() > 3 {
            integer(args.at(3))?
        } else {
            0
        };
        let unit = range_unit(&args, 5)?;
        let end = if args.len() > 4 {
            integer(args.at(4))?
        } else {
            i64::MAX
        };
        let from_end = |at: i64| {
            let total = (value.len() * 8 / unit) as i64;
            if at < 0 {
                at.saturating_add(total).max(0)
            } else {
                at
            }
        };
        let Some((first, end)) = bit_range(from_end(start), from_end(end), unit, value.len())
        else {
            return Ok(-1);
        };
        let within = find_bit(value, wanted, first, end).map(|at| at as i64);
        // Without an end the string counts as followed by zeros for ever.
        let beyond = if !wanted && args.len() <= 4 {
            end as i64
        } else {
            -1
        };
        Ok(within.unwrap_or(beyond))
    })??;
    cx.reply.integer(found);
    Ok(())
}

fn find_bit(value: &[u8], wanted: bool, first: usize, end: usize) -> Option<usize> {
    let low = first / 8;
    value[low..end.div_ceil(8)]
        .iter()
        .enumerate()
        .find_map(|(at, byte)| {
            let at = low + at;
            let byte = if wanted { *byte } else { !byte } & mask_of(at, first, end);
            (byte != 0).then(|| at * 8 + byte.leading_zeros() as usize)
        })
}

/// BITOP AND | OR | XOR | NOT destkey key [key ...]
pub fn bitop(cx: &mut Context<'_, '_>) -> Outcome {
    const OPERATIONS: [&str; 4] = ["AND", "OR", "XOR", "NOT"];
    let operation = option(&cx.args, 1, &OPERATIONS)?;
    let target = cx.args.at(2);
    let sources = cx.args.from(3);
    if OPERATIONS[operation] == "NOT" && sources.len() != 1 {
        return Err(Abort::error(
            "ERR BITOP NOT must be called with a single source key.",
        ));
    }
    let mut values = Vec::with_capacity(sources.len());
    for key in sources.iter() {
        values.push(copied(cx, key)?.unwrap_or_default().0);
    }
    let length = values.iter().map(Vec::len).max().unwrap_or(0);
    let byte = |value: &[u8], at: usize| value.get(at).copied().unwrap_or(0);
    let result: Vec<u8> = (0..length)
        .map(|at| {
            let first = byte(&values[0], at);
            let rest = values[1..].iter().map(|value| byte(value, at));
            match OPERATIONS[operation] {
                "AND" => rest.fold(first, |acc, b| acc & b),
                "OR" => rest.fold(first, |acc, b| acc | b),
                "XOR" => rest.fold(first, |acc, b| acc ^ b),
                _ => !first,
            }
        })
        .collect();
    if result.is_empty() {
        cx.turn.remove_element(cx.app, target)?;
    } else {
        cx.turn.put_vertex(cx.app, target, &result, None)?;
        cx.forms.note_text(cx.app, target, Text::Raw, &result);
    }
    cx.reply.integer(length as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn single_bits() {
        Client::new().script(
            "setbit k 7 1 => :0
             setbit k 7 0 => :1
             getbit k 7 => :0
             getbit k 100 => :0
             strlen k => :1
             setbit k 20 0 => :0
             strlen k => :3
             setbit k -1 0 => -ERR bit offset is not an integer or out of range
             setbit k 4294967296 0 => -ERR bit offset is not an integer or out of range
             setbit k 1 2 => -ERR bit is not an integer or out of range",
        );
    }

    #[test]
    fn counting_and_finding() {
        Client::new().script(
            "set k foobar => +OK
             bitcount k => :26
             bitcount k 0 0 => :4
             bitcount k 1 1 => :6
             bitcount k 5 30 bit => :17
             bitcount k 0 => -ERR syntax error
             bitcount no => :0
             setbit ones 7 1 => :0
             bitpos ones 1 => :7
             bitpos ones 1 0 6 bit => :-1
             bitpos no 0 => :0
             bitpos no 1 => :-1
             bitpos k 2 => -ERR The bit argument must be 1 or 0.",
        );
        let mut client = Client::new();
        client.run_bytes(&[b"set", b"k", b"\xff\xff"]);
        client.script(
            "bitpos k 0 => :16
             bitpos k 0 0 -1 => :-1
             bitpos k 0 1 => :16
             bitpos k 1 9 12 bit => :9",
        );
    }

    #[test]
    fn operations_pad_with_zeros() {
        let mut client = Client::new();
        client.script(
            "mset a abc b ab => +OK
             bitop and d a b => :3",
        );
        assert_eq!(client.run_bytes(&[b"get", b"d"]), b"$3\r\nab\0\r\n");
        client.script(
            "bitop xor d a a => :3
             bitop or d a b => :3
             get d => $3 abc
             bitop not d a b => -ERR BITOP NOT must be called with a single source key.
             bitop nand d a => -ERR syntax error
             bitop and d no1 no2 => :0
             exists d => :0",
        );
    }
}
