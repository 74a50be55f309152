//! What the store does when the disk fails, fills up or lies, and how it is shared, copied and reopened.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use hyperdb_lsm::fs::{CrashMode, Fault, FaultFs, FaultKind, FileSystem, SimFs, StdFs};
use hyperdb_lsm::{
    Batch, Commit, Db, Direction, Error, Family, KeyRange, Options, ReadMode, Stop, SyncMode,
};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

const DATA: Family = Family::DATA;

fn dir() -> &'static Path {
    Path::new("/db")
}

fn options(sync: SyncMode) -> Options {
    Options {
        sync,
        memory: 8 << 20,
        create: true,
    }
}

fn open(fs: &SimFs, sync: SyncMode) -> Db {
    Db::open_in(Arc::new(fs.clone()), dir(), options(sync)).unwrap()
}

fn put(db: &Db, key: &[u8], value: &[u8]) -> Result<Commit, Error> {
    db.write(Batch::new().put(DATA, key, value))
}

fn get(db: &Db, key: &[u8]) -> Option<Vec<u8>> {
    db.snapshot().get(DATA, key).unwrap()
}

fn peek(db: &Db, key: &[u8]) -> Option<Option<Vec<u8>>> {
    db.peek(DATA, key, |value| value.map(<[u8]>::to_vec))
        .unwrap()
}

#[test]
fn a_peek_sees_what_is_visible_wherever_it_lies() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    for (key, value) in [(b"table", b"1"), (b"layer", b"1")] {
        db.write_durable(Batch::new().put(DATA, key, value))
            .unwrap();
    }
    db.flush().unwrap();
    db.write_durable(Batch::new().put(DATA, b"layer", b"2"))
        .unwrap();
    db.write_durable(
        Batch::new()
            .put(DATA, b"gone", b"3")
            .remove(DATA, b"gone", b""),
    )
    .unwrap();
    assert_eq!(peek(&db, b"layer"), Some(Some(b"2".to_vec())));
    assert_eq!(peek(&db, b"gone"), Some(None));
    assert_eq!(peek(&db, b"never"), Some(None));
    drop(db);
    // Only tables are left, and none of their blocks is in memory.
    let db = open(&fs, SyncMode::Always);
    db.flush().unwrap();
    drop(db);
    let db = open(&fs, SyncMode::Always);
    assert_eq!(
        peek(&db, b"table"),
        None,
        "a peek does not wait for the disk"
    );
    assert_eq!(get(&db, b"table").unwrap(), b"1");
    assert_eq!(peek(&db, b"table"), Some(Some(b"1".to_vec())));
}

#[test]
fn writers_that_sync_for_themselves_share_syncs_and_lose_nothing() {
    const EACH: u64 = 50;
    let fs = SimFs::recording();
    let db = open(&fs, SyncMode::Always);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..EACH {
                    let key = [&[thread][..], &n.to_be_bytes()].concat();
                    let mut batch = Batch::new();
                    batch.put(DATA, &key, b"v");
                    let commit = if n % 3 == 0 {
                        // Left to the log thread, or to whoever leads meanwhile.
                        let commit = db.write(&batch).unwrap();
                        db.wait_durable(commit).unwrap();
                        commit
                    } else {
                        db.write_durable(&batch).unwrap()
                    };
                    assert!(db.durable() >= commit);
                }
            });
        }
    });
    let syncs = db
        .stats()
        .rows
        .iter()
        .find(|(name, _)| *name == "log_syncs")
        .map(|(_, count)| *count);
    assert!(syncs.is_some_and(|syncs| syncs <= 4 * EACH), "{syncs:?}");
    let crashed = fs.crash(fs.changes(), CrashMode::DropUnsynced);
    let db = open(&crashed, SyncMode::Always);
    for thread in 0..4u8 {
        for n in 0..EACH {
            let key = [&[thread][..], &n.to_be_bytes()].concat();
            assert_eq!(get(&db, &key).unwrap(), b"v");
        }
    }
}

