//! A small store with something of everything: what Redis clients write, the hypergraph, the catalog, rows, an expiry, a
//! dropped collection, a kept past, tables and a log.

use super::{command, NOW};
use hyperdb_graph::catalog::objects::{App, Column, Index, KeyColumn, Label, Table, UserType};
use hyperdb_graph::catalog::{rows_id, Catalog};
use hyperdb_graph::codec::row::{Cell, Row};
use hyperdb_graph::codec::types::{Named, Plain, Type};
use hyperdb_graph::hyperedge::{add_hyperedge, add_vertex, run, Member};
use hyperdb_graph::identity::Environment;
use hyperdb_graph::{keys, AppId, Family, Options, Record, Store, TransactionOptions};
use hyperdb_lsm::{Db, Result};
use std::path::Path;

/// A world in which nothing is left to chance.
struct Fixed;

impl Environment for Fixed {
    fn random(&mut self, out: &mut [u8]) -> Result<()> {
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = i as u8;
        }
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        NOW
    }
}

pub fn make(dir: &Path) -> Store {
    let store = Store::on(Db::open(dir, Options::default()).unwrap(), &mut Fixed).unwrap();
    redis(&store);
    let app = hypergraph(&store);
    catalog(&store, app);
    let kept = store.db().retain().unwrap();
    command(&store, &["SET", "greeting", "hello"]);
    command(&store, &["DEL", "gone"]);
    command(&store, &["SREM", "tags", "tag-number-300"]);
    store.db().flush().unwrap();
    command(&store, &["SET", "late", "in-memory"]);
    command(&store, &["DEL", "dropped"]);
    assert_eq!(store.db().retained(), [kept]);
    store
}

fn redis(store: &Store) {
    command(store, &["SET", "greeting", "hi"]);
    command(store, &["SET", "gone", "soon"]);
    command(store, &["SET", "session", "s", "PXAT", "4102444800000"]);
    command(store, &["HSET", "user:1", "name", "Ada", "born", "1815"]);
    command(store, &["RPUSH", "queue", "b", "c"]);
    command(store, &["LPUSH", "queue", "a"]);
    command(store, &["ZADD", "scores", "2.5", "high", "-1", "low"]);
    command(store, &["SADD", "dropped", "a", "b", "c"]);
    let tags: Vec<String> = (0..=300).map(|i| format!("tag-number-{i}")).collect();
    let mut words = vec!["SADD", "tags"];
    words.extend(tags.iter().map(String::as_str));
    command(store, &words);
}

fn hypergraph(store: &Store) -> AppId {
    let (app, commit) = run(store, NOW, |turn| {
        let app = turn.app(b"shop")?;
        add_vertex(turn, app, b"bash", b"a shell")?;
        add_vertex(turn, app, b"libc6", b"the C library")?;
        let members = [
            (b"1".to_vec(), Member::Vertex(b"libc6".to_vec())),
            (b"2".to_vec(), Member::Value(b">= 2.36".to_vec())),
        ];
        add_hyperedge(turn, app, b"bash depends", &members)?;
        Ok(app)
    })
    .unwrap();
    store.db().wait_durable(commit).unwrap();
    app
}

fn column(id: u32, name: &str, kind: Type) -> Column {
    Column {
        id,
        name: name.into(),
        kind: Some(kind),
        ..Column::default()
    }
}

fn catalog(store: &Store, app: AppId) {
    let mut making = store.begin(TransactionOptions {
        now_ms: NOW,
        ..TransactionOptions::default()
    });
    let mut catalog = Catalog::new(store, &mut making);
    let made = App {
        number: app.0,
        name: "shop".into(),
        owner: "hyperdb".into(),
        ..App::default()
    };
    catalog.create(made).unwrap();
    let mood = UserType {
        app: app.0,
        name: "mood".into(),
        labels: vec![Label {
            number: 1,
            name: "calm".into(),
            position: 1f64.to_bits(),
            ..Label::default()
        }],
        next_label: 2,
        ..UserType::default()
    };
    let mood = catalog.create(mood).unwrap();
    let by = |column| {
        vec![KeyColumn {
            column,
            ..KeyColumn::default()
        }]
    };
    let orders = Table {
        app: app.0,
        name: "orders".into(),
        columns: vec![
            column(1, "id", Type::Plain(Plain::Int8)),
            column(2, "customer", Type::Plain(Plain::Text)),
            column(3, "mood", Type::Named(Named::Enum, mood)),
        ],
        next_column: 4,
        key: by(1),
        ..Table::default()
    };
    let orders = catalog.create(orders).unwrap();
    let index = Index {
        app: app.0,
        name: "orders_by_customer".into(),
        table: orders,
        columns: by(2),
        ..Index::default()
    };
    catalog.create(index).unwrap();
    let id = rows_id(orders);
    let header = making.element(app, &id, |record| match record {
        Record::Edge(header) => *header,
        Record::Vertex { .. } => panic!("rows are no vertex"),
    });
    let mut header = header.unwrap().unwrap();
    let customer = Cell {
        id: 2,
        width: Type::Plain(Plain::Text).width(),
        value: Some(b"Ada"),
        stamp: None,
    };
    let row = Row {
        stamp: None,
        cells: vec![customer],
    };
    let row = row.encode().unwrap();
    let key = keys::order_i64(7);
    let member = keys::member(app, header.cid, &key);
    making.insert(Family::DATA, &member, &row).unwrap();
    let bytes = (key.len() + row.len()) as i64;
    making.adjust(app, &id, &mut header, 1, bytes).unwrap();
    let commit = making.commit().unwrap();
    store.db().wait_durable(commit).unwrap();
}
