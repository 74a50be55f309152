//! The library `struct`: packing values into the bytes of C structures, and back.
//!
//! **Theory.** A format is read from left to right. Letters are fields, of which some take a size in digits; `<`, `>` and `!n` change the
//! order of bytes and the alignment for what follows. A field is aligned to its size, at most to the alignment in force, which is 1
//! at first.
//!
//! **Invariant.** Positions are checked before bytes are read, and every size comes from [`size_digits`], which fits 31 bits.

use super::native::{as_c_integer, as_number, register, Arguments, Raise, Returned};
use mlua::{Lua, MultiValue, Table, Value};

/// Widest integer, bytes.
const MAX_INTEGER: usize = 32;
/// Alignment that `!` without a number means: a double's.
const NATIVE_ALIGNMENT: usize = 8;
/// Most values that one call gives: as many as Lua's stack takes.
const MAX_RESULTS: usize = 7_900;

#[derive(Clone, Copy)]
struct Layout {
    big_endian: bool,
    alignment: usize,
}

const FIRST: Layout = Layout {
    big_endian: cfg!(target_endian = "big"),
    alignment: 1,
};

/// A format on its way.
struct Format<'f> {
    rest: &'f [u8],
    layout: Layout,
    /// Letters that stand for nothing are passed over.
    lenient: bool,
}

/// What a letter stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Integer {
        signed: bool,
    },
    Float,
    Double,
    /// So many bytes of text; 0 as many as there are.
    Chars,
    /// Text up to a zero.
    Terminated,
    Padding,
}

fn size_digits(rest: &mut &[u8], default: usize) -> Result<usize, Raise> {
    let mut size = None::<i32>;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        let next = size
            .unwrap_or(0)
            .checked_mul(10)
            .and_then(|size| size.checked_add(i32::from(digit - b'0')));
        size = Some(next.ok_or_else(|| Raise::text("integral size overflow"))?);
        *rest = tail;
    }
    Ok(size.map_or(default, |size| size as usize))
}

impl<'f> Format<'f> {
    fn new(text: &'f [u8]) -> Self {
        // A format is a C string: it ends at a zero.
        let end = text.iter().position(|byte| *byte == 0);
        Self {
            rest: &text[..end.unwrap_or(text.len())],
            layout: FIRST,
            lenient: false,
        }
    }

    /// The next field and its size; what only changes the layout is done on the way.
    fn next(&mut self) -> Result<Option<(Field, usize)>, Raise> {
        while let [letter, tail @ ..] = self.rest {
            self.rest = tail;
            let signed = letter.is_ascii_lowercase();
            return Ok(Some(match letter {
                b'b' | b'B' => (Field::Integer { signed }, 1),
                b'h' | b'H' => (Field::Integer { signed }, 2),
                b'l' | b'L' | b'T' => (Field::Integer { signed }, 8),
                b'i' | b'I' => {
                    let size = size_digits(&mut self.rest, 4)?;
                    if size > MAX_INTEGER {
                        return Err(Raise::text(format!(
                            "integral size {size} is larger than limit of {MAX_INTEGER}"
                        )));
                    }
                    (Field::Integer { signed }, size)
                }
                b'f' => (Field::Float, 4),
                b'd' => (Field::Double, 8),
                b'x' => (Field::Padding, 1),
                b'c' => (Field::Chars, size_digits(&mut self.rest, 1)?),
                b's' => (Field::Terminated, 0),
                _ => {
                    self.control(*letter)?;
                    continue;
                }
            }));
        }
        Ok(None)
    }

    fn control(&mut self, letter: u8) -> Result<(), Raise> {
        match letter {
            b' ' => {}
            b'>' => self.layout.big_endian = true,
            b'<' => self.layout.big_endian = false,
            b'!' => {
                let alignment = size_digits(&mut self.rest, NATIVE_ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(Raise::text(format!(
                        "alignment {alignment} is not a power of 2"
                    )));
                }
                self.layout.alignment = alignment;
            }
            other if self.lenient && other.is_ascii_alphanumeric() => {}
            other => {
                let shown = char::from(other);
                return Err(Raise::Argument(
                    1,
                    format!("invalid format option '{shown}'"),
                ));
            }
        }
        Ok(())
    }

    /// Bytes to leave out before a field at `position`.
    fn gap(&self, position: usize, field: Field, size: usize) -> usize {
        if size == 0 || field == Field::Chars {
            return 0;
        }
        let unit = size.min(self.layout.alignment);
        // With a unit that is no power of two this is what the library has always done.
        (unit.wrapping_sub(position & (unit - 1))) & (unit - 1)
    }
}

fn put_integer(out: &mut Vec<u8>, number: f64, layout: Layout, size: usize) {
    let value = if number < 0.0 {
        as_c_integer(number) as u64
    } else {
        as_c_unsigned(number)
    };
    let mut bytes = [0; MAX_INTEGER];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    let bytes = &mut bytes[..size];
    if layout.big_endian {
        bytes.reverse();
    }
    out.extend_from_slice(bytes);
}

/// A double that is not negative as C's cast to an unsigned integer on common processors.
fn as_c_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number < HALF {
        as_c_integer(number) as u64
    } else {
        as_c_integer(number - HALF) as u64 ^ 1 << 63
    }
}

