//! Golden files of the format: what this build writes is what `tests/golden/format` holds, byte by byte.
//!
//! One file a subject, one case a line: name, tab, hex. Other languages read the same files. A difference is a
//! change of format: files of released versions must still open. `GOLDEN_WRITE=1` writes the files anew.

#![allow(clippy::unwrap_used)]

#[path = "golden_format/catalog.rs"]
mod catalog;
#[path = "golden_format/values.rs"]
mod values;

use hyperdb_graph::codec::decimal::Decimal;
use hyperdb_graph::codec::order::{
    encode_bytes, encode_decimal, encode_f64, encode_signed, encode_timeuuid, encode_uuid, push,
    Nulls, Order,
};
use hyperdb_graph::codec::row::{Cell, Row, Stamp, Width};
use hyperdb_graph::codec::token::{compose, order_token, token};
use hyperdb_graph::codec::types::{Container, Named, Plain, Sized, Type};
use hyperdb_graph::hash::HashKey;
use hyperdb_graph::header::encode_vertex;
use hyperdb_graph::hyperedge::{decode_incidence, encode_incidence, Member, Reference};
use hyperdb_graph::roles::{Grant, Role, Verifier};
use hyperdb_graph::{field, keys, AppId, AppStats, Header, Identity, Kind};
use std::fmt::Write;
use std::path::Path;

type Cases = Vec<(String, Vec<u8>)>;

fn case(name: impl Into<String>, bytes: &[u8]) -> (String, Vec<u8>) {
    (name.into(), bytes.to_vec())
}

