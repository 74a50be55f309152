//! A column of many cells: a collection that is changed element by element.
//!
//! ```text
//! value     items of the live elements (docs/file-format.md, Types), then, unless every element has the column's stamp and what was
//!           there before is gone since just before it:
//!           deletion u8 (0 none, 1: timestamp i64 LE, local i64 LE)
//!           same u8 (1: one stamp for all live elements), stamps: kind u8, timestamp i64 LE, kind 1: ttl u32 LE, expires i64 LE
//!           tombstones varint, then each: key blob, timestamp i64 LE, local i64 LE
//! ```
//! Fields of a user type lie otherwise (`fields`).
//!
//! **Theory.** A whole collection that is written anew is a deletion a microsecond before its elements, as Cassandra does it, so that it
//! replaces what was there and loses to what is later. Elements of sets and maps are known by their keys, those of a list by
//! their place: writes to a row come one after the other, so a place means the same to everybody. **Invariant.** Elements of
//! sets and maps ascend by the form of their keys, each key once, live or dead.

use super::fields::{self, field_of};
use super::stamp::{has_ended, later, tombstone, Deletion};
use crate::codec::order::value::{encode_value, UserTypes};
use crate::codec::row::Stamp;
use crate::codec::types::{Container, Named, Type};
use crate::codec::wire::{is_emptiable, push_item, read_item, to_wire};
use crate::codec::{Builder, Reader};
use std::borrow::Cow;
use std::cmp::Ordering;

/// What kind of collection, and of what.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'t> {
    /// Elements in their places.
    List(&'t Type),
    /// Elements that are their own keys.
    Set(&'t Type),
    /// Keys and values.
    Map(&'t Type, &'t Type),
    /// Fields of this user type.
    Fields(u64),
}

impl<'t> Shape<'t> {
    /// The shape of a column's type; `None` if it has one cell.
    pub fn of(kind: &'t Type) -> Option<Shape<'t>> {
        match kind {
            Type::Of(Container::List, of) => Some(Shape::List(of)),
            Type::Of(Container::Set, of) => Some(Shape::Set(of)),
            Type::Map(keys, values, false) => Some(Shape::Map(keys, values)),
            Type::Named(Named::Composite, id) => Some(Shape::Fields(*id)),
            _ => None,
        }
    }

    /// What elements are ordered by; `None` if a key is none.
    fn form(self, types: &dyn UserTypes, key: &[u8]) -> Option<Vec<u8>> {
        match self {
            Shape::List(_) => None,
            Shape::Set(kind) | Shape::Map(kind, _) => form(kind, types, key),
            Shape::Fields(id) => field_of(types, id, key).map(|_| key.to_vec()),
        }
    }

    /// The type of the value with this key.
    fn value_kind(self, types: &dyn UserTypes, key: &[u8]) -> Option<Cow<'t, Type>> {
        match self {
            Shape::List(kind) | Shape::Map(_, kind) => Some(Cow::Borrowed(kind)),
            Shape::Set(_) => None,
            Shape::Fields(id) => field_of(types, id, key).map(|(_, kind)| Cow::Owned(kind)),
        }
    }

    /// Items of one element.
    fn items_of(self) -> u64 {
        match self {
            Shape::Map(..) => 2,
            _ => 1,
        }
    }
}

/// One element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its key, stored; of a list none.
    pub key: Vec<u8>,
    /// Its value, stored; of a set empty. `None`: it was removed.
    pub value: Option<Vec<u8>>,
    /// When.
    pub stamp: Stamp,
}

/// A column's value and stamp as a packed row has them.
pub type Written = (Option<Vec<u8>>, Option<Stamp>);

/// The cells of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Many {
    /// When all of it was removed last.
    pub deletion: Option<Deletion>,
    /// Its elements; of sets and maps the dead ones are among them.
    pub elements: Vec<Element>,
}

