//! A client's bytes through a lane: what is answered, what is left, however the bytes are cut.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_cql::envelope::{Header, HEADER};
use hyperdb_cql::plan::Verb;
use hyperdb_cql::segment::{self, Front};
use hyperdb_cql::{Body, Lane, Plan, Select, Source, Turn, Write};
use hyperdb_graph::catalog::objects::{Column, KeyColumn, Table};
use hyperdb_graph::catalog::words::RowOrder;
use hyperdb_graph::catalog::{Catalog, Image};
use hyperdb_graph::codec::types::{Plain, Type};
use hyperdb_graph::wide::layout::WideLayout;
use hyperdb_graph::wide::show::Ask;
use hyperdb_graph::{AppId, Options, Store, TransactionOptions};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::Arc;

const EXECUTE: u8 = 0x0a;
const QUERY: u8 = 0x07;
const NOW: i64 = 1_700_000_000_000_000;

/// Partition `p` int, clustering `a` int, `x` text, `n` counter (CQL keeps those apart; the store need not).
fn table(app: AppId) -> Table {
    let column = |id: u32, kind: Plain| Column {
        id,
        name: format!("c{id}"),
        kind: Some(Type::Plain(kind)),
        ..Column::default()
    };
    let key = KeyColumn {
        column: 2,
        ..KeyColumn::default()
    };
    Table {
        app: app.0,
        name: "events".into(),
        order: RowOrder::Token,
        columns: vec![
            column(1, Plain::Int4),
            column(2, Plain::Int4),
            column(3, Plain::Text),
            column(4, Plain::Counter),
        ],
        next_column: 5,
        partition: vec![1],
        key: vec![key],
        ..Table::default()
    }
}

struct Bench {
    store: Arc<Store>,
    layout: Arc<WideLayout>,
    version: i64,
    app: AppId,
    dir: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

impl Bench {
    fn new() -> Bench {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hyperdb-lane-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let store = Arc::new(Store::open(&dir, Options::default()).unwrap());
        let mut making = store.begin(TransactionOptions::default());
        let app = making.app(&store, b"ks").unwrap().unwrap();
        making.rollback();
        store.db().wait_durable(store.db().latest()).unwrap();
        let mut bench = Bench {
            layout: Arc::new(Self::made(&store, table(app))),
            store,
            version: 0,
            app,
            dir,
        };
        bench.version = bench.image().version();
        bench
    }

    /// Makes a table.
    fn made(store: &Store, table: Table) -> WideLayout {
        let mut making = store.begin(TransactionOptions::default());
        let number = Catalog::new(store, &mut making).create(table).unwrap();
        let commit = making.commit().unwrap();
        store.db().wait_durable(commit).unwrap();
        let image = Image::at(store, store.db().snapshot()).unwrap();
        WideLayout::of(&Arc::new(image), number).unwrap()
    }

    fn image(&self) -> Image {
        Image::at(&self.store, self.store.db().snapshot()).unwrap()
    }

    fn plan(&self, markers: usize, body: Body) -> Arc<Plan> {
        Arc::new(Plan {
            layout: self.layout.clone(),
            version: self.version,
            markers,
            partition: vec![Source::Marker(0)],
            body,
        })
    }

