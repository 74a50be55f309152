//! A value of any type, from its form in a row to its form in a key and back.
//!
//! ```text
//! array         items, then dimensions varint, (length varint) each, (lower bound i32, sign bit inverted) each
//! list, set     items; those of a set by their form, each once
//! map           items: key, value, key, value ...; by the form of the keys, each once
//! tuple, frozen user type   items by field, nulls at the end left out
//! composite     items by field
//! vector        its elements' forms
//! items         0x01 null (arrays and composites: 0x03), or 0x02 and the form; behind the last 0x00
//! enum          f64 position of the label, then its number u32 BE
//! ```
//! **Theory.** Nulls inside arrays and composites are behind values (PostgreSQL: array_cmp, record_cmp), inside tuples and
//! user types before them, and those that are missing at the end are null (Cassandra: TupleType). Containers compare item by item, then
//! the shorter is smaller: the end's 0x00 is below every item. All forms are free of prefixes, so nesting keeps order.

use super::{decode_uuid, encode_f64, encode_signed, encode_uuid, push, scalar, Order};
use crate::codec::row::{Cell, Row};
use crate::codec::types::{Container, Named, Plain, Type};
use crate::codec::{Builder, Reader};

/// What user types stand for; the catalog knows.
pub trait UserTypes {
    /// Position of an enum's label in its order.
    fn position(&self, id: u64, label: u32) -> Option<f64>;
    /// What a domain is of.
    fn base(&self, id: u64) -> Option<Type>;
    /// Fields of a composite type, in order: ids and types.
    fn fields(&self, id: u64) -> Option<Vec<(u32, Type)>>;
    /// Whether uuids sort as Cassandra has them, by version and those of version 1 by time; else by their bytes.
    fn uuids_by_version(&self) -> bool {
        false
    }
}

/// Where there are no user types.
impl UserTypes for () {
    fn position(&self, _id: u64, _label: u32) -> Option<f64> {
        None
    }

    fn base(&self, _id: u64) -> Option<Type> {
        None
    }

    fn fields(&self, _id: u64) -> Option<Vec<(u32, Type)>> {
        None
    }
}

/// Why a value has no form in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeyed {
    /// Its type has no order.
    NotOrdered,
    /// It is no value of its type, or its user type is not known.
    Malformed,
}

const END: u8 = 0x00;
const NULL_FIRST: u8 = 0x01;
const VALUE: u8 = 0x02;
const NULL_LAST: u8 = 0x03;

type Keyed = Result<(), Unkeyed>;

/// Appends the ascending form of the value `stored` of type `kind`.
///
/// # Errors
/// See [`Unkeyed`]; `out` may have got a part of the form then.
pub fn encode_value(kind: &Type, types: &dyn UserTypes, stored: &[u8], out: &mut Vec<u8>) -> Keyed {
    Forms { types, depth: 1 }.encode(kind, stored, out)
}

/// Appends a part of a key: the marker that its order asks for, and the value's form in its direction. Whether it could: a null is
/// no part of a key that takes none.
///
/// # Errors
/// As [`encode_value`].
pub(crate) fn push_value(
    out: &mut Vec<u8>,
    order: Order,
    kind: &Type,
    types: &dyn UserTypes,
    stored: Option<&[u8]>,
) -> Result<bool, Unkeyed> {
    let mut outcome = Ok(());
    let pushed = push(out, order, stored, |value: &[u8], out| {
        outcome = encode_value(kind, types, value, out);
    });
    outcome.map(|()| pushed.is_some())
}

/// The stored form of the value of type `kind` at the front of `key`, with the bytes that it took; where a form does not
/// give the value back (interval, decimal, -0, nulls at the end of tuples), one that is equal to it. `None` if malformed.
pub fn decode_value(kind: &Type, types: &dyn UserTypes, key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (stored, used) = Forms { types, depth: 1 }.decode(kind, key)?;
    let mut again = Vec::with_capacity(used);
    encode_value(kind, types, &stored, &mut again).ok()?;
    (key.get(..used)? == again).then_some((stored, used))
}