#[test]
fn a_failed_sync_poisons_the_store_and_nothing_unsynced_is_seen() {
    let sim = SimFs::new();
    let fs = FaultFs::new(Arc::new(sim.clone()));
    let db = Db::open_in(Arc::new(fs.clone()), dir(), options(SyncMode::Always)).unwrap();
    let woken = Arc::new(AtomicU64::new(0));
    let count = woken.clone();
    db.on_durable(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let first = put(&db, b"a", b"1").unwrap();
    db.wait_durable(first).unwrap();
    fs.fail(Fault {
        at: 1,
        kind: FaultKind::Sync,
        sticky: true,
    });
    let second = put(&db, b"a", b"2").unwrap();
    assert!(matches!(
        db.wait_durable(second),
        Err(Error::Poisoned { .. })
    ));
    // Once for the first commit, once for the failure; the calls come after the waiting are woken.
    while woken.load(Ordering::SeqCst) < 2 {
        std::thread::yield_now();
    }
    fs.heal();
    assert!(matches!(put(&db, b"b", b"3"), Err(Error::Poisoned { .. })));
    assert_eq!(db.durable(), first);
    assert_eq!(get(&db, b"a").unwrap(), b"1");
    assert_eq!(peek(&db, b"a"), Some(Some(b"1".to_vec())));
    let writer = db.writer();
    assert_eq!(peek(&db, b"a"), None, "a peek does not wait for the writer");
    assert_eq!(&*writer.get(DATA, b"a").unwrap().unwrap(), b"1");
    drop(writer);
    assert!(db.close().is_err());
    drop(db);
    // A fresh process finds what was promised, and perhaps what was not.
    let db = open(&sim, SyncMode::Always);
    assert!([b"1", b"2"].iter().any(|v| get(&db, b"a").unwrap() == *v));
    put(&db, b"a", b"4").unwrap();
}

#[test]
fn a_full_disk_refuses_writes_and_recovers() {
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        let fs = SimFs::new();
        let db = open(&fs, sync);
        let mut acknowledged = Vec::new();
        fs.set_room(Some(9 << 20));
        // Bytes that do not compress: else tables would make room as fast as the log fills it.
        let mut seed = 1u64;
        let value: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        })
        .take(100_000)
        .collect();
        let refused = (0..1000u32).find_map(|n| match put(&db, &n.to_be_bytes(), &value) {
            Ok(commit) => {
                db.wait_durable(commit).unwrap();
                acknowledged.push(n);
                None
            }
            Err(error) => Some(error),
        });
        assert!(matches!(refused, Some(Error::NoSpace)), "{refused:?}");
        for n in &acknowledged {
            assert_eq!(get(&db, &n.to_be_bytes()).unwrap(), value);
        }
        assert!(get(&db, &(acknowledged.len() as u32).to_be_bytes()).is_none());
        fs.set_room(None);
        let commit = loop {
            // A flush that failed is tried again after a while; until then memory may be full.
            match put(&db, b"again", b"there is room") {
                Ok(commit) => break commit,
                Err(Error::NoSpace) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        db.wait_durable(commit).unwrap();
        db.close().unwrap();
        drop(db);
        let db = open(&fs, sync);
        for n in &acknowledged {
            assert_eq!(get(&db, &n.to_be_bytes()).unwrap(), value);
        }
        assert_eq!(get(&db, b"again").unwrap(), b"there is room");
    }
}

#[test]
fn every_failing_call_leaves_a_store_that_opens_with_what_it_acknowledged() {
    let kinds = [
        FaultKind::Io,
        FaultKind::NoSpace,
        FaultKind::ShortWrite,
        FaultKind::Sync,
    ];
    for kind in kinds {
        for at in 1..60 {
            let sim = SimFs::new();
            let fs = FaultFs::new(Arc::new(sim.clone()));
            let mut acknowledged = Vec::new();
            fs.fail(Fault {
                at,
                kind,
                sticky: at % 2 == 0,
            });
            if let Ok(db) = Db::open_in(Arc::new(fs.clone()), dir(), options(SyncMode::Always)) {
                for n in 0..12u32 {
                    let written = put(&db, &n.to_be_bytes(), &[n as u8; 50]);
                    if written.and_then(|commit| db.wait_durable(commit)).is_ok() {
                        acknowledged.push(n);
                    }
                    if n % 4 == 3 {
                        // Whether it worked does not matter here, only that nothing is lost.
                        let _ = db.flush();
                    }
                }
            }
            fs.heal();
            let db = open(&sim, SyncMode::Always);
            for n in acknowledged {
                let found = get(&db, &n.to_be_bytes());
                assert_eq!(found, Some(vec![n as u8; 50]), "{kind:?} at {at}, key {n}");
            }
        }
    }
}

