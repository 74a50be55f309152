//! The walk that shows removes: newest entry of each key above the horizon, wherever it lies and whatever was compacted.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Batch, Commit, Db, Direction, Family, KeyRange, Op, Options, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Key, version, whether it is there, value or note.
type Rows = Vec<(Vec<u8>, Commit, bool, Vec<u8>)>;

/// By key: version, whether it is there, value or note.
type Newest = BTreeMap<Vec<u8>, (Commit, bool, Vec<u8>)>;

fn walk(snapshot: &Snapshot, horizon: Commit, direction: Direction) -> Rows {
    let mut entries = snapshot.entries(Family::DATA, KeyRange::all(), direction);
    let mut rows = Rows::new();
    while let Some(entry) = entries.step().unwrap() {
        let there = entry.op == Op::Add;
        // Removes at or below the horizon may be there or not.
        if there || entry.version > horizon {
            let value = entry.value.to_vec();
            rows.push((entry.key.to_vec(), entry.version, there, value));
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn adds_and_removes_above_the_horizon_are_shown(
        rounds in proptest::collection::vec(
            (proptest::collection::vec((0u8..12, any::<bool>()), 1..6), 0u8..8), 1..30),
    ) {
        let fs = Arc::new(SimFs::new());
        let db = Db::open_in(fs, Path::new("/db"), Options::default()).unwrap();
        let mut model = Newest::new();
        let mut retained: Vec<(Commit, Newest)> = Vec::new();
        for (changes, then) in rounds {
            let mut batch = Batch::new();
            let mut changed = BTreeMap::new();
            for (key, add) in changes {
                changed.insert(vec![key], add);
            }
            for (key, add) in &changed {
                if *add {
                    batch.put(Family::DATA, key, b"value");
                } else if model.get(key).is_some_and(|(_, there, _)| *there) {
                    batch.remove(Family::DATA, key, b"note");
                }
            }
            let commit = db.write(&batch).unwrap();
            db.wait_durable(commit).unwrap();
            for (key, add) in changed {
                if add {
                    model.insert(key, (commit, true, b"value".to_vec()));
                } else if model.get(&key).is_some_and(|(_, there, _)| *there) {
                    model.insert(key, (commit, false, b"note".to_vec()));
                }
            }
            match then {
                0 => retained.push((db.retain().unwrap(), model.clone())),
                1 => db.flush().unwrap(),
                2 => db.compact().unwrap(),
                3 if retained.len() > 1 => {
                    retained.remove(0);
                    db.release(retained[0].0).unwrap();
                }
                _ => {}
            }
            let horizon = db.horizon();
            prop_assert_eq!(horizon, retained.first().map_or(db.durable(), |(commit, _)| *commit));
            let now = (db.durable(), model.clone());
            for (commit, model) in retained.iter().chain([&now]) {
                let snapshot = db.snapshot_at(*commit).unwrap();
                let mut wanted: Rows = model
                    .iter()
                    .filter(|(_, (version, there, _))| *there || *version > horizon)
                    .map(|(key, (version, there, value))| (key.clone(), *version, *there, value.clone()))
                    .collect();
                prop_assert_eq!(&walk(&snapshot, horizon, Direction::Forward), &wanted);
                wanted.reverse();
                prop_assert_eq!(&walk(&snapshot, horizon, Direction::Reverse), &wanted);
            }
        }
    }
}

#[test]
fn a_store_retained_before_its_first_commit_shows_removes_after_it() {
    let fs = Arc::new(SimFs::new());
    let db = Db::open_in(fs, Path::new("/db"), Options::default()).unwrap();
    assert_eq!(db.retain().unwrap(), 0);
    for (key, add) in [(0u8, true), (0, false), (1, true), (1, false), (0, true)] {
        let mut batch = Batch::new();
        if add {
            batch.put(Family::DATA, &[key], b"value");
        } else {
            batch.remove(Family::DATA, &[key], b"note");
        }
        db.write_durable(&batch).unwrap();
        db.compact().unwrap();
    }
    let wanted = vec![
        (vec![0], 5, true, b"value".to_vec()),
        (vec![1], 4, false, b"note".to_vec()),
    ];
    assert_eq!(walk(&db.snapshot(), 0, Direction::Forward), wanted);
}
