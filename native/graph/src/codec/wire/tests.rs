//! Values of every type on the wire and back, noise, and what the specification says of numbers.

#![allow(clippy::unwrap_used)]

use super::numbers::{push_unsigned_vint, push_vint, unsigned_vint, vint};
use super::*;
use crate::codec::decimal::Decimal;
use proptest::prelude::*;

/// Two user types, so that nesting has somewhere to go.
struct Types;

impl UserTypes for Types {
    fn position(&self, _id: u64, _label: u32) -> Option<f64> {
        None
    }

    fn base(&self, _id: u64) -> Option<Type> {
        Some(Type::Plain(Plain::Int4))
    }

    fn fields(&self, _id: u64) -> Option<Vec<(u32, Type)>> {
        // Ids need not ascend: a field's place is the order of the definition.
        Some(vec![
            (7, Type::Plain(Plain::Text)),
            (2, Type::Plain(Plain::Int8)),
        ])
    }
}

const SCALARS: &[Plain] = &[
    Plain::Boolean,
    Plain::Int1,
    Plain::Int2,
    Plain::Int4,
    Plain::Int8,
    Plain::Varint,
    Plain::Float4,
    Plain::Float8,
    Plain::Decimal,
    Plain::Text,
    Plain::Ascii,
    Plain::Bytes,
    Plain::Uuid,
    Plain::TimeUuid,
    Plain::Date,
    Plain::Inet,
    Plain::TimeNanos,
];

fn kinds() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        8 => prop::sample::select(SCALARS).prop_map(Type::Plain),
        1 => Just(Type::Sized(Sized::TimestampTz, 3)),
        1 => Just(Type::Named(Named::FrozenUdt, 1)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|of| Type::Of(Container::FrozenList, Box::new(of))),
            inner
                .clone()
                .prop_map(|of| Type::Of(Container::FrozenSet, Box::new(of))),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| Type::Map(
                Box::new(k),
                Box::new(v),
                true
            )),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Type::Tuple),
            (inner, 0u32..4).prop_map(|(of, n)| Type::Vector(Box::new(of), n)),
        ]
    })
}

/// A value of `kind` on the wire, in its canonical form but for the order of sets and maps.
fn value_of(kind: &Type) -> BoxedStrategy<Vec<u8>> {
    let bytes = |n: usize| proptest::collection::vec(any::<u8>(), n).boxed();
    match kind {
        Type::Plain(plain) => match plain {
            Plain::Boolean => any::<bool>().prop_map(|b| vec![u8::from(b)]).boxed(),
            Plain::Int1 => bytes(1),
            Plain::Int2 => bytes(2),
            Plain::Int4 | Plain::Float4 | Plain::Date => bytes(4),
            Plain::Int8 | Plain::Float8 => bytes(8),
            Plain::Varint => any::<i128>()
                .prop_map(|n| shortest(&n.to_be_bytes()).unwrap().to_vec())
                .boxed(),
            Plain::Decimal => (any::<i32>(), any::<i128>())
                .prop_map(|(scale, n)| {
                    [
                        &scale.to_be_bytes()[..],
                        shortest(&n.to_be_bytes()).unwrap(),
                    ]
                    .concat()
                })
                .boxed(),
            Plain::Text => any::<String>().prop_map(String::into_bytes).boxed(),
            Plain::Ascii => "[ -~]{0,9}".prop_map(String::into_bytes).boxed(),
            Plain::Bytes => proptest::collection::vec(any::<u8>(), 0..9).boxed(),
            Plain::Uuid => bytes(16),
            Plain::TimeUuid => any::<[u8; 16]>()
                .prop_map(|mut id| {
                    id[6] = id[6] & 0xf | 0x10;
                    id.to_vec()
                })
                .boxed(),
            Plain::Inet => prop_oneof![bytes(4), bytes(16)].boxed(),
            _ => (0..NANOS_OF_DAY)
                .prop_map(|n| n.to_be_bytes().to_vec())
                .boxed(),
        },
        Type::Sized(..) => (i64::MIN / 1000..i64::MAX / 1000)
            .prop_map(|ms| ms.to_be_bytes().to_vec())
            .boxed(),
        Type::Named(..) => (sized(value_of(&Type::Plain(Plain::Text))), sized(bytes(8)))
            .prop_map(|(text, number)| [text, number].concat())
            .boxed(),
        Type::Of(_, of) => proptest::collection::vec(present(value_of(of)), 0..4)
            .prop_map(|items| counted(&items))
            .boxed(),
        Type::Map(keys, values, _) => {
            proptest::collection::vec((present(value_of(keys)), present(value_of(values))), 0..4)
                .prop_map(|pairs| {
                    let pairs: Vec<_> = pairs
                        .into_iter()
                        .map(|(key, value)| [key, value].concat())
                        .collect();
                    counted(&pairs)
                })
                .boxed()
        }
        Type::Tuple(parts) => parts
            .iter()
            .map(|part| sized(value_of(part)))
            .collect::<Vec<_>>()
            .prop_map(|parts| parts.concat())
            .boxed(),
        Type::Vector(of, n) => {
            let fixed = wire_width(of).is_some();
            let element = value_of(of).prop_map(move |value| {
                let mut out = Vec::new();
                if !fixed {
                    push_unsigned_vint(value.len() as u64, &mut out);
                }
                [out, value].concat()
            });
            proptest::collection::vec(element, *n as usize)
                .prop_map(|all| all.concat())
                .boxed()
        }
        Type::Numeric(..) => unreachable!(),
    }
}