/// A store with tables, a log that holds a few commits, and a clean stop.
fn small_store() -> SimFs {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    for n in 0..4u8 {
        put(&db, &[n], &[n; 20]).unwrap();
    }
    db.flush().unwrap();
    for n in 4..8u8 {
        put(&db, &[n], &[n; 20]).unwrap();
    }
    db.close().unwrap();
    fs
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn contents(db: &Db) -> Result<Entries, Error> {
    db.snapshot()
        .iter(DATA, KeyRange::all(), Direction::Forward)
        .collect()
}

#[test]
fn no_bit_of_any_file_can_turn_unseen() {
    let fs = small_store();
    let whole = contents(&open(&fs.copy(), SyncMode::Always)).unwrap();
    assert_eq!(whole.len(), 8);
    let mut harmless = 0;
    for name in fs.list(dir()).unwrap() {
        let path = dir().join(&name);
        let bits = fs.open_read(&path).unwrap().len().unwrap() * 8;
        for bit in 0..bits {
            let copy = fs.copy();
            copy.flip_bit(&path, bit);
            let db = Db::open_in(Arc::new(copy), dir(), options(SyncMode::Always));
            match db.and_then(|db| contents(&db)) {
                Err(Error::Corrupt { path: named, .. }) => {
                    assert_eq!(named, path, "bit {bit} of {name}");
                }
                Err(error) => panic!("bit {bit} of {name}: {error}"),
                Ok(found) => {
                    assert_eq!(found, whole, "bit {bit} of {name}");
                    harmless += 1;
                }
            }
        }
    }
    // Padding and the like; all else must be noticed.
    assert!(harmless < 2000, "{harmless} bits made no difference");
}

#[test]
fn a_hole_before_synced_commits_is_named() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    for n in 0..10u8 {
        db.wait_durable(put(&db, &[n], &[n; 20]).unwrap()).unwrap();
    }
    let killed = fs.copy();
    let log = killed.list(dir()).unwrap();
    let log = log.iter().find(|name| name.ends_with(".wal")).unwrap();
    // In the third of ten records.
    killed.flip_bit(&dir().join(log), (32 + 2 * 48 + 30) * 8);
    match Db::open_in(Arc::new(killed), dir(), options(SyncMode::Always)) {
        Err(Error::Corrupt { path, offset, what }) => {
            assert_eq!(path, dir().join(log));
            assert_eq!(offset, 32 + 2 * 48);
            assert!(what.contains("commit 3"), "{what}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_directory_has_one_owner() {
    let dir = std::env::temp_dir().join(format!("hyperdb-lock-{}", std::process::id()));
    let db = Db::open(&dir, options(SyncMode::Always)).unwrap();
    match Db::open(&dir, options(SyncMode::Always)) {
        Err(Error::Locked { owner, .. }) => assert_eq!(owner, Some(std::process::id())),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened twice"),
    }
    let snapshot = db.snapshot();
    db.close().unwrap();
    assert!(matches!(put(&db, b"a", b"1"), Err(Error::Closed)));
    let again = Db::open(&dir, options(SyncMode::Always)).unwrap();
    assert_eq!(snapshot.get(DATA, b"a").unwrap(), None);
    drop((again, db));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn retained_commits_stay_readable_until_released_and_across_reopening() {
    let fs = SimFs::new();
    let mut db = open(&fs, SyncMode::Always);
    let mut sealed = Vec::new();
    for n in 0..6u8 {
        let commit = put(&db, b"k", &[n]).unwrap();
        db.wait_durable(commit).unwrap();
        if n % 2 == 0 {
            assert_eq!(db.retain().unwrap(), commit);
            sealed.push((commit, n));
        }
        if n == 3 {
            db.compact().unwrap();
            db.close().unwrap();
            db = open(&fs, SyncMode::Always);
        }
    }
    db.compact().unwrap();
    for (commit, n) in &sealed {
        let snapshot = db.snapshot_at(*commit).unwrap();
        assert_eq!(snapshot.get(DATA, b"k").unwrap().unwrap(), [*n]);
    }
    assert!(matches!(
        db.snapshot_at(sealed[0].0 + 1),
        Err(Error::BehindHorizon { .. })
    ));
    db.release(sealed[1].0).unwrap();
    assert!(matches!(
        db.snapshot_at(sealed[0].0),
        Err(Error::BehindHorizon { oldest, .. }) if oldest == sealed[1].0
    ));
    assert!(db.snapshot_at(db.latest() + 1).is_err());
}

#[test]
fn a_checkpoint_taken_while_writing_holds_a_moment() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::EverySec);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = {
        let (db, stop) = (db.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut n = 0u64;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let value = [n.to_be_bytes().to_vec(), vec![1; 500]].concat();
                let mut batch = Batch::new();
                for key in 0..10u8 {
                    batch.put(DATA, &[key], &value);
                }
                // A new key each time makes the memtable grow, so that it is flushed meanwhile.
                batch.put(DATA, &n.to_be_bytes(), &value);
                db.write(&batch).unwrap();
            }
        })
    };
    for round in 0..5 {
        let before = put(&db, b"mark", &[round]).unwrap();
        let dest = format!("/copy{round}");
        let dest = Path::new(&dest);
        let commit = db.checkpoint(dest).unwrap();
        assert!(commit >= before);
        let copy = Db::open_in(Arc::new(fs.clone()), dest, options(SyncMode::Always)).unwrap();
        assert_eq!(copy.latest(), commit);
        assert_eq!(get(&copy, b"mark").unwrap(), [round]);
        let values: Vec<_> = (0..10u8).map(|key| get(&copy, &[key])).collect();
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(copy.check(&mut |_, _| {}).unwrap().is_empty());
        assert!(db.checkpoint(dest).is_err(), "the destination is not empty");
    }
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
}

