//! Values as parts of keys: the order of bytes is the order of the values, column by column.
//!
//! ```text
//! part of a nullable column   marker, then the value unless null
//!                             marker: 0x01 null before values, 0x02 value, 0x03 null behind values
//! part of a NOT NULL column   the value
//! descending                  every byte of the value inverted; markers stay: NULLS FIRST / LAST is a choice of its own
//! text, bytes                 0x00 as 0x00 0xFF; ended by 0x00 0x01
//! integers, times             big endian, sign bit inverted (unsigned: as they are)
//! floats                      big endian, negative: all bits inverted, else the sign bit; -0 as 0, NaN as the largest
//! decimals                    class; a number: exponent i32, then base-100 digits + 1, then 0; below zero these inverted
//! timeuuid                    time (60 bits) and version (4 bits), then the low half with each byte's top bit inverted
//! ```
//! **Invariant.** No part is a prefix of another of its kind, so parts can follow each other and a key of fewer
//! columns is a range of those with more.

pub mod binary;
pub mod network;
mod scalar;
pub mod spans;
pub mod value;
#[cfg(test)]
mod value_tests;

use super::decimal::{class, Decimal};
use super::Reader;
use crate::keys;

/// How a column of a key is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// From the largest down.
    pub descending: bool,
    /// Whether nulls may occur, and where they go.
    pub nulls: Nulls,
}

/// Where nulls go in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// There are none.
    Never,
    /// Before all values.
    First,
    /// Behind all values.
    Last,
}

impl Order {
    /// Ascending, without nulls: a primary key's default.
    pub const KEY: Order = Order {
        descending: false,
        nulls: Nulls::Never,
    };
}

const NULL_FIRST: u8 = 0x01;
const VALUE: u8 = 0x02;
const NULL_LAST: u8 = 0x03;

const ZERO: u8 = 0x00;
const ESCAPED: u8 = 0xff;
const END: u8 = 0x01;

/// Appends one column to `key`: `encode` writes the value's ascending form. `None` if the column takes no null.
pub fn push<T: ?Sized>(
    key: &mut Vec<u8>,
    order: Order,
    value: Option<&T>,
    encode: impl FnOnce(&T, &mut Vec<u8>),
) -> Option<()> {
    let Some(value) = value else {
        key.push(match order.nulls {
            Nulls::Never => return None,
            Nulls::First => NULL_FIRST,
            Nulls::Last => NULL_LAST,
        });
        return Some(());
    };
    if order.nulls != Nulls::Never {
        key.push(VALUE);
    }
    let start = key.len();
    encode(value, key);
    if order.descending {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Some(())
}

/// Takes one column off the front of `key`: `decode` reads the ascending form and says how many bytes it took.
/// `Some(None)` is null; `None` is malformed.
#[allow(clippy::option_option)]
pub fn take<T>(
    key: &mut &[u8],
    order: Order,
    decode: impl FnOnce(&[u8]) -> Option<(T, usize)>,
) -> Option<Option<T>> {
    if order.nulls != Nulls::Never {
        let (marker, rest) = key.split_first()?;
        *key = rest;
        match (*marker, order.nulls) {
            (VALUE, _) => {}
            (NULL_FIRST, Nulls::First) | (NULL_LAST, Nulls::Last) => return Some(None),
            _ => return None,
        }
    }
    let (value, used) = if order.descending {
        let ascending: Vec<u8> = key.iter().map(|byte| !byte).collect();
        decode(&ascending)?
    } else {
        decode(key)?
    };
    *key = key.get(used..)?;
    Some(Some(value))
}

/// Text or bytes.
pub fn encode_bytes(value: &[u8], out: &mut Vec<u8>) {
    let mut parts = value.split(|byte| *byte == ZERO);
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        out.extend_from_slice(&[ZERO, ESCAPED]);
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[ZERO, END]);
}

/// Back from [`encode_bytes`], with the bytes it took.
pub fn decode_bytes(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut value = Vec::new();
    let mut bytes = key.iter().enumerate();
    while let Some((_, byte)) = bytes.next() {
        if *byte != ZERO {
            value.push(*byte);
            continue;
        }
        match bytes.next()? {
            (_, &ESCAPED) => value.push(ZERO),
            (at, &END) => return Some((value, at + 1)),
            _ => return None,
        }
    }
    None
}

/// A signed integer of `N` bytes, given big endian.
pub fn encode_signed<const N: usize>(big_endian: [u8; N], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&big_endian);
    if let Some(first) = out.get_mut(start) {
        *first ^= 0x80;
    }
}

