//! The types of columns: one system for SQL, CQL and Redis.
//!
//! ```text
//! type = code u8, then what the code takes: lengths, precisions and type ids as varints, types nested
//! ```
//! **Invariant.** Codes are never given another meaning. Nesting is at most [`Type::DEPTH`] deep.

use super::row::Width;
use super::{Builder, Reader};

/// A column's type. What a value of it looks like in a row is in `docs/file-format.md`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A type without parameters.
    Plain(Plain),
    /// A type with one number: a length or a precision; 0 is "not given".
    Sized(Sized, u32),
    /// SQL numeric(precision, scale); precision 0 is "any", scale then 0.
    Numeric(u16, i16),
    /// A type with an entry in the catalog.
    Named(Named, u64),
    /// A type over one other.
    Of(Container, Box<Type>),
    /// CQL map, keys and values; whether frozen.
    Map(Box<Type>, Box<Type>, bool),
    /// CQL tuple.
    Tuple(Vec<Type>),
    /// CQL vector: elements and how many.
    Vector(Box<Type>, u32),
}

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$item_doc])* $item = $code,)* }

        impl $name {
            /// All of them, by code.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];

            fn from_code(code: u8) -> Option<$name> {
                match code { $($code => Some($name::$item),)* _ => None }
            }
        }
    };
}

coded! {
    /// Types without parameters, by their codes.
    Plain {
        /// SQL and CQL boolean.
        Boolean = 1,
        /// CQL tinyint.
        Int1 = 2,
        /// smallint.
        Int2 = 3,
        /// SQL integer, CQL int.
        Int4 = 4,
        /// bigint.
        Int8 = 5,
        /// CQL varint.
        Varint = 6,
        /// SQL real, CQL float.
        Float4 = 7,
        /// double.
        Float8 = 8,
        /// CQL decimal.
        Decimal = 9,
        /// text of any length.
        Text = 10,
        /// CQL ascii.
        Ascii = 11,
        /// SQL bytea, CQL blob, values of Redis.
        Bytes = 12,
        /// uuid, by its bytes.
        Uuid = 13,
        /// CQL timeuuid, by its time.
        TimeUuid = 14,
        /// date.
        Date = 15,
        /// CQL duration.
        Duration = 16,
        /// SQL inet: an address with a prefix length; CQL inet always has the full one.
        Inet = 17,
        /// SQL cidr.
        Cidr = 18,
        /// SQL json, as its text.
        Json = 19,
        /// SQL jsonb.
        Jsonb = 20,
        /// CQL counter.
        Counter = 21,
        /// SQL oid and what is one: regclass, regtype.
        Oid = 22,
        /// SQL name.
        Name = 23,
        /// SQL "char".
        Char1 = 24,
        /// SQL macaddr.
        MacAddr = 25,
        /// SQL tsvector, as its text.
        TsVector = 26,
        /// CQL time, SQL time with nanoseconds left out.
        TimeNanos = 27,
    }
}

coded! {
    /// Types with a length or a precision.
    Sized {
        /// SQL varchar(n).
        Varchar = 40,
        /// SQL char(n).
        Char = 41,
        /// SQL bit(n).
        Bit = 42,
        /// SQL bit varying(n).
        VarBit = 43,
        /// SQL time(p).
        Time = 44,
        /// SQL time(p) with time zone.
        TimeTz = 45,
        /// SQL timestamp(p).
        Timestamp = 46,
        /// SQL timestamp(p) with time zone; CQL timestamp is precision 3.
        TimestampTz = 47,
        /// SQL interval(p).
        Interval = 48,
    }
}

coded! {
    /// Types that the catalog describes under their id.
    Named {
        /// SQL enum.
        Enum = 60,
        /// SQL domain.
        Domain = 61,
        /// SQL composite type, CQL user type that is updated by field.
        Composite = 62,
        /// CQL frozen user type.
        FrozenUdt = 63,
    }
}

coded! {
    /// Types over one other.
    Container {
        /// SQL array, of any number of dimensions.
        Array = 70,
        /// CQL list.
        List = 71,
        /// CQL frozen list.
        FrozenList = 72,
        /// CQL set.
        Set = 73,
        /// CQL frozen set.
        FrozenSet = 74,
    }
}

