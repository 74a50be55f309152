//! The real trees under random histories: after every seal the roots in the header are those of trees built anew from
//! the data, at every frame that can be read, and each app has equal leaves in its three global places.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use hyperdb_frames::verkle::{Stored, VerkleForest};
use hyperdb_frames::{Forest, Frames, Names, Retention};
use hyperdb_lsm::fs::{CrashMode, SimFs};
use hyperdb_lsm::SyncMode;
use hyperdb_verkle::tree::apps::{address, places};
use hyperdb_verkle::tree::record::Slot;
use hyperdb_verkle::tree::{read, TreeKey};
use proptest::prelude::*;
use std::sync::Arc;
use support::{act, open_with, Act, World};

const RETENTION: Retention = Retention {
    frames: 3,
    bytes: 1 << 20,
};

/// Room for whole frames, and so little that every few edits are written.
const AMPLE: usize = 4 << 20;
const TIGHT: usize = 400;

fn on(fs: SimFs, world: &World, memory: usize) -> Frames {
    let forest: Box<dyn Forest> = Box::new(VerkleForest::new(memory / 4, 1));
    open_with(
        Arc::new(fs),
        SyncMode::Always,
        RETENTION,
        memory,
        world,
        forest,
    )
    .unwrap()
}

fn audit(frames: &Frames) {
    let newest = frames.newest().unwrap().header;
    for number in newest.horizon..=newest.number {
        let audit = frames.audit(Some(number), &mut |_, _| {}).unwrap();
        assert!(audit.is_sound(), "{audit:?}");
    }
    let view = frames.view(None).unwrap();
    for (_, name) in Names::read(&view.data).unwrap().iter() {
        let address = address(name);
        let leaf = |prefix: &[u8]| {
            let stored = Stored::new(&view.nodes, prefix);
            let way = read::walk(&stored, &TreeKey::of_address(&address)).unwrap();
            let last = way.last()?;
            let step = TreeKey::of_address(&address).steps()[last.path().len()];
            match last.slot(step) {
                Slot::Leaf { scalar, bytes, .. } => Some((scalar, bytes)),
                _ => None,
            }
        };
        let normative = leaf(&hyperdb_frames::verkle::tree_of_apps());
        for place in places(&address) {
            assert_eq!(leaf(&hyperdb_frames::verkle::global_tree(place)), normative);
        }
    }
}

fn acts() -> impl Strategy<Value = Act> {
    let n = any::<u8>;
    prop_oneof![
        6 => (n(), n(), n()).prop_map(|(a, i, v)| Act::Text(a, i, v)),
        8 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Field(a, i, f, v)),
        4 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Score(a, i, f, v)),
        4 => (n(), n(), n(), n()).prop_map(|(a, i, f, v)| Act::Row(a, i, f, v)),
        4 => (n(), n()).prop_map(|(a, i)| Act::Remove(a, i)),
        2 => (n(), n(), n()).prop_map(|(a, i, j)| Act::Move(a, i, j)),
        1 => n().prop_map(Act::Flush),
        1 => Just(Act::Swap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn roots_are_those_of_trees_built_anew(
        rounds in proptest::collection::vec(proptest::collection::vec(acts(), 1..10), 1..7),
        tight in any::<bool>(),
    ) {
        let memory = if tight { TIGHT } else { AMPLE };
        let (fs, world) = (SimFs::new(), World::default());
        let mut frames = on(fs.clone(), &world, memory);
        for (i, round) in rounds.iter().enumerate() {
            let mut turn = frames.store().turn(0);
            round.iter().for_each(|change| act(&mut turn, change));
            turn.commit().unwrap();
            drop(turn);
            frames.seal(true).unwrap();
            if i == 2 {
                frames.store().db().close().unwrap();
                drop(frames);
                frames = on(fs.clone(), &world, memory);
            }
        }
        audit(&frames);
    }
}

#[test]
fn after_a_crash_the_newest_root_is_that_of_the_data_at_its_frame() {
    let world = World::default();
    let put = |frames: &Frames, range: std::ops::Range<u8>, value: Option<&[u8]>| {
        let mut turn = frames.store().turn(0);
        let app = turn.app(b"redis/0").unwrap();
        for id in range.map(|n| [n]) {
            match value {
                Some(value) => turn.put_vertex(app, &id, value, None).unwrap(),
                None => {
                    // A crash may have come before it was there.
                    let _was_there = turn.remove_element(app, &id).unwrap();
                }
            }
        }
        turn.commit().unwrap();
    };
    for memory in [AMPLE, TIGHT] {
        let disk = SimFs::recording();
        let frames = on(disk.clone(), &world, memory);
        put(&frames, 0..60, Some(b"one"));
        frames.seal(true).unwrap();
        put(&frames, 50..90, Some(b"two"));
        let begin = disk.changes();
        frames.seal(true).unwrap();
        drop(frames);
        for upto in (begin..=disk.changes()).step_by(if memory == TIGHT { 3 } else { 1 }) {
            let crashed = disk.crash(upto, CrashMode::Torn(upto as u64));
            let frames = on(crashed, &world, memory);
            audit(&frames);
            // Takes back what the frame in the making had put into the trees.
            put(&frames, 60..90, None);
            frames.seal(true).unwrap();
            audit(&frames);
        }
    }
}
