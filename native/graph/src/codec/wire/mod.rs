//! Values as CQL's protocol writes them, to and from their stored forms.
//!
//! Source: CQL binary protocol v5, section 6 (data type serialization formats).
//!
//! **Theory.** A CQL client's bound values and results are bytes of this form, and most of them are the stored form with its bytes
//! turned round. So they go from the client's message into a packed row, and from there into a result, without becoming
//! anything in between. **Invariant.** What is stored is the one encoding of its value: numbers are shortest, sets and maps
//! ascend by their key's form, and `to_wire(to_stored(v))` is `v` but for these.

mod numbers;

use super::order::value::{encode_value, UserTypes};
use super::row::{Cell, Row, Width};
use super::types::{Container, Named, Plain, Sized, Type};
use super::{Builder, Reader};
use numbers::{
    decimal_stored, decimal_wire, duration_stored, duration_wire, push_unsigned_vint, shortest,
    unsigned_vint,
};

/// Days are unsigned on the wire, with 1970-01-01 in the middle.
const EPOCH: u32 = 1 << 31;
const NANOS_OF_DAY: i64 = 86_400_000_000_000;

/// The stored form of `wire`; `None` if it is no value of `kind`, or one that the store cannot hold: a timestamp more than
/// 292,000 years from 1970, a decimal of more than 16 KiB, an empty value where `kind` has none.
pub fn to_stored(kind: &Type, types: &dyn UserTypes, wire: &[u8]) -> Option<Vec<u8>> {
    Wire { types, depth: 1 }.stored(kind, wire)
}

/// Appends the wire's form of a stored value; `None` if that is malformed, or of a type that CQL does not have.
pub fn to_wire(kind: &Type, types: &dyn UserTypes, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    Wire { types, depth: 1 }.wire(kind, stored, out)
}

#[derive(Clone, Copy)]
struct Wire<'t> {
    types: &'t dyn UserTypes,
    depth: usize,
}