impl Many {
    /// From a column's value and stamp; `None` if malformed.
    pub fn decode(
        shape: Shape<'_>,
        types: &dyn UserTypes,
        value: &[u8],
        stamp: Option<Stamp>,
    ) -> Option<Many> {
        if let Shape::Fields(id) = shape {
            return fields::decode(id, types, value, stamp);
        }
        let mut reader = Reader(value);
        let items = reader.count()?;
        let mut live = Vec::new();
        let mut taken = 0;
        while taken < items {
            let first = read_item(&mut reader)??.to_vec();
            taken += 1;
            let (key, value) = match shape {
                Shape::List(_) => (Vec::new(), first),
                Shape::Set(_) | Shape::Fields(_) => (first, Vec::new()),
                Shape::Map(..) => {
                    taken += 1;
                    (first, read_item(&mut reader)??.to_vec())
                }
            };
            live.push((key, value));
        }
        if let (Some(stamp), true) = (stamp, reader.0.is_empty()) {
            return Some(Many::whole(live, stamp));
        }
        Self::sectioned(shape, types, live, &mut reader)
    }

    /// A collection that was written at once, over all that was there.
    pub fn whole(live: Vec<(Vec<u8>, Vec<u8>)>, stamp: Stamp) -> Many {
        let element = |(key, value)| Element {
            key,
            value: Some(value),
            stamp,
        };
        Many {
            deletion: since(stamp),
            elements: live.into_iter().map(element).collect(),
        }
    }

