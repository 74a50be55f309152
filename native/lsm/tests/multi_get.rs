//! Many keys in one call, most of them not in memory: the answers, and what happens when a block is damaged.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_lsm::fs::{FileSystem, SimFs};
use hyperdb_lsm::{Batch, Db, Error, Family, Options};
use std::path::Path;
use std::sync::Arc;

const KEYS: u32 = 20_000;

fn key(n: u32) -> [u8; 8] {
    u64::from(n)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_be_bytes()
}

/// Not to be compressed, so that the tables are larger than the cache.
fn value(n: u32) -> Vec<u8> {
    (0..13).flat_map(|part| key(n + part)).collect()
}

/// Out of the order of writing, so that every part of it reads all tables.
fn shuffled() -> Vec<u32> {
    (0..KEYS).map(|i| i * 7919 % KEYS).collect()
}

fn options() -> Options {
    Options {
        memory: 1 << 20,
        ..Options::default()
    }
}

/// All keys but multiples of seven, in tables; in memory every ninth is removed again.
fn filled(fs: &Arc<SimFs>) -> Db {
    let db = Db::open_in(fs.clone(), Path::new("/db"), options()).unwrap();
    for start in (0..KEYS).step_by(1000) {
        let mut batch = Batch::new();
        for n in (start..start + 1000).filter(|n| n % 7 != 0) {
            batch.put(Family::DATA, &key(n), value(n).as_slice());
        }
        db.write_durable(&batch).unwrap();
    }
    db.compact().unwrap();
    let mut batch = Batch::new();
    for n in (0..KEYS).filter(|n| n % 9 == 0) {
        batch.remove(Family::DATA, &key(n), &[]);
    }
    db.write_durable(&batch).unwrap();
    db
}

#[test]
fn agrees_with_asking_one_by_one() {
    let db = filled(&Arc::new(SimFs::new()));
    let numbers = shuffled();
    let keys: Vec<[u8; 8]> = numbers.iter().map(|n| key(*n)).collect();
    for count in [1, 127, 128, 255, 256, 257, 1000, 1001, KEYS as usize] {
        let asked: Vec<&[u8]> = keys[..count].iter().map(|key| &key[..]).collect();
        let snapshot = db.snapshot();
        let found = snapshot.multi_get(Family::DATA, &asked).unwrap();
        assert_eq!(found.len(), count);
        for (&n, found) in numbers.iter().zip(&found) {
            let there = n % 7 != 0 && n % 9 != 0;
            let expected = there.then(|| value(n));
            assert_eq!(found.as_deref(), expected.as_deref());
        }
    }
}

#[test]
fn a_damaged_block_is_named_whichever_thread_meets_it() {
    let fs = Arc::new(SimFs::new());
    filled(&fs).close().unwrap();
    let dir = Path::new("/db");
    let keys: Vec<[u8; 8]> = shuffled().into_iter().map(key).collect();
    let asked: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    for name in fs.list(dir).unwrap() {
        if !name.ends_with(".sst") {
            continue;
        }
        let damaged = Arc::new(fs.copy());
        damaged.flip_bit(&dir.join(&name), 8 * 100);
        let db = Db::open_in(damaged, dir, options()).unwrap();
        let first = db.snapshot().multi_get(Family::DATA, &asked[..128]);
        let rows = db.stats().rows;
        let loads = rows.iter().find(|(name, _)| *name == "block_cache_loads");
        let loads = loads.unwrap().1;
        assert!(
            first.is_err() || loads >= 64,
            "{loads} loads: the rest would be read on one thread"
        );
        match db.snapshot().multi_get(Family::DATA, &asked) {
            Err(Error::Corrupt { path, .. }) => assert!(path.ends_with(&name)),
            other => panic!("{:?}", other.map(|found| found.len())),
        }
    }
}
