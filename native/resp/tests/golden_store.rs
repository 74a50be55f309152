//! A whole store as an earlier build left it: it opens, every checksum holds, and all of it is read; then it is written to.
//!
//! `tests/golden/store/VERSION` holds the files of a store, what a dump of it gives now (`now.hex`) and at the commit that
//! it keeps (`kept.hex`): family, key in hex, tab, value in hex. Each released version adds one and none is ever written
//! anew, save that of a version not yet released: `GOLDEN_WRITE=1`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "golden_store/making.rs"]
mod making;

use hyperdb_graph::catalog::{rows_id, Image, NameSpace, Object};
use hyperdb_graph::codec::row::Row;
use hyperdb_graph::hyperedge::{incident, members, Member, MemberRange};
use hyperdb_graph::{keys, AppId, Direction, Family, KeyRange, Options, Record, Store};
use hyperdb_lsm::{Commit, Snapshot};
use hyperdb_resp::args::Span;
use hyperdb_resp::forms::{Forms, Limits};
use hyperdb_resp::{commands, Args, Context, Effects, Names, Reply};
use std::cell::RefCell;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const VERSION: &str = "0.1.0";
/// The time of everything in the store, Unix milliseconds.
pub const NOW: i64 = 1_700_000_000_000;

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/store")
        .join(version)
}

/// A directory that goes with its test.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hyperdb-golden-store-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing of it is needed any more, and another test has a directory of its own.
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A copy of the golden store, to be opened without changing the original.
fn copy(version: &str) -> Temporary {
    let copy = Temporary::new();
    for entry in fs::read_dir(golden(version).join("files")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
    }
    copy
}

/// Runs one RESP command on database 0; its reply.
pub fn command(store: &Store, words: &[&str]) -> String {
    let mut buffer = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    for word in words {
        spans.push((buffer.len(), buffer.len() + word.len()));
        buffer.extend_from_slice(word.as_bytes());
    }
    let name = words[0].to_lowercase();
    let (_, handler) = commands::handlers().find(|row| row.0 == name).unwrap();
    let run = |turn: &mut hyperdb_graph::Turn<'_>| {
        let mut reply = Reply::new(false);
        let app = turn.redis_app(0)?;
        let outcome = handler(&mut Context {
            turn,
            app,
            db: 0,
            reply: &mut reply,
            args: Args::new(&buffer, &spans),
            must_not_block: true,
            woken_by: None,
            resume: None,
            random: &mut || 7,
            forms: Forms::new(&Limits::DEFAULT, &RefCell::default()),
            names: Names::All,
            effects: Effects::default(),
        });
        match outcome {
            Ok(()) => Ok(String::from_utf8(reply.buffer).unwrap()),
            Err(hyperdb_resp::Abort::Stop(stop)) => Err(stop),
            Err(other) => panic!("{words:?}: {other:?}"),
        }
    };
    let (reply, commit) = store.run(NOW, None, run).unwrap();
    store.db().wait_durable(commit).unwrap();
    reply
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Every entry that `snapshot` shows, as the golden files have it.
fn dump(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for family in [Family::DATA, Family::NODE, Family::META] {
        for entry in snapshot.iter(family, KeyRange::all(), Direction::Forward) {
            let (key, value) = entry.unwrap();
            writeln!(text, "{} {}\t{}", family.0, hex(&key), hex(&value)).unwrap();
        }
    }
    text
}

fn kept(store: &Store) -> Commit {
    store.db().retained()[0]
}

#[test]
fn the_store_of_this_version_can_be_made() {
    let made = Temporary::new();
    let store = making::make(&made.0.join("store"));
    let past = store.db().snapshot_at(kept(&store)).unwrap();
    let (now, past) = (dump(&store.db().snapshot()), dump(&past));
    assert_ne!(now, past);
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        let golden = golden(VERSION);
        if golden.exists() {
            fs::remove_dir_all(&golden).unwrap();
        }
        fs::create_dir_all(&golden).unwrap();
        store.db().checkpoint(&golden.join("files")).unwrap();
        fs::write(golden.join("now.hex"), now).unwrap();
        fs::write(golden.join("kept.hex"), past).unwrap();
    }
}