#[derive(Clone, Copy)]
struct Forms<'t> {
    types: &'t dyn UserTypes,
    depth: usize,
}

/// Stored values of items; `None` is null.
type Items = Vec<Option<Vec<u8>>>;

impl<'t> Forms<'t> {
    /// The same one level down; domains of domains and fields may nest no deeper than types.
    fn inner(self) -> Option<Forms<'t>> {
        (self.depth < 2 * Type::DEPTH).then_some(Forms {
            depth: self.depth + 1,
            ..self
        })
    }

    fn encode(self, kind: &Type, stored: &[u8], out: &mut Vec<u8>) -> Keyed {
        if !kind.is_ordered() {
            return Err(Unkeyed::NotOrdered);
        }
        if self.by_version(kind) {
            let uuid = stored.try_into().map_err(|_| Unkeyed::Malformed)?;
            encode_uuid(uuid, out);
            return Ok(());
        }
        match scalar::encode(kind, stored, out) {
            Some(done) => done.ok_or(Unkeyed::Malformed),
            None => self.encode_nested(kind, stored, out),
        }
    }

    fn encode_nested(self, kind: &Type, stored: &[u8], out: &mut Vec<u8>) -> Keyed {
        let forms = self.inner().ok_or(Unkeyed::Malformed)?;
        let malformed = Unkeyed::Malformed;
        match kind {
            Type::Named(Named::Enum, id) => {
                let label = stored.try_into().map(u32::from_le_bytes);
                let label = label.map_err(|_| malformed)?;
                let position = self.types.position(*id, label).ok_or(malformed)?;
                encode_f64(position, out);
                out.extend_from_slice(&label.to_be_bytes());
                Ok(())
            }
            Type::Named(Named::Domain, id) => {
                let base = self.types.base(*id).ok_or(malformed)?;
                forms.encode(&base, stored, out)
            }
            Type::Named(named, id) => {
                let fields = self.types.fields(*id).ok_or(malformed)?;
                let null = match named {
                    Named::Composite => NULL_LAST,
                    _ => NULL_FIRST,
                };
                forms.encode_fields(&fields, stored, null, out)
            }
            Type::Tuple(parts) => forms.encode_fields(&numbered(parts), stored, NULL_FIRST, out),
            Type::Of(Container::Array, of) => {
                let mut reader = Reader(stored);
                let shape = Shape::read(&mut reader).ok_or(malformed)?;
                let items = read_items(&mut reader).ok_or(malformed)?;
                if !shape.holds(items.len()) {
                    return Err(malformed);
                }
                for item in items {
                    forms.encode_item(of, item.as_deref(), NULL_LAST, out)?;
                }
                out.push(END);
                shape.encode(out);
                Ok(())
            }
            Type::Of(container, of) => {
                let mut keyed = forms.encode_all(&[of], stored)?;
                if *container == Container::FrozenSet {
                    keyed.sort();
                    keyed.dedup();
                }
                out.extend(keyed.concat());
                out.push(END);
                Ok(())
            }
            Type::Map(keys, values, _) => {
                let keyed = forms.encode_all(&[keys, values], stored)?;
                let mut pairs: Vec<&[Vec<u8>]> = keyed.chunks(2).collect();
                pairs.sort();
                if pairs
                    .windows(2)
                    .any(|pair| pair[0].first() == pair[1].first())
                {
                    return Err(malformed);
                }
                out.extend(pairs.concat().concat());
                out.push(END);
                Ok(())
            }
            Type::Vector(of, n) => {
                let values = read_vector(of, *n, stored).ok_or(malformed)?;
                values
                    .iter()
                    .try_for_each(|value| forms.encode(of, value, out))
            }
            Type::Plain(_) | Type::Sized(..) | Type::Numeric(..) => Err(malformed),
        }
    }

    /// Items of a frozen collection, each with its marker; types take turns. None of them may be null.
    fn encode_all(self, kinds: &[&Type], stored: &[u8]) -> Result<Vec<Vec<u8>>, Unkeyed> {
        let mut reader = Reader(stored);
        let items = read_items(&mut reader).and_then(|items| reader.end(items));
        let items = items.ok_or(Unkeyed::Malformed)?;
        if items.len() % kinds.len() != 0 {
            return Err(Unkeyed::Malformed);
        }
        let mut keyed = Vec::with_capacity(items.len());
        for (item, kind) in items.iter().zip(kinds.iter().cycle()) {
            let value = item.as_deref().ok_or(Unkeyed::Malformed)?;
            let mut form = Vec::new();
            self.encode_item(kind, Some(value), NULL_FIRST, &mut form)?;
            keyed.push(form);
        }
        Ok(keyed)
    }

    fn encode_item(self, kind: &Type, item: Option<&[u8]>, null: u8, out: &mut Vec<u8>) -> Keyed {
        let Some(value) = item else {
            out.push(null);
            return Ok(());
        };
        out.push(VALUE);
        self.encode(kind, value, out)
    }

    fn encode_fields(
        self,
        fields: &[(u32, Type)],
        stored: &[u8],
        null: u8,
        out: &mut Vec<u8>,
    ) -> Keyed {
        let row = Row::decode(stored).ok_or(Unkeyed::Malformed)?;
        let mut end = out.len();
        for (id, kind) in fields {
            let value = row.cell(*id).and_then(|cell| cell.value);
            self.encode_item(kind, value, null, out)?;
            if value.is_some() || null == NULL_LAST {
                end = out.len();
            }
        }
        out.truncate(end);
        out.push(END);
        Ok(())
    }

    fn by_version(self, kind: &Type) -> bool {
        *kind == Type::Plain(Plain::Uuid) && self.types.uuids_by_version()
    }

    fn decode(self, kind: &Type, key: &[u8]) -> Option<(Vec<u8>, usize)> {
        if self.by_version(kind) {
            return decode_uuid(key).map(|(uuid, used)| (uuid.to_vec(), used));
        }
        match scalar::decode(kind, key) {
            Some(done) => done,
            None => self.decode_nested(kind, key),
        }
    }

    fn decode_nested(self, kind: &Type, key: &[u8]) -> Option<(Vec<u8>, usize)> {
        let forms = self.inner()?;
        match kind {
            Type::Named(Named::Enum, _) => {
                let label = u32::from_be_bytes(*key.get(8..)?.first_chunk()?);
                Some((label.to_le_bytes().to_vec(), 12))
            }
            Type::Named(Named::Domain, id) => forms.decode(&self.types.base(*id)?, key),
            Type::Named(_, id) => forms.decode_fields(&self.types.fields(*id)?, key),
            Type::Tuple(parts) => forms.decode_fields(&numbered(parts), key),
            Type::Of(container, of) => {
                let (items, used) = forms.decode_items(&[of], key)?;
                let mut stored = Builder::default();
                let mut end = used;
                if *container == Container::Array {
                    let (shape, more) = Shape::decode(key.get(used..)?)?;
                    shape.write(&mut stored);
                    end += more;
                }
                write_items(&items, &mut stored);
                Some((stored.0, end))
            }
            Type::Map(keys, values, _) => {
                let (items, used) = forms.decode_items(&[keys, values], key)?;
                let mut stored = Builder::default();
                write_items(&items, &mut stored);
                Some((stored.0, used))
            }
            Type::Vector(of, n) => {
                let mut stored = Builder::default();
                let mut used = 0;
                for _ in 0..*n {
                    let (value, more) = forms.decode(of, key.get(used..)?)?;
                    match of.width().bytes() {
                        Some(_) => stored.bytes(&value),
                        None => stored.blob(&value),
                    };
                    used += more;
                }
                Some((stored.0, used))
            }
            Type::Plain(_) | Type::Sized(..) | Type::Numeric(..) => None,
        }
    }

    /// Items up to the end's mark, included in the count of bytes.
    fn decode_items(self, kinds: &[&Type], key: &[u8]) -> Option<(Items, usize)> {
        let mut items = Items::new();
        let mut used = 0;
        loop {
            let mark = *key.get(used)?;
            used += 1;
            match mark {
                END => return Some((items, used)),
                NULL_FIRST | NULL_LAST => items.push(None),
                VALUE => {
                    let kind = kinds.get(items.len() % kinds.len())?;
                    let (value, more) = self.decode(kind, key.get(used..)?)?;
                    items.push(Some(value));
                    used += more;
                }
                _ => return None,
            }
        }
    }

    fn decode_fields(self, fields: &[(u32, Type)], key: &[u8]) -> Option<(Vec<u8>, usize)> {
        let kinds: Vec<&Type> = fields.iter().map(|(_, kind)| kind).collect();
        let (items, used) = match kinds.is_empty() {
            true => (Items::new(), (key.first() == Some(&END)).then_some(1)?),
            false => self.decode_items(&kinds, key)?,
        };
        let mut cells: Vec<Cell<'_>> = fields
            .iter()
            .zip(&items)
            .map(|((id, kind), item)| Cell {
                id: *id,
                width: kind.width(),
                value: item.as_deref(),
                stamp: None,
            })
            .collect();
        cells.sort_by_key(|cell| cell.id);
        let row = Row { stamp: None, cells };
        Some((row.encode()?, used))
    }
}

