//! The records of a small store's frames: what this build writes is what `tests/golden/commitment/frames.hex` holds, byte by byte.
//!
//! A line is what it is, tab, hex: `secret` and `seed` (META 05 and 06), `data OP VERSION KEY` (all entries at the newest frame's
//! commit, removes too), `node KEY` (all of NODE but what sealing took). Python computes the nodes anew from the rest
//! (tests/commitment/test_golden_frames.py). `GOLDEN_WRITE=1` writes the file anew.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::sign::SEED;
use hyperdb_frames::verkle::VerkleForest;
use hyperdb_frames::{Frames, Retention};
use hyperdb_graph::Kind;
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Direction, Family, KeyRange, Op, SyncMode};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use support::{act, open_with, Act, World};

const MEMORY: usize = 4 << 20;
const SHOP: &[u8] = b"shop";
const COST: u8 = 7;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(text: &mut String, name: &str, bytes: &[u8]) {
    writeln!(text, "{name}\t{}", hex(bytes)).unwrap();
}

/// Three frames of texts, a long key, a hash that grows and one that goes, rows, a companion, removes and an app that goes.
fn made() -> Frames {
    let retention = Retention {
        frames: 2,
        bytes: 1 << 20,
    };
    let world = World::default();
    world
        .0
        .store(1_700_000_000_000, std::sync::atomic::Ordering::Relaxed);
    let forest = Box::new(VerkleForest::new(MEMORY, 1));
    let fs = Arc::new(SimFs::new());
    let frames = open_with(fs, SyncMode::Always, retention, MEMORY, &world, forest).unwrap();
    let mut turn = frames.store().turn(0);
    let app = turn.app(SHOP).unwrap();
    for n in 0..20u8 {
        turn.put_vertex(app, &[n], &[n, n], None).unwrap();
    }
    turn.put_vertex(app, &[0; 200], b"a long key", None)
        .unwrap();
    for (id, kind) in [(&b"hash"[..], Kind::Hash), (b"set", Kind::Set)] {
        let mut header = turn.create_edge(app, id, kind).unwrap();
        for n in 0..9u8 {
            turn.set_member(app, &mut header, &[n, 7], b"member")
                .unwrap();
        }
        turn.close_edge(app, id, &header).unwrap();
    }
    for n in 0..5 {
        act(&mut turn, &Act::Row(2, 6, n, 4));
        act(&mut turn, &Act::Score(4, 3, n, 1));
    }
    turn.commit().unwrap();
    drop(turn);
    frames.seal(false).unwrap();
    let mut turn = frames.store().turn(0);
    turn.put_vertex(app, &[3], b"another value", None).unwrap();
    for gone in [&[4][..], &[5], b"set"] {
        turn.remove_element(app, gone).unwrap();
    }
    turn.commit().unwrap();
    drop(turn);
    frames.seal(false).unwrap();
    let mut turn = frames.store().turn(0);
    turn.remove_element(app, &[6]).unwrap();
    let mut hash = turn
        .edge(app, b"hash", Kind::Hash)
        .unwrap()
        .unwrap()
        .unwrap();
    turn.unset_member(app, &mut hash, &[0, 7]).unwrap();
    turn.close_edge(app, b"hash", &hash).unwrap();
    turn.flush_app(b"redis/1").unwrap();
    turn.commit().unwrap();
    drop(turn);
    frames.seal(false).unwrap();
    frames.attest(None, SHOP, &[9; SEED], [0; 32]).unwrap();
    frames
}

#[test]
fn records_are_as_written_down() {
    let frames = made();
    let now = frames.store().db().snapshot();
    let mut text = String::new();
    for (name, key) in [("secret", 5u8), ("seed", 6)] {
        line(
            &mut text,
            name,
            &now.get(Family::META, &[key]).unwrap().unwrap(),
        );
    }
    let view = frames.view(None).unwrap();
    let mut data = view
        .data
        .entries(Family::DATA, KeyRange::all(), Direction::Forward);
    while let Some(entry) = data.step().unwrap() {
        let op = if entry.op == Op::Add { "add" } else { "remove" };
        let name = format!("data {op} {} {}", entry.version, hex(entry.key));
        line(&mut text, &name, &entry.value);
    }
    for row in now.iter(Family::NODE, KeyRange::all(), Direction::Forward) {
        let (key, value) = row.unwrap();
        if key[0] != COST {
            line(&mut text, &format!("node {}", hex(&key)), &value);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../../tests/golden/commitment/frames.hex");
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (ours, wanted) in text.lines().zip(golden.lines()) {
        assert_eq!(ours, wanted);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}
