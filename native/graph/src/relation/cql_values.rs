//! Values of CQL's types as SQL has them, and back.
//!
//! ```text
//! varint numeric; time time(6); duration interval(6); counter bigint
//! list, set, vector   an array, where what is in it is neither a collection nor a type with parts
//! map, tuple, user type, and collections of such   jsonb
//! ```
//! **Theory.** A table made in CQL has one stored form, CQL's; SQL sees it through types that it has. What SQL has no word for it
//! reads as jsonb, and cannot write. **Invariant.** `to_cql(to_sql(v))` is `v` up to what SQL's type cannot hold (nanoseconds), or
//! refused; so a value that SQL has not changed is never written back.

use super::cql_json;
use crate::catalog::Image;
use crate::codec::decimal::Decimal;
use crate::codec::order::value::UserTypes;
use crate::codec::types::{Container, Plain, Sized, Type};
use crate::codec::wire::{to_stored, to_wire};
use crate::codec::{Builder, Reader};

const NANOS: i64 = 1000;
/// Digits behind the point of a second, as SQL's types have them at most.
const MICROS: u32 = 6;
/// Zeros behind a number's digits that are written out at most.
const ZEROS_MOST: usize = 48 << 10;

/// Whether values are one each: no collection, nothing with parts.
fn is_single(kind: &Type) -> bool {
    matches!(kind, Type::Plain(_) | Type::Sized(..))
}

/// The type as which SQL sees a column of CQL's.
pub(super) fn sql_kind(kind: &Type) -> Type {
    match kind {
        Type::Plain(Plain::Varint) => Type::Plain(Plain::Decimal),
        Type::Plain(Plain::TimeNanos) => Type::Sized(Sized::Time, MICROS),
        Type::Plain(Plain::Duration) => Type::Sized(Sized::Interval, MICROS),
        Type::Plain(Plain::Counter) => Type::Plain(Plain::Int8),
        Type::Of(_, of) | Type::Vector(of, _) if is_single(of) => {
            Type::Of(Container::Array, Box::new(sql_kind(of)))
        }
        kind if is_single(kind) => kind.clone(),
        _ => Type::Plain(Plain::Jsonb),
    }
}

/// A stored value as SQL stores it; `None` if it is malformed.
pub(super) fn to_sql(
    kind: &Type,
    image: &Image,
    types: &dyn UserTypes,
    stored: &[u8],
) -> Option<Vec<u8>> {
    match kind {
        Type::Plain(Plain::Varint) => {
            let wire = [&[0; 4], stored].concat();
            to_stored(&Type::Plain(Plain::Decimal), types, &wire)
        }
        Type::Plain(Plain::TimeNanos) => {
            let nanos = i64::from_le_bytes(stored.try_into().ok()?);
            Some(nanos.div_euclid(NANOS).to_le_bytes().to_vec())
        }
        Type::Plain(Plain::Duration) => {
            let (whole, nanos) = stored.split_first_chunk::<8>()?;
            let nanos = i64::from_le_bytes(nanos.try_into().ok()?);
            Some([&whole[..], &(nanos / NANOS).to_le_bytes()].concat())
        }
        Type::Of(_, of) | Type::Vector(of, _) if is_single(of) => {
            let items = items(kind, stored)?;
            let mut out = Builder::default();
            // No dimension where nothing is in it, else one from 1 on.
            match items.is_empty() {
                true => out.varint(0),
                false => out
                    .varint(1)
                    .varint(items.len() as u64)
                    .bytes(&1i32.to_le_bytes()),
            };
            out.varint(items.len() as u64);
            for item in items {
                match item {
                    None => out.varint(0),
                    Some(item) => {
                        let item = to_sql(of, image, types, item)?;
                        out.varint(item.len() as u64 + 1).bytes(&item)
                    }
                };
            }
            Some(out.0)
        }
        kind if is_single(kind) => Some(stored.to_vec()),
        _ => {
            let mut out = String::new();
            cql_json::write(kind, image, types, stored, &mut out)?;
            Some(out.into_bytes())
        }
    }
}