impl Wire<'_> {
    fn inner(self) -> Option<Self> {
        (self.depth < 2 * Type::DEPTH).then_some(Wire {
            depth: self.depth + 1,
            ..self
        })
    }

    fn stored(self, kind: &Type, wire: &[u8]) -> Option<Vec<u8>> {
        match kind {
            Type::Plain(plain) => plain_stored(*plain, wire),
            Type::Sized(Sized::TimestampTz | Sized::Timestamp, _) => {
                let millis = i64::from_be_bytes(wire.try_into().ok()?);
                let micros = millis.checked_mul(1000)?;
                Some(micros.to_le_bytes().to_vec())
            }
            Type::Sized(Sized::Varchar | Sized::Char, _) => text(wire),
            Type::Numeric(..) => decimal_stored(wire),
            Type::Named(Named::Domain, id) => self.inner()?.stored(&self.types.base(*id)?, wire),
            Type::Named(Named::Composite | Named::FrozenUdt, id) => {
                self.inner()?.fields_stored(&self.types.fields(*id)?, wire)
            }
            Type::Tuple(parts) => self
                .inner()?
                .fields_stored(&(1..).zip(parts.iter().cloned()).collect::<Vec<_>>(), wire),
            Type::Of(container, of) => self.inner()?.items_stored(*container, of, wire),
            Type::Map(keys, values, _) => self.inner()?.map_stored(keys, values, wire),
            Type::Vector(of, n) => self.inner()?.vector_stored(of, *n, wire),
            Type::Sized(..) | Type::Named(Named::Enum, _) => None,
        }
    }

    fn wire(self, kind: &Type, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match kind {
            Type::Plain(plain) => plain_wire(*plain, stored, out),
            Type::Sized(Sized::TimestampTz | Sized::Timestamp, _) => {
                let micros = i64::from_le_bytes(stored.try_into().ok()?);
                out.extend_from_slice(&micros.div_euclid(1000).to_be_bytes());
                Some(())
            }
            Type::Sized(Sized::Varchar | Sized::Char, _) => {
                out.extend_from_slice(stored);
                Some(())
            }
            Type::Numeric(..) => decimal_wire(stored, out),
            Type::Named(Named::Domain, id) => {
                self.inner()?.wire(&self.types.base(*id)?, stored, out)
            }
            Type::Named(Named::Composite | Named::FrozenUdt, id) => {
                self.inner()?
                    .fields_wire(&self.types.fields(*id)?, stored, out)
            }
            Type::Tuple(parts) => {
                let fields: Vec<_> = (1..).zip(parts.iter().cloned()).collect();
                self.inner()?.fields_wire(&fields, stored, out)
            }
            Type::Of(Container::Array, _) => None,
            Type::Of(container, of) => {
                let alone = !matches!(container, Container::List | Container::Set);
                self.inner()?.items_wire(&[of], stored, alone, out)
            }
            Type::Map(keys, values, frozen) => {
                self.inner()?
                    .items_wire(&[keys, values], stored, *frozen, out)
            }
            Type::Vector(of, n) => self.inner()?.vector_wire(of, *n, stored, out),
            Type::Sized(..) | Type::Named(Named::Enum, _) => None,
        }
    }

    /// A stored item; an empty one is kept as it is, whatever its type.
    fn item(self, kind: &Type, wire: &[u8]) -> Option<Vec<u8>> {
        match wire {
            [] if is_emptiable(kind) => Some(Vec::new()),
            _ => self.stored(kind, wire),
        }
    }

    fn items_stored(self, container: Container, of: &Type, wire: &[u8]) -> Option<Vec<u8>> {
        let mut items = Vec::new();
        let mut reader = Reader(wire);
        for _ in 0..count(&mut reader)? {
            items.push(self.item(of, value(&mut reader)??)?);
        }
        reader.end(())?;
        if matches!(container, Container::Set | Container::FrozenSet) {
            items = self.ascending(of, items, |item| item)?;
            items.dedup();
        }
        let mut out = Builder::default();
        out.varint(items.len() as u64);
        for item in &items {
            push_item(&mut out, item);
        }
        (container != Container::Array).then_some(out.0)
    }

    fn map_stored(self, keys: &Type, values: &Type, wire: &[u8]) -> Option<Vec<u8>> {
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut reader = Reader(wire);
        for _ in 0..count(&mut reader)? {
            let key = self.item(keys, value(&mut reader)??)?;
            pairs.push((key, self.item(values, value(&mut reader)??)?));
        }
        reader.end(())?;
        // Of equal keys the last one counts; the sort is stable.
        let mut pairs = self.ascending(keys, pairs, |pair| &pair.0)?;
        pairs.reverse();
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        pairs.reverse();
        let mut out = Builder::default();
        out.varint(2 * pairs.len() as u64);
        for (key, value) in &pairs {
            push_item(&mut out, key);
            push_item(&mut out, value);
        }
        Some(out.0)
    }

    /// Items in the order of their keys' forms.
    fn ascending<T>(
        self,
        kind: &Type,
        items: Vec<T>,
        key: impl Fn(&T) -> &Vec<u8>,
    ) -> Option<Vec<T>> {
        let mut formed = Vec::with_capacity(items.len());
        for item in items {
            let mut form = Vec::new();
            if !key(&item).is_empty() || !is_emptiable(kind) {
                encode_value(kind, self.types, key(&item), &mut form).ok()?;
            }
            formed.push((form, item));
        }
        formed.sort_by(|left, right| left.0.cmp(&right.0));
        Some(formed.into_iter().map(|(_, item)| item).collect())
    }

    /// Items; where they are not `alone`, what follows them are the stamps of elements.
    fn items_wire(
        self,
        kinds: &[&Type],
        stored: &[u8],
        alone: bool,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let mut reader = Reader(stored);
        let items = reader.count()?;
        let count = i32::try_from(items / kinds.len()).ok()?;
        out.extend_from_slice(&count.to_be_bytes());
        for kind in kinds.iter().cycle().take(items) {
            let item = read_item(&mut reader)?;
            self.sized(kind, item, out)?;
        }
        (!alone || reader.0.is_empty()).then_some(())
    }

    /// A value behind its length; a null has the length -1.
    fn sized(self, kind: &Type, stored: Option<&[u8]>, out: &mut Vec<u8>) -> Option<()> {
        let Some(stored) = stored else {
            out.extend_from_slice(&(-1i32).to_be_bytes());
            return Some(());
        };
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        if !stored.is_empty() || !is_emptiable(kind) {
            self.wire(kind, stored, out)?;
        }
        let length = i32::try_from(out.len() - at - 4).ok()?;
        out.get_mut(at..at + 4)?
            .copy_from_slice(&length.to_be_bytes());
        Some(())
    }

    fn fields_stored(self, fields: &[(u32, Type)], wire: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader(wire);
        let mut values = Vec::with_capacity(fields.len());
        for (id, kind) in fields {
            // Fields at the end may be missing, and are null then: the type had fewer of them when the value was made.
            let wire = match reader.0.is_empty() {
                true => None,
                false => value(&mut reader)?,
            };
            let stored = match wire {
                Some(wire) => Some(self.item(kind, wire)?),
                None => None,
            };
            values.push((*id, kind.width(), stored));
        }
        reader.end(())?;
        values.sort_by_key(|(id, ..)| *id);
        let cells = values.iter().map(|(id, width, value)| Cell {
            id: *id,
            width: width.holding(value.as_deref()),
            value: value.as_deref(),
            stamp: None,
        });
        let cells = cells.collect();
        Row { stamp: None, cells }.encode()
    }

    fn fields_wire(self, fields: &[(u32, Type)], stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let row = Row::decode(stored)?;
        for (id, kind) in fields {
            self.sized(kind, row.cell(*id).and_then(|cell| cell.value), out)?;
        }
        Some(())
    }

    fn vector_stored(self, of: &Type, n: u32, wire: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader(wire);
        let mut out = Builder::default();
        let fixed = wire_width(of);
        for _ in 0..n {
            let length = match fixed {
                Some(length) => length,
                None => usize::try_from(unsigned_vint(&mut reader)?).ok()?,
            };
            let stored = self.stored(of, reader.bytes(length)?)?;
            match of.width() {
                Width::Variable => out.blob(&stored),
                _ => out.bytes(&stored),
            };
        }
        reader.end(out.0)
    }

    fn vector_wire(self, of: &Type, n: u32, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut reader = Reader(stored);
        let fixed = wire_width(of);
        for _ in 0..n {
            let stored = match of.width().bytes() {
                Some(width) => reader.bytes(width)?,
                None => reader.blob()?,
            };
            let mut wire = Vec::new();
            self.wire(of, stored, &mut wire)?;
            match fixed {
                Some(length) if wire.len() != length => return None,
                Some(_) => {}
                None => push_unsigned_vint(wire.len() as u64, out),
            }
            out.extend_from_slice(&wire);
        }
        reader.end(())
    }
}