    /// `INSERT (p, a, x) VALUES (?, ?, ?)`, `DELETE WHERE p = ? AND a = ?`, `UPDATE SET n = n + ? WHERE a = 7`, and
    /// `SELECT a, x, writetime(x), n WHERE p = ? AND a >= ? LIMIT ?`.
    fn lane(&self, version: u8) -> Lane {
        let clock = AtomicI64::new(NOW);
        let clock = Arc::new(move || clock.fetch_add(1, Ordering::Relaxed));
        let mut lane = Lane::new(self.store.clone(), clock, version);
        let write = |clustering: Vec<Source>, removes: bool, changes: Vec<(u32, Verb)>| {
            Body::Write(Write {
                clustering,
                inserts: !removes,
                removes,
                changes,
                ttl: None,
                timestamp: None,
                default_ttl: 0,
                grace: 864_000,
            })
        };
        let key = vec![Source::Marker(1)];
        let set = vec![(3, Verb::Set(Source::Marker(2)))];
        lane.learn(b"insert", self.plan(3, write(key.clone(), false, set)));
        lane.learn(
            b"delete",
            self.plan(2, write(key.clone(), true, Vec::new())),
        );
        let seven = vec![Source::Constant(Some(7i32.to_be_bytes().to_vec()))];
        let add = vec![(4, Verb::Add(Source::Marker(1)))];
        lane.learn(b"count", self.plan(2, write(seven, false, add)));
        let select = Select {
            low: Some((key, true)),
            high: None,
            reverse: false,
            limit: Some(Source::Marker(2)),
            columns: vec![
                (2, Ask::Value),
                (3, Ask::Value),
                (3, Ask::WriteTime),
                (4, Ask::Value),
            ],
            metadata: b"METADATA".to_vec(),
            metadata_id: b"known".to_vec(),
        };
        lane.learn(b"select", self.plan(3, Body::Select(select)));
        lane
    }
}

fn envelope(version: u8, stream: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).unwrap().to_be_bytes();
    [&[version, 0, 0, stream, opcode][..], &length, body].concat()
}

fn int(n: i32) -> Option<Vec<u8>> {
    Some(n.to_be_bytes().to_vec())
}

fn execute(version: u8, stream: u8, id: &[u8], values: &[Option<Vec<u8>>], page: i32) -> Vec<u8> {
    let mut body = vec![0, u8::try_from(id.len()).unwrap()];
    body.extend_from_slice(id);
    if version == 5 {
        body.extend_from_slice(&[0, 5]);
        body.extend_from_slice(b"known");
        body.extend_from_slice(&[0, 1, 0, 0, 0, 0x07]);
    } else {
        body.extend_from_slice(&[0, 1, 0x07]);
    }
    body.extend_from_slice(&[0, u8::try_from(values.len()).unwrap()]);
    for value in values {
        match value {
            None => body.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(value) => {
                body.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
        }
    }
    body.extend_from_slice(&page.to_be_bytes());
    envelope(version, stream, EXECUTE, &body)
}

/// Envelopes in bytes of a version.
fn envelopes(version: u8, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut plain = Vec::new();
    if version == 5 {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Front::Whole(payload, used) = segment::front(rest) else {
                panic!("no segment");
            };
            plain.extend_from_slice(payload);
            rest = &rest[used..];
        }
    }
    let mut bytes = if version == 5 { &plain[..] } else { bytes };
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let header = Header::read(bytes).unwrap();
        let (one, rest) = bytes.split_at(HEADER + usize::try_from(header.length).unwrap());
        found.push(one.to_vec());
        bytes = rest;
    }
    found
}

/// What a client sends, what is answered and what is left of it; waits for what is held.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    answers: Vec<Vec<u8>>,
    left: Vec<Vec<u8>>,
}

impl Seen {
    fn add(&mut self, version: u8, turn: &Turn) {
        self.answers.extend(envelopes(version, &turn.out));
        self.left.extend(envelopes(version, &turn.left));
    }

    fn of(bench: &Bench, lane: &mut Lane, version: u8, pieces: &[&[u8]]) -> Seen {
        let mut seen = Seen::default();
        let mut waits = None;
        for piece in pieces {
            let turn = lane.answer(piece);
            seen.add(version, &turn);
            waits = turn.waits;
        }
        while let Some(commit) = waits {
            bench.store.db().wait_durable(commit).unwrap();
            let turn = lane.resume();
            seen.add(version, &turn);
            waits = turn.waits;
        }
        seen
    }

    fn answer(&self, stream: u8) -> Option<&[u8]> {
        let mut answers = self.answers.iter();
        let found = answers.find(|answer| answer[3] == stream)?;
        Some(&found[HEADER..])
    }
}

