//! Types of values, and their forms: stored, as PostgreSQL's text, as its binary format.
//!
//! **Theory.** Statements carry values in the client's form and rows in the stored one (docs/file-format.md, Types); a value
//! goes from one to the other without becoming anything else in between. Reading is deliberately narrow: the spellings that
//! clients send are read, all others are left to the ordinary way, which knows every one. Writing is under the settings that
//! a client has unless it asked for others: DateStyle ISO, TimeZone UTC, hex for bytea, shortest floats.
//!
//! **Invariant.** What is read or written here equals what `hyperdb/frontends/sql/types` reads and writes.

mod binary;
pub(crate) mod calendar;
pub(crate) mod number;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use text::push_integer;

use hyperdb_graph::codec::types::{Plain, Sized, Type};

/// A type that the short way knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// double precision
    Float8,
    /// text, and varchar without a length
    Text,
    /// varchar(n)
    Varchar(u32),
    /// char(n)
    Char(u32),
    /// bytea
    Bytes,
    /// uuid
    Uuid,
    /// date
    Date,
    /// timestamp
    Timestamp,
    /// timestamp with time zone
    TimestampTz,
    /// numeric; precision 0 is any
    Numeric(u16, u16),
}

/// Bytes in front of a length in PostgreSQL's type modifiers.
const MODIFIER: i32 = 4;

impl Kind {
    /// By PostgreSQL's oid and modifier.
    pub fn of(oid: u32, modifier: i32) -> Option<Kind> {
        let plain = modifier < 0;
        let length = modifier.checked_sub(MODIFIER).filter(|length| *length > 0);
        let length = length.and_then(|length| u32::try_from(length).ok());
        match oid {
            16 => Some(Kind::Bool),
            21 => Some(Kind::Int2),
            23 => Some(Kind::Int4),
            20 => Some(Kind::Int8),
            701 => Some(Kind::Float8),
            25 => Some(Kind::Text),
            1043 if plain => Some(Kind::Text),
            1043 => length.map(Kind::Varchar),
            1042 if !plain => length.map(Kind::Char),
            17 => Some(Kind::Bytes),
            2950 => Some(Kind::Uuid),
            1082 => Some(Kind::Date),
            1114 if plain => Some(Kind::Timestamp),
            1184 if plain => Some(Kind::TimestampTz),
            1700 if plain => Some(Kind::Numeric(0, 0)),
            1700 => {
                let packed = modifier.checked_sub(MODIFIER)?;
                let precision = u16::try_from(packed >> 16).ok()?;
                let scale = u16::try_from(packed & 0x7ff).ok()?;
                (precision > 0 && scale <= precision).then_some(Kind::Numeric(precision, scale))
            }
            _ => None,
        }
    }

    /// Whether values of this kind are stored in a column of that type just so.
    pub fn is_stored_as(self, column: &Type) -> bool {
        match column {
            Type::Plain(plain) => {
                matches!(
                    (self, plain),
                    (Kind::Bool, Plain::Boolean)
                        | (Kind::Int2, Plain::Int2)
                        | (Kind::Int4, Plain::Int4)
                        | (Kind::Int8, Plain::Int8)
                        | (Kind::Float8, Plain::Float8)
                        | (Kind::Text, Plain::Text)
                        | (Kind::Bytes, Plain::Bytes)
                        | (Kind::Uuid, Plain::Uuid)
                        | (Kind::Date, Plain::Date)
                )
            }
            Type::Sized(sized, n) => match (self, sized) {
                (Kind::Text, Sized::Varchar) => *n == 0,
                (Kind::Varchar(length), Sized::Varchar) | (Kind::Char(length), Sized::Char) => {
                    *n == length
                }
                (Kind::Timestamp, Sized::Timestamp) => true,
                (Kind::TimestampTz, Sized::TimestampTz) => true,
                _ => false,
            },
            Type::Numeric(precision, scale) => {
                self == Kind::Numeric(*precision, u16::try_from(*scale).unwrap_or(u16::MAX))
            }
            _ => false,
        }
    }

    /// The stored form of an integer; `None` if it is out of range, or the kind has no integers.
    pub fn store_integer(self, value: i64) -> Option<Vec<u8>> {
        match self {
            Kind::Int2 => Some(i16::try_from(value).ok()?.to_le_bytes().to_vec()),
            Kind::Int4 => Some(i32::try_from(value).ok()?.to_le_bytes().to_vec()),
            Kind::Int8 => Some(value.to_le_bytes().to_vec()),
            _ => None,
        }
    }

    /// The integer of a stored form.
    pub fn integer(self, stored: &[u8]) -> Option<i64> {
        match self {
            Kind::Int2 => Some(i16::from_le_bytes(stored.try_into().ok()?).into()),
            Kind::Int4 => Some(i32::from_le_bytes(stored.try_into().ok()?).into()),
            Kind::Int8 => Some(i64::from_le_bytes(stored.try_into().ok()?)),
            _ => None,
        }
    }

    /// Whether it is one of the integers.
    pub fn is_integer(self) -> bool {
        matches!(self, Kind::Int2 | Kind::Int4 | Kind::Int8)
    }

    /// The stored form of a value as a client sent it: as text, or in the binary format.
    pub fn read(self, raw: &[u8], is_binary: bool) -> Option<Vec<u8>> {
        match is_binary {
            true => self.read_binary(raw),
            false => self.read_text(raw),
        }
    }

    /// Appends a stored value for a client, without its length. `None` if it is none of this kind; some bytes may be there
    /// then.
    pub fn write(self, stored: &[u8], is_binary: bool, out: &mut Vec<u8>) -> Option<()> {
        match is_binary {
            true => self.write_binary(stored, out),
            false => self.write_text(stored, out),
        }
    }
}
