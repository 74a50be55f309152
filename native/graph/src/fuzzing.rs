//! A fuzzer for every decoder of records, rows and keys.
//!
//! **Purpose.** No bytes, however damaged or made up, may make a decoder panic, hang, or take memory without bound; and what a
//! decoder takes is the one encoding of what it gives.
//!
//! **Theory.** The loop is `hyperdb-fuzz`'s; it begins with the golden files. The long form:
//! `FUZZ_SECONDS=3600 cargo test --release -p hyperdb-graph fuzzing`.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::catalog::sequence::Position;
use crate::catalog::{parse_name_id, Object};
use crate::codec::order::value::{decode_value, encode_value, UserTypes};
use crate::codec::row::Row;
use crate::codec::types::{Container, Named, Plain, Sized, Type};
use crate::roles::Role;
use crate::{keys, AppStats, Record};
use hyperdb_fuzz::shape;
use std::path::Path;

fn fuzz(name: &str, subject: &str, mut target: impl FnMut(&[u8]) -> String) {
    let crate_dir = env!("CARGO_MANIFEST_DIR");
    let golden = Path::new(crate_dir).join("../../tests/golden/format");
    let text = std::fs::read_to_string(golden.join(format!("{subject}.hex"))).unwrap();
    let seeds = text.lines().map(|line| {
        let hex = line.split('\t').nth(1).unwrap();
        let digits = hex.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    });
    hyperdb_fuzz::fuzz(crate_dir, name, &mut target, seeds.collect());
}

/// Composite 300 of text and integer, domain over text, labels at their numbers.
struct Known;

impl UserTypes for Known {
    fn position(&self, _id: u64, label: u32) -> Option<f64> {
        Some(f64::from(label))
    }

    fn base(&self, _id: u64) -> Option<Type> {
        Some(Type::Plain(Plain::Text))
    }

    fn fields(&self, _id: u64) -> Option<Vec<(u32, Type)>> {
        Some(vec![
            (1, Type::Plain(Plain::Text)),
            (2, Type::Plain(Plain::Int4)),
        ])
    }
}

#[test]
fn types() {
    fuzz("types", "rows", |input| match Type::decode(input) {
        None => "refused".into(),
        Some(kind) => {
            let mut again = Vec::new();
            kind.encode(&mut again).unwrap();
            assert_eq!(again, input);
            format!("{:?}", kind.width())
        }
    });
}

#[test]
fn rows() {
    fuzz("rows", "rows", |input| match Row::decode(input) {
        None => "refused".into(),
        Some(row) => {
            assert_eq!(row.encode().as_deref(), Some(input));
            let nulls = row.cells.iter().filter(|cell| cell.value.is_none());
            let stamps = row.cells.iter().filter(|cell| cell.stamp.is_some());
            let shapes = [row.cells.len(), nulls.count(), stamps.count()].map(shape);
            format!("{shapes:?}")
        }
    });
}

#[test]
fn catalog() {
    fuzz("catalog", "catalog", |input| {
        if let Some((space, app, name)) = parse_name_id(input) {
            assert_eq!(crate::catalog::name_id(space, app, name), input);
            return format!("name in {space:?}");
        }
        if let Some(position) = Position::decode(input) {
            assert_eq!(position.encode(), input);
            return "position".into();
        }
        match Object::decode(input) {
            None => "refused".into(),
            Some(object) => {
                assert_eq!(object.encode().as_deref(), Some(input));
                format!("{} {}", object.kind(), shape(input.len()))
            }
        }
    });
}

#[test]
fn records() {
    fuzz("records", "records", |input| {
        let role = Role::decode(input);
        if let Some(role) = &role {
            assert_eq!(role.encode(), input);
        }
        let stats = AppStats::decode(input).is_some();
        let record = Record::decode(input).map(|record| record.kind());
        let member = crate::hyperedge::Member::decode(input).is_some();
        format!("{} {stats} {member} {record:?}", role.is_some())
    });
}

#[test]
fn key_parts() {
    fuzz("key_parts", "keys", |input| {
        let data = keys::parse_data(input).map(|(_, tag, rest)| (tag, shape(rest.len())));
        let expiry = keys::parse_expiry(input).is_some();
        let dropped = keys::parse_dropped(input).is_some();
        let incidence = keys::parse_incidence(input).is_some();
        format!("{data:?} {expiry} {dropped} {incidence}")
    });
}

#[test]
fn ordered_values() {
    let of = |container, kind| Type::Of(container, Box::new(kind));
    let text = || Type::Plain(Plain::Text);
    let tuple = Type::Tuple(vec![text(), Type::Plain(Plain::Varint)]);
    let mut kinds: Vec<Type> = Plain::ALL.iter().map(|plain| Type::Plain(*plain)).collect();
    kinds.extend(Sized::ALL.iter().map(|sized| Type::Sized(*sized, 6)));
    kinds.extend(Named::ALL.iter().map(|named| Type::Named(*named, 300)));
    kinds.extend([
        of(Container::Array, text()),
        of(Container::FrozenList, tuple.clone()),
        of(Container::FrozenSet, Type::Plain(Plain::Inet)),
        Type::Map(Box::new(text()), Box::new(tuple), true),
        Type::Vector(Box::new(Type::Plain(Plain::Float4)), 3),
    ]);
    fuzz("ordered_values", "values", |input| {
        let Some((first, rest)) = input.split_first() else {
            return "empty".into();
        };
        let place = usize::from(*first) % kinds.len();
        let kind = &kinds[place];
        let mut form = Vec::new();
        let encoded = encode_value(kind, &Known, rest, &mut form);
        if encoded.is_ok() {
            let (equal, used) = decode_value(kind, &Known, &form).unwrap();
            let mut again = Vec::new();
            encode_value(kind, &Known, &equal, &mut again).unwrap();
            assert_eq!((again, used), (form.clone(), form.len()), "{kind:?}");
        }
        let decoded = decode_value(kind, &Known, rest).map(|(_, used)| shape(used));
        format!("{place} {encoded:?} {decoded:?}")
    });
}