fn present(value: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    value
        .prop_map(|value| {
            [
                &i32::try_from(value.len()).unwrap().to_be_bytes()[..],
                &value,
            ]
            .concat()
        })
        .boxed()
}

fn sized(value: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    prop_oneof![4 => present(value), 1 => Just((-1i32).to_be_bytes().to_vec())].boxed()
}

fn counted(items: &[Vec<u8>]) -> Vec<u8> {
    [
        &i32::try_from(items.len()).unwrap().to_be_bytes()[..],
        &items.concat(),
    ]
    .concat()
}

fn wire_of(kind: &Type, stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    to_wire(kind, &Types, stored, &mut out).unwrap();
    out
}

fn has_order(kind: &Type) -> bool {
    match kind {
        Type::Of(Container::FrozenSet, _) | Type::Map(..) => false,
        Type::Of(_, of) | Type::Vector(of, _) => has_order(of),
        Type::Tuple(parts) => parts.iter().all(has_order),
        _ => true,
    }
}

proptest! {
    #[test]
    fn values_come_back((kind, wire) in kinds().prop_flat_map(|kind| (Just(kind.clone()), value_of(&kind)))) {
        let stored = to_stored(&kind, &Types, &wire).unwrap();
        let again = wire_of(&kind, &stored);
        if has_order(&kind) {
            prop_assert_eq!(&again, &wire);
        }
        prop_assert_eq!(to_stored(&kind, &Types, &again).unwrap(), stored);
    }

    #[test]
    fn noise_is_refused_or_means_one_thing(kind in kinds(), noise in proptest::collection::vec(0u8..6, 0..40)) {
        if let Some(stored) = to_stored(&kind, &Types, &noise) {
            let again = wire_of(&kind, &stored);
            prop_assert_eq!(to_stored(&kind, &Types, &again).unwrap(), stored);
        }
        let mut out = Vec::new();
        let _ = to_wire(&kind, &Types, &noise, &mut out);
    }

    #[test]
    fn lengths_come_back(number: u64, signed: i64) {
        let mut out = Vec::new();
        push_unsigned_vint(number, &mut out);
        push_vint(signed, &mut out);
        let mut reader = Reader(&out);
        prop_assert_eq!(unsigned_vint(&mut reader), Some(number));
        prop_assert_eq!(vint(&mut reader), Some(signed));
        prop_assert!(reader.0.is_empty());
    }
}

fn stored(kind: Type, wire: &[u8]) -> Option<Vec<u8>> {
    to_stored(&kind, &Types, wire)
}

