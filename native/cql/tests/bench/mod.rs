//! A store with a table, a lane over it that has learned a few statements, and what a client sends and sees.
#![allow(dead_code)]

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
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::Arc;

pub const EXECUTE: u8 = 0x0a;
pub const QUERY: u8 = 0x07;
pub const NOW: i64 = 1_700_000_000_000_000;

/// Partition `p` int, clustering `a` int, `x` text, `n` counter (CQL keeps those apart; the store need not).
pub fn table(app: AppId) -> Table {
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

pub struct Bench {
    pub store: Arc<Store>,
    pub layout: Arc<WideLayout>,
    pub version: i64,
    pub app: AppId,
    dir: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

impl Bench {
    pub fn new() -> Bench {
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
    pub fn made(store: &Store, table: Table) -> WideLayout {
        let mut making = store.begin(TransactionOptions::default());
        let number = Catalog::new(store, &mut making).create(table).unwrap();
        let commit = making.commit().unwrap();
        store.db().wait_durable(commit).unwrap();
        let image = Image::at(store, store.db().snapshot()).unwrap();
        WideLayout::of(&Arc::new(image), number).unwrap()
    }

    pub fn image(&self) -> Image {
        Image::at(&self.store, self.store.db().snapshot()).unwrap()
    }

    pub fn plan(&self, markers: usize, body: Body) -> Arc<Plan> {
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
    pub fn lane(&self, version: u8) -> Lane {
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
                weight: 24,
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

pub fn envelope(version: u8, stream: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).unwrap().to_be_bytes();
    [&[version, 0, 0, stream, opcode][..], &length, body].concat()
}

pub fn int(n: i32) -> Option<Vec<u8>> {
    Some(n.to_be_bytes().to_vec())
}

pub fn execute(
    version: u8,
    stream: u8,
    id: &[u8],
    values: &[Option<Vec<u8>>],
    page: i32,
) -> Vec<u8> {
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
pub fn envelopes(version: u8, bytes: &[u8]) -> Vec<Vec<u8>> {
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
pub struct Seen {
    pub answers: Vec<Vec<u8>>,
    pub left: Vec<Vec<u8>>,
}

impl Seen {
    pub fn add(&mut self, version: u8, turn: &Turn) {
        self.answers.extend(envelopes(version, &turn.out));
        self.left.extend(envelopes(version, &turn.left));
    }

    pub fn of(bench: &Bench, lane: &mut Lane, version: u8, pieces: &[&[u8]]) -> Seen {
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

    pub fn answer(&self, stream: u8) -> Option<&[u8]> {
        let mut answers = self.answers.iter();
        let found = answers.find(|answer| answer[3] == stream)?;
        Some(&found[HEADER..])
    }
}

pub fn packed(version: u8, requests: &[Vec<u8>]) -> Vec<u8> {
    let plain = requests.concat();
    match version {
        5 => {
            let lengths: Vec<usize> = requests.iter().map(Vec::len).collect();
            segment::frame(&plain, &lengths)
        }
        _ => plain,
    }
}

pub fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value.unwrap_or_default());
    }
    out
}

/// A result of rows without metadata.
pub fn rows(rows: &[Vec<u8>]) -> Vec<u8> {
    let count = i32::try_from(rows.len()).unwrap().to_be_bytes();
    [
        &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4][..],
        &count,
        &rows.concat(),
    ]
    .concat()
}

pub const VOID: [u8; 4] = [0, 0, 0, 1];
