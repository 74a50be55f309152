//! Values of CQL's types, there and back.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn of(container: Container, of: Type) -> Type {
    Type::Of(container, Box::new(of))
}

fn int() -> Type {
    Type::Plain(Plain::Int4)
}

fn stored(kind: &Type, wire: &[u8]) -> Vec<u8> {
    to_stored(kind, &(), wire).unwrap()
}

fn listed(items: &[&[u8]]) -> Vec<u8> {
    let mut wire = i32::try_from(items.len()).unwrap().to_be_bytes().to_vec();
    for item in items {
        wire.extend_from_slice(&i32::try_from(item.len()).unwrap().to_be_bytes());
        wire.extend_from_slice(item);
    }
    wire
}

/// A map of these keys and values by turns.
fn mapped(parts: &[&[u8]]) -> Vec<u8> {
    let mut wire = listed(parts);
    let pairs = i32::try_from(parts.len() / 2).unwrap();
    wire[..4].copy_from_slice(&pairs.to_be_bytes());
    wire
}

fn json(kind: &Type, wire: &[u8]) -> String {
    let mut out = String::new();
    let image = Image::default();
    cql_json::write(kind, &image, &(), &stored(kind, wire), &mut out).unwrap();
    out
}

#[test]
fn what_sql_can_write_comes_back() {
    let image = Image::default();
    let cases = [
        (
            Type::Plain(Plain::Varint),
            vec![0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11],
        ),
        (Type::Plain(Plain::Varint), vec![0xff]),
        (Type::Plain(Plain::Varint), vec![0]),
        (
            Type::Plain(Plain::TimeNanos),
            5_000i64.to_be_bytes().to_vec(),
        ),
        (
            of(Container::List, int()),
            listed(&[&[0, 0, 0, 2], &[0, 0, 0, 1]]),
        ),
        (of(Container::FrozenList, int()), listed(&[])),
        (
            of(Container::Set, Type::Plain(Plain::Varint)),
            listed(&[&[0xff], &[1]]),
        ),
        (
            Type::Vector(Box::new(int()), 2),
            vec![0, 0, 0, 1, 0, 0, 0, 2],
        ),
    ];
    for (kind, wire) in cases {
        let own = stored(&kind, &wire);
        let seen = to_sql(&kind, &image, &(), &own).unwrap();
        assert_eq!(to_cql(&kind, &(), &seen).unwrap(), own, "{kind:?}");
    }
}

#[test]
fn fractions_and_wrong_lengths_are_none_of_cqls() {
    let mut half = Vec::new();
    Decimal::new(false, 1, &[5]).unwrap().encode(&mut half);
    assert_eq!(to_cql(&Type::Plain(Plain::Varint), &(), &half), None);
    let mut ten = Vec::new();
    Decimal::new(true, -1, &[1]).unwrap().encode(&mut ten);
    assert_eq!(
        to_cql(&Type::Plain(Plain::Varint), &(), &ten),
        Some(vec![0xf6])
    );
    let list = stored(&of(Container::List, int()), &listed(&[&[0, 0, 0, 2]]));
    let seen = to_sql(&of(Container::List, int()), &Image::default(), &(), &list).unwrap();
    assert_eq!(to_cql(&Type::Vector(Box::new(int()), 2), &(), &seen), None);
    assert_eq!(to_cql(&Type::Plain(Plain::Counter), &(), &[0; 8]), None);
}

#[test]
fn values_with_parts_are_json_in_normal_form() {
    let text = || Type::Plain(Plain::Text);
    let map = Type::Map(
        Box::new(text()),
        Box::new(of(Container::FrozenSet, int())),
        false,
    );
    let wire = mapped(&[b"long", &listed(&[&[0, 0, 0, 1]]), b"a\"\n", &listed(&[])]);
    assert_eq!(json(&map, &wire), r#"{"a\"\n": [], "long": [1]}"#);
    let tuple = Type::Tuple(vec![
        Type::Plain(Plain::Boolean),
        Type::Plain(Plain::Decimal),
        Type::Plain(Plain::Float8),
        text(),
    ]);
    let field = |value: &[u8]| [&i32::try_from(value.len()).unwrap().to_be_bytes(), value].concat();
    let parts = [
        field(&[1]),
        field(&[0, 0, 0, 3, 0xfb]),
        field(&f64::INFINITY.to_be_bytes()),
        (-1i32).to_be_bytes().to_vec(),
    ];
    assert_eq!(
        json(&tuple, &parts.concat()),
        r#"[true, -0.005, "Infinity", null]"#
    );
    let moments = Type::Map(
        Box::new(Type::Sized(Sized::TimestampTz, 3)),
        Box::new(Type::Plain(Plain::Date)),
        true,
    );
    let wire = mapped(&[&(-1i64).to_be_bytes(), &(1u32 << 31).to_be_bytes()]);
    assert_eq!(
        json(&moments, &wire),
        r#"{"1969-12-31T23:59:59.999+00:00": "1970-01-01"}"#
    );
}