fn numbered(parts: &[Type]) -> Vec<(u32, Type)> {
    (1..).zip(parts.iter().cloned()).collect()
}

/// Dimensions of an array.
struct Shape {
    lengths: Vec<u64>,
    bounds: Vec<i32>,
}

impl Shape {
    fn read(reader: &mut Reader<'_>) -> Option<Shape> {
        let dimensions = reader.count()?;
        let (mut lengths, mut bounds) = (Vec::new(), Vec::new());
        for _ in 0..dimensions {
            lengths.push(reader.varint()?);
            bounds.push(i32::from_le_bytes(reader.array()?));
        }
        Some(Shape { lengths, bounds })
    }

    fn write(&self, out: &mut Builder) {
        out.varint(self.lengths.len() as u64);
        for (length, bound) in self.lengths.iter().zip(&self.bounds) {
            out.varint(*length).bytes(&bound.to_le_bytes());
        }
    }

    fn holds(&self, items: usize) -> bool {
        let product = self
            .lengths
            .iter()
            .try_fold(1u64, |product, length| product.checked_mul(*length));
        match self.lengths.is_empty() {
            true => items == 0,
            false => product == Some(items as u64),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut builder = Builder(std::mem::take(out));
        builder.varint(self.lengths.len() as u64);
        for length in &self.lengths {
            builder.varint(*length);
        }
        *out = builder.0;
        for bound in &self.bounds {
            encode_signed(bound.to_be_bytes(), out);
        }
    }

    fn decode(key: &[u8]) -> Option<(Shape, usize)> {
        let mut reader = Reader(key);
        let dimensions = reader.count()?;
        let lengths = (0..dimensions).map(|_| reader.varint());
        let lengths = lengths.collect::<Option<Vec<u64>>>()?;
        let bound = |_| {
            Some(i32::from_be_bytes(
                super::decode_signed(&reader.array::<4>()?)?.0,
            ))
        };
        let bounds = (0..dimensions).map(bound).collect::<Option<Vec<i32>>>()?;
        let used = key.len() - reader.0.len();
        Some((Shape { lengths, bounds }, used))
    }
}

fn read_items(reader: &mut Reader<'_>) -> Option<Items> {
    let count = reader.count()?;
    let item = |_| {
        Some(match reader.varint()? {
            0 => None,
            more => Some(reader.bytes(usize::try_from(more - 1).ok()?)?.to_vec()),
        })
    };
    (0..count).map(item).collect()
}

fn write_items(items: &Items, out: &mut Builder) {
    out.varint(items.len() as u64);
    for item in items {
        match item {
            None => out.varint(0),
            Some(value) => out.varint(value.len() as u64 + 1).bytes(value),
        };
    }
}

fn read_vector<'a>(of: &Type, n: u32, stored: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut reader = Reader(stored);
    let value = |_| match of.width().bytes() {
        Some(width) => reader.bytes(width),
        None => reader.blob(),
    };
    let values = (0..n).map(value).collect::<Option<Vec<_>>>()?;
    reader.end(values)
}
