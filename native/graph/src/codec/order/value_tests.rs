//! Order of keys against the order of values, as PostgreSQL and Cassandra define it: each comparison is written here from
//! their definition, over plain values and not over bytes.

#![allow(clippy::unwrap_used)]

use super::value::{decode_value, encode_value, Unkeyed, UserTypes};
use crate::codec::row::{Cell, Row};
use crate::codec::types::{Container, Named, Plain, Sized, Type};
use crate::codec::Builder;
use proptest::prelude::*;
use std::cmp::Ordering;

/// Enum 1 with labels 1, 2, 3 at 1.0, 2.0, 1.5; domain 2 over text; composite 3 of text and integer.
struct Known;

impl UserTypes for Known {
    fn position(&self, id: u64, label: u32) -> Option<f64> {
        let positions = [1.0, 2.0, 1.5];
        (id == 1).then(|| positions.get(label as usize - 1).copied())?
    }

    fn base(&self, id: u64) -> Option<Type> {
        (id == 2).then_some(TEXT)
    }

    fn fields(&self, id: u64) -> Option<Vec<(u32, Type)>> {
        (id == 3).then(|| vec![(1, TEXT), (2, INT)])
    }
}

const TEXT: Type = Type::Plain(Plain::Text);
const INT: Type = Type::Plain(Plain::Int4);

fn key(kind: &Type, stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_value(kind, &Known, stored, &mut out).unwrap();
    out
}

/// Bytes sort as values do; equal values have one form; none is a prefix of another; all come back.
fn agree(kind: &Type, a: &[u8], b: &[u8], wanted: Ordering) -> Result<(), TestCaseError> {
    let (ka, kb) = (key(kind, a), key(kind, b));
    prop_assert_eq!(ka.cmp(&kb), wanted, "{:?} and {:?}", a, b);
    let inverted = |key: &[u8]| key.iter().map(|byte| !byte).collect::<Vec<u8>>();
    prop_assert_eq!(inverted(&ka).cmp(&inverted(&kb)), wanted.reverse());
    if wanted != Ordering::Equal {
        prop_assert!(!ka.starts_with(&kb) && !kb.starts_with(&ka));
    }
    let followed = [&ka[..], &kb[..]].concat();
    let (back, used) = decode_value(kind, &Known, &followed).unwrap();
    prop_assert_eq!(used, ka.len());
    prop_assert_eq!(key(kind, &back), ka);
    Ok(())
}

/// The value itself comes back, not only an equal one.
fn returns(kind: &Type, stored: &[u8]) -> Result<(), TestCaseError> {
    let form = key(kind, stored);
    prop_assert_eq!(
        decode_value(kind, &Known, &form),
        Some((stored.to_vec(), form.len()))
    );
    Ok(())
}

fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skip = (0..15)
        .find(|i| {
            let sign = if value < 0 { 0xff } else { 0 };
            bytes[*i] != sign || (bytes[i + 1] ^ sign) & 0x80 != 0
        })
        .unwrap_or(15);
    bytes[skip..].to_vec()
}

fn interval((months, days, micros): (i32, i32, i64)) -> Vec<u8> {
    let parts = [
        &months.to_le_bytes()[..],
        &days.to_le_bytes(),
        &micros.to_le_bytes(),
    ];
    parts.concat()
}

/// PostgreSQL's interval_cmp_value.
fn span((months, days, micros): (i32, i32, i64)) -> i128 {
    (i128::from(months) * 30 + i128::from(days)) * 86_400_000_000 + i128::from(micros)
}

fn small_interval() -> impl Strategy<Value = (i32, i32, i64)> {
    let micros = (-3i64..3).prop_map(|days| days * 86_400_000_000);
    prop_oneof![
        (-2i32..3, -60i32..61, micros),
        (any::<i32>(), any::<i32>(), any::<i64>()),
    ]
}

type Address = (bool, u8, Vec<u8>);

fn address() -> impl Strategy<Value = Address> {
    let bytes = |n| proptest::collection::vec(prop_oneof![Just(0u8), Just(128), Just(129)], n);
    prop_oneof![
        (Just(false), 0u8..=32, bytes(4)),
        (Just(true), 0u8..=128, bytes(16)),
    ]
}

