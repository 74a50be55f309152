//! Values of CQL's types as JSON, in the normal form of jsonb: keys by length and bytes, a space behind commas and colons.
//!
//! **Theory.** Numbers are numbers, truth is truth, all else is a string as SQL writes the value; keys of maps are such strings. A
//! user type is an object by its fields' names, a tuple, a list, a set, a vector an array. **Invariant.** What is written is JSON.

use super::cql_values::items;
use crate::catalog::{Image, Object};
use crate::codec::decimal::Decimal;
use crate::codec::order::value::UserTypes;
use crate::codec::row::Row;
use crate::codec::types::{Plain, Type};
use crate::codec::wire::to_stored;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

const DAY: i64 = 86_400_000_000;
/// Digits of a number that are written out; one with more zeros is a string.
const MOST_DIGITS: usize = 32 << 10;

/// Appends a stored value's JSON; `None` if it is malformed.
pub(super) fn write(
    kind: &Type,
    image: &Image,
    types: &dyn UserTypes,
    stored: &[u8],
    out: &mut String,
) -> Option<()> {
    let inner = |kind: &Type, value: Option<&[u8]>, out: &mut String| match value {
        None => {
            out.push_str("null");
            Some(())
        }
        Some(value) => write(kind, image, types, value, out),
    };
    match kind {
        Type::Of(_, of) | Type::Vector(of, _) => listed(
            items(kind, stored)?.into_iter().map(|item| (&**of, item)),
            inner,
            out,
        ),
        Type::Tuple(parts) => {
            let row = Row::decode(stored)?;
            let value = |id: u32| row.cell(id).and_then(|cell| cell.value);
            listed(
                (1..).zip(parts).map(|(id, part)| (part, value(id))),
                inner,
                out,
            )
        }
        Type::Map(keys, values, _) => {
            let items = items(kind, stored)?;
            let mut entries = BTreeMap::new();
            for pair in items.chunks(2) {
                let [Some(key), value] = pair else {
                    return None;
                };
                let mut name = String::new();
                write(keys, image, types, key, &mut name)?;
                let mut text = String::new();
                inner(values, *value, &mut text)?;
                entries.insert(Key::of(unquoted(&name)), text);
            }
            object(entries, out);
            Some(())
        }
        Type::Named(_, id) => {
            let row = Row::decode(stored)?;
            let Some(Object::UserType(named)) = image.get(*id) else {
                return None;
            };
            let mut entries = BTreeMap::new();
            for (field, kind) in types.fields(*id)? {
                let column = named.fields.iter().find(|column| column.id == field)?;
                let mut text = String::new();
                inner(
                    &kind,
                    row.cell(field).and_then(|cell| cell.value),
                    &mut text,
                )?;
                entries.insert(Key::of(column.name.clone()), text);
            }
            object(entries, out);
            Some(())
        }
        Type::Plain(plain) => single(*plain, types, stored, out),
        Type::Sized(..) => {
            let micros = i64::from_le_bytes(stored.try_into().ok()?);
            date(micros.div_euclid(DAY), 'T', micros.rem_euclid(DAY), out)
        }
        Type::Numeric(..) => None,
    }
}

/// A key in jsonb's order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(usize, String);

impl Key {
    fn of(name: String) -> Key {
        Key(name.len(), name)
    }
}

fn object(entries: BTreeMap<Key, String>, out: &mut String) {
    out.push('{');
    for (at, (Key(_, name), text)) in entries.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        string(name, out);
        out.push_str(": ");
        out.push_str(text);
    }
    out.push('}');
}

fn listed<'t, 'v>(
    items: impl Iterator<Item = (&'t Type, Option<&'v [u8]>)>,
    inner: impl Fn(&Type, Option<&[u8]>, &mut String) -> Option<()>,
    out: &mut String,
) -> Option<()> {
    out.push('[');
    for (at, (kind, value)) in items.enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        inner(kind, value, out)?;
    }
    out.push(']');
    Some(())
}

