//! Texts and batches through a lane: what is answered as an EXECUTE would be, and what is left.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod bench;

use bench::{envelope, execute, int, packed, row, Bench, Seen, QUERY, VOID};
use hyperdb_cql::forms::{Form, Slot};
use hyperdb_cql::plan::Verb;
use hyperdb_cql::{Body, Lane, Select, Source, Write};
use hyperdb_graph::wide::show::Ask;

const BATCH: u8 = 0x0d;
const SELECT: &str = "SELECT a, x FROM t WHERE p = 1 AND a = -7";
const INSERT: &str = "INSERT INTO t (p, a, x) VALUES (1, 2, 'x')";

fn slot(form: Form, negative: bool) -> Slot {
    Slot { form, negative }
}

/// A lane that has also learned the texts [`SELECT`] and [`INSERT`], in the keyspace `ks`.
fn lane(bench: &Bench, version: u8) -> Lane {
    let mut lane = bench.lane(version);
    let key = Some((vec![Source::Marker(1)], true));
    let select = Select {
        low: key.clone(),
        high: key,
        reverse: false,
        limit: None,
        columns: vec![(2, Ask::Value), (3, Ask::Value)],
        metadata: b"METADATA".to_vec(),
        metadata_id: b"known".to_vec(),
    };
    let slots = vec![slot(Form::Int, false), slot(Form::Int, true)];
    assert!(!lane.learn_text(
        "ks",
        INSERT,
        slots.clone(),
        bench.plan(2, Body::Select(select.clone()))
    ));
    assert!(lane.learn_text("ks", SELECT, slots, bench.plan(2, Body::Select(select))));
    let write = Write {
        clustering: vec![Source::Marker(1)],
        inserts: true,
        removes: false,
        changes: vec![(3, Verb::Set(Source::Marker(2)))],
        ttl: None,
        timestamp: None,
        default_ttl: 0,
        grace: 864_000,
        weight: 48,
    };
    let slots = vec![
        slot(Form::Int, false),
        slot(Form::Int, false),
        slot(Form::Text, false),
    ];
    assert!(lane.learn_text("ks", INSERT, slots, bench.plan(3, Body::Write(write))));
    lane
}

fn query(version: u8, stream: u8, text: &str, level: u16, options: &[u8]) -> Vec<u8> {
    let mut body = i32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(&level.to_be_bytes());
    if version == 5 {
        body.extend_from_slice(&[0; 3]);
    }
    body.extend_from_slice(options);
    envelope(version, stream, QUERY, &body)
}

/// A statement of a batch: the text or the id of a prepared one, and values.
enum Item<'i> {
    Text(&'i str),
    Id(&'i [u8], Vec<Vec<u8>>),
}

fn batch(version: u8, stream: u8, kind: u8, items: &[Item<'_>], timestamp: Option<i64>) -> Vec<u8> {
    let mut body = vec![kind, 0, u8::try_from(items.len()).unwrap()];
    for item in items {
        let values = match item {
            Item::Text(text) => {
                body.push(0);
                body.extend_from_slice(&i32::try_from(text.len()).unwrap().to_be_bytes());
                body.extend_from_slice(text.as_bytes());
                &Vec::new()
            }
            Item::Id(id, values) => {
                body.extend_from_slice(&[1, 0, u8::try_from(id.len()).unwrap()]);
                body.extend_from_slice(id);
                values
            }
        };
        body.extend_from_slice(&[0, u8::try_from(values.len()).unwrap()]);
        for value in values {
            body.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
            body.extend_from_slice(value);
        }
    }
    body.extend_from_slice(&[0, 1]);
    if version == 5 {
        body.extend_from_slice(&[0; 3]);
    }
    match timestamp {
        None => body.push(0),
        Some(timestamp) => {
            body.push(0x20);
            body.extend_from_slice(&timestamp.to_be_bytes());
        }
    }
    envelope(version, stream, BATCH, &body)
}

fn insert(a: i32, x: &[u8]) -> Item<'static> {
    let values = [int(1), int(a)].map(Option::unwrap);
    Item::Id(b"insert", [&values[..], &[x.to_vec()]].concat())
}

fn count(a: i32, more: i64) -> Item<'static> {
    Item::Id(b"count", vec![int(a).unwrap(), more.to_be_bytes().to_vec()])
}

/// The rows of partition 1 from `a` on: how many, and all of the answer.
fn read(bench: &Bench, lane: &mut Lane, version: u8) -> (u8, Vec<u8>) {
    let request = execute(version, 99, b"select", &[int(1), int(-100), int(50)], 100);
    let seen = Seen::of(bench, lane, version, &[&packed(version, &[request])]);
    let answer = seen.answer(99).unwrap().to_vec();
    (answer[15], answer)
}