fn stored_address((six, prefix, bytes): &Address) -> Vec<u8> {
    [&[if *six { 6 } else { 4 }, *prefix], &bytes[..]].concat()
}

/// PostgreSQL's network_cmp: the common prefix, then its length, then all bits.
fn network_order(a: &Address, b: &Address) -> Ordering {
    let bits = |address: &Address, n: u8| -> Vec<bool> {
        let bit = |i: usize| address.2[i / 8] >> (7 - i % 8) & 1 == 1;
        (0..usize::from(n)).map(bit).collect()
    };
    let shorter = a.1.min(b.1);
    (a.0.cmp(&b.0))
        .then_with(|| bits(a, shorter).cmp(&bits(b, shorter)))
        .then_with(|| a.1.cmp(&b.1))
        .then_with(|| a.2.cmp(&b.2))
}

fn stored_bits(bits: &[bool]) -> Vec<u8> {
    let mut stored = (bits.len() as u32).to_le_bytes().to_vec();
    for byte in bits.chunks(8) {
        let value = byte
            .iter()
            .enumerate()
            .fold(0, |value, (i, bit)| value | u8::from(*bit) << (7 - i));
        stored.push(value);
    }
    stored
}

fn items(values: &[Option<Vec<u8>>]) -> Builder {
    let mut out = Builder::default();
    out.varint(values.len() as u64);
    for value in values {
        match value {
            None => out.varint(0),
            Some(value) => out.varint(value.len() as u64 + 1).bytes(value),
        };
    }
    out
}

fn some(values: &[i32]) -> Vec<Option<Vec<u8>>> {
    let value = |value: &i32| Some(value.to_le_bytes().to_vec());
    values.iter().map(value).collect()
}

/// An array of texts with one dimension, or none if empty, from this lower bound.
fn stored_array((bound, values): &(i32, Vec<Option<String>>)) -> Vec<u8> {
    let mut out = Builder::default();
    if values.is_empty() {
        out.varint(0);
    } else {
        out.varint(1)
            .varint(values.len() as u64)
            .bytes(&bound.to_le_bytes());
    }
    let texts: Vec<Option<Vec<u8>>> = values
        .iter()
        .map(|value| value.clone().map(String::into_bytes))
        .collect();
    let items = items(&texts);
    out.bytes(&items.0);
    out.0
}

/// PostgreSQL's array_cmp: items, nulls behind values, then how many, then the dimensions' bounds.
fn array_order(a: &(i32, Vec<Option<String>>), b: &(i32, Vec<Option<String>>)) -> Ordering {
    let rank = |value: &Option<String>| (value.is_none(), value.clone());
    let items = a.1.iter().map(rank).zip(b.1.iter().map(rank));
    let items = items.map(|(a, b)| a.cmp(&b)).find(|order| order.is_ne());
    let bound = |array: &(i32, Vec<Option<String>>)| (!array.1.is_empty()).then_some(array.0);
    items
        .unwrap_or(a.1.len().cmp(&b.1.len()))
        .then_with(|| bound(a).cmp(&bound(b)))
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "a\0", "ab", "b"]).prop_map(String::from)
}

type Pair = (Option<String>, Option<i32>);

fn pair() -> impl Strategy<Value = Pair> {
    (prop::option::of(word()), prop::option::of(-2i32..3))
}