fn packed(version: u8, requests: &[Vec<u8>]) -> Vec<u8> {
    let plain = requests.concat();
    match version {
        5 => {
            let lengths: Vec<usize> = requests.iter().map(Vec::len).collect();
            segment::frame(&plain, &lengths)
        }
        _ => plain,
    }
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value.unwrap_or_default());
    }
    out
}

/// A result of rows without metadata.
fn rows(rows: &[Vec<u8>]) -> Vec<u8> {
    let count = i32::try_from(rows.len()).unwrap().to_be_bytes();
    [
        &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4][..],
        &count,
        &rows.concat(),
    ]
    .concat()
}

const VOID: [u8; 4] = [0, 0, 0, 1];

#[test]
fn rows_are_written_read_and_removed() {
    let bench = Bench::new();
    for version in [4, 5] {
        let mut lane = bench.lane(version);
        let p = int(i32::from(version));
        let insert = |stream, a, x: &[u8]| {
            execute(
                version,
                stream,
                b"insert",
                &[p.clone(), int(a), Some(x.to_vec())],
                10,
            )
        };
        let write = packed(
            version,
            &[
                insert(1, 1, b"one"),
                insert(2, 2, b"two"),
                insert(3, 3, b""),
                execute(
                    version,
                    4,
                    b"count",
                    &[p.clone(), Some(5i64.to_be_bytes().to_vec())],
                    10,
                ),
                execute(
                    version,
                    5,
                    b"count",
                    &[p.clone(), Some(2i64.to_be_bytes().to_vec())],
                    10,
                ),
            ],
        );
        let seen = Seen::of(&bench, &mut lane, version, &[&write]);
        assert_eq!(seen.left, Vec::<Vec<u8>>::new());
        for stream in 1..=5 {
            assert_eq!(seen.answer(stream), Some(&VOID[..]), "{stream}");
        }
        let first = bench.store.db().durable();
        let remove = packed(
            version,
            &[execute(version, 1, b"delete", &[p.clone(), int(1)], 10)],
        );
        Seen::of(&bench, &mut lane, version, &[&remove]);
        assert!(bench.store.db().durable() > first);
        let read = |limit: i32, page: i32| {
            let request = execute(
                version,
                9,
                b"select",
                &[p.clone(), int(0), int(limit)],
                page,
            );
            packed(version, &[request])
        };
        let seen = Seen::of(&bench, &mut lane, version, &[&read(100, 100)]);
        let answer = seen.answer(9).unwrap();
        let times = [answer, &[]].concat();
        let two = row(&[Some(&2i32.to_be_bytes()), Some(b"two")]);
        assert!(times.windows(two.len()).any(|part| part == two));
        let seven = row(&[
            Some(&7i32.to_be_bytes()),
            None,
            None,
            Some(&7i64.to_be_bytes()),
        ]);
        assert!(answer.ends_with(&seven));
        assert_eq!(answer[12..16], 3i32.to_be_bytes());
        // As many as the limit says are no page too many; one more than a page is.
        assert_eq!(
            Seen::of(&bench, &mut lane, version, &[&read(2, 2)])
                .answers
                .len(),
            1
        );
        assert_eq!(
            Seen::of(&bench, &mut lane, version, &[&read(3, 2)])
                .left
                .len(),
            1
        );
        for limit in [0, -1] {
            assert_eq!(
                Seen::of(&bench, &mut lane, version, &[&read(limit, 2)])
                    .left
                    .len(),
                1
            );
        }
    }
}

