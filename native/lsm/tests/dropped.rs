//! Tables that hold nothing but dropped keys go whole, and only once nobody can read them.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Batch, Commit, CompactionFilter, Db, Family, Options};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Keys that begin with `d` are dropped as of a commit.
struct Dropped(AtomicU64);

impl CompactionFilter for Dropped {
    fn discard(&self, family: Family, key: &[u8], _version: Commit, horizon: Commit) -> bool {
        self.discards_between(family, key, key, horizon)
    }

    fn discards_between(&self, _: Family, low: &[u8], high: &[u8], horizon: Commit) -> bool {
        let starts = low.first() == Some(&b'd') && high.first() == Some(&b'd');
        starts && self.0.load(Ordering::Relaxed) <= horizon
    }
}

fn stat(db: &Db, name: &str) -> u64 {
    let rows = db.stats().rows;
    rows.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn a_table_of_dropped_keys_goes_unread_once_no_snapshot_sees_them() {
    let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), Options::default()).unwrap();
    let dropped = Arc::new(Dropped(AtomicU64::new(u64::MAX)));
    db.set_compaction_filter(dropped.clone());
    let table = |letters: &[u8]| {
        let mut batch = Batch::new();
        for (letter, n) in letters
            .iter()
            .flat_map(|l| (0..100u8).map(move |n| (*l, n)))
        {
            batch.put(Family::DATA, &[letter, n], b"value");
        }
        db.write_durable(&batch).unwrap();
        db.compact().unwrap();
    };
    table(b"d");
    table(b"cde");
    table(b"d");
    let snapshot = db.snapshot();
    let mut end = Batch::new();
    end.put(Family::DATA, b"z", b"the drop");
    let drop = db.write_durable(&end).unwrap();
    dropped.0.store(drop, Ordering::Relaxed);
    db.compact().unwrap();
    assert_eq!(stat(&db, "compaction_dropped_entries"), 0);
    let seen = snapshot.get(Family::DATA, b"d\x07").unwrap();
    assert_eq!(seen.as_deref(), Some(&b"value"[..]));
    std::mem::drop(snapshot);
    db.compact().unwrap();
    assert_eq!(
        stat(&db, "compaction_dropped_entries"),
        200,
        "the mixed table stays"
    );
    assert_eq!(stat(&db, "compaction_read_bytes"), 0);
    let kept = db.snapshot().get(Family::DATA, b"c\x07").unwrap();
    assert_eq!(kept.as_deref(), Some(&b"value"[..]));
}
