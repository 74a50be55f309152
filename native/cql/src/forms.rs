//! Literals as values on the wire.
//!
//! **Theory.** A literal means what the type of its column says. Here are the meanings that are plain: numbers, texts, uuids, bytes. All
//! else (dates, addresses, decimals), and every literal that is no value of its type, is the ordinary way's, which knows
//! what to say. **Invariant.** What is made here are the bytes that the ordinary way makes (`hyperdb/frontends/cql/types/constants.py`).

use crate::text::{Kind, Literal};
use crate::Stray;

/// What a literal becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// text.
    Text,
    /// ascii.
    Ascii,
    /// tinyint.
    Tinyint,
    /// smallint.
    Smallint,
    /// int.
    Int,
    /// bigint, counter, and the milliseconds of a timestamp.
    Bigint,
    /// varint.
    Varint,
    /// float.
    Float,
    /// double.
    Double,
    /// uuid.
    Uuid,
    /// timeuuid.
    Timeuuid,
    /// blob.
    Blob,
}

impl Form {
    /// By the name of a type.
    pub fn named(name: &str) -> Option<Form> {
        Some(match name {
            "text" => Form::Text,
            "ascii" => Form::Ascii,
            "tinyint" => Form::Tinyint,
            "smallint" => Form::Smallint,
            "int" => Form::Int,
            "bigint" | "counter" | "timestamp" => Form::Bigint,
            "varint" => Form::Varint,
            "float" => Form::Float,
            "double" => Form::Double,
            "uuid" => Form::Uuid,
            "timeuuid" => Form::Timeuuid,
            "blob" => Form::Blob,
            _ => return None,
        })
    }
}

/// A place for a literal in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What stands there becomes this.
    pub form: Form,
    /// A minus stands before it.
    pub negative: bool,
}

/// The hexadecimal digit that says a uuid's version.
const VERSION_AT: usize = 14;

impl Slot {
    /// Appends the bytes of a literal.
    ///
    /// # Errors
    /// [`Stray`] if it is no plain value of the type; something of it may have been appended.
    pub fn put(self, literal: &Literal<'_>, out: &mut Vec<u8>) -> Result<(), Stray> {
        let text = literal.text;
        match (self.form, literal.kind) {
            (Form::Text | Form::Ascii, Kind::String) => {
                if self.form == Form::Ascii && !text.is_ascii() {
                    return Err(Stray);
                }
                let mut parts = text.split("''");
                out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
                for part in parts {
                    out.push(b'\'');
                    out.extend_from_slice(part.as_bytes());
                }
            }
            (Form::Uuid, Kind::Uuid) => bytes(text, out)?,
            (Form::Timeuuid, Kind::Uuid) if text.as_bytes().get(VERSION_AT) == Some(&b'1') => {
                bytes(text, out)?
            }
            (Form::Blob, Kind::Hex) => bytes(text.get(2..).unwrap_or_default(), out)?,
            (Form::Float, Kind::Integer | Kind::Float) => {
                // By way of a double, as the ordinary way has it.
                let number = self.double(text)? as f32;
                out.extend_from_slice(&number.to_be_bytes());
            }
            (Form::Double, Kind::Integer | Kind::Float) => {
                out.extend_from_slice(&self.double(text)?.to_be_bytes())
            }
            (form, Kind::Integer) => {
                let number = self.integer(text)?;
                let all = number.to_be_bytes();
                let width = match form {
                    Form::Tinyint => fits::<i8>(number)?,
                    Form::Smallint => fits::<i16>(number)?,
                    Form::Int => fits::<i32>(number)?,
                    Form::Bigint => fits::<i64>(number)?,
                    // Two's complement in the fewest bytes, one at least.
                    Form::Varint => {
                        (i128::BITS - (number ^ (number >> 127)).leading_zeros()) as usize / 8 + 1
                    }
                    _ => return Err(Stray),
                };
                out.extend_from_slice(all.get(all.len() - width.min(all.len())..).ok_or(Stray)?);
            }
            _ => return Err(Stray),
        }
        Ok(())
    }

    fn integer(self, text: &str) -> Result<i128, Stray> {
        // 38 digits always fit.
        if text.len() > 38 {
            return Err(Stray);
        }
        let number: i128 = text.parse().map_err(|_| Stray)?;
        Ok(if self.negative { -number } else { number })
    }

    fn double(self, text: &str) -> Result<f64, Stray> {
        let number: f64 = text.parse().map_err(|_| Stray)?;
        Ok(if self.negative { -number } else { number })
    }
}

