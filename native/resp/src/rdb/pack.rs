//! Collections in the packed forms in which Redis 7.2 keeps small ones, and lists in their nodes.
//!
//! ```text
//! intset    width u32 LE (2, 4, 8), members u32 LE, members ascending
//! listpack  see that file: members | fields and values | members and scores | values of a node
//! ```

use super::listpack::Builder;
use super::Text;
use crate::commands::numbers::{format_double, parse_i64, G17_TEXT};

/// Bytes of a node of a list (`list-max-listpack-size -2`).
const NODE_BYTES: usize = 8192;
/// What Redis reckons for an entry beside its text when it looks whether a node has room.
const ENTRY: usize = 8;

/// Words one after the other.
pub(super) fn words<'w>(words: impl Iterator<Item = &'w Text>) -> Vec<u8> {
    let mut pack = Builder::new();
    words.for_each(|word| pack.push_word(word));
    pack.finish()
}

/// Members, each with its score.
pub(super) fn scored(members: &[(Text, f64)]) -> Vec<u8> {
    let mut pack = Builder::new();
    for (member, score) in members {
        pack.push_word(member);
        // As ZADD writes it: a whole number as such, so that there is no zero below zero.
        let mut room = [0; G17_TEXT];
        pack.push_word(match format_double(*score, &mut room) {
            b"-0" => b"0",
            text => text,
        });
    }
    pack.finish()
}

/// A set of integers; `None` if one of its members is none.
pub(super) fn integers(members: &[Text]) -> Option<Vec<u8>> {
    let mut values: Vec<i64> = members
        .iter()
        .map(|member| parse_i64(member))
        .collect::<Option<_>>()?;
    values.sort_unstable();
    let ends = [values.first(), values.last()];
    let fits = |most: i64, least: i64| {
        ends.iter()
            .flatten()
            .all(|end| (least..=most).contains(*end))
    };
    let width = if fits(i64::from(i16::MAX), i64::from(i16::MIN)) {
        2
    } else if fits(i64::from(i32::MAX), i64::from(i32::MIN)) {
        4
    } else {
        8
    };
    let mut packed = Vec::with_capacity(8 + width * values.len());
    packed.extend((width as u32).to_le_bytes());
    packed.extend(u32::try_from(values.len()).ok()?.to_le_bytes());
    for value in values {
        packed.extend(&value.to_le_bytes()[..width]);
    }
    Some(packed)
}

/// The nodes of a list whose values were added one after the other.
pub(super) fn nodes(items: &[Text]) -> Vec<Vec<u8>> {
    let mut nodes = Vec::new();
    let mut pack = Builder::new();
    for item in items {
        // Up to the first value that does not fit the list is one piece, which is measured without what an entry takes.
        let entry = if nodes.is_empty() { 0 } else { ENTRY };
        if !pack.is_empty() && pack.len() + item.len() + entry > NODE_BYTES {
            nodes.push(std::mem::replace(&mut pack, Builder::new()).finish());
        }
        pack.push_word(item);
    }
    nodes.push(pack.finish());
    nodes
}
