//! Histories against a tree computed straight from the rules, and against trees built anew.
#![allow(clippy::unwrap_used, clippy::panic)]

mod golden;
mod model;
mod places;
mod records;

use super::build::Builder;
use super::nodes::MemoryNodes;
use super::*;
use crate::comb::Comb;
use hyperdb_fuzz::Dice;
use model::{Model, Naive};
use record::Branch;

fn comb() -> &'static Comb {
    Comb::ceremony().unwrap()
}

/// Every branch that is there: committed to its own slots, with exact sums, and named by the branch above.
fn check_records(nodes: &MemoryNodes, root: &Root) {
    let mut found = 0;
    let mut total = (0, 0);
    let each = &mut |branch: &Branch| {
        found += 1;
        assert_eq!(comb().commit(&branch.values()), branch.commitment);
        assert!(branch.path.is_empty() || branch.slots.len() > 1);
        for slot in 0..64 {
            match branch.slot(slot) {
                record::Slot::Empty => {}
                record::Slot::Leaf { bytes, .. } => total = (total.0 + 1, total.1 + bytes),
                record::Slot::Branch {
                    path,
                    scalar,
                    hash,
                    count,
                    bytes,
                } => {
                    let below = read::read(nodes, &path).unwrap().unwrap();
                    let mut fresh = below.clone();
                    fresh.groups = [None; 8];
                    let summary = fresh.settle();
                    assert_eq!((scalar, hash), (*summary.scalar.bytes(), summary.hash));
                    assert_eq!((count, bytes), (below.count(), below.bytes()));
                    assert_eq!(below.scalar().to_bytes(), scalar);
                }
            }
        }
    };
    read::visit(nodes, &mut |_| true, each).unwrap();
    assert_eq!(found, nodes.0.len(), "records that nothing names");
    assert_eq!(total, (root.count, root.bytes));
    assert_eq!(super::root(nodes).unwrap(), *root);
}

fn rebuilt(model: &Model) -> (Root, MemoryNodes) {
    let mut nodes = MemoryNodes::default();
    let mut sink = |path: &[u8], record: &[u8]| {
        let twice = nodes.0.insert(path.to_vec(), record.into());
        assert!(twice.is_none(), "a record handed out twice");
        Ok(())
    };
    let mut builder = Builder::new(comb(), 1, &mut sink);
    for (key, (slot, bytes)) in &model.0 {
        builder
            .push(TreeKey::from_steps(key.clone()), *slot, *bytes)
            .unwrap();
    }
    let root = builder.finish().unwrap();
    (root, nodes)
}

#[test]
fn any_history_gives_the_tree_of_its_leaves() {
    for seed in 0..12 {
        let mut dice = Dice::new(seed * 77 + 1);
        let (mut nodes, mut model) = (MemoryNodes::default(), Model::default());
        let keys = model::keys(&mut dice, 60);
        for round in 0..25 {
            let size = [1, 3, 12, 40][dice.roll(4)];
            let edits = model.random_edits(&mut dice, &keys, size);
            let workers = 1 + dice.roll(3);
            let update = apply(&nodes, comb(), edits, workers).unwrap();
            nodes.take(&update);
            assert_eq!(
                update.root.count,
                model.0.len() as u64,
                "seed {seed}, {round}"
            );
            if round % 6 == 0 {
                check_records(&nodes, &update.root);
                let (root, records) = rebuilt(&model);
                assert_eq!(root, update.root, "seed {seed}, round {round}");
                assert_eq!(records.0, nodes.0, "seed {seed}, round {round}");
                assert_eq!(Naive::root(&model), (root.digest, root.hash));
            }
        }
    }
}