/// Back from [`encode_signed`].
pub fn decode_signed<const N: usize>(key: &[u8]) -> Option<([u8; N], usize)> {
    let mut value = *key.first_chunk::<N>()?;
    *value.first_mut()? ^= 0x80;
    Some((value, N))
}

/// A double; NaN is above infinity, as SQL has it.
pub fn encode_f64(value: f64, out: &mut Vec<u8>) {
    let bytes = if value.is_nan() {
        keys::order_f64(f64::from_bits(0x7ff8 << 48))
    } else {
        keys::order_f64(value)
    };
    out.extend_from_slice(&bytes);
}

/// Back from [`encode_f64`].
pub fn decode_f64(key: &[u8]) -> Option<(f64, usize)> {
    let value = keys::unorder_f64(*key.first_chunk::<8>()?);
    let mut again = Vec::new();
    encode_f64(value, &mut again);
    (again == key[..8]).then_some((value, 8))
}

/// A float, as the double that it is: half the bytes are zero and compress.
pub fn encode_f32(value: f32, out: &mut Vec<u8>) {
    encode_f64(f64::from(value), out);
}

/// A decimal; its scale is not in the key (1.50 and 1.5 are one key). `None` if its exponent leaves an i32.
pub fn encode_decimal(value: &Decimal, out: &mut Vec<u8>) -> Option<()> {
    out.push(value.class());
    let Decimal::Finite {
        negative,
        scale,
        digits,
    } = value
    else {
        return Some(());
    };
    if digits.is_empty() {
        return Some(());
    }
    // value = 0.d1 d2 ... * 10^exponent; an even exponent makes base-100 digits of equal numbers equal.
    let mut exponent = i64::try_from(digits.len()).ok()? - i64::from(*scale);
    let last = digits.iter().rposition(|digit| *digit != 0)?;
    let mut digits = digits[..=last].to_vec();
    if exponent.rem_euclid(2) == 1 {
        digits.insert(0, 0);
        exponent += 1;
    }
    let start = out.len();
    encode_signed(i32::try_from(exponent / 2).ok()?.to_be_bytes(), out);
    for pair in digits.chunks(2) {
        out.push(10 * pair[0] + pair.get(1).copied().unwrap_or(0) + 1);
    }
    out.push(0);
    if *negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Some(())
}

/// Back from [`encode_decimal`], with the smallest scale that shows the number whole.
pub fn decode_decimal(key: &[u8]) -> Option<(Decimal, usize)> {
    let mut reader = Reader(key);
    let negative = match reader.byte()? {
        class::MINUS_INFINITY => return Some((Decimal::MinusInfinity, 1)),
        class::ZERO => return Some((Decimal::new(false, 0, &[])?, 1)),
        class::INFINITY => return Some((Decimal::Infinity, 1)),
        class::NAN => return Some((Decimal::NaN, 1)),
        class::NEGATIVE => true,
        class::POSITIVE => false,
        _ => return None,
    };
    let flip = if negative { 0xff } else { 0 };
    let exponent = reader.array::<4>()?.map(|byte| byte ^ flip);
    let exponent = i32::from_be_bytes(decode_signed::<4>(&exponent)?.0);
    let mut digits = Vec::new();
    loop {
        match reader.byte()? ^ flip {
            0 => break,
            pair @ 1..=100 => digits.extend_from_slice(&[(pair - 1) / 10, (pair - 1) % 10]),
            _ => return None,
        }
    }
    let significant = digits.iter().rposition(|digit| *digit != 0)? + 1;
    let scale = i64::try_from(significant).ok()? - 2 * i64::from(exponent);
    let value = Decimal::new(negative, i32::try_from(scale).ok()?, &digits[..significant])?;
    let used = key.len() - reader.0.len();
    let mut again = Vec::new();
    encode_decimal(&value, &mut again)?;
    (again == key[..used]).then_some((value, used))
}

/// A time UUID in the order of its time, as CQL compares them.
pub fn encode_timeuuid(uuid: [u8; 16], out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h, low @ ..] = uuid;
    let high = [g & 0xf, h, e, f, a, b, c, d];
    let time_and_version = (u64::from_be_bytes(high) << 4) | u64::from(g >> 4);
    out.extend_from_slice(&time_and_version.to_be_bytes());
    out.extend_from_slice(&low.map(|byte| byte ^ 0x80));
}