    /// Puts elements in the order of their keys; `None` if one is none of its type, or there twice.
    fn ascend(&mut self, shape: Shape<'_>, types: &dyn UserTypes) -> Option<()> {
        let mut formed = Vec::with_capacity(self.elements.len());
        for element in self.elements.drain(..) {
            formed.push((shape.form(types, &element.key)?, element));
        }
        formed.sort_by(|left, right| left.0.cmp(&right.0));
        let twice = formed
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.0 == b.0));
        self.elements = formed.into_iter().map(|(_, element)| element).collect();
        (!twice).then_some(())
    }

    fn sectioned(
        shape: Shape<'_>,
        types: &dyn UserTypes,
        live: Vec<(Vec<u8>, Vec<u8>)>,
        reader: &mut Reader<'_>,
    ) -> Option<Many> {
        let deletion = match reader.byte()? {
            0 => None,
            1 => Some(read_deletion(reader)?),
            _ => return None,
        };
        let same = match reader.byte()? {
            0 => None,
            1 => Some(read_stamp(reader)?),
            _ => return None,
        };
        let mut elements = Vec::with_capacity(live.len());
        for (key, value) in live {
            let stamp = match same {
                Some(stamp) => stamp,
                None => read_stamp(reader)?,
            };
            elements.push(Element {
                key,
                value: Some(value),
                stamp,
            });
        }
        let behind = elements.len();
        for _ in 0..reader.count()? {
            let key = reader.blob()?.to_vec();
            let stamp = read_deletion(reader)?.stamp();
            elements.push(Element {
                key,
                value: None,
                stamp,
            });
        }
        let mut many = Many { deletion, elements };
        if behind < many.elements.len() {
            many.ascend(shape, types)?;
        }
        reader.end(many)
    }

    /// The stamp of all elements, if they were written at once over what was there.
    pub(super) fn together(&self) -> Option<Stamp> {
        let stamp = self.elements.first()?.stamp;
        let same = |element: &Element| element.value.is_some() && element.stamp == stamp;
        (self.deletion == since(stamp) && self.elements.iter().all(same)).then_some(stamp)
    }

    /// The column's value and stamp, both `None` if nothing is left to say; `None` if a value does not fit.
    pub fn encode(&self, shape: Shape<'_>, types: &dyn UserTypes) -> Option<Written> {
        if self.elements.is_empty() && self.deletion.is_none() {
            return Some((None, None));
        }
        if let Shape::Fields(id) = shape {
            let (value, stamp) = fields::encode(id, types, self)?;
            return Some((Some(value), stamp));
        }
        let (live, dead): (Vec<&Element>, Vec<&Element>) = self
            .elements
            .iter()
            .partition(|element| element.value.is_some());
        let mut out = Builder::default();
        push_live(shape, &live, &mut out);
        if let Some(stamp) = self.together() {
            return Some((Some(out.0), Some(stamp)));
        }
        let first = live.first().map(|element| element.stamp);
        let same = first.filter(|stamp| live.iter().all(|element| element.stamp == *stamp));
        match self.deletion {
            None => out.bytes(&[0]),
            Some(deletion) => push_deletion(out.bytes(&[1]), deletion),
        };
        match same {
            Some(stamp) => push_stamp(out.bytes(&[1]), stamp),
            None => {
                out.bytes(&[0]);
                live.iter()
                    .fold(&mut out, |out, element| push_stamp(out, element.stamp))
            }
        };
        out.varint(dead.len() as u64);
        for element in dead {
            let deletion = Deletion::of(element.stamp).unwrap_or(Deletion {
                timestamp: element.stamp.timestamp,
                local: i64::MAX,
            });
            push_deletion(out.blob(&element.key), deletion);
        }
        Some((Some(out.0), None))
    }

    /// Removes what was written at `deletion` or before, and remembers that.
    pub fn remove_all(&mut self, deletion: Deletion) {
        self.elements
            .retain(|element| !deletion.takes(element.stamp.timestamp));
        self.deletion = self.deletion.max(Some(deletion));
    }

    /// Removes what a deletion of the row takes, which the row itself remembers.
    pub fn shade(&mut self, deletion: Deletion) {
        self.elements
            .retain(|element| !deletion.takes(element.stamp.timestamp));
        self.deletion = self.deletion.filter(|own| !deletion.takes(own.timestamp));
    }

    /// Writes elements of a set or a map; without a value they are removed.
    ///
    /// `None` if a key or value is none of its type.
    pub fn put(
        &mut self,
        shape: Shape<'_>,
        types: &dyn UserTypes,
        puts: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        stamp: Stamp,
    ) -> Option<()> {
        if self
            .deletion
            .is_some_and(|deletion| deletion.takes(stamp.timestamp))
        {
            return Some(());
        }
        let forms = self
            .elements
            .iter()
            .map(|element| shape.form(types, &element.key));
        let mut order = forms.collect::<Option<Vec<_>>>()?;
        for (key, value) in puts {
            let form = shape.form(types, &key)?;
            let element = Element { key, value, stamp };
            match order.binary_search(&form) {
                Err(at) => {
                    self.elements.insert(at, element);
                    order.insert(at, form);
                }
                Ok(at) => {
                    let old = self.elements.get_mut(at)?;
                    if supersedes(shape, types, &element, old) {
                        *old = element;
                    }
                }
            }
        }
        Some(())
    }

    /// Adds elements to a list, behind or before those that are there.
    pub fn extend(&mut self, values: Vec<Vec<u8>>, stamp: Stamp, before: bool) {
        if self
            .deletion
            .is_some_and(|deletion| deletion.takes(stamp.timestamp))
        {
            return;
        }
        let elements = values.into_iter().map(|value| Element {
            key: Vec::new(),
            value: Some(value),
            stamp,
        });
        let at = if before { 0 } else { self.elements.len() };
        self.elements.splice(at..at, elements);
    }

    /// Writes the element of a list at a place among those that live; removes it without a value. `None` if there is none.
    pub fn set_at(&mut self, at: usize, value: Option<Vec<u8>>, stamp: Stamp) -> Option<()> {
        let element = self.elements.get(at)?;
        if later(stamp, element.stamp, || Ordering::Less) == Ordering::Less {
            return Some(());
        }
        match value {
            None => {
                self.elements.remove(at);
            }
            Some(value) => {
                let element = self.elements.get_mut(at)?;
                element.value = Some(value);
                element.stamp = stamp;
            }
        }
        Some(())
    }

    /// Removes all elements of a list that have one of these values.
    pub fn remove_values(&mut self, values: &[Vec<u8>], stamp: Stamp) {
        self.elements.retain(|element| {
            let is_one = values
                .iter()
                .any(|value| Some(value) == element.value.as_ref());
            !(is_one && element.stamp.timestamp <= stamp.timestamp)
        });
    }

    /// What is left at `now`: values whose time has ended become tombstones (in a list they go), tombstones older than `grace`
    /// seconds are forgotten.
    pub fn settle(&mut self, shape: Shape<'_>, now: i64, grace: i64) {
        for element in &mut self.elements {
            if element.value.is_some() && has_ended(element.stamp, now) {
                element.value = None;
                element.stamp = tombstone(element.stamp);
            }
        }
        let oldest = now.saturating_sub(grace);
        let is_list = matches!(shape, Shape::List(_));
        self.elements.retain(|element| {
            let kept = Deletion::of(element.stamp).is_some_and(|deletion| deletion.local >= oldest);
            element.value.is_some() || (kept && !is_list)
        });
        self.deletion = self.deletion.filter(|deletion| deletion.local >= oldest);
    }

    /// The elements that live at `now`.
    pub fn live(&self, now: i64) -> impl Iterator<Item = &Element> {
        let elements = self.elements.iter();
        elements.filter(move |element| element.value.is_some() && !has_ended(element.stamp, now))
    }
}