fn written(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn compare(subject: &str, cases: &Cases) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/format")
        .join(format!("{subject}.hex"));
    let mut text = String::new();
    for (name, bytes) in cases {
        write!(text, "{name}\t").unwrap();
        for byte in bytes {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, wanted) in text.lines().zip(golden.lines()) {
        assert_eq!(line, wanted, "{subject}");
    }
    assert_eq!(text.lines().count(), golden.lines().count(), "{subject}");
}

#[test]
fn keys_are_as_written_down() {
    let hash = HashKey { k0: 1, k1: 2 };
    let app = AppId(300);
    let place = hash.hash64(b"id");
    compare(
        "keys",
        &vec![
            case("hash64 key 1,2 of id", &place.to_be_bytes()),
            case("hash64 key 1,2 of empty", &hash.hash64(b"").to_be_bytes()),
            case("varint 247", keys::KeyBuf::new().push_varint(247)),
            case("varint 248", keys::KeyBuf::new().push_varint(248)),
            case("varint 65536", keys::KeyBuf::new().push_varint(65_536)),
            case("app 300 header", &keys::app_header(app)),
            case("app 300 element id", &keys::element(app, place, b"id")),
            case("app 300 member m of 10", &keys::member(app, 10, b"m")),
            case(
                "app 300 expiry 1000 of id",
                &keys::expiry(1000, app, place, b"id"),
            ),
            case("app 300 dropped 10", &keys::dropped(app, 10)),
            case("app 300 dropped hyperedge 10", &keys::dropped_edge(app, 10)),
            case(
                "app 300 incidence of id in edge under k",
                &keys::incidence(app, place, b"id", b"ed\0ge", b"k"),
            ),
        ],
    );
}

#[test]
fn records_are_as_written_down() {
    let header = Header {
        expiry: Some(1000),
        count: 3,
        bytes: 77,
        head: -2,
        tail: 1,
        ..Header::new(Kind::List, 10)
    };
    let (bytes, len) = header.encode();
    let plain = Header::new(Kind::Set, 12).encode();
    let identity = Identity {
        hash_key: HashKey { k0: 1, k1: 2 },
        store_id: [9; 16],
        created_ms: 1_700_000_000_000,
    };
    let role = Role {
        attributes: 18,
        connection_limit: -1,
        valid_until: i64::MAX,
        verifier: Some(Verifier {
            iterations: 4096,
            salt: vec![7; 4],
            stored_key: [1; 32],
            server_key: [2; 32],
        }),
        hashes: vec![[3; 32]],
        memberships: vec![("staff".into(), 2)],
        grants: vec![Grant {
            object_kind: 1,
            object: "shop.orders".into(),
            privileges: 5,
            grantable: 1,
        }],
        rules: vec!["~user:*".into()],
    };
    compare(
        "records",
        &vec![
            case(
                "vertex hello",
                &written(|out| encode_vertex(b"hello", None, out)),
            ),
            case(
                "vertex hello expires 1000",
                &written(|out| encode_vertex(b"hello", Some(1000), out)),
            ),
            case("list header with expiry", &bytes[..len]),
            case("empty set 12", &plain.0[..plain.1]),
            case("hash field number 300 value v", &field::encode(300, b"v")),
            case("member vertex v", &Member::Vertex(b"v".to_vec()).encode()),
            case(
                "member hyperedge e",
                &Member::Hyperedge(b"e".to_vec()).encode(),
            ),
            case("member value x", &Member::Value(b"x".to_vec()).encode()),
            case(
                "incidence of a hyperedge in 300",
                &encode_incidence(Reference::Hyperedge, 300),
            ),
            case("identity", &identity.encode()),
            case("empty app", &AppStats::default().encode()),
            case("role", &role.encode()),
        ],
    );
}

#[test]
fn members_and_incidence_come_back_and_nonsense_does_not() {
    let id = || b"id".to_vec();
    for member in [
        Member::Vertex(id()),
        Member::Hyperedge(id()),
        Member::Value(id()),
        Member::Value(Vec::new()),
    ] {
        assert_eq!(Member::decode(&member.encode()), Some(member));
    }
    for kind in [Reference::Vertex, Reference::Hyperedge] {
        let record = encode_incidence(kind, u64::MAX - 1);
        assert_eq!(decode_incidence(&record), Some((kind, u64::MAX - 1)));
    }
    for nonsense in [&b""[..], b"\0", b"\x04id", b"\xff"] {
        assert_eq!(Member::decode(nonsense), None);
    }
    for nonsense in [&b""[..], b"\x01", b"\x03\0\0\0\0\0\0\0\0", &[1; 10]] {
        assert_eq!(decode_incidence(nonsense), None);
    }
}

fn number(negative: bool, scale: i32, digits: &[u8]) -> Decimal {
    Decimal::new(negative, scale, digits).unwrap()
}

#[test]
fn ordered_keys_are_as_written_down() {
    let mut cases = Cases::new();
    for value in [i32::MIN, -1, 0, 1, i32::MAX] {
        let bytes = written(|out| encode_signed(value.to_be_bytes(), out));
        cases.push((format!("int4 {value}"), bytes));
    }
    for value in [
        f64::NEG_INFINITY,
        -1.5,
        -0.0,
        0.0,
        1.5,
        f64::INFINITY,
        f64::NAN,
    ] {
        cases.push((
            format!("float8 {value}"),
            written(|out| encode_f64(value, out)),
        ));
    }
    for text in ["", "a", "a\0b", "\u{e9}"] {
        let bytes = written(|out| encode_bytes(text.as_bytes(), out));
        cases.push((format!("text {text:?}"), bytes));
    }
    let decimals = [
        ("-Infinity", Decimal::MinusInfinity),
        ("-12.5", number(true, 1, &[1, 2, 5])),
        ("0.00", number(false, 2, &[])),
        ("1.50", number(false, 2, &[1, 5, 0])),
        ("1.5", number(false, 1, &[1, 5])),
        ("100", number(false, -2, &[1])),
        ("Infinity", Decimal::Infinity),
        ("NaN", Decimal::NaN),
    ];
    for (name, value) in &decimals {
        let bytes = written(|out| encode_decimal(value, out).unwrap());
        cases.push((format!("decimal {name}"), bytes));
        cases.push((
            format!("stored decimal {name}"),
            written(|out| value.encode(out)),
        ));
    }
    let uuid = [
        0x0d, 0xe8, 0x1a, 0x10, 0x5f, 0x2c, 0x11, 0xee, 0x8c, 0x99, 0x02, 0x42, 0xac, 0x12, 0, 2,
    ];
    cases.push((
        "timeuuid 0de81a10-5f2c-11ee-8c99-0242ac120002".into(),
        written(|out| encode_timeuuid(uuid, out)),
    ));
    let four = *b"\x6b\xa7\xb8\x10\x9d\xad\x41\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8";
    for (name, uuid) in [
        ("0de81a10-5f2c-11ee-8c99-0242ac120002", uuid),
        ("6ba7b810-9dad-41d1-80b4-00c04fd430c8", four),
    ] {
        cases.push((
            format!("uuid by token {name}"),
            written(|out| encode_uuid(uuid, out)),
        ));
    }
    for (name, descending, nulls) in [
        ("asc nulls last", false, Nulls::Last),
        ("asc nulls first", false, Nulls::First),
        ("desc nulls last", true, Nulls::Last),
        ("desc", true, Nulls::Never),
    ] {
        let order = Order { descending, nulls };
        let text = |value: Option<&[u8]>| {
            written(|out| push(out, order, value, encode_bytes).unwrap_or(()))
        };
        cases.push((format!("text a {name}"), text(Some(b"a"))));
        if nulls != Nulls::Never {
            cases.push((format!("null {name}"), text(None)));
        }
    }
    for key in ["123", "9223372036854775807", ""] {
        cases.push((
            format!("token of {key:?}"),
            order_token(token(key.as_bytes())).to_vec(),
        ));
    }
    for len in [1u8, 8, 9, 15, 16, 33] {
        let key: Vec<u8> = (0..len)
            .map(|i| 0xf8u8.wrapping_add(i.wrapping_mul(29)))
            .collect();
        let name = format!("token of {len} bytes from f8 in steps of 1d");
        cases.push((name, order_token(token(&key)).to_vec()));
    }
    let columns: [&[u8]; 3] = [b"shop", &7i32.to_be_bytes(), b""];
    let partition = compose(&columns).unwrap();
    cases.push(("partition key shop, int 7, empty".into(), partition.clone()));
    let mut key = order_token(token(&partition)).to_vec();
    encode_bytes(columns[0], &mut key);
    encode_signed(7i32.to_be_bytes(), &mut key);
    encode_bytes(columns[2], &mut key);
    let descending = Order {
        descending: true,
        nulls: Nulls::Never,
    };
    push(&mut key, descending, Some(&2i64), |value, out| {
        encode_signed(value.to_be_bytes(), out);
    })
    .unwrap();
    cases.push(("row of that partition under bigint 2 desc".into(), key));
    compare("order", &cases);
}

#[test]
fn types_and_rows_are_as_written_down() {
    let plain = |plain: &Plain| Type::Plain(*plain);
    let mut types: Vec<Type> = Plain::ALL.iter().map(plain).collect();
    types.extend(Sized::ALL.iter().map(|sized| Type::Sized(*sized, 6)));
    types.extend(Named::ALL.iter().map(|named| Type::Named(*named, 300)));
    let text = || Box::new(Type::Plain(Plain::Text));
    types.extend(
        Container::ALL
            .iter()
            .map(|container| Type::Of(*container, text())),
    );
    types.extend([
        Type::Numeric(10, -2),
        Type::Map(text(), Box::new(Type::Plain(Plain::Int4)), false),
        Type::Map(text(), Box::new(Type::Plain(Plain::Int4)), true),
        Type::Tuple(vec![Type::Plain(Plain::Int4), Type::Plain(Plain::Text)]),
        Type::Vector(Box::new(Type::Plain(Plain::Float4)), 3),
    ]);
    let mut cases: Cases = types
        .iter()
        .map(|kind| {
            let bytes = written(|out| kind.encode(out).unwrap());
            (format!("type {kind:?}"), bytes)
        })
        .collect();
    let cell = |id, width, value, stamp| Cell {
        id,
        width,
        value,
        stamp,
    };
    let stamp = Stamp {
        timestamp: 1_700_000_000_000_000,
        ttl: Some((60, 1_700_000_060)),
    };
    let row = Row {
        stamp: None,
        cells: vec![
            cell(1, Width::Four, Some(&[7, 0, 0, 0][..]), None),
            cell(2, Width::Variable, Some(b"text"), None),
            cell(5, Width::Eight, None, None),
        ],
    };
    cases.push((
        "row 1=int4 7, 2=text, 5=null int8".into(),
        row.encode().unwrap(),
    ));
    let stamped = Row {
        stamp: Some(Stamp { ttl: None, ..stamp }),
        cells: vec![cell(2, Width::Variable, None, Some(stamp))],
    };
    cases.push((
        "row stamped, cell 2 null with ttl".into(),
        stamped.encode().unwrap(),
    ));
    compare("rows", &cases);
}