/// Whether an empty value is a value of its own, as opposed to the empty text or blob.
pub fn is_emptiable(kind: &Type) -> bool {
    match kind {
        Type::Plain(plain) => !matches!(plain, Plain::Text | Plain::Ascii | Plain::Bytes),
        Type::Sized(sized, _) => !matches!(sized, Sized::Varchar | Sized::Char),
        _ => true,
    }
}

fn count(reader: &mut Reader<'_>) -> Option<usize> {
    let count = usize::try_from(i32::from_be_bytes(reader.array()?)).ok()?;
    // Every item takes four bytes at least: a promise is checked before room is made for it.
    (count <= reader.0.len() / 4).then_some(count)
}

/// A value behind its length: `Some(None)` is null.
#[allow(clippy::option_option)]
fn value<'w>(reader: &mut Reader<'w>) -> Option<Option<&'w [u8]>> {
    match i32::from_be_bytes(reader.array()?) {
        length if length < 0 => Some(None),
        length => Some(Some(reader.bytes(usize::try_from(length).ok()?)?)),
    }
}

pub(crate) fn push_item(out: &mut Builder, item: &[u8]) {
    out.varint(item.len() as u64 + 1).bytes(item);
}

/// An item of a stored collection: `Some(None)` is null.
#[allow(clippy::option_option)]
pub(crate) fn read_item<'r>(reader: &mut Reader<'r>) -> Option<Option<&'r [u8]>> {
    match usize::try_from(reader.varint()?).ok()?.checked_sub(1) {
        None => Some(None),
        Some(length) => Some(Some(reader.bytes(length)?)),
    }
}

fn text(wire: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(wire).ok()?;
    Some(wire.to_vec())
}

