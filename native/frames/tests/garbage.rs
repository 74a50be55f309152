//! What drops leave of the trees goes at compaction when no frame shows it any more, and not before.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::verkle::{app_tree, VerkleForest};
use hyperdb_frames::{Frames, Retention, Tree};
use hyperdb_graph::nodes::collection_prefixes;
use hyperdb_graph::{AppId, Kind};
use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Direction, Family, KeyRange, SyncMode};
use hyperdb_verkle::tree::place::collection_prefix;
use std::sync::Arc;
use support::{open_with, World};

const MEMORY: usize = 4 << 20;
const APP: &[u8] = b"redis/0";
const HASH: &[u8] = b"hash";

fn frames() -> Frames {
    let retention = Retention {
        frames: 2,
        bytes: 1 << 30,
    };
    let forest = Box::new(VerkleForest::new(MEMORY, 1));
    let (fs, world) = (Arc::new(SimFs::new()), World::default());
    open_with(fs, SyncMode::Always, retention, MEMORY, &world, forest).unwrap()
}

/// Texts, and a hash; its number and its app's.
fn fill(frames: &Frames) -> (AppId, u64) {
    let mut turn = frames.store().turn(0);
    let app = turn.app(APP).unwrap();
    for n in 0..600u16 {
        turn.put_vertex(app, &n.to_be_bytes(), &[7; 40], None)
            .unwrap();
    }
    let mut hash = turn.create_edge(app, HASH, Kind::Hash).unwrap();
    for n in 0..600u16 {
        turn.set_member(app, &mut hash, &n.to_be_bytes(), &[8; 40])
            .unwrap();
    }
    turn.close_edge(app, HASH, &hash).unwrap();
    turn.commit().unwrap();
    (app, hash.cid)
}

fn count(frames: &Frames, family: Family, prefix: &[u8]) -> usize {
    let range = KeyRange::prefix(prefix);
    let now = frames.store().db().snapshot();
    now.iter(family, range, Direction::Forward).count()
}

fn table_bytes(frames: &Frames) -> u64 {
    let stats = frames.store().db().stats().rows;
    let found = stats.iter().find(|(name, _)| *name == "table_bytes");
    found.unwrap().1
}

/// Frames of other things, each flushed, until tables have to be merged.
fn go_on(frames: &Frames, rounds: u8) {
    for n in 0..rounds {
        let mut turn = frames.store().turn(0);
        let app = turn.app(APP).unwrap();
        turn.put_vertex(app, &[n], &[n], None).unwrap();
        turn.commit().unwrap();
        drop(turn);
        frames.seal(false).unwrap();
        frames.store().db().flush().unwrap();
    }
    frames.store().db().compact().unwrap();
}

fn is_sound(frames: &Frames) -> bool {
    let newest = frames.newest().unwrap().header;
    (newest.horizon..=newest.number).all(|number| {
        frames
            .audit(Some(number), &mut |_, _| {})
            .unwrap()
            .is_sound()
    })
}

/// Works notes of drops off, as the caretaker does; whether none is left.
fn tend(frames: &Frames) -> bool {
    for _ in 0..8 {
        frames.store().tend(None, 64).unwrap();
        frames.store().db().compact().unwrap();
    }
    count(frames, Family::META, &[0x02]) == 0
}

#[test]
fn a_flushed_app_leaves_nothing_once_no_frame_shows_it() {
    let frames = frames();
    let (app, _) = fill(&frames);
    frames.seal(false).unwrap();
    frames.store().db().compact().unwrap();
    let full = table_bytes(&frames);
    let nodes = hyperdb_graph::nodes::app_prefix(app);
    let made = count(&frames, Family::NODE, &nodes);
    assert!(made > 100);
    let mut turn = frames.store().turn(0);
    turn.flush_app(APP).unwrap();
    turn.commit().unwrap();
    drop(turn);
    frames.seal(false).unwrap();
    // The frame before still shows the app.
    frames.store().db().compact().unwrap();
    assert_eq!(count(&frames, Family::NODE, &nodes), made);
    assert!(
        !tend(&frames),
        "the note stays for as long as there is anything to remove"
    );
    assert!(is_sound(&frames));
    go_on(&frames, 20);
    assert!(tend(&frames));
    assert_eq!(count(&frames, Family::NODE, &nodes), 0);
    assert!(is_sound(&frames));
    let left = table_bytes(&frames);
    assert!(left * 4 < full, "{left} bytes of {full} are left");
}

#[test]
fn a_dropped_collection_leaves_no_nodes_once_no_frame_shows_it() {
    let frames = frames();
    let (app, cid) = fill(&frames);
    frames.seal(false).unwrap();
    let [adds, removes] = collection_prefixes(app, cid);
    // Both crates say the same of where a collection lies.
    for (tree, prefix) in [(Tree::EdgeAdds, &adds), (Tree::EdgeRemoves, &removes)] {
        let path = collection_prefix(cid).unwrap();
        assert_eq!([app_tree(app, tree), path].concat(), prefix.to_vec());
    }
    let nodes = || count(&frames, Family::NODE, &adds);
    assert!(nodes() > 20, "{}", nodes());
    let mut turn = frames.store().turn(0);
    turn.remove_element(app, HASH).unwrap();
    turn.commit().unwrap();
    drop(turn);
    frames.seal(false).unwrap();
    go_on(&frames, 40);
    assert!(is_sound(&frames));
    assert_eq!(nodes(), 0);
    assert!(tend(&frames));
}

#[test]
fn a_collection_that_was_emptied_one_by_one_leaves_no_nodes() {
    let frames = frames();
    let (app, cid) = fill(&frames);
    frames.seal(false).unwrap();
    let [adds, _] = collection_prefixes(app, cid);
    let mut turn = frames.store().turn(0);
    let mut hash = turn.edge(app, HASH, Kind::Hash).unwrap().unwrap().unwrap();
    for n in 0..600u16 {
        turn.unset_member(app, &mut hash, &n.to_be_bytes()).unwrap();
    }
    turn.close_edge(app, HASH, &hash).unwrap();
    turn.commit().unwrap();
    drop(turn);
    assert!(tend(&frames), "nothing notes the drop of an empty hash");
    frames.seal(false).unwrap();
    assert_eq!(count(&frames, Family::NODE, &adds), 0);
    assert!(is_sound(&frames));
}