const NUMERIC: u8 = 50;
const MAP: u8 = 80;
const FROZEN_MAP: u8 = 81;
const TUPLE: u8 = 82;
const VECTOR: u8 = 83;

impl Type {
    /// How deep types nest at most.
    pub const DEPTH: usize = 48;

    /// Bytes of its values in a row.
    pub fn width(&self) -> Width {
        match self {
            Type::Plain(plain) => match plain {
                Plain::Boolean | Plain::Int1 | Plain::Char1 => Width::One,
                Plain::Int2 => Width::Two,
                Plain::Int4 | Plain::Float4 | Plain::Date | Plain::Oid => Width::Four,
                Plain::Int8 | Plain::Float8 | Plain::Counter | Plain::TimeNanos => Width::Eight,
                Plain::Uuid | Plain::TimeUuid | Plain::Duration => Width::Sixteen,
                _ => Width::Variable,
            },
            Type::Sized(sized, _) => match sized {
                Sized::Time | Sized::Timestamp | Sized::TimestampTz => Width::Eight,
                Sized::TimeTz | Sized::Interval => Width::Sixteen,
                _ => Width::Variable,
            },
            Type::Named(Named::Enum, _) => Width::Four,
            _ => Width::Variable,
        }
    }

    /// Appends the numbers of the user types in it.
    pub fn named(&self, out: &mut Vec<u64>) {
        match self {
            Type::Plain(_) | Type::Sized(..) | Type::Numeric(..) => {}
            Type::Named(_, id) => out.push(*id),
            Type::Of(_, of) | Type::Vector(of, _) => of.named(out),
            Type::Map(keys, values, _) => {
                keys.named(out);
                values.named(out);
            }
            Type::Tuple(parts) => parts.iter().for_each(|part| part.named(out)),
        }
    }

    /// Whether a stored value of this type can be read as one of `other`, up to limits of length and precision.
    pub fn is_stored_like(&self, other: &Type) -> bool {
        let class = |kind: &Type| match kind {
            Type::Plain(Plain::Text | Plain::Ascii | Plain::Name)
            | Type::Sized(Sized::Varchar | Sized::Char, _) => Some(Plain::Text as u8),
            Type::Plain(Plain::Decimal) | Type::Numeric(..) => Some(Plain::Decimal as u8),
            Type::Sized(sized, _) => Some(*sized as u8),
            _ => None,
        };
        self == other || class(self).is_some_and(|found| class(other) == Some(found))
    }

    /// Whether values of it can be parts of keys, so far as the type itself says: what a user type stands for is not asked.
    pub fn is_ordered(&self) -> bool {
        match self {
            Type::Plain(plain) => !matches!(
                plain,
                Plain::Duration | Plain::Json | Plain::Jsonb | Plain::Counter | Plain::TsVector
            ),
            Type::Sized(..) | Type::Numeric(..) => true,
            Type::Named(..) => true,
            Type::Of(Container::List | Container::Set, _) => false,
            Type::Of(_, of) | Type::Vector(of, _) => of.is_ordered(),
            Type::Map(keys, values, frozen) => *frozen && keys.is_ordered() && values.is_ordered(),
            Type::Tuple(parts) => parts.iter().all(Type::is_ordered),
        }
    }

    /// Appends the type; `None` if it nests too deep.
    pub fn encode(&self, out: &mut Vec<u8>) -> Option<()> {
        let mut builder = Builder(std::mem::take(out));
        let done = self.encode_at(&mut builder, 1);
        *out = builder.0;
        done
    }