#[test]
fn a_writer_that_must_not_wait_names_the_block_it_misses() {
    let fs = SimFs::new();
    let db = open(&fs, SyncMode::Always);
    for n in 0..2000u32 {
        put(&db, &n.to_be_bytes(), &[9; 100]).unwrap();
    }
    db.flush().unwrap();
    db.close().unwrap();
    drop(db);
    let db = open(&fs, SyncMode::Always);
    let mut misses = 0;
    loop {
        let mut writer = db.writer();
        writer.set_read_mode(ReadMode::CachedOnly);
        match writer.get(DATA, &1234u32.to_be_bytes()) {
            Ok(value) => {
                assert_eq!(&*value.unwrap(), &[9; 100]);
                break;
            }
            Err(Stop::Miss(miss)) => {
                misses += 1;
                drop(writer);
                db.load(&miss).unwrap();
            }
            Err(Stop::Failed(error)) => panic!("{error}"),
        }
    }
    assert!(misses > 0, "nothing was in the cache after opening");
    // The row is warm now and costs no block.
    let writer = db.writer();
    assert!(writer.get(DATA, &1234u32.to_be_bytes()).is_ok());
}

#[test]
fn readers_and_a_writer_side_by_side_see_whole_commits() {
    for sync in [SyncMode::Always, SyncMode::EverySec] {
        let fs = SimFs::new();
        let db = open(&fs, sync);
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (db, stop) = (db.clone(), stop.clone());
                std::thread::spawn(move || {
                    let mut last = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let snapshot = db.snapshot();
                        assert!(snapshot.commit() >= last, "time went back");
                        last = snapshot.commit();
                        let values: Vec<_> = snapshot
                            .iter(DATA, KeyRange::all(), Direction::Forward)
                            .map(|entry| entry.unwrap().1)
                            .collect();
                        assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
                        assert!(values.is_empty() || values.len() == 100);
                    }
                })
            })
            .collect();
        for n in 0..400u64 {
            let mut batch = Batch::new();
            for key in 0..100u8 {
                batch.put(
                    DATA,
                    &[key],
                    &[n.to_be_bytes().to_vec(), vec![0; 60]].concat(),
                );
            }
            db.write(&batch).unwrap();
            if n % 100 == 50 {
                db.flush().unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    }
}

#[test]
fn opening_what_is_not_there_needs_leave() {
    let options = Options {
        create: false,
        ..options(SyncMode::Always)
    };
    let dir = std::env::temp_dir().join(format!("hyperdb-none-{}", std::process::id()));
    assert!(Db::open_in(Arc::new(StdFs), &dir, options).is_err());
    assert!(!dir.exists());
}
