//! Values between Python and their stored forms (docs/file-format.md, Types).
//!
//! ```text
//! bool; int; float; Decimal; str (texts, json, labels of enums, addresses); bytes; UUID
//! date: int days, timestamps: int us since 1970; time: int us; timetz: (us, seconds west); interval: (months, days, us)
//! array: list, in it lists or None; of a class with `lowers` where a dimension does not begin at 1
//! ```
//! **Invariant.** What is read back equals what was written; a value that does not fit its type is refused.

use crate::errors::raise;
use hyperdb_graph::catalog::{Image, Object};
use hyperdb_graph::codec::decimal::Decimal;
use hyperdb_graph::codec::order::value::UserTypes;
use hyperdb_graph::codec::types::{Container, Named, Plain, Sized, Type};
use hyperdb_graph::keys::read_varint;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType};
use pyo3::IntoPyObjectExt;
use std::net::IpAddr;

static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static BOUNDED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn unfit(kind: &Type) -> PyErr {
    raise(
        "InvalidError",
        &format!("a value that is none of type {kind:?}"),
    )
}

fn unsupported(kind: &Type) -> PyErr {
    raise("NotBuiltError", &format!("values of type {kind:?} in SQL"))
}

/// The stored form of `value`; `None` for Python's None.
pub(super) fn stored(
    image: &Image,
    kind: &Type,
    value: &Bound<'_, PyAny>,
) -> PyResult<Option<Vec<u8>>> {
    if value.is_none() {
        return Ok(None);
    }
    let bytes = match kind {
        Type::Plain(plain) => stored_plain(kind, *plain, value)?,
        Type::Sized(sized, _) => stored_sized(kind, *sized, value)?,
        Type::Numeric(..) => stored_decimal(kind, value)?,
        Type::Named(Named::Enum, id) => label_number(image, *id, &value.extract::<String>()?)
            .ok_or_else(|| unfit(kind))?
            .to_le_bytes()
            .to_vec(),
        Type::Named(Named::Domain, id) => {
            let base = image.base(*id).ok_or_else(|| unfit(kind))?;
            return stored(image, &base, value);
        }
        Type::Of(Container::Array, of) => stored_array(image, kind, of, value)?,
        _ => return Err(unsupported(kind)),
    };
    Ok(Some(bytes))
}

fn stored_plain(kind: &Type, plain: Plain, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(match plain {
        Plain::Boolean => vec![u8::from(value.extract::<bool>()?)],
        Plain::Int1 => value.extract::<i8>()?.to_le_bytes().to_vec(),
        Plain::Int2 => value.extract::<i16>()?.to_le_bytes().to_vec(),
        Plain::Int4 | Plain::Date => value.extract::<i32>()?.to_le_bytes().to_vec(),
        Plain::Int8 | Plain::TimeNanos => value.extract::<i64>()?.to_le_bytes().to_vec(),
        Plain::Oid => value.extract::<u32>()?.to_le_bytes().to_vec(),
        Plain::Float4 => value.extract::<f32>()?.to_le_bytes().to_vec(),
        Plain::Float8 => value.extract::<f64>()?.to_le_bytes().to_vec(),
        Plain::Decimal => stored_decimal(kind, value)?,
        Plain::Text | Plain::Ascii | Plain::Name | Plain::Json | Plain::Jsonb | Plain::TsVector => {
            value.cast::<PyString>()?.to_str()?.as_bytes().to_vec()
        }
        Plain::Bytes => value.cast::<PyBytes>()?.as_bytes().to_vec(),
        Plain::Uuid | Plain::TimeUuid => value.getattr("bytes")?.extract::<Vec<u8>>()?,
        Plain::Char1 => {
            let text: String = value.extract()?;
            vec![text.as_bytes().first().copied().unwrap_or(0)]
        }
        Plain::Inet | Plain::Cidr => {
            stored_address(&value.extract::<String>()?).ok_or_else(|| unfit(kind))?
        }
        Plain::Varint | Plain::Duration | Plain::Counter | Plain::MacAddr => {
            return Err(unsupported(kind))
        }
    })
}

fn stored_sized(kind: &Type, sized: Sized, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(match sized {
        Sized::Varchar => value.extract::<String>()?.into_bytes(),
        Sized::Char => value
            .extract::<String>()?
            .trim_end_matches(' ')
            .as_bytes()
            .to_vec(),
        Sized::Time | Sized::Timestamp | Sized::TimestampTz => {
            value.extract::<i64>()?.to_le_bytes().to_vec()
        }
        Sized::TimeTz => {
            let (micros, west): (i64, i32) = value.extract()?;
            [&micros.to_le_bytes()[..], &west.to_le_bytes(), &[0; 4]].concat()
        }
        Sized::Interval => {
            let (months, days, micros): (i32, i32, i64) = value.extract()?;
            [
                &months.to_le_bytes()[..],
                &days.to_le_bytes(),
                &micros.to_le_bytes(),
            ]
            .concat()
        }
        Sized::Bit | Sized::VarBit => {
            stored_bits(&value.extract::<String>()?).ok_or_else(|| unfit(kind))?
        }
    })
}