    fn encode_at(&self, out: &mut Builder, depth: usize) -> Option<()> {
        if depth > Self::DEPTH {
            return None;
        }
        match self {
            Type::Plain(plain) => out.bytes(&[*plain as u8]),
            Type::Sized(sized, n) => out.bytes(&[*sized as u8]).varint(u64::from(*n)),
            Type::Numeric(precision, scale) => out
                .bytes(&[NUMERIC])
                .bytes(&precision.to_le_bytes())
                .bytes(&scale.to_le_bytes()),
            Type::Named(named, id) => out.bytes(&[*named as u8]).varint(*id),
            Type::Of(container, of) => {
                out.bytes(&[*container as u8]);
                of.encode_at(out, depth + 1)?;
                out
            }
            Type::Map(keys, values, frozen) => {
                out.bytes(&[if *frozen { FROZEN_MAP } else { MAP }]);
                keys.encode_at(out, depth + 1)?;
                values.encode_at(out, depth + 1)?;
                out
            }
            Type::Tuple(parts) => {
                out.bytes(&[TUPLE]).varint(parts.len() as u64);
                for part in parts {
                    part.encode_at(out, depth + 1)?;
                }
                out
            }
            Type::Vector(of, n) => {
                out.bytes(&[VECTOR]).varint(u64::from(*n));
                of.encode_at(out, depth + 1)?;
                out
            }
        };
        Some(())
    }

    /// Back from [`Type::encode`]; `None` if malformed or of a code that this build does not know.
    pub fn decode(bytes: &[u8]) -> Option<Type> {
        let mut reader = Reader(bytes);
        let found = Self::read(&mut reader)?;
        reader.end(found)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Type> {
        Self::read_at(reader, 1)
    }

    fn read_at(reader: &mut Reader<'_>, depth: usize) -> Option<Type> {
        if depth > Self::DEPTH {
            return None;
        }
        let code = reader.byte()?;
        if let Some(plain) = Plain::from_code(code) {
            return Some(Type::Plain(plain));
        }
        if let Some(sized) = Sized::from_code(code) {
            return Some(Type::Sized(sized, u32::try_from(reader.varint()?).ok()?));
        }
        if let Some(named) = Named::from_code(code) {
            return Some(Type::Named(named, reader.varint()?));
        }
        let nested = |reader: &mut Reader<'_>| Self::read_at(reader, depth + 1).map(Box::new);
        if let Some(container) = Container::from_code(code) {
            return Some(Type::Of(container, nested(reader)?));
        }
        match code {
            NUMERIC => {
                let precision = u16::from_le_bytes(reader.array()?);
                Some(Type::Numeric(
                    precision,
                    i16::from_le_bytes(reader.array()?),
                ))
            }
            MAP | FROZEN_MAP => {
                let keys = nested(reader)?;
                Some(Type::Map(keys, nested(reader)?, code == FROZEN_MAP))
            }
            TUPLE => {
                let count = reader.count()?;
                let parts = (0..count).map(|_| Self::read_at(reader, depth + 1));
                parts.collect::<Option<Vec<_>>>().map(Type::Tuple)
            }
            VECTOR => {
                let n = u32::try_from(reader.varint()?).ok()?;
                Some(Type::Vector(nested(reader)?, n))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn types() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![
            prop::sample::select(Plain::ALL).prop_map(Type::Plain),
            (prop::sample::select(Sized::ALL), any::<u32>()).prop_map(|(s, n)| Type::Sized(s, n)),
            (any::<u16>(), any::<i16>()).prop_map(|(p, s)| Type::Numeric(p, s)),
            (prop::sample::select(Named::ALL), any::<u64>()).prop_map(|(k, id)| Type::Named(k, id)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (prop::sample::select(Container::ALL), inner.clone())
                    .prop_map(|(container, of)| Type::Of(container, Box::new(of))),
                (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(k, v, frozen)| Type::Map(
                    Box::new(k),
                    Box::new(v),
                    frozen
                )),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
                (inner, any::<u32>()).prop_map(|(of, n)| Type::Vector(Box::new(of), n)),
            ]
        })
    }

    proptest! {
        #[test]
        fn types_come_back(kind in types()) {
            let mut bytes = Vec::new();
            kind.encode(&mut bytes).unwrap();
            prop_assert_eq!(Type::decode(&bytes), Some(kind));
        }

        #[test]
        fn noise_is_refused_or_is_the_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Some(kind) = Type::decode(&bytes) {
                let mut again = Vec::new();
                kind.encode(&mut again).unwrap();
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let list = Container::List as u8;
        assert_eq!(Type::decode(&vec![list; 100_000]), None);
    }
}
