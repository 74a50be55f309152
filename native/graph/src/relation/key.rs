//! Keys of rows and entries, and the ranges between them.
//!
//! **Invariant.** No part is a prefix of another of its kind, so all keys that begin with some values lie together, and
//! an entry's rest behind its parts is the row's own key.

use super::{IndexLayout, Layout, Part, Slots};
use crate::catalog::Image;
use crate::codec::order::take;
use crate::codec::order::value::{decode_value, push_value, Unkeyed};
use crate::step::{Step, Stop};
use hyperdb_lsm::{Error, KeyRange};
use std::ops::Bound;

/// One end of a range: values of the first parts of a key, and whether rows with just these belong to it.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// From here on; none: from the first.
    pub low: Option<(Slots, bool)>,
    /// Up to here; none: to the last.
    pub high: Option<(Slots, bool)>,
}

fn invalid(text: &str) -> Stop {
    Stop::Failed(Error::Invalid(text.into()))
}

/// Appends the parts' forms of as many `values` as there are.
pub(super) fn encode_parts<'p>(
    image: &Image,
    parts: impl Iterator<Item = (&'p Part, Option<&'p [u8]>)>,
    key: &mut Vec<u8>,
) -> Step<()> {
    for (part, value) in parts {
        match push_value(key, part.order, &part.kind, image, value) {
            Ok(true) => {}
            Ok(false) => return Err(invalid("a null in a key that takes none")),
            Err(Unkeyed::NotOrdered) => return Err(invalid("values of this type have no order")),
            Err(Unkeyed::Malformed) => return Err(invalid("a value that is none of its type")),
        }
    }
    Ok(())
}

impl Layout {
    fn parts_key(&self, parts: &[Part], slots: &[Option<Vec<u8>>]) -> Step<Vec<u8>> {
        let mut key = Vec::with_capacity(32);
        let value = |part: &Part| slots.get(part.slot).and_then(Option::as_deref);
        let pairs = parts.iter().map(|part| (part, value(part)));
        encode_parts(&self.image, pairs, &mut key)?;
        Ok(key)
    }

    /// The member key of a row.
    ///
    /// # Errors
    /// If a value is none of its type, or null.
    pub fn key_of(&self, slots: &[Option<Vec<u8>>]) -> Step<Vec<u8>> {
        self.row_key(slots)
    }

    pub(super) fn row_key(&self, slots: &[Option<Vec<u8>>]) -> Step<Vec<u8>> {
        if let Some(wide) = &self.wide {
            return self.token_row_key(wide, slots);
        }
        self.parts_key(&self.key, slots)
    }

    /// The part of an entry that must be unique, and whether it must; `None` if the row has no entry.
    pub(super) fn entry_prefix(
        &self,
        index: &IndexLayout,
        slots: &[Option<Vec<u8>>],
    ) -> Step<Option<(Vec<u8>, bool)>> {
        if let Some(when) = index.when {
            if slots.get(when).and_then(Option::as_deref) != Some(&[1]) {
                return Ok(None);
            }
        }
        let null = |part: &Part| slots.get(part.slot).is_none_or(Option::is_none);
        let counts = index.unique && (index.nulls_equal || !index.parts.iter().any(null));
        Ok(Some((self.parts_key(&index.parts, slots)?, counts)))
    }

    /// The member keys within `limits`, by the row's key or by that of an index.
    pub(super) fn range(&self, parts: &[Part], limits: &Limits) -> Step<KeyRange> {
        let encode = |values: &Slots| {
            let mut key = Vec::new();
            let pairs = parts.iter().zip(values.iter().map(Option::as_deref));
            encode_parts(&self.image, pairs, &mut key).map(|()| key)
        };
        let behind = |key: &[u8]| match KeyRange::prefix(key).end {
            Bound::Excluded(end) => Bound::Excluded(end),
            other => other,
        };
        let start = match &limits.low {
            None => Bound::Unbounded,
            Some((values, true)) => Bound::Included(encode(values)?),
            Some((values, false)) => match behind(&encode(values)?) {
                Bound::Excluded(key) | Bound::Included(key) => Bound::Included(key),
                // Nothing lies behind it.
                Bound::Unbounded => return Ok(KeyRange::between(&[], &[])),
            },
        };
        let end = match &limits.high {
            None => Bound::Unbounded,
            Some((values, true)) => behind(&encode(values)?),
            Some((values, false)) => Bound::Excluded(encode(values)?),
        };
        Ok(KeyRange { start, end })
    }

    /// The member keys within `limits`, by the row's key or by the index at a place.
    ///
    /// # Errors
    /// If a value is none of its type, or there is no such index.
    pub fn span(&self, index: Option<usize>, limits: &Limits) -> Step<KeyRange> {
        match index {
            None => self.range(&self.key, limits),
            Some(at) => {
                let index = self
                    .indexes
                    .get(at)
                    .ok_or_else(|| invalid("no such index"))?;
                self.range(&index.parts, limits)
            }
        }
    }

    /// The row's own key in the member key of an entry of the index at a place; `None` if malformed.
    pub fn row_behind<'k>(&self, index: usize, entry: &'k [u8]) -> Option<&'k [u8]> {
        self.row_of_entry(self.indexes.get(index)?, entry)
    }

    /// The keys of rows within `limits`, of a table whose members lie under `prefix`.
    pub(crate) fn key_range(&self, prefix: &[u8], limits: &Limits) -> Step<KeyRange> {
        Ok(under(prefix, self.range(&self.key, limits)?))
    }

    /// The row's own key in the member key of an entry; `None` if malformed.
    pub(super) fn row_of_entry<'k>(
        &self,
        index: &IndexLayout,
        entry: &'k [u8],
    ) -> Option<&'k [u8]> {
        let mut rest = entry;
        for part in &index.parts {
            take(&mut rest, part.order, |key| {
                let (_, used) = decode_value(&part.kind, &*self.image, key)?;
                Some(((), used))
            })?;
        }
        Some(rest)
    }
}

/// `range` of member keys, put behind `prefix`.
pub(super) fn under(prefix: &[u8], range: KeyRange) -> KeyRange {
    let whole = KeyRange::prefix(prefix);
    let put = |key: Vec<u8>| [prefix, &key].concat();
    KeyRange {
        start: match range.start {
            Bound::Unbounded => whole.start,
            Bound::Included(key) => Bound::Included(put(key)),
            Bound::Excluded(key) => Bound::Excluded(put(key)),
        },
        end: match range.end {
            Bound::Unbounded => whole.end,
            Bound::Included(key) => Bound::Included(put(key)),
            Bound::Excluded(key) => Bound::Excluded(put(key)),
        },
    }
}