/// A value that SQL has stored as CQL stores it; `None` if it is none of CQL's type, or of one that SQL does not write.
pub(super) fn to_cql(kind: &Type, types: &dyn UserTypes, stored: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Type::Plain(Plain::Varint) => {
            let mut wire = Vec::new();
            let number = integral(stored)?;
            to_wire(&Type::Plain(Plain::Decimal), types, &number, &mut wire)?;
            to_stored(kind, types, wire.get(4..)?)
        }
        Type::Plain(Plain::TimeNanos) => {
            let micros = i64::from_le_bytes(stored.try_into().ok()?);
            Some(micros.checked_mul(NANOS)?.to_le_bytes().to_vec())
        }
        Type::Plain(Plain::Duration) => {
            let (whole, micros) = stored.split_first_chunk::<8>()?;
            let micros = i64::from_le_bytes(micros.try_into().ok()?);
            Some([&whole[..], &micros.checked_mul(NANOS)?.to_le_bytes()].concat())
        }
        Type::Plain(Plain::Counter) => None,
        Type::Of(_, of) | Type::Vector(of, _) if is_single(of) => {
            let mut wire = Vec::new();
            let items = array(stored)?;
            if !matches!(kind, Type::Vector(..)) {
                wire.extend_from_slice(&i32::try_from(items.len()).ok()?.to_be_bytes());
            }
            for item in items {
                let item = to_cql(of, types, item?)?;
                let mut own = Vec::new();
                to_wire(of, types, &item, &mut own)?;
                match kind {
                    Type::Vector(..) if of.width().bytes().is_some() => {}
                    // Elements of variable width have their lengths in another form there.
                    Type::Vector(..) => return None,
                    _ => wire.extend_from_slice(&i32::try_from(own.len()).ok()?.to_be_bytes()),
                }
                wire.extend_from_slice(&own);
            }
            to_stored(kind, types, &wire)
        }
        kind if is_single(kind) => Some(stored.to_vec()),
        _ => None,
    }
}

/// A decimal without digits behind the point, the same number; `None` if it has a fraction.
fn integral(stored: &[u8]) -> Option<Vec<u8>> {
    let Decimal::Finite {
        negative,
        scale,
        mut digits,
    } = Decimal::decode(stored)?
    else {
        return None;
    };
    match usize::try_from(scale) {
        Ok(behind) => {
            let whole = digits.len().saturating_sub(behind);
            if digits.get(whole..)?.iter().any(|digit| *digit != 0) {
                return None;
            }
            digits.truncate(whole);
        }
        Err(_) => {
            let more = usize::try_from(-i64::from(scale)).ok()?;
            if more > ZEROS_MOST {
                return None;
            }
            digits.resize(digits.len() + more, 0);
        }
    }
    let mut out = Vec::new();
    Decimal::new(negative, 0, &digits)?.encode(&mut out);
    Some(out)
}

/// The stored values in a collection or vector; of a map keys and values by turns.
pub(super) fn items<'v>(kind: &Type, stored: &'v [u8]) -> Option<Vec<Option<&'v [u8]>>> {
    let mut reader = Reader(stored);
    let mut found = Vec::new();
    if let Type::Vector(of, n) = kind {
        for _ in 0..*n {
            found.push(Some(match of.width().bytes() {
                Some(width) => reader.bytes(width)?,
                None => reader.blob()?,
            }));
        }
        return reader.end(found);
    }
    for _ in 0..reader.count()? {
        found.push(item(&mut reader)?);
    }
    // Behind the elements of a collection of cells there may be their times; what lives is shown without.
    Some(found)
}

fn item<'v>(reader: &mut Reader<'v>) -> Option<Option<&'v [u8]>> {
    match usize::try_from(reader.varint()?).ok()?.checked_sub(1) {
        None => Some(None),
        Some(length) => reader.bytes(length).map(Some),
    }
}

/// The items of a stored array of one dimension, or of none.
fn array(stored: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let mut reader = Reader(stored);
    let dimensions = reader.varint()?;
    if dimensions > 1 {
        return None;
    }
    for _ in 0..dimensions {
        reader.varint()?;
        reader.array::<4>()?;
    }
    let mut found = Vec::new();
    for _ in 0..reader.count()? {
        found.push(item(&mut reader)?);
    }
    reader.end(found)
}

#[cfg(test)]
mod tests;