/// The last field may be missing instead of null.
fn stored_pair((text, number): &Pair, short: bool) -> Vec<u8> {
    let number = number.map(i32::to_le_bytes);
    let cell = |id, kind: &Type, value| Cell {
        id,
        width: kind.width(),
        value,
        stamp: None,
    };
    let mut cells = vec![
        cell(1, &TEXT, text.as_deref().map(str::as_bytes)),
        cell(2, &INT, number.as_ref().map(|bytes| &bytes[..])),
    ];
    if short && number.is_none() {
        cells.pop();
    }
    Row { stamp: None, cells }.encode().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn integers_of_any_size(a: i128, b: i128, shift in 0u32..128, other in 0u32..128) {
        let (a, b) = (a >> shift, b >> other);
        let kind = Type::Plain(Plain::Varint);
        agree(&kind, &shortest(a), &shortest(b), a.cmp(&b))?;
        returns(&kind, &shortest(a))?;
    }

    #[test]
    fn intervals(a in small_interval(), b in small_interval()) {
        let kind = Type::Sized(Sized::Interval, 6);
        agree(&kind, &interval(a), &interval(b), span(a).cmp(&span(b)))?;
    }

    #[test]
    fn addresses(a in address(), b in address()) {
        for kind in [Plain::Inet, Plain::Cidr].map(Type::Plain) {
            agree(&kind, &stored_address(&a), &stored_address(&b), network_order(&a, &b))?;
            returns(&kind, &stored_address(&a))?;
        }
    }

    #[test]
    fn bit_strings(
        a in proptest::collection::vec(any::<bool>(), 0..20),
        b in proptest::collection::vec(any::<bool>(), 0..20),
    ) {
        for kind in [Type::Sized(Sized::Bit, 9), Type::Sized(Sized::VarBit, 0)] {
            agree(&kind, &stored_bits(&a), &stored_bits(&b), a.cmp(&b))?;
            returns(&kind, &stored_bits(&a))?;
        }
    }

    #[test]
    fn times_with_a_zone(a in (0i64..5, -3i32..3), b in (0i64..5, -3i32..3)) {
        let second = |time: i64| time * 1_000_000;
        let stored = |(time, west): (i64, i32)| {
            [&second(time).to_le_bytes()[..], &west.to_le_bytes(), &[0; 4]].concat()
        };
        let utc = |(time, west): (i64, i32)| (second(time) + second(west.into()), west);
        let kind = Type::Sized(Sized::TimeTz, 6);
        agree(&kind, &stored(a), &stored(b), utc(a).cmp(&utc(b)))?;
        returns(&kind, &stored(a))?;
    }

    #[test]
    fn lists_sets_and_maps(
        a in proptest::collection::vec(-3i32..4, 0..4),
        b in proptest::collection::vec(-3i32..4, 0..4),
    ) {
        let list = Type::Of(Container::FrozenList, Box::new(INT));
        agree(&list, &items(&some(&a)).0, &items(&some(&b)).0, a.cmp(&b))?;
        returns(&list, &items(&some(&a)).0)?;
        let set = Type::Of(Container::FrozenSet, Box::new(INT));
        let sorted = |values: &[i32]| -> Vec<i32> {
            std::collections::BTreeSet::from_iter(values.iter().copied()).into_iter().collect()
        };
        let (sa, sb) = (sorted(&a), sorted(&b));
        agree(&set, &items(&some(&a)).0, &items(&some(&b)).0, sa.cmp(&sb))?;
        returns(&set, &items(&some(&sa)).0)?;
        let map = Type::Map(Box::new(INT), Box::new(INT), true);
        let pairs = |keys: &[i32], values: &[i32]| -> Vec<(i32, i32)> {
            let values = values.iter().copied().chain(std::iter::repeat(0));
            keys.iter().copied().zip(values).collect()
        };
        let (ma, mb) = (pairs(&sa, &b), pairs(&sb, &a));
        let stored = |pairs: &[(i32, i32)]| {
            let flat: Vec<i32> = pairs.iter().flat_map(|(key, value)| [*key, *value]).collect();
            items(&some(&flat)).0
        };
        agree(&map, &stored(&ma), &stored(&mb), ma.cmp(&mb))?;
        returns(&map, &stored(&ma))?;
        let backwards: Vec<(i32, i32)> = ma.iter().rev().copied().collect();
        prop_assert_eq!(key(&map, &stored(&backwards)), key(&map, &stored(&ma)));
    }

    #[test]
    fn arrays(
        a in (0i32..2, proptest::collection::vec(prop::option::of(word()), 0..3)),
        b in (0i32..2, proptest::collection::vec(prop::option::of(word()), 0..3)),
    ) {
        let kind = Type::Of(Container::Array, Box::new(TEXT));
        agree(&kind, &stored_array(&a), &stored_array(&b), array_order(&a, &b))?;
        returns(&kind, &stored_array(&a))?;
    }

    #[test]
    fn tuples_and_composites(a in pair(), b in pair(), short: bool) {
        let (sa, sb) = (stored_pair(&a, short), stored_pair(&b, !short));
        // Rust's None is below every Some: Cassandra's rule, a field that is missing being null.
        let tuple = Type::Tuple(vec![TEXT, INT]);
        agree(&tuple, &sa, &sb, a.cmp(&b))?;
        agree(&Type::Named(Named::FrozenUdt, 3), &sa, &sb, a.cmp(&b))?;
        let nulls_last = |pair: &Pair| (pair.0.is_none(), pair.0.clone(), pair.1.is_none(), pair.1);
        let composite = Type::Named(Named::Composite, 3);
        agree(&composite, &sa, &sb, nulls_last(&a).cmp(&nulls_last(&b)))?;
        returns(&composite, &stored_pair(&a, false))?;
    }

    #[test]
    fn vectors(a: [i32; 3], b: [i32; 3]) {
        let kind = Type::Vector(Box::new(INT), 3);
        let stored = |values: [i32; 3]| values.map(i32::to_le_bytes).concat();
        agree(&kind, &stored(a), &stored(b), a.cmp(&b))?;
        returns(&kind, &stored(a))?;
    }

    #[test]
    fn noise_is_refused_or_is_the_one_form(bytes in proptest::collection::vec(0u8..7, 0..30)) {
        let nested = Type::Of(Container::FrozenList, Box::new(Type::Tuple(vec![TEXT, INT])));
        let array = Type::Of(Container::Array, Box::new(Type::Plain(Plain::Varint)));
        let map = Type::Map(Box::new(TEXT), Box::new(Type::Plain(Plain::Inet)), true);
        for kind in [nested, array, map, Type::Sized(Sized::Bit, 3)] {
            if let Some((stored, used)) = decode_value(&kind, &Known, &bytes) {
                prop_assert_eq!(&key(&kind, &stored)[..], &bytes[..used]);
            }
            // Stored forms come from disk: whatever they are, encoding ends in a form or a refusal.
            let _refused = encode_value(&kind, &Known, &bytes, &mut Vec::new());
        }
    }
}

