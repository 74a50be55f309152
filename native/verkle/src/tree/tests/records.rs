//! Records: one encoding each, whatever the bytes.

use super::*;
use crate::tree::nodes::{Cached, MemoryNodes, NodeCache, NodeStore};

fn some_records() -> Vec<(Vec<u8>, std::sync::Arc<[u8]>)> {
    let mut dice = Dice::new(11);
    let (mut nodes, mut model) = (MemoryNodes::default(), Model::default());
    let keys = model::keys(&mut dice, 200);
    let edits = model.set_all(&mut dice, &keys);
    nodes.take(&apply(&nodes, comb(), edits, 1).unwrap());
    let mut records: Vec<_> = nodes.0.into_iter().collect();
    records.sort();
    records
}

#[test]
fn records_come_back_as_they_were() {
    for (path, record) in some_records() {
        let branch = Branch::decode(&path, &record).unwrap();
        assert_eq!(*branch.encode(), *record);
        assert!(raw::agrees(&branch, record.clone()));
        for cut in 0..record.len() {
            assert!(Branch::decode(&path, &record[..cut]).is_err());
            // A record that lost its end may still show its slots, or is refused: it never stops the process.
            drop(raw::Raw::new(&path, record[..cut].into()));
        }
        assert!(Branch::decode(&path, &[&record[..], &[0]].concat()).is_err());
    }
}

#[test]
fn fuzzing_records() {
    let seeds = some_records()
        .into_iter()
        .map(|(_, record)| record.to_vec())
        .take(12)
        .collect();
    let mut target = |bytes: &[u8]| {
        if let Some(raw) = raw::Raw::new(&[1, 2], bytes.into()) {
            (0..64).for_each(|slot| drop(raw.below(slot)));
        }
        decoded(bytes)
    };
    hyperdb_fuzz::fuzz(
        env!("CARGO_MANIFEST_DIR"),
        "branch_record",
        &mut target,
        seeds,
    );
}

fn decoded(bytes: &[u8]) -> String {
    match Branch::decode(&[1, 2], bytes) {
        Ok(branch) => {
            assert_eq!(branch.encode(), bytes, "two encodings of one branch");
            assert!(raw::agrees(&branch, bytes.into()));
            format!("ok {}", hyperdb_fuzz::shape(branch.slots.len()))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_cache_keeps_to_its_budget_and_gives_what_was_put() {
    let cache = NodeCache::new(10_000);
    let mut dice = Dice::new(2);
    let mut below = MemoryNodes::default();
    for n in 0..200u8 {
        below.0.insert(vec![n], vec![n; 10 + dice.roll(200)].into());
    }
    let cached = Cached::new(&cache, vec![0, 7], &below);
    for _ in 0..3000 {
        let path = [dice.roll(220) as u8];
        assert_eq!(cached.load(&path).unwrap(), below.load(&path).unwrap());
        assert!(cache.bytes() <= 10_000);
        if dice.roll(20) == 0 {
            cache.remove(&[0, 7, path[0]]);
        }
    }
    assert!(cache.bytes() > 5_000);
    cache.put(&[0, 7, 1], vec![9; 3].into());
    assert_eq!(cached.load(&[1]).unwrap().unwrap()[..], [9, 9, 9]);
    cache.clear();
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn scalars_of_records_are_canonical() {
    let (path, record) = some_records().into_iter().next().unwrap();
    let with = |scalar: [u8; 32]| {
        let mut bytes = record.to_vec();
        bytes[98..130].copy_from_slice(&scalar);
        Branch::decode(&path, &bytes).is_ok()
    };
    let largest = (-crate::scalar::Scalar::one()).to_bytes();
    let mut order = largest;
    order[31] += 1;
    assert!(with(largest));
    assert!(!with(order));
    assert!(!with([0; 32]));
    assert!(!with([255; 32]));
}
