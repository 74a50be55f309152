//! A value of every type: as a packed row holds it, and as a key does.

use super::{compare, written, Cases};
use hyperdb_graph::codec::decimal::Decimal;
use hyperdb_graph::codec::order::value::{decode_value, encode_value, Unkeyed, UserTypes};
use hyperdb_graph::codec::row::{Cell, Row};
use hyperdb_graph::codec::types::{Container, Named, Plain, Sized, Type};
use hyperdb_graph::keys::KeyBuf;

/// Enum 300 with label 2 at 1.5; domain 300 over text; composite 300 of text and integer.
struct Known;

impl UserTypes for Known {
    fn position(&self, _id: u64, _label: u32) -> Option<f64> {
        Some(1.5)
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

fn varint(value: u64) -> Vec<u8> {
    KeyBuf::new().push_varint(value).to_vec()
}

fn items(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = varint(values.len() as u64);
    for value in values {
        match value {
            None => out.push(0),
            Some(value) => {
                out.extend(varint(value.len() as u64 + 1));
                out.extend_from_slice(value);
            }
        }
    }
    out
}

fn fields(text: &str, number: Option<i32>) -> Vec<u8> {
    let number = number.map(i32::to_le_bytes);
    let cell = |id, kind: Plain, value| Cell {
        id,
        width: Type::Plain(kind).width(),
        value,
        stamp: None,
    };
    let cells = vec![
        cell(1, Plain::Text, Some(text.as_bytes())),
        cell(2, Plain::Int4, number.as_ref().map(|bytes| &bytes[..])),
    ];
    Row { stamp: None, cells }.encode().unwrap()
}

fn plain(kind: Plain) -> Vec<u8> {
    let decimal = || {
        let value = Decimal::new(true, 3, &[1, 2, 5, 0]).unwrap();
        written(|out| value.encode(out))
    };
    match kind {
        Plain::Boolean => vec![1],
        Plain::Int1 => vec![0x80],
        Plain::Int2 => (-2i16).to_le_bytes().to_vec(),
        Plain::Int4 => 70_000i32.to_le_bytes().to_vec(),
        Plain::Int8 | Plain::Counter => (-5_000_000_000i64).to_le_bytes().to_vec(),
        Plain::Varint => vec![0xff, 0x7f],
        Plain::Float4 => (-1.5f32).to_le_bytes().to_vec(),
        Plain::Float8 => 0.1f64.to_le_bytes().to_vec(),
        Plain::Decimal => decimal(),
        Plain::Text | Plain::Name | Plain::TsVector => "gr\u{fc}n\0".into(),
        Plain::Ascii => b"green".to_vec(),
        Plain::Bytes => vec![0, 0xff, 1],
        Plain::Uuid => (0..16).collect(),
        Plain::TimeUuid => {
            b"\x0d\xe8\x1a\x10\x5f\x2c\x11\xee\x8c\x99\x02\x42\xac\x12\0\x02".to_vec()
        }
        Plain::Date => (-1i32).to_le_bytes().to_vec(),
        Plain::Duration => [
            &1i32.to_le_bytes()[..],
            &(-2i32).to_le_bytes(),
            &3i64.to_le_bytes(),
        ]
        .concat(),
        Plain::Inet => vec![4, 24, 192, 168, 1, 77],
        Plain::Cidr => [&[6, 32][..], &[0x20, 1, 0x0d, 0xb8], &[0; 12]].concat(),
        Plain::Json => b"{\"a\": 1}".to_vec(),
        Plain::Jsonb => b"{\"a\":1}".to_vec(),
        Plain::Oid => 16_384u32.to_le_bytes().to_vec(),
        Plain::Char1 => vec![0xe9],
        Plain::MacAddr => vec![8, 0, 0x2b, 1, 2, 3],
        Plain::TimeNanos => 3_600_000_000_001i64.to_le_bytes().to_vec(),
    }
}

fn sized(kind: Sized) -> Vec<u8> {
    match kind {
        Sized::Varchar => b"six".to_vec(),
        Sized::Char => b"a b".to_vec(),
        Sized::Bit => vec![6, 0, 0, 0, 0b1010_0100],
        Sized::VarBit => vec![9, 0, 0, 0, 0xff, 0x80],
        Sized::Time => 1i64.to_le_bytes().to_vec(),
        Sized::TimeTz => [
            &7_200_000_000i64.to_le_bytes()[..],
            &(-3_600i32).to_le_bytes(),
            &[0; 4],
        ]
        .concat(),
        Sized::Timestamp => i64::MIN.to_le_bytes().to_vec(),
        Sized::TimestampTz => 1_700_000_000_000_000i64.to_le_bytes().to_vec(),
        Sized::Interval => [
            &1i32.to_le_bytes()[..],
            &(-31i32).to_le_bytes(),
            &5i64.to_le_bytes(),
        ]
        .concat(),
    }
}

fn named(kind: Named) -> Vec<u8> {
    match kind {
        Named::Enum => 2u32.to_le_bytes().to_vec(),
        Named::Domain => b"short".to_vec(),
        Named::Composite | Named::FrozenUdt => fields("x", None),
    }
}

fn container(kind: Container) -> Vec<u8> {
    match kind {
        Container::Array => {
            let shape = [&varint(1)[..], &varint(3), &0i32.to_le_bytes()].concat();
            [shape, items(&[Some(b"a"), None, Some(b"")])].concat()
        }
        Container::List | Container::FrozenList => items(&[Some(b"b"), Some(b"a"), Some(b"b")]),
        Container::Set | Container::FrozenSet => items(&[Some(b"a"), Some(b"b")]),
    }
}

fn samples() -> Vec<(Type, Vec<u8>)> {
    let text = || Box::new(Type::Plain(Plain::Text));
    let number = || Box::new(Type::Plain(Plain::Int4));
    let mut all: Vec<(Type, Vec<u8>)> = Vec::new();
    all.extend(
        Plain::ALL
            .iter()
            .map(|kind| (Type::Plain(*kind), plain(*kind))),
    );
    all.extend(
        Sized::ALL
            .iter()
            .map(|kind| (Type::Sized(*kind, 6), sized(*kind))),
    );
    all.push((Type::Numeric(10, 2), plain(Plain::Decimal)));
    all.extend(
        Named::ALL
            .iter()
            .map(|kind| (Type::Named(*kind, 300), named(*kind))),
    );
    let of = |kind: &Container| (Type::Of(*kind, text()), container(*kind));
    all.extend(Container::ALL.iter().map(of));
    let (one, two) = (1i32.to_le_bytes(), 2i32.to_le_bytes());
    let map = items(&[Some(b"a"), Some(&one), Some(b"b"), Some(&two)]);
    all.push((Type::Map(text(), number(), false), map.clone()));
    all.push((Type::Map(text(), number(), true), map));
    all.push((Type::Tuple(vec![*text(), *number()]), fields("t", Some(-1))));
    all.push((Type::Vector(number(), 2), [one, two].concat()));
    all.push((
        Type::Vector(text(), 2),
        [&varint(1)[..], b"a", &varint(0)].concat(),
    ));
    all
}

#[test]
fn values_of_every_type_are_as_written_down() {
    let samples = samples();
    let mut cases = Cases::new();
    for (kind, stored) in &samples {
        cases.push((format!("stored {kind:?}"), stored.clone()));
        let mut form = Vec::new();
        match encode_value(kind, &Known, stored, &mut form) {
            Ok(()) => {
                let (_, used) = decode_value(kind, &Known, &form).unwrap();
                assert_eq!(used, form.len());
                cases.push((format!("key {kind:?}"), form));
            }
            Err(refused) => {
                assert_eq!(refused, Unkeyed::NotOrdered, "{kind:?}");
                assert!(!kind.is_ordered());
            }
        }
    }
    let mut cells = Vec::new();
    for (id, (kind, stored)) in (1..).zip(&samples) {
        cells.push(Cell {
            id,
            width: kind.width(),
            value: Some(stored),
            stamp: None,
        });
    }
    let row = Row { stamp: None, cells };
    let bytes = row.encode().unwrap();
    assert_eq!(Row::decode(&bytes), Some(row));
    cases.push(("row of all of them, ids from 1".into(), bytes));
    compare("values", &cases);
}
