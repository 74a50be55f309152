//! Every record comes back; what comes back is the one encoding; what a later version adds is kept.

#![allow(clippy::unwrap_used)]

use super::objects::{Column, Table};
use super::record::KEPT_FROM;
use super::record::{Field, Unknown};
use super::{name_id, parse_name_id, NameSpace, Object};
use crate::codec::types::{Container, Plain, Type};
use crate::keys::AppId;
use proptest::prelude::*;

/// Values of a kind, drawn.
pub(crate) trait Sample: Sized {
    fn sample() -> BoxedStrategy<Self>;
}

impl Sample for u32 {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![0u32..4, any::<u32>()].boxed()
    }
}

impl Sample for u64 {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![0u64..4, any::<u64>()].boxed()
    }
}

impl Sample for i64 {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![-1i64..2, any::<i64>()].boxed()
    }
}

impl Sample for bool {
    fn sample() -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
}

impl Sample for String {
    fn sample() -> BoxedStrategy<Self> {
        prop::sample::select(vec!["", "a", "Größe", "x > 0"])
            .prop_map(String::from)
            .boxed()
    }
}

impl Sample for Option<Vec<u8>> {
    fn sample() -> BoxedStrategy<Self> {
        prop::sample::select(vec![None, Some(vec![]), Some(vec![0, 7])]).boxed()
    }
}

impl Sample for Option<Type> {
    fn sample() -> BoxedStrategy<Self> {
        let list = Type::Of(Container::List, Box::new(Type::Plain(Plain::Text)));
        prop::sample::select(vec![None, Some(Type::Numeric(10, 2)), Some(list)]).boxed()
    }
}

impl<T: Sample + Clone + std::fmt::Debug + 'static> Sample for Vec<T> {
    fn sample() -> BoxedStrategy<Self> {
        proptest::collection::vec(T::sample(), 0..2).boxed()
    }
}

/// Fields of a version to come.
pub(crate) fn unknown() -> BoxedStrategy<Unknown> {
    let value = proptest::collection::vec(any::<u8>(), 0..3);
    proptest::collection::btree_map(1000u64..1003, value, 0..2).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn objects_come_back(object in Object::sample()) {
        prop_assert_eq!(Object::decode(&object.encode().unwrap()), Some(object));
    }

    #[test]
    fn damage_is_refused_or_is_another_object(
        object in Object::sample(),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
        cut in any::<bool>(),
    ) {
        let mut bytes = object.encode().unwrap();
        let place = place.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] ^= 1 << bit }
        if let Some(other) = Object::decode(&bytes) {
            prop_assert_eq!(other.encode(), Some(bytes));
        }
    }

    #[test]
    fn noise_is_refused_or_is_the_one_encoding(bytes in proptest::collection::vec(0u8..8, 0..24)) {
        if let Some(object) = Object::decode(&bytes) {
            prop_assert_eq!(object.encode(), Some(bytes));
        }
    }
}

#[test]
fn fields_of_a_later_version_survive_a_change_by_this_one() {
    let newer = [&[2, 2, 1, b't'][..], &[200, 2, 9, 9]].concat();
    let Some(Object::Table(table)) = Object::decode(&newer) else {
        unreachable!("a table");
    };
    assert_eq!(table.name, "t");
    let renamed = Table {
        name: "u".into(),
        ..table
    };
    let written = Object::Table(renamed).encode().unwrap();
    assert_eq!(written, [&[2, 2, 1, b'u'][..], &[200, 2, 9, 9]].concat());
}

#[test]
fn what_encoding_never_gives_is_refused() {
    // Tags that do not ascend, a default that is stored, a flag with a value, a kind to come, a field that must be known.
    for bytes in [
        &[2, 2, 1, b't', 1, 1, 5][..],
        &[2, 1, 1, 0],
        &[2, 14, 1, 1],
        &[8],
        &[2, 2, 1, b't', KEPT_FROM as u8 - 1, 0],
        &[],
    ] {
        assert_eq!(Object::decode(bytes), None, "{bytes:?}");
    }
    assert!(Table::decode(&[2, 1, 0xff]).is_none(), "no UTF-8");
}

#[test]
fn a_type_that_nests_too_deep_is_not_written() {
    let list = |of| Type::Of(Container::FrozenList, Box::new(of));
    let deep = (0..Type::DEPTH).fold(Type::Plain(Plain::Text), |of, _| list(of));
    let column = Column {
        kind: Some(deep),
        ..Column::default()
    };
    let columns = vec![column];
    let table = Table {
        columns,
        ..Table::default()
    };
    assert_eq!(Object::Table(table).encode(), None);
}

#[test]
fn names_are_told_apart_by_space_and_app() {
    let id = name_id(NameSpace::Relation, AppId(300), "orders");
    assert_eq!(
        parse_name_id(&id),
        Some((NameSpace::Relation, AppId(300), "orders"))
    );
    assert_ne!(id, name_id(NameSpace::Type, AppId(300), "orders"));
    assert_eq!(parse_name_id(&id[..5]), None);
}