#[test]
fn everything_removed_leaves_nothing() {
    let mut dice = Dice::new(5);
    let (mut nodes, mut model) = (MemoryNodes::default(), Model::default());
    let keys = model::keys(&mut dice, 40);
    let edits = model.set_all(&mut dice, &keys);
    nodes.take(&apply(&nodes, comb(), edits, 1).unwrap());
    assert!(!nodes.0.is_empty());
    let gone = |key: &Vec<u8>| Edit::Remove {
        key: TreeKey::from_steps(key.clone()),
    };
    let all = keys.iter().map(gone).collect();
    let one_by_one = keys.iter().map(gone);
    let mut other = nodes.clone();
    let update = apply(&nodes, comb(), all, 2).unwrap();
    nodes.take(&update);
    assert_eq!((update.root, nodes.0.len()), (Root::empty(), 0));
    for edit in one_by_one {
        let update = apply(&other, comb(), vec![edit], 1).unwrap();
        other.take(&update);
    }
    assert_eq!(other.0.len(), 0);
    assert_eq!(super::root(&other).unwrap(), Root::empty());
}

#[test]
fn a_single_leaf_lies_under_a_root() {
    let key = TreeKey::of(b"\x02hash1234id").unwrap();
    let slot = leaf::slot(b"\x02hash1234id", &[7; 32], 3, 20);
    let edit = Edit::Set {
        key: key.clone(),
        slot,
        bytes: 20,
    };
    let mut nodes = MemoryNodes::default();
    let update = apply(&nodes, comb(), vec![edit.clone()], 1).unwrap();
    nodes.take(&update);
    assert_eq!((update.root.count, update.root.bytes), (1, 20));
    let way = read::walk(&nodes, &key).unwrap();
    assert_eq!(way.len(), 1);
    assert!(
        matches!(way[0].slot(key.steps()[0]), record::Slot::Leaf { key: found, .. } if found == key)
    );
    // The same again changes nothing and writes nothing.
    let again = apply(&nodes, comb(), vec![edit], 1).unwrap();
    assert_eq!((again.root, again.changed.len()), (update.root, 0));
}

#[test]
fn a_dropped_collection_goes_with_all_its_records() {
    let mut nodes = MemoryNodes::default();
    let member = |cid: u64, n: u32| {
        let mut logical = vec![3];
        wire::put_varint(&mut logical, cid);
        logical.extend_from_slice(&n.to_be_bytes());
        logical
    };
    let set = |logical: Vec<u8>| Edit::Set {
        key: TreeKey::of(&logical).unwrap(),
        slot: leaf::slot(&logical, &[1; 32], 1, 9),
        bytes: 9,
    };
    let of = |cid| (0..200).map(move |n| set(member(cid, n)));
    let without: Vec<Edit> = of(4).chain(of(300)).collect();
    let expected = apply(&nodes, comb(), without, 1).unwrap().root;
    let all = of(4).chain(of(8)).chain(of(300)).collect();
    nodes.take(&apply(&nodes, comb(), all, 1).unwrap());
    let prefix = place::collection_prefix(8).unwrap();
    let update = apply(
        &nodes,
        comb(),
        vec![Edit::RemoveAll {
            prefix: prefix.clone(),
        }],
        1,
    )
    .unwrap();
    assert_eq!(update.root, expected);
    assert_eq!(update.dropped.len(), 1);
    assert!(update.changed.len() < 8, "in proportion to its depth");
    nodes.take(&update);
    check_records(&nodes, &update.root);
    // Removal comes before what the same batch adds.
    let again = vec![set(member(8, 1)), Edit::RemoveAll { prefix }];
    nodes.take(&apply(&nodes, comb(), of(8).collect(), 1).unwrap());
    let update = apply(&nodes, comb(), again, 1).unwrap();
    assert_eq!(update.root.count, 401);
}

#[test]
fn threads_change_nothing() {
    let set = |n: u32| {
        let logical = [
            &[2][..],
            &crate::hash::to_digest("t", &[&n.to_le_bytes()])[..12],
        ]
        .concat();
        Edit::Set {
            key: TreeKey::of(&logical).unwrap(),
            slot: leaf::slot(&logical, &[1; 32], 1, 5),
            bytes: 5,
        }
    };
    let mut nodes = MemoryNodes::default();
    nodes.take(&apply(&nodes, comb(), (0..3000).map(set).collect(), 3).unwrap());
    let mut edits: Vec<Edit> = (2000..6000).map(set).collect();
    edits.extend((0..1500).map(|n| match set(n) {
        Edit::Set { key, .. } => Edit::Remove { key },
        other => other,
    }));
    let one = apply(&nodes, comb(), edits.clone(), 1).unwrap();
    let mut four = apply(&nodes, comb(), edits, 4).unwrap();
    four.changed.sort();
    let mut sorted = one.clone();
    sorted.changed.sort();
    assert_eq!(sorted, four);
    assert_eq!(one.root.count, 4500);
}