#[test]
fn what_is_not_known_is_left_as_it_came() {
    for version in [4, 5] {
        let bench = Bench::new();
        let mut lane = bench.lane(version);
        let good = execute(
            version,
            1,
            b"insert",
            &[int(1), int(1), Some(b"x".to_vec())],
            10,
        );
        let mut traced = good.clone();
        traced[1] = 2;
        let strays = [
            envelope(version, 2, QUERY, b"SELECT"),
            traced,
            execute(version, 4, b"unknown", &[int(1)], 10),
            // A null in a key, a value of three bytes, a text that is none, a marker too few.
            execute(version, 5, b"insert", &[None, int(1), None], 10),
            execute(
                version,
                6,
                b"insert",
                &[int(1), Some(vec![1, 2, 3]), None],
                10,
            ),
            execute(
                version,
                7,
                b"insert",
                &[int(1), int(1), Some(vec![0xff])],
                10,
            ),
            execute(version, 8, b"insert", &[int(1), int(1)], 10),
        ];
        let mut all = vec![good.clone()];
        all.extend(strays.iter().cloned());
        all.push(good.clone());
        let seen = Seen::of(&bench, &mut lane, version, &[&packed(version, &all)]);
        assert_eq!(seen.left, strays);
        assert_eq!(seen.answers.len(), 2);
        // Another version of the catalog.
        Bench::made(
            &bench.store,
            Table {
                name: "more".into(),
                ..table(bench.app)
            },
        );
        let seen = Seen::of(
            &bench,
            &mut lane,
            version,
            &[&packed(version, std::slice::from_ref(&good))],
        );
        assert_eq!(seen.left, [good]);
        // From where nothing is understood nothing is looked at.
        let noise = [&packed(version, &strays[..1])[..], &[9; 40]].concat();
        let turn = lane.answer(&noise);
        assert_eq!(turn.left, noise);
        assert_eq!(lane.answer(b"more").left, b"more");
        let mut lane = bench.lane(version);
        lane.forget();
    }
}

#[test]
fn long_requests_pass_by() {
    let bench = Bench::new();
    let mut lane = bench.lane(4);
    let long = envelope(4, 1, QUERY, &vec![b'x'; 300 << 10]);
    let good = execute(4, 2, b"insert", &[int(1), int(1), Some(b"x".to_vec())], 10);
    let mut left = Vec::new();
    for piece in long.chunks(100_000) {
        left.extend(lane.answer(piece).left);
    }
    assert_eq!(left, long);
    let seen = Seen::of(&bench, &mut lane, 4, &[&good]);
    assert_eq!(seen.answer(2), Some(&VOID[..]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn however_bytes_are_cut_the_same_comes_of_them(
        version in 4u8..6,
        kinds in proptest::collection::vec(0u8..4, 1..12),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bench = Bench::new();
        let requests: Vec<Vec<u8>> = (1u8..).zip(&kinds).map(|(stream, kind)| match kind {
            0 => execute(version, stream, b"insert", &[int(1), int(i32::from(stream)), Some(vec![b'a'; 40])], 10),
            1 => execute(version, stream, b"select", &[int(2), int(0), int(5)], 10),
            2 => envelope(version, stream, QUERY, b"text"),
            _ => execute(version, stream, b"count", &[int(1), Some(1i64.to_be_bytes().to_vec())], 10),
        }).collect();
        let bytes = match version {
            5 => requests.chunks(3).flat_map(|some| packed(5, some)).collect(),
            _ => packed(version, &requests),
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let mut lane = bench.lane(version);
        let mut seen = Seen::of(&bench, &mut lane, version, &pieces);
        let is_query = |request: &&Vec<u8>| request[4] == QUERY;
        let strays: Vec<Vec<u8>> = requests.iter().filter(is_query).cloned().collect();
        prop_assert_eq!(&seen.left, &strays);
        seen.answers.sort_by_key(|answer| answer[3]);
        let expected: Vec<Vec<u8>> = requests.iter().zip(&kinds).filter(|(_, kind)| **kind != 2).map(|(request, kind)| {
            let body = if *kind == 1 { rows(&[]) } else { VOID.to_vec() };
            let mut answer = envelope(version | 0x80, request[3], 8, &body);
            answer[1] = 0;
            answer
        }).collect();
        prop_assert_eq!(seen.answers, expected);
    }
}