fn stored_bits(text: &str) -> Option<Vec<u8>> {
    let mut out = u32::try_from(text.len()).ok()?.to_le_bytes().to_vec();
    for chunk in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (i, bit) in chunk.iter().enumerate() {
            byte |= match bit {
                b'0' => 0,
                b'1' => 0x80 >> i,
                _ => return None,
            };
        }
        out.push(byte);
    }
    Some(out)
}

fn stored_decimal(kind: &Type, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let parts = value.call_method0("as_tuple")?;
    let (negative, digits, exponent): (u8, Vec<u8>, Bound<'_, PyAny>) = parts.extract()?;
    let special = |text: &str| match (text, negative) {
        ("F", 0) => Some(Decimal::Infinity),
        ("F", _) => Some(Decimal::MinusInfinity),
        ("n" | "N", _) => Some(Decimal::NaN),
        _ => None,
    };
    let number = match exponent.extract::<i32>() {
        Err(_) => special(&exponent.extract::<String>()?),
        Ok(exponent) if exponent <= 0 => Decimal::new(negative == 1, -exponent, &digits),
        Ok(exponent) => {
            let zeros = usize::try_from(exponent).unwrap_or(0).min(200_000);
            let mut digits = digits;
            digits.resize(digits.len() + zeros, 0);
            Decimal::new(negative == 1, 0, &digits)
        }
    };
    let mut out = Vec::new();
    number.ok_or_else(|| unfit(kind))?.encode(&mut out);
    Ok(out)
}

/// `ADDRESS` or `ADDRESS/LENGTH`.
fn stored_address(text: &str) -> Option<Vec<u8>> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let (family, most, bytes) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => (4, 32, address.octets().to_vec()),
        IpAddr::V6(address) => (6, 128, address.octets().to_vec()),
    };
    let length = length.unwrap_or(most);
    (length <= most).then(|| [&[family, length][..], &bytes].concat())
}

fn push_varint(out: &mut Vec<u8>, value: u64) {
    let mut key = hyperdb_graph::keys::KeyBuf::new();
    key.push_varint(value);
    out.extend_from_slice(&key);
}

fn stored_array(
    image: &Image,
    kind: &Type,
    of: &Type,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<u8>> {
    let mut lengths = Vec::new();
    let mut level = value.clone();
    while let Ok(list) = level.cast::<PyList>() {
        if list.is_empty() {
            break;
        }
        lengths.push(list.len());
        let first = list.get_item(0)?;
        level = first;
    }
    let mut items = Vec::new();
    flatten(value, &lengths, &mut items)?;
    // A plain list begins at 1; one that does not is of a class that says where.
    let lowers: Vec<i32> = if value.is_exact_instance_of::<PyList>() {
        Vec::new()
    } else {
        value.getattr("lowers")?.extract()?
    };
    let mut out = Vec::new();
    push_varint(&mut out, lengths.len() as u64);
    for (dimension, length) in lengths.iter().enumerate() {
        push_varint(&mut out, *length as u64);
        let lower = lowers.get(dimension).copied().unwrap_or(1);
        out.extend_from_slice(&lower.to_le_bytes());
    }
    push_varint(&mut out, items.len() as u64);
    for item in items {
        match stored(image, of, &item).map_err(|_| unfit(kind))? {
            None => push_varint(&mut out, 0),
            Some(bytes) => {
                push_varint(&mut out, bytes.len() as u64 + 1);
                out.extend_from_slice(&bytes);
            }
        }
    }
    Ok(out)
}

fn flatten<'py>(
    value: &Bound<'py, PyAny>,
    lengths: &[usize],
    out: &mut Vec<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let Some((length, inner)) = lengths.split_first() else {
        if let Ok(list) = value.cast::<PyList>() {
            if list.is_empty() {
                return Ok(());
            }
        }
        out.push(value.clone());
        return Ok(());
    };
    let list = value.cast::<PyList>()?;
    if list.len() != *length {
        return Err(raise(
            "InvalidError",
            "an array whose parts have different lengths",
        ));
    }
    list.iter().try_for_each(|item| flatten(&item, inner, out))
}

