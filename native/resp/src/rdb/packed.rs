//! Collections in one piece: the packed forms, as values.

use super::listpack::Element;
use super::{listpack, ziplist, Text, Value};
use crate::commands::numbers::parse_f64;
use hashbrown::HashSet;

/// In what a collection is packed.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Listpack,
    Ziplist,
}

impl Form {
    /// The elements of a packed collection.
    pub(super) fn elements(self, bytes: &[u8]) -> Option<Vec<Element<'_>>> {
        match self {
            Form::Listpack => listpack::elements(bytes),
            Form::Ziplist => ziplist::elements(bytes),
        }
    }
}

/// Strings one after the other.
pub(super) fn texts(form: Form, bytes: &[u8]) -> Option<Vec<Text>> {
    let elements = form.elements(bytes)?;
    Some(elements.into_iter().map(Element::text).collect())
}

/// Fields and values in turn, as pairs.
pub(super) fn pairs(words: Vec<Text>) -> Option<Vec<(Text, Text)>> {
    if !words.len().is_multiple_of(2) {
        return None;
    }
    let mut words = words.into_iter();
    let mut pairs = Vec::with_capacity(words.len() / 2);
    while let (Some(field), Some(value)) = (words.next(), words.next()) {
        pairs.push((field, value));
    }
    Some(pairs)
}

/// Members and scores in turn.
pub(super) fn scored(form: Form, bytes: &[u8]) -> Option<Vec<(Text, f64)>> {
    let pairs = pairs(texts(form, bytes)?)?;
    pairs
        .into_iter()
        .map(|(member, score)| Some((member, parse_f64(&score)?)))
        .collect()
}

/// Whether none of these names is there twice.
fn are_different<'a>(mut names: impl Iterator<Item = &'a Text>) -> bool {
    let mut seen = HashSet::new();
    names.all(|name| seen.insert(name.as_slice()))
}

/// Whether it is a collection that holds nothing, which only a stream may be.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(_) | Value::Stream(_) => false,
        Value::List(words) | Value::Set(words) => words.is_empty(),
        Value::Hash(fields) => fields.is_empty(),
        Value::SortedSet(members) => members.is_empty(),
    }
}

/// The value, if no member is in it twice.
pub(super) fn checked(value: Value) -> Option<Value> {
    let is_sound = match &value {
        Value::Text(_) | Value::Stream(_) | Value::List(_) => true,
        Value::Set(members) => are_different(members.iter()),
        Value::Hash(fields) => are_different(fields.iter().map(|(field, _)| field)),
        Value::SortedSet(members) => {
            !members.iter().any(|(_, score)| score.is_nan())
                && are_different(members.iter().map(|(member, _)| member))
        }
    };
    is_sound.then_some(value)
}
