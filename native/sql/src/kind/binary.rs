//! Values in PostgreSQL's binary format.

use super::number::send_decimal;
use super::Kind;
use hyperdb_graph::codec::decimal::Decimal;

/// Days from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// An integer the other way round.
fn turned<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    let mut bytes: [u8; N] = raw.try_into().ok()?;
    bytes.reverse();
    Some(bytes)
}

/// A number counted from another day; the two infinities stay where they are.
fn moved_day(day: i32, by: i32) -> Option<i32> {
    match day {
        i32::MIN | i32::MAX => Some(day),
        _ => day
            .checked_add(by)
            .filter(|day| *day != i32::MIN && *day != i32::MAX),
    }
}

fn moved_moment(moment: i64, by: i64) -> Option<i64> {
    match moment {
        i64::MIN | i64::MAX => Some(moment),
        _ => moment
            .checked_add(by)
            .filter(|found| *found != i64::MIN && *found != i64::MAX),
    }
}

/// Moments outside of what is written as text, for which PostgreSQL has limits of its own, take the ordinary way.
fn is_common(moment: i64) -> bool {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_10000: i64 = 253_402_300_800_000_000;
    (YEAR_1..YEAR_10000).contains(&moment)
}

impl Kind {
    pub(super) fn read_binary(self, raw: &[u8]) -> Option<Vec<u8>> {
        match self {
            Kind::Bool => match raw {
                [0 | 1] => Some(raw.to_vec()),
                _ => None,
            },
            Kind::Int2 => Some(turned::<2>(raw)?.to_vec()),
            Kind::Int4 => Some(turned::<4>(raw)?.to_vec()),
            Kind::Int8 | Kind::Float8 => Some(turned::<8>(raw)?.to_vec()),
            // The same bytes as the text's, with the same rules.
            Kind::Text | Kind::Varchar(_) | Kind::Char(_) => self.read_text(raw),
            Kind::Bytes => Some(raw.to_vec()),
            Kind::Uuid => (raw.len() == 16).then(|| raw.to_vec()),
            Kind::Date => {
                let day = moved_day(i32::from_le_bytes(turned(raw)?), EPOCH_DAYS)?;
                is_common(i64::from(day).saturating_mul(86_400_000_000))
                    .then(|| day.to_le_bytes().to_vec())
            }
            Kind::Timestamp | Kind::TimestampTz => {
                let moment = moved_moment(i64::from_le_bytes(turned(raw)?), EPOCH_MICROS)?;
                is_common(moment).then(|| moment.to_le_bytes().to_vec())
            }
            Kind::Numeric(..) => None,
        }
    }

    pub(super) fn write_binary(self, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Kind::Bool => matches!(stored, [0 | 1]).then(|| out.extend_from_slice(stored)),
            Kind::Int2 => turned::<2>(stored).map(|bytes| out.extend_from_slice(&bytes)),
            Kind::Int4 => turned::<4>(stored).map(|bytes| out.extend_from_slice(&bytes)),
            Kind::Int8 | Kind::Float8 => {
                turned::<8>(stored).map(|bytes| out.extend_from_slice(&bytes))
            }
            Kind::Text | Kind::Varchar(_) | Kind::Char(_) => self.write_text(stored, out),
            Kind::Bytes => {
                out.extend_from_slice(stored);
                Some(())
            }
            Kind::Uuid => (stored.len() == 16).then(|| out.extend_from_slice(stored)),
            Kind::Date => {
                let day = i32::from_le_bytes(stored.try_into().ok()?);
                out.extend_from_slice(&moved_day(day, -EPOCH_DAYS)?.to_be_bytes());
                Some(())
            }
            Kind::Timestamp | Kind::TimestampTz => {
                let moment = i64::from_le_bytes(stored.try_into().ok()?);
                out.extend_from_slice(&moved_moment(moment, -EPOCH_MICROS)?.to_be_bytes());
                Some(())
            }
            Kind::Numeric(..) => send_decimal(&Decimal::decode(stored)?, out),
        }
    }
}