fn single(plain: Plain, types: &dyn UserTypes, stored: &[u8], out: &mut String) -> Option<()> {
    match plain {
        // A value of no bytes, which every type of CQL has, is none in SQL.
        Plain::Text | Plain::Ascii => string(std::str::from_utf8(stored).ok()?, out),
        Plain::Bytes => {
            out.push_str("\"\\\\x");
            for byte in stored {
                write!(out, "{byte:02x}").ok()?;
            }
            out.push('"');
        }
        _ if stored.is_empty() => out.push_str("null"),
        Plain::Boolean => out.push_str(if stored == [0] { "false" } else { "true" }),
        Plain::Int1 => number(i8::from_le_bytes(stored.try_into().ok()?), out)?,
        Plain::Int2 => number(i16::from_le_bytes(stored.try_into().ok()?), out)?,
        Plain::Int4 => number(i32::from_le_bytes(stored.try_into().ok()?), out)?,
        Plain::Int8 | Plain::Counter => number(i64::from_le_bytes(stored.try_into().ok()?), out)?,
        Plain::Float4 => {
            let value = f32::from_le_bytes(stored.try_into().ok()?);
            floating(value, value.is_finite(), out)?;
        }
        Plain::Float8 => {
            let value = f64::from_le_bytes(stored.try_into().ok()?);
            floating(value, value.is_finite(), out)?;
        }
        Plain::Varint => {
            let wire = [&[0; 4], stored].concat();
            decimal(&to_stored(&Type::Plain(Plain::Decimal), types, &wire)?, out)?;
        }
        Plain::Decimal => decimal(stored, out)?,
        Plain::Uuid | Plain::TimeUuid => {
            let value = u128::from_be_bytes(stored.try_into().ok()?);
            let hex = format!("{value:032x}");
            let parts = [
                hex.get(..8)?,
                hex.get(8..12)?,
                hex.get(12..16)?,
                hex.get(16..20)?,
                hex.get(20..)?,
            ];
            string(&parts.join("-"), out);
        }
        Plain::Date => {
            let days = i64::from(i32::from_le_bytes(stored.try_into().ok()?));
            let mut text = String::new();
            day(days, &mut text)?;
            string(&text, out);
        }
        Plain::TimeNanos => {
            let nanos = i64::from_le_bytes(stored.try_into().ok()?);
            let mut text = String::new();
            clock(nanos.div_euclid(1000), &mut text)?;
            string(&text, out);
        }
        Plain::Inet => {
            let address = match stored.get(2..)? {
                four if four.len() == 4 => IpAddr::from(<[u8; 4]>::try_from(four).ok()?),
                six => IpAddr::from(<[u8; 16]>::try_from(six).ok()?),
            };
            string(&address.to_string(), out);
        }
        Plain::Duration => {
            let (months, rest) = stored.split_first_chunk::<4>()?;
            let (days, nanos) = rest.split_first_chunk::<4>()?;
            let nanos = i64::from_le_bytes(nanos.try_into().ok()?);
            write!(
                out,
                "\"{}mo{}d{nanos}ns\"",
                i32::from_le_bytes(*months),
                i32::from_le_bytes(*days)
            )
            .ok()?;
        }
        _ => return None,
    }
    Some(())
}

fn number(value: impl std::fmt::Display, out: &mut String) -> Option<()> {
    write!(out, "{value}").ok()
}

fn floating(value: impl std::fmt::Display, is_finite: bool, out: &mut String) -> Option<()> {
    match is_finite {
        true => number(value, out),
        // As SQL writes them: NaN, Infinity, -Infinity.
        false => {
            let text = format!("{value}").replace("inf", "Infinity");
            string(&text, out);
            Some(())
        }
    }
}

fn decimal(stored: &[u8], out: &mut String) -> Option<()> {
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = Decimal::decode(stored)?
    else {
        return None;
    };
    let sign = if negative { "-" } else { "" };
    let mut shown: String = digits
        .iter()
        .map(|digit| char::from(b'0' + *digit))
        .collect();
    if shown.is_empty() {
        shown.push('0');
    }
    let zeros = usize::try_from(scale.unsigned_abs()).ok()?;
    if zeros + shown.len() > MOST_DIGITS {
        string(&format!("{sign}{shown}E{}", -i64::from(scale)), out);
        return Some(());
    }
    if scale < 0 && !digits.is_empty() {
        shown.extend(std::iter::repeat_n('0', zeros));
    } else if scale > 0 {
        if shown.len() <= zeros {
            shown.insert_str(0, &"0".repeat(zeros + 1 - shown.len()));
        }
        shown.insert(shown.len() - zeros, '.');
    }
    out.push_str(sign);
    out.push_str(&shown);
    Some(())
}

/// A moment in UTC as SQL's JSON has it.
fn date(days: i64, mark: char, micros: i64, out: &mut String) -> Option<()> {
    let mut text = String::new();
    day(days, &mut text)?;
    text.push(mark);
    clock(micros, &mut text)?;
    text.push_str("+00:00");
    string(&text, out);
    Some(())
}

/// Year, month and day of a day since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn day(days: i64, out: &mut String) -> Option<()> {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    write!(out, "{year:04}-{month:02}-{day:02}").ok()
}

fn clock(micros: i64, out: &mut String) -> Option<()> {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
    .ok()?;
    if rest != 0 {
        let fraction = format!(".{rest:06}");
        out.push_str(fraction.trim_end_matches('0'));
    }
    Some(())
}

/// A text as a JSON string.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for each in text.chars() {
        match each {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// What a string stands for that [`string`] wrote, as a key; other JSON as it is.
fn unquoted(json: &str) -> String {
    let Some(inner) = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return json.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(each) = rest.next() {
        if each != '\\' {
            out.push(each);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let hex: String = rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                out.extend(code);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
