//! What was read lately is still near after a merge has written it anew.
#![allow(clippy::unwrap_used, missing_docs)]

use hyperdb_lsm::fs::SimFs;
use hyperdb_lsm::{Batch, Db, Family, Options, ReadMode};
use std::path::Path;
use std::sync::Arc;

const KEYS: u32 = 20_000;

fn key(n: u32) -> [u8; 8] {
    u64::from(n)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_be_bytes()
}

fn write(db: &Db, step: usize, byte: u8) {
    let mut batch = Batch::new();
    for n in (0..KEYS).step_by(step) {
        batch.put(Family::DATA, &key(n), &[byte; 100]);
    }
    db.write_durable(&batch).unwrap();
    db.compact().unwrap();
    // The memtable that was flushed last stays in memory: let that be another one.
    let mut batch = Batch::new();
    batch.put(Family::META, b"marker", &[byte]);
    db.write_durable(&batch).unwrap();
    db.compact().unwrap();
}

fn stat(db: &Db, name: &str) -> u64 {
    let rows = db.stats().rows;
    rows.iter().find(|(row, _)| *row == name).unwrap().1
}

/// Writes every tenth key again until what there was has been merged with that.
fn merge(db: &Db) {
    let merges = stat(db, "compaction_read_bytes");
    for byte in 2..40 {
        write(db, 10, byte);
        if stat(db, "compaction_read_bytes") - merges > 3 * u64::from(KEYS) * 10 {
            return;
        }
    }
    unreachable!("nothing was merged");
}

/// How many of the keys that were not written again can be read without waiting for the disk.
fn near(db: &Db) -> usize {
    let mut writer = db.writer();
    writer.set_read_mode(ReadMode::CachedOnly);
    let old = (0..KEYS).filter(|n| n % 10 != 0);
    let reads = old.map(|n| writer.get(Family::DATA, &key(n)));
    reads.filter(Result::is_ok).count()
}

fn opened(memory: usize) -> Db {
    let options = Options {
        memory,
        ..Options::default()
    };
    Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), options).unwrap()
}

#[test]
fn a_merge_makes_no_cached_key_cold() {
    let db = opened(64 << 20);
    write(&db, 1, 1);
    assert_eq!(near(&db), 0, "nobody has read them");
    merge(&db);
    assert_eq!(near(&db), 0, "a merge alone makes nothing warm");
    for n in 0..KEYS {
        assert!(db.snapshot().get(Family::DATA, &key(n)).unwrap().is_some());
    }
    let all = near(&db);
    assert_eq!(all, KEYS as usize * 9 / 10);
    merge(&db);
    assert_eq!(near(&db), all);
}

#[test]
fn a_full_cache_takes_nothing_from_merges() {
    let db = opened(1 << 20);
    write(&db, 1, 1);
    for n in 0..KEYS {
        assert!(db.snapshot().get(Family::DATA, &key(n)).unwrap().is_some());
    }
    let evicted = stat(&db, "block_cache_evictions");
    assert!(evicted > 0, "it was full");
    merge(&db);
    assert!(stat(&db, "block_cache_bytes") <= stat(&db, "block_cache_budget_bytes"));
    assert_eq!(stat(&db, "block_cache_evictions"), evicted);
}