/// How many bytes an integer type has, if the number is one of it.
fn fits<T: TryFrom<i128>>(number: i128) -> Result<usize, Stray> {
    T::try_from(number)
        .map(|_| size_of::<T>())
        .map_err(|_| Stray)
}

/// Bytes of hexadecimal digits, with hyphens passed over.
fn bytes(text: &str, out: &mut Vec<u8>) -> Result<(), Stray> {
    let mut high = None;
    for digit in text.bytes().filter(|byte| *byte != b'-') {
        let value = char::from(digit)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
            .ok_or(Stray)?;
        match high.take() {
            None => high = Some(value << 4),
            Some(first) => out.push(first | value),
        }
    }
    match high {
        None => Ok(()),
        Some(_) => Err(Stray),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(form: Form, negative: bool, kind: Kind, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let literal = Literal { kind, at: 0, text };
        Slot { form, negative }.put(&literal, &mut out).ok()?;
        Some(out)
    }

    #[test]
    fn literals_become_bytes() {
        let int = |form, negative, text| wire(form, negative, Kind::Integer, text);
        assert_eq!(
            int(Form::Int, true, "2147483648"),
            Some(vec![0x80, 0, 0, 0])
        );
        assert_eq!(int(Form::Int, false, "2147483648"), None);
        assert_eq!(int(Form::Tinyint, true, "007"), Some(vec![0xf9]));
        assert_eq!(int(Form::Smallint, false, "258"), Some(vec![1, 2]));
        assert_eq!(int(Form::Bigint, false, "9223372036854775808"), None);
        for (text, expected) in [
            ("0", vec![0]),
            ("127", vec![0x7f]),
            ("128", vec![0, 0x80]),
            ("255", vec![0, 0xff]),
            ("256", vec![1, 0]),
            ("32768", vec![0, 0x80, 0]),
        ] {
            assert_eq!(int(Form::Varint, false, text), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("0", vec![0]),
            ("1", vec![0xff]),
            ("128", vec![0x80]),
            ("129", vec![0xff, 0x7f]),
            ("256", vec![0xff, 0]),
            ("257", vec![0xfe, 0xff]),
        ] {
            assert_eq!(int(Form::Varint, true, text), Some(expected), "-{text}");
        }
        assert_eq!(
            int(Form::Double, true, "0"),
            Some((-0f64).to_be_bytes().to_vec())
        );
        assert_eq!(
            wire(Form::Float, false, Kind::Float, "1e300"),
            Some(f32::INFINITY.to_be_bytes().to_vec())
        );
        assert_eq!(
            wire(Form::Text, false, Kind::String, "it''s ''''"),
            Some(b"it's ''".to_vec())
        );
        assert_eq!(wire(Form::Ascii, false, Kind::String, "\u{e9}"), None);
        assert_eq!(
            wire(Form::Blob, false, Kind::Hex, "0xCAfe"),
            Some(vec![0xca, 0xfe])
        );
        assert_eq!(wire(Form::Blob, false, Kind::Hex, "0x"), Some(vec![]));
        assert_eq!(wire(Form::Blob, false, Kind::Hex, "0xabc"), None);
        let uuid = "01234567-89ab-1def-0123-456789ABCDEF";
        let all = vec![
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x1d, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
            0xcd, 0xef,
        ];
        assert_eq!(wire(Form::Timeuuid, false, Kind::Uuid, uuid), Some(all));
        assert_eq!(
            wire(
                Form::Timeuuid,
                false,
                Kind::Uuid,
                &uuid.replace("1def", "4def")
            ),
            None
        );
        assert_eq!(wire(Form::Int, false, Kind::String, "1"), None);
        assert_eq!(wire(Form::Text, false, Kind::Integer, "1"), None);
        assert_eq!(wire(Form::Blob, false, Kind::Integer, "1"), None);
    }

    proptest! {
        #[test]
        fn varints_are_the_shortest(number: i64) {
            let made = wire(Form::Varint, number < 0, Kind::Integer, &number.unsigned_abs().to_string()).unwrap_or_default();
            let fill = if number < 0 { 0xff } else { 0 };
            let back = made.iter().fold([fill; 8], |mut all, byte| {
                all.rotate_left(1);
                all[7] = *byte;
                all
            });
            if made.len() <= 8 {
                prop_assert_eq!(i64::from_be_bytes(back), number);
            }
            let redundant = made.len() > 1 && made[0] == fill && (made[1] >= 0x80) == (number < 0);
            prop_assert!(!redundant && made.len() <= 8);
        }
    }
}
