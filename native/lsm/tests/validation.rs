//! Whether a range changed since a snapshot: the answer, and that finding it reads nothing old.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Batch, Commit, Db, Family, KeyRange, Options, ReadMode, Stop};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn open(fs: &Arc<SimFs>) -> Db {
    Db::open_in(fs.clone(), Path::new("/db"), Options::default()).unwrap()
}

fn write(db: &Db, keys: impl IntoIterator<Item = u8>, add: bool) -> Commit {
    let mut batch = Batch::new();
    for key in keys {
        if add {
            batch.put(Family::DATA, &[key], b"value");
        } else {
            batch.remove(Family::DATA, &[key], &[]);
        }
    }
    db.write_durable(&batch).unwrap()
}

#[test]
fn old_tables_are_not_read() {
    let fs = Arc::new(SimFs::new());
    let db = open(&fs);
    write(&db, 0..200, true);
    db.flush().unwrap();
    write(&db, 50..60, true);
    db.flush().unwrap();
    db.close().unwrap();
    // Opened anew, so that no block is in memory.
    let db = open(&fs);
    let snapshot = db.snapshot();
    let mut writer = db.writer();
    writer.set_read_mode(ReadMode::CachedOnly);
    let asked = |writer: &hyperdb_lsm::Writer<'_>, low: u8, high: u8, since| {
        let range = KeyRange::between(&[low], &[high]);
        writer.range_changed_since(Family::DATA, &range, since)
    };
    assert!(!asked(&writer, 0, 200, snapshot.commit()).unwrap());
    assert!(
        !asked(&writer, 0, 50, 1).unwrap(),
        "the newer table does not reach into it"
    );
    assert!(matches!(asked(&writer, 0, 200, 1), Err(Stop::Miss(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_a_map_of_versions(
        rounds in proptest::collection::vec((0u8..20, 1u8..6, any::<bool>(), 0u8..6), 1..25),
        asked in proptest::collection::vec((0u8..25, 0u8..25, 0usize..25), 20),
    ) {
        let fs = Arc::new(SimFs::new());
        let mut db = open(&fs);
        // What is retained keeps the removes after it.
        db.retain().unwrap();
        let mut newest = BTreeMap::new();
        for (low, count, add, then) in rounds {
            let commit = write(&db, low..low + count, add);
            newest.extend((low..low + count).map(|key| (key, commit)));
            match then {
                0 => db.flush().unwrap(),
                1 => db.compact().unwrap(),
                2 => {
                    db.close().unwrap();
                    db = open(&fs);
                }
                _ => {}
            }
            let writer = db.writer();
            for &(low, high, back) in &asked {
                let since = commit.saturating_sub(back as u64);
                let range = KeyRange::between(&[low], &[high]);
                let changed = writer.range_changed_since(Family::DATA, &range, since).unwrap();
                let expected = (low..high).any(|key| newest.get(&key).is_some_and(|at| *at > since));
                prop_assert_eq!(changed, expected, "{}..{} since {}", low, high, since);
            }
        }
    }
}
