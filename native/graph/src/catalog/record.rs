//! Records of tagged fields: a later version may add some, and says by the tag whether an earlier one may pass over it.
//!
//! ```text
//! record   (tag varint, value blob) x n, tags ascending
//! value    number: varint; i64: 8 bytes LE; text, bytes: as they are; flag: nothing (present = true); type: its code
//!          list: count varint, then a blob each; record: its fields
//! ```
//! **Theory.** A field that has its default is left out, so a record has one encoding and costs what it says. Of fields
//! that a build does not know there are two kinds, as with the chunks of PNG (RFC 2083, 3.3). What says how rows are
//! read or what must hold of them gets a tag below [`KEPT_FROM`]: who does not know it would write rows that break it,
//! so the object is refused, and it alone. What may be ignored (a comment, a hint) gets a tag from there on: it is kept
//! as it came and written back, so that changing a table with an older build does not lose what a newer one said of it.
//!
//! **Invariant.** Decoding takes arbitrary bytes, never panics, and accepts only what encoding gives.

use crate::codec::types::Type;
use crate::codec::{Builder, Reader};
use std::collections::BTreeMap;

/// Tags from here on may be unknown to who reads the record.
pub const KEPT_FROM: u64 = 128;

/// Fields of later versions, by tag.
pub type Unknown = BTreeMap<u64, Vec<u8>>;

/// A value that a field can have. Its default is never stored.
pub trait Field: Default + PartialEq {
    /// The value's bytes.
    fn encode(&self) -> Vec<u8>;
    /// Back from [`Field::encode`]; `None` if malformed.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl Field for u64 {
    fn encode(&self) -> Vec<u8> {
        let mut out = Builder::default();
        out.varint(*self);
        out.0
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let value = reader.varint()?;
        reader.end(value)
    }
}

impl Field for u32 {
    fn encode(&self) -> Vec<u8> {
        u64::from(*self).encode()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        u32::try_from(u64::decode(bytes)?).ok()
    }
}

impl Field for i64 {
    fn encode(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl Field for bool {
    fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(true)
    }
}

impl Field for String {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }
}

impl Field for Option<Vec<u8>> {
    fn encode(&self) -> Vec<u8> {
        self.clone().unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Some(bytes.to_vec()))
    }
}

impl Field for Option<Type> {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(kind) = self {
            // A type that nests too deep leaves nothing, which no reader takes: `Object::encode` refuses it.
            if kind.encode(&mut out).is_none() {
                out.clear();
            }
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Type::decode(bytes).map(Some)
    }
}

impl<T: Field> Field for Vec<T> {
    fn encode(&self) -> Vec<u8> {
        let mut out = Builder::default();
        out.varint(self.len() as u64);
        for item in self {
            out.blob(&item.encode());
        }
        out.0
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let count = reader.count()?;
        let items: Option<Vec<T>> = (0..count).map(|_| T::decode(reader.blob()?)).collect();
        reader.end(items?)
    }
}

/// Fields on their way in or out.
#[derive(Default)]
pub(super) struct Fields(Unknown);

impl Fields {
    pub(super) fn with(unknown: &Unknown) -> Fields {
        Fields(unknown.clone())
    }

    pub(super) fn add<T: Field>(&mut self, tag: u64, value: &T) {
        if *value != T::default() {
            self.0.insert(tag, value.encode());
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Builder::default();
        for (tag, value) in &self.0 {
            out.varint(*tag).blob(value);
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Fields> {
        let mut reader = Reader(bytes);
        let mut fields = Fields::default();
        while !reader.0.is_empty() {
            let tag = reader.varint()?;
            let after_all = fields
                .0
                .last_key_value()
                .is_none_or(|(last, _)| *last < tag);
            let value = reader.blob()?.to_vec();
            if !after_all {
                return None;
            }
            fields.0.insert(tag, value);
        }
        Some(fields)
    }

    /// The field's value; a default that was stored all the same is malformed.
    pub(super) fn take<T: Field>(&mut self, tag: u64) -> Option<T> {
        match self.0.remove(&tag) {
            None => Some(T::default()),
            Some(bytes) => T::decode(&bytes).filter(|value| *value != T::default()),
        }
    }

    /// What nobody took, unless some of it must be known.
    pub(super) fn rest(self) -> Option<Unknown> {
        let kept = self.0.keys().all(|tag| *tag >= KEPT_FROM);
        kept.then_some(self.0)
    }
}

/// A struct whose fields are stored under tags.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $tag:literal $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
            /// Fields that this build does not know and may pass over.
            pub unknown: $crate::catalog::record::Unknown,
        }

        impl $crate::catalog::record::Field for $name {
            fn encode(&self) -> Vec<u8> {
                let mut fields = $crate::catalog::record::Fields::with(&self.unknown);
                $(fields.add($tag, &self.$field);)*
                fields.encode()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                let mut fields = $crate::catalog::record::Fields::decode(bytes)?;
                $(let $field = fields.take($tag)?;)*
                Some($name { $($field,)* unknown: fields.rest()? })
            }
        }

        #[cfg(test)]
        impl $crate::catalog::tests::Sample for $name {
            fn sample() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy;
                let mut whole = proptest::strategy::Just($name::default()).boxed();
                $(
                    let field = <$kind as $crate::catalog::tests::Sample>::sample();
                    whole = (whole, field).prop_map(|(mut whole, field)| {
                        whole.$field = field;
                        whole
                    }).boxed();
                )*
                (whole, $crate::catalog::tests::unknown()).prop_map(|(mut whole, unknown)| {
                    whole.unknown = unknown;
                    whole
                }).boxed()
            }
        }
    };
}

/// A word out of few, stored as its number; the first is the default.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident = $first_code:literal, $($(#[$item_doc:meta])* $item:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[$first_doc])* #[default] $first = $first_code,
            $($(#[$item_doc])* $item = $code,)*
        }

        impl $crate::catalog::record::Field for $name {
            fn encode(&self) -> Vec<u8> {
                (*self as u64).encode()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                match u64::decode(bytes)? {
                    $first_code => Some($name::$first),
                    $($code => Some($name::$item),)*
                    _ => None,
                }
            }
        }

        #[cfg(test)]
        impl $crate::catalog::tests::Sample for $name {
            fn sample() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy;
                proptest::sample::select(vec![$name::$first, $($name::$item,)*]).boxed()
            }
        }
    };
}

pub(super) use {record, word};
