//! BITFIELD: integers of 1 to 64 bits anywhere in a string.
//!
//! **Invariant.** Every argument is checked before the first operation runs, so a command changes all its
//! fields or none.

use super::{bits::bit_offset, check_length, copied};
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::forms::Text;

/// The type of a field: `i8`, `u16`, ...; unsigned ones have at most 63 bits, so that a reply can hold them.
#[derive(Clone, Copy)]
struct Width {
    signed: bool,
    bits: u32,
}

/// What to do when a number does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

struct Operation {
    width: Width,
    offset: u64,
    overflow: Overflow,
    action: Action,
}

/// BITFIELD key [GET type offset] [SET type offset value] [INCRBY type offset by] [OVERFLOW WRAP|SAT|FAIL] ...
pub fn bitfield(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, false)
}

/// BITFIELD_RO key [GET type offset] ...
pub fn bitfield_ro(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, true)
}

fn run(cx: &mut Context<'_, '_>, only_get: bool) -> Outcome {
    let key = cx.args.at(1);
    let operations = parse(&cx.args)?;
    let writes = operations
        .iter()
        .filter(|operation| !matches!(operation.action, Action::Get));
    let highest = writes.map(|w| w.offset + u64::from(w.width.bits) - 1).max();
    if only_get && highest.is_some() {
        return Err(Abort::error(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    let (mut value, expiry) = copied(cx, key)?.unwrap_or_default();
    let before = highest.map(|_| value.clone());
    if let Some(bit) = highest {
        let bytes = (bit >> 3) as usize + 1;
        check_length(bytes, 0)?;
        if value.len() < bytes {
            value.resize(bytes, 0);
        }
    }
    cx.reply.array(operations.len());
    for operation in &operations {
        match apply(operation, &mut value) {
            Some(number) => cx.reply.integer(number),
            None => cx.reply.null(),
        }
    }
    if before.is_some_and(|before| before != value) {
        cx.turn.put_vertex(cx.app, key, &value, expiry)?;
        cx.forms.note_text(cx.app, key, Text::Raw, &value);
    }
    Ok(())
}

/// Runs one operation; its reply, or `None` if it failed by overflow.
fn apply(operation: &Operation, value: &mut [u8]) -> Option<i64> {
    let Operation {
        width,
        offset,
        overflow,
        action,
    } = operation;
    let old = width.interpret(read(value, *offset, width.bits));
    let (wanted, reply_old) = match action {
        Action::Get => return Some(old as i64),
        Action::Set(number) if width.signed => (i128::from(*number), true),
        // An unsigned field takes the number's bits: -1 is beyond its range, not below it.
        Action::Set(number) => (i128::from(*number as u64), true),
        Action::Increment(by) => (old + i128::from(*by), false),
    };
    let new = width.fit(wanted, *overflow)?;
    write(value, *offset, width.bits, new as u64);
    Some(if reply_old { old } else { new } as i64)
}

impl Width {
    fn parse(text: &[u8]) -> Result<Width, Abort> {
        let invalid = || {
            Abort::error(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            )
        };
        let (signed, limit) = match text.first() {
            Some(b'i') => (true, 64),
            Some(b'u') => (false, 63),
            _ => return Err(invalid()),
        };
        let bits = integer(&text[1..]).map_err(|_| invalid())?;
        match u32::try_from(bits) {
            Ok(bits) if (1..=limit).contains(&bits) => Ok(Width { signed, bits }),
            _ => Err(invalid()),
        }
    }

    fn limits(self) -> (i128, i128) {
        if self.signed {
            (-(1i128 << (self.bits - 1)), (1i128 << (self.bits - 1)) - 1)
        } else {
            (0, (1i128 << self.bits) - 1)
        }
    }

    /// The number that `raw` bits mean.
    fn interpret(self, raw: u64) -> i128 {
        let value = i128::from(raw);
        let negative = self.signed && raw >> (self.bits - 1) & 1 == 1;
        value - if negative { 1i128 << self.bits } else { 0 }
    }

    fn fit(self, number: i128, overflow: Overflow) -> Option<i128> {
        let (low, high) = self.limits();
        if (low..=high).contains(&number) {
            return Some(number);
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Saturate => Some(number.clamp(low, high)),
            Overflow::Wrap => {
                let raw = number.rem_euclid(1i128 << self.bits);
                Some(self.interpret(raw as u64))
            }
        }
    }
}

fn read(value: &[u8], offset: u64, bits: u32) -> u64 {
    (offset..offset + u64::from(bits)).fold(0, |acc, at| {
        let byte = value.get((at >> 3) as usize).copied().unwrap_or(0);
        (acc << 1) | u64::from(byte >> (7 - (at & 7)) & 1)
    })
}

fn write(value: &mut [u8], offset: u64, bits: u32, raw: u64) {
    for i in 0..bits {
        let at = offset + u64::from(i);
        let mask = 0x80 >> (at & 7);
        let byte = &mut value[(at >> 3) as usize];
        if raw >> (bits - 1 - i) & 1 == 1 {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
    }
}

fn parse(args: &Args<'_>) -> Result<Vec<Operation>, Abort> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "OVERFLOW") && left >= 1 {
            overflow = parse_overflow(args, at + 1)?;
            at += 2;
            continue;
        }
        let takes_number = args.is(at, "SET") || args.is(at, "INCRBY");
        if !(takes_number && left >= 3 || args.is(at, "GET") && left >= 2) {
            return Err(errors::syntax());
        }
        let width = Width::parse(args.at(at + 1))?;
        let offset = bit_offset(args.at(at + 2), Some(u64::from(width.bits)))?;
        let action = if takes_number {
            let number = integer(args.at(at + 3))?;
            if args.is(at, "SET") {
                Action::Set(number)
            } else {
                Action::Increment(number)
            }
        } else {
            Action::Get
        };
        operations.push(Operation {
            width,
            offset,
            overflow,
            action,
        });
        at += if takes_number { 4 } else { 3 };
    }
    Ok(operations)
}

fn parse_overflow(args: &Args<'_>, at: usize) -> Result<Overflow, Abort> {
    const KINDS: [(&str, Overflow); 3] = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    KINDS
        .iter()
        .find(|(name, _)| args.is(at, name))
        .map(|(_, kind)| *kind)
        .ok_or_else(|| Abort::error("ERR Invalid OVERFLOW type specified"))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn fields_are_read_set_and_counted() {
        Client::new().script(
            "bitfield k incrby i5 100 1 get u4 0 => *2 :1 :0
             bitfield k set u8 0 255 get i8 0 => *2 :0 :-1
             bitfield k set u8 #1 7 get u8 8 => *2 :0 :7
             bitfield k get u64 0 => -ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
             bitfield k get u8 => -ERR syntax error
             bitfield k overflow maybe => -ERR Invalid OVERFLOW type specified
             bitfield_ro k get u8 0 => *1 :255
             bitfield_ro k set u8 0 1 => -ERR BITFIELD_RO only supports the GET subcommand
             bitfield no get u8 0 => *1 :0
             exists no => :0",
        );
    }

    #[test]
    fn overflow_wraps_saturates_or_fails() {
        Client::new().script(
            "bitfield k incrby u2 100 1 overflow sat incrby u2 102 1 => *2 :1 :1
             bitfield k incrby u2 100 1 overflow sat incrby u2 102 1 => *2 :2 :2
             bitfield k incrby u2 100 1 overflow sat incrby u2 102 1 => *2 :3 :3
             bitfield k incrby u2 100 1 overflow sat incrby u2 102 1 => *2 :0 :3
             bitfield k overflow fail incrby u2 102 1 => *1 $-1
             bitfield s set i64 0 9223372036854775807 => *1 :0
             bitfield s incrby i64 0 1 => *1 :-9223372036854775808
             bitfield s overflow sat incrby i64 0 -1 => *1 :-9223372036854775808",
        );
    }
}
