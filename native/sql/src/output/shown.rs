//! Types of values that are only written: those of the short way, and a few more.

use crate::kind::{calendar, number, Kind};

const DAY: i64 = 86_400_000_000;

/// How a stored value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As the short way does.
    Kind(Kind),
    /// real
    Float4,
    /// time
    Time,
    /// jsonb: text, with its version in front of it in the binary format
    Jsonb,
    /// oid
    Oid,
}

impl Shown {
    /// By PostgreSQL's oid; of the modifier only that of char(n) shows.
    pub fn of(oid: u32, modifier: i32) -> Option<Shown> {
        match oid {
            26 => Some(Shown::Oid),
            // json and name are text.
            19 | 114 => Some(Shown::Kind(Kind::Text)),
            700 => Some(Shown::Float4),
            1083 => Some(Shown::Time),
            1042 => Kind::of(oid, modifier).map(Shown::Kind),
            3802 => Some(Shown::Jsonb),
            _ => Kind::of(oid, -1).map(Shown::Kind),
        }
    }

    /// Whether it depends on the session's time zone.
    pub fn has_zone(self) -> bool {
        self == Shown::Kind(Kind::TimestampTz)
    }

    /// Appends a stored value. `None` if it is none of this type, or is written another way than here; bytes may be there then.
    pub fn write(self, stored: &[u8], is_binary: bool, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Shown::Kind(kind) => kind.write(stored, is_binary, out)?,
            Shown::Float4 => {
                let value = f32::from_le_bytes(stored.try_into().ok()?);
                match is_binary {
                    true => out.extend_from_slice(&value.to_be_bytes()),
                    false => number::push_single(value, out),
                }
            }
            Shown::Time => {
                let value = i64::from_le_bytes(stored.try_into().ok()?);
                if !(0..=DAY).contains(&value) {
                    return None;
                }
                match is_binary {
                    true => out.extend_from_slice(&value.to_be_bytes()),
                    false => calendar::push_time(value, out),
                }
            }
            Shown::Jsonb => {
                if is_binary {
                    out.push(1);
                }
                out.extend_from_slice(stored);
            }
            Shown::Oid => {
                let value = u32::from_le_bytes(stored.try_into().ok()?);
                match is_binary {
                    true => out.extend_from_slice(&value.to_be_bytes()),
                    false => crate::kind::push_integer(i64::from(value), out),
                }
            }
        }
        Some(())
    }
}