#[test]
fn edits_that_no_tree_can_take_are_refused() {
    let nodes = MemoryNodes::default();
    let set = |steps: &[u8], slot| Edit::Set {
        key: TreeKey::from_steps(steps.to_vec()),
        slot,
        bytes: 1,
    };
    let good = leaf::slot(b"x", &[0; 32], 0, 0);
    let fails = |edits| apply(&nodes, comb(), edits, 1).unwrap_err();
    assert!(matches!(
        fails(vec![set(&[1], good), set(&[1], good)]),
        TreeError::Twice(_)
    ));
    assert!(matches!(
        fails(vec![set(&[1], good), set(&[1, 2], good)]),
        TreeError::Key(_)
    ));
    assert!(matches!(fails(vec![set(&[64], good)]), TreeError::Key(_)));
    assert!(matches!(fails(vec![set(&[], good)]), TreeError::Key(_)));
    assert!(matches!(
        fails(vec![set(&[1; 226], good)]),
        TreeError::Key(_)
    ));
    assert!(matches!(
        fails(vec![set(&[1], [0; 32])]),
        TreeError::Slot(_)
    ));
    assert!(matches!(
        fails(vec![set(&[1], [255; 32])]),
        TreeError::Slot(_)
    ));
}

#[test]
fn a_missing_or_damaged_record_is_told() {
    let mut dice = Dice::new(8);
    let (mut nodes, mut model) = (MemoryNodes::default(), Model::default());
    let keys = model::keys(&mut dice, 60);
    let edits = model.set_all(&mut dice, &keys);
    nodes.take(&apply(&nodes, comb(), edits.clone(), 1).unwrap());
    let path = nodes
        .0
        .keys()
        .find(|path| !path.is_empty())
        .unwrap()
        .clone();
    let whole = nodes.0.remove(&path).unwrap();
    let all = || {
        keys.iter()
            .map(|key| Edit::Remove {
                key: TreeKey::from_steps(key.clone()),
            })
            .collect()
    };
    assert!(matches!(apply(&nodes, comb(), all(), 1), Err(TreeError::Missing(at)) if at == path));
    nodes.0.insert(path.clone(), whole[1..].into());
    assert!(
        matches!(apply(&nodes, comb(), all(), 1), Err(TreeError::Corrupt(at, _)) if at == path)
    );
}

#[test]
fn shards_cover_the_tree_and_keep_to_the_limit() {
    let mut dice = Dice::new(9);
    let (mut nodes, mut model) = (MemoryNodes::default(), Model::default());
    let keys = model::keys(&mut dice, 300);
    let edits = model.set_all(&mut dice, &keys);
    let update = apply(&nodes, comb(), edits, 2).unwrap();
    nodes.take(&update);
    for limit in [1, 500, 2_000, 10_000, u64::MAX] {
        let shards = shards::shards(&nodes, limit).unwrap();
        let sum = |of: fn(&shards::Shard) -> u64| shards.shards.iter().map(of).sum::<u64>();
        assert_eq!(sum(|s| s.count) + shards.above.0, update.root.count);
        assert_eq!(sum(|s| s.bytes) + shards.above.1, update.root.bytes);
        assert!(shards.shards.iter().all(|shard| shard.bytes <= limit));
        for shard in &shards.shards {
            let branch = read::read(&nodes, &shard.path).unwrap().unwrap();
            assert_eq!(branch.scalar().to_bytes(), shard.digest);
        }
    }
    assert_eq!(shards::shards(&nodes, u64::MAX).unwrap().shards.len(), 1);
}