#[test]
fn numbers_of_variable_length_are_as_the_specification_has_them() {
    // Section 3 of the specification: 256000 is c3 e8 00 less the prefix's bits.
    for (number, bytes) in [
        (0u64, &[0x00][..]),
        (127, &[0x7f]),
        (128, &[0x80, 0x80]),
        (256_000, &[0xc3, 0xe8, 0x00]),
        (u64::MAX, &[0xff; 9]),
    ] {
        let mut out = Vec::new();
        push_unsigned_vint(number, &mut out);
        assert_eq!(out, bytes, "{number}");
    }
    let mut out = Vec::new();
    push_vint(-1, &mut out);
    push_vint(1, &mut out);
    assert_eq!(out, [1, 2]);
}

#[test]
fn decimals_keep_their_scale_and_sign() {
    let decimal = |scale: i32, number: &[u8]| [&scale.to_be_bytes()[..], number].concat();
    let mut expected = Vec::new();
    Decimal::new(true, 2, &[1, 2, 8])
        .unwrap()
        .encode(&mut expected);
    assert_eq!(
        stored(Type::Plain(Plain::Decimal), &decimal(2, &[0x80])).unwrap(),
        expected
    );
    let long = decimal(-7, &[&[0x7f][..], &[0xff; 100]].concat());
    let kept = stored(Type::Plain(Plain::Decimal), &long).unwrap();
    assert_eq!(wire_of(&Type::Plain(Plain::Decimal), &kept), long);
    let too_long = decimal(0, &vec![0x7f; 1 << 20]);
    assert_eq!(stored(Type::Plain(Plain::Decimal), &too_long), None);
}

#[test]
fn what_is_no_value_is_refused() {
    let plain = |kind| Type::Plain(kind);
    for (kind, wire) in [
        (plain(Plain::Int4), &[0, 0, 1][..]),
        (plain(Plain::Int4), &[]),
        (plain(Plain::Text), &[0xc3, 0x28]),
        (plain(Plain::Ascii), &[0x80]),
        (plain(Plain::TimeUuid), &[0; 16]),
        (plain(Plain::Inet), &[1, 2, 3]),
        (plain(Plain::TimeNanos), &(NANOS_OF_DAY).to_be_bytes()),
        (plain(Plain::Duration), &[1, 2, 2]),
        (Type::Sized(Sized::TimestampTz, 3), &i64::MAX.to_be_bytes()),
        (
            Type::Of(Container::FrozenList, Box::new(plain(Plain::Int4))),
            &i32::MAX.to_be_bytes(),
        ),
        (Type::Vector(Box::new(plain(Plain::Float4)), 2), &[0; 4]),
        (Type::Vector(Box::new(plain(Plain::Float4)), 1), &[0; 8]),
    ] {
        assert_eq!(stored(kind.clone(), wire), None, "{kind:?}");
    }
}

#[test]
fn sets_and_maps_ascend_and_the_last_of_equal_keys_counts() {
    let int = || Box::new(Type::Plain(Plain::Int4));
    let set = Type::Of(Container::FrozenSet, int());
    let item = |n: i32| [4i32.to_be_bytes(), n.to_be_bytes()].concat();
    let found = stored(set.clone(), &counted(&[item(5), item(-1), item(5)])).unwrap();
    assert_eq!(wire_of(&set, &found), counted(&[item(-1), item(5)]));
    let map = Type::Map(int(), int(), true);
    let pair = |key, value| [item(key), item(value)].concat();
    let found = stored(
        map.clone(),
        &counted(&[pair(5, 1), pair(-1, 2), pair(5, 3)]),
    )
    .unwrap();
    assert_eq!(wire_of(&map, &found), counted(&[pair(-1, 2), pair(5, 3)]));
}

#[test]
fn fields_that_are_missing_at_the_end_are_null() {
    let kind = Type::Tuple(vec![Type::Plain(Plain::Boolean), Type::Plain(Plain::Text)]);
    let whole = [&1i32.to_be_bytes()[..], &[1], &(-1i32).to_be_bytes()].concat();
    assert_eq!(stored(kind.clone(), &whole), stored(kind, &whole[..5]));
}