#[test]
fn stores_of_every_version_open_whole() {
    for version in fs::read_dir(golden("")).unwrap() {
        let version = version.unwrap().file_name().into_string().unwrap();
        let copy = copy(&version);
        let store = Store::open(&copy.0, Options::default()).unwrap();
        let faults = store.db().check(&mut |_, _| {}).unwrap();
        assert_eq!(faults.len(), 0, "{version}: {faults:?}");
        let golden = |name: &str| fs::read_to_string(golden(&version).join(name)).unwrap();
        assert_eq!(dump(&store.db().snapshot()), golden("now.hex"), "{version}");
        let past = store.db().snapshot_at(kept(&store)).unwrap();
        assert_eq!(dump(&past), golden("kept.hex"), "{version}");
    }
}

#[test]
fn what_redis_clients_stored_is_there() {
    let copy = copy(VERSION);
    let store = Store::open(&copy.0, Options::default()).unwrap();
    let ask = |words: &str| command(&store, &words.split(' ').collect::<Vec<_>>());
    assert_eq!(ask("GET greeting"), "$5\r\nhello\r\n");
    assert_eq!(ask("GET gone"), "$-1\r\n");
    assert_eq!(ask("GET late"), "$9\r\nin-memory\r\n");
    assert_eq!(ask("PEXPIRETIME session"), ":4102444800000\r\n");
    assert_eq!(ask("HGET user:1 name"), "$3\r\nAda\r\n");
    assert_eq!(
        ask("LRANGE queue 0 -1"),
        "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"
    );
    assert_eq!(ask("SCARD tags"), ":300\r\n");
    assert_eq!(ask("SISMEMBER tags tag-number-299"), ":1\r\n");
    assert_eq!(
        ask("ZRANGE scores 0 -1"),
        "*2\r\n$3\r\nlow\r\n$4\r\nhigh\r\n"
    );
    assert_eq!(ask("EXISTS dropped"), ":0\r\n");
    assert_eq!(ask("DBSIZE"), ":7\r\n");
    assert_eq!(ask("SET fresh 1"), "+OK\r\n");
    drop(store);
    let again = Store::open(&copy.0, Options::default()).unwrap();
    assert_eq!(command(&again, &["GET", "fresh"]), "$1\r\n1\r\n");
}

#[test]
fn the_hypergraph_and_the_catalog_are_there() {
    let copy = copy(VERSION);
    let store = Store::open(&copy.0, Options::default()).unwrap();
    let snapshot = store.db().snapshot();
    let reader = store
        .reader(snapshot.clone(), b"shop", Some(NOW), 0)
        .unwrap();
    let app = reader.app().unwrap();
    let memberships = incident(&reader, app, b"libc6", None, 9).unwrap();
    assert_eq!(memberships.len(), 1);
    assert_eq!(memberships[0].edge, b"bash depends");
    let place = store.hash_key().hash64(b"bash depends");
    let key = keys::element(app, place, b"bash depends");
    let raw = snapshot.get(Family::DATA, &key).unwrap().unwrap();
    let Some(Record::Edge(header)) = Record::decode(&raw) else {
        panic!("a hyperedge");
    };
    let found = members(&reader, app, header.cid, &MemberRange::all(), 9).unwrap();
    let vertex = |order: &[u8], id: &[u8]| (order.to_vec(), Member::Vertex(id.to_vec()));
    let value = (b"2".to_vec(), Member::Value(b">= 2.36".to_vec()));
    assert_eq!(found, [vertex(b"1", b"libc6"), value]);

    let image = Image::at(&store, snapshot.clone()).unwrap();
    let (number, object) = image.find(NameSpace::Relation, app, "orders").unwrap();
    let Object::Table(table) = object else {
        panic!("a table");
    };
    assert_eq!(table.columns[1].name, "customer");
    assert!(image
        .find(NameSpace::Relation, app, "orders_by_customer")
        .is_some());
    assert!(image.find(NameSpace::Type, app, "mood").is_some());
    assert!(image.find(NameSpace::App, AppId(0), "shop").is_some());
    let rows = rows_id(number);
    let key = keys::element(app, store.hash_key().hash64(&rows), &rows);
    let raw = snapshot.get(Family::DATA, &key).unwrap().unwrap();
    let Some(Record::Edge(header)) = Record::decode(&raw) else {
        panic!("rows");
    };
    let prefix = keys::member_prefix(app, header.cid);
    let mut rows = snapshot.iter(Family::DATA, KeyRange::prefix(&prefix), Direction::Forward);
    let (key, row) = rows.next().unwrap().unwrap();
    assert_eq!(key[prefix.len()..], keys::order_i64(7));
    let row = Row::decode(&row).unwrap();
    assert_eq!(row.cell(2).unwrap().value, Some(&b"Ada"[..]));
    assert!(rows.next().is_none());
}