#[test]
fn labels_sort_by_position() {
    let kind = Type::Named(Named::Enum, 1);
    let mut labels = [1u32, 2, 3].map(|label| (key(&kind, &label.to_le_bytes()), label));
    labels.sort();
    assert_eq!(labels.clone().map(|(_, label)| label), [1, 3, 2]);
    for (form, label) in labels {
        let back = decode_value(&kind, &Known, &form);
        assert_eq!(back, Some((label.to_le_bytes().to_vec(), 12)));
    }
    let unknown = encode_value(&kind, &Known, &9u32.to_le_bytes(), &mut Vec::new());
    assert_eq!(unknown, Err(Unkeyed::Malformed));
}

#[test]
fn a_domain_is_ordered_as_its_base() {
    assert_eq!(key(&Type::Named(Named::Domain, 2), b"a"), key(&TEXT, b"a"));
}

#[test]
fn what_has_no_order_is_refused_wherever_it_is() {
    let json = || Box::new(Type::Plain(Plain::Json));
    for kind in [
        Type::Plain(Plain::Duration),
        Type::Plain(Plain::Counter),
        Type::Plain(Plain::TsVector),
        Type::Plain(Plain::Jsonb),
        Type::Of(Container::List, Box::new(INT)),
        Type::Of(Container::FrozenList, json()),
        Type::Map(Box::new(INT), json(), true),
        Type::Map(Box::new(INT), Box::new(INT), false),
        Type::Tuple(vec![INT, *json()]),
    ] {
        let refused = encode_value(&kind, &Known, &[0], &mut Vec::new());
        assert_eq!(refused, Err(Unkeyed::NotOrdered), "{kind:?}");
    }
}