/// The deletion that comes with writing all of a collection at `stamp`. It is kept as long as the collection.
pub fn since(stamp: Stamp) -> Option<Deletion> {
    Some(Deletion {
        timestamp: stamp.timestamp.checked_sub(1)?,
        local: i64::MAX,
    })
}

fn form(kind: &Type, types: &dyn UserTypes, key: &[u8]) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    if !key.is_empty() || !is_emptiable(kind) {
        encode_value(kind, types, key, &mut form).ok()?;
    }
    Some(form)
}

fn supersedes(shape: Shape<'_>, types: &dyn UserTypes, new: &Element, old: &Element) -> bool {
    let wire = |element: &Element| {
        let mut out = Vec::new();
        if let (Some(kind), Some(value)) = (shape.value_kind(types, &element.key), &element.value) {
            // A value that has no wire form cannot have come over the wire; as the empty one it loses.
            let _ = to_wire(&kind, types, value, &mut out);
        }
        out
    };
    later(new.stamp, old.stamp, || wire(new).cmp(&wire(old))).is_ge()
}

/// Items of elements that live.
pub(super) fn push_live(shape: Shape<'_>, live: &[&Element], out: &mut Builder) {
    out.varint(live.len() as u64 * shape.items_of());
    for element in live {
        if !matches!(shape, Shape::List(_)) {
            push_item(out, &element.key);
        }
        if !matches!(shape, Shape::Set(_)) {
            push_item(out, element.value.as_deref().unwrap_or_default());
        }
    }
}

fn push_stamp(out: &mut Builder, stamp: Stamp) -> &mut Builder {
    out.bytes(&[u8::from(stamp.ttl.is_some())])
        .bytes(&stamp.timestamp.to_le_bytes());
    if let Some((ttl, expires)) = stamp.ttl {
        out.bytes(&ttl.to_le_bytes()).bytes(&expires.to_le_bytes());
    }
    out
}

fn read_stamp(reader: &mut Reader<'_>) -> Option<Stamp> {
    let kind = reader.byte()?;
    let timestamp = i64::from_le_bytes(reader.array()?);
    let ttl = match kind {
        0 => None,
        1 => Some((
            u32::from_le_bytes(reader.array()?),
            i64::from_le_bytes(reader.array()?),
        )),
        _ => return None,
    };
    Some(Stamp { timestamp, ttl })
}

fn push_deletion(out: &mut Builder, deletion: Deletion) -> &mut Builder {
    out.bytes(&deletion.timestamp.to_le_bytes())
        .bytes(&deletion.local.to_le_bytes())
}

fn read_deletion(reader: &mut Reader<'_>) -> Option<Deletion> {
    Some(Deletion {
        timestamp: i64::from_le_bytes(reader.array()?),
        local: i64::from_le_bytes(reader.array()?),
    })
}