fn take_integer(bytes: &[u8], layout: Layout, signed: bool) -> f64 {
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let value = if layout.big_endian {
        bytes.iter().fold(0, push)
    } else {
        bytes.iter().rev().fold(0, push)
    };
    if !signed {
        return value as f64;
    }
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    // A width of nothing holds nothing to extend.
    let extended = (value as i64).checked_shl(unused).unwrap_or(0);
    extended.checked_shr(unused).unwrap_or(0) as f64
}

fn pack(lua: &Lua, arguments: &Arguments) -> Returned {
    let text = arguments.bytes(lua, 1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    let (mut out, mut at) = (Vec::new(), 2);
    while let Some((field, size)) = format.next()? {
        out.resize(out.len() + format.gap(out.len(), field, size), 0);
        match field {
            Field::Padding => {
                out.push(0);
                continue;
            }
            Field::Integer { .. } => {
                put_integer(&mut out, arguments.number(at)?, format.layout, size);
            }
            Field::Float => put_bytes(
                &mut out,
                (arguments.number(at)? as f32).to_be_bytes(),
                format.layout,
            ),
            Field::Double => {
                put_bytes(&mut out, arguments.number(at)?.to_be_bytes(), format.layout);
            }
            Field::Chars | Field::Terminated => {
                let given = arguments.bytes(lua, at)?;
                let given = given.as_bytes();
                let size = if size == 0 { given.len() } else { size };
                let taken = given
                    .get(..size)
                    .ok_or_else(|| Raise::Argument(at + 1, "string too short".into()))?;
                out.extend_from_slice(taken);
                if field == Field::Terminated {
                    out.push(0);
                }
            }
        }
        at += 1;
    }
    super::native::bytes(lua, &out)
}

fn put_bytes<const N: usize>(out: &mut Vec<u8>, mut big_endian: [u8; N], layout: Layout) {
    if !layout.big_endian {
        big_endian.reverse();
    }
    out.extend_from_slice(&big_endian);
}

fn take_bytes<const N: usize>(bytes: &[u8], layout: Layout) -> [u8; N] {
    let mut big_endian = [0; N];
    big_endian.copy_from_slice(&bytes[..N]);
    if !layout.big_endian {
        big_endian.reverse();
    }
    big_endian
}

fn too_short() -> Raise {
    Raise::Argument(2, "data string too short".into())
}

fn unpack(lua: &Lua, arguments: &Arguments) -> Returned {
    let text = arguments.bytes(lua, 1)?;
    let data = arguments.bytes(lua, 2)?;
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let first = arguments.integer_or(3, 1)?;
    // As a size, a negative one is beyond every end.
    if first == 0 {
        return Err(Raise::Argument(3, "offset must be 1 or greater".into()));
    }
    let mut position = usize::try_from(first - 1).unwrap_or(usize::MAX);
    let mut format = Format::new(&text);
    let mut values: Vec<Value> = Vec::new();
    while let Some((field, mut size)) = format.next()? {
        position = position.saturating_add(format.gap(position, field, size));
        let from = data.get(position..).ok_or_else(too_short)?;
        let mut taken = from.get(..size).ok_or_else(too_short)?;
        if values.len() >= MAX_RESULTS {
            return Err(Raise::text("stack overflow (too many results)"));
        }
        match field {
            Field::Padding => {}
            Field::Integer { signed } => {
                values.push(Value::Number(take_integer(taken, format.layout, signed)));
            }
            Field::Float => {
                let value = f32::from_be_bytes(take_bytes(taken, format.layout));
                values.push(Value::Number(f64::from(value)));
            }
            Field::Double => values.push(Value::Number(f64::from_be_bytes(take_bytes(
                taken,
                format.layout,
            )))),
            Field::Chars => {
                if size == 0 {
                    let said = values.pop().as_ref().and_then(as_number);
                    let said =
                        said.ok_or_else(|| Raise::text("format 'c0' needs a previous size"))?;
                    size = usize::try_from(as_c_integer(said)).unwrap_or(usize::MAX);
                    taken = from.get(..size).ok_or_else(too_short)?;
                }
                values.push(Value::String(lua.create_string(taken)?));
            }
            Field::Terminated => {
                let end = from.iter().position(|byte| *byte == 0);
                let end = end.ok_or_else(|| Raise::text("unfinished string in data"))?;
                values.push(Value::String(lua.create_string(&from[..end])?));
                size = end + 1;
            }
        }
        position += size;
    }
    values.push(Value::Integer(position as i64 + 1));
    Ok(MultiValue::from_vec(values))
}

fn size(lua: &Lua, arguments: &Arguments) -> Returned {
    let text = arguments.bytes(lua, 1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    format.lenient = true;
    let mut position = 0usize;
    while let Some((field, size)) = format.next()? {
        position = position.saturating_add(format.gap(position, field, size));
        match (field, size) {
            (Field::Terminated, _) => {
                return Err(Raise::Argument(1, "option 's' has no fixed size".into()));
            }
            (Field::Chars, 0) => {
                return Err(Raise::Argument(1, "option 'c0' has no fixed size".into()));
            }
            (_, size) => position = position.saturating_add(size),
        }
    }
    super::native::one(Value::Integer(position as i64))
}

/// The table `struct`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    register(lua, &table, "pack", pack)?;
    register(lua, &table, "unpack", unpack)?;
    register(lua, &table, "size", size)?;
    Ok(table)
}
