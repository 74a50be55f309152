//! Spans and times with a zone in keys.
//!
//! ```text
//! interval             i128 BE, sign bit inverted: microseconds, a month being 30 days and a day 24 hours
//! time with time zone  UTC microseconds i64, then seconds west of UTC i32, both BE with the sign bit inverted
//! ```
//! **Theory.** So PostgreSQL compares them (interval_cmp, timetz_cmp). Spans that it calls equal ('1 month', '30 days') are one
//! key: decoding gives the one with the most months, and the row keeps the column.

use super::encode_signed;
use crate::codec::Reader;

const DAY: i128 = 86_400_000_000;
const MONTH: i128 = 30 * DAY;
const SECOND: i64 = 1_000_000;

/// An interval from its stored form; `None` if malformed.
pub fn encode_interval(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader(stored);
    let months = i32::from_le_bytes(reader.array()?);
    let days = i32::from_le_bytes(reader.array()?);
    let micros = i64::from_le_bytes(reader.array()?);
    let span = i128::from(months) * MONTH + i128::from(days) * DAY + i128::from(micros);
    encode_signed(span.to_be_bytes(), out);
    reader.end(())
}

/// An interval equal to the one that was encoded: its stored form, with the bytes it took.
pub fn decode_interval(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (span, used) = super::decode_signed::<16>(key)?;
    let span = i128::from_be_bytes(span);
    let whole = |span: i128, unit: i128| {
        let most = (span / unit).clamp(i32::MIN.into(), i32::MAX.into());
        i32::try_from(most).ok()
    };
    let months = whole(span, MONTH)?;
    let span = span - i128::from(months) * MONTH;
    let days = whole(span, DAY)?;
    let micros = i64::try_from(span - i128::from(days) * DAY).ok()?;
    let stored = [
        &months.to_le_bytes()[..],
        &days.to_le_bytes(),
        &micros.to_le_bytes(),
    ];
    Some((stored.concat(), used))
}

/// A time with time zone from its stored form; `None` if malformed.
pub fn encode_timetz(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader(stored);
    let time = i64::from_le_bytes(reader.array()?);
    let west = i32::from_le_bytes(reader.array()?);
    let utc = time.checked_add(i64::from(west) * SECOND)?;
    if reader.array::<4>()? != [0; 4] {
        return None;
    }
    encode_signed(utc.to_be_bytes(), out);
    encode_signed(west.to_be_bytes(), out);
    reader.end(())
}

/// Back from [`encode_timetz`]: the stored form, with the bytes it took.
pub fn decode_timetz(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let utc = i64::from_be_bytes(super::decode_signed::<8>(key)?.0);
    let west = i32::from_be_bytes(super::decode_signed::<4>(key.get(8..)?)?.0);
    let time = utc.checked_sub(i64::from(west) * SECOND)?;
    let stored = [&time.to_le_bytes()[..], &west.to_le_bytes(), &[0; 4]];
    Some((stored.concat(), 12))
}
