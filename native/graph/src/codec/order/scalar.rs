//! Values of types without parts: from their form in a row to their form in a key and back.

use super::{
    binary, decode_bytes, decode_decimal, decode_f64, decode_signed, decode_timeuuid, encode_bytes,
    encode_decimal, encode_f32, encode_f64, encode_signed, encode_timeuuid, network, spans,
};
use crate::codec::decimal::Decimal;
use crate::codec::types::{Plain, Sized, Type};

/// Appends the form of the value `stored`; `Some(None)` if it is none of its type, `None` if the type has parts or a name.
#[allow(clippy::option_option)]
pub(super) fn encode(kind: &Type, stored: &[u8], out: &mut Vec<u8>) -> Option<Option<()>> {
    match kind {
        Type::Plain(plain) => Some(encode_plain(*plain, stored, out)),
        Type::Sized(sized, _) => Some(encode_sized(*sized, stored, out)),
        Type::Numeric(..) => Some(encode_plain(Plain::Decimal, stored, out)),
        _ => None,
    }
}

/// The stored form of a value at the front of `key`, and the bytes it took; answers as [`encode`] does.
#[allow(clippy::option_option)]
pub(super) fn decode(kind: &Type, key: &[u8]) -> Option<Option<(Vec<u8>, usize)>> {
    match kind {
        Type::Plain(plain) => Some(decode_plain(*plain, key)),
        Type::Sized(sized, _) => Some(decode_sized(*sized, key)),
        Type::Numeric(..) => Some(decode_plain(Plain::Decimal, key)),
        _ => None,
    }
}

/// An integer stored LE, put BE with the sign bit inverted or not.
fn encode_integer<const N: usize>(stored: &[u8], signed: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut bytes: [u8; N] = stored.try_into().ok()?;
    bytes.reverse();
    if signed {
        encode_signed(bytes, out);
    } else {
        out.extend_from_slice(&bytes);
    }
    Some(())
}

fn decode_integer<const N: usize>(key: &[u8], signed: bool) -> Option<(Vec<u8>, usize)> {
    let mut bytes = *key.first_chunk::<N>()?;
    if signed {
        bytes = decode_signed::<N>(&bytes)?.0;
    }
    bytes.reverse();
    Some((bytes.to_vec(), N))
}

fn encode_plain(plain: Plain, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match plain {
        Plain::Boolean => (stored.len() == 1 && stored[0] <= 1).then(|| out.push(stored[0])),
        Plain::Char1 => encode_integer::<1>(stored, false, out),
        Plain::Int1 => encode_integer::<1>(stored, true, out),
        Plain::Int2 => encode_integer::<2>(stored, true, out),
        Plain::Int4 | Plain::Date => encode_integer::<4>(stored, true, out),
        Plain::Int8 | Plain::TimeNanos => encode_integer::<8>(stored, true, out),
        Plain::Oid => encode_integer::<4>(stored, false, out),
        Plain::Float4 => {
            let value = f32::from_le_bytes(stored.try_into().ok()?);
            encode_f32(value, out);
            Some(())
        }
        Plain::Float8 => {
            encode_f64(f64::from_le_bytes(stored.try_into().ok()?), out);
            Some(())
        }
        Plain::Varint => binary::encode_varint(stored, out),
        Plain::Decimal => Decimal::decode(stored).and_then(|value| encode_decimal(&value, out)),
        Plain::Text | Plain::Ascii | Plain::Name => {
            let text = std::str::from_utf8(stored).ok()?;
            let sound = plain != Plain::Ascii || text.is_ascii();
            sound.then(|| encode_bytes(stored, out))
        }
        Plain::Bytes => {
            encode_bytes(stored, out);
            Some(())
        }
        Plain::Uuid => fixed::<16>(stored, out),
        Plain::TimeUuid => {
            encode_timeuuid(stored.try_into().ok()?, out);
            Some(())
        }
        Plain::MacAddr => fixed::<6>(stored, out),
        Plain::Inet | Plain::Cidr => network::encode_inet(stored, out),
        Plain::Duration | Plain::Json | Plain::Jsonb | Plain::Counter | Plain::TsVector => None,
    }
}

fn fixed<const N: usize>(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let bytes: [u8; N] = stored.try_into().ok()?;
    out.extend_from_slice(&bytes);
    Some(())
}

fn decode_plain(plain: Plain, key: &[u8]) -> Option<(Vec<u8>, usize)> {
    match plain {
        Plain::Boolean | Plain::Char1 => decode_integer::<1>(key, false),
        Plain::Int1 => decode_integer::<1>(key, true),
        Plain::Int2 => decode_integer::<2>(key, true),
        Plain::Int4 | Plain::Date => decode_integer::<4>(key, true),
        Plain::Int8 | Plain::TimeNanos => decode_integer::<8>(key, true),
        Plain::Oid => decode_integer::<4>(key, false),
        Plain::Float4 => {
            let (value, used) = decode_f64(key)?;
            Some(((value as f32).to_le_bytes().to_vec(), used))
        }
        Plain::Float8 => {
            let (value, used) = decode_f64(key)?;
            Some((value.to_le_bytes().to_vec(), used))
        }
        Plain::Varint => binary::decode_varint(key),
        Plain::Decimal => {
            let (value, used) = decode_decimal(key)?;
            let mut stored = Vec::new();
            value.encode(&mut stored);
            Some((stored, used))
        }
        Plain::Text | Plain::Ascii | Plain::Name | Plain::Bytes => decode_bytes(key),
        Plain::Uuid => Some((key.first_chunk::<16>()?.to_vec(), 16)),
        Plain::TimeUuid => decode_timeuuid(key).map(|(uuid, used)| (uuid.to_vec(), used)),
        Plain::MacAddr => Some((key.first_chunk::<6>()?.to_vec(), 6)),
        Plain::Inet | Plain::Cidr => network::decode_inet(key),
        Plain::Duration | Plain::Json | Plain::Jsonb | Plain::Counter | Plain::TsVector => None,
    }
}

fn encode_sized(sized: Sized, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match sized {
        Sized::Varchar => encode_plain(Plain::Text, stored, out),
        Sized::Char => {
            let padded = stored.last() == Some(&b' ');
            (!padded).then(|| encode_plain(Plain::Text, stored, out))?
        }
        Sized::Bit | Sized::VarBit => binary::encode_bits(stored, out),
        Sized::Time | Sized::Timestamp | Sized::TimestampTz => {
            encode_integer::<8>(stored, true, out)
        }
        Sized::TimeTz => spans::encode_timetz(stored, out),
        Sized::Interval => spans::encode_interval(stored, out),
    }
}

fn decode_sized(sized: Sized, key: &[u8]) -> Option<(Vec<u8>, usize)> {
    match sized {
        Sized::Varchar | Sized::Char => decode_bytes(key),
        Sized::Bit | Sized::VarBit => binary::decode_bits(key),
        Sized::Time | Sized::Timestamp | Sized::TimestampTz => decode_integer::<8>(key, true),
        Sized::TimeTz => spans::decode_timetz(key),
        Sized::Interval => spans::decode_interval(key),
    }
}