fn label_number(image: &Image, id: u64, name: &str) -> Option<u32> {
    match image.get(id)? {
        Object::UserType(kind) => kind
            .labels
            .iter()
            .find(|label| label.name == name)
            .map(|label| label.number),
        _ => None,
    }
}

fn label_name(image: &Image, id: u64, number: u32) -> Option<&str> {
    match image.get(id)? {
        Object::UserType(kind) => kind
            .labels
            .iter()
            .find(|label| label.number == number)
            .map(|label| &label.name[..]),
        _ => None,
    }
}

/// Python's value of a stored form.
pub(super) fn object<'py>(
    py: Python<'py>,
    image: &Image,
    kind: &Type,
    bytes: Option<&[u8]>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(bytes) = bytes else {
        return Ok(py.None().into_bound(py));
    };
    let found = match kind {
        Type::Plain(plain) => object_plain(py, *plain, bytes)?,
        Type::Sized(sized, n) => object_sized(py, *sized, *n, bytes)?,
        Type::Numeric(..) => object_plain(py, Plain::Decimal, bytes)?,
        Type::Named(Named::Enum, id) => {
            let number = fixed::<4>(bytes).map(u32::from_le_bytes);
            let name = number.and_then(|number| label_name(image, *id, number));
            name.map(|name| PyString::new(py, name).into_any())
        }
        Type::Named(Named::Domain, id) => {
            let base = image.base(*id).ok_or_else(|| unfit(kind))?;
            return object(py, image, &base, Some(bytes));
        }
        Type::Of(Container::Array, of) => object_array(py, image, of, bytes)?,
        _ => return Err(unsupported(kind)),
    };
    found.ok_or_else(|| unfit(kind))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn any<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    value: Option<T>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    value.map(|value| value.into_bound_py_any(py)).transpose()
}

fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    any(py, std::str::from_utf8(bytes).ok())
}

fn object_plain<'py>(
    py: Python<'py>,
    plain: Plain,
    bytes: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match plain {
        Plain::Boolean => any(py, bytes.first().map(|byte| *byte == 1)),
        Plain::Int1 => any(py, fixed(bytes).map(i8::from_le_bytes)),
        Plain::Int2 => any(py, fixed(bytes).map(i16::from_le_bytes)),
        Plain::Int4 | Plain::Date => any(py, fixed(bytes).map(i32::from_le_bytes)),
        Plain::Int8 | Plain::TimeNanos | Plain::Counter => {
            any(py, fixed(bytes).map(i64::from_le_bytes))
        }
        Plain::Oid => any(py, fixed(bytes).map(u32::from_le_bytes)),
        Plain::Float4 => any(py, fixed(bytes).map(f32::from_le_bytes)),
        Plain::Float8 => any(py, fixed(bytes).map(f64::from_le_bytes)),
        Plain::Decimal => match Decimal::decode(bytes) {
            None => Ok(None),
            Some(number) => {
                let class = DECIMAL.import(py, "decimal", "Decimal")?;
                class.call1((digits(&number),)).map(Some)
            }
        },
        Plain::Text | Plain::Ascii | Plain::Name | Plain::Json | Plain::Jsonb | Plain::TsVector => {
            text(py, bytes)
        }
        Plain::Bytes => Ok(Some(PyBytes::new(py, bytes).into_any())),
        Plain::Uuid | Plain::TimeUuid => {
            let class = UUID.import(py, "uuid", "UUID")?;
            let named = PyDict::new(py);
            named.set_item("bytes", PyBytes::new(py, bytes))?;
            class.call((), Some(&named)).map(Some)
        }
        Plain::Char1 => text(py, if bytes == [0] { b"" } else { bytes }),
        Plain::Inet | Plain::Cidr => any(py, address(bytes, plain == Plain::Cidr)),
        Plain::Varint | Plain::Duration | Plain::MacAddr => Ok(None),
    }
}

/// A number as Python's Decimal reads it.
fn digits(number: &Decimal) -> String {
    match number {
        Decimal::MinusInfinity => "-Infinity".into(),
        Decimal::Infinity => "Infinity".into(),
        Decimal::NaN => "NaN".into(),
        Decimal::Finite {
            negative,
            scale,
            digits,
        } => {
            let mut text = String::with_capacity(digits.len() + 12);
            if *negative {
                text.push('-');
            }
            if digits.is_empty() {
                text.push('0');
            }
            text.extend(digits.iter().map(|digit| char::from(b'0' + *digit)));
            if *scale != 0 {
                text.push_str(&format!("E{}", -i64::from(*scale)));
            }
            text
        }
    }
}