#[test]
fn texts_of_a_known_shape_are_answered_in_their_keyspace() {
    for version in [4, 5] {
        let bench = Bench::new();
        let mut lane = lane(&bench, version);
        let ask = |lane: &mut Lane, request: Vec<u8>| {
            Seen::of(&bench, lane, version, &[&packed(version, &[request])])
        };
        let text = "INSERT INTO t (p, a, x) VALUES (001, 7, 'it''s')";
        let request = query(version, 1, text, 1, &[0]);
        // Nobody has said USE ks yet.
        assert_eq!(
            ask(&mut lane, request.clone()).left,
            std::slice::from_ref(&request)
        );
        lane.use_keyspace("ks");
        assert_eq!(ask(&mut lane, request.clone()).answer(1), Some(&VOID[..]));
        let request = query(
            version,
            2,
            "INSERT INTO t (p, a, x) VALUES (1, 8, 'b')",
            6,
            &[0x34, 0, 0, 0, 9, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5],
        );
        assert_eq!(ask(&mut lane, request).answer(2), Some(&VOID[..]));
        assert_eq!(read(&bench, &mut lane, version).0, 2);
        let found = ask(
            &mut lane,
            query(version, 3, &SELECT.replace("-7", "-0"), 1, &[0]),
        );
        let metadata = [&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], b"METADATA"].concat();
        assert_eq!(
            found.answer(3),
            Some(&[&metadata[..], &[0; 4]].concat()[..])
        );
        // Metadata is never left out of what a text is answered.
        let request = query(version, 4, INSERT.replace('2', "-8").as_str(), 1, &[0]);
        assert_eq!(ask(&mut lane, request.clone()).left, [request]);
        let minus = INSERT.replace("1, 2", "1, 7").replace("'x'", "''");
        assert_eq!(
            ask(&mut lane, query(version, 5, &minus, 1, &[2])).answer(5),
            Some(&VOID[..])
        );
        let (_, all) = read(&bench, &mut lane, version);
        let seven = row(&[Some(&7i32.to_be_bytes()), Some(b"")]);
        assert!(all.windows(seven.len()).any(|part| part == seven));
        let strays = [
            query(
                version,
                1,
                "INSERT INTO t (p, a, x) VALUES (1, 2147483648, 'x')",
                1,
                &[0],
            ),
            query(
                version,
                2,
                "INSERT INTO t (p, a, x) VALUES (1, 'a', 'x')",
                1,
                &[0],
            ),
            query(
                version,
                3,
                "INSERT INTO t (p, a, x) VALUES (1, 2.0, 'x')",
                1,
                &[0],
            ),
            query(
                version,
                4,
                "INSERT INTO t (p, a, x)  VALUES (1, 2, 'x')",
                1,
                &[0],
            ),
            query(version, 5, INSERT, 2, &[0]),
            query(version, 6, INSERT, 8, &[0]),
            query(version, 7, INSERT, 1, &[0x10, 0, 1]),
            query(version, 8, INSERT, 1, &[1, 0, 1, 0, 0, 0, 1, 9]),
            query(version, 9, INSERT, 1, &[0x20, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            query(version, 10, INSERT, 1, &[0, 0]),
        ];
        let seen = Seen::of(&bench, &mut lane, version, &[&packed(version, &strays)]);
        assert_eq!(seen.left, strays);
        lane.use_keyspace("other");
        let request = query(version, 1, INSERT, 1, &[0]);
        assert_eq!(
            ask(&mut lane, request.clone()).left,
            std::slice::from_ref(&request)
        );
        lane.use_keyspace("ks");
        lane.forget();
        assert_eq!(ask(&mut lane, request.clone()).left, [request]);
    }
}

// The table of the bench has a counter among other columns, so it counts as one of counters.
#[test]
fn a_batch_is_one_commit() {
    for version in [4, 5] {
        let bench = Bench::new();
        let mut lane = lane(&bench, version);
        lane.use_keyspace("ks");
        let latest = bench.store.db().latest();
        let good = [
            batch(
                version,
                1,
                2,
                &[insert(1, b"a"), Item::Text(INSERT), insert(3, b"c")],
                None,
            ),
            batch(
                version,
                2,
                1,
                &[insert(4, b"old"), insert(4, b"new")],
                Some(7),
            ),
        ];
        let seen = Seen::of(&bench, &mut lane, version, &[&packed(version, &good)]);
        assert_eq!(
            (seen.answer(1), seen.answer(2)),
            (Some(&VOID[..]), Some(&VOID[..]))
        );
        // So are all writes of a turn.
        assert_eq!(bench.store.db().latest(), latest + 1);
        let (rows, all) = read(&bench, &mut lane, version);
        assert_eq!(rows, 4);
        // Of two writes at one time the greater value stays.
        let old = row(&[
            Some(&4i32.to_be_bytes()),
            Some(b"old"),
            Some(&7i64.to_be_bytes()),
        ]);
        assert!(all.windows(old.len()).any(|part| part == old));
        let strays = [
            // The table has counters, which are not logged.
            batch(version, 8, 0, &[insert(9, b"x"), count(1, 5)], None),
            // A value that is none takes all of its batch with it.
            batch(version, 1, 1, &[insert(9, b"x"), insert(10, &[0xff])], None),
            batch(version, 2, 1, &[], None),
            batch(version, 3, 3, &[insert(9, b"x")], None),
            batch(
                version,
                4,
                1,
                &[insert(9, b"x"), Item::Id(b"unknown", Vec::new())],
                None,
            ),
            batch(version, 5, 1, &[insert(9, b"x"), Item::Text(SELECT)], None),
            batch(
                version,
                6,
                1,
                &[insert(9, b"x"), insert(9, &[b'x'; 6000])],
                None,
            ),
            batch(version, 7, 1, &[insert(9, b"x")], Some(i64::MIN)),
        ];
        let seen = Seen::of(&bench, &mut lane, version, &[&packed(version, &strays)]);
        assert_eq!(seen.left, strays);
        assert_eq!(read(&bench, &mut lane, version).0, 4);
    }
}