fn turned<const N: usize>(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes: [u8; N] = bytes.try_into().ok()?;
    bytes.reverse();
    Some(bytes.to_vec())
}

fn plain_stored(plain: Plain, wire: &[u8]) -> Option<Vec<u8>> {
    match plain {
        Plain::Boolean => match wire {
            [byte] => Some(vec![u8::from(*byte != 0)]),
            _ => None,
        },
        Plain::Int1 => turned::<1>(wire),
        Plain::Int2 => turned::<2>(wire),
        Plain::Int4 | Plain::Float4 => turned::<4>(wire),
        Plain::Int8 | Plain::Float8 | Plain::Counter => turned::<8>(wire),
        Plain::Varint => shortest(wire).map(<[u8]>::to_vec),
        Plain::Decimal => decimal_stored(wire),
        Plain::Text => text(wire),
        Plain::Ascii => wire.is_ascii().then(|| wire.to_vec()),
        Plain::Bytes => Some(wire.to_vec()),
        Plain::Uuid => (wire.len() == 16).then(|| wire.to_vec()),
        Plain::TimeUuid => (wire.get(6)? >> 4 == 1 && wire.len() == 16).then(|| wire.to_vec()),
        Plain::Date => {
            let days = u32::from_be_bytes(wire.try_into().ok()?).wrapping_sub(EPOCH);
            Some(days.to_le_bytes().to_vec())
        }
        Plain::TimeNanos => {
            let nanos = i64::from_be_bytes(wire.try_into().ok()?);
            (0..NANOS_OF_DAY)
                .contains(&nanos)
                .then(|| nanos.to_le_bytes().to_vec())
        }
        Plain::Duration => duration_stored(wire),
        Plain::Inet => match wire.len() {
            4 => Some([&[4, 32][..], wire].concat()),
            16 => Some([&[6, 128][..], wire].concat()),
            _ => None,
        },
        Plain::Cidr
        | Plain::Json
        | Plain::Jsonb
        | Plain::Oid
        | Plain::Name
        | Plain::Char1
        | Plain::MacAddr
        | Plain::TsVector => None,
    }
}

fn plain_wire(plain: Plain, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match plain {
        Plain::Boolean | Plain::Int1 => out.extend_from_slice(&turned::<1>(stored)?),
        Plain::Int2 => out.extend_from_slice(&turned::<2>(stored)?),
        Plain::Int4 | Plain::Float4 => out.extend_from_slice(&turned::<4>(stored)?),
        Plain::Int8 | Plain::Float8 | Plain::Counter | Plain::TimeNanos => {
            out.extend_from_slice(&turned::<8>(stored)?);
        }
        Plain::Varint
        | Plain::Text
        | Plain::Ascii
        | Plain::Bytes
        | Plain::Uuid
        | Plain::TimeUuid => {
            out.extend_from_slice(stored);
        }
        Plain::Decimal => decimal_wire(stored, out)?,
        Plain::Date => {
            let days = u32::from_le_bytes(stored.try_into().ok()?).wrapping_add(EPOCH);
            out.extend_from_slice(&days.to_be_bytes());
        }
        Plain::Duration => duration_wire(stored, out)?,
        Plain::Inet => out.extend_from_slice(stored.get(2..)?),
        Plain::Cidr
        | Plain::Json
        | Plain::Jsonb
        | Plain::Oid
        | Plain::Name
        | Plain::Char1
        | Plain::MacAddr
        | Plain::TsVector => return None,
    }
    Some(())
}

/// Bytes of a value on the wire, where a vector's elements have no length before them.
fn wire_width(kind: &Type) -> Option<usize> {
    match kind {
        Type::Plain(plain) => match plain {
            Plain::Boolean => Some(1),
            Plain::Int4 | Plain::Float4 => Some(4),
            Plain::Int8 | Plain::Float8 => Some(8),
            Plain::Uuid | Plain::TimeUuid => Some(16),
            // The others are of variable length to a vector, also where they always have the same (AbstractType.valueLengthIfFixed).
            _ => None,
        },
        Type::Sized(Sized::TimestampTz | Sized::Timestamp, _) => Some(8),
        Type::Vector(of, n) => wire_width(of)?.checked_mul(usize::try_from(*n).ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