fn address(bytes: &[u8], whole: bool) -> Option<String> {
    let (address, most) = match bytes.split_first()? {
        (4, rest) => (IpAddr::from(fixed::<4>(rest.get(1..)?)?), 32),
        (6, rest) => (IpAddr::from(fixed::<16>(rest.get(1..)?)?), 128),
        _ => return None,
    };
    let length = *bytes.get(1)?;
    Some(match whole || length != most {
        true => format!("{address}/{length}"),
        false => address.to_string(),
    })
}

fn object_sized<'py>(
    py: Python<'py>,
    sized: Sized,
    n: u32,
    bytes: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match sized {
        Sized::Varchar => text(py, bytes),
        Sized::Char => {
            let width = n as usize;
            any(
                py,
                std::str::from_utf8(bytes)
                    .ok()
                    .map(|text| format!("{text:<width$}")),
            )
        }
        Sized::Time | Sized::Timestamp | Sized::TimestampTz => {
            any(py, fixed(bytes).map(i64::from_le_bytes))
        }
        Sized::TimeTz => any(py, timetz(bytes)),
        Sized::Interval => any(py, interval(bytes)),
        Sized::Bit | Sized::VarBit => any(py, bits(bytes)),
    }
}

fn timetz(bytes: &[u8]) -> Option<(i64, i32)> {
    let (micros, rest) = bytes.split_first_chunk::<8>()?;
    Some((
        i64::from_le_bytes(*micros),
        i32::from_le_bytes(*rest.first_chunk()?),
    ))
}

fn interval(bytes: &[u8]) -> Option<(i32, i32, i64)> {
    let (months, rest) = bytes.split_first_chunk::<4>()?;
    let (days, rest) = rest.split_first_chunk::<4>()?;
    Some((
        i32::from_le_bytes(*months),
        i32::from_le_bytes(*days),
        i64::from_le_bytes(fixed(rest)?),
    ))
}

fn bits(bytes: &[u8]) -> Option<String> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let bit = |i: usize| {
        Some(if rest.get(i / 8)? & (0x80 >> (i % 8)) != 0 {
            '1'
        } else {
            '0'
        })
    };
    (0..count).map(bit).collect()
}

fn object_array<'py>(
    py: Python<'py>,
    image: &Image,
    of: &Type,
    bytes: &[u8],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some((lengths, lowers, items)) = array_items(bytes) else {
        return Ok(None);
    };
    let items: PyResult<Vec<Bound<'py, PyAny>>> = items
        .iter()
        .map(|item| object(py, image, of, *item))
        .collect();
    let mut level = items?;
    for length in lengths.iter().skip(1).rev() {
        let chunks = level
            .chunks((*length).max(1))
            .map(|chunk| Ok(PyList::new(py, chunk)?.into_any()));
        level = chunks.collect::<PyResult<_>>()?;
    }
    let list = PyList::new(py, level)?.into_any();
    if lowers.iter().all(|lower| *lower == 1) {
        return Ok(Some(list));
    }
    let class = BOUNDED.import(py, "hyperdb.frontends.sql.types", "Bounded")?;
    Ok(Some(class.call1((list, PyTuple::new(py, lowers)?))?))
}

/// Lengths, lower bounds, items.
type ArrayItems<'b> = (Vec<usize>, Vec<i32>, Vec<Option<&'b [u8]>>);

fn array_items(bytes: &[u8]) -> Option<ArrayItems<'_>> {
    let mut rest = bytes;
    let next = |rest: &mut &[u8]| {
        let (value, used) = read_varint(rest)?;
        *rest = rest.get(used..)?;
        usize::try_from(value).ok()
    };
    let dimensions = next(&mut rest)?;
    let (mut lengths, mut lowers) = (Vec::new(), Vec::new());
    for _ in 0..dimensions {
        lengths.push(next(&mut rest)?);
        let (lower, tail) = rest.split_first_chunk::<4>()?;
        lowers.push(i32::from_le_bytes(*lower));
        rest = tail;
    }
    let count = next(&mut rest)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(match next(&mut rest)? {
            0 => None,
            more => {
                let (item, tail) = rest.split_at_checked(more - 1)?;
                rest = tail;
                Some(item)
            }
        });
    }
    Some((lengths, lowers, items))
}

/// The values of a row as a tuple.
pub(super) fn tuple<'py>(
    py: Python<'py>,
    image: &Image,
    kinds: &[&Type],
    values: &[Option<&[u8]>],
) -> PyResult<Bound<'py, PyTuple>> {
    let objects = kinds
        .iter()
        .zip(values)
        .map(|(kind, value)| object(py, image, kind, *value));
    PyTuple::new(py, objects.collect::<PyResult<Vec<_>>>()?)
}
