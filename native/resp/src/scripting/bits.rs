//! The library `bit`: operations on 32-bit integers.
//!
//! **Theory.** A number is first brought into 32 bits: rounded to the nearest integer, halves to even, and taken modulo 2^32. Results
//! are signed. Shifts and rotations use the lowest five bits of their count.

use super::native::{one, register, Arguments, Raise, Returned};
use mlua::{Lua, MultiValue, Table, Value};

/// Adding it leaves a double's integer part in its lowest bits: 2^52 + 2^51.
const BIAS: f64 = 6_755_399_441_055_744.0;

fn normal(number: f64) -> u32 {
    (number + BIAS).to_bits() as u32
}

fn bits(arguments: &Arguments, at: usize) -> Result<u32, Raise> {
    Ok(normal(arguments.number(at)?))
}

fn signed(value: u32) -> Returned {
    one(Value::Integer(i64::from(value as i32)))
}

fn fold(arguments: &Arguments, combine: fn(u32, u32) -> u32) -> Returned {
    let mut all = bits(arguments, 1)?;
    for at in 2..=arguments.len() {
        all = combine(all, bits(arguments, at)?);
    }
    signed(all)
}

fn shift(arguments: &Arguments, by: fn(u32, u32) -> u32) -> Returned {
    let (value, count) = (bits(arguments, 1)?, bits(arguments, 2)?);
    signed(by(value, count & 31))
}

/// Hexadecimal digits of the lowest `digits` nibbles, 8 if not said; in capitals if negative.
fn hex(lua: &Lua, arguments: &Arguments) -> Returned {
    let value = bits(arguments, 1)?;
    let digits = if arguments.len() < 2 {
        8
    } else {
        bits(arguments, 2)? as i32
    };
    let width = digits.unsigned_abs().min(8) as usize;
    let text = if digits < 0 {
        format!("{value:08X}")
    } else {
        format!("{value:08x}")
    };
    one(Value::String(lua.create_string(&text[8 - width..])?))
}

/// The table `bit`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    type Operation = fn(&Arguments) -> Returned;
    const OPERATIONS: &[(&str, Operation)] = &[
        ("tobit", |a| signed(bits(a, 1)?)),
        ("bnot", |a| signed(!bits(a, 1)?)),
        ("bswap", |a| signed(bits(a, 1)?.swap_bytes())),
        ("band", |a| fold(a, |x, y| x & y)),
        ("bor", |a| fold(a, |x, y| x | y)),
        ("bxor", |a| fold(a, |x, y| x ^ y)),
        ("lshift", |a| shift(a, |x, n| x << n)),
        ("rshift", |a| shift(a, |x, n| x >> n)),
        ("arshift", |a| shift(a, |x, n| ((x as i32) >> n) as u32)),
        ("rol", |a| shift(a, u32::rotate_left)),
        ("ror", |a| shift(a, u32::rotate_right)),
    ];
    let table = lua.create_table()?;
    for (name, run) in OPERATIONS {
        register(lua, &table, name, move |_, arguments| -> Returned {
            let values: MultiValue = run(arguments)?;
            Ok(values)
        })?;
    }
    register(lua, &table, "tohex", hex)?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn numbers_are_brought_into_32_bits() {
        assert_eq!(normal(4_294_967_296.0 + 5.0), 5);
        assert_eq!(normal(-1.0), u32::MAX);
        assert_eq!(normal(0.5), 0);
        assert_eq!(normal(1.5), 2);
        assert_eq!(normal(2_147_483_648.0), 1 << 31);
    }
}