/// Back from [`encode_timeuuid`].
pub fn decode_timeuuid(key: &[u8]) -> Option<([u8; 16], usize)> {
    let (head, rest) = key.split_first_chunk::<8>()?;
    let low = rest.first_chunk::<8>()?.map(|byte| byte ^ 0x80);
    let head = u64::from_be_bytes(*head);
    let version = (head & 0xf) as u8;
    let [g, h, e, f, a, b, c, d] = (head >> 4).to_be_bytes();
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&[a, b, c, d, e, f, (version << 4) | g, h]);
    uuid[8..].copy_from_slice(&low);
    Some((uuid, 16))
}

/// A UUID as CQL compares them: by version, those of version 1 by their time, the others by their bytes.
pub fn encode_uuid(uuid: [u8; 16], out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h, low @ ..] = uuid;
    let rest = match g >> 4 {
        1 => u64::from_be_bytes([g & 0xf, h, e, f, a, b, c, d]),
        _ => {
            u64::from_be_bytes([0, 0, a, b, c, d, e, f]) << 12
                | u64::from(g & 0xf) << 8
                | u64::from(h)
        }
    };
    out.extend_from_slice(&(u64::from(g >> 4) << 60 | rest).to_be_bytes());
    out.extend_from_slice(&low);
}

/// Back from [`encode_uuid`].
pub fn decode_uuid(key: &[u8]) -> Option<([u8; 16], usize)> {
    let (head, rest) = key.split_first_chunk::<8>()?;
    let low = rest.first_chunk::<8>()?;
    let version = head[0] >> 4;
    let rest = u64::from_be_bytes(*head) & (u64::MAX >> 4);
    let high = match version {
        1 => {
            let [g, h, e, f, a, b, c, d] = rest.to_be_bytes();
            [a, b, c, d, e, f, 0x10 | g, h]
        }
        _ => {
            let [_, _, a, b, c, d, e, f] = (rest >> 12).to_be_bytes();
            let [g, h] = ((rest & 0xfff) as u16).to_be_bytes();
            [a, b, c, d, e, f, version << 4 | g, h]
        }
    };
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&high);
    uuid[8..].copy_from_slice(low);
    Some((uuid, 16))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn key<T: ?Sized>(value: &T, encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        encode(value, &mut out);
        out
    }

    fn decimal(value: i128, scale: i32) -> Decimal {
        let text = value.unsigned_abs().to_string();
        let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
        Decimal::new(value < 0, scale, &digits).unwrap()
    }

    fn decimal_key(value: &Decimal) -> Vec<u8> {
        key(value, |value, out| encode_decimal(value, out).unwrap())
    }

    fn column() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop::option::weighted(0.8, proptest::collection::vec(0u8..3, 0..4))
    }

    fn order() -> impl Strategy<Value = Order> {
        (any::<bool>(), any::<bool>()).prop_map(|(descending, first)| Order {
            descending,
            nulls: if first { Nulls::First } else { Nulls::Last },
        })
    }

    fn compare(a: &Option<Vec<u8>>, b: &Option<Vec<u8>>, order: Order) -> Ordering {
        let null_side = if order.nulls == Nulls::First {
            Ordering::Less
        } else {
            Ordering::Greater
        };
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => null_side,
            (Some(_), None) => null_side.reverse(),
            (Some(a), Some(b)) if order.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
        }
    }

    proptest! {
        #[test]
        fn uuids_sort_by_version_then_time_or_bytes(left in any::<[u8; 16]>(), right in any::<[u8; 16]>(), versions in proptest::array::uniform2(0u8..6)) {
            let of = |mut uuid: [u8; 16], version: u8| {
                uuid[6] = version << 4 | uuid[6] & 0xf;
                uuid
            };
            let (left, right) = (of(left, versions[0]), of(right, versions[1]));
            // Cassandra's UUIDType, step by step.
            let words = |uuid: &[u8; 16]| {
                let word = |at: usize| u64::from_be_bytes(uuid[at..at + 8].try_into().unwrap());
                (word(0), word(8))
            };
            let time = |high: u64| (high & 0xfff) << 48 | (high >> 16 & 0xffff) << 32 | high >> 32;
            let ((high, low), (other_high, other_low)) = (words(&left), words(&right));
            let first = match versions {
                [1, 1] => time(high).cmp(&time(other_high)),
                _ => high.cmp(&other_high),
            };
            let expected = versions[0].cmp(&versions[1]).then(first).then(low.cmp(&other_low));
            let forms = [left, right].map(|uuid| key(&uuid, |uuid, out| encode_uuid(*uuid, out)));
            prop_assert_eq!(forms[0].cmp(&forms[1]), expected);
            prop_assert_eq!(decode_uuid(&forms[0]), Some((left, 16)));
        }
    }

    proptest! {
        #[test]
        fn keys_of_many_columns_sort_as_rows(
            rows in (order(), order()).prop_flat_map(|orders| {
                (Just(orders), (column(), column()), (column(), column()))
            })
        ) {
            let ((first, second), a, b) = rows;
            let encode = |row: &(Option<Vec<u8>>, Option<Vec<u8>>)| {
                let mut key = Vec::new();
                push(&mut key, first, row.0.as_deref(), encode_bytes).unwrap();
                push(&mut key, second, row.1.as_deref(), encode_bytes).unwrap();
                key
            };
            let wanted = compare(&a.0, &b.0, first).then(compare(&a.1, &b.1, second));
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), wanted);
            let bytes = encode(&a);
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest, first, decode_bytes), Some(a.0));
            prop_assert_eq!(take(&mut rest, second, decode_bytes), Some(a.1));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn integers_and_floats(a: i64, b: i64, x: f64, y: f64) {
            let int = |v: &i64| key(v, |v, out| encode_signed(v.to_be_bytes(), out));
            prop_assert_eq!(int(&a).cmp(&int(&b)), a.cmp(&b));
            prop_assert_eq!(decode_signed(&int(&a)), Some((a.to_be_bytes(), 8)));
            let float = |v: &f64| key(v, |v, out| encode_f64(*v, out));
            if let Some(wanted) = x.partial_cmp(&y) {
                prop_assert_eq!(float(&x).cmp(&float(&y)), wanted);
            }
            prop_assert!(x.is_nan() || float(&x) < float(&f64::NAN));
            prop_assert!(x.is_nan() || decode_f64(&float(&x)) == Some((x, 8)));
        }

        #[test]
        fn decimals(a in -20_000i64..20_000, i in -3i32..4, b in -20_000i64..20_000, j in -3i32..4) {
            let whole = |value: i64, scale: i32| i128::from(value) * 10i128.pow((3 - scale).unsigned_abs());
            let (x, y) = (decimal(a.into(), i), decimal(b.into(), j));
            prop_assert_eq!(decimal_key(&x).cmp(&decimal_key(&y)), whole(a, i).cmp(&whole(b, j)));
            let (back, used) = decode_decimal(&decimal_key(&x)).unwrap();
            prop_assert_eq!(used, decimal_key(&x).len());
            prop_assert_eq!(decimal_key(&back), decimal_key(&x));
        }

        #[test]
        fn noise_is_refused_or_is_the_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Some((value, used)) = decode_bytes(&bytes) {
                prop_assert_eq!(&key(&value[..], encode_bytes)[..], &bytes[..used]);
            }
            if let Some((value, used)) = decode_decimal(&bytes) {
                prop_assert_eq!(&decimal_key(&value)[..], &bytes[..used]);
            }
            if let Some((value, used)) = decode_timeuuid(&bytes) {
                prop_assert_eq!(&key(&value, |v, out| encode_timeuuid(*v, out))[..], &bytes[..used]);
            }
        }

        #[test]
        fn timeuuids_sort_by_time(a: u64, b: u64, low: [u8; 8]) {
            let uuid = |time: u64| {
                let time = time >> 4;
                let mut uuid = [0u8; 16];
                uuid[..4].copy_from_slice(&(time as u32).to_be_bytes());
                uuid[4..6].copy_from_slice(&((time >> 32) as u16).to_be_bytes());
                uuid[6..8].copy_from_slice(&(((time >> 48) as u16) | 0x1000).to_be_bytes());
                uuid[8..].copy_from_slice(&low);
                uuid
            };
            let encoded = |time| key(&uuid(time), |v, out| encode_timeuuid(*v, out));
            prop_assert_eq!(encoded(a).cmp(&encoded(b)), (a >> 4).cmp(&(b >> 4)));
            prop_assert_eq!(decode_timeuuid(&encoded(a)), Some((uuid(a), 16)));
        }
    }

    #[test]
    fn specials_of_decimals_are_in_order() {
        let order = [
            Decimal::MinusInfinity,
            decimal(-100, 0),
            decimal(-1, 30),
            decimal(0, 5),
            decimal(1, 30),
            decimal(100, 0),
            Decimal::Infinity,
            Decimal::NaN,
        ];
        for pair in order.windows(2) {
            assert!(decimal_key(&pair[0]) < decimal_key(&pair[1]), "{pair:?}");
        }
        assert_eq!(decimal_key(&decimal(150, 2)), decimal_key(&decimal(15, 1)));
    }

    #[test]
    fn a_column_without_nulls_takes_none() {
        assert_eq!(
            push(&mut Vec::new(), Order::KEY, None::<&[u8]>, encode_bytes),
            None
        );
    }
}
